"""A worktree of which the making was cut off in the middle of git, or that holds work already, taken back."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from devdeck import doctor
from devdeck.deck import Deck
from devdeck.git import halfway
from devdeck.steps.making import AddWorktree
from devdeck.transactions import Site
from tests.git_support import commit, run_git, write
from tests.support import has_ended, until

START = "from devdeck.deck import Deck; import sys; Deck.open().starting.start('one', sys.argv[1])"


@pytest.fixture
def site(deck: Deck) -> Site:
    return Site(deck.paths, deck.store, deck.terminals, deck.work)


@pytest.fixture
def step(deck: Deck, repository: Path) -> AddWorktree:
    """A new branch in a new worktree, not made yet."""
    plan = deck.starting.plan("one", str(repository))
    return next(step for step in plan.todo if isinstance(step, AddWorktree))


def branches(repository: Path) -> list[str]:
    return run_git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()


def is_gone(repository: Path, step: AddWorktree) -> bool:
    return (
        branches(repository) == ["main"]
        and not Path(step.worktree).exists()
        and not list((repository / ".git").glob("worktrees/*"))
    )


@pytest.mark.parametrize("also_git", [False, True])
def test_killed_while_git_fills_the_worktree(
    deck: Deck, repository: Path, step: AddWorktree, tmp_path: Path, also_git: bool
) -> None:
    """C15: git goes on by itself, or was killed too and left its lock and half of the files."""
    filter_ = tmp_path / "slow"
    filter_.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 300.5\n")
    filter_.chmod(0o755)
    commit(repository, {".gitattributes": "z.txt filter=slow\n", "z.txt": "last\n"}, "a file that takes long")
    run_git(repository, "config", "filter.slow.smudge", str(filter_))
    errors = tmp_path / "errors"
    with errors.open("wb") as stderr:
        killed = subprocess.Popen([sys.executable, "-c", START, str(repository)], stderr=stderr)
    number = tmp_path / "pid"
    until(lambda: killed.poll() is not None or (number.exists() and number.read_text().strip()), timeout=60)
    assert killed.poll() is None, errors.read_text()
    killed.kill()
    killed.wait(60)
    pid = int(number.read_text())
    place = Path(step.worktree)
    assert (place / "a.py").exists()
    assert not (place / "z.txt").exists()
    if also_git:
        for process in psutil.process_iter():
            if halfway._makes(process, step.worktree):
                process.send_signal(signal.SIGKILL)
        psutil.Process(pid).kill()
        until(lambda: has_ended(pid))
    assert [found.name for found in doctor.examine(deck) if found.fixable] == ["unfinished operation"]
    assert doctor.fix(deck) == ("took back start one",)
    assert is_gone(repository, step)
    until(lambda: has_ended(pid))
    assert deck.store.trash() == ()
    assert deck.store.half_made() == ()


def test_taking_back_what_never_began(site: Site, repository: Path, step: AddWorktree) -> None:
    step.undo(site)
    assert is_gone(repository, step)


def test_taking_back_twice(site: Site, repository: Path, step: AddWorktree) -> None:
    step.do(site)
    step.do(site)
    assert (Path(step.worktree) / "a.py").exists()
    step.undo(site)
    step.undo(site)
    assert is_gone(repository, step)


@pytest.mark.parametrize("state", ["no folder", "no index", "half the files", "a lock", "no pointer", "no admin"])
def test_any_half_made_state(site: Site, repository: Path, step: AddWorktree, state: str) -> None:
    step.do(site)
    place, admin = Path(step.worktree), next((repository / ".git/worktrees").iterdir())
    (admin / "locked").write_text("initializing")
    match state:
        case "no folder":
            shutil.rmtree(place)
        case "no index":
            (admin / "index").unlink()
        case "half the files":
            (place / "a.py").unlink()
        case "a lock":
            (admin / "index.lock").touch()
        case "no pointer":
            shutil.rmtree(place)
            place.mkdir()
        case "no admin":
            shutil.rmtree(admin)
            shutil.rmtree(place)
            place.mkdir()
    step.undo(site)
    assert is_gone(repository, step)
    assert site.store.trash() == ()


def changed(place: Path) -> None:
    write(place, {"a.py": "A = 2\n"})


def untracked(place: Path) -> None:
    write(place, {"notes": "precious\n"})


def ignored(place: Path) -> None:
    write(place, {".git-ignored": "precious\n"})


def staged(place: Path) -> None:
    write(place, {"a.py": "A = 2\n"})
    run_git(place, "add", "a.py")
    write(place, {"a.py": "A = 1\n"})


@pytest.mark.parametrize("work", [changed, untracked, ignored, staged])
@pytest.mark.parametrize("half", [False, True])
def test_work_goes_to_the_trash(site: Site, repository: Path, step: AddWorktree, work: object, half: bool) -> None:
    commit(repository, {".gitignore": ".git-ignored\n"}, "ignore")
    step.do(site)
    place = Path(step.worktree)
    assert callable(work)
    work(place)
    if half:
        (next((repository / ".git/worktrees").iterdir()) / "locked").write_text("initializing")
    seen = {path.name: path.read_bytes() for path in place.iterdir() if path.name != ".git"}
    step.undo(site)
    if half and work is staged:
        return  # nobody can stage in a worktree that git has not filled yet
    assert not place.exists()
    (entry,) = site.store.trash()
    folder = entry.parts[0].folder
    assert folder is not None
    assert {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name != ".git"} == seen
    assert entry.session.branch == "one"


def test_commits_stay_on_their_branch(site: Site, repository: Path, step: AddWorktree) -> None:
    step.do(site)
    oid = commit(Path(step.worktree), {"b.py": "B = 1\n"})
    step.undo(site)
    assert not Path(step.worktree).exists()
    assert branches(repository) == ["main", "one"]
    assert run_git(repository, "rev-parse", "one").strip() == oid


def test_a_worktree_on_another_branch_is_somebody_s(site: Site, repository: Path, step: AddWorktree) -> None:
    Path(step.worktree).parent.mkdir(parents=True)
    run_git(repository, "worktree", "add", "-q", "-b", "theirs", step.worktree)
    step.undo(site)
    assert (Path(step.worktree) / "a.py").exists()


def test_other_worktrees_that_are_away_are_not_forgotten(
    site: Site, repository: Path, step: AddWorktree, tmp_path: Path
) -> None:
    """Such as one on a disk that is not mounted now."""
    run_git(repository, "worktree", "add", "-q", "-b", "away", str(tmp_path / "away"))
    (tmp_path / "away").rename(tmp_path / "unplugged")
    step.do(site)
    step.undo(site)
    (tmp_path / "unplugged").rename(tmp_path / "away")
    assert run_git(tmp_path / "away", "status", "--porcelain") == ""


def test_a_repository_that_is_gone(site: Site, repository: Path, step: AddWorktree) -> None:
    step.do(site)
    repository.rename(repository.with_name("moved"))
    step.undo(site)
    assert (Path(step.worktree) / "a.py").exists()
