"""Changing a repository, through GitPython: worktrees and branches are made and removed here.

Unlike `devdeck.git.process`, the user's own hooks run, as they do when the user types the command. Which ones those
are is in docs/security.md.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress

from devdeck.errors import DeckError, Missing
from devdeck.git.process import QUIET, failure, foreign_variables
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
    """`change`, tried again for a few seconds while another git holds the lock that it needs.

    Only for commands that change nothing when they can't have a lock. Args and errors as in `change`.
    """
    deadline: float | None = None
    pause = 0.02
    while True:
        try:
            return change(root, *args, timeout=timeout)
        except DeckError as error:
            if deadline is None:
                deadline = time.monotonic() + PATIENCE  # from the first failure on, however long that took to come
            if not is_momentary(error.message) or time.monotonic() > deadline:
                raise
        time.sleep(pause)
        pause = min(0.2, pause * 1.5)


def change(root: str, *args: str, timeout: float = 60.0) -> str:
    """Run a changing git command in `root`.

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
    if not os.path.isdir(root):
        raise failure(root, args, "not a git repository", 128)
    no_git = Missing("git is not installed", "install git with your system's package manager", code="git-missing")
    try:
        import git as gitpython
    except ImportError as error:  # GitPython looks for git when it is imported
        raise no_git from error
    # GitPython can add to the environment, not take away from it.
    unset = [part for name in foreign_variables() if not name.startswith("GIT_PYTHON_") for part in ("-u", name)]
    try:
        # Started by GitPython, waited for here: its own time-out leaves the grandchildren alive (a hook's programs).
        running = gitpython.Git(root).execute(
            [*(("env", *unset) if unset else ()), "git", *args], as_process=True, env=QUIET, start_new_session=True
        )
    except gitpython.GitCommandNotFound as error:
        raise no_git from error
    process = running.proc
    assert process is not None
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
