"""Bringing what patterns match into another tree: whole files under their own name, and nothing replaced."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress

from devdeck.errors import DeckError, Refused
from devdeck.initialization.inclusion.look import Limits, Look
from devdeck.initialization.inclusion.manifest import Manifest
from devdeck.initialization.inclusion.trees import (
    CHUNK,
    FOLDER,
    Parts,
    clone,
    descend,
    descend_path,
    readlink,
    same_file,
)
from devdeck.initialization.repo_config import Mode


class Copy(Look):
    """Walks the patterns of a tree, and brings what it finds into another."""

    def __init__(self, source: str, worktree: str, limits: Limits, manifest: Manifest) -> None:
        super().__init__(source, worktree, limits)
        self._manifest = manifest
        self._worktree = worktree
        self._root_fd = os.open(os.path.realpath(worktree), FOLDER)
        self._at: Parts | None = None
        self._fd = -1
        self._made: list[tuple[Parts, os.stat_result]] = []
        self._left = limits.size

    def __enter__(self) -> Copy:
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
            with suppress(OSError), descend(self._root_fd, parts) as folder:
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
            return os.open(name, FOLDER, dir_fd=folder)
        with descend_path(self._source, parts) as original:
            info = os.fstat(original)
        self._manifest.write("folder", "/".join(parts))
        with suppress(FileExistsError):
            os.mkdir(name, stat.S_IMODE(info.st_mode) & 0o777 | 0o700, dir_fd=folder)
            self._made.append((parts, info))
        return os.open(name, FOLDER, dir_fd=folder)

    def take_folder(self, parts: Parts, info: os.stat_result) -> None:
        """Make it, unless it is there."""
        self._into(parts)

    def take_link(self, parts: Parts, target: str, info: os.stat_result) -> None:
        """Make it, unless something is there."""
        folder = self._into(parts[:-1])
        if folder is None:
            return
        if self._is_there(folder, parts):
            if readlink(folder, parts[-1]) != target:
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
            elif not same_file(target, parts[-1], original, info):
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
            if mode is not Mode.CLONE or not clone(original, copy):
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
        while data := os.read(original, CHUNK):
            self._left -= len(data)
            if self._left < 0:
                raise DeckError(f"{'/'.join(parts)} grew while it was copied, over the size that is allowed")
            view = memoryview(data)
            while view:
                view = view[os.write(copy, view) :]
