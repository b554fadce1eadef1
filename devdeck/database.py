"""One SQLite file: opened, brought up to its schema, read, and written in short transactions.

Any number of processes use it at once: WAL, a busy time-out, and every write in one immediate transaction.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from devdeck.errors import DeckError

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
    (
        "ALTER TABLE sessions ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE operations ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE operations ADD COLUMN steps BLOB",
        "ALTER TABLE operations ADD COLUMN done INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX operations_under_way ON operations (state) WHERE state = 'doing'",
        "CREATE TABLE trash (id TEXT PRIMARY KEY, at REAL NOT NULL, record BLOB NOT NULL)",
        "CREATE TABLE trust (hash TEXT PRIMARY KEY, repository TEXT NOT NULL, at REAL NOT NULL)",
        "CREATE TABLE layouts (session_id TEXT PRIMARY KEY, at REAL NOT NULL, record BLOB NOT NULL)",
    ),
)
"""Statements that lead from schema version i to i + 1. Never edit one that was released; add another."""

SCHEMA_VERSION = len(_MIGRATIONS)

R = TypeVar("R")


class Database:
    """The file of a deck. Safe to use from several threads; each call is one short transaction."""

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
