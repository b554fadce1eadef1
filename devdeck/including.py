"""Files of the main worktree that a new worktree gets too: found by patterns, copied, cloned or linked.

Nothing is read or written outside of the two trees. Folders are opened one name at a time and never through a link,
so neither a link in the main worktree nor one that a branch brought into the new worktree leads anywhere else. What is
in the new worktree already is never replaced. What was put there is written down beforehand, in git's own folder of
the worktree, so that it can be taken back after a kill; what was changed since is left.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec

from devdeck.errors import DeckError, NotFound, Refused
from devdeck.git.repository import git_dir
from devdeck.patterns import is_git_name, is_literal, matches, parts_of
from devdeck.repo_config import Include, Mode
from devdeck.text import one_line

Parts = tuple[str, ...]
"""Names from the top of a tree."""

MANIFEST = "devdeck-included.jsonl"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FICLONE = 0x40049409  # linux/fs.h, _IOW(0x94, 9, int): share the extents of one file with another
_CHUNK = 1 << 20
_DEEPEST = 100
_SCAN_LIMIT = 2_000_000
_NOTES_LIMIT = 50


class Limits(msgspec.Struct, frozen=True):
    """How much may be included in one worktree."""

    files: int = 100_000
    """Files, folders and links."""
    size: int = 5 * 2**30
    """Bytes of the files in all."""


LIMITS = Limits()


class Survey(msgspec.Struct, frozen=True):
    """What including would bring."""

    files: int
    size: int
    """Bytes."""
    warnings: tuple[str, ...] = ()
    """Patterns that match nothing, and what can't be included."""


def survey(source: str, includes: Sequence[Include], *, worktree: str = "", limits: Limits = LIMITS) -> Survey:
    """What including would bring, and whether it may. Changes nothing.

    Args:
        source: Main worktree.
        includes: What is wanted.
        worktree: The new worktree, never included in itself; it need not exist.
        limits: How much is allowed.

    Raises:
        Refused: A link leads out of the repository; it is named.
        DeckError: It is more than allowed, or can't be read.
    """
    look = _Look(source, worktree, limits)
    look.go(includes)
    return Survey(look.files, look.size, tuple(look.notes))


def include(source: str, worktree: str, includes: Sequence[Include], *, key: str, limits: Limits = LIMITS) -> None:
    """Bring files into a worktree. May be called again after it was cut off. See `notes` for what was left out.

    Args:
        source: Main worktree.
        worktree: The new worktree; what is there already stays as it is.
        includes: What is wanted.
        key: Name of this act, for `take_back`.
        limits: How much is allowed.

    Raises:
        Refused: A link leads out of the repository; it is named.
        DeckError: It is more than allowed, or reading or writing failed.
    """
    if os.path.realpath(source) == os.path.realpath(worktree) or not os.path.isdir(source):
        return
    with _Manifest.open(worktree, key) as manifest:
        for entry in manifest.entries():
            _remove_temporary(worktree, entry)
        with _Copy(source, worktree, limits, manifest) as copy:
            copy.go(includes)
            copy.finish()


def notes(worktree: str) -> tuple[str, ...]:
    """What the last act of including left out of a worktree, and why; empty when there was none."""
    own = git_dir(worktree)
    if own is None or not (own / MANIFEST).exists():
        return ()
    with _Manifest.open(worktree, "") as manifest:
        entries = manifest.all_entries()
    last = next((entry["key"] for entry in reversed(entries) if entry["is"] != "undone"), None)
    return tuple(str(entry["path"]) for entry in entries if entry["key"] == last and entry["is"] == "note")


def take_back(worktree: str, *, key: str) -> tuple[str, ...]:
    """Remove what an act of including brought into a worktree, as far as it is unchanged.

    Returns:
        What was changed since, and is left, relative to the worktree.
    """
    own = git_dir(worktree)
    if own is None or not (own / MANIFEST).exists():
        return ()
    changed = []
    with _Manifest.open(worktree, key) as manifest:
        for entry in reversed(manifest.entries()):
            _remove_temporary(worktree, entry)
            if not _remove(worktree, entry):
                changed.append(str(entry["path"]))
        manifest.close_key()
    return tuple(changed)


