"""The surroundings of what is measured: a throw-away deck of real repositories, worktrees and tmux sessions."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backends.tmux.server import TmuxServer
from devdeck.deck import Deck
from devdeck.model import Session
from devdeck.paths import Paths
from devdeck.store import Store

PER_REPOSITORY = 10
"""Sessions in each repository."""
FILES = 500
"""Files in each repository, and so in each worktree."""
ROOT = Path(__file__).resolve().parent.parent


class World:
    """A folder with a home, a deck in it and a private tmux server.

    Attributes:
        folder: Holds everything.
        environment: For the programs that are measured.
        sessions: Of the deck, in the order of their labels `work-000`, `work-001`, …
        repositories: Main worktrees.
        spare: A repository that no session of the deck is in.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        # Socket paths are short (108 bytes), and so is this folder's.
        self.socket = folder / "tmux.socket"
        self.environment = _environment(self.home, self.socket)
        (self.home / ".gitconfig").write_text("[user]\n\tname = Bench\n\temail = bench@localhost\n[gc]\n\tauto = 0\n")
        (self.home / ".tmux.conf").write_text("set -g default-command 'exec /bin/sh'\n")
        base = self.home / ".local"
        self.paths = Paths(
            data=base / "share" / "devdeck", config=self.home / ".config" / "devdeck", state=base / "state" / "devdeck"
        )
        self.sessions: tuple[Session, ...] = ()
        self.repositories: tuple[Path, ...] = ()
        self.spare = folder / "src" / "spare"

    def build(self, sessions: int) -> None:
        """Make the repositories and the sessions; every worktree has one changed and one untracked file."""
        names = [f"project-{number}" for number in range(-(-sessions // PER_REPOSITORY))]
        with ThreadPoolExecutor(2) as pool:
            self.repositories = tuple(pool.map(self._repository, names))
            self._repository(self.spare.name)
            self.paths.ensure()
            deck = Deck(self.paths, Store(self.paths.database), self.tmux())
            try:
                self.sessions = self._fill(deck, sessions, pool)
            finally:
                deck.close()

    def tmux(self) -> TmuxServer:
        """The private tmux server."""
        return TmuxServer(str(self.socket), timeout=30.0, config=str(self.home / ".tmux.conf"))

    def _fill(self, deck: Deck, count: int, pool: ThreadPoolExecutor) -> tuple[Session, ...]:
        def fill(lane: int) -> list[Session]:
            made = []
            for number in range(lane * PER_REPOSITORY, min(count, (lane + 1) * PER_REPOSITORY)):
                session = deck.starting.start(f"work-{number:03}", str(self.repositories[lane]))
                place = Path(session.worktree)
                (place / "part-0" / "module_000.txt").write_text("changed\n")
                (place / "notes.txt").write_text("untracked\n")
                made.append(session)
            return made

        return tuple(session for lane in pool.map(fill, range(len(self.repositories))) for session in lane)

    def _repository(self, name: str) -> Path:
        root = self.folder / "src" / name
        for number in range(FILES):
            part = root / f"part-{number % 20}"
            if number < 20:
                part.mkdir(parents=True)
            (part / f"module_{number:03}.txt").write_text(f"{name} {number}\n" * 20)
        for argv in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "First version")):
            self.run(["git", *argv], cwd=root)
        return root

    def run(self, argv: list[str], *, cwd: Path | None = None) -> bytes:
        """Run a program in these surroundings and give back what it printed.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        done = subprocess.run(
            argv, env=self.environment, cwd=cwd or self.home, check=True, capture_output=True, timeout=60
        )
        return done.stdout

    def close(self) -> None:
        """End the tmux server with everything in it, and remove the folder."""
        server = self.tmux()
        if self.socket.exists():
            subprocess.run(server.argv("kill-server"), capture_output=True, timeout=30, check=False)
        shutil.rmtree(self.folder)


@contextlib.contextmanager
def world(sessions: int) -> Iterator[World]:
    """A `World` with so many sessions, gone afterwards whatever happens."""
    made = World(Path(tempfile.mkdtemp(prefix="devdeck-bench-")))
    before = dict(os.environ)
    try:
        # Building uses devdeck's own code in this process: it must see the same surroundings.
        os.environ.clear()
        os.environ.update(made.environment)
        try:
            made.build(sessions)
        finally:
            os.environ.clear()
            os.environ.update(before)
        yield made
    finally:
        made.close()


def program() -> list[str]:
    """How devdeck is started: its installed script, else its package."""
    script = Path(sys.executable).with_name("devdeck")
    return [str(script)] if script.exists() else [sys.executable, "-m", "devdeck"]


def floor(kind: str, *arguments: str) -> list[str]:
    """How a floor program is started (see `bench.floor`)."""
    return [sys.executable, str(ROOT / "bench" / "floor.py"), kind, *arguments]


def _environment(home: Path, socket: Path) -> dict[str, str]:
    passed = {name: os.environ[name] for name in ("PATH", "TMPDIR", "USER", "LOGNAME") if name in os.environ}
    return {
        **passed,
        "HOME": str(home),
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "DEVDECK_TMUX_SOCKET": str(socket),
    }
