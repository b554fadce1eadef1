"""What is removed comes back with every byte of it (C26, C28)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from devdeck import doctor
from devdeck.deck import Deck
from devdeck.errors import DeckError, NotFound, Refused, UsageError
from devdeck.model import Member, OperationState, Session, SessionKind
from devdeck.removal.trash import Retention
from devdeck.store import LabelTaken
from tests.devdeck.killing import POINTS, run_killed
from tests.devdeck.removal.removal_support import branches, differences, fsck, gc, hidden, listed, make_session, world
from tests.git_support import commit, make_repository, run_git, write

Work = Callable[[Path, Path], None]


def clean(repository: Path, place: Path) -> None:
    """Nothing but the checkout."""


def everything(repository: Path, place: Path) -> None:
    """Every kind of file and change at once."""
    commit(place, {"committed.txt": "1\n", ".gitignore": "*.log\ncache/\n"}, "work")
    commit(place, {"committed.txt": "2\n"}, "more work")
    write(place, {"committed.txt": "stashed\n"})
    run_git(place, "stash", "push", "-q", "-m", "for later")
    run_git(place, "commit", "-q", "--amend", "-m", "amended")
    write(place, {"a.py": "staged\n", "both.txt": "staged\n"})
    run_git(place, "add", "a.py", "both.txt")
    write(place, {"both.txt": "changed after it was staged\n", "new/deep/notes.md": "untracked\n"})
    write(place, {"x.log": "ignored\n", "cache/deep/blob": os.urandom(3000), "odd \n-name\u00e9\u3000": "odd\n"})
    (place / "README.md").unlink()
    (place / "empty/nested").mkdir(parents=True)
    (place / "run.sh").write_text("#!/bin/sh\n")
    (place / "run.sh").chmod(0o751)
    (place / "link").symlink_to("new/deep/notes.md")
    (place / "dangling").symlink_to("/nowhere/at/all")
    os.mkfifo(place / "pipe")
    os.link(place / "x.log", place / "hard.log")
    os.utime(place / "new/deep", (1, 1_000_000_000))
    run_git(place, "add", "-N", "new/deep/notes.md")
    run_git(repository, "config", "branch.one.description", "what it is about\nin two lines")
    run_git(repository, "config", "--add", "branch.one.note", "a")
    run_git(repository, "config", "--add", "branch.one.note", "b")


def merging(repository: Path, place: Path) -> None:
    """A merge that stopped at a conflict, one path resolved already."""
    commit(repository, {"a.py": "main\n", "README.md": "main\n"}, "theirs")
    commit(place, {"a.py": "side\n", "README.md": "side\n"}, "ours")
    run_git(place, "merge", "-q", "main", check=False)
    write(place, {"README.md": "resolved\n"})
    run_git(place, "add", "README.md")
    assert "UU a.py" in run_git(place, "status", "--short")


def rebasing(repository: Path, place: Path) -> None:
    """A rebase that stopped, with an autostash."""
    commit(place, {"c.txt": "1\n"}, "c")
    commit(place, {"a.py": "side\n"}, "a")
    commit(place, {"d.txt": "1\n"}, "d")
    commit(repository, {"a.py": "main\n"}, "theirs")
    write(place, {"c.txt": "not committed\n"})
    run_git(place, "rebase", "-q", "--autostash", "main", check=False)
    assert "rebase in progress" in run_git(place, "status")


def detached(repository: Path, place: Path) -> None:
    """Commits that only HEAD and its reflog know, and references of this worktree alone."""
    run_git(place, "checkout", "-q", "--detach")
    lonely = commit(place, {"lonely.txt": "1\n"}, "lonely")
    run_git(place, "reset", "-q", "--hard", "HEAD~")
    run_git(place, "update-ref", "refs/worktree/mine", lonely)
    commit(place, {"other.txt": "1\n"}, "other")


def bisecting(repository: Path, place: Path) -> None:
    for number in range(4):
        commit(place, {"n.txt": f"{number}\n"}, f"n {number}")
    run_git(place, "bisect", "start", "HEAD", "HEAD~4")


def locked(repository: Path, place: Path) -> None:
    write(place, {"new.txt": "x\n"})
    run_git(repository, "worktree", "lock", "--reason", "on a stick", str(place))


def line_ends(repository: Path, place: Path) -> None:
    """Files that filters change between the worktree and the repository."""
    run_git(repository, "config", "core.autocrlf", "true")
    run_git(repository, "config", "filter.upper.clean", "tr a-z A-Z")
    run_git(repository, "config", "filter.upper.smudge", "tr A-Z a-z")
    write(place, {".gitattributes": "*.up filter=upper\n", "dos.txt": "a\r\nb\r\n", "x.up": "lower\n"})
    run_git(place, "add", "--all")
    write(place, {"dos.txt": "a\r\nb\nc\r\n", "y.up": "untracked lower\n"})


def nested(repository: Path, place: Path) -> None:
    """Repositories in it: a clone with work of its own, and a submodule with a commit that nobody else has."""
    module = make_repository(repository.parent / "module")
    run_git(place, "submodule", "--quiet", "add", str(module), "vendor/module")
    commit(place, {}, "with a submodule")
    commit(place / "vendor/module", {"own.txt": "1\n"}, "only here")
    inner = make_repository(place / "deep/nested", {"x": "1\n"})
    write(inner, {"x": "2\n", "y": "untracked\n"})


def sparse(repository: Path, place: Path) -> None:
    """A sparse checkout with settings of this worktree alone, and a split index."""
    commit(place, {"in/x": "1\n", "out/y": "1\n"}, "two folders")
    run_git(place, "sparse-checkout", "set", "in")
    run_git(place, "update-index", "--split-index")
    write(place, {"in/x": "2\n"})


ALL: tuple[Work, ...] = (
    clean, everything, merging, rebasing, detached, bisecting, locked, line_ends, nested, sparse,
)  # fmt: skip


@pytest.mark.parametrize("work", ALL)
def test_undo_restores_every_byte(deck: Deck, repository: Path, work: Work) -> None:
    """C26."""
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    work(repository, place)
    before = world(session)
    deck.removing.remove(session, force=True)
    assert not place.exists()
    assert listed(repository) == [str(repository)]
    assert branches(repository) == {"main"}
    gc(repository)
    fsck(repository)
    assert deck.history.undo().verb == "remove"
    assert differences(world(session), before) == []
    fsck(repository)
    assert deck.store.session("one") == session
    assert deck.terminals.own(session) is not None
    assert deck.trash.entries() == ()
    assert hidden(repository) == ""
    assert list(deck.paths.trash.iterdir()) == []
    run_git(place, "status")


def test_a_removal_keeps_every_object_that_is_named_anywhere(deck: Deck, repository: Path) -> None:
    """C26: what only a reflog, a conflict or an operation in progress names outlives the garbage collection."""
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    everything(repository, place)
    merging(repository, place)
    named = {line.split()[0] for line in run_git(place, "reflog", "show", "HEAD", "--no-abbrev").splitlines()}
    blobs = {line.split()[1] for line in run_git(place, "ls-files", "--stage").splitlines()}
    deck.removing.remove(session, force=True)
    gc(repository)
    for oid in named | blobs:
        run_git(repository, "cat-file", "-e", oid)
    (entry,) = deck.trash.entries()
    assert entry.parts[0].branch_tip is not None
    assert entry.size > 0
    deck.trash.restore(entry)
    fsck(place)


@pytest.mark.parametrize("managed", [True, False])
def test_only_branches_that_devdeck_made_are_deleted(deck: Deck, repository: Path, managed: bool) -> None:
    """C28."""
    session = make_session(deck, repository, "one", managed_branch=managed)
    before = world(session)
    plan = deck.removing.plan(session)
    assert ("delete the branch one" in plan.steps) is managed
    assert ("the branch one stays" in plan.notes) is not managed
    deck.removing.remove(session)
    assert ("one" in branches(repository)) is not managed
    deck.history.undo()
    assert differences(world(session), before) == []


def test_the_upstream_comes_back_with_the_branch(deck: Deck, repository: Path, tmp_path: Path) -> None:
    """C28."""
    origin = make_repository(tmp_path / "origin", bare=True)
    run_git(repository, "remote", "add", "origin", str(origin))
    session = make_session(deck, repository, "one")
    run_git(Path(session.worktree), "push", "-q", "-u", "origin", "one")
    before = world(session)
    deck.removing.remove(session)
    assert "branch.one" not in run_git(repository, "config", "--local", "--list")
    deck.history.undo()
    assert differences(world(session), before) == []
    assert run_git(Path(session.worktree), "rev-parse", "--abbrev-ref", "@{u}").strip() == "origin/one"


def test_a_session_that_others_made(deck: Deck, repository: Path, tmp_path: Path) -> None:
    """C26: a worktree made by hand goes and comes back, and is no more devdeck's than it was."""
    place = tmp_path / "by-hand"
    run_git(repository, "worktree", "add", "-q", "-b", "by-hand", str(place))
    deck.store.know_repository(str(repository), "shop")
    session = deck.sessions.find("by-hand")
    everything(repository, place)
    before = world(session)
    deck.removing.remove(session, force=True)
    assert "by-hand" in branches(repository)
    gc(repository)
    deck.history.undo()
    assert differences(world(session), before) == []
    assert deck.store.sessions() == ()
    assert deck.sessions.find("by-hand") == session


