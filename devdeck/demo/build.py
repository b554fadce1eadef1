"""Builds the demo deck: three repositories and five sessions, each in a state worth looking at."""

from __future__ import annotations

import shutil
import venv
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata, resources
from pathlib import Path

from devdeck.deck import Deck
from devdeck.git.process import git
from devdeck.model import Session


def build(deck: Deck, folder: Path) -> tuple[Session, ...]:
    """Make the repositories under `folder` and the sessions on `deck`, and start what runs in them.

    Returns:
        The sessions: passing, failing, streaming, dirty and ahead, conflicted.
    """
    with ThreadPoolExecutor(3) as pool:
        shops = pool.submit(_storefront, deck, folder)
        weather = pool.submit(_weather, deck, folder)
        games = pool.submit(_tilegame, deck, folder)
        return (*shops.result(), *weather.result(), *games.result())


def make_repository(folder: Path, name: str) -> Path:
    """A repository with the demo's own files on `main`, and a bare one beside it as its `origin`."""
    root = folder / "src" / name
    with resources.as_file(resources.files("devdeck.demo") / "files" / name) as files:
        shutil.copytree(files, root, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "gitignore").rename(root / ".gitignore")
    origin = folder / "origin" / f"{name}.git"
    origin.mkdir(parents=True)
    git(origin, "init", "--quiet", "--bare", "--initial-branch=main")
    git(root, "init", "--quiet", "--initial-branch=main")
    _commit(root, f"{name}: first version")
    git(root, "remote", "add", "origin", str(origin))
    _push(root, "main")
    return root


def make_environment(worktree: Path) -> None:
    """A `.venv` as a developer would have it: its own interpreter, with pytest in it."""
    target = worktree / ".venv"
    venv.EnvBuilder(symlinks=True, with_pip=False).create(target)
    packages = next((target / "lib").glob("python3.*/site-packages"))
    here = {str(metadata.distribution(name).locate_file("")) for name in ("pytest", "pluggy", "iniconfig", "packaging")}
    (packages / "demo.pth").write_text("\n".join(sorted(here)) + "\n")


def _commit(root: Path, message: str) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", message)


def _push(root: Path, branch: str) -> None:
    # devdeck's own git calls reach no other repository unless that is said.
    git(root, "push", "--quiet", "--set-upstream", "origin", branch, env={"GIT_ALLOW_PROTOCOL": "file"})


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if old not in text:
        raise ValueError(f"{path.name} does not hold what the demo wants to change")
    path.write_text(text.replace(old, new))


def _storefront(deck: Deck, folder: Path) -> list[Session]:
    root = make_repository(folder, "storefront")

    passing = deck.sessions.start("checkout-flow", str(root))
    place = Path(passing.worktree)
    make_environment(place)
    _edit(place / "storefront" / "cart.py", "    def total(", _COUNT + "    def total(")
    _commit(place, "cart: count articles for the checkout button")
    deck.work.test(passing)

    failing = deck.sessions.start("fix-rounding", str(root))
    place = Path(failing.worktree)
    make_environment(place)
    pricing = place / "storefront" / "pricing.py"
    _edit(
        pricing, "    exact = Decimal(cents) * (100 - percent) / 100\n", "    exact = cents * (100 - percent) / 100\n"
    )
    _edit(
        pricing,
        "    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))\n\n\ndef",
        "    return round(exact)\n\n\ndef",
    )
    _commit(place, "pricing: plain floats are fast enough")
    _edit(pricing, "(1 + rate)", "(1.0 + rate)")
    deck.work.test(failing)
    return [passing, failing]


def _weather(deck: Deck, folder: Path) -> list[Session]:
    root = make_repository(folder, "weather-api")

    streaming = deck.sessions.start("load-soak", str(root))
    make_environment(Path(streaming.worktree))
    deck.work.run(streaming, (".venv/bin/python", "-m", "weather.soak"), title="soak")

    dirty = deck.sessions.start("cache-layer", str(root))
    place = Path(dirty.worktree)
    make_environment(place)
    _push(place, "cache-layer")
    (place / "weather" / "cache.py").write_text(_CACHE)
    _commit(place, "cache: keep readings for a minute")
    _edit(place / "weather" / "cache.py", "MAX_AGE = 60.0", "MAX_AGE = 300.0")
    _commit(place, "cache: five minutes are fine for temperatures")
    _edit(place / "weather" / "stations.py", "-90.0 <= celsius <= 60.0", "LOWEST <= celsius <= HIGHEST")
    git(place, "add", "--all")
    _edit(place / "weather" / "stations.py", "def plausible", "LOWEST, HIGHEST = -90.0, 60.0\n\n\ndef plausible")
    (place / "notes.md").write_text("- measure the hit rate before and after\n- ask for the upstream's cache headers\n")
    return [streaming, dirty]


def _tilegame(deck: Deck, folder: Path) -> list[Session]:
    root = make_repository(folder, "tilegame")
    conflicted = deck.sessions.start("merge-physics", str(root))
    place = Path(conflicted.worktree)
    _edit(place / "tilegame" / "physics.py", "BOUNCE = 0.6", "BOUNCE = 0.85")
    _commit(place, "physics: livelier boxes")
    _edit(root / "tilegame" / "physics.py", "BOUNCE = 0.6", "BOUNCE = 0.45")
    _commit(root, "physics: heavy boxes bounce less")
    git(place, "merge", "main", check=False)
    return [conflicted]


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
