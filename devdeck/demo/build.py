"""Builds the demo deck: three repositories and five sessions, each in a state worth looking at."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
import venv
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from importlib import metadata, resources
from pathlib import Path

from devdeck.deck import Deck
from devdeck.git.process import git
from devdeck.model import Session

LABELS = ("checkout-flow", "fix-rounding", "load-soak", "cache-layer", "merge-physics")
"""The sessions: passing, failing, streaming, dirty and ahead, conflicted."""

PROMPT = 2.0
"""Longest wait for a shell, in seconds."""


def build(deck: Deck, folder: Path, stop: threading.Event | None = None) -> tuple[Session, ...]:
    """Make the repositories under `folder` and the sessions on `deck`, and start what runs in them.

    Args:
        deck: An empty deck.
        folder: Where the repositories are made.
        stop: Set by another thread to give up.

    Returns:
        The sessions, in the order of `LABELS`.

    Raises:
        CancelledError: `stop` was set.
        DeckError: Something could not be made.
    """
    builder = _Builder(deck, folder, stop or threading.Event())
    with ThreadPoolExecutor(3, "devdeck-demo") as pool:
        parts = [pool.submit(part) for part in (builder.storefront, builder.weather, builder.tilegame)]
        return tuple(session for part in parts for session in part.result())


@contextlib.contextmanager
def building(folder: Path) -> Iterator[Future[tuple[Session, ...]]]:
    """`build` on the demo's deck in a thread while the block runs; leaving gives it up and waits for its end.

    The thread has a store of its own: a dashboard is told of changes that others make, not of those by its own.
    """
    stop = threading.Event()

    def work() -> tuple[Session, ...]:
        with contextlib.closing(Deck.open()) as deck:
            return build(deck, folder, stop)

    with ThreadPoolExecutor(1, "devdeck-demo-build") as pool:
        try:
            yield pool.submit(work)
        finally:
            stop.set()


class _Builder:
    """Every step looks first whether it is still wanted."""

    def __init__(self, deck: Deck, folder: Path, stop: threading.Event) -> None:
        self._deck = deck
        self._folder = folder
        self._stop = stop

    # Repositories

    def storefront(self) -> list[Session]:
        """A session whose tests pass, and one in which somebody broke the prices."""
        root = self._repository("storefront")

        passing, place = self._session("checkout-flow", root)
        _edit(place / "storefront" / "cart.py", "    def total(", _COUNT + "    def total(")
        self._commit(place, "cart: count articles for the checkout button")
        self._test(passing)

        failing, place = self._session("fix-rounding", root)
        pricing = place / "storefront" / "pricing.py"
        _edit(pricing, "exact = Decimal(cents) * (100 - percent) / 100", "exact = cents * (100 - percent) / 100")
        _edit(pricing, "return int(exact.quantize(Decimal(1), ROUND_HALF_UP))", "return round(exact)")
        self._commit(place, "pricing: plain floats are fast enough")
        _edit(pricing, "(1 + rate)", "(1.0 + rate)")
        self._test(failing)
        return [passing, failing]

    def weather(self) -> list[Session]:
        """A session with a long run, and one with commits and changes that nobody else has."""
        root = self._repository("weather-api")

        streaming, _ = self._session("load-soak", root)
        self._run(streaming, ".venv/bin/python", "-m", "weather.soak")

        dirty, place = self._session("cache-layer", root)
        self._push(place, "cache-layer")
        (place / "weather" / "cache.py").write_text(_CACHE)
        self._commit(place, "cache: keep readings for a minute")
        _edit(place / "weather" / "cache.py", "MAX_AGE = 60.0", "MAX_AGE = 300.0")
        self._commit(place, "cache: five minutes are fine for temperatures")
        stations = place / "weather" / "stations.py"
        _edit(stations, "-90.0 <= celsius <= 60.0", "LOWEST <= celsius <= HIGHEST")
        self._git(place, "add", "--all")
        _edit(stations, "def plausible", "LOWEST, HIGHEST = -90.0, 60.0\n\n\ndef plausible")
        (place / "notes.md").write_text(_NOTES)
        self._type(dirty, "git log --oneline --no-decorate; git status --short --branch")
        return [streaming, dirty]

    def tilegame(self) -> list[Session]:
        """A session in the middle of a merge that git can't do alone."""
        root = self._repository("tilegame")
        conflicted, place = self._session("merge-physics", root)
        self._git(place, "branch", "--quiet", "--set-upstream-to=origin/main")
        _edit(place / "tilegame" / "physics.py", "BOUNCE = 0.6", "BOUNCE = 0.85")
        self._commit(place, "physics: livelier boxes")
        _edit(root / "tilegame" / "physics.py", "BOUNCE = 0.6", "BOUNCE = 0.45")
        self._commit(root, "physics: heavy boxes bounce less")
        self._push(root, "main")
        self._git(place, "merge", "--quiet", "main", check=False)
        return [conflicted]

    # Steps

    def _wanted(self) -> None:
        if self._stop.is_set():
            raise CancelledError

    def _git(
        self, place: Path, *arguments: str, check: bool = True, environment: Mapping[str, str] | None = None
    ) -> None:
        self._wanted()
        git(place, *arguments, check=check, env=environment)

    def _repository(self, name: str) -> Path:
        """A repository with the demo's own files on `main`, and a bare one beside it as its `origin`."""
        root = self._folder / "home" / "src" / name
        with resources.as_file(resources.files("devdeck.demo") / "files" / name) as files:
            shutil.copytree(files, root, ignore=shutil.ignore_patterns("__pycache__"))
        # Named like this in the package, where it would be a rule of devdeck's own repository.
        (root / "gitignore").rename(root / ".gitignore")
        origin = self._folder / "origin" / f"{name}.git"
        origin.mkdir(parents=True)
        self._git(origin, "init", "--quiet", "--bare", "--initial-branch=main")
        self._git(root, "init", "--quiet", "--initial-branch=main")
        self._commit(root, f"{name}: first version")
        self._git(root, "remote", "add", "origin", str(origin))
        self._push(root, "main")
        return root

    def _session(self, label: str, root: Path) -> tuple[Session, Path]:
        self._wanted()
        session = self._deck.starting.start(label, str(root))
        place = Path(session.worktree)
        make_environment(place)
        return session, place

    def _commit(self, place: Path, message: str) -> None:
        self._git(place, "add", "--all")
        self._git(place, "commit", "--quiet", "--message", message)

    def _push(self, place: Path, branch: str) -> None:
        # devdeck's own git calls reach no other repository unless that is said.
        self._git(
            place, "push", "--quiet", "--set-upstream", "origin", branch, environment={"GIT_ALLOW_PROTOCOL": "file"}
        )

    def _test(self, session: Session) -> None:
        self._wanted()
        self._deck.work.test(session)

    def _type(self, session: Session, text: str) -> None:
        """Type a command into the session's shell, once that is ready to be typed to."""
        deadline = time.monotonic() + PROMPT
        while time.monotonic() < deadline:
            self._wanted()
            terminal = self._deck.terminals.of(session)
            if terminal is None or any(self._deck.terminals.tmux.capture(terminal.panes[0].id)):
                break
            time.sleep(0.02)
        self._deck.terminals.send(session, text)

    def _run(self, session: Session, *argv: str) -> None:
        self._wanted()
        self._deck.work.run(session, argv, title="soak")


def make_environment(worktree: Path) -> None:
    """A `.venv` as a developer would have it: its own interpreter, with pytest in it."""
    target = worktree / ".venv"
    venv.EnvBuilder(symlinks=True, with_pip=False).create(target)
    packages = next((target / "lib").glob("python3.*/site-packages"))
    names = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
    here = {str(metadata.distribution(name).locate_file("")) for name in names}
    (packages / "demo.pth").write_text("\n".join(sorted(here)) + "\n")


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{path.name} does not hold once what the demo wants to change: {old}")
    path.write_text(text.replace(old, new))


_COUNT = '''    def articles(self) -> int:
        """How many articles are in the cart."""
        return sum(count for _, _, count in self.lines)

'''

_CACHE = '''"""Readings that were asked for a moment ago."""

import time

MAX_AGE = 60.0


class Cache:
    """Values by station, forgotten after MAX_AGE seconds."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[float, float]] = {}

    def get(self, station: str) -> float | None:
        """The last value, unless it is too old."""
        at, value = self._values.get(station, (0.0, 0.0))
        return value if time.monotonic() - at < MAX_AGE else None
'''

_NOTES = """\
- measure the hit rate before and after
- ask for the upstream's cache headers
"""
