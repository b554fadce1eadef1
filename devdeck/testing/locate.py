"""From a path in a failure to lines of source: only regular files inside the worktree, links followed first."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from devdeck.errors import DeckError, NotFound
from devdeck.live import SourceView

MAX_SOURCE = 8 * 1024 * 1024
"""Larger files are not shown, in bytes."""

MAX_COLUMNS = 2000
"""Longest line shown, in characters; what is cut is marked by `…`."""

_LINE_BREAK = re.compile(rb"\r\n|\r|\n")


def find_source(worktree: Path, cwd: Path, path: str, *, files: Iterable[str] = ()) -> Path | None:
    """The file that a runner meant. Runs nothing; a few `stat` calls.

    Args:
        worktree: Root of the worktree, absolute.
        cwd: Folder that the tests ran in, absolute.
        path: As the runner said it: absolute, or relative to `cwd` or to the worktree.
        files: Paths of the worktree's files, relative to it (as `git ls-files` prints them). When nothing else is
            found, the one whose end equals `path` is taken, if it is the only one.

    Returns:
        The file's real path; `None` when there is no such regular file of bounded size inside the worktree.
    """
    if not path or "\0" in path:
        return None
    try:
        root = worktree.resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    for base in dict.fromkeys((cwd, worktree)):
        if (found := _inside(root, base / path)) is not None:
            return found
    wanted = "/" + os.path.normpath(path).lstrip("/")
    matching = [name for name in files if ("/" + name).endswith(wanted)]
    return _inside(root, root / matching[0]) if len(matching) == 1 else None


def _inside(root: Path, path: Path) -> Path | None:
    try:
        real = path.resolve(strict=True)
        status = real.lstat()
    except (OSError, RuntimeError, ValueError):
        return None
    if not real.is_relative_to(root) or not stat.S_ISREG(status.st_mode) or status.st_size > MAX_SOURCE:
        return None
    return real


def read_source(path: Path, line: int, context: int = 8) -> SourceView:
    """Lines of a file around a place.

    Args:
        path: A file found by `find_source`.
        line: From 1. When the file has become shorter, its last lines are shown.
        context: Lines before and after, 0 and more.

    Returns:
        The lines, bytes that are not UTF-8 replaced and long lines cut. Lines end as Python counts
        them: at line feed, carriage return, or both.

    Raises:
        NotFound: The file is gone, or is no regular file any more.
        DeckError: It can't be read, or has become too large.
    """
    lines = _LINE_BREAK.split(_read(path))
    if lines[-1] == b"":
        lines.pop()
    middle = min(max(line, 1), max(len(lines), 1))
    first = max(1, middle - max(context, 0))
    last = min(len(lines), middle + max(context, 0))
    shown = tuple(_shown(raw) for raw in lines[first - 1 : last])
    return SourceView(path=str(path), first_line=first, line=line, lines=shown)


def _read(path: Path) -> bytes:
    try:
        # Not through a link or into a pipe that took the file's place since it was found.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise NotFound(f"{path} is no regular file any more")
            data = stream.read(MAX_SOURCE + 1)
    except FileNotFoundError as error:
        raise NotFound(f"{path} is gone", "it was there when the tests ran") from error
    except OSError as error:
        raise DeckError(f"can't read {path}: {error.strerror}", "check its permissions") from error
    if len(data) > MAX_SOURCE:
        raise DeckError(f"{path} is too large to show", f"at most {MAX_SOURCE >> 20} MiB are")
    return data


def _shown(raw: bytes) -> str:
    text = raw[: MAX_COLUMNS * 4 + 4].decode("utf-8", errors="replace")
    return text if len(text) <= MAX_COLUMNS else text[: MAX_COLUMNS - 1] + "…"