@pytest.mark.parametrize("name", ["-quo'te\"s n\u00e9\u3000w #{pane_id}", "new\nline"])
def test_paths_that_are_hard_to_write(deck: Deck, tmp_path: Path, name: str) -> None:
    """C20, C26: of the repository, and of the worktree."""
    repository = make_repository(tmp_path / name / "re po", {"a.py": "A = 1\n", "README.md": "x\n"})
    place = tmp_path / name / "by hand"
    run_git(repository, "worktree", "add", "-q", "-b", "by-hand", str(place))
    session = Session(
        id="s" * 32,
        label="by-hand",
        repository="re po",
        repository_path=str(repository),
        worktree=str(place),
        branch="by-hand",
        managed_branch=True,
    )
    deck.store.save_session(session)
    everything(repository, place)
    before = world(session)
    deck.removing.remove(session, force=True)
    assert branches(repository) == {"main"}
    gc(repository)
    deck.history.undo()
    assert differences(world(session), before) == []
    fsck(repository)


def test_a_bare_repository(deck: Deck, repository: Path, tmp_path: Path) -> None:
    """C26."""
    bare = tmp_path / "bare.git"
    run_git(tmp_path, "clone", "-q", "--bare", str(repository), str(bare))
    session = make_session(deck, bare, "one")
    everything(bare, Path(session.worktree))
    before = world(session)
    deck.removing.remove(session, force=True)
    gc(bare)
    deck.history.undo()
    assert differences(world(session), before) == []
    fsck(bare)


