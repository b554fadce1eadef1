"""The command line's figures: verbs against the programs they can't do without, and the times that a user waits for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from bench.figure import Figure, median, ratio
from bench.world import World, program

NAMES = frozenset({"complete-100", "ls-100", "ls-100-no-git", "start", "version"})


def _timed(work: Callable[[], object]) -> float:
    """How long a call takes, in ms."""
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began)


def _interpreter(world: World) -> float:
    return _timed(lambda: world.run([sys.executable, "-c", "pass"]))


def _statuses(world: World) -> float:
    """`git status` of every worktree, two at a time."""
    environment = {**world.environment, "GIT_OPTIONAL_LOCKS": "0"}

    def status(worktree: str) -> None:
        subprocess.run(
            ["git", "-C", worktree, "status", "--porcelain=v2", "--branch", "-z"],
            env=environment,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )

    def all_of_them() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(status, [session.worktree for session in world.sessions]))

    return _timed(all_of_them)


def listing(world: World, wanted: Collection[str], runs: int, say: Callable[[str], None]) -> list[Figure]:
    """`ls --json` over a deck of 100 sessions of 500 files.

    Raises:
        RuntimeError: The listing does not say what the deck is, so its time would mean nothing.
    """
    _check_listing(world)
    full: list[float] = []
    bare: list[float] = []
    interpreter: list[float] = []
    statuses: list[float] = []
    for run in range(runs):
        say(f"ls: run {run + 1} of {runs}")
        full.append(_timed(lambda: world.run([*program(), "ls", "--json"])))
        interpreter.append(_interpreter(world))
        statuses.append(_statuses(world))
        bare.append(_timed(lambda: world.run([*program(), "ls", "--json", "--no-git"])))
    found: list[Figure] = []
    if "ls-100" in wanted:
        least = median(interpreter) + median(statuses)
        found.append(ratio("ls-100", 1.3, ("devdeck", median(full)), ("python + 100 git status", least), runs))
    if "ls-100-no-git" in wanted:
        told = f"python -c pass {median(interpreter):.1f} ms"
        found.append(Figure(name="ls-100-no-git", value=median(bare), target=90.0, reference=told, unit="ms", n=runs))
    return found


def _check_listing(world: World) -> None:
    listed = msgspec.json.decode(world.run([*program(), "ls", "--json"]))["sessions"]
    if len(listed) != len(world.sessions):
        raise RuntimeError(f"ls lists {len(listed)} sessions of {len(world.sessions)}")
    for entry in listed:
        git = entry["git"]
        if (git["unstaged"], git["untracked"]) != (1, 1):
            raise RuntimeError(f"ls says of {entry['label']}: {git}")


def waits(world: World, wanted: Collection[str], runs: int, say: Callable[[str], None]) -> list[Figure]:
    """`devdeck --version`, and what a shell asks when the tab key is pressed behind a label, with 100 sessions.

    Raises:
        RuntimeError: Completion does not offer what the deck has, so its time would mean nothing.
    """
    environment = {**world.environment, "_DEVDECK_COMPLETE": "bash"}
    asked = [*program(), "devdeck open work-09"]

    def complete() -> bytes:
        return subprocess.run(asked, env=environment, stdout=subprocess.PIPE, check=True, timeout=60).stdout

    if (offered := complete().count(b"plain\twork-09")) != 10:
        raise RuntimeError(f"completion offers {offered} labels of 10")
    version: list[float] = []
    complete_: list[float] = []
    interpreter: list[float] = []
    for run in range(runs):
        say(f"version and completion: run {run + 1} of {runs}")
        version.append(_timed(lambda: world.run([*program(), "--version"])))
        complete_.append(_timed(complete))
        interpreter.append(_interpreter(world))
    told = f"python -c pass {median(interpreter):.1f} ms"
    found = (
        Figure(name="version", value=median(version), target=60.0, reference=told, unit="ms", n=runs),
        Figure(name="complete-100", value=median(complete_), target=100.0, reference=told, unit="ms", n=runs),
    )
    return [figure for figure in found if figure.name in wanted]


def start(world: World, runs: int, say: Callable[[str], None]) -> Figure:
    """`devdeck start` in a repository of 500 files, against `git worktree add` and `tmux new-session`."""
    ours: list[float] = []
    parts: list[float] = []
    for run in range(-1, runs):
        say(f"start: run {max(0, run) + 1} of {runs}")
        label = f"fresh-{run + 1}"
        mine = _timed(lambda: world.run([*program(), "start", label, "--path", str(world.spare)]))  # noqa: B023
        world.run([*program(), "rm", label, "--force"])
        theirs = _interpreter(world) + _by_hand(world, f"by-hand-{run + 1}")
        if run >= 0:
            ours.append(mine)
            parts.append(theirs)
    reference = ("python + git worktree add + tmux new-session", median(parts))
    return ratio("start", 2.0, ("devdeck", median(ours)), reference, runs)


def _by_hand(world: World, label: str) -> float:
    place = Path(world.folder) / label
    tmux = ["tmux", "-S", str(world.socket)]

    def make() -> None:
        world.run(["git", "-C", str(world.spare), "worktree", "add", "-q", "-b", label, str(place)])
        world.run([*tmux, "new-session", "-d", "-s", label, "-c", str(place)])

    took = _timed(make)
    world.run([*tmux, "kill-session", "-t", f"={label}"])
    world.run(["git", "-C", str(world.spare), "worktree", "remove", "--force", str(place)])
    world.run(["git", "-C", str(world.spare), "branch", "-q", "-D", label])
    return took


def missing_peers() -> list[str]:
    """Programs that would be measured beside devdeck were they installed here."""
    return [name for name in ("par",) if shutil.which(name, path=os.environ.get("PATH")) is None]
