from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backends.tmux.server import TmuxServer
from devdeck.deck import Deck
from devdeck.errors import NotFound
from devdeck.looking import look, remember_windows
from devdeck.model import OperationState, Session
from devdeck.paths import Paths
from devdeck.store import Store
from devdeck.terminal import layouts
from devdeck.terminal.terminals import Terminals
from tests.devdeck.terminal.terminal_support import (
    at_prompt,
    in_pane,
    made,
    made_workspace,
    settled,
    shown,
    terminal_of,
)
from tests.git_support import make_repository
from tests.support import until
from tests.tmux_support import kill_server, private_tmux, tmux


@pytest.fixture(params=["", "set -g base-index 1\nset -g pane-base-index 1\nset -g renumber-windows on"])
def any_deck(
    request: pytest.FixtureRequest, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deck]:
    """A deck over tmux servers that count from 0 and from 1. C13."""
    with private_tmux(tmp_path, str(request.param)) as server:
        monkeypatch.setenv("DEVDECK_TMUX_SOCKET", str(server.socket_path))
        paths = Paths.from_environment()
        paths.ensure()
        store = Store(paths.database)
        yield Deck(paths, store, server)
        store.close()


# Where tmux names a window after what runs in it, the name comes late and changes: only that it does so is its shape.
SHAPE = (
    "#{window_index} #{?automatic-rename,,#{window_name}} #{window_panes} #{window_active} #{automatic-rename} #{pane_index} #{pane_active} "
    "#{pane_width}x#{pane_height} #{pane_current_path}"
)


def shape(server: TmuxServer, session_id: str) -> list[str]:
    return tmux(server, "list-panes", "-s", "-t", session_id, "-F", SHAPE).splitlines()


def arranged(deck: Deck, session: Session) -> None:
    """Give a terminal three windows, one of them with three panes in directories of their own, and a job."""
    server, terminal = deck.terminals.tmux, terminal_of(deck, session)
    place = Path(session.worktree)
    for name in ("sub dir", "é#[x]#{host}"):
        (place / name).mkdir()
    window = tmux(server, "new-window", "-P", "-F", "#{window_id}", "-t", f"{terminal.id}:", "-c", str(place)).strip()
    for folder in ("sub dir", "é#[x]#{host}"):
        pane = tmux(server, "split-window", "-h", "-P", "-F", "#{pane_id}", "-t", window, "-c", str(place)).strip()
        server.send_text(pane, f"cd '{place / folder}'")
    tmux(server, "rename-window", "-t", window, "edit: ##{pane_id}; %H ##(x) ##[y] $HOME \\x")
    tmux(server, "select-layout", "-t", window, "even-horizontal")
    tmux(server, "new-window", "-d", "-t", f"{terminal.id}:", "-n", "logs", "-c", str(place))
    server.new_window(terminal.id, name="run", cwd=place, argv=["sleep", "1000"], job_id="j1")
    until(lambda: len([line for line in shape(server, terminal.id) if line.endswith(("sub dir", "host}"))]) == 2)


def test_a_listing_remembers_windows_too(any_deck: Deck, repository: Path) -> None:
    """Who never opens the dashboard loses no windows either."""
    deck, server = any_deck, any_deck.terminals.tmux
    one, two = made(deck, repository, "one"), made(deck, repository, "two")
    arranged(deck, one)
    settled(deck)
    before = [line for line in shape(server, terminal_of(deck, one).id) if " run " not in line]
    remember_windows(deck, look(deck, git=False))
    for session in (one, two):
        taken = deck.terminals.snapshot(terminal_of(deck, session))
        assert layouts.lasting(deck.store.layout(session.id)) == layouts.lasting(taken)
    kill_server(server)
    remember_windows(deck, look(deck, git=False))
    terminal = deck.terminals.restore(one)
    until(lambda: shape(server, terminal.id) == before)