def exists(root: str, pattern: str) -> bool:
    """Whether something in a worktree has this path, or matches this pattern; through links only without a pattern."""
    parts = parts_of(pattern)
    if all(is_literal(part) for part in parts):
        return os.path.exists(os.path.join(root, *parts))
    look = _Look(root, "", LIMITS)
    try:
        with _descend_path(root, ()) as folder:
            return next(look.match(folder, parts, ()), None) is not None
    except (OSError, DeckError):
        return False


class _Look:
    """Walks the patterns of a tree, and counts."""

    def __init__(self, source: str, worktree: str, limits: Limits) -> None:
        self._source = os.path.realpath(source)
        self._limits = limits
        self._seen: set[Parts] = set()
        self._scanned = 0
        self.files = 0
        self.size = 0
        self.notes: list[str] = []
        try:
            info = os.stat(worktree) if worktree else None
        except OSError:
            info = None
        self._itself = (info.st_dev, info.st_ino) if info else None

    def go(self, includes: Sequence[Include]) -> None:
        """Find everything, and take it."""
        try:
            root = os.open(self._source, _FOLDER)
        except OSError as error:
            raise DeckError(f"can't read {self._source}: {error.strerror}") from error
        try:
            for each in includes:
                found = False
                for parts in self.match(root, parts_of(each.pattern), ()):
                    found = True
                    self._root(root, parts, each.mode)
                if not found:
                    self.note(f"{each.pattern} matches nothing in {self._source}")
        except OSError as error:
            raise DeckError(
                f"can't include files of {self._source}: {one_line(os.fsdecode(error.filename or ''), limit=200)} "
                f"{error.strerror}"
            ) from error
        finally:
            os.close(root)

    def note(self, words: str) -> None:
        """Remember what is left out."""
        words = one_line(words, limit=500)
        if len(self.notes) < _NOTES_LIMIT and words not in self.notes:
            self.notes.append(words)

    # Finding

    def match(self, folder: int, pattern: Parts, before: Parts) -> Iterator[Parts]:
        """Paths below an open folder that match, links as themselves."""
        name, rest = pattern[0], pattern[1:]
        if name == "**":
            yield from self._match_deep(folder, rest, before)
        elif is_literal(name):
            if (info := self._info(folder, name)) is not None:
                yield from self._match_rest(folder, name, info, rest, before)
        else:
            for entry in self._names(folder):
                if matches(name, entry) and (info := self._info(folder, entry)) is not None:
                    yield from self._match_rest(folder, entry, info, rest, before, wild=True)

    def _match_rest(
        self, folder: int, name: str, info: os.stat_result, rest: Parts, before: Parts, *, wild: bool = False
    ) -> Iterator[Parts]:
        path = (*before, name)
        if not rest:
            yield path
        elif stat.S_ISDIR(info.st_mode):
            with _folder(folder, name) as inner:
                yield from self.match(inner, rest, path)
        elif stat.S_ISLNK(info.st_mode) and not wild:
            raise Refused(
                f"{'/'.join((*path, *rest))}: {'/'.join(path)} is a link, which including does not go through",
                "name the folder itself in the pattern",
            )

    def _match_deep(self, folder: int, rest: Parts, before: Parts) -> Iterator[Parts]:
        if rest:
            yield from self.match(folder, rest, before)
        for name in self._names(folder):
            if name.startswith(".") or (info := self._info(folder, name)) is None:
                continue
            if stat.S_ISDIR(info.st_mode):
                self._check_depth(before)
                with _folder(folder, name) as inner:
                    yield from self._match_deep(inner, rest, (*before, name))
            elif not rest:
                yield (*before, name)

    def _names(self, folder: int) -> list[str]:
        names = sorted(os.listdir(folder))
        self._scanned += len(names)
        if self._scanned > _SCAN_LIMIT:
            raise DeckError(f"a pattern looks at more than {_SCAN_LIMIT} files in {self._source}", "make it narrower")
        return [name for name in names if not is_git_name(name)]

    def _info(self, folder: int, name: str) -> os.stat_result | None:
        """What a name is, not following links; `None` when it is gone, or the new worktree itself."""
        try:
            info = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return None if (info.st_dev, info.st_ino) == self._itself else info

    def _check_depth(self, path: Parts) -> None:
        if len(path) > _DEEPEST:
            raise DeckError(f"{'/'.join(path[:4])}… is nested more deeply than {_DEEPEST} folders")

    # Taking

    def _root(self, root: int, parts: Parts, mode: Mode) -> None:
        with _descend(root, parts[:-1]) as folder:
            if mode is Mode.LINK:
                if (info := self._info(folder, parts[-1])) is not None and self._count(parts, 0):
                    self._check_inside(parts, os.path.join(self._source, *parts))
                    self.take_link(parts, os.path.join(self._source, *parts), info)
            else:
                self._tree(folder, parts, mode)

    def _tree(self, folder: int, parts: Parts, mode: Mode) -> None:
        info = self._info(folder, parts[-1])
        if info is None:
            return
        if stat.S_ISDIR(info.st_mode):
            self._check_depth(parts)
            self._count(parts, 0)
            self.take_folder(parts, info)
            with _folder(folder, parts[-1]) as inner:
                for name in self._names(inner):
                    self._tree(inner, (*parts, name), mode)
        elif stat.S_ISLNK(info.st_mode):
            target = os.readlink(parts[-1], dir_fd=folder)
            self._check_link(parts, target)
            if self._count(parts, 0):
                self.take_link(parts, target, info)
        elif stat.S_ISREG(info.st_mode):
            if self._count(parts, info.st_size):
                self.take_file(folder, parts, info, mode)
        else:
            self.note(f"{'/'.join(parts)} is left out: it is no file, folder or link")

    def _count(self, parts: Parts, size: int) -> bool:
        """Count one; false when it was met before."""
        if parts in self._seen:
            return False
        self._seen.add(parts)
        self.files += 1
        self.size += size
        if self.files > self._limits.files or self.size > self._limits.size:
            what = (
                f"{self._limits.files} files" if self.files > self._limits.files else f"{self._limits.size >> 20} MiB"
            )
            raise DeckError(
                f"including files of {self._source} would bring more than {what} (reached at {'/'.join(parts)})",
                'narrow the patterns, use mode = "link", or raise max_files or max_size of [init] in config.toml',
                code="too-much",
            )
        return True

    def _check_link(self, parts: Parts, target: str) -> None:
        """A link is copied when it stays inside, seen from the main worktree and from the new one.

        Raises:
            Refused: It doesn't.
        """
        if not target.startswith("/"):
            place = os.path.normpath(os.path.join(*parts[:-1], target) if parts[:-1] else target)
            if place.split("/")[0] == "..":
                self._refuse(parts, target)
        self._check_inside(parts, os.path.join(self._source, *parts), target)

    def _check_inside(self, parts: Parts, path: str, target: str = "") -> None:
        real = os.path.realpath(path)
        if os.path.commonpath([real, self._source]) != self._source:
            self._refuse(parts, target or real)
        if any(is_git_name(name) for name in real[len(self._source) :].split("/")):
            self._refuse(parts, target or real)

    def _refuse(self, parts: Parts, target: str) -> None:
        raise Refused(
            f"{one_line('/'.join(parts), limit=300)} is a link that leads out of the repository's files: "
            f"{one_line(target, limit=300)}",
            "leave it out of the patterns of files to include",
            code="outside",
        )

    def take_folder(self, parts: Parts, info: os.stat_result) -> None:
        """Make the folder."""

    def take_link(self, parts: Parts, target: str, info: os.stat_result) -> None:
        """Make a link."""

    def take_file(self, folder: int, parts: Parts, info: os.stat_result, mode: Mode) -> None:
        """Copy the file `parts[-1]` of an open folder."""