# Repositories and folders that are not where they were


def test_a_repository_that_is_gone(deck: Deck, repository: Path) -> None:
    """C26."""
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    write(place, {"notes.md": "precious\n"})
    repository.rename(repository.parent / "elsewhere")
    with pytest.raises(Refused, match="is gone, so git can't tell"):
        deck.removing.remove(session)
    deck.removing.remove(session, force=True)
    assert not place.exists()
    assert deck.store.sessions() == ()
    deck.history.undo()
    assert (place / "notes.md").read_text() == "precious\n"
    assert deck.store.session("one") == session
    (repository.parent / "elsewhere").rename(repository)
    assert "notes.md" in run_git(place, "status", "--short")


def test_a_repository_that_moved_to_where_the_deck_knows_it(deck: Deck, repository: Path) -> None:
    """C26."""
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    everything(repository, place)
    moved = repository.rename(repository.parent / "elsewhere")
    deck.store.know_repository(str(moved), "elsewhere")
    with pytest.raises(Refused, match="nowhere else"):
        deck.removing.remove(session)
    deck.removing.remove(session, force=True)
    assert branches(moved) == {"main"}
    assert listed(moved) == [str(moved)]
    gc(moved)
    deck.history.undo()
    fsck(moved)
    back = deck.sessions.find("one")
    assert (back.repository_path, back.repository) == (str(moved), "elsewhere")
    assert "both.txt" in run_git(place, "status", "--short")


