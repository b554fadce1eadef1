from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backends.base import BackendError
from backends.tmux.server import TmuxServer
from devdeck import doctor
from devdeck.deck import Deck
from devdeck.errors import DeckError, Missing, NotFound, Refused, UsageError
from devdeck.model import OperationState
from devdeck.store import LabelTaken
from tests.devdeck.killing import POINTS, run_killed
from tests.git_support import commit, run_git
from tests.support import until


def branches(repository: Path) -> set[str]:
    return set(run_git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads").split())


def worktrees(repository: Path) -> list[str]:
    listed = run_git(repository, "worktree", "list", "--porcelain").splitlines()
    return [line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")]


def test_start_makes_branch_worktree_terminal_and_record(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("fix-login", str(repository))
    assert branches(repository) == {"main", "fix-login"}
    assert session.worktree in worktrees(repository)
    assert (Path(session.worktree) / "a.py").read_text() == "A = 1\n"
    terminal = deck.terminals.of(session)
    assert terminal is not None
    assert terminal.devdeck_id == session.id
    assert deck.sessions.find("fix-login") == session
    (operation,) = deck.store.operations()
    assert (operation.verb, operation.state, operation.undo) == ("start", OperationState.DONE, "devdeck rm fix-login")


def test_start_from_a_base(deck: Deck, repository: Path) -> None:
    first = run_git(repository, "rev-parse", "HEAD").strip()
    commit(repository, {"b.py": "B = 2\n"}, "second")
    session = deck.starting.start("old", str(repository), base=first)
    assert not (Path(session.worktree) / "b.py").exists()
    assert session.base == first


def test_an_existing_branch_is_used_and_kept(deck: Deck, repository: Path) -> None:
    run_git(repository, "branch", "feature/cart")
    session = deck.starting.start("feature/cart", str(repository))
    assert not session.managed_branch
    deck.removing.remove(session)
    assert "feature/cart" in branches(repository)


def test_start_from_inside_a_worktree_uses_the_main_repository(deck: Deck, repository: Path) -> None:
    first = deck.starting.start("one", str(repository))
    second = deck.starting.start("two", first.worktree)
    assert second.repository_path == str(repository)


@pytest.mark.parametrize("label", ["all", "-x", "a b", "a..b", "", "a:b", "--upload-pack=touch /tmp/x"])
def test_a_bad_label_makes_nothing(deck: Deck, repository: Path, label: str) -> None:
    with pytest.raises(UsageError):
        deck.starting.start(label, str(repository))
    assert branches(repository) == {"main"}
    assert deck.store.operations() == ()


def test_a_label_in_use_makes_nothing(deck: Deck, repository: Path) -> None:
    deck.starting.start("one", str(repository))
    before = worktrees(repository)
    with pytest.raises(LabelTaken):
        deck.starting.start("one", str(repository))
    assert worktrees(repository) == before


def test_a_branch_checked_out_elsewhere_is_refused(deck: Deck, repository: Path) -> None:
    with pytest.raises(Refused, match="checked out at"):
        deck.starting.start("main", str(repository))


def test_no_repository_and_no_base_are_not_found(deck: Deck, repository: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        deck.starting.start("x", str(tmp_path))
    with pytest.raises(NotFound):
        deck.starting.start("x", str(repository), base="nowhere")
    assert branches(repository) == {"main"}


def test_a_failing_terminal_takes_everything_back(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise BackendError("tmux says no")

    monkeypatch.setattr(TmuxServer, "new_session", refuse)
    with pytest.raises(DeckError, match="tmux says no"):
        deck.starting.start("one", str(repository))
    assert branches(repository) == {"main"}
    assert worktrees(repository) == [str(repository)]
    assert deck.store.sessions() == ()
    assert deck.store.half_made() == ()
    assert deck.store.operations()[0].state is OperationState.FAILED
    monkeypatch.undo()


def test_without_tmux_nothing_is_made(deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backends.base import ToolMissing

    def missing(self: TmuxServer) -> tuple[int, int]:
        raise ToolMissing("tmux is not installed", "install tmux")

    monkeypatch.setattr(TmuxServer, "version", missing)
    with pytest.raises(Missing):
        deck.starting.start("one", str(repository))
    assert branches(repository) == {"main"}


def test_prefix_labels_are_three_sessions(deck: Deck, repository: Path) -> None:
    labels = ("fix", "fix-login", "fix.login")
    for label in labels:
        deck.starting.start(label, str(repository))
    deck.terminals.end(deck.terminals.of(deck.sessions.find("fix")))  # type: ignore[arg-type]
    deck.removing.remove(deck.sessions.find("fix"))
    left = {terminal.devdeck_id for terminal in deck.terminals.all()}
    assert left == {deck.sessions.find(label).id for label in labels[1:]}


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
    with pytest.raises(Refused, match="exist nowhere else"):
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


def test_sixteen_starts_at_once(deck: Deck, repository: Path) -> None:
    command = [sys.executable, "-m", "devdeck", "start", "-p", str(repository)]

    def start(number: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, f"s{number}"], capture_output=True, text=True, timeout=110)

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(start, range(16)))
    assert [result.stderr for result in results if result.returncode] == []
    assert {session.label for session in deck.sessions.all()} == {f"s{number}" for number in range(16)}
    assert len({terminal.devdeck_id for terminal in deck.terminals.all()}) == 16
    assert len(worktrees(repository)) == 17


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("number", range(4))
def test_a_start_that_was_killed_is_named_and_settled(deck: Deck, repository: Path, point: str, number: int) -> None:
    killed = run_killed(f"deck.starting.start('one', {str(repository)!r})", point, number)
    assert killed is (point != "begun" or number == 0)
    if not killed:
        return
    assert [found.name for found in doctor.examine(deck) if found.fixable] == ["unfinished operation"]
    assert doctor.fix(deck) == ("took back start one",)
    assert [found.name for found in doctor.examine(deck) if found.fixable] == []
    assert branches(repository) == {"main"}
    assert worktrees(repository) == [str(repository)]
    assert deck.store.half_made() == ()
    assert until(lambda: deck.terminals.all() == ())
    deck.starting.start("one", str(repository))


def test_the_previous_session(deck: Deck, repository: Path) -> None:
    one = deck.starting.start("one", str(repository))
    two = deck.starting.start("two", str(repository))
    with pytest.raises(NotFound):
        deck.sessions.previous(None)
    for session in (one, two):
        assert deck.terminals.hand_off(session).argv
    assert deck.sessions.previous(None) == two
    assert deck.sessions.previous(two.id) == one
