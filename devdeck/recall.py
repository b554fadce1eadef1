"""Bringing a store up to date from the notes beside it: after it was lost, damaged, or an old copy took its place."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from devdeck import owner, records
from devdeck.model import Member, Operation, OperationState, Session
from devdeck.notes import ChangeNote, Notes, SessionNote, TrashNote

CLOSED = "how it ended is not known, the store was brought back from a copy"


def recall(connection: sqlite3.Connection, notes: Notes, trash: Path, *, older: bool) -> tuple[str, ...]:
    """Put into a store what notes have beyond it. What the world does not have any more stays forgotten.

    Args:
        connection: The store, in a transaction.
        notes: The notes beside it.
        trash: Parent of what was removed.
        older: Whether the store is older than the notes, which then also tell what it has that is not so any more.

    Returns:
        What was done, in words.
    """
    return _Recalling(connection, notes, trash, older).run()


class _Recalling:
    def __init__(self, connection: sqlite3.Connection, notes: Notes, trash: Path, older: bool) -> None:
        self._connection = connection
        self._trash = trash
        self._older = older
        self._changes = notes.read(ChangeNote)
        self._entries = notes.read(TrashNote)
        self._sessions = notes.read(SessionNote)
        self._notes = notes
        self._told: list[str] = []

    def run(self) -> tuple[str, ...]:
        if self._older:
            self._close_what_went_on()
        for change in self._changes.values():
            self._recall_change(change)
        for entry in sorted(self._entries.values(), key=lambda note: note.entry.at):
            if (self._trash / entry.id).is_dir():
                self._recall_entry(entry)
        if self._older:
            self._forget_entries()
            self._forget_sessions()
        self._recall_sessions()
        return tuple(self._told)

    # Changes

    def _close_what_went_on(self) -> None:
        """End what was under way when the store was copied and has ended since: to take it back would undo that."""
        for record, who in self._rows("SELECT record, owner FROM operations WHERE state = 'doing'"):
            operation = records.decode(record, Operation)
            if operation.id in self._changes or owner.is_alive(str(who)):
                continue
            words = f"{operation.detail}; {CLOSED}"
            self._put_operation(
                msgspec.structs.replace(operation, state=OperationState.FAILED, detail=words, ended_at=time.time())
            )
        kept = {change.operation.session_id for change in self._changes.values()}
        for id_, who in self._rows("SELECT id, owner FROM sessions WHERE ready = 0"):
            if id_ not in kept and not owner.is_alive(str(who)):
                self._connection.execute("DELETE FROM sessions WHERE id = ?", (id_,))

    def _recall_change(self, note: ChangeNote) -> None:
        state = self._state(note.id)
        if state == "doing" and not self._older:
            return
        # A note whose change has ended was left by a kill, unless the change is being taken back by now.
        if state not in (None, "doing") and not (self._older and note.done < 0):
            return
        operation = msgspec.structs.replace(note.operation, state=OperationState.DOING)
        self._put_operation(operation, note.owner, note.steps, note.done)
        if state is None:
            self._told.append(f"noted again that {operation.verb} {operation.label} is under way or was cut off")

    def _state(self, operation_id: str) -> str | None:
        rows = self._rows("SELECT state FROM operations WHERE id = ?", operation_id)
        return str(rows[0][0]) if rows else None

    def _put_operation(
        self, operation: Operation, who: str = "", steps: bytes | None = None, done: int | None = None
    ) -> None:
        self._connection.execute(
            "INSERT INTO operations (id, session_id, state, started_at, owner, steps, done, record) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state, "
            "owner = excluded.owner, record = excluded.record, steps = coalesce(?, steps), done = coalesce(?, done)",
            (
                operation.id, operation.session_id, str(operation.state), operation.started_at, who,
                steps or b"", done or 0, records.encode(operation), steps, done,
            ),
        )  # fmt: skip

    # The trash

    def _recall_entry(self, note: TrashNote) -> None:
        entry = note.entry
        known = bool(self._rows("SELECT 1 FROM trash WHERE id = ?", entry.id))
        if known and not self._older:
            return
        self._connection.execute(
            "INSERT INTO trash (id, at, record) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE "
            "SET record = excluded.record",
            (entry.id, entry.at, records.encode(entry)),
        )
        if note.operation is not None and note.id not in self._changes:
            operation = note.operation
            if operation.state is not OperationState.DONE:
                operation = msgspec.structs.replace(operation, state=OperationState.DONE, ended_at=entry.at)
            self._put_operation(operation, steps=note.steps)
        self._know(part.member for part in entry.parts)
        if entry.session.id not in self._sessions and not _is_there(entry.session):
            self._drop_session(entry.session.id)
        if not known:
            self._told.append(f"listed {entry.session.label} in the trash again")

    def _forget_entries(self) -> None:
        """Take off the list what was brought back, or deleted, since the store was copied."""
        for (id_,) in self._rows("SELECT id FROM trash"):
            if id_ not in self._entries and not (self._trash / str(id_)).is_dir():
                self._connection.execute("DELETE FROM trash WHERE id = ?", (id_,))

    # Sessions

    def _forget_sessions(self) -> None:
        """Take off the list what was removed since the store was copied, or is just being removed or brought back."""
        if not self._rows("SELECT number FROM noted WHERE number > 0"):
            return  # nothing was noted at the time of the copy
        changing = {note.operation.session_id for note in self._changes.values()}
        for id_, record in self._rows("SELECT id, record FROM sessions WHERE ready = 1"):
            if self._notes.has(SessionNote, id_):
                continue
            if id_ in changing or not _is_there(records.decode(record, Session)):
                self._drop_session(id_)

    def _recall_sessions(self) -> None:
        known = {str(id_) for (id_,) in self._rows("SELECT id FROM sessions")}
        wanted = [
            note
            for note in self._sessions.values()
            if (note.id in known and self._older) or (note.id not in known and _is_near(note.session))
        ]
        for note in wanted:
            self._connection.execute("DELETE FROM sessions WHERE id = ?", (note.id,))
        for note in wanted:
            session = self._with_free_label(note.session)
            self._connection.execute(
                "INSERT INTO sessions (id, label, ready, record) VALUES (?, ?, 1, ?)",
                (session.id, session.label, records.encode(session)),
            )
            if note.layout:
                self._connection.execute(
                    "INSERT OR REPLACE INTO layouts (session_id, at, record) VALUES (?, ?, ?)",
                    (session.id, time.time(), note.layout),
                )
            self._know(session.places)
            if session.id not in known:
                self._told.append(f"listed the session {session.label} again")

    def _with_free_label(self, session: Session) -> Session:
        label, number = session.label, 1
        while rows := self._rows("SELECT id, record FROM sessions WHERE label = ?", label):
            id_, record = rows[0]
            if self._older and id_ not in self._sessions and not _is_there(records.decode(record, Session)):
                self._drop_session(str(id_))  # it was removed, or renamed, since the store was copied
                continue
            number += 1
            label = f"{session.label}~{number}"
        return msgspec.structs.replace(session, label=label)

    def _drop_session(self, id_: str) -> None:
        self._connection.execute("DELETE FROM sessions WHERE id = ?", (id_,))
        self._connection.execute("DELETE FROM visits WHERE session_id = ?", (id_,))
        self._connection.execute("DELETE FROM layouts WHERE session_id = ?", (id_,))

    def _know(self, members: Iterable[Member]) -> None:
        for member in members:
            self._connection.execute(
                "INSERT OR IGNORE INTO repositories (path, name, seen_at) VALUES (?, ?, ?)",
                (records.cell(member.repository_path), records.cell(member.repository), time.time()),
            )

    def _rows(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, arguments).fetchall()


def _is_there(session: Session) -> bool:
    """Whether a worktree of a session, or the folder of a workspace, is there."""
    return any(os.path.isdir(path) for path in (session.worktree, *(place.worktree for place in session.places)))


def _is_near(session: Session) -> bool:
    """Whether a worktree of a session is there, or could be: its repository is."""
    return _is_there(session) or any(os.path.isdir(place.repository_path) for place in session.places)
