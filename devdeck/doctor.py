"""What devdeck needs and how it finds it: findings as data, each with its evidence and what to do."""

from __future__ import annotations

import locale
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from backends.base import BackendError
from devdeck import __version__, owner
from devdeck.deck import Deck
from devdeck.errors import DeckError
from devdeck.git.process import git
from devdeck.model import OperationState

OLDEST_GIT = (2, 31)
"""The first git with `worktree list --porcelain` states and `rev-parse --path-format`."""

OLDEST_TMUX = (3, 2)
"""The first tmux whose control clients can leave out pane output and leave sizes alone."""


DOCKER_TIMEOUT = 3
"""Seconds that the Docker engine may take to answer."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    state: str
    """`ok`, `warn` (something works less well) or `fail` (something does not work)."""
    evidence: str
    fix: str = ""
    """What to do; empty when all is well."""
    fixable: bool = False
    """Whether `doctor --fix` settles it."""


def examine(deck: Deck) -> tuple[Finding, ...]:
    """Look at everything. Changes nothing; each look is bounded in time."""
    checks: tuple[Callable[[Deck], Iterator[Finding]], ...] = (
        _program, _git, _tmux, _terminal, _docker, _editor, _leftovers, _sessions,
    )  # fmt: skip
    return tuple(finding for check in checks for finding in check(deck))


def _program(deck: Deck) -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding(name="devdeck", state="ok", evidence=f"{__version__} on Python {python}")
    yield Finding(name="store", state="ok", evidence=f"{deck.paths.database}, {len(deck.store.sessions())} sessions")


def _git(deck: Deck) -> Iterator[Finding]:
    try:
        words = git(deck.paths.data, "--version").text.split()
    except DeckError as error:
        yield Finding(name="git", state="fail", evidence=error.message, fix=error.hint)
        return
    version = tuple(int(part) for part in words[2].split(".")[:2] if part.isdigit())
    old = version < OLDEST_GIT
    wanted = ".".join(map(str, OLDEST_GIT))
    yield Finding(
        name="git",
        state="fail" if old else "ok",
        evidence=words[2],
        fix=f"install git {wanted} or newer" if old else "",
    )


def _tmux(deck: Deck) -> Iterator[Finding]:
    try:
        version = deck.terminals.tmux.version()
        terminals = deck.terminals.tmux.terminals()
    except BackendError as error:
        yield Finding(name="tmux", state="fail", evidence=error.message, fix=error.hint)
        return
    words = ".".join(map(str, version))
    place = f"server at {deck.terminals.tmux.socket_path}"
    yield Finding(name="tmux", state="ok", evidence=f"{words}, {place}, {len(terminals)} sessions")


def _terminal(deck: Deck) -> Iterator[Finding]:
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


def _docker(deck: Deck) -> Iterator[Finding]:
    if shutil.which("docker") is None and not os.environ.get("DOCKER_HOST"):
        yield Finding(name="docker", state="ok", evidence="not installed; sessions on this machine need none")
        return
    try:
        version = _engine_version()
    except Exception as error:  # noqa: BLE001  the SDK raises requests', urllib3's and its own errors
        yield Finding(
            name="docker",
            state="warn",
            evidence=f"the engine does not answer: {error or type(error).__name__}"[:200],
            fix="start the Docker engine, should a session need containers",
        )
    else:
        yield Finding(name="docker", state="ok", evidence=f"engine {version}")


def _engine_version() -> str:
    import docker
    from docker.context import ContextAPI

    context = ContextAPI.get_current_context()
    host = os.environ.get("DOCKER_HOST") or (context.Host if context else "") or "unix:///var/run/docker.sock"
    if host.startswith("unix://"):
        # Asked first by hand: docker-py 7.2 leaks its socket when it can't connect.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(DOCKER_TIMEOUT)
            probe.connect(host.removeprefix("unix://"))
    # A fixed version keeps the constructor from connecting; the question itself is asked without one.
    client = docker.from_env(timeout=DOCKER_TIMEOUT, version="1.41")
    try:
        return str(client.version(api_version=False).get("Version", "?"))
    finally:
        client.close()


def _editor(deck: Deck) -> Iterator[Finding]:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    yield Finding(
        name="editor",
        state="ok" if editor else "warn",
        evidence=editor or "neither VISUAL nor EDITOR is set",
        fix="" if editor else "set EDITOR, so that `e` opens the failing line in it",
    )


def _leftovers(deck: Deck) -> Iterator[Finding]:
    for operation in deck.transactions.cut_off():
        yield Finding(
            name="unfinished operation",
            state="fail",
            evidence=f"{operation.verb} {operation.label} was cut off: {operation.detail}",
            fix="devdeck doctor --fix takes back what it had done, or finishes it",
            fixable=True,
        )
    for session, who in deck.store.half_made():
        if not owner.is_alive(who) and session.id not in {it.session_id for it in deck.transactions.cut_off()}:
            yield Finding(
                name="half-made session",
                state="fail",
                evidence=f"{session.label}: its start was cut off",
                fix="devdeck doctor --fix gives the label back",
                fixable=True,
            )


def _sessions(deck: Deck) -> Iterator[Finding]:
    for session in deck.store.sessions():
        if not Path(session.repository_path).is_dir():
            yield Finding(
                name="repository gone",
                state="warn",
                evidence=f"{session.label}: {session.repository_path}",
                fix=f"move it back, or devdeck rm {session.label}",
            )
        elif not Path(session.worktree).is_dir():
            yield Finding(
                name="worktree gone",
                state="warn",
                evidence=f"{session.label}: {session.worktree}",
                fix=f"devdeck rm {session.label} forgets it; the branch {session.branch} is still there",
            )


def fix(deck: Deck) -> tuple[str, ...]:
    """Settle what can be settled without a question; returns what was done, in words."""
    done = []
    for operation in deck.transactions.cut_off():
        settled = deck.transactions.settle(operation)
        verb = "finished" if settled.state is OperationState.DONE else "took back"
        done.append(f"{verb} {operation.verb} {operation.label}")
    for session, who in deck.store.half_made():
        if not owner.is_alive(who):
            deck.store.forget_session(session.id)
            done.append(f"gave back the label {session.label}")
    for operation, who in deck.store.unfinished():
        if not owner.is_alive(who):
            deck.store.finish(operation, OperationState.FAILED, f"{operation.detail}; cut off")
            done.append(f"marked {operation.verb} {operation.label} as failed")
    return tuple(done)
