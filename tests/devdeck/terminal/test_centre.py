from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from backends.tmux import centre as tmux_centre
from devdeck import discover
from devdeck.deck import Deck
from devdeck.model import Session
from devdeck.terminal import centre
from devdeck.terminal.centre import Gathered
from tests.devdeck.terminal.terminal_support import made, shown, terminal_of
from tests.git_support import make_repository
from tests.support import until
from tests.tmux_support import tmux, viewer

PROGRAM = f"{shlex.quote(sys.executable)} -m devdeck control-center --tmux"


def gather(deck: Deck, home: Path) -> Gathered:
    return centre.gather(deck.terminals, deck.sessions.all(), home)


def names(deck: Deck) -> list[str]:
    return tmux(deck.terminals.tmux, "list-windows", "-t", "=control-center:", "-F", "#{window_name}").splitlines()


def windows(deck: Deck) -> list[str]:
    return tmux(deck.terminals.tmux, "list-windows", "-t", "=control-center:", "-F", "#{window_id}").splitlines()


def first_window(deck: Deck, session: Session) -> str:
    return terminal_of(deck, session).panes[0].window_id


def test_each_session_is_a_window_and_it_is_the_real_one(deck: Deck, repository: Path, home: Path) -> None:
    """C31."""
    one, two = made(deck, repository, "one"), made(deck, repository, "two")
    gathered = gather(deck, home)
    assert names(deck) == ["one", "two"]
    assert windows(deck) == [first_window(deck, one), first_window(deck, two)]
    assert [(each.session.label, each.added) for each in gathered.shown] == [("one", True), ("two", True)]
    pane = terminal_of(deck, one).panes[0].id
    deck.terminals.send(one, "echo $((40 + 2))")
    until(lambda: "42" in shown(deck, pane))
    again = gather(deck, home)
    assert again.id == gathered.id
    assert [each.added for each in again.shown] == [False, False]
    assert names(deck) == ["one", "two"]


def test_names_have_the_repository_when_there_are_several(
    deck: Deck, repository: Path, home: Path, tmp_path: Path
) -> None:
    """C31."""
    made(deck, repository, "one")
    gather(deck, home)
    assert names(deck) == ["one"]
    other = make_repository(tmp_path / "src" / "other")
    made(deck, other, "fix.#{host}$x")
    for _ in range(2):
        gather(deck, home)
        assert sorted(names(deck)) == ["other-fix.#{host}\\$x", "shop-one"]  # tmux escapes the dollar


def test_foreign_windows_and_given_names_survive(deck: Deck, repository: Path, home: Path) -> None:
    """C31."""
    one, two = made(deck, repository, "one"), made(deck, repository, "two")
    server = deck.terminals.tmux
    tmux(server, "rename-window", "-t", first_window(deck, two), "my name")
    gather(deck, home)
    assert names(deck) == ["one", "my name"]
    foreign = tmux(
        server, "new-window", "-d", "-P", "-F", "#{window_id}", "-t", "=control-center:", "-n", "one"
    ).strip()
    tmux(server, "rename-window", "-t", first_window(deck, one), "renamed")
    gather(deck, home)
    assert names(deck) == ["renamed", "my name", "one"]
    assert foreign in windows(deck)


def test_a_control_center_that_somebody_else_made_is_used_and_kept(deck: Deck, repository: Path, home: Path) -> None:
    """C31, C33: par makes one of its own, with shells in the worktrees."""
    server = deck.terminals.tmux
    session = made(deck, repository, "one")
    tmux(server, "new-session", "-d", "-s", "control-center", "-n", "one", "-c", session.worktree)
    theirs = windows(deck)
    made(deck, repository, "two")
    gather(deck, home)
    assert windows(deck)[0] == theirs[0]
    assert names(deck) == ["one", "one", "two"]
    assert len(deck.terminals.all()) == 2