def test_a_repository_that_moves_while_the_session_is_in_the_trash(deck: Deck, repository: Path) -> None:
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    nested(repository, place)
    deck.removing.remove(session, force=True)
    (entry,) = deck.trash.entries()
    moved = repository.rename(repository.parent / "elsewhere")
    with pytest.raises(NotFound) as caught:
        deck.trash.restore(entry)
    assert entry.parts[0].folder is not None
    assert entry.parts[0].folder in caught.value.hint
    deck.store.know_repository(str(moved), "elsewhere")
    deck.trash.restore(entry)
    assert deck.sessions.find("one").repository_path == str(moved)
    assert run_git(place, "log", "-1", "--format=%s").strip() == "with a submodule"
    assert run_git(place / "vendor/module", "log", "-1", "--format=%s").strip() == "only here"
    assert run_git(place / "vendor/module", "rev-parse", "--show-toplevel").strip() == str(place / "vendor/module")
    fsck(moved)


def test_a_worktree_whose_folder_is_gone(deck: Deck, repository: Path) -> None:
    """C26."""
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    commit(place, {"b.py": "B = 1\n"}, "work")
    write(place, {"staged.txt": "staged\n"})
    run_git(place, "add", "staged.txt")
    shutil.rmtree(place)
    plan = deck.removing.plan(session)
    assert plan.risks == ("1 staged file", "1 commit that only branch one has")
    deck.removing.remove(session, force=True)
    assert branches(repository) == {"main"}
    gc(repository)
    deck.history.undo()
    assert branches(repository) == {"main", "one"}
    run_git(repository, "worktree", "repair")
    place.mkdir()
    (place / ".git").write_text(f"gitdir: {repository}/.git/worktrees/one\n")
    assert run_git(place, "diff", "--cached", "--name-only").split() == ["staged.txt"]
    fsck(repository)


def test_a_worktree_whose_place_something_else_took(deck: Deck, repository: Path) -> None:
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    shutil.rmtree(place)
    write(place, {"mine.txt": "somebody's\n"})
    with pytest.raises(Refused):
        deck.removing.remove(session)
    shutil.rmtree(place)
    make_repository(place, {"mine.txt": "somebody's\n"})
    with pytest.raises(Refused, match="no worktree of"):
        deck.removing.remove(session)
    deck.removing.remove(session, force=True)
    assert not place.exists()
    assert (Path(deck.trash.find("one").parts[0].folder or "") / "mine.txt").read_text() == "somebody's\n"
    deck.history.undo()
    assert run_git(place, "log", "-1", "--format=%s").strip() == "the first commit"


def test_an_index_that_git_can_t_read(deck: Deck, repository: Path) -> None:
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    write(place, {"notes.md": "precious\n"})
    index = repository / ".git/worktrees/one/index"
    index.write_bytes(b"garbage")
    with pytest.raises(Refused, match="git can't tell"):
        deck.removing.remove(session)
    deck.removing.remove(session, force=True)
    deck.history.undo()
    assert index.read_bytes() == b"garbage"
    assert (place / "notes.md").read_text() == "precious\n"


# What is in the way of a restore


def test_a_label_that_is_taken(deck: Deck, repository: Path) -> None:
    session = make_session(deck, repository, "one")
    commit(Path(session.worktree), {"old.txt": "1\n"}, "old")
    deck.removing.remove(session, force=True)
    other = make_session(deck, repository, "one")
    commit(Path(other.worktree), {"new.txt": "1\n"}, "new")
    entry = deck.trash.find("one")
    with pytest.raises(LabelTaken, match="exists already") as caught:
        deck.trash.restore(entry)
    assert "--as LABEL" in caught.value.hint
    with pytest.raises(UsageError):
        deck.trash.restore(entry, "a..b")
    back = deck.trash.restore(entry, "two")
    assert (back.label, back.branch, back.id) == ("two", "two", session.id)
    assert back.worktree != other.worktree
    assert run_git(Path(back.worktree), "log", "-1", "--format=%s").strip() == "old"
    assert run_git(Path(back.worktree), "status", "--short") == ""
    assert run_git(Path(other.worktree), "log", "-1", "--format=%s").strip() == "new"
    assert len(listed(repository)) == 3
    fsck(repository)


