"""Small files beside the store: of each session, of each change under way, of each removed session.

A copy of the store is a day old at most; these are never older than the store, because they are written within its
transactions, before they are committed. With them a store that is older, or new, is brought up to date
(`devdeck.recall`). Every one appears whole (a temporary file, then rename), readable by the user alone.

A number that grows with every change stands in a file here and in the store: where they differ, one of them is older.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from devdeck import records
from devdeck.errors import DeckError
from devdeck.model import Operation, Session, TrashEntry


class SessionNote(msgspec.Struct, frozen=True, tag_field="note", tag="session"):
    """A session that is made."""

    session: Session
    layout: bytes = b""
    """The windows of its terminal, as they were last seen."""

    @property
    def id(self) -> str:
        """The session's id."""
        return self.session.id


class ChangeNote(msgspec.Struct, frozen=True, tag_field="note", tag="change"):
    """A change in steps that has not ended."""

    operation: Operation
    owner: str
    """Who makes it (see `devdeck.owner`)."""
    steps: bytes
    done: int

    @property
    def id(self) -> str:
        """The operation's id."""
        return self.operation.id


class TrashNote(msgspec.Struct, frozen=True, tag_field="note", tag="trash"):
    """A removed session that can be brought back."""

    entry: TrashEntry
    operation: Operation | None = None
    """The removal, so that it can be undone; `None` for what was set aside."""
    steps: bytes = b""

    @property
    def id(self) -> str:
        """The entry's id."""
        return self.entry.id


Note = SessionNote | ChangeNote | TrashNote
N = TypeVar("N", SessionNote, ChangeNote, TrashNote)

_NUMBER = "number"
_ODD = re.compile(r"[^A-Za-z0-9_.-]")


class Notes:
    """The notes beside one store."""

    def __init__(self, store: Path) -> None:
        self.folder = store.with_name(f"{store.stem}-notes")

    def write(self, note: Note, *, durable: bool = False) -> None:
        """Write a note, or write it anew.

        Args:
            note: What to note.
            durable: Whether it must outlive a loss of power from now on.

        Raises:
            DeckError: It can't be written.
        """
        path = self._path(type(note), note.id)
        fresh = path.with_name(f".{path.name}.fresh")
        with self._told():
            self.folder.mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(_open(fresh), "wb") as file:
                file.write(records.encode(note))
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(fresh, path)
            if durable:
                _sync(self.folder)

    def drop(self, kind: type[Note], id_: str) -> None:
        """Delete a note; one that is not there is no error.

        Raises:
            DeckError: It can't be deleted.
        """
        with self._told():
            self._path(kind, id_).unlink(missing_ok=True)

    def read(self, kind: type[N]) -> dict[str, N]:
        """All notes of a kind, by what they are about; those that can't be read are left out, and left alone."""
        found: dict[str, N] = {}
        for path in self._files(kind):
            with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
                note = records.decode(path.read_bytes(), kind)
                found[note.id] = note
        return found

    def ids(self, kind: type[Note]) -> set[str]:
        """What there are notes about that can be read."""
        if kind is SessionNote:
            return set(self.read(SessionNote))
        return set(self.read(TrashNote) if kind is TrashNote else self.read(ChangeNote))

    def has(self, kind: type[Note], id_: str) -> bool:
        """Whether there is a note."""
        return self._path(kind, id_).exists()

    def _files(self, kind: type[Note]) -> Iterator[Path]:
        with suppress(OSError):
            yield from sorted(self.folder.glob(f"{_word(kind)}-*.json"))

    def _path(self, kind: type[Note], id_: str) -> Path:
        name = _ODD.sub(lambda odd: f"%{ord(odd[0]):x}", id_)
        return self.folder / f"{_word(kind)}-{name}.json"

    @property
    def number(self) -> int:
        """How many changes were noted; 0 when that is not known."""
        with suppress(OSError, ValueError):
            return int((self.folder / _NUMBER).read_bytes())
        return 0

    @number.setter
    def number(self, number: int) -> None:
        with self._told():
            self.folder.mkdir(mode=0o700, exist_ok=True)
            # In place, as one write of always the same length.
            descriptor = os.open(self.folder / _NUMBER, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(descriptor, b"%020d\n" % number, 0)
            finally:
                os.close(descriptor)

    def _told(self) -> _Told:
        return _Told(self.folder)


class _Told:
    """Turns what the file system says into the deck's error."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise DeckError(
                f"can't write the notes of the store in {self._folder}: {error.strerror}",
                "check the folder's permissions and free space",
                code="store",
            ) from error


def _word(kind: type[Note]) -> str:
    return str(kind.__struct_config__.tag)


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
