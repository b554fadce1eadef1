"""The whole program in a real terminal: a tmux server of its own plays the terminal, another one is the deck's."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from backends.tmux.server import TmuxServer
from tests.git_support import Files, make_repository
from tests.support import until
from tests.tmux_support import kill_server, private_tmux, tmux

DEVDECK = (sys.executable, "-m", "devdeck")
OUTER = """\
set -g status off
set -g escape-time 0
set -g remain-on-exit on
set -g default-terminal tmux-256color
set -g allow-rename on
set -g automatic-rename off
set -g set-titles off
"""
PATIENCE = 90.0
"""Seconds that anything may take on a machine that does ten other things: three programs start one after another."""


class Terminal:
    """A terminal window with a program in it."""

    def __init__(self, server: TmuxServer, session: str, columns: int, rows: int, *command: str) -> None:
        self.server = server
        self.pane = tmux(
            server, "new-session", "-d", "-P", "-F", "#{pane_id}", "-s", session,
            "-c", os.environ["HOME"], "-x", str(columns), "-y", str(rows), "--", *command,
        ).strip()  # fmt: skip
        self._escaped = False

    def keys(self, *keys: str) -> None:
        """Press keys, as tmux calls them (`Enter`, `C-p`), one after another.

        After Escape something must be waited for: with a key that follows too soon it would become one key with Alt.
        """
        self._press()
        assert "Escape" not in keys[:-1]
        self._escaped = keys[-1] == "Escape"
        tmux(self.server, "send-keys", "-t", self.pane, *keys)

    def type(self, text: str) -> None:
        """Type text."""
        self._press()
        tmux(self.server, "send-keys", "-l", "-t", self.pane, "--", text)

    def _press(self) -> None:
        assert not self._escaped, "nothing was waited for after Escape"

    def screen(self, *, colours: bool = False) -> str:
        """What the terminal shows."""
        return tmux(self.server, "capture-pane", "-p", *(["-e"] if colours else []), "-t", self.pane)

    def _state(self) -> tuple[bool, str]:
        """Whether the program has ended, and what the terminal shows: in one go, since toasts do not wait."""
        one = self.server.argv("display-message", "-p", "-t", self.pane, "#{pane_dead}")
        both = [*one, ";", "capture-pane", "-p", "-t", self.pane]
        done = subprocess.run(both, capture_output=True, timeout=PATIENCE, check=True, env=self.server.environment())
        dead, _, screen = done.stdout.decode(errors="surrogateescape").partition("\n")
        return dead == "1", screen

    def ask(self, form: str) -> str:
        """A tmux format of the pane."""
        return tmux(self.server, "display-message", "-p", "-t", self.pane, form).removesuffix("\n")

    def waits(self, what: str, condition: Callable[[str], object], timeout: float = PATIENCE) -> str:
        """Wait until the screen fulfils a condition; returns the screen. Fails with the screen in the message.

        Toasts go after five seconds: wait for one before, and not together with, what may come late.
        """
        last = ""

        def look() -> bool:
            nonlocal last
            dead, last = self._state()
            found = bool(condition(last))
            if dead and not found:
                raise AssertionError(f"the program ended before the terminal showed {what}:\n{last}")
            return found

        try:
            until(look, timeout, every=0.05)
        except AssertionError as error:
            if str(error).startswith("not within"):
                raise AssertionError(f"the terminal does not show {what} within {timeout} s:\n{last}") from None
            raise
        self._escaped = False
        return last

    def shows(self, *texts: str, timeout: float = PATIENCE) -> str:
        """Wait until all texts are on the screen."""
        return self.waits(" and ".join(map(repr, texts)), lambda screen: all(it in screen for it in texts), timeout)

    def hides(self, *texts: str, timeout: float = PATIENCE) -> str:
        """Wait until none of the texts is on the screen."""
        return self.waits(f"no {texts}", lambda screen: not any(it in screen for it in texts), timeout)

    def line(self, text: str) -> str:
        """The first line of the screen with a text in it, titles of panes left out."""

        def found(screen: str) -> list[str]:
            return [line for line in screen.splitlines() if text in line and not line.startswith("╭")]

        return found(self.waits(f"a line with {text!r}", found))[0]

    def selects(self, label: str) -> None:
        """Wait until the session, or the test, of that label is the selected row."""
        row = re.compile(rf"▌[^\w▌│\n]*{re.escape(label)}(?![\w-])")
        self.waits(f"{label} selected", row.search)

    def asks(self, placeholder: str) -> None:
        """Wait until an input with that placeholder is on the screen and has the cursor on it."""
        self.waits(
            f"a cursor on {placeholder!r}",
            lambda screen: placeholder in screen and placeholder not in self.screen(colours=True),
        )

    def attaches(self) -> None:
        """Wait until tmux has the terminal: its status line is the last row."""
        self.waits("the status line of tmux", lambda screen: screen.splitlines()[-1].startswith("["))

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size."""
        tmux(self.server, "resize-window", "-t", self.pane, "-x", str(columns), "-y", str(rows))

    def devdeck(self) -> psutil.Process:
        """The devdeck that runs in it."""
        own = psutil.Process(int(self.ask("#{pane_pid}")))

        def look() -> list[psutil.Process]:
            with contextlib.suppress(psutil.Error):
                return [it for it in (own, *own.children(recursive=True)) if it.cmdline()[1:3] == ["-m", "devdeck"]]
            return []

        return until(look, PATIENCE)[0]

    def ended(self, status: int = 0) -> str:
        """Wait until the program has ended with that status; returns the last screen."""
        server = int(self.ask("#{pid}"))

        def look() -> str:
            if self.ask("#{pane_dead}") == "1":
                os.kill(server, signal.SIGCHLD)  # tmux 3.3 may see the terminal close and miss the end of its process
            return self.ask("#{pane_dead_status}#{pane_dead_signal}")

        try:
            until(look, PATIENCE, every=0.05)
        except AssertionError:
            raise AssertionError(f"the program does not end:\n{self.screen()}") from None
        told = self.ask("status #{pane_dead_status} signal #{pane_dead_signal}")
        assert told == f"status {status} signal ", f"{told}:\n{self.screen()}"
        return self.screen()

    def close(self) -> None:
        """Close the terminal, whatever runs in it."""
        tmux(self.server, "kill-session", "-t", self.pane, check=False)


