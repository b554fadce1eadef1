"""C16: a store that can't be used, moved aside and brought back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from devdeck import backups, database
from devdeck.cli.main import _run
from devdeck.deck import Deck
from devdeck.doctor import recovery
from devdeck.errors import DeckError
from devdeck.model import Session
from devdeck.store import SCHEMA_VERSION, Store
from tests.devdeck.test_backups import BROKEN

Doctor = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def doctor(capsysbinary: pytest.CaptureFixture[bytes]) -> Doctor:
    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        status = _run(["doctor", "--json", *arguments])
        out, err = capsysbinary.readouterr()
        assert err == b""
        return status, json.loads(out)

    return run


def names(report: dict[str, Any], state: str) -> list[str]:
    return [found["name"] for found in report["findings"] if found["state"] == state]


@pytest.mark.parametrize("breaking", BROKEN)
def test_doctor_names_it_and_brings_everything_back(
    deck: Deck, repository: Path, breaking: object, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C16."""
    monkeypatch.setattr(database, "_MAKING", 0.05)
    old = deck.starting.start("old", str(repository))
    deck.store.close()
    (copy,) = backups.backups(deck.paths.database)
    with closing(Store(deck.paths.database)) as store:
        newer = Deck(deck.paths, store, deck.terminals.tmux).starting.start("newer", str(repository))
    assert backups.backups(deck.paths.database) == (copy,)
    assert callable(breaking)
    breaking(deck.paths.database)
    broken = deck.paths.database.read_bytes()

    status, report = doctor()
    assert (status, names(report, "fail")) == (1, ["store"])
    assert str(deck.paths.database) in next(f["evidence"] for f in report["findings"] if f["name"] == "store")
    assert deck.paths.database.read_bytes() == broken
    assert doctor("--fix", "--dry-run")[1]["fixable"] == 1
    assert deck.paths.database.read_bytes() == broken

    status, report = doctor("--fix")
    assert (status, names(report, "fail")) == (0, [])
    (aside,) = deck.paths.data.glob("deck.sqlite3.broken-*[0-9]")
    assert aside.read_bytes() == broken
    with closing(Store(deck.paths.database)) as store:
        again = Deck(deck.paths, store, deck.terminals.tmux)
        assert {session.label for session in again.sessions.all()} == {"old", "newer"}
        assert again.sessions.find("old").managed_branch
        found = again.sessions.find("newer")
        assert found == newer
        for session in (old, newer):
            terminal = again.terminals.own(session)
            assert terminal is not None
    assert doctor("--fix")[1]["fixed"] == []


def test_without_a_copy_git_and_tmux_tell_what_there_is(deck: Deck, repository: Path, doctor: Doctor) -> None:
    """C16."""
    session = deck.starting.start("fix/login", str(repository))
    deck.store.close()
    for copy in backups.backups(deck.paths.database):
        copy.path.unlink()
    deck.paths.database.write_bytes(b"\0" * 5000)
    report = doctor("--fix")[1]
    assert any("began a new store" in line for line in report["fixed"])
    with closing(Store(deck.paths.database)) as store:
        (found,) = store.sessions()
    assert (found.id, found.label, found.worktree) == (session.id, "fix/login", session.worktree)


def test_what_was_under_way_when_the_copy_was_made_is_not_taken_back(
    deck: Deck, repository: Path, doctor: Doctor
) -> None:
    """C16."""
    reserved = Session(id="x", label="half", repository="r", repository_path="/r", worktree="/w")
    deck.store.reserve(reserved)
    session = deck.starting.start("one", str(repository))
    database_ = deck.paths.database
    with closing(sqlite3.connect(database_)) as connection:  # as it stood before the start had ended
        connection.execute("UPDATE operations SET state = 'doing', done = 1")
        connection.execute("UPDATE sessions SET ready = 0, owner = '1/1/x'")
        connection.commit()
    assert backups.make(database_) is not None
    deck.store.close()
    database_.write_bytes(b"x")
    report = doctor("--fix")[1]
    assert not any("took back" in line for line in report["fixed"])
    assert Path(session.worktree).is_dir()
    with closing(Store(database_)) as store:
        assert [found.id for found in store.sessions()] == [session.id]
        assert store.half_made() == ()


def test_a_damaged_copy_is_passed_over(deck: Deck, repository: Path) -> None:
    deck.starting.start("one", str(repository))
    deck.store.close()
    database_ = deck.paths.database
    (good,) = backups.backups(database_)
    (good.path.parent / "deck-99990101-000000.sqlite3").write_bytes(b"SQLite format 3\0" + b"x" * 4096)
    assert backups.backups(database_)[0] != good
    database_.write_bytes(b"x")
    done = recovery.recover(deck.paths)
    assert str(good.path) in done[1]


def test_a_whole_store_and_a_newer_one_are_not_touched(deck: Deck, doctor: Doctor) -> None:
    with pytest.raises(DeckError, match="is whole"):
        recovery.recover(deck.paths)
    deck.store._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    deck.store.close()
    before = deck.paths.database.read_bytes()
    with pytest.raises(DeckError, match="newer devdeck"):
        recovery.recover(deck.paths)
    status, report = doctor("--fix")
    assert (status, report["fixed"]) == (1, [])
    store = next(found for found in report["findings"] if found["name"] == "store")
    assert (store["state"], store["fixable"], store["fix"]) == ("fail", False, "update devdeck")
    assert deck.paths.database.read_bytes() == before


def test_other_files_that_nobody_can_open_are_findings_too(
    home: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    status, report = doctor()
    assert (status, names(report, "fail")) == (1, ["store"])
