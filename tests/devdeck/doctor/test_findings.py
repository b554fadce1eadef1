"""Findings of doctor: each with its proof, and its fix tried."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from devdeck import doctor
from devdeck.deck import Deck
from devdeck.doctor import leftovers, machine, ports
from devdeck.doctor.findings import Check, Finding, look, settle
from devdeck.errors import DeckError
from devdeck.model import OperationState, Session
from tests.git_support import commit, make_repository, run_git
from tests.support import until


def found(deck: Deck, check: Check) -> tuple[Finding, ...]:
    return look(deck, (check,), patience=30.0)


def the(deck: Deck, check: Check) -> Finding:
    (finding,) = found(deck, check)
    return finding


def test_a_whole_deck_has_nothing_to_settle(deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "SLOW_GIT", 60.0)  # the machine may be busy
    deck.starting.start("one", str(repository))
    findings = doctor.examine(deck)
    assert [finding for finding in findings if finding.state == "fail" or finding.fixable] == []
    assert {"devdeck", "store", "git", "tmux", "locale", "docker", "editor", "disk", "git speed"} <= {
        finding.name for finding in findings
    }
    assert doctor.fix(deck) == ()


def test_a_check_that_fails_or_hangs_hides_no_other(deck: Deck, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    class Thread(threading.Thread):
        """Time is over for what hangs, and only for that, however busy the machine is."""

        def join(self, timeout: float | None = None) -> None:
            assert timeout is not None
            assert timeout <= 0.3
            super().join(0.0 if self.name == "doctor-hangs" else 20.0)

    def refuses(deck: Deck) -> Iterator[Finding]:
        yield Finding(name="before", state="ok", evidence="seen")
        raise DeckError("git says no", "ask it again")

    def crashes(deck: Deck) -> tuple[Finding, ...]:
        raise ValueError("a bug")

    def hangs(deck: Deck) -> Iterator[Finding]:
        over.wait(60)
        yield Finding(name="late", state="ok", evidence="")

    def works(deck: Deck) -> Iterator[Finding]:
        yield Finding(name="works", state="ok", evidence="yes")

    checks: tuple[Check, ...] = (refuses, crashes, hangs, works)
    with monkeypatch.context() as patch:
        patch.setattr("devdeck.doctor.findings.threading.Thread", Thread)
        findings = look(deck, checks, patience=0.3)
    over.set()
    assert [(finding.name, finding.state) for finding in findings] == [
        ("before", "ok"), ("refuses", "warn"), ("crashes", "warn"), ("hangs", "warn"), ("works", "ok"),
    ]  # fmt: skip
    assert findings[1].evidence == "git says no"
    assert "a bug" in findings[2].evidence
    assert "no answer" in findings[3].evidence
    assert settle(deck, (crashes, works)) == ("crashes: could not look: ValueError: a bug",)


def test_a_dead_session_is_forgotten(deck: Deck, tmp_path: Path) -> None:
    gone = make_repository(tmp_path / "src" / "gone")
    session = deck.starting.start("dead", str(gone))
    shutil.rmtree(gone)
    shutil.rmtree(session.worktree)
    finding = the(deck, leftovers.sessions)
    assert (finding.name, finding.fixable) == ("dead session", True)
    assert session.worktree in finding.evidence
    # A terminal that still runs is somebody's: it is named, and the session stays.
    assert "still has the tmux session" in settle(deck, (leftovers.sessions,))[0]
    terminal = deck.terminals.own(session)
    assert terminal is not None
    deck.terminals.end(terminal)
    assert settle(deck, (leftovers.sessions,)) == ("forgot dead",)
    assert deck.store.sessions() == ()
    assert found(deck, leftovers.sessions) == ()


def test_a_session_whose_worktree_is_gone_is_only_told(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository))
    shutil.rmtree(session.worktree)
    finding = the(deck, leftovers.sessions)
    assert (finding.name, finding.fixable) == ("worktree gone", False)
    assert "devdeck rm one" in finding.fix
    assert found(deck, leftovers.stale_worktrees) == ()  # `rm` takes care of what git still has of it


def test_a_stale_worktree_is_forgotten_and_what_only_it_had_is_kept(
    deck: Deck, repository: Path, tmp_path: Path
) -> None:
    deck.store.know_repository(str(repository), "shop")
    place = tmp_path / "elsewhere"
    run_git(repository, "worktree", "add", "-q", "--detach", str(place))
    lost = commit(place, {"b.py": "B = 1\n"}, "on no branch")
    (place / "staged.txt").write_text("staged\n")
    run_git(place, "add", "staged.txt")
    shutil.rmtree(place)
    finding = the(deck, leftovers.stale_worktrees)
    assert str(place) in finding.evidence
    (told,) = settle(deck, (leftovers.stale_worktrees,))
    assert str(place) not in run_git(repository, "worktree", "list")
    kept = [word for word in told.split() if word.startswith("refs/devdeck/trash/")]
    assert kept
    files = {name: run_git(repository, "ls-tree", "-r", "--name-only", name).split() for name in kept}
    assert any("staged.txt" in names for names in files.values())
    history = run_git(repository, "rev-list", *kept).split()
    assert lost in history
    assert found(deck, leftovers.stale_worktrees) == ()


def test_a_locked_worktree_is_left_alone(deck: Deck, repository: Path, tmp_path: Path) -> None:
    deck.store.know_repository(str(repository), "shop")
    place = tmp_path / "stick"
    run_git(repository, "worktree", "add", "-q", "--detach", str(place))
    run_git(repository, "worktree", "lock", "--reason", "on a stick", str(place))
    shutil.rmtree(place)
    assert found(deck, leftovers.stale_worktrees) == ()


def lose(deck: Deck, session: Session) -> None:
    """The session's row, worktree and terminal go, its branch stays: what an older program left behind."""
    terminal = deck.terminals.own(session)
    assert terminal is not None
    deck.terminals.end(terminal)
    run_git(session.repository_path, "worktree", "remove", "--force", session.worktree)
    deck.store.forget_session(session.id)


