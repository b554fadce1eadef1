"""What a worktree has checked out and what differs in it (git-status(1), porcelain format version 2)."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec

from devdeck.errors import NotFound
from devdeck.git.process import git, git_async
from devdeck.git.repository import git_dir, read_head
from devdeck.model import GitFacts
from devdeck.text import one_line

MAX_CHANGES = 2000
"""Most paths that `changes` returns."""

_STATUS = ("status", "--porcelain=v2", "--branch", "--ahead-behind", "--untracked-files=normal", "-z")


def require_worktree(worktree: str) -> Path:
    """The git directory of a worktree.

    Without this check git would look further up, and answer for a repository that happens to lie around the worktree.

    Raises:
        NotFound: There is no worktree (any more).
    """
    own = git_dir(worktree)
    if own is None:
        where = one_line(worktree, limit=300)
        if Path(worktree, ".git").is_file():
            raise NotFound(
                f"the repository of the worktree {where} is gone",
                f"if it was moved, run `git worktree repair {shlex.quote(where)}` where it is now",
            )
        raise NotFound(f"no git worktree at {where}", "was it moved or removed? `git worktree list` shows all")
    return own


def status(worktree: str, timeout: float = 10.0) -> GitFacts:
    """State of a worktree. Changes nothing, not even the index's time stamp.

    Raises:
        NotFound: There is no worktree (any more).
        DeckError: git failed, or took longer than `timeout` seconds.
    """
    own = require_worktree(worktree)
    return _facts(git(worktree, *_STATUS, timeout=timeout).stdout, worktree, own)


async def status_async(worktree: str, timeout: float = 10.0) -> GitFacts:
    """`status` for the event loop; cancelling it ends the git process."""
    own = require_worktree(worktree)
    return _facts((await git_async(worktree, *_STATUS, timeout=timeout)).stdout, worktree, own)


def _facts(raw: bytes, worktree: str, own: Path) -> GitFacts:
    facts = parse_status(raw)
    if facts.branch is None and facts.head is not None:
        # A branch may be called "(detached)"; HEAD's file knows.
        facts = msgspec.structs.replace(facts, branch=read_head(worktree)[0])
    return msgspec.structs.replace(facts, operation=operation(own))


def parse_status(raw: bytes) -> GitFacts:
    """Read the output of `git status --porcelain=v2 --branch -z`.

    Lines of kinds that are not known are passed over. `operation` is not in this output and stays `None`.
    """
    branch = head = upstream = None
    ahead = behind = None
    for header in _headers(raw):
        name, _, value = header.partition(b" ")
        if name == b"branch.oid":
            head = None if value == b"(initial)" else os.fsdecode(value)
        elif name == b"branch.head":
            branch = None if value == b"(detached)" else os.fsdecode(value)
        elif name == b"branch.upstream":
            upstream = os.fsdecode(value)
        elif name == b"branch.ab":
            ahead, behind = _ahead_behind(value)
    codes = [code for code, _ in entries(raw) if code != "!!"]
    tracked = [code for code in codes if code != "??" and len(code) == 2]
    return GitFacts(
        branch=branch,
        head=head,
        upstream=upstream,
        ahead=ahead,
        behind=behind,
        staged=sum(code[0] != " " for code in tracked),
        unstaged=sum(code[1] != " " for code in tracked),
        untracked=codes.count("??"),
        conflicts=sum(len(code) > 2 for code in codes),
    )


def _headers(raw: bytes) -> Iterator[bytes]:
    for line in raw.split(b"\0"):
        if not line.startswith(b"# "):
            return  # headers come first; a path further down may look like one
        yield line[2:]


def _ahead_behind(value: bytes) -> tuple[int | None, int | None]:
    ahead, _, behind = value.partition(b" ")
    if not (ahead.startswith(b"+") and ahead[1:].isdigit() and behind.startswith(b"-") and behind[1:].isdigit()):
        return None, None
    return int(ahead[1:]), int(behind[1:])


def entries(raw: bytes) -> Iterator[tuple[str, str]]:
    """The changed paths in the output of `git status --porcelain=v2 -z`: (code, path).

    The code is as in `git status --short`, with `U:` before it for a path in conflict.
    """
    lines = iter(raw.split(b"\0"))
    for line in lines:
        kind, _, rest = line.partition(b" ")
        if kind in (b"?", b"!") and rest:
            yield os.fsdecode(kind) * 2, os.fsdecode(rest)
        elif kind in (b"1", b"2", b"u"):
            fields = rest.split(b" ", {b"1": 7, b"2": 8, b"u": 9}[kind])
            if kind == b"2":
                next(lines, None)  # the path that it had before
            if len(fields) != {b"1": 8, b"2": 9, b"u": 10}[kind] or len(fields[0]) != 2:
                continue
            code = os.fsdecode(fields[0]).replace(".", " ")
            yield ("U:" if kind == b"u" else "") + code, os.fsdecode(fields[-1])


def changes(worktree: str, timeout: float = 10.0) -> tuple[tuple[str, str], ...]:
    """Changed paths of a worktree, in git's order, at most `MAX_CHANGES`.

    Returns:
        (two-letter code as in `git status --short`, path relative to the worktree; of a rename the new one).

    Raises:
        NotFound: There is no worktree (any more).
        DeckError: git failed, or took longer than `timeout` seconds.
    """
    require_worktree(worktree)
    raw = git(worktree, *_STATUS, timeout=timeout).stdout
    found = []
    for code, path in entries(raw):
        found.append((code.removeprefix("U:"), path))
        if len(found) == MAX_CHANGES:
            break
    return tuple(found)


def has_anything(worktree: str, timeout: float = 60.0) -> bool:
    """Whether a worktree differs from its HEAD in anything: a staged or changed file, a new one, an ignored one too."""
    require_worktree(worktree)
    raw = git(
        worktree, "status", "--porcelain=v2", "--untracked-files=normal", "--ignored=traditional",
        "--ignore-submodules=none", "-z", timeout=timeout,
    ).stdout  # fmt: skip
    return bool(raw)


def operation(own: Path) -> str | None:
    """What is in progress in the worktree of a git directory, by the files that git keeps for it.

    Returns:
        `rebase`, `am`, `merge`, `cherry-pick`, `revert`, `bisect` or `None`.
    """
    if (own / "rebase-merge").is_dir():
        return "rebase"
    if (own / "rebase-apply").is_dir():
        return "am" if (own / "rebase-apply/applying").exists() else "rebase"
    for name, kind in (("MERGE_HEAD", "merge"), ("CHERRY_PICK_HEAD", "cherry-pick"), ("REVERT_HEAD", "revert")):
        if (own / name).exists():
            return kind
    if word := _sequenced(own / "sequencer/todo"):
        return word
    return "bisect" if (own / "BISECT_LOG").exists() else None


def _sequenced(todo: Path) -> str | None:
    """Between two steps of a cherry-pick or revert of several commits only the list of what is left tells."""
    try:
        with todo.open("rb") as file:
            first = file.readline(200).split(b" ")[0]
    except OSError:
        return None
    return {b"pick": "cherry-pick", b"revert": "revert"}.get(first)