def test_a_folder_that_is_taken(deck: Deck, repository: Path) -> None:
    session = make_session(deck, repository, "one")
    everything(repository, Path(session.worktree))
    deck.removing.remove(session, force=True)
    write(Path(session.worktree), {"somebody": "else\n"})
    entry = deck.trash.find("one")
    with pytest.raises(DeckError, match="exists again") as caught:
        deck.trash.restore(entry)
    assert session.worktree in caught.value.message
    back = deck.trash.restore(entry, "two")
    assert (back.label, back.branch) == ("two", "one")
    assert run_git(Path(back.worktree), "stash", "list").count("for later") == 1
    assert "both.txt" in run_git(Path(back.worktree), "status", "--short")
    assert (Path(session.worktree) / "somebody").exists()
    assert listed(repository) == [str(repository), back.worktree]


def test_a_branch_that_moved_or_is_in_use(deck: Deck, repository: Path) -> None:
    session = make_session(deck, repository, "one", managed_branch=False)
    write(Path(session.worktree), {"a.py": "staged\n"})
    run_git(Path(session.worktree), "add", "a.py")
    deck.removing.remove(session, force=True)
    entry = deck.trash.find("one")
    run_git(repository, "checkout", "-q", "one")
    with pytest.raises(DeckError, match="checked out at"):
        deck.trash.restore(entry)
    commit(repository, {"later.txt": "1\n"}, "later")
    run_git(repository, "checkout", "-q", "main")
    with pytest.raises(DeckError, match="at another commit"):
        deck.trash.restore(entry)
    back = deck.trash.restore(entry, "two")
    assert back.branch == "two"
    assert run_git(Path(back.worktree), "status", "--short") == "M  a.py\n"
    run_git(repository, "branch", "-D", "one")


def test_a_name_in_the_repository_that_is_taken(deck: Deck, repository: Path, tmp_path: Path) -> None:
    session = make_session(deck, repository, "one")
    nested(repository, Path(session.worktree))
    deck.removing.remove(session, force=True)
    run_git(repository, "worktree", "add", "-q", "-b", "other", str(tmp_path / "one"))
    deck.history.undo()
    place = Path(session.worktree)
    assert run_git(place, "log", "-1", "--format=%s").strip() == "with a submodule"
    assert run_git(place / "vendor/module", "log", "-1", "--format=%s").strip() == "only here"
    assert run_git(tmp_path / "one", "branch", "--show-current").strip() == "other"
    assert len(listed(repository)) == 3


# Kills


def lost(deck: Deck, session: Session, before: dict[str, object]) -> list[object]:
    """What is not within reach, after everything was settled: it is there as it was, or comes back so."""
    entries = deck.trash.entries()
    if entries:
        assert deck.store.sessions() == ()
        gc(Path(session.repository_path))
        deck.trash.restore(entries[0])
    fsck(Path(session.repository_path))
    return differences(world(session), before)


def kills(point: str, last: int) -> Iterator[int]:
    """At which of its times to die at a point: at all of them once, and around the point of no return."""
    return iter({"begun": (0,), "step-done": range(100), "step-journaled": (0, last - 3, last)}[point])


@pytest.mark.parametrize("point", POINTS)
def test_a_removal_that_is_killed_loses_nothing(deck: Deck, repository: Path, point: str) -> None:
    """C15, C26."""
    session = make_session(deck, repository, "one")
    everything(repository, Path(session.worktree))
    before = world(session)
    killed = 0
    for number in kills(point, 8):
        if not run_killed("deck.removing.remove(deck.sessions.find('one'), force=True)", point, number):
            break
        killed += 1
        assert "unfinished operation" in {found.name for found in doctor.examine(deck) if found.fixable}
        assert doctor.fix(deck)[0] in ("took back remove one", "finished remove one")
        assert [found.name for found in doctor.examine(deck) if found.fixable] == []
        assert lost(deck, session, before) == []
        assert hidden(repository) == ""
    assert killed == {"begun": 1, "step-done": 10, "step-journaled": 3}[point]


