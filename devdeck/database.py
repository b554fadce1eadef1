"""One SQLite file: opened, brought up to its schema, read, and written in short transactions.

Any number of processes use it at once: WAL, a busy time-out, and every write in one immediate transaction. A file that
is damaged, or not a deck's, is never written to; `devdeck.backups` keeps copies.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from devdeck import backups, records
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
    (
        "CREATE TABLE noted (number INTEGER NOT NULL)",
        "INSERT INTO noted VALUES (0)",
    ),
)
"""Statements that lead from schema version i to i + 1. Never edit one that was released; add another."""

SCHEMA_VERSION = len(_MIGRATIONS)

R = TypeVar("R")

MEND = (
    "`devdeck doctor --fix` moves it aside and brings back the newest copy, and what came since from notes beside it; "
    "worktrees and terminals stay as they are"
)
_MAGIC = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat2.html, 1.3.1
_MAKING = 2.0  # seconds that another process may take between making the file and its schema
_LOOK_FOR_COPY = 3600.0  # seconds between two looks at the age of the newest copy while the store is open


class Database:
    """The file of a deck. Safe to use from several threads; each call is one short transaction."""

    def __init__(self, path: Path) -> None:
        """Open or make the database, and bring its schema up to date.

        Raises:
            DeckError: The file is damaged, not a deck's, from a newer devdeck, or can't be opened (code `store`, or
                `store-newer`). It is left as it is.
        """
        self.path = path
        self._lock = threading.RLock()
        self._copying: threading.Thread | None = None
        self._next_look = math.inf
        self._opened = 0
        self._open(make=True)
        self._written = False
        self._next_look = time.monotonic() + _LOOK_FOR_COPY

    def _open(self, *, make: bool) -> None:
        try:
            _require_used(self.path)
            if make and not self.path.exists():
                self.path.touch(mode=0o600)
            self._file = _identity(self.path)
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise DeckError(
                f"can't open the store {self.path}: {error}",
                "check the folder's permissions and free space",
                code="store",
            ) from error
        self._connection = connection
        self._opened += 1
        try:
            with self._told():
                self._prepare()
            self._catch_up()
        except BaseException:
            connection.close()
            raise

    def _catch_up(self) -> None:
        """Called when a file was opened, or another one in its place: whether it lacks what is known elsewhere."""

    def _follow(self) -> None:
        """Go over to the file that has taken the place of the one that is open, as after `doctor --fix`.

        What would be written into the old one nobody would ever read. SQLite closes a database that was moved away
        without touching what has its name now (sqlite.org/howtocorrupt.html, 2.4, is about those that write on).

        Raises:
            DeckError: There is none any more, or the other one can't be used. The next call looks again.
        """
        if self._connection.in_transaction:
            return
        try:
            now = _identity(self.path)
        except OSError as error:
            raise DeckError(f"the store {self.path} is gone: {error.strerror}", MEND, code="store") from error
        if now == self._file:
            return
        before = self._connection, self._file
        try:
            self._open(make=False)
        except BaseException:
            self._connection, self._file = before
            raise
        before[0].close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite and msgspec say about a file that can't be used into the deck's error."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.OperationalError as error:
            words = str(error)
            hint = "another devdeck is writing for long; try again" if "locked" in words else MEND
            if "full" in words or "readonly" in words:
                hint = "check the folder's permissions and free space"
            raise DeckError(f"the store {self.path} can't be used: {words}", hint, code="store") from error
        except (sqlite3.DatabaseError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DeckError(f"the store {self.path} can't be used: {error}", MEND, code="store") from error

    def _prepare(self) -> None:
        version = self._version()
        if version > SCHEMA_VERSION:
            raise DeckError(
                f"the store {self.path} was written by a newer devdeck (schema {version}, "
                f"this one knows {SCHEMA_VERSION})",
                "update devdeck",
                code="store-newer",
            )
        self._require_ours()
        self._use_wal()
        self._connection.execute("PRAGMA synchronous = NORMAL")
        if version < SCHEMA_VERSION:
            if version:
                self._copy_before(version)
            with self._write() as connection:
                for number in range(self._version(), SCHEMA_VERSION):
                    for statement in _MIGRATIONS[number]:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {number + 1}")

    def _require_ours(self) -> None:
        """Let pass a file that is new, or has a deck's tables; nobody else's database is changed."""
        # One statement, so that a schema that another process is just making is seen as a whole or not at all.
        version, tables, sessions = self._connection.execute(
            "SELECT (SELECT user_version FROM pragma_user_version), count(*), "
            "count(CASE WHEN name = 'sessions' THEN 1 END) FROM sqlite_master WHERE type = 'table'"
        ).fetchone()
        if (version == 0 and tables) or (version and not sessions):
            raise DeckError(f"{self.path} is a database, but not a deck's", MEND, code="store")

    def _use_wal(self) -> None:
        deadline = time.monotonic() + BUSY_TIMEOUT
        while True:
            try:
                # Switching to WAL takes an exclusive lock for which SQLite does not call the busy handler.
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _copy_before(self, version: int) -> None:
        try:
            backups.make(self.path, f"schema-{version}")
        except (OSError, sqlite3.Error) as error:
            raise DeckError(
                f"the store {self.path} can't be copied before its schema changes: {error}",
                "check the folder's permissions and free space",
                code="store",
            ) from error

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def close(self) -> None:
        """Close the database; the store can't be used afterwards. Once a day, when it was changed, it is copied."""
        if self._copying is not None:
            self._copying.join(10.0)
        with self._lock:
            self._connection.close()
        if self._written and backups.is_due(self.path):
            self._copy()

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._told():
            self._follow()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        self._copy_when_due()

    def _copy_when_due(self) -> None:
        """In a process that goes on for long, copy the store once a day in a thread: nobody waits for it."""
        with self._lock:
            self._written = True
            if time.monotonic() < self._next_look:
                return
            self._next_look = time.monotonic() + _LOOK_FOR_COPY
        if backups.is_due(self.path):
            self._copying = threading.Thread(target=self._copy, name="store-copy", daemon=True)
            self._copying.start()

    def _copy(self) -> None:
        # Without a copy everything works; `doctor` says how old the newest one is.
        with contextlib.suppress(OSError, sqlite3.Error):
            backups.make(self.path)

    def damage(self) -> str:
        """What SQLite's own check finds wrong with the file, or what can't be read of it; empty when it is whole."""
        try:
            told = [str(row[0]) for row in self._rows("PRAGMA quick_check(3)")]
        except DeckError as error:
            return error.message
        return "" if told == ["ok"] else "; ".join(told)

    def _rows(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        with self._lock, self._told():
            self._follow()
            cells = [records.cell(each) if isinstance(each, str) else each for each in arguments]
            return self._connection.execute(sql, cells).fetchall()

    def _records(self, type_: type[R], sql: str, *arguments: Any) -> tuple[R, ...]:
        with self._told():
            return tuple(records.decode(row[0], type_) for row in self._rows(sql, *arguments))

    def change_count(self) -> int:
        """A number that differs when another process has committed since it was last read (`PRAGMA data_version`)."""
        version = int(self._rows("PRAGMA data_version")[0][0])
        return self._opened << 32 | version


def _identity(path: Path) -> tuple[int, int]:
    """Which file a path leads to now."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _require_used(path: Path) -> None:
    """Let pass a store that is there, or was never: SQLite takes a file of a few bytes, or of none, for a new one.

    Raises:
        DeckError: It is no database, or has become empty.
        OSError: It can't be read.
    """
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        if file.read(len(_MAGIC)) not in (_MAGIC, b""):
            raise DeckError(f"the store {path} can't be used: it is no database", MEND, code="store")
    deadline = time.monotonic() + _MAKING
    while path.exists() and path.stat().st_size == 0 and not _has_log(path) and backups.backups(path):
        if time.monotonic() < deadline:
            time.sleep(0.02)
            continue
        raise DeckError(f"the store {path} is empty, though there are copies of it that are not", MEND, code="store")


def _has_log(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    return False
