"""Copies of the store, and a store that can't be used."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from devdeck import backups, database
from devdeck.errors import DeckError
from devdeck.model import Session
from devdeck.store import SCHEMA_VERSION, Store
from tests.support import until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deck.sqlite3"


def session(label: str) -> Session:
    return Session(id=f"id-{label}", label=label, repository="r", repository_path="/r", worktree=f"/w/{label}")


def labels(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT label FROM sessions ORDER BY 1")]


def filled(path: Path, *wanted: str) -> None:
    with closing(Store(path)) as store:
        for label in wanted:
            store.save_session(session(label))


def test_a_store_that_was_changed_is_copied_once_a_day(path: Path) -> None:
    Store(path).close()
    assert backups.backups(path) == ()  # nothing was written
    filled(path, "one")
    (copy,) = backups.backups(path)
    assert backups.is_whole(copy.path)
    assert labels(copy.path) == ["one"]
    filled(path, "two")
    assert backups.backups(path) == (copy,)
    yesterday = time.time() - backups.EVERY - 1
    os.utime(copy.path, (yesterday, yesterday))
    filled(path, "three")
    assert len(backups.backups(path)) == 2
    assert labels(backups.backups(path)[0].path) == ["one", "three", "two"]


def test_a_store_that_stays_open_is_copied_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_LOOK_FOR_COPY", 0.0)
    with closing(Store(path)) as store:
        store.save_session(session("one"))
        until(lambda: backups.backups(path))
        assert labels(backups.backups(path)[0].path) == ["one"]


def test_copies_are_private_bounded_and_the_oldest_go(path: Path) -> None:
    filled(path, "one")
    for number in range(backups.KEPT + 3):
        made = backups.make(path, f"n{number}")
        assert made is not None
        os.utime(made, (1000.0 + number, 1000.0 + number))
    kept = backups.backups(path)
    assert len(kept) == backups.KEPT
    assert not any(copy.path.name.endswith(("n0.sqlite3", "n1.sqlite3")) for copy in kept)
    assert kept[0].path.stat().st_mode & 0o777 == 0o600
    assert backups.folder_of(path).stat().st_mode & 0o777 == 0o700
    assert list(backups.folder_of(path).glob("*.partial")) == []


def test_two_copies_at_once_are_one(path: Path) -> None:
    filled(path, "one")
    partial = backups.folder_of(path) / "deck-x.partial"
    partial.touch()
    assert backups.make(path) is None
    os.utime(partial, (1.0, 1.0))  # one that was cut off stands in nobody's way
    assert backups.make(path) is not None
    assert not partial.exists()


def test_a_damaged_store_is_not_copied_over_good_copies(path: Path) -> None:
    filled(path, *(f"s{number:03}" for number in range(200)))
    before = backups.backups(path)
    damage(path)
    with pytest.raises(sqlite3.DatabaseError):
        backups.make(path)
    assert backups.backups(path) == before
    assert list(backups.folder_of(path).glob("*.partial")) == []


def damage(path: Path) -> None:
    """Overwrite pages in the middle."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 8192))


def test_a_copy_is_made_before_the_schema_changes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "SCHEMA_VERSION", 1)
        with closing(database.Database(path)) as old, old._write() as connection:
            connection.execute("INSERT INTO sessions (id, label, ready, record) VALUES ('a', 'one', 1, '{}')")
    for copy in backups.backups(path):
        copy.path.unlink()
    Store(path).close()
    (copy,) = backups.backups(path)
    assert copy.path.name.endswith("-schema-1.sqlite3")
    with closing(sqlite3.connect(copy.path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert labels(copy.path) == labels(path) == ["one"]


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def garbage(path: Path) -> None:
    path.write_bytes(b"precious notes" * 1000)


def text(path: Path) -> None:
    path.write_text("[]")


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE holidays (day TEXT)")
        connection.commit()


def foreign_with_version(path: Path) -> None:
    foreign(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")


BROKEN = [truncated, emptied, garbage, text, foreign, foreign_with_version]


@pytest.mark.parametrize("breaking", BROKEN)
def test_a_store_that_can_not_be_used_is_named_and_left_as_it_is(
    path: Path, breaking: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C16."""
    monkeypatch.setattr(database, "_MAKING", 0.05)
    filled(path, *(f"s{number:03}" for number in range(200)))
    assert callable(breaking)
    breaking(path)
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(DeckError) as caught:
            Store(path)
        assert str(path) in caught.value.message
        assert caught.value.code == "store"
        assert "doctor --fix" in caught.value.hint
        assert path.read_bytes() == before


def test_damage_inside_is_told_when_it_is_read(path: Path) -> None:
    """C16."""
    filled(path, *(f"s{number:03}" for number in range(200)))
    damage(path)
    before = path.read_bytes()
    with pytest.raises(DeckError) as caught, closing(Store(path)) as store:
        store.sessions()
    assert (caught.value.code, str(path) in caught.value.message) == ("store", True)
    assert path.read_bytes()[100:] == before[100:]


def test_a_record_that_is_no_record_is_told(path: Path) -> None:
    """C16."""
    filled(path, "one")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE sessions SET record = '[1, 2'")
        connection.commit()
    with closing(Store(path)) as store, pytest.raises(DeckError) as caught:
        store.sessions()
    assert (caught.value.code, str(path) in caught.value.message) == ("store", True)


def test_a_new_store_where_copies_of_an_older_one_are(path: Path) -> None:
    filled(path, "one")
    path.unlink()
    filled(path, "two")  # the user moved it away to begin anew
    assert labels(path) == ["two"]
