"""What devdeck needs of the machine: programs, terminal, disk, the speed of git."""

from __future__ import annotations

import locale
import os
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backends.base import BackendError
from devdeck import __version__, backups
from devdeck.deck import Deck
from devdeck.doctor.findings import Finding, roots
from devdeck.errors import DeckError
from devdeck.git.process import git as run_git
from devdeck.paths import Paths

OLDEST_GIT = (2, 31)
"""The first git with `worktree list --porcelain` states and `rev-parse --path-format`."""

SLOW_GIT = 1.0
"""Seconds of `git status` from which on it is called slow."""
_GIT_TIMEOUT = 4.0
_REPOSITORIES_TIMED = 12

LITTLE_SPACE = 2**30
"""Bytes free below which it is said: a worktree may not fit any more."""
NO_SPACE = 100 * 2**20
"""Bytes free below which logs and the store may not be written any more."""


def program(paths: Paths) -> Finding:
    """The program itself."""
    python = ".".join(map(str, sys.version_info[:3]))
    return Finding(name="devdeck", state="ok", evidence=f"{__version__} on Python {python}, data in {paths.data}")


def devdeck(deck: Deck) -> Iterator[Finding]:
    """The program itself."""
    yield program(deck.paths)


def store(deck: Deck) -> Iterator[Finding]:
    """The store: whole, and how old its newest copy is."""
    if damage := deck.store.damage():
        yield damaged(deck.paths, damage)
        return
    copies = backups.backups(deck.paths.database)
    newest = time.strftime("%Y-%m-%d %H:%M", time.localtime(copies[0].at)) if copies else ""
    told = f"copies: {len(copies)}, the newest of {newest}" if copies else "no copy yet"
    yield Finding(
        name="store", state="ok", evidence=f"{deck.paths.database}, {len(deck.store.sessions())} sessions, {told}"
    )


def damaged(paths: Paths, words: str) -> Finding:
    """A store that can't be used, or not all of it."""
    copies = backups.backups(paths.database)
    brought = f"brings back the newest of {len(copies)} copies" if copies else "starts a new one (there is no copy)"
    return Finding(
        name="store",
        state="fail",
        evidence=words,
        fix=f"devdeck doctor --fix moves it aside, {brought}, lists again what came since, from notes beside it, and "
        "adopts the worktrees that it then still lacks",
        fixable=True,
    )


def settings(deck: Deck) -> Iterator[Finding]:
    """Whether the user's settings, and what known repositories set up, can be read."""
    from devdeck.initialization.repo_config import read

    try:
        told = deck.config.file or "all as they are by default"
    except DeckError as error:
        yield Finding(name="settings", state="fail", evidence=error.message, fix=error.hint)
    else:
        yield Finding(name="settings", state="ok", evidence=told)
    for root in roots(deck):
        try:
            read(root)
        except DeckError as error:
            fix = f"until then no session can be made of {root}; {error.hint}".rstrip("; ")
            yield Finding(name="set-up", state="warn", evidence=error.message, fix=fix)


def git_version(cwd: Path) -> Finding:
    """Whether git is there and new enough."""
    try:
        words = run_git(cwd, "--version").text.split()
    except DeckError as error:
        return Finding(name="git", state="fail", evidence=error.message, fix=error.hint)
    version = tuple(int(part) for part in words[2].split(".")[:2] if part.isdigit())
    old = version < OLDEST_GIT
    wanted = ".".join(map(str, OLDEST_GIT))
    return Finding(
        name="git",
        state="fail" if old else "ok",
        evidence=words[2],
        fix=f"install git {wanted} or newer" if old else "",
    )


def git(deck: Deck) -> Iterator[Finding]:
    """Whether git is there and new enough."""
    yield git_version(deck.paths.data)


def tmux(deck: Deck) -> Iterator[Finding]:
    """Whether tmux is there and new enough, whether its server answers, and where its windows begin."""
    server = deck.terminals.tmux
    try:
        version = server.version()
        terminals = server.terminals()
    except BackendError as error:
        yield Finding(name="tmux", state="fail", evidence=error.message, fix=error.hint)
        return
    words = ".".join(map(str, version))
    place = f"server at {server.socket_path}"
    yield Finding(name="tmux", state="ok", evidence=f"{words}, {place}, {len(terminals)} sessions")
    if terminals:
        first = server.run(["show-options", "-g", "-v", "base-index"]).decode().strip()
        if first != "0":
            told = f"windows are counted from {first}; devdeck names windows by their ids, so nothing depends on it"
            yield Finding(name="base-index", state="ok", evidence=told)


