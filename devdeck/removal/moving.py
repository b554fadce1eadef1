"""Moving, measuring and deleting folders that hold other people's work.

Within one file system a move is one rename: every byte, mode, time stamp, empty folder and open file stays as it is,
and what still runs in the folder goes on in it. Between file systems the folder is copied with all that a file system
keeps, compared, and only then deleted. Symbolic links are never followed.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import stat
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from devdeck.errors import DeckError
from devdeck.text import one_line

_HOLES = 2**20
"""Bytes from which on holes in a file are looked for: some file systems tell late what a small one takes."""


def move(source: str, target: str, key: str) -> None:
    """Move a file or folder. May be called again after it was cut off anywhere; then it goes on.

    Args:
        source: What to move. When it is not there and `target` is, it was moved before.
        target: Where to; its parent is made. An empty folder there is replaced.
        key: Names this move: what is left of one that was cut off is told from other people's folders by it.

    Raises:
        DeckError: It can't be moved, or something else is at `target`; `source` is as it was.
    """
    aside, partial = _names(source, target, key)
    try:
        if os.path.lexists(aside):
            _finish_copy(source, aside, partial, target)
        elif os.path.lexists(source):
            if _occupied(target):
                raise DeckError(
                    f"can't move {one_line(source)} to {one_line(target)}: something is there already",
                    "move that away first",
                    code="exists",
                )
            os.makedirs(os.path.dirname(target), exist_ok=True)
            _rename_or_copy(source, aside, partial, target)
        elif not os.path.lexists(target):
            raise DeckError(f"can't move {one_line(source)}: it is gone", "was it moved or removed meanwhile?")
    except OSError as error:
        raise DeckError(f"can't move {one_line(source)} to {one_line(target)}: {error.strerror}") from error


def move_back(source: str, target: str, key: str, *, ours: bool) -> None:
    """Take `move(source, target, key)` back, as far as it was done; nothing to do is no error.

    Args:
        source: As it was given to `move`.
        target: As it was given to `move`.
        key: As it was given to `move`.
        ours: Whether nobody but this move can have made `target`. Otherwise, while `source` is there, what is at
            `target` is somebody else's and left alone.

    Raises:
        DeckError: It can't be moved back; all of it is at `target`.
    """
    aside, partial = _names(source, target, key)
    if not ours and _occupied(source) and not os.path.lexists(aside):
        return
    try:
        if os.path.lexists(aside) and not os.path.lexists(target):
            delete_tree(partial)
            os.rename(aside, source)
            return
        delete_tree(aside)
    except OSError as error:
        raise DeckError(f"can't move {one_line(target)} back to {one_line(source)}: {error.strerror}") from error
    back_aside, _ = _names(target, source, key)
    if os.path.lexists(target) or os.path.lexists(back_aside):
        move(target, source, key)


def _names(source: str, target: str, key: str) -> tuple[str, str]:
    """Where a copied folder waits for its end, and where its copy grows."""
    parent, name = os.path.split(source)
    return os.path.join(parent, f".{name}.devdeck-{key}"), f"{target}.devdeck-{key}"


def _occupied(path: str) -> bool:
    if not os.path.lexists(path):
        return False
    return os.path.islink(path) or not os.path.isdir(path) or bool(os.listdir(path))


def _rename_or_copy(source: str, aside: str, partial: str, target: str) -> None:
    try:
        _rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Out of the way first, so that nothing new is written below the old name while the copy is made.
        _rename(source, aside)
        _finish_copy(source, aside, partial, target)


def _rename(source: str, target: str) -> None:
    if os.path.isdir(target) and not os.path.islink(source) and os.path.isdir(source):
        os.rmdir(target)
    try:
        os.rename(source, target)
    except PermissionError:
        # A folder that may not be written in can't be moved to another parent, although that changes nothing in it.
        mode = os.lstat(source).st_mode
        if not stat.S_ISDIR(mode) or mode & stat.S_IWUSR:
            raise
        os.chmod(source, stat.S_IMODE(mode) | stat.S_IWUSR)
        try:
            os.rename(source, target)
        except BaseException:
            os.chmod(source, stat.S_IMODE(mode))
            raise
        os.chmod(target, stat.S_IMODE(mode))


def _finish_copy(source: str, aside: str, partial: str, target: str) -> None:
    if not os.path.lexists(target):
        try:
            delete_tree(partial)
            copy_tree(aside, partial)
            if difference := difference_of(aside, partial):
                raise DeckError(f"the copy of {one_line(source)} differs: {difference}", "is something writing there?")
            os.rename(partial, target)
        except BaseException:
            with suppress(OSError):
                delete_tree(partial)
            if not os.path.lexists(target):
                os.rename(aside, source)
            raise
    delete_tree(aside)


def copy_tree(source: str, target: str) -> None:
    """Copy a file or folder with modes, times, links (hard ones too), pipes, sockets and extended attributes.

    Raises:
        OSError: Something can't be read or made.
    """
    _copy(source, target, {})


def _copy(source: str, target: str, seen: dict[tuple[int, int], str]) -> None:
    found = os.lstat(source)
    kind = stat.S_IFMT(found.st_mode)
    if kind == stat.S_IFDIR:
        os.mkdir(target, 0o700)
        with os.scandir(source) as entries:
            for entry in entries:
                _copy(entry.path, os.path.join(target, entry.name), seen)
    elif found.st_nlink > 1 and (first := seen.get((found.st_dev, found.st_ino))):
        os.link(first, target, follow_symlinks=False)
        return
    elif kind == stat.S_IFLNK:
        os.symlink(os.readlink(source), target)
    elif kind == stat.S_IFREG:
        shutil.copyfile(source, target, follow_symlinks=False)
    elif kind == stat.S_IFIFO:
        os.mkfifo(target)
    else:
        os.mknod(target, found.st_mode, found.st_rdev)
    seen[(found.st_dev, found.st_ino)] = target
    if os.geteuid() == 0:
        os.chown(target, found.st_uid, found.st_gid, follow_symlinks=False)
    shutil.copystat(source, target, follow_symlinks=False)


def difference_of(left: str, right: str) -> str:
    """What differs between two files or folders, links and modes too, in words; empty when nothing does."""
    a, b = os.lstat(left), os.lstat(right)
    if a.st_mode != b.st_mode:
        return f"mode of {one_line(left)}"
    if stat.S_ISDIR(a.st_mode):
        names = sorted(os.listdir(left))
        if names != sorted(os.listdir(right)):
            return f"names in {one_line(left)}"
        differences = (difference_of(os.path.join(left, name), os.path.join(right, name)) for name in names)
        return next((found for found in differences if found), "")
    if stat.S_ISLNK(a.st_mode):
        return "" if os.readlink(left) == os.readlink(right) else f"target of {one_line(left)}"
    if stat.S_ISREG(a.st_mode) and not filecmp.cmp(left, right, shallow=False):
        return f"content of {one_line(left)}"
    return ""


def delete_tree(path: str) -> None:
    """Delete a file or folder for good, also folders that may not be written in; nothing there is no error.

    Raises:
        OSError: Something of it can't be deleted.
    """
    if not os.path.lexists(path):
        return
    if os.path.islink(path) or not os.path.isdir(path):
        os.unlink(path)
        return

    def allow(function: Callable[..., object], name: str, failure: object) -> None:
        error = failure[1] if isinstance(failure, tuple) else failure
        if isinstance(error, FileNotFoundError):
            return
        if not isinstance(error, PermissionError):
            raise error  # type: ignore[misc]
        for folder in (os.path.dirname(name), name):
            if os.path.isdir(folder) and not os.path.islink(folder):
                os.chmod(folder, stat.S_IRWXU)
        if os.path.isdir(name) and not os.path.islink(name):
            shutil.rmtree(name)
        else:
            os.unlink(name)

    shutil.rmtree(path, onerror=allow)


class Extent(msgspec.Struct, frozen=True):
    """How much a file or folder holds."""

    size: int
    """Bytes in its files, as `ls -l` shows them: no blocks, no folders; what is hard-linked several times counts once,
    holes in large files don't count."""
    files: int
    repository: bool
    """Whether there is a git repository in it."""
    complete: bool
    """Whether all of it was looked at; the numbers are lower bounds otherwise."""


