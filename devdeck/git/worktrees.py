"""The worktrees of a repository: listing, making, removing (git-worktree(1))."""

from __future__ import annotations

import os
from contextlib import suppress

import msgspec

from devdeck.errors import DeckError, NotFound, UsageError
from devdeck.git.changing import change, patiently
from devdeck.git.process import git, git_async
from devdeck.text import one_line

_LIST = ("worktree", "list", "--porcelain", "-z")
CHECKOUT_TIMEOUT = 300.0
"""Seconds that making or removing a worktree may take; a large repository writes gigabytes."""


class Worktree(msgspec.Struct, frozen=True, kw_only=True):
    """One worktree, as git has it registered."""

    path: str
    head: str | None = None
    """Object id checked out; `None` for a bare repository and before the first commit."""
    branch: str | None = None
    """Branch checked out; `None` when detached or bare."""
    bare: bool = False
    detached: bool = False
    locked: str | None = None
    """Reason of its lock (may be empty); `None` when it is not locked."""
    prunable: str | None = None
    """Why git would forget it, such as a folder that is gone; `None` when it would not."""


def parse_worktrees(raw: bytes) -> tuple[Worktree, ...]:
    """Read the output of `git worktree list --porcelain -z`; the main worktree comes first."""
    found: list[Worktree] = []
    fields: dict[str, str] = {}
    for line in (*raw.split(b"\0"), b""):
        if line:
            name, _, value = os.fsdecode(line).partition(" ")
            fields[name] = value
        elif "worktree" in fields:
            found.append(_worktree(fields))
            fields = {}
    return tuple(found)


def _worktree(fields: dict[str, str]) -> Worktree:
    head = fields.get("HEAD")
    branch = fields.get("branch")
    return Worktree(
        path=fields["worktree"],
        head=head if head and head.strip("0") else None,
        branch=branch.removeprefix("refs/heads/") if branch else None,
        bare="bare" in fields,
        detached="detached" in fields,
        locked=fields.get("locked"),
        prunable=fields.get("prunable"),
    )


def list_worktrees(root: str, timeout: float = 10.0) -> tuple[Worktree, ...]:
    """All worktrees of a repository, the main one first, also those whose folder is gone.

    Raises:
        NotFound: There is no repository at `root` (any more).
        DeckError: git failed, or took longer than `timeout` seconds.
    """
    return parse_worktrees(git(root, *_LIST, timeout=timeout).stdout)


async def list_worktrees_async(root: str, timeout: float = 10.0) -> tuple[Worktree, ...]:
    """`list_worktrees` for the event loop."""
    return parse_worktrees((await git_async(root, *_LIST, timeout=timeout)).stdout)


def add_worktree(
    root: str, path: str, *, branch: str, create: bool, start: str | None = None, track: bool = False
) -> None:
    """Make a worktree with a branch checked out. When it fails, nothing of it is left.

    Args:
        root: Main worktree of the repository.
        path: Where; must not exist.
        branch: Branch to check out.
        create: Make the branch; otherwise it must exist.
        start: Commit (or remote-tracking branch, such as `origin/x`) that a new branch starts at; HEAD when `None`.
        track: Make `start` the new branch's upstream.

    Raises:
        UsageError: The branch name can't be used, or the path exists.
        NotFound: There is no repository at `root`, or no such start.
        DeckError: git failed; its words are in the message.
    """
    from devdeck.git import refs, remotes

    if create and (reason := refs.why_not_name(branch)):
        raise UsageError(f"can't use {one_line(branch, limit=120)!r} as a branch: {reason}")
    if os.path.lexists(path):
        raise UsageError(f"{path} exists already", "choose another folder")
    if not create:
        if not refs.local_branch_exists(root, branch):
            raise NotFound(f"no branch {one_line(branch, limit=120)!r} in {root}")
        _populate(root, path, branch)
        return
    followed = remotes.split_tracking(start, remotes.list_remotes(root)) if track and start is not None else None
    oid = start if start is not None and refs.is_object_id(start) else None
    oid = oid or refs.resolve_commit(root, f"refs/remotes/{start}" if followed else start or "HEAD")
    _make_branch(root, branch, oid)
    try:
        _populate(root, path, branch)
        if followed is not None:
            remotes.follow(root, branch, followed[0], f"refs/heads/{followed[1]}")
    except BaseException:
        with suppress(DeckError):
            if refs.local_branch_exists(root, branch) and not refs.checked_out_at(root, branch):
                refs.delete_branch(root, branch, expected_oid=oid)
        raise


def _make_branch(root: str, branch: str, oid: str) -> None:
    """Make a branch, not by `worktree add -b`: what fails because of somebody's lock can be tried again this way.

    git refuses what can't be in the same step that makes it; only then it is asked what was wrong, to say it better.
    """
    from devdeck.git import refs

    try:
        patiently(root, "branch", "--no-track", "--", branch, oid)
    except DeckError:
        refs.require_branch_name(branch)
        if refs.local_branch_exists(root, branch):
            hint = "use it, or choose another name"
            raise DeckError(f"a branch {branch!r} exists already", hint, code="branch-exists") from None
        refs.resolve_commit(root, oid)
        raise


def _populate(root: str, path: str, branch: str) -> None:
    """Make a worktree in a folder that is made here, so that nobody else's is ever taken away."""
    try:
        os.makedirs(path)
    except FileExistsError:
        raise UsageError(f"{path} exists already", "choose another folder") from None
    except OSError as error:
        raise DeckError(f"can't make {path}: {error.strerror}", "check its permissions and the free space") from error
    try:
        patiently(root, "worktree", "add", "--", path, branch, timeout=CHECKOUT_TIMEOUT)
    except BaseException:
        with suppress(DeckError):
            remove_worktree(root, path, force=True)
        with suppress(OSError):
            os.rmdir(path)
        raise


def remove_worktree(root: str, path: str, *, force: bool = False) -> None:
    """Remove a worktree with everything in it, files that git ignores too. Its branch stays.

    Args:
        root: Main worktree of the repository.
        path: The worktree.
        force: Also when it is locked or holds changes, untracked files or submodules.

    Raises:
        NotFound: There is no repository at `root`.
        DeckError: git refused or failed; its words are in the message.
    """
    options = ("--force", "--force") if force else ()
    change(root, "worktree", "remove", *options, "--", path, timeout=CHECKOUT_TIMEOUT)


def prune(root: str) -> None:
    """Make git forget worktrees whose folders are gone.

    Raises:
        NotFound: There is no repository at `root`.
        DeckError: git failed; its words are in the message.
    """
    change(root, "worktree", "prune")