class _Copy(_Look):
    """Walks the patterns of a tree, and brings what it finds into another."""

    def __init__(self, source: str, worktree: str, limits: Limits, manifest: _Manifest) -> None:
        super().__init__(source, worktree, limits)
        self._manifest = manifest
        self._worktree = worktree
        self._root_fd = os.open(os.path.realpath(worktree), _FOLDER)
        self._at: Parts | None = None
        self._fd = -1
        self._made: list[tuple[Parts, os.stat_result]] = []
        self._left = limits.size

    def __enter__(self) -> _Copy:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()
        os.close(self._root_fd)

    def _leave(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._at = -1, None

    def note(self, words: str) -> None:
        """Write it down too."""
        before = len(self.notes)
        super().note(words)
        for told in self.notes[before:]:
            self._manifest.write("note", told)

    def finish(self) -> None:
        """Give the folders that were made their times."""
        for parts, info in reversed(self._made):
            with suppress(OSError), _descend(self._root_fd, parts) as folder:
                os.utime(folder, ns=(info.st_atime_ns, info.st_mtime_ns))

    def _into(self, parts: Parts) -> int | None:
        """The open folder of the new worktree, made when it is missing; `None` when something stands in its way."""
        if self._at == parts:
            return self._fd
        self._leave()
        folder = os.dup(self._root_fd)
        for number in range(len(parts)):
            try:
                inner = self._inner(folder, parts[: number + 1])
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                self.note(
                    f"{'/'.join(parts)} is left out: {'/'.join(parts[: number + 1])} is no folder in the worktree"
                )
                return None
            finally:
                os.close(folder)
            folder = inner
        self._fd, self._at = folder, parts
        return folder

    def _inner(self, folder: int, parts: Parts) -> int:
        name = parts[-1]
        with suppress(FileNotFoundError):
            return os.open(name, _FOLDER, dir_fd=folder)
        with _descend_path(self._source, parts) as original:
            info = os.fstat(original)
        self._manifest.write("folder", "/".join(parts))
        with suppress(FileExistsError):
            os.mkdir(name, stat.S_IMODE(info.st_mode) & 0o777 | 0o700, dir_fd=folder)
            self._made.append((parts, info))
        return os.open(name, _FOLDER, dir_fd=folder)

    def take_folder(self, parts: Parts, info: os.stat_result) -> None:
        """Make it, unless it is there."""
        self._into(parts)

    def take_link(self, parts: Parts, target: str, info: os.stat_result) -> None:
        """Make it, unless something is there."""
        folder = self._into(parts[:-1])
        if folder is None:
            return
        if self._is_there(folder, parts):
            if _readlink(folder, parts[-1]) != target:
                self.note(f"{'/'.join(parts)} is left as it is: the worktree has another one")
            return
        self._manifest.write("link", "/".join(parts), target=target)
        with suppress(FileExistsError):
            os.symlink(target, parts[-1], dir_fd=folder)

    def take_file(self, folder: int, parts: Parts, info: os.stat_result, mode: Mode) -> None:
        """Copy it under another name, and give it its own when it is whole."""
        target = self._into(parts[:-1])
        if target is None:
            return
        try:
            original = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except PermissionError:
            self.note(f"{'/'.join(parts)} is left out: it can't be read")
            return
        try:
            info = os.fstat(original)
            if not stat.S_ISREG(info.st_mode):
                raise Refused(f"{'/'.join(parts)} became something else while it was copied")
            if not self._is_there(target, parts):
                self._copy(original, info, target, parts, mode)
            elif not _same_file(target, parts[-1], original, info):
                self.note(f"{'/'.join(parts)} is left as it is: the worktree has another one")
        finally:
            os.close(original)

    def _is_there(self, folder: int, parts: Parts) -> bool:
        try:
            os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _copy(self, original: int, info: os.stat_result, folder: int, parts: Parts, mode: Mode) -> None:
        temporary = f".devdeck-{secrets.token_hex(8)}.tmp"
        self._manifest.write("temporary", "/".join((*parts[:-1], temporary)))
        copy = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
        )
        try:
            if mode is not Mode.CLONE or not _clone(original, copy):
                self._copy_bytes(original, copy, parts)
            os.fchmod(copy, stat.S_IMODE(info.st_mode) & 0o777)
            os.utime(copy, ns=(info.st_atime_ns, info.st_mtime_ns))
            made = os.fstat(copy)
        finally:
            os.close(copy)
        self._manifest.write("file", "/".join(parts), inode=made.st_ino, size=made.st_size, time=made.st_mtime_ns)
        try:
            # A link and not a renaming: it never replaces what came there meanwhile.
            os.link(temporary, parts[-1], src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            self.note(f"{'/'.join(parts)} is left as it is: the worktree has another one")
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
                raise
            if not self._is_there(folder, parts):  # a file system without hard links
                os.rename(temporary, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
                return
        os.unlink(temporary, dir_fd=folder)

    def _copy_bytes(self, original: int, copy: int, parts: Parts) -> None:
        while data := os.read(original, _CHUNK):
            self._left -= len(data)
            if self._left < 0:
                raise DeckError(f"{'/'.join(parts)} grew while it was copied, over the size that is allowed")
            view = memoryview(data)
            while view:
                view = view[os.write(copy, view) :]


class _Manifest:
    """What was brought into a worktree: one JSON object a line, written before it is done."""

    def __init__(self, descriptor: int, key: str) -> None:
        self._descriptor = descriptor
        self._key = key

    @classmethod
    @contextmanager
    def open(cls, worktree: str, key: str) -> Iterator[_Manifest]:
        """Open a worktree's manifest, made when it is missing."""
        own = git_dir(worktree)
        if own is None:
            raise NotFound(f"{worktree} is no git worktree (any more)")
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(own / MANIFEST, flags, 0o600)
        except OSError as error:
            raise DeckError(f"can't write {own / MANIFEST}: {error.strerror}") from error
        try:
            yield cls(descriptor, key)
        finally:
            os.close(descriptor)

    def write(self, kind: str, path: str, **more: object) -> None:
        """Add a line."""
        line = json.dumps({"key": self._key, "is": kind, "path": path, **more}).encode("ascii") + b"\n"
        os.write(self._descriptor, line)

    def all_entries(self) -> list[dict[str, object]]:
        """All lines; one that was cut off by a kill is left out."""
        size = os.fstat(self._descriptor).st_size
        found = []
        for line in os.pread(self._descriptor, size, 0).split(b"\n"):
            with suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and {"key", "is", "path"} <= entry.keys():
                    found.append(entry)
        return found

    def entries(self) -> list[dict[str, object]]:
        """The lines of this act, when it is not taken back."""
        own = [entry for entry in self.all_entries() if entry["key"] == self._key]
        return [] if any(entry["is"] == "undone" for entry in own) else own

    def close_key(self) -> None:
        """This act is taken back."""
        if all(entry["key"] == self._key for entry in self.all_entries()):
            os.ftruncate(self._descriptor, 0)
        else:
            self.write("undone", "")


def _remove(worktree: str, entry: dict[str, object]) -> bool:
    """Remove one thing that was made; false when it was changed since."""
    kind, parts = entry["is"], parts_of(str(entry["path"]))
    if kind not in ("file", "folder", "link") or not parts or ".." in parts:
        return True
    try:
        with _descend_path(worktree, parts[:-1]) as folder:
            info = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
            if kind == "folder":
                with suppress(OSError):
                    os.rmdir(parts[-1], dir_fd=folder)
                return True
            if kind == "link":
                if _readlink(folder, parts[-1]) != entry["target"]:
                    return False
            elif (info.st_ino, info.st_size, info.st_mtime_ns) != (entry["inode"], entry["size"], entry["time"]):
                return False
            os.unlink(parts[-1], dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return True
    return True


def _remove_temporary(worktree: str, entry: dict[str, object]) -> None:
    parts = parts_of(str(entry["path"]))
    if entry["is"] == "temporary" and parts and parts[-1].startswith(".devdeck-") and ".." not in parts:
        with suppress(OSError), _descend_path(worktree, parts[:-1]) as folder:
            os.unlink(parts[-1], dir_fd=folder)


@contextmanager
def _folder(parent: int, name: str) -> Iterator[int]:
    descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _descend(root: int, parts: Parts) -> Iterator[int]:
    """An open folder below another one, not through links."""
    descriptor = os.dup(root)
    try:
        for name in parts:
            inner = os.open(name, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _descend_path(root: str, parts: Parts) -> Iterator[int]:
    descriptor = os.open(os.path.realpath(root), _FOLDER)
    try:
        with _descend(descriptor, parts) as folder:
            yield folder
    finally:
        os.close(descriptor)


def _readlink(folder: int, name: str) -> str | None:
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return None


def _same_file(folder: int, name: str, original: int, info: os.stat_result) -> bool:
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
            ours, theirs = os.pread(original, _CHUNK, offset), os.pread(other, _CHUNK, offset)
            if ours != theirs:
                return False
            if not ours:
                return True
            offset += len(ours)
    finally:
        os.close(other)


def _clone(original: int, copy: int) -> bool:
    """Let a new file share the bytes of another until one of them changes; false where the file system can't."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        fcntl.ioctl(copy, _FICLONE, original)
    except OSError:
        return False
    return True