def test_a_terminal_comes_back_after_a_reboot(any_deck: Deck, repository: Path) -> None:
    """C13, C24."""
    deck, server = any_deck, any_deck.terminals.tmux
    session = made(deck, repository, "fix")
    arranged(deck, session)
    before = [line for line in shape(server, terminal_of(deck, session).id) if " run " not in line]
    deck.terminals.ensure(session)
    kill_server(server)
    assert deck.terminals.of(session) is None
    terminal = deck.terminals.restore(session)
    assert terminal.devdeck_id == session.id
    assert terminal.name == "shop-fix"
    assert terminal.path == session.worktree
    until(lambda: shape(server, terminal.id) == before)
    assert terminal_of(deck, session).id == terminal.id
    assert {pane.job_id for pane in terminal.panes} == {""}
    assert deck.store.operations()[0].detail == "start its tmux session with 3 windows, 5 panes"
    assert deck.store.operations()[0].state is OperationState.DONE


def test_nothing_but_the_shell_runs_in_what_comes_back(deck: Deck, repository: Path, tmp_path: Path) -> None:
    session = made(deck, repository, "fix")
    pane = terminal_of(deck, session).panes[0]
    out = tmp_path / "ran"
    deck.terminals.tmux.send_text(pane.id, f"echo x >>{out}; sleep 1000")
    until(lambda: terminal_of(deck, session).panes[0].command == "sleep")
    record = deck.terminals.snapshot(terminal_of(deck, session))
    assert layouts.read(record).windows[0].panes[0].command == "sleep"
    deck.terminals.end(terminal_of(deck, session))
    terminal = deck.terminals.rebuild(session, record)
    deck.terminals.tmux.send_text(terminal.panes[0].id, "echo ready; echo $DEVDECK_SESSION $DEVDECK_LABEL")
    until(lambda: f"{session.id} fix" in shown(deck, terminal.panes[0].id))
    assert out.read_text() == "x\n"


def test_directories_that_are_gone_become_the_worktree_and_are_told(deck: Deck, repository: Path) -> None:
    session = made(deck, repository, "fix")
    arranged(deck, session)
    deck.terminals.ensure(session)
    kill_server(deck.terminals.tmux)
    gone = Path(session.worktree) / "sub dir"
    gone.rmdir()
    restored = deck.terminals.bring_back(session)
    assert restored.made
    assert restored.missing == (str(gone),)
    assert restored.terminal is not None
    assert len(restored.terminal.panes) == 5
    until(lambda: str(gone) not in {pane.path for pane in terminal_of(deck, session).panes})


def test_a_zoomed_window_and_a_small_terminal_come_back(deck: Deck, repository: Path) -> None:
    session = made(deck, repository, "fix")
    server, terminal = deck.terminals.tmux, terminal_of(deck, session)
    for _ in range(7):
        tmux(server, "split-window", "-t", f"{terminal.id}:")
        tmux(server, "select-layout", "-t", f"{terminal.id}:", "tiled")
    tmux(server, "resize-pane", "-Z", "-t", f"{terminal.id}:")
    record = deck.terminals.snapshot(terminal)
    layout = tmux(server, "display-message", "-p", "-t", f"{terminal.id}:", "#{window_layout}").split(",", 1)[1]
    deck.terminals.end(terminal)
    made_again = deck.terminals.rebuild(session, record)
    assert len(made_again.panes) == 8
    said = tmux(server, "display-message", "-p", "-t", f"{made_again.id}:", "#{window_zoomed_flag} #{window_layout}")
    assert said[0] == "1"
    sizes = [part.split(",")[0] for part in layout.replace("[", "{").split("{")]
    assert [part.split(",")[0] for part in said.split(",", 1)[1].replace("[", "{").split("{")] == sizes


@pytest.mark.parametrize("record", [b"", b"{", b'{"version": 99, "windows": []}', b"[]", b'{"windows": 3}'])
def test_a_layout_that_can_not_be_read_is_a_plain_terminal(deck: Deck, repository: Path, record: bytes) -> None:
    session = made(deck, repository, "fix", terminal=False)
    assert len(deck.terminals.rebuild(session, record).panes) == 1