class World:
    """A user with a home, repositories and a deck, and terminals to work in."""

    def __init__(self, folder: Path, outer: TmuxServer, inner: TmuxServer) -> None:
        self.folder = folder
        self.outer = outer
        self.inner = inner
        self._count = 0

    def repository(self, name: str, files: Files) -> Path:
        """Make a repository."""
        return make_repository(
            self.folder / "src" / name, files={".gitignore": "__pycache__/\n.pytest_cache/\n", **files}
        )

    def cli(self, *arguments: str, cwd: Path | None = None, status: int = 0) -> str:
        """Run a verb; returns what it printed."""
        return self._run(arguments, cwd, status).stdout

    def complains(self, *arguments: str, cwd: Path | None = None, status: int = 1) -> str:
        """Run a verb that fails with that status; returns what it printed on standard error."""
        return self._run(arguments, cwd, status).stderr

    def _run(self, arguments: tuple[str, ...], cwd: Path | None, status: int) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*DEVDECK, *arguments],
            cwd=cwd or self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def begin(self, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Begin to run a verb beside others; its output is one stream."""
        return subprocess.Popen(
            [*DEVDECK, *arguments],
            cwd=cwd or self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def json(self, *arguments: str) -> Any:
        """Run a verb with `--json`."""
        return json.loads(self.cli(*arguments, "--json"))

    def session(self, label: str) -> Any:
        """What `ls` says of a session."""
        return next(entry for entry in self.json("ls")["sessions"] if entry["label"] == label)

    def visited(self) -> list[str]:
        """Ids of the deck's tmux sessions that somebody looks at, once for each client."""
        clients = tmux(self.inner, "list-clients", "-F", "#{client_control_mode} #{session_id}", check=False)
        return [line.split()[1] for line in clients.splitlines() if line.startswith("0")]

    def terminal(self, *command: str, columns: int = 120, rows: int = 40, server: TmuxServer | None = None) -> Terminal:
        """Open a terminal with a program in it."""
        self._count += 1
        return Terminal(server or self.outer, f"terminal-{self._count}", columns, rows, *command)

    def dashboard(self, *arguments: str, columns: int = 120, rows: int = 40) -> Terminal:
        """Open the dashboard in a terminal of its own and wait for its first paint."""
        terminal = self.terminal(*DEVDECK, *arguments, columns=columns, rows=rows)
        terminal.shows("Sessions")
        return terminal


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """A world over two private tmux servers, both ended afterwards. The environment is the caller's to isolate."""
    with private_tmux(folder, OUTER) as outer:
        socket = outer.socket_path.with_name("deck")
        os.environ["DEVDECK_TMUX_SOCKET"] = str(socket)
        inner = TmuxServer(str(socket), timeout=PATIENCE)
        try:
            yield World(folder, outer, inner)
        finally:
            kill_server(inner)
            kill_server(outer)
            for process in running_below(folder):
                with contextlib.suppress(psutil.Error):
                    process.kill()


def running_below(folder: Path) -> list[psutil.Process]:
    """Processes that work in a folder: jobs outlive tmux and dashboard."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
