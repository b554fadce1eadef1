"""Files below an open folder, reached one name at a time and never through a link."""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager

Parts = tuple[str, ...]
"""Names from the top of a tree."""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags to open a folder that is no link."""
CHUNK = 1 << 20
"""Bytes read or written at once."""
_FICLONE = 0x40049409  # linux/fs.h, _IOW(0x94, 9, int): share the extents of one file with another


@contextmanager
def descend(root: int, parts: Parts) -> Iterator[int]:
    """An open folder below another one, not through links."""
    descriptor = os.dup(root)
    try:
        for name in parts:
            inner = os.open(name, FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def descend_path(root: str, parts: Parts) -> Iterator[int]:
    """An open folder below a tree's top, which may be reached through links itself."""
    descriptor = os.open(os.path.realpath(root), FOLDER)
    try:
        with descend(descriptor, parts) as folder:
            yield folder
    finally:
        os.close(descriptor)


def readlink(folder: int, name: str) -> str | None:
    """Where a link in an open folder leads; `None` when it is no link, or gone."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return None


def same_file(folder: int, name: str, original: int, info: os.stat_result) -> bool:
    """Whether a file has the same bytes as an open one."""
    try:
        other = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    try:
        its = os.fstat(other)
        if not stat.S_ISREG(its.st_mode) or its.st_size != info.st_size:
            return False
        offset = 0
        while True:
            ours, theirs = os.pread(original, CHUNK, offset), os.pread(other, CHUNK, offset)
            if ours != theirs:
                return False
            if not ours:
                return True
            offset += len(ours)
    finally:
        os.close(other)


def clone(original: int, copy: int) -> bool:
    """Let a new file share the bytes of another until one of them changes; false where the file system can't."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        fcntl.ioctl(copy, _FICLONE, original)
    except OSError:
        return False
    return True
