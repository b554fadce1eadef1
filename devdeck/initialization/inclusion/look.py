"""Walking the patterns of a tree: what matches, how much it is, and whether it may come."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

import msgspec

from devdeck.errors import DeckError, Refused
from devdeck.initialization.inclusion.trees import FOLDER, Parts, descend
from devdeck.initialization.patterns import is_git_name, is_literal, matches, parts_of
from devdeck.initialization.repo_config import Include, Mode
from devdeck.text import one_line

NOTES_LIMIT = 50
"""Most notes kept."""
_DEEPEST = 100
_SCAN_LIMIT = 2_000_000


class Limits(msgspec.Struct, frozen=True):
    """How much may be included in one worktree."""

    files: int = 100_000
    """Files, folders and links."""
    size: int = 5 * 2**30
    """Bytes of the files in all."""


LIMITS = Limits()


class Look:
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
            root = os.open(self._source, FOLDER)
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
        if len(self.notes) < NOTES_LIMIT and words not in self.notes:
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
            with descend(folder, (name,)) as inner:
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
                with descend(folder, (name,)) as inner:
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
        with descend(root, parts[:-1]) as folder:
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
            with descend(folder, (parts[-1],)) as inner:
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
