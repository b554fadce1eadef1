"""What the deck remembers: sessions, jobs, test runs, operations, visits, repositories, trash, trust, layouts.

The world is the truth (design, principle 3); the store keeps names, intents and history.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from devdeck import owner, records
from devdeck.database import SCHEMA_VERSION
from devdeck.errors import DeckError, NotFound
from devdeck.model import Job, JobKind, Operation, OperationState, Session, TestRun, TrashEntry
from devdeck.noting import Noting

__all__ = ["SCHEMA_VERSION", "Busy", "LabelTaken", "Store"]

VISITS_KEPT = 200


class LabelTaken(DeckError):
    """A session of that label exists already (exit status 1)."""

    code = "exists"


class Busy(DeckError):
    """Another change of the same session is under way (exit status 1)."""

    code = "busy"


class Store(Noting):
    """The records of a deck; each call is one short transaction. What would be missed most is noted beside it."""

    # Sessions

    def reserve(self, session: Session) -> None:
        """Take a label for a session that this process is about to make.

        Raises:
            LabelTaken: The label is in use, also by one that is being made.
        """
        try:
            with self._write() as connection:
                connection.execute(
                    "INSERT INTO sessions (id, label, ready, owner, record) VALUES (?, ?, 0, ?, ?)",
                    (session.id, session.label, owner.me(), records.encode(session)),
                )
        except sqlite3.IntegrityError as error:
            if any(label == session.label and not owner.is_alive(who) for label, who in self._reserved()):
                raise LabelTaken(
                    f"{session.label!r} was being made when its devdeck was killed",
                    "`devdeck doctor --fix` takes back what there is of it",
                ) from error
            raise LabelTaken(
                f"a session {session.label!r} exists already",
                f"open it with `devdeck open {session.label}`, or choose another label",
            ) from error

    def save_session(self, session: Session) -> None:
        """Record a session as made, or change the record of one."""
        with self._write() as connection:
            connection.execute(
                "INSERT INTO sessions (id, label, ready, record) VALUES (?, ?, 1, ?) ON CONFLICT (id) DO UPDATE "
                "SET label = excluded.label, ready = 1, owner = '', record = excluded.record",
                (session.id, session.label, records.encode(session)),
            )
            self._note_session(session.id)

    def change_session(self, session: Session) -> None:
        """Change the record of a session that is made, its label too.

        Raises:
            NotFound: It was removed meanwhile.
            LabelTaken: Another session has the label.
        """
        try:
            with self._write() as connection:
                changed = connection.execute(
                    "UPDATE sessions SET label = ?, record = ? WHERE id = ? AND ready = 1",
                    (session.label, records.encode(session), session.id),
                ).rowcount
                self._note_session(session.id)
        except sqlite3.IntegrityError as error:
            raise LabelTaken(f"a session {session.label!r} exists already", "choose another label") from error
        if not changed:
            raise NotFound(f"the session {session.label!r} was removed meanwhile", "`devdeck ls` lists what there is")

    def forget_session(self, session_id: str) -> None:
        """Drop a session's record. Its operations stay; its jobs stay until they are pruned."""
        with self._write() as connection:
            connection.execute("DELETE FROM sessions WHERE id = ?", (session_id,))
            connection.execute("DELETE FROM visits WHERE session_id = ?", (session_id,))
            connection.execute("DELETE FROM layouts WHERE session_id = ?", (session_id,))
            self._note_session(session_id)

    def unmake(self, session_id: str) -> None:
        """Make a session one that is being made again, by this process: it is about to be taken back."""
        with self._write() as connection:
            connection.execute("UPDATE sessions SET ready = 0, owner = ? WHERE id = ?", (owner.me(), session_id))
            self._note_session(session_id)

    def give_back(self, session_id: str) -> None:
        """Give back the label of a session that is being made (`reserve`); one that is made stays."""
        with self._write() as connection:
            if connection.execute("DELETE FROM sessions WHERE id = ? AND ready = 0", (session_id,)).rowcount:
                connection.execute("DELETE FROM visits WHERE session_id = ?", (session_id,))
                connection.execute("DELETE FROM layouts WHERE session_id = ?", (session_id,))

    def sessions(self) -> tuple[Session, ...]:
        """Sessions that are made, by label."""
        return self._records(Session, "SELECT record FROM sessions WHERE ready = 1 ORDER BY label")

    def _reserved(self) -> list[tuple[str, str]]:
        return [(str(row[0]), str(row[1])) for row in self._rows("SELECT label, owner FROM sessions WHERE ready = 0")]

    def half_made(self) -> tuple[tuple[Session, str], ...]:
        """Sessions whose making has not ended, with the process that makes them (see `devdeck.owner`)."""
        rows = self._rows("SELECT record, owner FROM sessions WHERE ready = 0 ORDER BY label")
        return tuple((records.decode(record, Session), str(who)) for record, who in rows)

    def claims(self) -> dict[str, str]:
        """Worktrees of the sessions that are made or being made → id of the session."""
        rows = self._rows("SELECT record FROM sessions")
        sessions = [records.decode(row[0], Session) for row in rows]
        return {place.worktree: session.id for session in sessions for place in session.places}

    def session(self, label: str) -> Session | None:
        """The made session of exactly this label."""
        found = self._records(Session, "SELECT record FROM sessions WHERE ready = 1 AND label = ?", label)
        return found[0] if found else None

    # Jobs and test runs

    def save_job(self, job: Job) -> None:
        """Record a job or its newer state. A job that is recorded as ended never runs again."""
        with self._write() as connection:
            connection.execute(
                "INSERT INTO jobs (id, session_id, created_at, running, record) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET running = excluded.running, record = excluded.record "
                "WHERE jobs.running = 1 OR excluded.running = 0",
                (job.id, job.session_id, job.created_at, int(job.running), records.encode(job)),
            )

    def job(self, job_id: str) -> Job:
        """One job.

        Raises:
            NotFound: No job has this id.
        """
        found = self._records(Job, "SELECT record FROM jobs WHERE id = ?", job_id)
        if not found:
            raise NotFound(f"no job {job_id!r}", "`devdeck jobs` lists them")
        return found[0]

    def jobs(self, session_id: str | None = None, limit: int = 50) -> tuple[Job, ...]:
        """Jobs of one session, or of all, newest first."""
        if session_id is None:
            return self._records(Job, "SELECT record FROM jobs ORDER BY created_at DESC, id DESC LIMIT ?", limit)
        return self._records(
            Job,
            "SELECT record FROM jobs WHERE session_id = ? ORDER BY created_at DESC, id DESC LIMIT ?",
            session_id,
            limit,
        )

    def running_jobs(self) -> tuple[Job, ...]:
        """Jobs not recorded as ended, newest first."""
        return self._records(Job, "SELECT record FROM jobs WHERE running = 1 ORDER BY created_at DESC, id DESC")

    def recent_jobs(self, per_session: int) -> tuple[Job, ...]:
        """The newest jobs of every session, newest first."""
        return self._records(
            Job,
            "SELECT record FROM (SELECT record, created_at, id, row_number() OVER (PARTITION BY session_id ORDER BY "
            "created_at DESC, id DESC) AS rank FROM jobs) WHERE rank <= ? ORDER BY created_at DESC, id DESC",
            per_session,
        )

    def setup_jobs(self, per_session: int) -> tuple[Job, ...]:
        """The newest jobs of every session that set it up (`JobKind.INIT`), newest first."""
        return self._records(
            Job,
            "SELECT record FROM (SELECT record, created_at, id, row_number() OVER (PARTITION BY session_id ORDER BY "
            "created_at DESC, id DESC) AS rank FROM jobs WHERE json_extract(CAST(record AS TEXT), '$.kind') = ?) "
            "WHERE rank <= ? ORDER BY created_at DESC, id DESC",
            str(JobKind.INIT),
            per_session,
        )

    def forget_jobs(self, ids: tuple[str, ...]) -> None:
        """Drop the records of jobs and of their test runs."""
        with self._write() as connection:
            connection.executemany("DELETE FROM jobs WHERE id = ?", [(id_,) for id_ in ids])
            connection.executemany("DELETE FROM test_runs WHERE job_id = ?", [(id_,) for id_ in ids])

    def save_run(self, run: TestRun, started_at: float) -> None:
        """Record a test run or its newer state. `started_at` orders the runs of a session."""
        with self._write() as connection:
            connection.execute(
                "INSERT INTO test_runs (job_id, session_id, started_at, record) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (job_id) DO UPDATE SET record = excluded.record",
                (run.job_id, run.session_id, started_at, records.encode(run)),
            )

    def last_runs(self) -> dict[str, TestRun]:
        """The newest test run of each session, by session id."""
        runs = self._records(
            TestRun,
            "SELECT record FROM (SELECT record, row_number() OVER (PARTITION BY session_id ORDER BY started_at DESC, "
            "job_id DESC) AS rank FROM test_runs) WHERE rank = 1",
        )
        return {run.session_id: run for run in runs}

    def run(self, job_id: str) -> TestRun | None:
        """The test run of a job."""
        found = self._records(TestRun, "SELECT record FROM test_runs WHERE job_id = ?", job_id)
        return found[0] if found else None

    # Operations

    def begin(
        self,
        verb: str,
        *,
        session_id: str | None,
        label: str,
        detail: str,
        steps: bytes = b"",
        alone: bool = False,
        durable: bool = False,
        id: str | None = None,
    ) -> Operation:
        """Journal a change before it is made (state `doing`), with this process as its owner.

        Args:
            verb: What is done.
            session_id: To which session; `None` for none.
            label: Its label.
            detail: What is planned, in words.
            steps: The steps of a transaction, as `devdeck.transactions` encodes them.
            alone: Refuse while another change with steps is under way, or was cut off, at the same session.
            durable: Whether it must outlive a loss of power: it takes something away.
            id: Id of the operation, for steps that name things after it; a new one when `None`.

        Raises:
            Busy: There is one.
        """
        operation = Operation(
            id=id or uuid.uuid4().hex,
            verb=verb,
            session_id=session_id,
            label=label,
            state=OperationState.DOING,
            detail=detail,
            started_at=time.time(),
        )
        with self._write() as connection:
            if alone:
                self._refuse_second(session_id, label)
            connection.execute(
                "INSERT INTO operations (id, session_id, state, started_at, owner, steps, record) "
                "VALUES (?, ?, 'doing', ?, ?, ?, ?)",
                (operation.id, session_id, operation.started_at, owner.me(), steps, records.encode(operation)),
            )
            self._note_change(operation.id, durable=durable)
        return operation

    def _refuse_second(self, session_id: str | None, label: str) -> None:
        rows = self._rows(
            "SELECT record, owner FROM operations WHERE state = 'doing' AND session_id = ? AND steps != x''", session_id
        )
        for record, who in rows:
            other = records.decode(record, Operation)
            if owner.is_alive(str(who)):
                raise Busy(f"{label!r}: {other.verb} is under way in another devdeck", "wait until it has ended")
            raise Busy(f"{label!r}: an earlier {other.verb} was cut off", "`devdeck doctor --fix` settles it")

    def take_over(self, operation: Operation, *, reversing: bool = False) -> Operation:
        """Make this process the owner of a change that was cut off, or of one that is done, to take it back.

        Args:
            operation: The change.
            reversing: It is done and is taken back from now on (`steps` says -1 done): it is under way again.

        Raises:
            Busy: Somebody else works at it or at its session, or it is not in that state any more.
        """
        wanted = OperationState.DONE if reversing else OperationState.DOING
        with self._write() as connection:
            rows = self._rows("SELECT state, owner, record FROM operations WHERE id = ?", operation.id)
            if not rows or rows[0][0] != str(wanted) or (not reversing and owner.is_alive(str(rows[0][1]))):
                raise Busy(f"{operation.label!r}: another devdeck works at {operation.verb} already", "look again")
            if reversing:
                self._refuse_second(operation.session_id, operation.label)
            known = records.decode(rows[0][2], Operation)  # what was handed in may be older
            operation = msgspec.structs.replace(known, state=OperationState.DOING)
            connection.execute(
                "UPDATE operations SET state = 'doing', owner = ?, record = ? WHERE id = ?",
                (owner.me(), records.encode(operation), operation.id),
            )
            if reversing:
                connection.execute("UPDATE operations SET done = -1 WHERE id = ?", (operation.id,))
            self._note_change(operation.id)
        return operation

    def advance(self, operation: Operation, done: int) -> None:
        """Journal that so many steps of a change are done; below 0, that so many but one were taken back again."""
        with self._write() as connection:
            connection.execute("UPDATE operations SET done = ? WHERE id = ?", (done, operation.id))
            self._note_change(operation.id)

    def abandon(self, operation: Operation, detail: str) -> Operation:
        """Journal that a change stopped half-way and is left to be settled: it stays `doing`, owned by nobody.

        One that has ended, or that another process has taken over, stays as it is.
        """
        operation = msgspec.structs.replace(operation, detail=detail)
        with self._write() as connection:
            connection.execute(
                "UPDATE operations SET owner = '', record = ? WHERE id = ? AND state = 'doing' AND owner = ?",
                (records.encode(operation), operation.id, owner.me()),
            )
            self._note_change(operation.id)
        return operation

    def finish(self, operation: Operation, state: OperationState, detail: str, undo: str = "") -> Operation:
        """Journal how a change ended."""
        return self._end(operation, state=state, detail=detail, undo=undo, ended_at=time.time())

    def leave_done(self, operation: Operation) -> Operation:
        """Journal that a change that was to be taken back stays as it was: nothing of it was taken back.

        Args:
            operation: The change as `take_over` gave it.
        """
        return self._end(operation, state=OperationState.DONE)

    def _end(self, operation: Operation, **changes: Any) -> Operation:
        operation = msgspec.structs.replace(operation, **changes)
        with self._write() as connection:
            connection.execute(
                "UPDATE operations SET state = ?, owner = '', record = ? WHERE id = ?",
                (str(operation.state), records.encode(operation), operation.id),
            )
            noted = self._note_end(operation.id)
        if noted:
            self._forget_change(operation.id)
        return operation

    def operation(self, operation_id: str) -> Operation | None:
        """One operation; `None` when there is none of this id."""
        found = self._records(Operation, "SELECT record FROM operations WHERE id = ?", operation_id)
        return found[0] if found else None

    def steps(self, operation_id: str) -> tuple[bytes, int]:
        """The steps of a change as they were given to `begin`, and how many are done (`advance`); empty without any."""
        rows = self._rows("SELECT steps, done FROM operations WHERE id = ?", operation_id)
        return (bytes(rows[0][0] or b""), int(rows[0][1])) if rows else (b"", 0)

    def operations(self, session_id: str | None = None, limit: int = 50) -> tuple[Operation, ...]:
        """The last operations of one session, or of all, newest first."""
        if session_id is None:
            return self._records(
                Operation, "SELECT record FROM operations ORDER BY started_at DESC, rowid DESC LIMIT ?", limit
            )
        return self._records(
            Operation,
            "SELECT record FROM operations WHERE session_id = ? ORDER BY started_at DESC, rowid DESC LIMIT ?",
            session_id,
            limit,
        )

    def unfinished(self) -> tuple[tuple[Operation, str], ...]:
        """Operations that have not ended, the oldest first, with the process that does them (see `devdeck.owner`)."""
        rows = self._rows("SELECT record, owner FROM operations WHERE state = 'doing' ORDER BY started_at, rowid")
        return tuple((records.decode(record, Operation), str(who)) for record, who in rows)

    # Visits and repositories

    def visit(self, session_id: str) -> None:
        """Remember that the user went to a session."""
        with self._write() as connection:
            connection.execute("INSERT INTO visits (session_id, at) VALUES (?, ?)", (session_id, time.time()))
            connection.execute(
                "DELETE FROM visits WHERE rowid NOT IN (SELECT rowid FROM visits ORDER BY rowid DESC LIMIT ?)",
                (VISITS_KEPT,),
            )

    def visited(self) -> tuple[str, ...]:
        """Ids of the sessions visited, the last one first, each once."""
        rows = self._rows("SELECT session_id, max(rowid) AS last FROM visits GROUP BY session_id ORDER BY last DESC")
        return tuple(str(row[0]) for row in rows)

    def know_repository(self, path: str, name: str) -> None:
        """Remember a repository, so that what others make in it is found."""
        with self._write() as connection:
            connection.execute(
                "INSERT INTO repositories (path, name, seen_at) VALUES (?, ?, ?) "
                "ON CONFLICT (path) DO UPDATE SET seen_at = excluded.seen_at",
                (records.cell(path), records.cell(name), time.time()),
            )

    def repositories(self) -> tuple[tuple[str, str], ...]:
        """Known repositories: (name, path of the main worktree), by name."""
        return tuple(
            (records.text_of(name), records.text_of(path))
            for name, path in self._rows("SELECT name, path FROM repositories ORDER BY 1, 2")
        )

    # Trash

    def save_trash(self, entry: TrashEntry) -> None:
        """Record what is in the trash, or change the record of it."""
        with self._write() as connection:
            connection.execute(
                "INSERT INTO trash (id, at, record) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE "
                "SET record = excluded.record",
                (entry.id, entry.at, records.encode(entry)),
            )
            self._note_trash(entry.id)

    def trash(self) -> tuple[TrashEntry, ...]:
        """What is in the trash, the newest first."""
        return self._records(TrashEntry, "SELECT record FROM trash ORDER BY at DESC, rowid DESC")

    def forget_trash(self, entry_id: str) -> None:
        """Drop the record of a trash entry."""
        with self._write() as connection:
            connection.execute("DELETE FROM trash WHERE id = ?", (entry_id,))
            self._note_trash(entry_id)

    # Trust

    def trust(self, digest: str, repository: str) -> None:
        """Remember that the user trusts a configuration of exactly this content.

        Args:
            digest: SHA-256 of the content, hexadecimal, with the path (`devdeck.initialization.trust`).
            repository: For which repository, to be shown.
        """
        with self._write() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO trust (hash, repository, at) VALUES (?, ?, ?)",
                (digest, records.cell(repository), time.time()),
            )

    def distrust(self, repository: str) -> int:
        """Forget all trust in a repository's configuration; returns how many contents were trusted."""
        with self._write() as connection:
            return connection.execute("DELETE FROM trust WHERE repository = ?", (records.cell(repository),)).rowcount

    def is_trusted(self, digest: str) -> bool:
        """Whether the user trusts a configuration of this content."""
        return bool(self._rows("SELECT 1 FROM trust WHERE hash = ?", digest))

    # Layouts of terminals

    def save_layouts(self, records: Mapping[str, bytes]) -> None:
        """Remember the windows of terminals.

        Args:
            records: Of each its windows, encoded by `devdeck.terminal.layouts`, by the id of its session. Those of
                sessions that are not made (any more) are passed over.
        """
        if not records:
            return
        with self._write() as connection:
            for id_, record in records.items():
                saved = connection.execute(
                    "INSERT INTO layouts (session_id, at, record) SELECT id, ?, ? FROM sessions "
                    "WHERE id = ? AND ready = 1 ON CONFLICT (session_id) DO UPDATE "
                    "SET at = excluded.at, record = excluded.record",
                    (time.time(), record, id_),
                ).rowcount
                if saved > 0:
                    self._note_session(id_)

    def layouts(self) -> dict[str, bytes | None]:
        """The windows of the terminals of all sessions that are made, by session id; `None` where none were seen."""
        rows = self._rows(
            "SELECT s.id, l.record FROM sessions s LEFT JOIN layouts l ON l.session_id = s.id WHERE s.ready = 1"
        )
        return {str(id_): None if record is None else bytes(record) for id_, record in rows}

    def layout(self, session_id: str) -> bytes | None:
        """The windows of a session's terminal as they were last seen."""
        rows = self._rows("SELECT record FROM layouts WHERE session_id = ?", session_id)
        return bytes(rows[0][0]) if rows else None