def test_the_store_remembers_only_what_changed(deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = made(deck, repository, "fix")
    settled(deck)
    deck.terminals.remember(session, terminal_of(deck, session))
    first = deck.store.layout(session.id)
    saved: list[str] = []
    save = deck.store.save_layouts

    def counted(records: Mapping[str, bytes]) -> None:
        saved.extend(records)
        save(records)

    monkeypatch.setattr(deck.store, "save_layouts", counted)
    terminal = terminal_of(deck, session)
    deck.terminals.remember(session, terminal)
    assert saved == []
    in_pane(deck, terminal.panes[0].id, "sleep 1000")
    until(lambda: terminal_of(deck, session).panes[0].command == "sleep")
    assert saved == []  # other programs are no other windows
    tmux(deck.terminals.tmux, "new-window", "-d", "-t", f"{terminal.id}:")
    until(lambda: all(pane.path for pane in terminal_of(deck, session).panes))
    assert saved == [session.id]
    assert deck.store.layout(session.id) != first


VERBS: dict[str, Callable[[Deck, Session], object]] = {
    "open": lambda deck, session: deck.terminals.hand_off(session),
    "send": lambda deck, session: deck.terminals.send(session, "true"),
    "send all": lambda deck, session: deck.terminals.send_many([session], "true"),
    "run": lambda deck, session: deck.work.run(session, ["true"]),
    "status": lambda deck, session: look(deck, lambda each: each.id == session.id),
    "find": lambda deck, session: deck.sessions.all(),
    "plan of a removal": lambda deck, session: deck.removing.plan(session),
}


@pytest.mark.parametrize("verb", VERBS)
def test_whoever_asks_tmux_remembers_windows(deck: Deck, repository: Path, verb: str) -> None:
    """C24: also without a dashboard, and without a listing."""
    session = made(deck, repository, "fix")
    settled(deck)
    terminal = terminal_of(deck, session)
    at_prompt(deck, terminal.panes[0].id)
    tmux(deck.terminals.tmux, "new-window", "-d", "-n", "logs", "-t", f"{terminal.id}:")
    until(lambda: all(pane.path for pane in deck.terminals.tmux.terminals()[0].panes))
    VERBS[verb](deck, session)
    kill_server(deck.terminals.tmux)
    assert "logs" in [pane.window_name for pane in deck.terminals.restore(session).panes]


def test_what_is_listed_is_enough_to_remember_it(deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one tmux process more."""
    session = made(deck, repository, "fix")
    arranged(deck, session)
    tmux(deck.terminals.tmux, "resize-pane", "-Z", "-t", f"{terminal_of(deck, session).id}:")
    settled(deck)
    taken, asked = deck.terminals.snapshot(terminal_of(deck, session)), []
    real = TmuxServer.process

    def counted(self: TmuxServer, *arguments: Any, **options: Any) -> Any:
        asked.append(arguments)
        return real(self, *arguments, **options)

    monkeypatch.setattr(TmuxServer, "process", counted)
    fresh = Terminals(deck.store, deck.terminals.tmux)
    tmux_asked = fresh.all()
    assert len(asked) == 1
    assert layouts.lasting(deck.store.layout(session.id)) == layouts.lasting(taken)
    assert layouts.lasting(layouts.seen(tmux_asked[0])) == layouts.lasting(taken)


def test_what_just_starts_is_remembered_and_what_is_known_stays(deck: Deck, repository: Path) -> None:
    """tmux does not know the directory of a process that is just being started."""
    session = made(deck, repository, "fix")
    settled(deck)
    terminal = terminal_of(deck, session)
    (first,) = terminal.panes
    before = deck.store.layout(session.id)
    assert before is not None
    deck.terminals.remember(
        session, msgspec.structs.replace(terminal, panes=(msgspec.structs.replace(first, path=""),))
    )
    assert deck.store.layout(session.id) == before
    new = msgspec.structs.replace(first, id="%9", window_id="@9", path="")
    deck.terminals.remember(session, msgspec.structs.replace(terminal, panes=(first, new)))
    assert directories(deck, session) == [[session.worktree], [""]]
    deck.terminals.remember(
        session, msgspec.structs.replace(terminal, panes=(first, msgspec.structs.replace(new, path="/usr")))
    )
    assert directories(deck, session) == [[session.worktree], ["/usr"]]
    deck.terminals.remember(session, msgspec.structs.replace(terminal, panes=(first, new)))
    assert directories(deck, session) == [[session.worktree], ["/usr"]]


def directories(deck: Deck, session: Session) -> list[list[str]]:
    """Where the panes of each window are, as it is kept."""
    layout = layouts.read(deck.store.layout(session.id))
    return [[os.fsdecode(pane.directory) for pane in shape.panes] for shape in layout.windows]


def test_a_store_that_is_locked_keeps_nobody_from_his_terminals(deck: Deck, repository: Path) -> None:
    session = made(deck, repository, "fix")
    deck.store._connection.execute("PRAGMA busy_timeout = 10")
    with contextlib.closing(sqlite3.connect(deck.paths.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert deck.terminals.of(session) is not None
        other.execute("ROLLBACK")


def test_the_fingerprint_changes_with_the_windows_and_not_with_what_runs(deck: Deck, repository: Path) -> None:
    session = made(deck, repository, "fix")
    server = deck.terminals.tmux
    pane = terminal_of(deck, session).panes[0]
    until(lambda: terminal_of(deck, session).panes[0].command == "sh")
    before = layouts.fingerprint(terminal_of(deck, session))
    server.send_text(pane.id, "sleep 1000")
    until(lambda: terminal_of(deck, session).panes[0].window_name == "sleep")
    server.new_window(terminal_of(deck, session).id, name="run", cwd=session.worktree, argv=["sleep", "9"], job_id="j")
    assert layouts.fingerprint(terminal_of(deck, session)) == before
    for change in (
        ("rename-window", "-t", pane.window_id, "mine"),
        ("split-window", "-d", "-t", pane.window_id),
        ("resize-pane", "-t", pane.id, "-y", "5"),
    ):
        tmux(server, *change)
        now = layouts.fingerprint(terminal_of(deck, session))
        assert now != before
        before = now


def test_restore_all_brings_back_what_can_be(deck: Deck, repository: Path) -> None:
    sessions = [made(deck, repository, label) for label in ("one", "two", "three")]
    for session in sessions:
        deck.terminals.ensure(session)
    kill_server(deck.terminals.tmux)
    deck.terminals.restore(sessions[0])
    shutil.rmtree(sessions[1].worktree)
    found = {restored.session.label: restored for restored in deck.terminals.restore_all()}
    assert {label: (r.made, r.terminal is not None) for label, r in found.items()} == {
        "one": (False, True),
        "two": (False, False),
        "three": (True, True),
    }
    assert isinstance(found["two"].error, NotFound)
    assert "devdeck rm two" in found["two"].error.hint


def test_a_restore_that_was_cut_off_is_not_taken_for_the_terminal(deck: Deck, repository: Path) -> None:
    session = made(deck, repository, "fix")
    arranged(deck, session)
    deck.terminals.ensure(session)
    server = deck.terminals.tmux
    kill_server(server)
    server.new_session(name="shop-fix", cwd=session.worktree, devdeck_id=f"{session.id}~999999999/1/x")
    assert deck.terminals.of(session) is None
    terminal = deck.terminals.restore(session)
    assert len(terminal.panes) == 5
    assert [each.id for each in deck.terminals.all()] == [terminal.id]
    assert deck.terminals.all()[0].devdeck_id == session.id
    assert terminal.name == "shop-fix"


def test_a_workspace_has_a_window_for_each_repository_and_they_come_back(deck: Deck, tmp_path: Path) -> None:
    api, web = (make_repository(tmp_path / "src" / name) for name in ("api", "web"))
    workspace = made_workspace(deck, "ws", api, web)
    server, terminal = deck.terminals.tmux, terminal_of(deck, workspace)

    def windows() -> list[tuple[str, str]]:
        return [(pane.member, pane.path) for pane in terminal_of(deck, workspace).panes]

    expected = [("", workspace.worktree), *((m.repository, m.worktree) for m in workspace.members)]
    until(lambda: windows() == expected)
    assert [pane.window_name for pane in terminal.panes][1:] == ["api", "web"]
    assert terminal.active_pane == terminal.panes[0]
    member = workspace.member_sessions()[1]
    settled(deck)
    assert deck.terminals.of(member) == deck.terminals.own(member) == terminal_of(deck, workspace)
    server.send_text(terminal.panes[2].id, "echo $DEVDECK_LABEL")
    until(lambda: "ws:web" in shown(deck, terminal.panes[2].id))
    deck.terminals.ensure(member)
    kill_server(server)
    again = deck.terminals.ensure(member)
    assert again.devdeck_id == workspace.id
    until(lambda: windows() == expected)