def test_sessions_that_are_gone_leave_and_their_processes_end(deck: Deck, repository: Path, home: Path) -> None:
    """C31."""
    one, two = made(deck, repository, "one"), made(deck, repository, "two")
    gather(deck, home)
    window, pid = first_window(deck, one), terminal_of(deck, one).panes[0].pid
    deck.terminals.end(terminal_of(deck, one))
    assert window not in windows(deck)
    until(lambda: not Path(f"/proc/{pid}/exe").exists())
    window = first_window(deck, two)
    tmux(deck.terminals.tmux, "kill-session", "-t", terminal_of(deck, two).id)
    assert windows(deck) == [window]  # tmux itself leaves it there
    deck.store.forget_session(one.id)
    gathered = gather(deck, home)
    assert gathered.dropped == ("two",)
    assert names(deck) == ["two"]
    assert windows(deck) == [first_window(deck, two)] != [window]


def test_the_control_center_confuses_no_list(deck: Deck, repository: Path, home: Path) -> None:
    """C31."""
    sessions = [made(deck, repository, label) for label in ("one", "two")]
    before = discover.match_terminals(sessions, deck.terminals.all())
    gather(deck, home)
    after = discover.match_terminals(sessions, deck.terminals.all())
    assert {id_: terminal.id for id_, terminal in after.items()} == {id_: t.id for id_, t in before.items()}
    panes = [pane.id for terminal in deck.terminals.all() for pane in terminal.panes]
    assert len(panes) == len(set(panes)) == 2
    assert [session.label for session in deck.sessions.all()] == ["one", "two"]


def test_the_window_of_a_job_is_not_the_one_that_is_shown(deck: Deck, repository: Path, home: Path) -> None:
    session = made(deck, repository, "one")
    terminal = terminal_of(deck, session)
    deck.terminals.tmux.new_window(terminal.id, name="run", cwd=repository, argv=["sleep", "1000"], job_id="j")
    tmux(deck.terminals.tmux, "swap-window", "-s", f"{terminal.id}:0", "-t", f"{terminal.id}:1")
    gather(deck, home)
    assert windows(deck) == [terminal.panes[0].window_id]


def test_a_session_that_can_not_come_back_is_told_and_the_others_are_shown(
    deck: Deck, repository: Path, home: Path
) -> None:
    import shutil

    lost = made(deck, repository, "lost", terminal=False)
    shutil.rmtree(lost.worktree)
    made(deck, repository, "one", terminal=False)
    gathered = gather(deck, home)
    assert names(deck) == ["one"]
    assert [bool(each.error) for each in gathered.shown] == [True, False]
    assert "lost: the worktree of 'lost' is gone" in centre.hand_off(deck.terminals, gathered).notes[0]


def test_without_sessions_nothing_is_made(deck: Deck, home: Path) -> None:
    assert gather(deck, home).id == ""
    assert tmux_centre.find(deck.terminals.tmux) is None
    assert not deck.terminals.tmux.running()


def in_front(deck: Deck) -> dict[str, str]:
    listed = tmux(deck.terminals.tmux, "list-clients", "-F", "#{client_name} #{session_name}")
    return dict(line.split(" ", 1) for line in listed.splitlines())


@pytest.mark.parametrize("inside", [True, False])
def test_it_is_opened_inside_and_outside_tmux(deck: Deck, repository: Path, home: Path, inside: bool) -> None:
    """C31."""
    session = made(deck, repository, "one")
    made(deck, repository, "two")
    server = deck.terminals.tmux
    outer = server.new_session(name="outer", cwd=home, devdeck_id="")
    with viewer(server, outer.id):
        program = PROGRAM if inside else f"env -u TMUX -u TMUX_PANE {PROGRAM}"
        server.send_text(outer.panes[0].id, program)
        expected = ["control-center"] if inside else ["control-center", "outer"]
        until(lambda: sorted(in_front(deck).values()) == expected)
        assert names(deck) == ["one", "two"]
        assert len(terminal_of(deck, session).panes) == 1