def terminal(deck: Deck) -> Iterator[Finding]:
    """What the terminal can show."""
    encoding = locale.getpreferredencoding(False)
    utf8 = encoding.lower().replace("-", "") == "utf8"
    yield Finding(
        name="locale",
        state="ok" if utf8 else "warn",
        evidence=encoding,
        fix="" if utf8 else "set LANG to a UTF-8 locale, for example C.UTF-8, or glyphs are lost",
    )
    colours = os.environ.get("COLORTERM") in ("truecolor", "24bit") or "256" in os.environ.get("TERM", "")
    yield Finding(
        name="colours",
        state="ok" if colours else "warn",
        evidence=f"TERM={os.environ.get('TERM', '')} COLORTERM={os.environ.get('COLORTERM', '')}",
        fix="" if colours else "set TERM=xterm-256color (inside tmux: tmux-256color) for the full palette",
    )


def editor(deck: Deck) -> Iterator[Finding]:
    """Whether an editor can be opened."""
    words = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    name = words.split()[0] if words.split() else ""
    there = bool(name) and shutil.which(name) is not None
    told = words if there else f"{name} is not installed" if name else "neither VISUAL nor EDITOR is set"
    yield Finding(
        name="editor",
        state="ok" if there else "warn",
        evidence=told,
        fix="" if there else "set EDITOR, so that `e` opens the failing line in it",
    )


def disk(deck: Deck) -> Iterator[Finding]:
    """How much space is left where worktrees, trash and logs go."""
    for name, folder in (("data", deck.paths.data), ("state", deck.paths.state)):
        if name == "state" and folder.stat().st_dev == deck.paths.data.stat().st_dev:
            continue
        free = shutil.disk_usage(folder).free
        state = "fail" if free < NO_SPACE else "warn" if free < LITTLE_SPACE else "ok"
        yield Finding(
            name="disk",
            state=state,
            evidence=f"{free / 2**30:.1f} GiB free at {folder}",
            fix="" if state == "ok" else "`devdeck trash` shows what is kept and how large it is",
        )


def slow_git(deck: Deck) -> Iterator[Finding]:
    """Repositories whose `git status` takes long, with what makes it faster."""
    places: dict[str, str] = {}
    for session in deck.store.sessions():
        for place in session.places:
            if Path(place.worktree).is_dir():
                places.setdefault(place.repository_path, place.worktree)
    wanted = list(places.items())[:_REPOSITORIES_TIMED]
    with ThreadPoolExecutor(2) as pool:
        timed = list(pool.map(lambda item: (item[0], item[1], time_status(item[1])), wanted))
    for _, place, seconds in sorted(timed, key=lambda item: -item[2]):
        if seconds <= SLOW_GIT:
            continue
        told = f"more than {_GIT_TIMEOUT:g} s" if seconds >= _GIT_TIMEOUT else f"{seconds:.1f} s"
        yield Finding(
            name="slow git",
            state="warn",
            evidence=f"git status takes {told} in {place}",
            fix="; ".join(faster(place)) or "it is large, or the disk is slow",
        )
    if timed and max(seconds for _, _, seconds in timed) <= SLOW_GIT:
        slowest = max(seconds for _, _, seconds in timed)
        yield Finding(name="git speed", state="ok", evidence=f"git status within {1e3 * slowest:.0f} ms everywhere")


def time_status(worktree: str) -> float:
    """Seconds that `git status` takes in a worktree; the time-out when it takes longer."""
    began = time.monotonic()
    try:
        run_git(worktree, "status", "--porcelain=v2", "--branch", "-z", timeout=_GIT_TIMEOUT, limit=2**20)
    except DeckError:
        return _GIT_TIMEOUT
    return time.monotonic() - began


def faster(worktree: str) -> tuple[str, ...]:
    """What would make git faster in a worktree and is not switched on (git-config(1), `core`)."""
    hints = []
    for name, why in (
        ("core.untrackedCache", "remembers folders without new files"),
        ("core.fsmonitor", "lets your own git ask a watcher instead of looking at every file"),
    ):
        found = run_git(worktree, "config", "--file", str(_config(worktree)), "--get", name, check=False)
        if found.text.strip() in ("", "false"):
            hints.append(f"git -C {worktree} config {name} true ({why})")
    return tuple(hints)


def _config(worktree: str) -> Path:
    from devdeck.git.repository import common_dir

    return (common_dir(worktree) or Path(worktree, ".git")) / "config"
