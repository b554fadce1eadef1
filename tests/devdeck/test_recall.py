"""A store that is lost, damaged or old: what came since comes back from the notes beside it (C15, C16, C26)."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from devdeck import backups, doctor
from devdeck.cli.main import _run
from devdeck.deck import Deck
from devdeck.errors import DeckError
from devdeck.model import OperationState, Session
from devdeck.notes import Notes
from devdeck.store import Store
from tests.devdeck.killing import run_killed
from tests.devdeck.removal.removal_support import differences, fsck, gc, hidden, make_session, world
from tests.devdeck.removal.test_trash import everything, make_workspace
from tests.git_support import make_repository, run_git, write
from tests.tmux_support import kill_server, tmux

Loss = Callable[[Deck], None]


def deleted(deck: Deck) -> None:
    """By hand: the next command begins a new one."""
    for ending in ("", "-wal", "-shm"):
        deck.paths.database.with_name(deck.paths.database.name + ending).unlink(missing_ok=True)


def put_back_by_hand(deck: Deck) -> None:
    """The newest copy, as it is."""
    copy = backups.backups(deck.paths.database)[0].path.read_bytes()
    deleted(deck)
    deck.paths.database.write_bytes(copy)


def corrupted(deck: Deck) -> None:
    deck.paths.database.write_bytes(b"no database" * 1000)
    assert _run(["doctor", "--fix", "--json"]) in (0, 1)


def corrupted_without_copies(deck: Deck) -> None:
    for copy in backups.backups(deck.paths.database):
        copy.path.unlink()
    corrupted(deck)


LOSSES: tuple[Loss, ...] = (deleted, put_back_by_hand, corrupted, corrupted_without_copies)


@contextmanager
def after(deck: Deck, loss: Loss) -> Iterator[Deck]:
    """The deck after its store was lost, as the next command opens it."""
    deck.store.close()
    loss(deck)
    with closing(Store(deck.paths.database)) as store:
        yield Deck(deck.paths, store, deck.terminals.tmux)


def fixable(deck: Deck) -> list[str]:
    return [found.name for found in doctor.examine(deck) if found.fixable]


def records(deck: Deck) -> dict[str, bytes]:
    """The notes, by their names, but for the owners and the number."""
    return {path.name: path.read_bytes() for path in Notes(deck.paths.database).folder.glob("*.json")}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_was_removed_since_comes_back_byte_for_byte(deck: Deck, repository: Path, loss: Loss) -> None:
    """C16, C26: with `undo` and with `trash restore`, also after git has collected its garbage."""
    sessions = [make_session(deck, repository, label) for label in ("one", "two")]
    for session in sessions:
        everything(repository, Path(session.worktree))
    run_git(repository, "stash", "clear")
    before = [world(session) for session in sessions]
    assert backups.make(deck.paths.database) is not None
    operation = None
    for session in sessions:
        operation = deck.removing.remove(session, force=True)
    with after(deck, loss) as again:
        assert fixable(again) == []
        assert [entry.session for entry in again.trash.entries()] == sessions[::-1]
        assert again.store.sessions() == ()
        assert operation is not None
        assert again.store.operation(operation.id) == operation
        gc(repository)
        fsck(repository)
        assert again.history.undo().label == "two"
        assert again.trash.restore(again.trash.find("one")) == sessions[0]
        assert [differences(world(session), old) for session, old in zip(sessions, before, strict=True)] == [[], []]
        assert hidden(repository) == ""
        assert list(again.paths.trash.iterdir()) == []
        assert set(again.store.sessions()) == set(sessions)
        assert all(again.terminals.own(session) for session in sessions)
        assert fixable(again) == []


@pytest.mark.parametrize("loss", LOSSES)
def test_sessions_that_were_made_or_changed_since(deck: Deck, repository: Path, tmp_path: Path, loss: Loss) -> None:
    """C16: label, who made the branch, the members of a workspace, the windows of the terminal."""
    old = deck.starting.start("old", str(repository), offline=True)
    gone = deck.starting.start("gone", str(repository), offline=True)
    assert backups.make(deck.paths.database) is not None
    old = deck.managing.rename(old, "renamed")
    made = deck.starting.start("old", str(repository), offline=True)  # the label is free again
    team = make_workspace(deck, tmp_path)
    deck.removing.remove(gone)
    deck.trash.drop(deck.trash.find("gone"))
    terminal = deck.terminals.own(made)
    assert terminal is not None
    tmux(deck.terminals.tmux, "new-window", "-d", "-n", "logs", "-t", f"{terminal.id}:")
    deck.terminals.ensure(made)
    layout, noted = deck.store.layout(made.id), records(deck)
    kill_server(deck.terminals.tmux)
    with after(deck, loss) as again:
        assert {session.label: session for session in again.store.sessions()} == {
            "renamed": old, "old": made, "team": team,
        }  # fmt: skip
        assert again.store.layout(made.id) == layout
        assert again.trash.entries() == ()
        assert records(again) == noted
        assert set(again.store.repositories()) >= {("shop", str(repository))}
        assert fixable(again) == []
        assert "logs" in {pane.window_name for pane in again.terminals.restore(made).panes}
        again.removing.remove(made)
        assert run_git(repository, "branch", "--list", "old").strip() == ""  # devdeck made it


@pytest.mark.parametrize("loss", [deleted, put_back_by_hand])
def test_what_came_back_from_the_trash_since_is_no_entry_any_more(deck: Deck, repository: Path, loss: Loss) -> None:
    session = make_session(deck, repository, "one")
    deck.removing.remove(session)
    assert backups.make(deck.paths.database) is not None
    deck.trash.restore(deck.trash.find("one"))
    with after(deck, loss) as again:
        assert again.trash.entries() == ()
        assert again.store.sessions() == (session,)
        assert fixable(again) == []


CUT_OFF = {
    "remove": "deck.removing.remove(deck.sessions.find('one'), force=True)",
    "restore": "deck.trash.restore(deck.trash.find('one'))",
    "start": "deck.starting.start('two', {!r}, offline=True)",
    "rename": "deck.managing.rename(deck.sessions.find('one'), 'better')",
    "drop": "deck.trash.drop(deck.trash.find('one'))",
}


@pytest.mark.parametrize("loss", [deleted, put_back_by_hand, corrupted])
@pytest.mark.parametrize("act", CUT_OFF)
def test_cut_off_half_way_and_the_store_lost(deck: Deck, repository: Path, act: str, loss: Loss) -> None:
    """C15, C16: what is half done is settled all the same."""
    session = make_session(deck, repository, "one")
    everything(repository, Path(session.worktree))
    run_git(repository, "stash", "clear")
    before = world(session)
    assert backups.make(deck.paths.database) is not None
    if act in ("restore", "drop"):
        deck.removing.remove(session, force=True)
    code = CUT_OFF[act].format(str(repository))
    assert run_killed(code, "step-done", {"remove": 4, "restore": 3, "start": 2, "rename": 1, "drop": 0}[act])
    with after(deck, loss) as again:
        if loss is not corrupted:  # where doctor has settled it already
            assert [operation.verb for operation in again.transactions.cut_off()] == [act]
            doctor.fix(again)
        assert fixable(again) == []
        assert again.transactions.cut_off() == ()
        assert again.store.half_made() == ()
        gc(repository)
        if act == "drop":
            assert (again.trash.entries(), again.store.sessions(), hidden(repository)) == ((), (), "")
            return
        if act == "restore":
            again.trash.restore(again.trash.find("one"))
        assert again.store.sessions() == (session,)
        found = world(session)
        if act == "rename":  # git writes HEAD and the reflog anew, there and back
            found |= {name: before[name] for name in ("0 admin", "0 reflog")}
        assert differences(found, before) == []
        assert list(again.paths.trash.glob("*")) == []


def test_a_full_disk_stops_a_removal_before_anything_moves(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(deck, repository, "one")
    write(Path(session.worktree), {"notes.md": "precious\n"})
    before = world(session)
    folder = Notes(deck.paths.database).folder
    moved = folder.rename(folder.with_name("elsewhere"))
    folder.write_text("")  # nothing can be written into it, not even by root
    with pytest.raises(DeckError, match="can't write the notes"):
        deck.removing.remove(session, force=True)
    assert differences(world(session), before) == []
    assert not deck.paths.trash.exists()
    folder.unlink()
    moved.rename(folder)
    assert deck.store.unfinished() == ()
    deck.removing.remove(session, force=True)


def test_a_running_devdeck_goes_on_with_the_store_that_another_brought_back(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository), offline=True)
    assert backups.make(deck.paths.database) is not None
    deck.starting.start("two", str(repository), offline=True)
    copy = backups.backups(deck.paths.database)[0].path.read_bytes()
    fresh = deck.paths.data / "fresh"
    fresh.write_bytes(copy)
    fresh.rename(deck.paths.database)
    assert {it.label for it in deck.store.sessions()} == {"one", "two"}
    deck.removing.remove(session)
    with closing(Store(deck.paths.database)) as other:
        assert [entry.session for entry in other.trash()] == [session]
        assert other.recalled == ()


def test_a_note_that_can_t_be_read_hides_no_other(deck: Deck, repository: Path) -> None:
    for label in ("one", "two"):
        deck.removing.remove(make_session(deck, repository, label))
    entry = deck.trash.find("one")
    (note,) = Notes(deck.paths.database).folder.glob(f"trash-{entry.id}*")
    note.write_bytes(note.read_bytes()[:100])
    with after(deck, deleted) as again:
        assert [it.session.label for it in again.trash.entries()] == ["two"]
        named = [found.evidence for found in doctor.examine(again) if found.name == "trash without an entry"]
        assert [str(deck.paths.trash / entry.id) in words for words in named] == [True]
        assert note.exists()


def test_notes_are_private_and_go_with_what_they_are_about(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository), offline=True)
    folder = Notes(deck.paths.database).folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600] * 2
    assert list(records(deck)) == [f"session-{session.id}.json"]
    removed = deck.removing.remove(session)
    assert list(records(deck)) == [f"trash-{removed.id}.json"]
    deck.trash.drop(deck.trash.find("one"))
    assert records(deck) == {}


def test_a_store_that_lost_what_was_written_last(deck: Deck, repository: Path) -> None:
    """As after a loss of power, when the numbers tell nothing."""
    kept = deck.starting.start("kept", str(repository), offline=True)
    removed = make_session(deck, repository, "one")
    deck.removing.remove(removed)
    with closing(sqlite3.connect(deck.paths.database)) as connection:
        connection.execute("DELETE FROM trash")
        connection.execute("DELETE FROM sessions")
        connection.execute("DELETE FROM operations")
        connection.commit()
    (found,) = [found for found in doctor.examine(deck) if found.fixable and found.name == "store"]
    assert "the session kept" in found.evidence
    assert "one in the trash" in found.evidence
    assert "listed one in the trash again" in doctor.fix(deck)[0]
    assert fixable(deck) == []
    assert deck.store.sessions() == (kept,)
    assert deck.history.undo().verb == "remove"


def test_notes_of_what_is_gone_from_the_world_go_too(deck: Deck, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "short-lived")
    session = make_session(deck, repository, "one")
    deck.removing.remove(make_session(deck, repository, "two"))
    shutil.rmtree(repository)
    shutil.rmtree(session.worktree)
    shutil.rmtree(deck.paths.trash)
    with after(deck, deleted) as again:
        assert (again.store.sessions(), again.trash.entries(), records(again)) == ((), (), {})


def test_a_store_of_an_earlier_devdeck_is_noted_when_it_is_opened(deck: Deck, repository: Path) -> None:
    session = make_session(deck, repository, "one")
    deck.removing.remove(make_session(deck, repository, "two"))
    noted = records(deck)
    deck.store.close()
    shutil.rmtree(Notes(deck.paths.database).folder)
    with closing(sqlite3.connect(deck.paths.database)) as connection:
        connection.execute("DROP TABLE noted")
        connection.execute("PRAGMA user_version = 2")
        connection.commit()
    with closing(Store(deck.paths.database)):
        assert records(deck) == noted
    with after(deck, deleted) as again:
        assert again.store.sessions() == (session,)


def test_an_end_that_was_killed_before_its_note_was_dropped(deck: Deck, repository: Path) -> None:
    """The note of a change that has ended takes nothing back."""
    code = "from devdeck.notes import Notes\nimport os, signal\n"
    code += "Notes.drop = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    code += f"deck.starting.start('one', {str(repository)!r}, offline=True)"
    assert run_killed(code, "begun", 9)
    assert {name.partition("-")[0] for name in records(deck)} == {"change", "session"}
    assert "store" in fixable(deck)
    doctor.fix(deck)
    assert fixable(deck) == []
    assert [name.partition("-")[0] for name in records(deck)] == ["session"]
    assert deck.sessions.find("one").managed_branch
    assert deck.store.operations()[0].state is OperationState.DONE


def test_odd_ids_stay_in_the_folder(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "deck.sqlite3")) as store:
        session = Session(id="../../x/\u00e9", label="x", repository="r", repository_path=str(tmp_path), worktree="/w")
        store.save_session(session)
        (note,) = (tmp_path / "deck-notes").glob("*.json")
        assert note.name == "session-..%2f..%2fx%2f%e9.json"
    (tmp_path / "deck.sqlite3").unlink()
    with closing(Store(tmp_path / "deck.sqlite3")) as store:
        assert store.sessions() == (session,)
        assert store.recalled == ("listed the session x again",)
