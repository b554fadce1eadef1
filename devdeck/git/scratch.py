"""A copy of a worktree's index to work with, so that the user's own stays as it is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devdeck.git.process import git


@contextmanager
def scratch_index(own: Path) -> Iterator[dict[str, str]]:
    """Copy the index of a git directory; the copy is removed at the end.

    The copy keeps the time stamp, by which git tells entries that may have changed since the index was written.

    Args:
        own: Git directory of the worktree.

    Yields:
        Environment that makes git use the copy.
    """
    with tempfile.TemporaryDirectory(prefix="devdeck-index-") as folder:
        copy = Path(folder) / "index"
        if (own / "index").exists():
            shutil.copy2(own / "index", copy)
        yield {"GIT_INDEX_FILE": str(copy)}


@contextmanager
def fresh_index() -> Iterator[dict[str, str]]:
    """An index with nothing in it; gone at the end. Yields the environment that makes git use it."""
    with tempfile.TemporaryDirectory(prefix="devdeck-index-") as folder:
        yield {"GIT_INDEX_FILE": str(Path(folder) / "index")}


def untracked(worktree: str, env: dict[str, str] | None = None, timeout: float = 30.0) -> tuple[str, ...]:
    """Paths that are neither tracked nor ignored; of a repository inside the worktree its folder, with a `/` behind."""
    raw = git(worktree, "ls-files", "-z", "--others", "--exclude-standard", timeout=timeout, env=env).stdout
    return tuple(os.fsdecode(path) for path in raw.split(b"\0") if path)


def ignored(worktree: str, env: dict[str, str] | None = None, timeout: float = 30.0) -> tuple[str, ...]:
    """Paths that git ignores; of a folder in which nothing else is only the folder, with a `/` behind."""
    raw = git(
        worktree, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory",
        timeout=timeout, env=env,
    ).stdout  # fmt: skip
    found: list[str] = []
    for path in sorted(os.fsdecode(path) for path in raw.split(b"\0") if path):
        # Of a folder that ignores itself, by a file in it, git lists the folder and what is in it.
        if not (found and found[-1].endswith("/") and path.startswith(found[-1])):
            found.append(path)
    return tuple(found)
