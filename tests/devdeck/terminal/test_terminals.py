from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from devdeck.deck import Deck
from devdeck.errors import NotFound
from devdeck.model import Session
from devdeck.terminal import foreground
from tests.devdeck.terminal.terminal_support import at_prompt, made, made_workspace, settled, shown, terminal_of
from tests.git_support import make_repository
from tests.support import until
from tests.tmux_support import kill_server, tmux, viewer

PROGRAM = f"{shlex.quote(sys.executable)} -m devdeck"


def attached(server: TmuxServer) -> dict[str, int]:
    return {terminal.devdeck_id: terminal.attached for terminal in server.terminals() if terminal.attached}


def test_every_session_has_the_terminal_that_carries_its_id(deck: Deck, repository: Path) -> None:
    """C12."""
    labels = ("fix", "fix-login", "fix.login", "fix_login", "fix/login")
    sessions = [made(deck, repository, label) for label in labels if label != "fix/login"]
    assert len({terminal_of(deck, session).id for session in sessions}) == len(sessions)
    for session in sessions:
        assert terminal_of(deck, session).devdeck_id == session.id
    deck.terminals.end(terminal_of(deck, sessions[0]))
    assert deck.terminals.of(sessions[0]) is None
    for session in sessions[1:]:
        assert terminal_of(deck, session).devdeck_id == session.id
    again = deck.terminals.ensure(sessions[0])
    assert again.name == "shop-fix"
    assert {terminal.devdeck_id for terminal in deck.terminals.all()} == {session.id for session in sessions}


@pytest.mark.parametrize("label", ["a.b", "#{session_name}", "#(touch-x)", "é漢💥", "%H%%", "$x", "-"])
def test_names_are_never_read_by_tmux(deck: Deck, repository: Path, label: str) -> None:
    """C12, C36."""
    session = Session(
        id="id", label=label, repository="#{host}", repository_path=str(repository), worktree=str(repository)
    )
    deck.store.save_session(session)
    terminal = deck.terminals.make(session)
    at_prompt(deck, terminal.panes[0].id)
    settled(deck)
    assert deck.terminals.own(session) == terminal_of(deck, session)
    delivery = deck.terminals.send(session, 'printf "<%s>" "$DEVDECK_LABEL"', wait=30)
    assert delivery.output == f"<{label}>\n"


def test_an_open_terminal_is_not_made_again(deck: Deck, repository: Path) -> None:
    session = made(deck, repository, "fix")
    assert deck.terminals.ensure(session).id == terminal_of(deck, session).id
    assert deck.terminals.bring_back(session).made is False
    assert len(deck.terminals.all()) == 1


def test_a_worktree_that_is_gone_is_an_error_with_choices(deck: Deck, repository: Path) -> None:
    """C24."""
    session = made(deck, repository, "fix", terminal=False)
    shutil.rmtree(session.worktree)
    for call in (deck.terminals.ensure, deck.terminals.hand_off, deck.terminals.restore, deck.terminals.plan_hand_off):
        with pytest.raises(NotFound, match="worktree of 'fix' is gone") as caught:
            call(session)
        assert caught.value.status == 3
        assert "put it back" in caught.value.hint
        assert "devdeck rm fix" in caught.value.hint
    assert deck.terminals.all() == ()
    assert deck.store.visited() == ()


