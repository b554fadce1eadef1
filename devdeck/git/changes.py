"""Uncommitted work of a worktree, moved into another one of the same repository, byte for byte.

The files themselves are copied and then compared, since objects of git may differ from them (filters, line endings);
what is staged goes entry by entry. Every function may be called again after it was cut off anywhere, and at each moment
every byte is in one of the two worktrees at least.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from devdeck.errors import DeckError, NotFound, Refused
from devdeck.git.changing import PATIENCE
from devdeck.git.process import git
from devdeck.git.refs import resolve_commit
from devdeck.git.repository import git_dir
from devdeck.git.scratch import scratch_index, untracked
from devdeck.git.status import entries, operation, require_worktree
from devdeck.text import one_line

_TIMEOUT = 300.0
_LINK = "160000"
_MISSING = "000000"
_FRESH = ".devdeck-moving~"
"""Where a file is copied to before it takes its place: on the same file system, and overwritten by the next."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a worktree has that its HEAD has not."""

    head: str
    """Object id of the commit that HEAD is at."""
    index: str
    """Tree of what is staged."""
    files: str
    """Tree of all files that are not ignored, as git would store them."""
    intended: tuple[str, ...] = ()
    """Paths staged with `git add --intent-to-add`, which no tree shows."""


class Entry(msgspec.Struct, frozen=True):
    """One path that differs between two trees."""

    path: str
    old_mode: str
    old_oid: str
    mode: str
    oid: str

    @property
    def gone(self) -> bool:
        """Whether the second tree has it not."""
        return self.mode == _MISSING


def look(worktree: str) -> Changes:
    """What is uncommitted in a worktree. Only objects are written; index and files stay as they are.

    Raises:
        Refused: It can't be moved: a merge, rebase or the like is in progress, files are in conflict, a submodule or a
            repository inside has changes of its own.
        NotFound: There is no worktree, or no commit yet.
        DeckError: git failed, for instance on a file that can't be read.
    """
    own = require_worktree(worktree)
    if own == Path(worktree):
        raise NotFound(f"{one_line(worktree, limit=300)} is a bare repository, which has no files to change")
    if word := operation(own):
        raise Refused(f"a {word} is in progress in {worktree}", "finish or abort it first")
    head = resolve_commit(worktree, "HEAD")
    raw = git(
        worktree, "status", "--porcelain=v2", "--untracked-files=all", "--ignore-submodules=dirty", "-z",
        timeout=_TIMEOUT,
    ).stdout  # fmt: skip
    codes = tuple(entries(raw))
    if conflicts := [path for code, path in codes if code.startswith("U:")]:
        raise Refused(f"{_named(conflicts)} in conflict in {worktree}", "settle the conflict first")
    if nested := [path for path in untracked(worktree, timeout=_TIMEOUT) if path.endswith("/")]:
        raise Refused(f"{_named(nested)}: a repository inside {worktree}, which can't be moved", "move it out first")
    changes = Changes(
        head=head,
        index=_tree(worktree, own, add=False),
        files=_tree(worktree, own, add=True),
        intended=tuple(path for code, path in codes if code == " A"),
    )
    links = [each.path for each in touched(worktree, changes) if _LINK in (each.mode, each.old_mode)]
    if links:
        raise Refused(f"{_named(links)}: a changed submodule, which can't be moved", "commit it first")
    return changes


