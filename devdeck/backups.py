"""Copies of the store: made before its schema changes and once a day, the newest few kept, put back by `doctor --fix`.

A copy is made by SQLite's own backup, so that it is whole whatever other processes write meanwhile, checked, and only
then given its name.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

import msgspec

KEPT = 7
"""How many copies are kept."""
EVERY = 24 * 3600.0
"""Seconds between two copies that are made because of their age."""
_GIVEN_UP = 600.0  # seconds after which a copy that is not finished was cut off


class Backup(msgspec.Struct, frozen=True):
    """One copy of a store."""

    path: Path
    at: float
    """When it was made, UNIX seconds."""


def folder_of(store: Path) -> Path:
    """Where the copies of a store are."""
    return store.parent / "backups"


def backups(store: Path) -> tuple[Backup, ...]:
    """The copies of a store, the newest first."""
    found = []
    with suppress(OSError):
        for path in folder_of(store).glob(f"{store.stem}-*{store.suffix}"):
            with suppress(OSError):
                found.append(Backup(path, path.stat().st_mtime))
    return tuple(sorted(found, key=lambda backup: (backup.at, backup.path.name), reverse=True))


def is_due(store: Path) -> bool:
    """Whether the newest copy is older than a day, or there is none."""
    newest = next(iter(backups(store)), None)
    return newest is None or not 0 <= time.time() - newest.at < EVERY


def make(store: Path, note: str = "") -> Path | None:
    """Copy a store, and drop the oldest copies.

    Args:
        store: Its file.
        note: Put into the copy's name, such as `schema-2`.

    Returns:
        The copy; `None` when another process is making one just now.

    Raises:
        sqlite3.Error: The store can't be read, or is damaged; there is no new copy, and the older ones stay.
        OSError: The copy can't be written.
    """
    folder = folder_of(store)
    folder.mkdir(mode=0o700, exist_ok=True)
    stamp = "-".join(filter(None, (store.stem, time.strftime("%Y%m%d-%H%M%S", time.gmtime()), note)))
    names = (stamp, *(f"{stamp}-{number}" for number in range(2, 100)))
    name = next(name for name in names if not (folder / f"{name}{store.suffix}").exists())
    partial = folder / f"{name}.partial"
    for other in folder.glob("*.partial"):
        with suppress(OSError):
            if 0 <= time.time() - other.stat().st_mtime < _GIVEN_UP:
                return None
            other.unlink()
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return None
    try:
        with (
            closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as source,
            closing(sqlite3.connect(partial)) as target,
        ):
            target.execute("PRAGMA synchronous = OFF")
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
            _require_whole(target)
        _sync(partial)
        made = folder / f"{name}{store.suffix}"
        os.replace(partial, made)
    finally:
        partial.unlink(missing_ok=True)
    for old in backups(store)[KEPT:]:
        with suppress(OSError):
            old.path.unlink()
    return made


def _require_whole(connection: sqlite3.Connection) -> None:
    told = [str(row[0]) for row in connection.execute("PRAGMA quick_check(1)")]
    if told != ["ok"]:
        raise sqlite3.DatabaseError("; ".join(told))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_whole(path: Path) -> bool:
    """Whether a file is a database without damage that holds a deck's sessions."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as connection:
            _require_whole(connection)
            connection.execute("SELECT id, label, ready, record FROM sessions LIMIT 1").fetchone()
    except sqlite3.Error:
        return False
    return True


def put_back(backup: Backup, store: Path) -> None:
    """Make a copy the store, which must not be there any more.

    Raises:
        FileExistsError: There is a store.
        OSError: It can't be written.
    """
    fresh = store.with_name(f"{store.name}.restored")
    fresh.unlink(missing_ok=True)  # one that was cut off, or a link that leads elsewhere
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(backup.path.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, store)  # unlike a rename, never over a file
    finally:
        fresh.unlink()
