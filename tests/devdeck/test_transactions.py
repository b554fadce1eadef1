"""Changes that are cut off anywhere, by a kill, by the store, by another devdeck: the whole or nothing (C15)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from devdeck import doctor, owner
from devdeck.deck import Deck
from devdeck.errors import DeckError, NotFound
from devdeck.model import OperationState, Session
from devdeck.steps.making import MakeTerminal
from devdeck.steps.managing import ChangeRecord
from devdeck.store import Busy, LabelTaken, Store
from tests.devdeck.killing import run_killed
from tests.devdeck.removal.removal_support import gc, make_session
from tests.git_support import run_git, write

EVERY = int(os.environ.get("DEVDECK_TEST_KILLS_EVERY", "5"))
"""Between two kills; 1 tries all of them, which takes minutes."""


def fixable(deck: Deck) -> list[str]:
    return [found.name for found in doctor.examine(deck) if found.fixable]


def branches(repository: Path) -> set[str]:
    return set(run_git(repository, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").split())


def settled(deck: Deck) -> None:
    """Nothing is under way or half-made, and one look at everything has been enough to settle it."""
    doctor.fix(deck)
    assert fixable(deck) == []
    assert deck.transactions.cut_off() == ()
    assert deck.store.half_made() == ()
    assert deck.store.unfinished() == ()


ACTS = {
    "start": "deck.starting.start('two', {repository!r}, offline=True)",
    "rename": "deck.managing.rename(deck.sessions.find('one'), 'better')",
    "undo of a rename": "deck.history.undo()",
    "adopt": "deck.managing.adopt({by_hand!r})",
    "remove": "deck.removing.remove(deck.sessions.find('one'), force=True)",
    "restore": "deck.trash.restore(deck.trash.find('one'))",
}


@pytest.mark.parametrize("point", ["before-write", "after-write"])
@pytest.mark.parametrize("act", ACTS)
def test_killed_at_any_write_of_the_store(deck: Deck, repository: Path, tmp_path: Path, act: str, point: str) -> None:
    """C15: also at the last one, which ends the journal's entry."""
    by_hand = tmp_path / "by-hand"
    run_git(repository, "worktree", "add", "-q", "-b", "by-hand", str(by_hand))
    session = make_session(deck, repository, "one")
    write(Path(session.worktree), {"notes.md": "precious\n"})
    number, killed = 0 if point == "before-write" else 1, True
    while killed:
        match act:
            case "undo of a rename":
                deck.managing.rename(session, "better")
            case "restore":
                deck.removing.remove(session, force=True)
        killed = run_killed(ACTS[act].format(repository=str(repository), by_hand=str(by_hand)), point, number)
        settled(deck)
        found = {it.label for it in deck.store.sessions()}
        assert found <= {"one", "two", "better", "by-hand"}, number
        assert ("two" in branches(repository)) == ("two" in found), number
        if "two" in found:
            deck.removing.remove(deck.sessions.find("two"))
        if "by-hand" in found:
            assert deck.history.undo().verb == "adopt"
        if "better" in found:
            assert (branches(repository), deck.history.undo().verb) == ({"main", "better", "by-hand"}, "rename")
        gc(repository)
        if deck.store.session("one") is None:
            deck.trash.restore(deck.trash.find("one"))
        assert deck.store.session("one") == session, number
        assert (Path(session.worktree) / "notes.md").read_text() == "precious\n"
        assert run_git(Path(session.worktree), "status", "--short").split() == ["??", "notes.md"]
        assert deck.terminals.own(session) is not None
        number += EVERY
    assert number > EVERY


def half_renamed(deck: Deck, repository: Path) -> Session:
    session = deck.starting.start("fix", str(repository), offline=True)
    assert run_killed("deck.managing.rename(deck.sessions.find('fix'), 'better')", "step-done")
    return session


def owned_by(deck: Deck, who: str) -> None:
    with closing(sqlite3.connect(deck.paths.database)) as connection:
        connection.execute("UPDATE operations SET owner = ? WHERE state = 'doing'", (who,))
        connection.commit()


