"""Bringing a branch up to what it follows: fetched, and fast-forwarded where that loses nothing."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from devdeck.errors import DeckError, NotFound, Refused
from devdeck.git import fetching, refs, remotes, status
from devdeck.git.changing import change
from devdeck.git.process import git
from devdeck.model import Member
from devdeck.text import one_line

TIMEOUT = 45.0
"""Seconds that a remote may take."""


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """A branch and what it follows."""

    place: Member
    branch: str
    remote: str
    """Name of a remote, its URL, or `.` for the repository itself."""
    ref: str
    """Full name there."""

    @property
    def name(self) -> str:
        """What is followed, as it is shown."""
        short = self.ref.removeprefix("refs/heads/").removeprefix("refs/")
        return one_line(short if self.remote == "." else f"{self.remote}/{short}", limit=200)


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh brought."""

    words: str
    undo: str = ""


def look(place: Member) -> Followed:
    """What the branch that is checked out at a place follows.

    Raises:
        NotFound: The worktree is gone.
        DeckError: No branch is checked out there (`detached`), or it follows nothing (`no-upstream`).
    """
    if not Path(place.worktree).is_dir():
        raise NotFound(f"the worktree {place.worktree} is gone", "`devdeck ls` shows what is left")
    branch = status.status(place.worktree).branch
    if branch is None:
        raise DeckError(
            f"no branch is checked out in {place.worktree}", f"git switch {place.branch or 'BRANCH'}", code="detached"
        )
    upstream = remotes.upstream_of(place.worktree, branch)
    if upstream is None:
        raise DeckError(
            f"branch {branch!r} follows nothing",
            f"make it follow something: git branch --set-upstream-to=origin/{branch} {branch}",
            code="no-upstream",
        )
    return Followed(place=place, branch=branch, remote=upstream[0], ref=upstream[1])


def words(followed: Followed) -> str:
    """What would be done, in words."""
    fetch = "" if followed.remote == "." else f"fetch {followed.name}; "
    return f"{fetch}fast-forward {followed.branch} to {followed.name}, where that is possible"


def refresh(followed: Followed) -> Came:
    """Fetch what a branch follows, and fast-forward to it.

    Raises:
        NotFound: It is gone there.
        Refused: There are uncommitted changes, or something is in progress, and there would be news.
        DeckError: It can't be had, or both sides have commits that the other lacks (`diverged`).
    """
    worktree = followed.place.worktree
    into = _remembered(followed)
    before = refs.commit_of(worktree, into)
    if followed.remote != ".":
        # From the main worktree: git takes a remote's relative path from where it is asked.
        main = followed.place.repository_path
        asked = main if os.path.isdir(main) else worktree
        fetching.fetch_ref(asked, followed.remote, followed.ref, into, timeout=TIMEOUT)
    there = refs.resolve_commit(worktree, into)
    here = refs.resolve_commit(worktree, "HEAD")
    mine, theirs = _counts(worktree, here, there)
    name, branch = followed.name, followed.branch
    if not theirs:
        ahead = f"; it has {_commits(mine)} that {name} lacks" if mine else ""
        return Came(words=f"{branch} is up to date with {name}{ahead}")
    if mine:
        rewritten = before == here
        hint = f"git rebase {there[:10]}" if not rewritten else (
            f"it was rewritten there, and none of the commits is yours: git reset --keep {there[:10]}"
        )  # fmt: skip
        raise DeckError(
            f"{branch} and {name} have diverged: {_commits(mine)} here, {_commits(theirs)} there", hint, code="diverged"
        )
    _require_clean(followed, theirs)
    change(worktree, "merge", "--ff-only", "--no-autostash", "--quiet", there, timeout=300.0)
    return Came(
        words=f"{branch}: {_commits(theirs)} came from {name} ({here[:10]}..{there[:10]})",
        undo=f"git reset --keep {here[:10]} in {worktree}",
    )


def _remembered(followed: Followed) -> str:
    """The local reference for what is followed."""
    if followed.remote == ".":
        return followed.ref
    known = {remote.name for remote in remotes.list_remotes(followed.place.worktree)}
    if followed.remote in known:
        return remotes.tracking_ref(followed.remote, followed.ref)
    import hashlib

    return "refs/devdeck/followed/" + hashlib.sha256(f"{followed.remote} {followed.ref}".encode()).hexdigest()[:16]


def _require_clean(followed: Followed, theirs: int) -> None:
    facts = status.status(followed.place.worktree)
    waiting = f"{_commits(theirs)} of {followed.name} wait"
    if facts.operation:
        raise Refused(f"a {facts.operation} is in progress in {followed.place.worktree}; {waiting}", "finish it first")
    changed = facts.staged + facts.unstaged + facts.conflicts
    if changed:
        raise Refused(
            f"there are uncommitted changes in {followed.place.worktree}; {waiting}", "commit or stash them first"
        )


def _counts(worktree: str, here: str, there: str) -> tuple[int, int]:
    raw = git(worktree, "rev-list", "--count", "--left-right", f"{here}...{there}", "--", timeout=60.0).text.split()
    return int(raw[0]), int(raw[1])


def _commits(number: int) -> str:
    return f"{number} commit{'' if number == 1 else 's'}"
