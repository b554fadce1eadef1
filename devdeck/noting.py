"""A database whose most missed rows are also noted beside it, and brought back from there (`devdeck.notes`)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from devdeck import records
from devdeck.database import Database
from devdeck.errors import DeckError
from devdeck.model import Operation, Session, TrashEntry
from devdeck.notes import ChangeNote, Note, Notes, SessionNote, TrashNote


class Noting(Database):
    """See the module. What begins with `_note` is called within a transaction, after a row was changed.

    Attributes:
        recalled: What was brought back from the notes when the file was opened, in words.
    """

    def __init__(self, path: Path) -> None:
        """As `Database`. A file that is older than the notes beside it is brought up to date."""
        self._notes = Notes(path)
        self.recalled: tuple[str, ...] = ()
        super().__init__(path)

    def _catch_up(self) -> None:
        ours, theirs = self._number(), self._notes.number
        if ours != theirs or (not ours and self._has_anything()):
            self.recalled += self._compare()

    def _has_anything(self) -> bool:
        """Whether there is something to note, from a time when nothing was noted."""
        return bool(self._rows("SELECT EXISTS (SELECT 1 FROM sessions) OR EXISTS (SELECT 1 FROM trash)")[0][0])

    def _number(self) -> int:
        return int(self._rows("SELECT number FROM noted")[0][0])

    def _compare(self) -> tuple[str, ...]:
        """Bring up to date which is older, the store or its notes."""
        with self._write():
            ours, theirs = self._number(), self._notes.number
            if ours == theirs > 0:
                return ()  # another devdeck was faster
            told = self._recall(older=True) if theirs > ours else ()
            self._note_all()
            self._count(max(ours, theirs) + 1)
        return told

    def recall(self, *, older: bool) -> tuple[str, ...]:
        """Take over from the notes what the store lacks; notes of what the world does not have any more go.

        Args:
            older: Whether the store is older than the notes, so that they also tell what is not so any more.

        Returns:
            What was brought back, in words.
        """
        with self._write():
            told = self._recall(older=older)
            self._note_all()
            self._count(max(self._number(), self._notes.number) + 1)
        return told

    def _recall(self, *, older: bool) -> tuple[str, ...]:
        from devdeck import recall

        told = recall.recall(self._connection, self._notes, self.path.parent / "trash", older=older)
        for kind, ids in self._noted():
            for id_ in self._notes.ids(kind) - ids:
                self._notes.drop(kind, id_)
        return told

    def lacks(self) -> tuple[str, ...]:
        """What notes have that the store does not, in words; `recall` settles it."""
        sessions, entries, changes = (ids for _, ids in self._noted())
        made = (note for id_, note in self._notes.read(SessionNote).items() if id_ not in sessions)
        removed = (note for id_, note in self._notes.read(TrashNote).items() if id_ not in entries)
        under_way = (note.operation for id_, note in self._notes.read(ChangeNote).items() if id_ not in changes)
        return (
            *(f"the session {note.session.label}" for note in made),
            *(f"{note.entry.session.label} in the trash" for note in removed),
            *(f"{operation.verb} {operation.label} under way" for operation in under_way),
        )

    def _noted(self) -> tuple[tuple[type[Note], set[str]], ...]:
        """The kinds of notes, each with what the store has to note of it."""

        def ids(sql: str) -> set[str]:
            return {str(row[0]) for row in self._rows(sql)}

        return (
            (SessionNote, ids("SELECT id FROM sessions WHERE ready = 1")),
            (TrashNote, ids("SELECT id FROM trash")),
            (ChangeNote, ids("SELECT id FROM operations WHERE state = 'doing' AND steps != x''")),
        )

    def _note_all(self) -> None:
        """Note everything that the store has to note."""
        write: dict[type[Note], Callable[[str], None]] = {
            SessionNote: self._note_session,
            TrashNote: self._note_trash,
            ChangeNote: self._note_change,
        }
        for kind, ids in self._noted():
            for id_ in sorted(ids):
                with suppress(msgspec.MsgspecError, UnicodeDecodeError):  # a row that nobody can read is no obstacle
                    write[kind](id_)

    def _count(self, number: int | None = None) -> None:
        """Let the number of noted changes grow, in both places."""
        if number is None:
            number = self._number() + 1
        self._connection.execute("UPDATE noted SET number = ?", (number,))
        self._notes.number = number

    def _note_session(self, id_: str) -> None:
        rows = self._rows(
            "SELECT s.record, l.record FROM sessions s LEFT JOIN layouts l ON l.session_id = s.id "
            "WHERE s.id = ? AND s.ready = 1",
            id_,
        )
        for session, layout in rows:
            self._notes.write(SessionNote(records.decode(session, Session), bytes(layout or b"")))
        if not rows:
            self._notes.drop(SessionNote, id_)
        self._count()

    def _note_change(self, id_: str, *, durable: bool = False) -> None:
        """Note a change that is under way; without steps there is nothing to note."""
        rows = self._rows(
            "SELECT record, owner, steps, done FROM operations WHERE id = ? AND state = 'doing' AND steps != x''", id_
        )
        for record, who, steps, done in rows:
            note = ChangeNote(records.decode(record, Operation), str(who), bytes(steps), int(done))
            self._notes.write(note, durable=durable)
            self._count()

    def _note_trash(self, id_: str) -> None:
        rows = self._rows(
            "SELECT t.record, o.record, o.steps FROM trash t LEFT JOIN operations o ON o.id = t.id WHERE t.id = ?", id_
        )
        for record, operation, steps in rows:
            removal = records.decode(operation, Operation) if operation is not None else None
            note = TrashNote(records.decode(record, TrashEntry), removal, bytes(steps or b""))
            self._notes.write(note, durable=True)
        if not rows:
            self._notes.drop(TrashNote, id_)
        self._count()

    def _note_end(self, operation_id: str) -> bool:
        """Note how a change ended where its entry in the trash is noted; returns whether it was noted as under way."""
        noted = self._notes.has(ChangeNote, operation_id)
        if self._notes.has(TrashNote, operation_id):
            self._note_trash(operation_id)
        elif noted:
            self._count()
        return noted

    def _forget_change(self, operation_id: str) -> None:
        """Drop the note of a change whose end is committed; one that stays is known to be of a change that ended."""
        with suppress(DeckError):
            self._notes.drop(ChangeNote, operation_id)
