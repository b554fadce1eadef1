"""What the deck remembers, in one SQLite file: sessions, jobs, test runs, the operation log, visits, repositories.

The world is the truth (design, principle 3); the store keeps names, intents and history. Any number of processes use it
at once: WAL, a busy time-out, and every write in one immediate transaction.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from devdeck.errors import DeckError, NotFound
from devdeck.model import Job, Operation, OperationState, Session, TestRun

BUSY_TIMEOUT = 20.0
"""Seconds to wait for another process's write."""

_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE sessions (
            id TEXT PRIMARY KEY, label TEXT NOT NULL UNIQUE, ready INTEGER NOT NULL DEFAULT 0, owner_pid INTEGER,
            record BLOB NOT NULL)""",
        """CREATE TABLE jobs (
            id TEXT PRIMARY KEY, session_id TEXT NOT NULL, created_at REAL NOT NULL, running INTEGER NOT NULL,
            record BLOB NOT NULL)""",
        "CREATE INDEX jobs_by_session ON jobs (session_id, created_at)",
        "CREATE INDEX jobs_running ON jobs (running) WHERE running = 1",
        """CREATE TABLE test_runs (
            job_id TEXT PRIMARY KEY, session_id TEXT NOT NULL, started_at REAL NOT NULL, record BLOB NOT NULL)""",
        "CREATE INDEX test_runs_by_session ON test_runs (session_id, started_at)",
        """CREATE TABLE operations (
            id TEXT PRIMARY KEY, session_id TEXT, state TEXT NOT NULL, started_at REAL NOT NULL, pid INTEGER,
            record BLOB NOT NULL)""",
        "CREATE INDEX operations_by_session ON operations (session_id, started_at)",
        "CREATE INDEX operations_by_time ON operations (started_at)",
        "CREATE TABLE visits (session_id TEXT NOT NULL, at REAL NOT NULL)",
        "CREATE TABLE repositories (path TEXT PRIMARY KEY, name TEXT NOT NULL, seen_at REAL NOT NULL)",
    ),
)
"""Statements that lead from schema version i to i + 1. Never edit one that was released; add another."""

SCHEMA_VERSION = len(_MIGRATIONS)

VISITS_KEPT = 200

R = TypeVar("R")


class LabelTaken(DeckError):
    """A session of that label exists already (exit status 1)."""

    code = "exists"


class Store:
    """The deck's database. Safe to use from several threads; each call is one short transaction."""

    def __init__(self, path: Path) -> None:
        """Open or make the database, and bring its schema up to date.

        Raises:
            DeckError: The file is no database, is from a newer devdeck, or can't be opened. It is left as it is.
        """
        self.path = path
        self._lock = threading.RLock()
        try:
            if not path.exists():
                path.touch(mode=0o600)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise DeckError(
                f"can't open the store {path}: {error}", "check the folder's permissions and free space", code="store"
            ) from error
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise DeckError(
                f"the store {path} can't be used: {error}",
                "nothing was changed in it; move it away to start with an empty deck, worktrees and terminals stay",
                code="store",
            ) from error
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        deadline = time.monotonic() + BUSY_TIMEOUT
        while True:
            try:
                # Switching to WAL takes an exclusive lock for which SQLite does not call the busy handler.
                self._connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self._connection.execute("PRAGMA synchronous = NORMAL")
        if self._version() > SCHEMA_VERSION:
            raise DeckError(
                f"the store {self.path} was written by a newer devdeck (schema {self._version()}, "
                f"this one knows {SCHEMA_VERSION})",
                "update devdeck",
                code="store",
            )
        if self._version() < SCHEMA_VERSION:
            with self._write() as connection:
                for version in range(self._version(), SCHEMA_VERSION):
                    for statement in _MIGRATIONS[version]:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {version + 1}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def close(self) -> None:
        """Close the database; the store can't be used afterwards."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _rows(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(sql, arguments).fetchall()

    def _records(self, type_: type[R], sql: str, *arguments: Any) -> tuple[R, ...]:
        return tuple(msgspec.json.decode(row[0], type=type_) for row in self._rows(sql, *arguments))

    def change_count(self) -> int:
        """A number that differs when another process has committed since it was last read (`PRAGMA data_version`)."""
        return int(self._rows("PRAGMA data_version")[0][0])

    # Sessions

    def reserve(self, session: Session, pid: int) -> None:
        """Take a label for a session that is being made by process `pid`.

        Raises:
            LabelTaken: The label is in use.
        """
        try:
            with self._write() as connection:
                connection.execute(
                    "INSERT INTO sessions (id, label, ready, owner_pid, record) VALUES (?, ?, 0, ?, ?)",
                    (session.id, session.label, pid, msgspec.json.encode(session)),
                )
        except sqlite3.IntegrityError as error:
            raise LabelTaken(
                f"a session {session.label!r} exists already",
                f"open it with `devdeck open {session.label}`, or choose another label",
            ) from error

    def save_session(self, session: Session) -> None:
        """Record a session as made, or change the record of one."""
        with self._write() as connection:
            connection.execute(
                "INSERT INTO sessions (id, label, ready, record) VALUES (?, ?, 1, ?) ON CONFLICT (id) DO UPDATE "
                "SET label = excluded.label, ready = 1, owner_pid = NULL, record = excluded.record",
                (session.id, session.label, msgspec.json.encode(session)),
            )

    def forget_session(self, session_id: str) -> None:
        """Drop a session's record. Its operations stay; its jobs stay until they are pruned."""
        with self._write() as connection:
            connection.execute("DELETE FROM sessions WHERE id = ?", (session_id,))
            connection.execute("DELETE FROM visits WHERE session_id = ?", (session_id,))

    def sessions(self) -> tuple[Session, ...]:
        """Sessions that are made, by label."""
        return self._records(Session, "SELECT record FROM sessions WHERE ready = 1 ORDER BY label")

    def half_made(self) -> tuple[tuple[Session, int], ...]:
        """Sessions whose making has not ended, with the process that makes them."""
        rows = self._rows("SELECT record, owner_pid FROM sessions WHERE ready = 0 ORDER BY label")
        return tuple((msgspec.json.decode(record, type=Session), int(pid or 0)) for record, pid in rows)

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
                (job.id, job.session_id, job.created_at, int(job.running), msgspec.json.encode(job)),
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
                (run.job_id, run.session_id, started_at, msgspec.json.encode(run)),
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

    def begin(self, verb: str, *, session_id: str | None, label: str, detail: str, pid: int) -> Operation:
        """Journal a change before it is made (state `doing`)."""
        operation = Operation(
            id=uuid.uuid4().hex,
            verb=verb,
            session_id=session_id,
            label=label,
            state=OperationState.DOING,
            detail=detail,
            started_at=time.time(),
        )
        self._save_operation(operation, pid)
        return operation

    def finish(self, operation: Operation, state: OperationState, detail: str, undo: str = "") -> Operation:
        """Journal how a change ended."""
        operation = msgspec.structs.replace(operation, state=state, detail=detail, undo=undo, ended_at=time.time())
        self._save_operation(operation, None)
        return operation

    def _save_operation(self, operation: Operation, pid: int | None) -> None:
        with self._write() as connection:
            connection.execute(
                "INSERT INTO operations (id, session_id, state, started_at, pid, record) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET state = excluded.state, pid = excluded.pid, record = excluded.record",
                (
                    operation.id,
                    operation.session_id,
                    str(operation.state),
                    operation.started_at,
                    pid,
                    msgspec.json.encode(operation),
                ),
            )

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

    def unfinished(self) -> tuple[tuple[Operation, int], ...]:
        """Operations that have not ended, with the process that does them."""
        rows = self._rows("SELECT record, pid FROM operations WHERE state = 'doing' ORDER BY started_at")
        return tuple((msgspec.json.decode(record, type=Operation), int(pid or 0)) for record, pid in rows)

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
                (path, name, time.time()),
            )

    def repositories(self) -> tuple[tuple[str, str], ...]:
        """Known repositories: (name, path of the main worktree), by name."""
        return tuple(
            (str(name), str(path)) for name, path in self._rows("SELECT name, path FROM repositories ORDER BY 1, 2")
        )