@pytest.mark.parametrize("point", POINTS)
def test_a_restore_that_is_killed_loses_nothing(deck: Deck, repository: Path, point: str) -> None:
    """C15, C26."""
    session = make_session(deck, repository, "one")
    everything(repository, Path(session.worktree))
    before = world(session)
    deck.removing.remove(session, force=True)
    killed = 0
    for number in kills(point, 5):
        if not run_killed("deck.trash.restore(deck.trash.find('one'))", point, number):
            break
        killed += 1
        assert doctor.fix(deck)[0] in ("took back restore one", "finished restore one")
        assert [found.name for found in doctor.examine(deck) if found.fixable] == []
        assert lost(deck, session, before) == []
        deck.removing.remove(session, force=True)
    assert killed == {"begun": 1, "step-done": 8, "step-journaled": 3}[point]


# Keeping and dropping


def test_what_is_called_by_label_or_by_the_start_of_its_id(deck: Deck, repository: Path) -> None:
    for _ in range(2):
        deck.removing.remove(make_session(deck, repository, "one"))
    newest, oldest = deck.trash.entries()
    assert newest.at > oldest.at
    assert deck.trash.find("one") == newest
    assert deck.trash.find(oldest.id) == oldest
    assert deck.trash.find(oldest.id[:12]) == oldest
    with pytest.raises(NotFound):
        deck.trash.find("on")
    with pytest.raises(NotFound):
        deck.trash.find("")


def test_dropping_deletes_files_references_and_jobs(deck: Deck, repository: Path) -> None:
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    everything(repository, place)
    (place / "closed").mkdir()
    (place / "closed/file").write_text("x")
    (place / "closed").chmod(0o500)
    job = deck.work.run(session, ("true",))
    deck.removing.remove(session, force=True)
    assert Path(job.directory).is_dir()
    deck.trash.drop(deck.trash.find("one"))
    assert deck.trash.entries() == ()
    assert hidden(repository) == ""
    assert list(deck.paths.trash.iterdir()) == []
    assert not Path(job.directory).exists()
    with pytest.raises(NotFound):
        deck.history.undo()


def test_a_drop_that_is_killed_is_finished(deck: Deck, repository: Path) -> None:
    deck.removing.remove(make_session(deck, repository, "one"))
    assert run_killed("deck.trash.drop(deck.trash.find('one'))", "begun")
    assert doctor.fix(deck) == ("finished drop one",)
    assert deck.trash.entries() == ()
    assert hidden(repository) == ""


def test_the_old_and_the_large_go_when_something_is_removed(deck: Deck, repository: Path) -> None:
    for label in ("a", "b", "c"):
        session = make_session(deck, repository, label)
        write(Path(session.worktree), {"data.bin": os.urandom(200_000)})
        deck.removing.remove(session, force=True)
    old = deck.trash.find("a")
    deck.store.save_trash(msgspec.structs.replace(old, at=time.time() - 40 * 86400))
    assert old.expires_at is not None
    assert [entry.session.label for entry in deck.trash.prune()] == ["a"]
    deck.trash.retention = Retention(keep_days=None, max_size=300_000)
    deck.removing.remove(make_session(deck, repository, "d"))
    assert [entry.session.label for entry in deck.trash.entries()] == ["d", "c"]
    assert deck.trash.entries()[0].expires_at is None
    deck.trash.retention = Retention(max_size=0)
    deck.removing.remove(make_session(deck, repository, "e"))
    assert [entry.session.label for entry in deck.trash.entries()] == ["e"]


# Workspaces


def make_workspace(deck: Deck, tmp_path: Path) -> Session:
    folder = deck.paths.data / "workspaces" / "team"
    members = []
    for name in ("front", "back"):
        repository = make_repository(tmp_path / "many" / name, {"a.py": "A = 1\n", "README.md": "x\n"})
        worktree = folder / name
        worktree.parent.mkdir(parents=True, exist_ok=True)
        run_git(repository, "worktree", "add", "-q", "-b", "team", str(worktree))
        members.append(
            Member(
                repository=name,
                repository_path=str(repository),
                worktree=str(worktree),
                branch="team",
                managed_branch=True,
            )
        )
    write(folder, {"team.code-workspace": "{}\n"})
    session = Session(
        id="w" * 32,
        label="team",
        kind=SessionKind.WORKSPACE,
        repository="many",
        repository_path=str(tmp_path / "many"),
        worktree=str(folder),
        branch="team",
        members=tuple(members),
    )
    deck.terminals.make(session)
    deck.store.save_session(session)
    return session