def measure(path: str, *, entries: int = 1_000_000, seconds: float = 10.0) -> Extent:
    """Measure a file or folder, as far as that goes within bounds. What can't be read counts nothing.

    Args:
        path: What to measure; symbolic links in it are not followed.
        entries: Most files and folders to look at.
        seconds: Longest time to spend.
    """
    deadline = time.monotonic() + seconds
    size = files = looked = 0
    repository = False
    linked: set[tuple[int, int]] = set()
    pending = [path]
    while pending:
        here = pending.pop()
        try:
            found = os.lstat(here)
        except OSError:
            continue
        looked += 1
        if looked > entries or (looked % 256 == 0 and time.monotonic() > deadline):
            return Extent(size, files, repository, complete=False)
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            if (found.st_dev, found.st_ino) in linked:
                continue
            linked.add((found.st_dev, found.st_ino))
        if not stat.S_ISDIR(found.st_mode):
            size += _content(found)
            files += 1
            continue
        with suppress(OSError):
            names = os.listdir(here)
            repository = repository or ".git" in names or {"HEAD", "objects", "refs"} <= set(names)
            pending += [os.path.join(here, name) for name in names]
    return Extent(size, files, repository, complete=True)


def _content(found: os.stat_result) -> int:
    """Bytes in a file. Disks of machines are files of many empty gigabytes, for which no other work should go."""
    return min(found.st_size, max(found.st_blocks * 512, _HOLES))


def size_words(size: int) -> str:
    """A size in words, with the units of the settings, which count in 1024: `812 MiB`, `1.4 GiB`, `1 byte`."""
    value, unit = float(size), "byte" if size == 1 else "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    whole = unit.startswith("byte") or value >= 10 or value == int(value)
    return f"{value:.0f} {unit}" if whole else f"{value:.1f} {unit}"
