from __future__ import annotations

from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from devdeck.deck import Deck
from devdeck.errors import NotFound, Refused
from devdeck.model import OperationState
from tests.git_support import commit, run_git
from tests.support import until


def branches(repository: Path) -> set[str]:
    return set(run_git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads").split())


def worktrees(repository: Path) -> list[str]:
    listed = run_git(repository, "worktree", "list", "--porcelain").splitlines()
    return [line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")]


def test_a_clean_session_goes_without_a_trace(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository))
    operation = deck.removing.remove(session)
    assert operation.state is OperationState.DONE
    assert branches(repository) == {"main"}
    assert worktrees(repository) == [str(repository)]
    assert deck.store.sessions() == ()
    assert until(lambda: deck.terminals.all() == ())


def dirty(place: Path) -> None:
    (place / "a.py").write_text("A = 2\n")


def untracked(place: Path) -> None:
    (place / "notes.md").write_text("precious\n")


def unpushed(place: Path) -> None:
    commit(place, {"b.py": "B = 1\n"}, "work")


@pytest.mark.parametrize("work", [dirty, untracked, unpushed])
def test_work_that_would_be_lost_is_refused_and_kept_when_forced(deck: Deck, repository: Path, work: object) -> None:
    session = deck.starting.start("one", str(repository))
    place = Path(session.worktree)
    assert callable(work)
    work(place)
    with pytest.raises(Refused) as caught:
        deck.removing.remove(session)
    assert caught.value.status == 4
    assert place.is_dir()
    assert deck.terminals.of(session) is not None
    operation = deck.removing.remove(session, force=True)
    assert not place.exists()
    kept = [word for word in operation.undo.split() if word.startswith("refs/devdeck/trash/")]
    assert kept
    files = "".join(run_git(repository, "ls-tree", "-r", "--name-only", name) for name in kept)
    assert "a.py" in files
    if work is untracked:
        assert "notes.md" in files
    if work is unpushed:
        assert "b.py" in files


def test_a_running_job_stands_against_removal(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository))
    job = deck.work.run(session, ("sleep", "600"))
    until(lambda: deck.work.job(job.id).pid)
    with pytest.raises(Refused, match="job is running"):
        deck.removing.remove(session)
    deck.removing.remove(session, force=True)
    assert deck.work.job(job.id).stopped


def test_the_main_worktree_is_never_removed(deck: Deck, repository: Path, tmux: TmuxServer) -> None:
    deck.store.know_repository(str(repository), "shop")
    tmux.new_session(name="mine", cwd=str(repository), devdeck_id="")
    (session,) = deck.sessions.all()
    assert session.worktree == str(repository)
    with pytest.raises(Refused, match="main worktree"):
        deck.removing.remove(session, force=True)
    assert (repository / "a.py").exists()


def test_a_vanished_worktree_can_be_forgotten(deck: Deck, repository: Path) -> None:
    import shutil

    session = deck.starting.start("one", str(repository))
    shutil.rmtree(session.worktree)
    deck.removing.remove(session)
    assert deck.store.sessions() == ()
    assert worktrees(repository) == [str(repository)]


def test_commits_of_a_vanished_worktree_are_not_lost(deck: Deck, repository: Path) -> None:
    import shutil

    session = deck.starting.start("one", str(repository))
    unpushed(Path(session.worktree))
    shutil.rmtree(session.worktree)
    with pytest.raises(Refused, match=r"exists? nowhere else"):
        deck.removing.remove(session)
    operation = deck.removing.remove(session, force=True)
    (kept,) = [word for word in operation.undo.split() if word.startswith("refs/devdeck/trash/")]
    assert "b.py" in run_git(repository, "ls-tree", "-r", "--name-only", kept)


def test_worktrees_and_terminals_of_others_are_found(
    deck: Deck, repository: Path, tmux: TmuxServer, tmp_path: Path
) -> None:
    deck.starting.start("one", str(repository))
    place = tmp_path / "by-hand"
    run_git(repository, "worktree", "add", "-q", "-b", "by-hand", str(place))
    tmux.new_session(name="mine", cwd=str(place), devdeck_id="")
    found = deck.sessions.find("by-hand")
    assert not found.managed
    assert found.worktree == str(place)
    terminal = deck.terminals.of(found)
    assert terminal is not None
    assert terminal.name == "mine"
    assert {session.label for session in deck.sessions.all()} == {"one", "by-hand"}
    deck.removing.remove(found)
    assert not place.exists()
    assert "by-hand" in branches(repository)


def test_an_unknown_label_names_near_ones(deck: Deck, repository: Path) -> None:
    deck.starting.start("fix-login", str(repository))
    with pytest.raises(NotFound) as caught:
        deck.sessions.find("fix-logn")
    assert "fix-login" in caught.value.hint


def test_the_previous_session(deck: Deck, repository: Path) -> None:
    one = deck.starting.start("one", str(repository))
    two = deck.starting.start("two", str(repository))
    with pytest.raises(NotFound):
        deck.sessions.previous(None)
    for session in (one, two):
        assert deck.terminals.hand_off(session).argv
    assert deck.sessions.previous(None) == two
    assert deck.sessions.previous(two.id) == one


def test_a_session_that_is_just_being_made_is_not_listed_as_somebody_else_s(deck: Deck, repository: Path) -> None:
    deck.starting.start("one", str(repository))
    second = deck.starting.start("two", str(repository))
    deck.store.unmake(second.id)
    assert Path(second.worktree).is_dir()
    assert [it.label for it in deck.sessions.all(())] == ["one"]
    deck.store.save_session(second)
    assert [it.id for it in deck.sessions.all(()) if it.label == "two"] == [second.id]


def test_a_found_session_stays_listed_while_it_is_adopted(deck: Deck, repository: Path, tmp_path: Path) -> None:
    deck.starting.start("one", str(repository))
    run_git(repository, "worktree", "add", str(tmp_path / "theirs"))
    adopted = deck.managing.adopt(str(tmp_path / "theirs"))
    assert adopted is not None
    deck.store.unmake(adopted.id)
    assert sorted(it.label for it in deck.sessions.all(())) == ["one", adopted.label]
