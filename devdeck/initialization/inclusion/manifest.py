"""What was brought into a worktree: written down before it is done, so that it can be taken back after a kill."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from devdeck.errors import DeckError, NotFound
from devdeck.git.repository import git_dir
from devdeck.initialization.inclusion.trees import descend_path, readlink
from devdeck.initialization.patterns import parts_of

MANIFEST = "devdeck-included.jsonl"
"""Its file, in git's own folder of the worktree: it goes when the worktree does."""


class Manifest:
    """What was brought into a worktree: one JSON object a line, written before it is done."""

    def __init__(self, descriptor: int, key: str) -> None:
        self._descriptor = descriptor
        self._key = key

    @classmethod
    @contextmanager
    def open(cls, worktree: str, key: str) -> Iterator[Manifest]:
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


def remove(worktree: str, entry: dict[str, object]) -> bool:
    """Remove one thing that was made; false when it was changed since."""
    kind, parts = entry["is"], parts_of(str(entry["path"]))
    if kind not in ("file", "folder", "link") or not parts or ".." in parts:
        return True
    try:
        with descend_path(worktree, parts[:-1]) as folder:
            info = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
            if kind == "folder":
                with suppress(OSError):
                    os.rmdir(parts[-1], dir_fd=folder)
                return True
            if kind == "link":
                if readlink(folder, parts[-1]) != entry["target"]:
                    return False
            elif (info.st_ino, info.st_size, info.st_mtime_ns) != (entry["inode"], entry["size"], entry["time"]):
                return False
            os.unlink(parts[-1], dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return True
    return True


def remove_temporary(worktree: str, entry: dict[str, object]) -> None:
    """Remove a copy that was not whole yet."""
    parts = parts_of(str(entry["path"]))
    if entry["is"] == "temporary" and parts and parts[-1].startswith(".devdeck-") and ".." not in parts:
        with suppress(OSError), descend_path(worktree, parts[:-1]) as folder:
            os.unlink(parts[-1], dir_fd=folder)