def test_a_workspace_goes_and_comes_back_as_one(deck: Deck, tmp_path: Path) -> None:
    """C26."""
    session = make_workspace(deck, tmp_path)
    assert deck.removing.plan(session).risks == ()
    for member in session.member_sessions():
        with pytest.raises(Refused, match="part of the workspace 'team'"):
            deck.removing.remove(member, force=True)
        everything(Path(member.repository_path), Path(member.worktree))
    write(Path(session.worktree), {"beside.txt": "beside\n"})
    before = world(session)
    risks = deck.removing.plan(session).risks
    assert "files beside the repositories: beside.txt" in risks
    assert {risk.split(":")[0] for risk in risks} == {"front", "back", "files beside the repositories"}
    deck.removing.remove(session, force=True)
    assert not Path(session.worktree).exists()
    for place in session.places:
        assert branches(Path(place.repository_path)) == {"main"}
        gc(Path(place.repository_path))
    deck.history.undo()
    assert differences(world(session), before) == []
    assert (Path(session.worktree) / "beside.txt").read_text() == "beside\n"
    assert deck.store.session("team") == session
    deck.removing.remove(session, force=True)
    write(Path(session.worktree), {"in the way": ""})
    back = deck.trash.restore(deck.trash.find("team"), "again")
    assert back.worktree.endswith("/again")
    for place in back.places:
        assert place.worktree.startswith(back.worktree)
        assert "both.txt" in run_git(Path(place.worktree), "status", "--short")


def test_a_removal_that_fails_is_taken_back_whole(deck: Deck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_workspace(deck, tmp_path)
    for place in session.places:
        everything(Path(place.repository_path), Path(place.worktree))
    before = world(session)
    # A lock that another git left: neither can the second branch be deleted, nor what was kept of it.
    lock = Path(session.places[1].repository_path) / ".git/packed-refs.lock"
    lock.write_text("")
    with pytest.raises(DeckError):
        deck.removing.remove(session, force=True)
    assert Path(session.worktree).is_dir()
    lock.unlink()
    assert doctor.fix(deck) == ("took back remove team",)
    assert differences(world(session), before) == []
    assert deck.trash.entries() == ()
    assert list(deck.paths.trash.iterdir()) == []
    assert deck.store.operations(session.id)[0].state is OperationState.FAILED
    deck.removing.remove(session, force=True)


# Kills inside of steps

_KILLED = """
import os, signal, subprocess, sys
from devdeck.deck import Deck

left = int(sys.argv[1])

def dying(holder, name):
    real = getattr(holder, name)
    def call(*arguments, **options):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    setattr(holder, name, call)

deck = Deck.open()
find = deck.sessions.find if sys.argv[2] == "remove" else deck.trash.find
what = find("one")
for holder, name in ((subprocess.Popen, "__init__"), (os, "rename"), (os, "replace"), (os, "unlink"), (os, "mkdir")):
    dying(holder, name)
deck.removing.remove(what, force=True) if sys.argv[2] == "remove" else deck.trash.restore(what)
"""

EVERY = int(os.environ.get("DEVDECK_TEST_KILLS_EVERY", "9"))
"""Between two kills; 1 tries all of them, which takes minutes."""


@pytest.mark.parametrize("act", ["remove", "restore"])
def test_killed_anywhere(deck: Deck, repository: Path, act: str) -> None:
    """C15, C26: before one of the programs that it starts, or of the files that it moves or writes."""
    session = make_session(deck, repository, "one")
    everything(repository, Path(session.worktree))
    before = world(session)
    number, done = 3, False
    while not done:
        if act == "restore":
            deck.removing.remove(session, force=True)
        command = [sys.executable, "-c", _KILLED, str(number), act]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
        done = ended.returncode == 0
        doctor.fix(deck)
        assert [found.name for found in doctor.examine(deck) if found.fixable] == [], number
        assert lost(deck, session, before) == [], number
        assert hidden(repository) == "", number
        assert list(deck.paths.trash.glob("*")) == [], number
        number += EVERY
    assert number > 3 + EVERY