def test_the_visit_is_written_before_anything_else_can_happen(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C23."""
    session = made(deck, repository, "fix")
    monkeypatch.setattr(TmuxServer, "attach_argv", lambda self, session_id: os.abort())
    monkeypatch.setattr(os, "abort", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        deck.terminals.hand_off(session)
    assert deck.store.visited() == (session.id,)


def test_open_outside_tmux_attaches_and_toggles(deck: Deck, repository: Path, home: Path) -> None:
    """C23: the program itself, in a terminal of its own, becomes the tmux client."""
    one, two = made(deck, repository, "one"), made(deck, repository, "two")
    server = deck.terminals.tmux
    outer = server.new_session(name="outer", cwd=home, devdeck_id="")
    pane = outer.panes[0].id

    def open_outside(label: str, session: Session) -> None:
        until(lambda: attached(server) == {})
        until(lambda: foreground.holder(outer.panes[0].pid, "").shell)
        until(lambda: shown(deck, pane).splitlines()[-1:] == ["$"])
        server.send_text(pane, f"clear; env -u TMUX -u TMUX_PANE {PROGRAM} open {label}")
        until(lambda: attached(server) == {session.id: 1})
        tmux(server, "detach-client", "-s", terminal_of(deck, session).id)

    open_outside("one", one)
    open_outside("two", two)
    assert deck.store.visited() == (two.id, one.id)
    open_outside("-", one)
    open_outside("-", two)
    open_outside("", two)
    tmux(server, "kill-session", "-t", terminal_of(deck, one).id)
    open_outside("one", one)


def test_open_inside_tmux_switches_the_client_and_toggles(deck: Deck, repository: Path) -> None:
    """C23."""
    one, two = made(deck, repository, "one"), made(deck, repository, "two")
    server = deck.terminals.tmux

    def open_in(session: Session, label: str, goes_to: Session) -> None:
        pane = terminal_of(deck, session).panes[0].id
        until(lambda: shown(deck, pane).splitlines()[-1:] == ["$"])
        server.send_text(pane, f"{PROGRAM} open {label}")
        until(lambda: attached(server) == {goes_to.id: 1})
        until(lambda: foreground.holder(terminal_of(deck, session).panes[0].pid, "").shell)
        until(lambda: shown(deck, pane).splitlines()[-1:] == ["$"])
        server.send_text(pane, "clear")

    with viewer(server, terminal_of(deck, one).id):
        open_in(one, "two", two)
        open_in(two, "one", one)
        assert deck.store.visited() == (one.id, two.id)
        open_in(one, "-", two)
        open_in(two, "-", one)
        deck.terminals.end(terminal_of(deck, two))
        open_in(one, "two", two)
    until(lambda: attached(server) == {})


def test_a_member_opens_its_workspace_at_its_window(deck: Deck, tmp_path: Path) -> None:
    repositories = [make_repository(tmp_path / "src" / name) for name in ("api", "web")]
    workspace = made_workspace(deck, "ws", *repositories)
    member = workspace.member_sessions()[1]
    handoff = deck.terminals.hand_off(member)
    assert handoff.argv[-1] == terminal_of(deck, workspace).id
    active = terminal_of(deck, workspace).active_pane
    assert active is not None
    assert active.member == "web"
    assert deck.store.visited() == (member.id,)
    deck.terminals.ensure(workspace)
    kill_server(deck.terminals.tmux)
    deck.terminals.hand_off(workspace.member_sessions()[0])
    active = terminal_of(deck, workspace).active_pane
    assert active is not None
    assert active.member == "api"


def test_a_member_whose_workspace_is_forgotten_is_not_found(deck: Deck, tmp_path: Path) -> None:
    workspace = made_workspace(deck, "ws", make_repository(tmp_path / "src" / "api"), terminal=False)
    deck.store.forget_session(workspace.id)
    with pytest.raises(NotFound, match="workspace of 'ws:api' is gone"):
        deck.terminals.ensure(workspace.member_sessions()[0])


def test_plans_say_what_would_come_back(deck: Deck, repository: Path) -> None:
    session = made(deck, repository, "fix")
    assert deck.terminals.plan_hand_off(session) == ("attach to its tmux session",)
    tmux(deck.terminals.tmux, "split-window", "-t", terminal_of(deck, session).panes[0].id)
    deck.terminals.ensure(session)
    kill_server(deck.terminals.tmux)
    assert deck.terminals.plan_hand_off(session) == (
        "start its tmux session with 1 window, 2 panes",
        "attach to its tmux session",
    )
    assert deck.terminals.all() == ()