def _named(paths: list[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return one_line(", ".join(paths[:3]), limit=200) + more


def _tree(worktree: str, own: Path, *, add: bool) -> str:
    with scratch_index(own) as env:
        if add:
            git(worktree, "-c", "core.splitIndex=false", "add", "--all", "--", ":(top)", env=env, timeout=_TIMEOUT)
        return git(worktree, "write-tree", env=env, timeout=_TIMEOUT).text.strip()


def differing(worktree: str, old: str, new: str) -> tuple[Entry, ...]:
    """The paths that differ between two trees or commits."""
    raw = git(
        worktree, "diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old, new, "--", timeout=_TIMEOUT
    ).stdout
    fields = iter(raw.split(b"\0"))
    found = []
    for field in fields:
        if field.startswith(b":"):
            old_mode, mode, old_oid, oid, _ = field[1:].decode().split(" ")
            found.append(Entry(os.fsdecode(next(fields)), old_mode, old_oid, mode, oid))
    return tuple(found)


def touched(worktree: str, changes: Changes) -> tuple[Entry, ...]:
    """All paths that are uncommitted, staged or not; each once, as the files have it."""
    found = {entry.path: entry for entry in differing(worktree, changes.head, changes.index)}
    found |= {entry.path: entry for entry in differing(worktree, changes.head, changes.files)}
    return tuple(found.values())


def in_the_way(worktree: str, changes: Changes, commit: str) -> tuple[str, ...]:
    """Paths that are uncommitted and that another commit has otherwise than HEAD: they can't be moved onto it."""
    other = {entry.path for entry in differing(worktree, changes.head, commit)}
    return tuple(sorted(entry.path for entry in touched(worktree, changes) if _meets(entry.path, other)))


def _meets(path: str, others: set[str]) -> bool:
    """Whether a path is one of the others, lies in one, or would be the folder of one."""
    parts = path.split("/")
    if any("/".join(parts[:count]) in others for count in range(1, len(parts) + 1)):
        return True
    return any(other.startswith(f"{path}/") for other in others)


def require_same(worktree: str, changes: Changes) -> None:
    """Make sure that a worktree is as it was looked at.

    Raises:
        DeckError: It has changed since.
    """
    if look(worktree) != changes:
        raise DeckError(f"{worktree} was changed while its changes were being moved", "try again", code="changed")


def put(source: str, destination: str, changes: Changes) -> None:
    """Copy the changes of one worktree into another one that is clean. The source stays as it is.

    Raises:
        DeckError: The source has changed since it was looked at, or a file can't be copied.
    """
    _sweep(source, destination)
    require_same(source, changes)
    moved = differing(source, changes.head, changes.files)
    for entry in _deepest_first(moved):
        if not _is_file(_at(source, entry.path)):
            _remove(destination, entry.path)
    for entry in moved:
        if _is_file(_at(source, entry.path)):
            _copy(source, destination, entry.path)
    _stage(destination, differing(source, changes.head, changes.index), changes.intended)
    require_same(source, changes)


def put_back(source: str, destination: str, changes: Changes) -> None:
    """Take `put` back: what the source has too goes from the destination; what only that has stays there."""
    if git_dir(source) is None or git_dir(destination) is None:
        return
    _sweep(source, destination)
    moved = differing(source, changes.head, changes.files)
    held = [entry for entry in moved if _same(_at(source, entry.path), _at(destination, entry.path))]
    if _index_of(source) == changes.index:
        staged = {entry.path: entry for entry in differing(destination, changes.head, changes.index)}
        now = differing(destination, changes.head, _index_of(destination))
        _unstage(destination, [entry for entry in now if staged.get(entry.path) == entry], changes.intended)
    for entry in _deepest_first(held):
        if entry.old_mode == _MISSING:
            _remove(destination, entry.path)
    _restore(destination, [entry for entry in held if entry.old_mode != _MISSING])


def take(source: str, destination: str, changes: Changes) -> None:
    """Take changes out of a worktree of which another one has all bytes: it is as its HEAD afterwards.

    Raises:
        DeckError: A file is not in the other one as it is here, because somebody writes to it; it is left as it is.
    """
    index = _index_of(source)
    staged = differing(source, changes.head, changes.index)
    if index == changes.index:
        _unstage(source, staged, changes.intended)
    elif index != _tree_of(source, changes.head):
        raise DeckError(f"something else was staged in {source} meanwhile", "try again", code="changed")
    left = _uncommitted(source, changes)
    rest = [entry for entry in differing(source, changes.head, changes.files) if entry.path in left]
    for entry in _deepest_first(rest):
        if not _same(_at(source, entry.path), _at(destination, entry.path)):
            where = one_line(_at(source, entry.path), limit=300)
            raise DeckError(f"{where} was changed while it was being moved", "try again", code="changed")
        if entry.old_mode == _MISSING:
            _remove(source, entry.path)
    _restore(source, [entry for entry in rest if entry.old_mode != _MISSING])


def give_back(source: str, destination: str, changes: Changes) -> None:
    """Take `take` back: the source has its changes again, from the destination. What was changed since stays."""
    if git_dir(source) is None or git_dir(destination) is None:
        return
    _sweep(source, destination)
    left = _uncommitted(source, changes)
    taken = [entry for entry in differing(source, changes.head, changes.files) if entry.path not in left]
    for entry in _deepest_first(taken):
        if entry.gone and not _is_file(_at(destination, entry.path)):
            _remove(source, entry.path)
    for entry in taken:
        if _is_file(_at(destination, entry.path)):
            _copy(destination, source, entry.path)
    if _index_of(source) in (_tree_of(source, changes.head), changes.index):
        _stage(source, differing(source, changes.head, changes.index), changes.intended)


def _uncommitted(worktree: str, changes: Changes) -> set[str]:
    """Paths of which the files differ from the commit now."""
    now = _tree(worktree, require_worktree(worktree), add=True)
    return {entry.path for entry in differing(worktree, changes.head, now)}


def _index_of(worktree: str) -> str:
    return _tree(worktree, require_worktree(worktree), add=False)


def _tree_of(worktree: str, commit: str) -> str:
    return git(worktree, "rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}").text.strip()


# Staging


def _stage(worktree: str, staged: Iterable[Entry], intended: tuple[str, ...]) -> None:
    _write_index(worktree, [(entry.mode, entry.oid, entry.path) for entry in staged])
    if intended:
        _with_paths(worktree, intended, "add", "--intent-to-add", "--force")


def _unstage(worktree: str, staged: Iterable[Entry], intended: tuple[str, ...]) -> None:
    rows = [(entry.old_mode, entry.old_oid, entry.path) for entry in staged]
    _write_index(worktree, [*rows, *((_MISSING, "", path) for path in intended)])


def _write_index(worktree: str, rows: list[tuple[str, str, str]]) -> None:
    """Set entries of the index, in one write; those of mode 000000 are taken out, first."""
    if not rows:
        return
    rows = sorted(rows, key=lambda row: row[0] != _MISSING)
    nothing = "0" * len(_tree_of(worktree, "HEAD"))
    data = b"".join(f"{mode} {oid or nothing}\t".encode() + os.fsencode(path) + b"\0" for mode, oid, path in rows)
    _patiently(worktree, "update-index", "-z", "--index-info", data=data)


def _restore(worktree: str, paths: list[Entry]) -> None:
    """Write files as the index has them."""
    if not paths:
        return
    for entry in paths:
        _clear_way(worktree, entry.path)
    data = b"".join(os.fsencode(entry.path) + b"\0" for entry in paths)
    _patiently(worktree, "checkout-index", "--force", "--index", "-z", "--stdin", data=data)


def _with_paths(worktree: str, paths: Iterable[str], *args: str) -> None:
    data = b"".join(b":(top,literal)" + os.fsencode(path) + b"\0" for path in paths)
    _patiently(worktree, *args, "--pathspec-from-file=-", "--pathspec-file-nul", data=data)


def _patiently(worktree: str, *args: str, data: bytes) -> None:
    """Call git, again for a few seconds while another git holds the index."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            git(worktree, "-c", "core.splitIndex=false", *args, input=data, timeout=_TIMEOUT)
            return
        except DeckError as error:
            if "index.lock" not in error.message or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


# Files


def _at(worktree: str, path: str) -> str:
    return os.path.join(worktree, path)


def _deepest_first(paths: Iterable[Entry]) -> list[Entry]:
    return sorted(paths, key=lambda entry: entry.path, reverse=True)


def _is_file(path: str) -> bool:
    return os.path.islink(path) or os.path.isfile(path)


def _same(one: str, other: str) -> bool:
    """Whether two paths are the same: the same bytes and executable alike, links to the same, or both no file."""
    if not _is_file(one) or not _is_file(other):
        return not _is_file(one) and not _is_file(other)
    if os.path.islink(one) or os.path.islink(other):
        return os.path.islink(one) and os.path.islink(other) and os.readlink(one) == os.readlink(other)
    if (os.stat(one).st_mode ^ os.stat(other).st_mode) & stat.S_IXUSR:
        return False
    filecmp.clear_cache()
    return filecmp.cmp(one, other, shallow=False)


def _copy(source: str, destination: str, path: str) -> None:
    """Copy a file or link, bytes, mode and times, never through a link and never in parts."""
    fresh = _at(destination, _FRESH)
    target = _at(destination, path)
    _sweep(destination)
    try:
        _clear_way(destination, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(_at(source, path), fresh, follow_symlinks=False)
        os.replace(fresh, target)
    except OSError as error:
        where = one_line(error.filename or target, limit=300)
        raise DeckError(f"can't copy {where}: {error.strerror}", "is the disk full?") from error


def _sweep(*worktrees: str) -> None:
    """Remove what a copy left that was cut off."""
    for worktree in worktrees:
        with suppress(FileNotFoundError):
            os.unlink(_at(worktree, _FRESH))


def _clear_way(worktree: str, path: str) -> None:
    """Make sure that no link leads out of the worktree on the way to a path: such a link is an error.

    Raises:
        DeckError: There is one.
    """
    folder = worktree
    for part in path.split("/")[:-1]:
        folder = os.path.join(folder, part)
        if os.path.islink(folder):
            raise DeckError(f"{one_line(folder, limit=300)} is a link where a folder should be", "move it away")


def _remove(worktree: str, path: str) -> None:
    """Remove a file or link, and the folders that are empty without it."""
    target = Path(worktree, path)
    _clear_way(worktree, path)
    if not _is_file(str(target)):
        return
    target.unlink()
    for folder in target.parents:
        if folder == Path(worktree):
            break
        try:
            folder.rmdir()
        except OSError:
            break
