"""Worktrees whose making was cut off: what is still at work there, and what of it is nobody's work.

`git worktree add` makes git's own folder about the worktree first, with a file `locked` that says `initializing`, then
the worktree with its pointer, then fills it, and takes the lock away at the end (git-worktree(1), builtin/worktree.c).
A git whose devdeck was killed goes on by itself.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from devdeck.errors import DeckError
from devdeck.git import admin as admins
from devdeck.git.process import git
from devdeck.git.repository import common_dir

_TIMEOUT = 300.0
_GRACE = 10.0
"""Seconds for git to tidy up when it is asked to end."""
_MOMENT = 2.0
"""Seconds that git needs at most between making its folder about a worktree and saying in it where that is."""


def stop_git_at(worktree: str) -> None:
    """End every `git worktree add` that still makes the worktree at a path, with what it started.

    Raises:
        DeckError: One can't be ended.
    """
    import psutil

    found = [process for process in psutil.process_iter() if _makes(process, worktree)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in found:
            with suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
                group = os.getpgid(process.pid)
                if group != os.getpgrp() and process.is_running():
                    os.killpg(group, number)
        deadline = time.monotonic() + _GRACE
        while any(_runs(process) for process in found) and time.monotonic() < deadline:
            time.sleep(0.01)
        if not any(_runs(process) for process in found):
            return
    raise DeckError(f"git is still at work at {worktree} and can't be ended", "end it, then try again")


def _makes(process: object, worktree: str) -> bool:
    import psutil

    assert isinstance(process, psutil.Process)
    try:
        words = process.cmdline()
        if not words or os.path.basename(words[0]) != "git" or process.uids().real != os.getuid():
            return False
        adds = ("worktree", "add") in itertools.pairwise(words) and worktree in words
        return adds or process.environ().get("GIT_WORK_TREE") == worktree
    except psutil.Error:
        return False


def _runs(process: object) -> bool:
    import psutil

    assert isinstance(process, psutil.Process)
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def is_half_made(admin: Path) -> bool:
    """Whether git had not finished the worktree that a folder of its own is about."""
    try:
        return (admin / "locked").read_bytes().strip() == b"initializing"
    except OSError:
        return False


def branch_of(admin: Path) -> str | None:
    """The branch that a worktree is on, as git's folder about it says; `None` when detached or not said yet."""
    try:
        head = os.fsdecode((admin / "HEAD").read_bytes()).strip()
    except OSError:
        return None
    return head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else None


def holds_more(root: str, worktree: str, commit: str) -> bool:
    """Whether a folder holds anything that a checkout of a commit would not: a changed file, or another one.

    A file that is missing is nothing more. Judged by the contents, without the worktree's index and pointer.

    Raises:
        DeckError: git failed.
    """
    from devdeck.git.scratch import fresh_index

    common = common_dir(root)
    with fresh_index() as index:
        env = {**index, "GIT_DIR": str(common), "GIT_WORK_TREE": worktree}
        git(worktree, "read-tree", commit, env=env, timeout=_TIMEOUT)
        git(worktree, "update-index", "-q", "--refresh", env=env, check=False, timeout=_TIMEOUT)
        changed = git(worktree, "diff-files", "--name-only", "-z", "--diff-filter=d", env=env, timeout=_TIMEOUT)
        others = git(worktree, "ls-files", "-z", "--others", env=env, timeout=_TIMEOUT)
    return bool(changed.stdout or others.stdout)


def discard(root: str, worktree: str) -> None:
    """Take away a worktree in which nobody's work is, whatever state it is in.

    Raises:
        DeckError: It can't be removed.
    """
    import shutil

    common = common_dir(root)
    admin = admins.admin_of(common, worktree) if common is not None else None
    try:
        if os.path.lexists(worktree):
            shutil.rmtree(worktree)
        if admin is not None:
            shutil.rmtree(admin)
    except OSError as error:
        raise DeckError(f"can't remove {error.filename}: {error.strerror}", "check its permissions") from error
    if common is not None:
        _forget_unnamed(common, os.path.basename(worktree))
        with suppress(OSError):
            (common / "worktrees").rmdir()


def _forget_unnamed(common: Path, name: str) -> None:
    """Git's folder about a worktree that was cut off before it said where: it holds nothing but the lock."""
    import shutil

    with suppress(OSError):
        for folder in sorted((common / "worktrees").glob("*")):
            number = folder.name.removeprefix(name)
            ours = folder.name.startswith(name) and (not number or number.isdigit())
            if time.time() - folder.stat().st_mtime < _MOMENT:
                continue  # somebody else may be making it now
            if ours and is_half_made(folder) and [file.name for file in folder.iterdir()] == ["locked"]:
                shutil.rmtree(folder)
