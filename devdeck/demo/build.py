"""Builds the demo deck: three repositories, seven sessions, each in a state worth looking at, and one in the trash."""

from __future__ import annotations

import contextlib
import threading
import time
import venv
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from importlib import metadata, resources
from pathlib import Path

from devdeck.deck import Deck
from devdeck.demo import past, texts
from devdeck.demo.past import edited
from devdeck.git.process import git
from devdeck.model import Session

LABELS = ("checkout-flow", "fix-rounding", "pr-7", "load-soak", "cache-layer", "merge-physics", "rainy-day-sale")
"""The sessions: passing, failing, somebody's pull request, streaming, dirty and ahead, conflicted, a workspace."""
REMOVED = "wind-idea"
"""The session in the trash, with a commit and files that exist nowhere else."""
REPOSITORIES = {
    "checkout-flow": "storefront",
    "fix-rounding": "storefront",
    "load-soak": "weather-api",
    "cache-layer": "weather-api",
    "merge-physics": "tilegame",
    REMOVED: "tilegame",
}
"""Where each session that is started is; the others are a checkout, and a workspace over the first two of these."""

PROMPT = 2.0
"""Longest wait for a shell, in seconds."""
# devdeck's own git calls reach no other repository unless that is said.
_REACHING = {"GIT_ALLOW_PROTOCOL": "file"}


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
    with ThreadPoolExecutor(4, "devdeck-demo") as pool:
        list(pool.map(builder.repository, past.HISTORY))
        # What takes longest begins first; what is removed again is there only for a moment.
        found = {session.label: session for session in pool.map(builder.start, (*reversed(LABELS), REMOVED))}
        # The last of all changes that can be taken back, so that undo takes back this one.
        builder.remove(found.pop(REMOVED))
        list(pool.map(builder.work_in, found.values()))
    return tuple(found[label] for label in LABELS)


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
        self._source = folder / "home" / "src"
        self._stop = stop

    # Repositories and sessions

    def repository(self, name: str) -> None:
        """A repository with a past, and a bare one as its `origin`, which has what others offer besides."""
        with resources.as_file(resources.files("devdeck.demo") / "files" / name) as folder:
            files = {
                # Named like this in the package, where it would be a rule of devdeck's own repository.
                ".gitignore" if path.name == "gitignore" else path.relative_to(folder).as_posix(): path.read_text()
                for path in folder.rglob("*")
                if path.is_file() and "__pycache__" not in path.parts
            }
        origin = self._folder / "origin" / f"{name}.git"
        origin.mkdir(parents=True)
        self._source.mkdir(exist_ok=True)
        self._git(origin, "init", "--quiet", "--bare", "--initial-branch=main")
        stream = past.stream(past.HISTORY[name], files, time.time())
        self._git(origin, "fast-import", "--quiet", input=stream)
        self._git(self._source, "clone", "--quiet", str(origin), name, environment=_REACHING)
        if ".devdeck.toml" in files:
            (self._source / name / ".env").write_text(texts.ENVIRONMENT)
            self._deck.setups.trust(str(self._source / name))

    def start(self, label: str) -> Session:
        """A session, as it is before anything is done in it."""
        self._wanted()
        if label == "rainy-day-sale":
            return self._deck.workspaces.start(label, str(self._source), ("storefront", "weather-api"), offline=True)
        if label == "pr-7":
            return self._deck.starting.checkout("pr/7", str(self._source / "storefront"))
        return self._deck.starting.start(label, str(self._source / REPOSITORIES[label]), offline=True)

    def remove(self, session: Session) -> None:
        """Put a session into the trash, with work in it that is nowhere else."""
        place = Path(session.worktree)
        (place / "tilegame" / "wind.py").write_text(texts.WIND)
        self._commit(place, "wind: a first idea")
        (place / "ideas.md").write_text(texts.WIND_IDEAS)
        self._wanted()
        self._deck.removing.remove(session, force=True)

    # Work

    def work_in(self, session: Session) -> None:
        """Do in a session what it is there for."""
        works = {
            "checkout-flow": self._passing,
            "fix-rounding": self._failing,
            "pr-7": self._foreign,
            "load-soak": self._streaming,
            "cache-layer": self._dirty,
            "merge-physics": self._conflicted,
            "rainy-day-sale": self._in_both,
        }
        for place in session.places:
            self._wanted()
            make_environment(Path(place.worktree))
        works[session.label](session, Path(session.worktree))

    def _passing(self, session: Session, place: Path) -> None:
        _edit(place / "storefront" / "cart.py", "    def total(", texts.ARTICLES + "    def total(")
        self._commit(place, "cart: count articles for the checkout button")
        self._test(session)

    def _failing(self, session: Session, place: Path) -> None:
        pricing = place / "storefront" / "pricing.py"
        _edit(pricing, "exact = Decimal(cents) * (100 - percent) / 100", "exact = cents * (100 - percent) / 100")
        _edit(pricing, "return int(exact.quantize(Decimal(1), ROUND_HALF_UP))", "return round(exact)")
        self._commit(place, "pricing: plain floats are fast enough")
        _edit(pricing, "(1 + rate)", "(1.0 + rate)")
        self._test(session)

    def _foreign(self, session: Session, place: Path) -> None:
        """Nothing runs in it: whoever sees it decides about that."""

    def _streaming(self, session: Session, place: Path) -> None:
        self._wanted()
        self._deck.work.run(session, (".venv/bin/python", "-m", "weather.soak"), title="soak")

    def _dirty(self, session: Session, place: Path) -> None:
        self._push(place, "cache-layer")
        (place / "weather" / "cache.py").write_text(texts.CACHE)
        self._commit(place, "cache: keep readings for a minute")
        _edit(place / "weather" / "cache.py", "MAX_AGE = 60.0", "MAX_AGE = 300.0")
        self._commit(place, "cache: five minutes are fine for temperatures")
        stations = place / "weather" / "stations.py"
        _edit(stations, "-90.0 <= celsius <= 60.0", "LOWEST <= celsius <= HIGHEST")
        self._git(place, "add", "--all")
        _edit(stations, "def plausible", "LOWEST, HIGHEST = -90.0, 60.0\n\n\ndef plausible")
        (place / "notes.md").write_text(texts.NOTES)
        self._type(session, "git log --oneline --no-decorate; git status --short --branch")

    def _conflicted(self, session: Session, place: Path) -> None:
        root = Path(session.repository_path)
        self._git(place, "branch", "--quiet", "--set-upstream-to=origin/main")
        _edit(place / "tilegame" / "physics.py", "BOUNCE = 0.6", "BOUNCE = 0.85")
        self._commit(place, "physics: livelier boxes")
        _edit(root / "tilegame" / "physics.py", "BOUNCE = 0.6", "BOUNCE = 0.45")
        self._commit(root, "physics: heavy boxes bounce less")
        self._push(root, "main")
        self._git(place, "merge", "--quiet", "main", check=False)

    def _in_both(self, session: Session, _: Path) -> None:
        shop, weather = session.member_sessions()
        place = Path(shop.worktree)
        _edit(place / "storefront" / "cart.py", "    def total(", texts.UMBRELLAS + "    def total(")
        self._commit(place, "cart: umbrellas cost less while it rains")
        place = Path(weather.worktree)
        for path, text in (("weather/stations.py", texts.RAINING), ("tests/test_stations.py", texts.RAINING_TEST)):
            with (place / path).open("a") as stream:
                stream.write(text)
        _edit(place / "tests" / "test_stations.py", "import average, plausible", "import average, plausible, raining")
        self._test(weather)

    # Steps

    def _wanted(self) -> None:
        if self._stop.is_set():
            raise CancelledError

    def _git(
        self,
        place: Path,
        *arguments: str,
        check: bool = True,
        environment: Mapping[str, str] | None = None,
        input: bytes | None = None,
    ) -> None:
        self._wanted()
        git(place, *arguments, check=check, env=environment, input=input)

    def _commit(self, place: Path, message: str) -> None:
        self._git(place, "add", "--all")
        self._git(place, "commit", "--quiet", "--message", message)

    def _push(self, place: Path, branch: str) -> None:
        self._git(place, "push", "--quiet", "--set-upstream", "origin", branch, environment=_REACHING)

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


def make_environment(worktree: Path) -> None:
    """A `.venv` as a developer would have it: its own interpreter, with pytest in it."""
    target = worktree / ".venv"
    venv.EnvBuilder(symlinks=True, with_pip=False).create(target)
    packages = next((target / "lib").glob("python3.*/site-packages"))
    names = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
    here = {str(metadata.distribution(name).locate_file("")) for name in names}
    (packages / "demo.pth").write_text("\n".join(sorted(here)) + "\n")


def _edit(path: Path, old: str, new: str) -> None:
    path.write_text(edited(path.read_text(), old, new))
