"""What was committed and what is not yet: the last commits, and the diff against HEAD."""

from __future__ import annotations

import os
from pathlib import Path

from devdeck.git.process import git
from devdeck.git.scratch import scratch_index, untracked
from devdeck.git.status import require_worktree
from devdeck.model import Commit
from devdeck.text import one_line

NEW_FILES = 200
"""Most untracked files that a diff shows; the others are only counted."""
NEW_FILE_BYTES = 256 * 2**10
"""Largest untracked file that a diff shows."""

_FORMAT = "--format=tformat:%H%x00%an%x00%ct%x00%s"


def commits(worktree: str, limit: int = 10, timeout: float = 10.0) -> tuple[Commit, ...]:
    """The last commits of HEAD, newest first; none before the first commit.

    Args:
        worktree: Top folder of the worktree.
        limit: How many at most.
        timeout: Seconds.

    Raises:
        NotFound: There is no worktree (any more).
        DeckError: git failed, or took longer than `timeout` seconds.
    """
    require_worktree(worktree)
    if _head(worktree) is None:
        return ()
    raw = git(
        worktree, "log", "-z", "--no-patch", "--no-show-signature", "--encoding=UTF-8", f"--max-count={max(0, limit)}",
        _FORMAT, "HEAD", "--", timeout=timeout,
    ).stdout  # fmt: skip
    fields = [field.decode("utf-8", "replace") for field in raw.split(b"\0")]
    return tuple(
        Commit(oid=oid, author=author, at=float(at or 0), subject=subject)
        for oid, author, at, subject in zip(*(iter(fields[: len(fields) // 4 * 4]),) * 4, strict=True)
    )


def _head(worktree: str) -> str | None:
    found = git(worktree, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False)
    if found.status != 0:
        git(worktree, "rev-parse", "--git-dir")
        return None
    return found.text.strip()


def head_or_empty(worktree: str) -> str:
    """The object id of HEAD's commit, or of the empty tree before the first commit."""
    head = _head(worktree)
    if head is not None:
        return head
    return git(worktree, "hash-object", "-t", "tree", "--stdin", input=b"").text.strip()


def diff(worktree: str, limit_bytes: int = 2_000_000, timeout: float = 30.0) -> str:
    """Everything that is not committed, as a unified diff against HEAD: staged, unstaged and new files.

    No external diff, text converter, pager or colour. Of untracked files, up to `NEW_FILES` of at most
    `NEW_FILE_BYTES` are shown; a line at the end counts the others. During conflicts it shows the files with their
    conflict marks.

    Args:
        worktree: Top folder of the worktree.
        limit_bytes: Where to cut; a last line says so.
        timeout: Seconds for each call of git.

    Raises:
        NotFound: There is no worktree (any more).
        DeckError: git failed or took too long.
    """
    own = require_worktree(worktree)
    with scratch_index(own) as env:
        new, left = _shown(worktree, untracked(worktree, timeout=timeout))
        if new:
            git(
                worktree, "-c", "core.splitIndex=false", "add", "--intent-to-add", "--ignore-errors",
                "--pathspec-from-file=-", "--pathspec-file-nul", check=False, timeout=timeout,
                env={**env, "GIT_LITERAL_PATHSPECS": "1"}, input=b"\0".join(os.fsencode(path) for path in new),
            )  # fmt: skip
        output = git(
            worktree, "-c", "core.splitIndex=false", "diff", "--patch", "--no-ext-diff", "--no-textconv", "--no-color",
            "--submodule=short", "--src-prefix=a/", "--dst-prefix=b/", "--find-renames", head_or_empty(worktree), "--",
            env=env, timeout=timeout, limit=limit_bytes,
        )  # fmt: skip
    text = output.stdout.decode("utf-8", "replace")
    notes = []
    if output.cut:
        text = text[: text.rfind("\n") + 1]
        notes.append(f"… cut after {limit_bytes} bytes")
    if left:
        examples = ", ".join(one_line(path, limit=80) for path in left[:5])
        notes.append(f"… {len(left)} more untracked: {examples}{', …' if len(left) > 5 else ''}")
    return text + "".join(f"{note}\n" for note in notes)


def _shown(worktree: str, paths: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Which untracked paths a diff shows, and which it only counts."""
    shown: list[str] = []
    left: list[str] = []
    for path in paths:
        good = len(shown) < NEW_FILES and not path.endswith("/") and _small(Path(worktree, path))
        (shown if good else left).append(path)
    return shown, left


def _small(path: Path) -> bool:
    try:
        return path.lstat().st_size <= NEW_FILE_BYTES
    except OSError:
        return False