def test_an_orphan_branch_is_deleted_when_nothing_is_lost(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIT_COMMITTER_DATE")  # the reflog tells when a branch began
    lose(deck, deck.starting.start("empty", str(repository)))
    session = deck.starting.start("work", str(repository))
    commit(Path(session.worktree), {"b.py": "B = 1\n"}, "work")
    lose(deck, session)
    by_state = {finding.fixable: finding for finding in found(deck, leftovers.orphan_branches)}
    assert "empty" in by_state[True].evidence
    assert "1 commits are on no other branch" in by_state[False].evidence
    (told,) = settle(deck, (leftovers.orphan_branches,))
    assert told.startswith("deleted the branch empty")
    assert run_git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads").split() == ["main", "work"]


def test_a_later_branch_of_that_name_is_nobodys_orphan(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    lose(deck, deck.starting.start("empty", str(repository)))
    assert the(deck, leftovers.orphan_branches).fixable
    run_git(repository, "branch", "-D", "-q", "empty")
    env = {**os.environ, "GIT_COMMITTER_DATE": "1600000000 +0000"}
    run_git(repository, "branch", "empty", env=env)
    assert found(deck, leftovers.orphan_branches) == ()


def test_the_branch_of_a_session_is_no_orphan(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("fix", str(repository))
    deck.managing.rename(session, "better")
    assert found(deck, leftovers.orphan_branches) == ()


def test_an_orphan_terminal_is_ended_when_only_a_shell_waits_in_it(
    deck: Deck, repository: Path, tmux: TmuxServer
) -> None:
    idle, busy = (deck.starting.start(label, str(repository)) for label in ("idle", "busy"))
    terminal = deck.terminals.own(busy)
    assert terminal is not None
    tmux.send_text(terminal.panes[0].id, "sleep 600")
    until(lambda: [pane.command for pane in deck.terminals.own(busy).panes] == ["sleep"])  # type: ignore[union-attr]
    for session in (idle, busy):
        run_git(repository, "worktree", "remove", "--force", session.worktree)
        deck.store.forget_session(session.id)
    tmux.new_session(name="elsewhere", cwd=str(repository), devdeck_id="of-another-deck")
    findings = found(deck, leftovers.orphan_terminals)
    assert {finding.name for finding in findings} == {"orphan terminal"}
    assert len(findings) == 2
    told = settle(deck, (leftovers.orphan_terminals,))
    assert sorted(told) == ["ended the tmux session shop-idle", "left the tmux session shop-busy alone: sleep"]
    assert {terminal.name for terminal in deck.terminals.all()} == {"elsewhere", "shop-busy"}


def test_an_unlisted_worktree_is_adopted_with_its_terminal(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository))
    deck.store.forget_session(session.id)
    finding = the(deck, leftovers.unlisted_worktrees)
    assert session.worktree in finding.evidence
    settle(deck, (leftovers.unlisted_worktrees,))
    (adopted,) = deck.store.sessions()
    assert (adopted.id, adopted.label, adopted.worktree) == (session.id, "one", session.worktree)
    assert deck.terminals.own(adopted) is not None
    assert found(deck, leftovers.unlisted_worktrees) == ()


def test_a_folder_that_no_repository_knows_is_only_told(deck: Deck, tmp_path: Path) -> None:
    gone = make_repository(tmp_path / "src" / "gone")
    session = deck.starting.start("one", str(gone))
    deck.store.forget_session(session.id)
    shutil.rmtree(gone)
    finding = the(deck, leftovers.unlisted_worktrees)
    assert (finding.name, finding.fixable) == ("unlisted folder", False)
    assert settle(deck, (leftovers.unlisted_worktrees,)) == ()
    assert Path(session.worktree).is_dir()


def test_trash_that_no_entry_has(deck: Deck) -> None:
    (deck.paths.trash / "empty" / "0").mkdir(parents=True)
    (deck.paths.trash / "full" / "0").mkdir(parents=True)
    (deck.paths.trash / "full" / "0" / "notes.txt").write_text("precious\n")
    findings = found(deck, leftovers.trash_folders)
    assert [(Path(f.evidence.split()[0]).name, f.fixable) for f in findings] == [("empty", True), ("full", False)]
    settle(deck, (leftovers.trash_folders,))
    assert [path.name for path in deck.paths.trash.iterdir()] == ["full"]
    assert (deck.paths.trash / "full" / "0" / "notes.txt").read_text() == "precious\n"


def test_a_change_without_steps_that_was_cut_off_is_noted_as_failed(
    deck: Deck, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = deck.store.begin("send", session_id="x", label="one", detail="typed")
    assert found(deck, leftovers.unfinished) == ()
    deck.store._connection.execute("UPDATE operations SET owner = '1/1/another boot'")
    assert the(deck, leftovers.unfinished).name == "unfinished operation"
    assert settle(deck, (leftovers.unfinished,)) == ("marked send one as failed",)
    after = deck.store.operation(operation.id)
    assert after is not None
    assert after.state is OperationState.FAILED


LISTEN = """
import socket, sys, time
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen()
print(listener.getsockname()[1], flush=True)
time.sleep(600)
"""


@contextmanager
def listening(session: Session, port: int = 0) -> Iterator[tuple[int, int]]:
    """A process of a session that listens: its port and its pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", LISTEN, str(port)],
        stdout=subprocess.PIPE,
        env={**os.environ, "DEVDECK_SESSION": session.id},
        text=True,
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_two_sessions_on_one_port_are_a_conflict(deck: Deck, repository: Path) -> None:
    one, two = (deck.starting.start(label, str(repository)) for label in ("one", "two"))
    with listening(one) as (port, first):
        assert found(deck, ports.ports) == ()
        with listening(one, port), listening(two, port) as (_, second):
            finding = the(deck, ports.ports)
    assert finding.name == "port conflict"
    assert f"port {port} is listened on by" in finding.evidence
    assert f"one (python, process {first})" in finding.evidence.replace("python3", "python").replace(".11", "")
    assert str(second) in finding.evidence


def test_a_port_that_a_removed_session_still_holds(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository))
    with listening(session) as (port, pid):
        deck.store.forget_session(session.id)
        finding = the(deck, ports.ports)
        assert (finding.name, finding.fix) == ("port of a removed session", f"kill {pid} gives it back")
        assert f"port {port} is held by" in finding.evidence
    assert found(deck, ports.ports) == ()


def test_without_proc_there_are_no_listeners(tmp_path: Path) -> None:
    assert ports.listeners(tmp_path) == ()


def test_slow_git_is_named_with_what_makes_it_faster(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = deck.starting.start("one", str(repository))
    with monkeypatch.context() as patch:
        patch.setattr(machine, "SLOW_GIT", 60.0)  # the machine may be busy
        assert the(deck, machine.slow_git).name == "git speed"
    monkeypatch.setattr(machine, "time_status", lambda worktree: 1.7)
    finding = the(deck, machine.slow_git)
    assert (finding.name, finding.evidence) == ("slow git", f"git status takes 1.7 s in {session.worktree}")
    assert "core.untrackedCache true" in finding.fix
    run_git(repository, "config", "core.untrackedCache", "true")
    assert "core.untrackedCache" not in the(deck, machine.slow_git).fix
    assert "core.fsmonitor true" in the(deck, machine.slow_git).fix


def test_windows_that_are_counted_from_one_are_said_to_be_fine(deck: Deck, repository: Path, tmux: TmuxServer) -> None:
    """C13."""
    deck.starting.start("one", str(repository))
    assert [finding.name for finding in found(deck, machine.tmux)] == ["tmux"]
    tmux.run(["set-option", "-g", "base-index", "1"])
    assert found(deck, machine.tmux)[1].evidence.startswith("windows are counted from 1")


def test_little_space_is_said(deck: Deck, monkeypatch: pytest.MonkeyPatch) -> None:
    def usage(free: int) -> object:
        return lambda path: shutil._ntuple_diskusage(10**12, 10**12 - free, free)

    for free, state in ((2**40, "ok"), (2**29, "warn"), (2**20, "fail")):
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", usage(free))
            assert the(deck, machine.disk).state == state


def test_missing_programs_are_named(deck: Deck, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """C37."""
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        patch.setenv("EDITOR", "no-such-editor -x")
        patch.setattr(deck.terminals.tmux, "_version", None)
        findings = {finding.name: finding for finding in doctor.examine(deck)}
    assert findings["git"].state == findings["tmux"].state == "fail"
    assert "not installed" in findings["git"].evidence
    assert "no-such-editor is not installed" in findings["editor"].evidence
    assert findings["store"].state == "ok"
