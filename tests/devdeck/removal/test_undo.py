"""Undo: the last change that can be taken back, one after another."""

from __future__ import annotations

from pathlib import Path

import pytest

from devdeck.deck import Deck
from devdeck.errors import DeckError, NotFound, Refused
from devdeck.model import OperationState
from tests.devdeck.removal.removal_support import branches, make_session, world
from tests.git_support import commit, run_git, write


def test_nothing_was_done(deck: Deck) -> None:
    with pytest.raises(NotFound, match="nothing"):
        deck.history.undo()
    with pytest.raises(NotFound):
        deck.history.plan_undo()


def test_twice_takes_back_two(deck: Deck, repository: Path) -> None:
    one = make_session(deck, repository, "one")
    two = make_session(deck, repository, "two")
    before = world(one), world(two)
    deck.removing.remove(one)
    deck.removing.remove(two)
    operation, steps = deck.history.plan_undo()
    assert (operation.verb, operation.label) == ("remove", "two")
    assert f"bring back {two.worktree}" in steps
    assert deck.store.session("two") is None
    assert deck.history.undo().label == "two"
    undone = deck.history.undo()
    assert (undone.label, undone.state) == ("one", OperationState.UNDONE)
    assert (world(one), world(two)) == before
    with pytest.raises(NotFound):
        deck.history.undo()


def test_a_start_goes_to_the_trash(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository))
    operation, steps = deck.history.plan_undo()
    assert operation.verb == "start"
    assert "delete the branch one" in steps
    write(Path(session.worktree), {"notes.md": "precious\n"})
    with pytest.raises(Refused, match="untracked"):
        deck.history.undo()
    assert Path(session.worktree).is_dir()
    assert deck.history.undo(force=True).verb == "start"
    assert branches(repository) == {"main"}
    with pytest.raises(NotFound):
        deck.history.undo()
    deck.trash.restore(deck.trash.find("one"))
    assert (Path(session.worktree) / "notes.md").read_text() == "precious\n"
    assert deck.history.undo().verb == "restore"
    assert deck.trash.find("one").session == session


def test_work_that_a_session_was_started_with_goes_back(deck: Deck, repository: Path) -> None:
    write(repository, {"a.py": "staged\n", "new.txt": "new\n"})
    run_git(repository, "add", "a.py")
    write(repository, {"a.py": "and changed\n"})
    before = run_git(repository, "status", "--porcelain=v2", "--branch")
    session = deck.starting.start("one", str(repository), with_changes=True)
    assert run_git(repository, "status", "--short") == ""
    write(Path(session.worktree), {"later.txt": "made in the session\n"})
    with pytest.raises(Refused, match="untracked"):
        deck.history.undo()
    (Path(session.worktree) / "later.txt").unlink()
    assert deck.history.plan_undo()[0].verb == "start"
    assert deck.history.undo().verb == "start"
    assert run_git(repository, "status", "--porcelain=v2", "--branch") == before
    assert (repository / "a.py").read_text() == "and changed\n"
    assert (repository / "new.txt").read_text() == "new\n"
    assert branches(repository) == {"main"}
    assert deck.store.sessions() == ()


def test_a_restore_is_taken_back_with_what_it_holds(deck: Deck, repository: Path) -> None:
    session = make_session(deck, repository, "one")
    commit(Path(session.worktree), {"b.py": "B = 1\n"}, "work")
    deck.removing.remove(session, force=True)
    deck.trash.restore(deck.trash.find("one"))
    assert deck.history.undo().verb == "restore"
    assert branches(repository) == {"main"}
    with pytest.raises(NotFound):  # the removal was taken back by the restore already
        deck.history.undo()
    assert len(deck.trash.entries()) == 1


def test_a_rename_is_taken_back_before_the_start(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository))
    deck.managing.rename(session, "two")
    assert deck.history.plan_undo()[0].verb == "rename"
    assert deck.history.undo().verb == "rename"
    assert deck.store.session("one") is not None
    assert branches(repository) == {"main", "one"}
    assert deck.history.undo().verb == "start"
    assert branches(repository) == {"main"}


def test_what_can_not_be_taken_back_is_passed_over(deck: Deck, repository: Path) -> None:
    one = make_session(deck, repository, "one")
    two = make_session(deck, repository, "two")
    deck.removing.remove(two)
    deck.removing.remove(one)
    deck.trash.drop(deck.trash.find("one"))
    deck.work.run(make_session(deck, repository, "three"), ("true",))
    assert deck.history.undo().label == "two"


def test_what_is_in_the_way_is_said_and_nothing_is_marked(deck: Deck, repository: Path) -> None:
    session = make_session(deck, repository, "one")
    deck.removing.remove(session)
    make_session(deck, repository, "one")
    with pytest.raises(DeckError, match="exists already"):
        deck.history.undo()
    assert deck.store.operations(session.id)[0].state is OperationState.DONE
    assert len(deck.trash.entries()) == 1


def test_what_is_under_way_is_not_passed_over(deck: Deck, repository: Path) -> None:
    session = make_session(deck, repository, "one")
    deck.removing.remove(session)
    deck.store.begin("rename", session_id="x", label="other", detail="", steps=b'{"steps":[]}')
    with pytest.raises(Refused, match="under way"):
        deck.history.undo()
    run_git(repository, "status")