def test_an_owner_whose_number_another_process_got(deck: Deck, repository: Path) -> None:
    session = half_renamed(deck, repository)
    pid, ticks, boot = owner.me().split("/")
    owned_by(deck, f"{pid}/{ticks}/{boot}")
    (operation, _) = deck.store.unfinished()[0]
    assert deck.transactions.cut_off() == ()
    with pytest.raises(Busy, match="another devdeck works at rename"):
        deck.transactions.settle(operation)
    owned_by(deck, f"{pid}/{int(ticks) - 1}/{boot}")
    assert deck.transactions.settle(operation).state is OperationState.FAILED
    assert deck.sessions.find("fix") == session
    assert half_renamed_again(deck) == ("better", ())


def half_renamed_again(deck: Deck) -> tuple[str, tuple[object, ...]]:
    """The session can be changed again."""
    renamed = deck.managing.rename(deck.sessions.find("fix"), "better")
    return renamed.label, deck.transactions.cut_off()


def test_an_owner_of_an_earlier_boot(deck: Deck, repository: Path) -> None:
    half_renamed(deck, repository)
    owned_by(deck, owner.me().rpartition("/")[0] + "/another-boot")
    settled(deck)
    assert half_renamed_again(deck) == ("better", ())


@contextmanager
def locked(store: Store) -> Iterator[None]:
    """Another process writes for long."""
    store._connection.execute("PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize("write_", ["advance", "finish"])
def test_a_store_that_is_locked_meanwhile_leaves_no_change_under_way(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch, write_: str
) -> None:
    """A dashboard lives on for days: what it could not journal would keep the session busy for as long."""
    session = deck.starting.start("fix", str(repository), offline=True)
    real, last = getattr(Store, write_), len(deck.managing.plan_rename(session, "better").todo)
    blocker = sqlite3.connect(deck.paths.database, isolation_level=None, check_same_thread=False)
    deck.store._connection.execute("PRAGMA busy_timeout = 10")

    def blocked(self: Store, *arguments: object, **options: object) -> object:
        if (write_ == "finish" or arguments[1] == last) and not blocker.in_transaction:
            blocker.execute("BEGIN IMMEDIATE")
        return real(self, *arguments, **options)

    with closing(blocker), monkeypatch.context() as patch:
        patch.setattr(Store, write_, blocked)
        with pytest.raises(DeckError, match="locked"):
            deck.managing.rename(session, "better")
        blocker.execute("ROLLBACK")
    settled(deck)
    (label,) = (it.label for it in deck.store.sessions())
    assert label == ("better" if write_ == "finish" else "fix")
    assert branches(repository) == {"main", label}
    deck.removing.remove(deck.sessions.find(label))


@pytest.mark.parametrize("killed", [False, True])
def test_an_undo_that_refuses_half_way_changes_nothing(deck: Deck, repository: Path, killed: bool) -> None:
    """Also when it was cut off before it came to that: nobody is left with a change that can't be settled."""
    session = deck.starting.start("fix", str(repository), offline=True)
    deck.managing.rename(session, "better")
    before = deck.store.operations()[0]
    run_git(repository, "branch", "fix/deep")  # in the way of the last step that is taken back
    if killed:
        assert run_killed("deck.history.undo()", "step-journaled", 1)
        assert doctor.fix(deck) == ("finished rename fix",)
    else:
        with pytest.raises(DeckError, match="fix/deep"):
            deck.history.undo()
    assert fixable(deck) == []
    assert deck.store.operation(before.id) == before
    assert deck.sessions.find("better").branch == "better"
    terminal = deck.terminals.own(session)
    assert terminal is not None
    assert terminal.name == "shop-better"
    run_git(repository, "branch", "-D", "fix/deep")
    assert deck.history.undo().verb == "rename"
    assert deck.sessions.find("fix") == session


def test_an_undo_that_was_killed_at_its_beginning_and_refuses_leaves_nothing(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("fix", str(repository), offline=True)
    deck.managing.rename(session, "better")
    deck.starting.start("other", str(repository), offline=True)
    deck.managing.rename(deck.sessions.find("other"), "fix", keep_branch=True)
    operation = next(it for it in deck.store.operations() if it.label == "fix" and it.verb == "rename")
    code = f"deck.transactions.reverse(deck.store.operation({operation.id!r}))"
    assert run_killed(code, "taken-over")
    assert doctor.fix(deck) == ("finished rename fix",)
    assert deck.store.operation(operation.id) == operation
    deck.removing.remove(deck.sessions.find("better"))


def test_two_devdecks_bring_the_same_back(deck: Deck, repository: Path) -> None:
    """The one that comes too late takes nothing of it away."""
    session = make_session(deck, repository, "one")
    deck.removing.remove(session)
    entry = deck.trash.find("one")
    late = deck.trash.plan_restore(entry)
    deck.trash.restore(entry)
    with pytest.raises(NotFound, match="not in the trash any more"):
        deck.transactions.run("restore", late.session, late.todo, pivot=late.pivot)
    assert deck.store.session("one") == session
    assert fixable(deck) == []


def test_two_devdecks_adopt_the_same(deck: Deck, repository: Path, tmp_path: Path) -> None:
    run_git(repository, "worktree", "add", "-q", "-b", "by-hand", str(tmp_path / "by-hand"))
    late = deck.managing.plan_adopt(str(tmp_path / "by-hand"))
    session = deck.managing.adopt(str(tmp_path / "by-hand"))
    with pytest.raises(LabelTaken):
        deck.managing.carry_out(late, "adopt")
    assert deck.store.sessions() == (session,)


def test_what_another_devdeck_settles_just_now_is_not_half_made(deck: Deck, repository: Path) -> None:
    assert run_killed(f"deck.starting.start('one', {str(repository)!r}, offline=True)", "step-journaled", 1)
    (operation,) = deck.transactions.cut_off()
    deck.store.take_over(operation)
    assert fixable(deck) == []
    doctor.fix(deck)
    assert [session.label for session, _ in deck.store.half_made()] == ["one"]
    deck.store.abandon(operation, operation.detail)
    settled(deck)


def test_steps_of_a_newer_devdeck_are_left_to_it(deck: Deck, repository: Path) -> None:
    session = half_renamed(deck, repository)
    with closing(sqlite3.connect(deck.paths.database)) as connection:
        connection.execute("UPDATE operations SET steps = ? WHERE state = 'doing'", (b'{"steps":[{"step":"fold"}]}',))
        connection.commit()
    assert doctor.fix(deck)[0].startswith("unfinished operation: not settled: the journal has a step")
    assert len(deck.transactions.cut_off()) == 1
    with pytest.raises(Busy, match="cut off"):
        deck.managing.rename(session, "other")


def test_a_transaction_that_can_not_be_begun_does_nothing(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("fix", str(repository), offline=True)
    with locked(deck.store), pytest.raises(DeckError, match="locked"):
        deck.managing.rename(session, "better")
    assert branches(repository) == {"main", "fix"}
    assert deck.store.unfinished() == ()


def test_an_interrupt_while_it_is_taken_back_leaves_an_entry(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DeckError("no")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ChangeRecord, "do", fail)
        patch.setattr(ChangeRecord, "undo", interrupt)
        session = deck.starting.start("fix", str(repository), offline=True)
        with pytest.raises(KeyboardInterrupt):
            deck.managing.rename(session, "better")
    assert [operation.verb for operation in deck.transactions.cut_off()] == ["rename"]
    settled(deck)
    assert branches(repository) == {"main", "fix"}
    assert deck.sessions.find("fix") == session


def test_a_start_that_is_taken_back_is_not_listed_meanwhile(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = MakeTerminal.undo

    def undo(self: MakeTerminal, site: object) -> None:
        seen.append(len(deck.store.sessions()))
        real(self, site)  # type: ignore[arg-type]

    monkeypatch.setattr(MakeTerminal, "undo", undo)
    plan = deck.starting.plan("one", str(repository), offline=True)
    late = (*plan.todo, ChangeRecord(before=plan.session, after=msgspec.structs.replace(plan.session, id="nobody")))
    with pytest.raises(NotFound):
        deck.transactions.run("start", plan.session, late)
    assert seen == [0]
    assert deck.store.sessions() == ()
