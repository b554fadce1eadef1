"""Changing a repository: worktrees and branches are made and removed here.

Somebody waits for what is made (`make`, `patiently`), so git is started for it without GitPython, which takes longer to
load than git to make a worktree; it starts git for all else (`change`). In the same surroundings, and ended alike.

Unlike `devdeck.git.process`, the user's own hooks run, as they do when the user types the command. Which ones those
are is in docs/security.md.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from devdeck.errors import DeckError
from devdeck.git.process import QUIET, failure, foreign_variables, not_started
from devdeck.text import one_line

PATIENCE = 5.0
"""Seconds to try again for where another git holds a lock for a moment."""
# The last two are said while another git is just making a worktree: its files are there and still empty.
_LOCKED = (
    "could not lock config file", ".lock': File exists", "cannot lock ref", "Unable to create '", "/commondir: ",
    "bad object worktrees/",
)  # fmt: skip


def is_momentary(message: str) -> bool:
    """Whether git failed only because of what another git was doing at that moment.

    Args:
        message: Git's words.
    """
    return any(words in message for words in _LOCKED)


def patiently(root: str, *args: str, timeout: float = 60.0) -> str:
    """`make`, tried again for a few seconds while another git holds the lock that it needs.

    Only for commands that change nothing when they can't have a lock. Args and errors as in `change`.
    """
    deadline: float | None = None
    pause = 0.02
    while True:
        try:
            return make(root, *args, timeout=timeout)
        except DeckError as error:
            if deadline is None:
                deadline = time.monotonic() + PATIENCE  # from the first failure on, however long that took to come
            if not is_momentary(error.message) or time.monotonic() > deadline:
                raise
        time.sleep(pause)
        pause = min(0.2, pause * 1.5)


def make(root: str, *args: str, timeout: float = 60.0) -> str:
    """`change` without GitPython, for what somebody waits for. Args and errors as there."""
    return _run(root, args, timeout, _start)


def change(root: str, *args: str, timeout: float = 60.0) -> str:
    """Run a changing git command in `root`, through GitPython.

    Args:
        root: Main worktree, or the folder of a bare repository.
        args: Arguments after `git`.
        timeout: Seconds after which it is killed with everything that it started.

    Returns:
        What it printed.

    Raises:
        Missing: git is not installed.
        NotFound: `root` is not in a repository (any more).
        DeckError: git failed (`git-failed`) or took too long (`timeout`).
    """
    return _run(root, args, timeout, _start_by_gitpython)


class _Started(NamedTuple):
    process: subprocess.Popen[bytes]
    keeper: object = None
    """GitPython's own object, which ends the process when nobody has it any more."""


def _start(root: str, args: tuple[str, ...]) -> _Started:
    foreign = foreign_variables()
    process = subprocess.Popen(
        ("git", *args),
        cwd=root,
        env={**{name: value for name, value in os.environ.items() if name not in foreign}, **QUIET},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    return _Started(process)


def _start_by_gitpython(root: str, args: tuple[str, ...]) -> _Started:
    try:
        import git as gitpython
    except ImportError as error:  # GitPython looks for git when it is imported
        raise FileNotFoundError from error
    # GitPython can add to the environment, not take away from it.
    unset = [part for name in foreign_variables() if not name.startswith("GIT_PYTHON_") for part in ("-u", name)]
    try:
        running = gitpython.Git(root).execute(
            [*(("env", *unset) if unset else ()), "git", *args], as_process=True, env=QUIET, start_new_session=True
        )
    except gitpython.GitCommandNotFound as error:
        raise FileNotFoundError from error
    assert running.proc is not None
    return _Started(running.proc, running)


def _run(root: str, args: tuple[str, ...], timeout: float, start: Callable[[str, tuple[str, ...]], _Started]) -> str:
    if not os.path.isdir(root):
        raise failure(root, args, "not a git repository", 128)
    try:
        started = start(root, args)
    except (OSError, ValueError) as error:
        raise not_started(root, error) from error
    # Waited for here: GitPython's own time-out leaves the grandchildren alive (a hook's programs).
    process = started.process
    with process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise DeckError(
                f"git {args[0]} took longer than {timeout:g} s in {one_line(root, limit=300)} and was stopped",
                "a hook of the repository may be waiting for something",
                code="timeout",
            ) from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        raise failure(root, args, stderr.decode("utf-8", "replace"), process.returncode)
    return os.fsdecode(stdout)
