"""Removing: what is shown first, what stands against it, and doing it from anywhere (C26, C27)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from devdeck import doctor
from devdeck.cli.main import _run
from devdeck.deck import Deck
from devdeck.errors import DeckError, Refused
from devdeck.git.trash import Where
from devdeck.initialization.setup import Setups
from devdeck.model import OperationState
from devdeck.removal import ignored
from devdeck.removal.moving import size_words
from devdeck.removal.trash import Retention
from devdeck.store import Busy
from tests.devdeck.removal.removal_support import branches, hidden, listed, make_session, world
from tests.git_support import commit, make_repository, run_git, write
from tests.support import until
from tests.tmux_support import tmux as run_tmux


def test_the_plan_says_everything_and_changes_nothing(deck: Deck, repository: Path) -> None:
    """C26."""
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    commit(place, {".gitignore": "*.log\n.venv/\n"}, "work")
    write(place, {"a.py": "stashed\n"})
    run_git(place, "stash", "push", "-q")
    write(repository, {"a.py": "stashed on main\n"})
    run_git(repository, "stash", "push", "-q")
    write(place, {"a.py": "changed\n", "new.txt": "new\n", "x.log": "x" * 9000, ".venv/lib/big": "y" * 50_000})
    job = deck.work.run(session, ("sleep", "600"))
    until(lambda: deck.work.job(job.id).pid)
    before = world(session)
    plan = deck.removing.plan(session)
    assert plan.forbidden == ""
    assert plan.risks == (
        "a job is running: sleep",
        "1 file with uncommitted changes",
        "1 untracked file",
        "1 commit that only branch one has",
    )
    assert plan.steps == (
        "stop sleep",
        "keep its commits and files in hidden references",
        f"move {place} to the trash",
        "delete the branch one",
        "end its tmux session",
    )
    sizes, stashes = plan.notes
    assert sizes.startswith("ignored files: .venv ")
    assert "x.log" in sizes
    assert stashes == "1 stash made on one stay in the repository"
    assert world(session) == before
    assert not deck.paths.trash.exists()
    with pytest.raises(Refused) as caught:
        deck.removing.remove(session)
    assert (caught.value.status, "--force" in caught.value.hint) == (4, True)
    for risk in plan.risks:
        assert risk in caught.value.message
    assert world(session) == before
    assert deck.terminals.own(session) is not None
    deck.removing.remove(session, force=True)
    assert deck.work.job(job.id).stopped
    assert run_git(repository, "stash", "list").count("WIP on one") == 1


def test_a_clean_session_needs_no_force(deck: Deck, repository: Path) -> None:
    """C26."""
    session = make_session(deck, repository, "one")
    assert deck.removing.plan(session).risks == ()
    operation = deck.removing.remove(session)
    assert operation.state is OperationState.DONE
    assert "devdeck undo" in operation.undo
    assert branches(repository) == {"main"}
    assert listed(repository) == [str(repository)]
    assert not (repository / ".git/worktrees").exists()
    assert deck.store.sessions() == ()
    assert until(lambda: deck.terminals.all() == ())
    assert deck.trash.find("one").id == operation.id


def test_ignored_files_over_the_limit_are_named_and_dropped(deck: Deck, repository: Path) -> None:
    commit(repository, {".gitignore": "node_modules/\n*.sqlite\n.env\nvendor/\n"}, "ignore")
    deck.trash.retention = Retention(ignored_limit=100_000)
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    write(place, {"node_modules/x/index.js": b"x" * 300_000, ".env": "SECRET=1\n"})
    plan = deck.removing.plan(session)
    assert plan.risks == ()
    assert any(note.startswith("not kept: node_modules") for note in plan.notes)
    assert any(step.startswith("delete node_modules") for step in plan.steps)
    deck.removing.remove(session)
    entry = deck.trash.find("one")
    assert entry.parts[0].dropped == ("node_modules/",)
    assert entry.size < 300_000
    deck.history.undo()
    assert (place / ".env").read_text() == "SECRET=1\n"
    assert not (place / "node_modules").exists()


def test_sizes_are_those_that_a_user_knows(deck: Deck, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """C26: plan, list and document count the same, as `ls -l` does."""
    commit(repository, {".gitignore": "*.log\n"}, "ignore")
    deck.trash.retention = Retention(ignored_limit=600)
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    write(place, {"x.log": "abc", "y.log": "y" * 500})
    assert deck.removing.plan(session).notes[0] == "ignored files: y.log 500 bytes, x.log 3 bytes"
    write(place, {"z.log": "z" * 97})
    assert deck.removing.plan(session).risks == ()
    notes = deck.removing.plan(session).notes
    write(place, {"w.log": "w"})
    assert [note for note in notes if note.startswith("not kept")] == []
    over = deck.removing.plan(session)
    assert over.risks == ("ignored files over the trash's limit would be deleted for good: y.log 500 bytes",)
    assert "not kept: y.log 500 bytes (over the limit of 600 bytes of ignored files)" in over.notes
    for name in ("w.log", "y.log", "z.log"):
        (place / name).unlink()
    files = sum(path.lstat().st_size for path in place.rglob("*") if not path.is_dir() and path.name != ".git")
    deck.removing.remove(session)
    entry = deck.trash.find("one")
    kept = [path for path in (deck.paths.trash / entry.id).rglob("*") if not path.is_dir()]
    assert entry.size == sum(path.lstat().st_size for path in kept) >= files
    assert _run(["trash", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trash"][0]["size"] == entry.size
    assert _run(["trash"]) == 0
    assert size_words(entry.size) in capsys.readouterr().out


def test_what_no_tool_makes_again_is_not_dropped_without_force(deck: Deck, repository: Path) -> None:
    """C26."""
    commit(repository, {".gitignore": "*.sqlite\nvendor/\n"}, "ignore")
    deck.trash.retention = Retention(ignored_limit=100_000)
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    write(place, {"data.sqlite": b"x" * 300_000})
    with pytest.raises(Refused, match=r"over the trash's limit would be deleted for good: data\.sqlite"):
        deck.removing.remove(session)
    (place / "data.sqlite").unlink()
    make_repository(place / "vendor/mine", {"big": "x" * 300_000})
    assert deck.removing.plan(session).risks == ()
    deck.removing.remove(session)  # a repository that git ignores is work all the same: it is kept, however large
    assert deck.trash.find("one").parts[0].dropped == ()
    deck.history.undo()
    assert run_git(place / "vendor/mine", "log", "--format=%s").strip() == "the first commit"


def test_looking_at_ignored_files_is_bounded(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(repository, {".gitignore": "target/\n", **{f"target/{number}": "x" for number in range(50)}})
    where = Where(str(repository), repository / ".git")
    (found,) = ignored.look(where)
    assert (found.path, found.remade, found.droppable) == ("target/", True, True)
    monkeypatch.setattr(ignored, "ENTRIES", 10)
    (found,) = ignored.look(where)
    assert not found.droppable
    assert ignored.over((found,), 0) == ()


def test_the_main_worktree_and_what_holds_other_things_are_forbidden(
    deck: Deck, repository: Path, tmux: TmuxServer
) -> None:
    deck.store.know_repository(str(repository), "shop")
    tmux.new_session(name="mine", cwd=str(repository), devdeck_id="")
    (main,) = deck.sessions.all()
    assert "main worktree" in deck.removing.plan(main).forbidden
    with pytest.raises(Refused, match="main worktree"):
        deck.removing.remove(main, force=True)
    outer = make_session(deck, repository, "outer")
    inner = Path(outer.worktree, "inner")
    run_git(repository, "worktree", "add", "-q", "-b", "inner", str(inner))
    with pytest.raises(Refused, match="lies in it"):  # W22
        deck.removing.remove(outer, force=True)
    assert inner.is_dir()
    deck.removing.remove(deck.sessions.find("inner"))
    deck.removing.remove(outer)
    assert branches(repository) == {"main", "inner"}


def test_a_teardown_that_fails_stops_the_removal_unless_forced(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(deck, repository, "one")

    def fail(self: Setups, session: object) -> None:
        raise DeckError("teardown `make down` failed: exit 2")

    monkeypatch.setattr(Setups, "tear_down", fail)
    with pytest.raises(DeckError, match="exit 2") as caught:
        deck.removing.remove(session)
    assert "--force" in caught.value.hint
    assert Path(session.worktree).is_dir()
    deck.removing.remove(session, force=True)
    assert not Path(session.worktree).exists()


def test_what_writes_on_loses_nothing(deck: Deck, repository: Path) -> None:
    """C26: a program that goes on in the folder writes into the trash, and its file comes back."""
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    writer = subprocess.Popen(
        ["sh", "-c", "while read line; do echo $line >> written.txt; done"], cwd=place, stdin=subprocess.PIPE
    )
    with writer:
        assert writer.stdin is not None
        writer.stdin.write(b"before\n")
        writer.stdin.flush()
        until((place / "written.txt").exists)
        deck.removing.remove(session, force=True)
        writer.stdin.write(b"after\n")
        writer.stdin.close()
    deck.history.undo()
    assert (place / "written.txt").read_text() == "before\nafter\n"


def test_two_at_once_never_remove_the_same(deck: Deck, repository: Path) -> None:
    session = make_session(deck, repository, "one")
    write(Path(session.worktree), {"notes.md": "precious\n"})
    outcomes: list[object] = []

    def remove() -> None:
        other = Deck.open()
        try:
            outcomes.append(other.removing.remove(session, force=True))
        except DeckError as error:
            outcomes.append(error)
        finally:
            other.close()

    threads = [threading.Thread(target=remove) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = [entry for entry in deck.trash.entries() if entry.parts[0].folder and entry.parts[0].admin]
    assert len(entries) == 1
    deck.trash.restore(entries[0])
    assert (Path(session.worktree) / "notes.md").read_text() == "precious\n"


def test_a_commit_that_comes_meanwhile_takes_the_removal_back(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    from devdeck.removal import keeping

    real = keeping.keep_objects

    def keep(*args: object, **options: object) -> None:
        real(*args, **options)  # type: ignore[arg-type]
        commit(place, {"late.txt": "late\n"}, "late")

    monkeypatch.setattr(keeping, "keep_objects", keep)
    with pytest.raises(Refused, match="has new commits"):
        deck.removing.remove(session)
    assert run_git(place, "log", "-1", "--format=%s").strip() == "late"
    assert run_git(place, "status", "--short") == ""
    assert hidden(repository) == ""
    assert deck.trash.entries() == ()
    assert deck.store.operations()[0].state is OperationState.FAILED


def test_something_under_way_is_not_disturbed(deck: Deck, repository: Path) -> None:
    session = make_session(deck, repository, "one")
    operation = deck.store.begin(
        "rename", session_id=session.id, label="one", detail="", steps=b'{"steps":[],"pivot":null}', alone=True
    )
    with pytest.raises(Busy):
        deck.removing.remove(session)
    assert Path(session.worktree).is_dir()
    deck.store.finish(operation, OperationState.DONE, "")
    deck.removing.remove(session)


def test_a_job_can_t_remove_the_session_that_it_runs_in(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(deck, repository, "one")
    job = deck.work.run(session, ("sleep", "600"))
    until(lambda: deck.work.job(job.id).pid)
    monkeypatch.setenv("DEVDECK_JOB", job.id)
    with pytest.raises(Refused, match="by a job that runs in it"):
        deck.removing.remove(session, force=True)
    assert deck.work.job(job.id).running
    deck.work.stop(job)


@pytest.mark.parametrize("target", ["one", "all"])
def test_from_inside_the_session_that_goes(deck: Deck, repository: Path, tmux: TmuxServer, target: str) -> None:
    """C26, W19: typed into a pane of the session itself, in its own worktree."""
    one = make_session(deck, repository, "one")
    two = make_session(deck, repository, "two")
    write(Path(one.worktree), {"notes.md": "precious\n"})
    terminal = deck.terminals.own(one)
    assert terminal is not None
    assert terminal.active_pane is not None
    socket = tmux.socket_path
    command = f"DEVDECK_TMUX_SOCKET={socket} {sys.executable} -m devdeck rm {target} --force --yes"
    tmux.send_text(terminal.active_pane.id, command)
    until(lambda: deck.terminals.own(one) is None, timeout=60)
    gone = {"one", "two"} if target == "all" else {"one"}
    assert {entry.session.label for entry in deck.trash.entries()} == gone
    assert deck.store.session("one") is None
    assert (deck.store.session("two") is None) is (target == "all")
    assert all(
        operation.state is OperationState.DONE for operation in deck.store.operations() if operation.verb == "remove"
    )
    assert [found.name for found in doctor.examine(deck) if found.fixable] == []
    deck.trash.restore(deck.trash.find("one"))
    assert (Path(one.worktree) / "notes.md").read_text() == "precious\n"
    assert (deck.terminals.own(two) is None) is (target == "all")


def test_a_terminal_that_got_the_old_one_s_number_is_left_alone(deck: Deck, repository: Path, tmux: TmuxServer) -> None:
    from devdeck.steps.removing import EndTerminal

    session = make_session(deck, repository, "one")
    terminal = deck.terminals.own(session)
    assert terminal is not None
    site = deck.transactions._site
    EndTerminal(terminal_id=terminal.id, created_at=terminal.created_at - 100).do(site)
    assert deck.terminals.own(session) is not None
    EndTerminal(terminal_id=terminal.id, created_at=terminal.created_at).do(site)
    until(lambda: deck.terminals.own(session) is None)


def test_without_tmux(deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """C37."""
    from backends.base import ToolMissing

    session = make_session(deck, repository, "one")
    everything = world(session)

    def missing(self: TmuxServer, **options: object) -> None:
        raise ToolMissing("tmux is not installed", "install tmux")

    monkeypatch.setattr(TmuxServer, "terminals", missing)
    deck.removing.remove(session)
    assert not Path(session.worktree).exists()
    deck.history.undo()
    assert world(session) == everything


def test_setting_a_worktree_aside_and_back(deck: Deck, repository: Path) -> None:
    from devdeck.removal import keeping

    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    write(place, {"notes.md": "precious\n"})
    before = world(session)
    part = keeping.set_aside(deck.paths, str(repository), str(place), "half", branch="one")
    assert not place.exists()
    assert listed(repository) == [str(repository)]
    assert "refs/devdeck/trash/half/0/worktree" in part.refs
    assert keeping.set_aside(deck.paths, str(repository), str(place), "half", branch="one") == part
    assert part.folder is not None
    assert (Path(part.folder) / "notes.md").read_text() == "precious\n"
    keeping.bring_back_aside(part, "half")
    assert world(session) == before
    shutil.rmtree(place)
    part = keeping.set_aside(deck.paths, str(repository), str(place), "gone", branch="one")
    assert part.folder is None
    assert part.admin is not None
    assert os.path.isdir(part.admin)
    assert run_tmux(deck.terminals.tmux, "list-sessions")
