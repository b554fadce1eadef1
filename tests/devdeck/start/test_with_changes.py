"""`start --with-changes`: uncommitted work moves into the new session, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from devdeck import doctor
from devdeck.deck import Deck
from devdeck.errors import DeckError, NotFound, Refused
from devdeck.steps import changes as steps
from devdeck.steps import making
from devdeck.transactions import Site, Step
from tests.devdeck.killing import run_killed
from tests.devdeck.remote_support import publish, push
from tests.git_support import commit, conflict, run_git, write


def work_in(place: Path) -> None:
    """Staged, unstaged, both, new and deleted."""
    write(place, {"a.py": "A = 2\n", "new.py": "N = 1\n"})
    run_git(place, "add", "a.py")
    write(place, {"a.py": "A = 3\n", "sub/untracked": b"\0\xff\r\n", "x.log": "ignored\n"})
    (place / "README.md").unlink()


@pytest.fixture
def working(repository: Path) -> Path:
    """The repository's main worktree, with uncommitted work in it."""
    commit(repository, {".gitignore": "*.log\n"}, "ignore logs")
    work_in(repository)
    return repository


def picture(place: str | Path) -> dict[str, object]:
    """Files byte for byte, without what is ignored; the index; what git says of both."""
    listed = run_git(place, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    files = {name: Path(place, name).read_bytes() if Path(place, name).exists() else None for name in listed if name}
    return {
        **files,
        "(index)": run_git(place, "ls-files", "--stage", "-z"),
        "(status)": run_git(place, "status", "--porcelain=v2", "-z"),
    }


def is_clean(place: str | Path) -> bool:
    return run_git(place, "status", "--porcelain") == ""


def hidden(repository: Path) -> str:
    return run_git(repository, "for-each-ref", "refs/devdeck")


def test_work_moves_and_stays_staged(deck: Deck, working: Path) -> None:
    before = picture(working)
    session = deck.starting.start("one", str(working / "sub"), with_changes=True)
    assert picture(session.worktree) == before
    assert is_clean(working)
    assert (working / "x.log").read_text() == "ignored\n"
    assert not (Path(session.worktree) / "x.log").exists()
    assert hidden(working) == ""
    assert "move the uncommitted changes of" in deck.store.operations()[0].detail


def test_a_plan_moves_nothing(deck: Deck, working: Path) -> None:
    before = picture(working)
    plan = deck.starting.plan("one", str(working), with_changes=True)
    assert any(words.startswith("move the uncommitted changes") for words in plan.steps)
    assert picture(working) == before
    assert hidden(working) == ""


def test_work_of_a_linked_worktree_goes_onto_its_own_commit(deck: Deck, working: Path) -> None:
    first = deck.starting.start("one", str(working))
    place = Path(first.worktree)
    head = commit(place, {"more.py": "M = 1\n"}, "more")
    work_in(place)
    before, main = picture(place), picture(working)
    second = deck.starting.start("two", str(place), with_changes=True)
    assert picture(second.worktree) == before
    assert second.base == head
    assert is_clean(place)
    assert picture(working) == main


def test_work_moves_onto_a_branch_that_has_the_same_files(deck: Deck, working: Path) -> None:
    run_git(working, "stash", "-u", "-q")
    run_git(working, "checkout", "-q", "-b", "side")
    commit(working, {"other.py": "O = 1\n"}, "other")
    run_git(working, "checkout", "-q", "main")
    run_git(working, "stash", "pop", "-q", "--index")
    status = run_git(working, "status", "--porcelain")
    session = deck.starting.start("side", str(working), with_changes=True)
    assert run_git(session.worktree, "status", "--porcelain") == status
    assert (Path(session.worktree) / "other.py").exists()
    assert is_clean(working)


def test_work_that_does_not_fit_is_refused(deck: Deck, working: Path, tmp_path: Path) -> None:
    before = picture(working)
    old = run_git(working, "commit-tree", "-m", "empty", run_git(working, "mktree").strip()).strip()
    with pytest.raises(Refused, match=r"not the same .*README\.md, a\.py"):
        deck.starting.start("one", str(working), base=old, with_changes=True)
    bare = publish(working, tmp_path / "origin.git")
    push(bare, "refs/heads/topic", tmp_path / "scratch", {"t": "1\n"})
    with pytest.raises(Refused, match="not fetched yet"):
        deck.starting.start("topic", str(working), with_changes=True)
    assert picture(working) == before
    assert deck.store.operations() == ()


def test_a_merge_in_progress_is_refused(deck: Deck, repository: Path) -> None:
    conflict(repository)
    with pytest.raises(Refused, match="merge is in progress"):
        deck.starting.start("one", str(repository), with_changes=True)


def test_without_work_it_is_a_plain_start(deck: Deck, repository: Path, tmp_path: Path) -> None:
    plan = deck.starting.plan("one", str(repository), with_changes=True)
    assert plan.warnings == (f"there are no uncommitted changes in {repository}",)
    assert len(plan.todo) == len(deck.starting.plan("one", str(repository)).todo)
    run_git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    with pytest.raises(NotFound):
        deck.starting.start("one", str(tmp_path / "bare.git"), with_changes=True)


ALL: tuple[type[Step], ...] = (
    making.Reserve, steps.KeepChanges, making.AddWorktree, steps.PutChanges, making.MakeTerminal, steps.TakeChanges,
    making.Record, steps.ForgetChanges,
)  # fmt: skip


@pytest.mark.parametrize("step", ALL)
def test_a_failure_after_any_step_gives_everything_back(
    deck: Deck, working: Path, monkeypatch: pytest.MonkeyPatch, step: type[Step]
) -> None:
    """C17."""
    before, real = picture(working), step.do

    def failing(self: Step, site: Site) -> None:
        real(self, site)
        raise DeckError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(step, "do", failing)
        with pytest.raises(DeckError, match="the disk is full"):
            deck.starting.start("one", str(working), with_changes=True)
    assert picture(working) == before
    assert hidden(working) == ""
    assert len(run_git(working, "worktree", "list").splitlines()) == 1
    assert deck.store.trash() == ()
    assert deck.transactions.cut_off() == ()


@pytest.mark.parametrize(
    ("point", "number"),
    [("begun", 0), *(("step-done", number) for number in range(8)), *(("step-journaled", n) for n in (1, 3, 5))],
)
def test_a_kill_at_any_point_loses_no_byte(deck: Deck, working: Path, point: str, number: int) -> None:
    """C15."""
    before = picture(working)
    assert run_killed(f"deck.starting.start('one', {str(working)!r}, with_changes=True)", point, number)
    assert doctor.fix(deck) == ("took back start one",)
    assert picture(working) == before
    assert hidden(working) == ""
    assert len(run_git(working, "worktree", "list").splitlines()) == 1
    session = deck.starting.start("one", str(working), with_changes=True)
    assert picture(session.worktree) == before


def test_work_that_went_on_after_a_kill_is_in_the_trash(deck: Deck, working: Path) -> None:
    assert run_killed(f"deck.starting.start('one', {str(working)!r}, with_changes=True)", "step-done", 5)
    place = deck.paths.worktrees / next(deck.paths.worktrees.iterdir()).name / "one"
    assert is_clean(working)
    write(place, {"since": "precious\n", "a.py": "A = 4\n"})
    doctor.fix(deck)
    (entry,) = deck.store.trash()
    folder = entry.parts[0].folder
    assert folder is not None
    assert not place.exists()
    assert (Path(folder) / "since").read_text() == "precious\n"
    assert "A = 4\n" in {(Path(folder) / "a.py").read_text(), (working / "a.py").read_text()}
    assert (working / "sub/untracked").read_bytes() == b"\0\xff\r\n"
