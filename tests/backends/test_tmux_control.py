from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import BackendError, BackendTimeout, TargetGone
from backends.tmux.control import ControlClient
from backends.tmux.server import TmuxServer
from tests.support import auntil, until
from tests.tmux_support import kill_server, private_tmux, server_pid, tmux, viewer


class Seen:
    """What a client told."""

    def __init__(self) -> None:
        self.changes = 0
        self.connections: list[tuple[bool, str]] = []

    def change(self) -> None:
        self.changes += 1

    def connection(self, connected: bool, reason: str) -> None:
        self.connections.append((connected, reason))


@contextlib.asynccontextmanager
async def running(server: TmuxServer, seen: Seen | None = None) -> AsyncIterator[ControlClient]:
    seen = seen or Seen()
    client = ControlClient(server, on_change=seen.change, on_connection=seen.connection)
    task = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        process = client._process
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not client.connected
        assert process is None or not psutil.pid_exists(process.pid)


def made(server: TmuxServer, tmp_path: Path, name: str = "work", **more: int) -> str:
    return server.new_session(name=name, cwd=tmp_path, devdeck_id=f"id-{name}", **more).id  # type: ignore[arg-type]


async def connected(client: ControlClient) -> None:
    await auntil(lambda: client.connected)


async def listed(client: ControlClient, condition: Callable[[dict[str, str]], bool]) -> None:
    """Wait until the sessions, names by id, are as wanted."""
    async with asyncio.timeout(60):
        while True:
            if condition({terminal.id: terminal.name for terminal in await client.terminals()}):
                return
            await asyncio.sleep(0.01)


async def test_it_waits_for_a_server_without_starting_processes(tmux_server: TmuxServer, tmp_path: Path) -> None:
    seen = Seen()
    async with running(tmux_server, seen) as client:
        await auntil(lambda: seen.connections == [(False, "no tmux server is running")])
        with pytest.raises(BackendError, match="no tmux server is running"):
            await client.terminals()
        assert not tmux_server.socket_path.exists()
        await asyncio.to_thread(made, tmux_server, tmp_path)
        await connected(client)
        assert seen.connections[-1] == (True, "")


async def test_a_server_that_just_starts_is_asked_again_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket is there before it listens; one that stays silent is not asked again and again."""
    path = tmp_path / "socket"
    path.touch()
    client = ControlClient(TmuxServer(str(path)))
    asked: list[float] = []

    async def choose() -> tuple[bool, str | None]:
        asked.append(time.monotonic())
        return (False, None) if len(asked) == 1 else (True, "$0")

    monkeypatch.setattr(client, "_choose_session", choose)
    monkeypatch.setattr("backends.tmux.control._EMPTY_INTERVAL", 0.1)
    monkeypatch.setattr("backends.tmux.control._STALE_INTERVAL", 1000.0)
    assert await asyncio.wait_for(client._wait_for_session(), 60) == "$0"
    os.utime(path, (1.0, 1.0))
    asked.clear()
    monkeypatch.setattr("backends.tmux.control._SOCKET_INTERVAL", 0.001)
    waiting = asyncio.create_task(client._wait_for_session())
    await auntil(lambda: asked)
    for _ in range(200):
        await asyncio.sleep(0.001)
    waiting.cancel()
    assert len(asked) == 1


async def test_it_lists_and_captures_as_the_server_does(based_server: TmuxServer, tmp_path: Path) -> None:
    session = made(based_server, tmp_path, "one")
    made(based_server, tmp_path, "two")
    script = r"printf '\033[32mgreen\033[0m \033]52;c;aGk=\007%%end 1 1 1\n'; echo done; sleep 1000"
    _, pane = based_server.new_window(session, name="j", cwd=tmp_path, argv=["sh", "-c", script], job_id="j")
    until(lambda: "done" in based_server.capture(pane))
    async with running(based_server) as client:
        await connected(client)
        terminals = await client.terminals()
        assert [(t.name, t.devdeck_id, len(t.panes)) for t in terminals] == [("one", "id-one", 2), ("two", "id-two", 1)]
        assert [(p.id, p.job_id, p.window_index) for p in terminals[0].panes][1] == (pane, "j", 2)

        async def the_same() -> None:
            """What runs in panes, and what tmux calls a window after it, changes for a moment after the start."""
            while [t.panes for t in await client.terminals()] != [t.panes for t in based_server.terminals()]:  # noqa: ASYNC110  tmux is asked
                await asyncio.sleep(0.01)

        await asyncio.wait_for(the_same(), 60)
        assert (await client.terminals(detail=False))[0].panes[0].path == ""
        lines = await client.capture(pane)
        assert lines == based_server.capture(pane)
        assert lines[0] == "\x1b[32mgreen\x1b[0m %end 1 1 1"


async def test_a_path_can_not_end_a_reply(tmux_server: TmuxServer, tmp_path: Path) -> None:
    folder = tmp_path / "a\n%end 1 1 1\n%begin 1 1 1\n%exit\n"
    folder.mkdir()
    tmux_server.new_session(name="x", cwd=folder, devdeck_id="x\n%exit")
    async with running(tmux_server) as client:
        await connected(client)
        for _ in range(3):
            (terminal,) = await client.terminals()
            assert terminal.path == str(folder).replace("\n", "?")
            assert terminal.devdeck_id == "x?%exit"


async def test_it_is_no_viewer_and_changes_no_size_nor_environment(
    tmux_server: TmuxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = made(tmux_server, tmp_path, width=211, height=47)
    tmux(tmux_server, "set-option", "-g", "update-environment", "DECK_PROBE")
    before = tmux(tmux_server, "show-environment", "-t", session)
    monkeypatch.setenv("DECK_PROBE", "leaked")
    monkeypatch.setenv("TMUX", f"{tmux_server.socket_path},1,0")
    async with running(TmuxServer(str(tmux_server.socket_path))) as one, running(tmux_server) as two:
        await connected(one)
        await connected(two)
        for client in (one, two):
            (terminal,) = await client.terminals()
            assert terminal.attached == 0
            assert (terminal.panes[0].width, terminal.panes[0].height) == (211, 47)
        assert tmux(tmux_server, "show-environment", "-t", session) == before
        assert len(tmux(tmux_server, "list-clients").splitlines()) == 2
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, viewer(tmux_server, session, columns=100, rows=30))
            (terminal,) = await one.terminals()
            assert terminal.attached == 1
            assert (terminal.panes[0].width, terminal.panes[0].height) == (100, 29)
            await asyncio.to_thread(stack.close)
    until(lambda: tmux(tmux_server, "list-clients") == "")


async def test_the_last_session_of_a_viewer_stays(tmux_server: TmuxServer, tmp_path: Path) -> None:
    first, second, third = (made(tmux_server, tmp_path, name) for name in ("first", "second", "third"))
    with viewer(tmux_server, first):
        name = tmux(tmux_server, "list-clients", "-F", "#{client_name}").strip()
        tmux(tmux_server, "switch-client", "-c", name, "-t", second)
        async with running(tmux_server) as client:
            await connected(client)
            tmux(tmux_server, "kill-session", "-t", third)
            await listed(client, lambda names: third not in names)
        tmux(tmux_server, "switch-client", "-c", name, "-l")
        assert {t.id: t.attached for t in tmux_server.terminals()} == {first: 1, second: 0}


async def test_changes_are_told(tmux_server: TmuxServer, tmp_path: Path) -> None:
    session = made(tmux_server, tmp_path)
    seen = Seen()
    async with running(tmux_server, seen) as client:
        await connected(client)
        other = ""

        def start() -> None:
            nonlocal other
            other = made(tmux_server, tmp_path, "other")

        actions: list[Callable[[], object]] = [
            start,
            lambda: tmux_server.rename_session(other, "new"),
            lambda: tmux_server.new_window(session, name="x", cwd=tmp_path, argv=["sleep", "1000"]),
            lambda: tmux_server.new_window(other, name="x", cwd=tmp_path, argv=["sleep", "1000"]),
            lambda: tmux(tmux_server, "split-window", "-d", "-t", session),
            lambda: tmux(tmux_server, "rename-window", "-t", f"{other}:", "named"),
            lambda: tmux_server.kill_session(other),
        ]
        for action in actions:
            before = seen.changes
            await asyncio.to_thread(action)
            await auntil(lambda before=before: seen.changes > before)  # type: ignore[misc]


async def test_commands_are_matched_with_their_own_replies(tmux_server: TmuxServer, tmp_path: Path) -> None:
    made(tmux_server, tmp_path)
    async with running(tmux_server) as client:
        await connected(client)

        async def ask(number: int) -> None:
            if number % 3 == 0:
                with pytest.raises(TargetGone, match=f"%{number + 900}"):
                    await client.capture(f"%{number + 900}")
            elif number % 3 == 1:
                with pytest.raises(BackendError, match=f"unknown command: nonsense{number}"):
                    await client.command(f"nonsense{number}")
            else:
                assert await client.command("display-message", "-p", f"n{number}") == [b"n%d" % number]

        await asyncio.gather(*(ask(number) for number in range(200)))


async def test_hooks_of_the_user_do_not_disturb_the_order(tmp_path: Path) -> None:
    hook = "set-hook -g after-list-panes 'display-message -p hooked'\nset-hook -g after-display-message 'list-sessions'"
    with private_tmux(tmp_path, hook) as server:
        made(server, tmp_path)
        async with running(server) as client:
            await connected(client)
            for number in range(20):
                assert len(await client.terminals()) == 1
                assert await client.command("display-message", "-p", f"n{number}") == [b"n%d" % number]


async def test_a_cancelled_command_does_not_shift_the_replies(tmux_server: TmuxServer, tmp_path: Path) -> None:
    made(tmux_server, tmp_path)
    async with running(tmux_server) as client:
        await connected(client)
        for _ in range(20):
            task = asyncio.create_task(client.command("display-message", "-p", "cancelled"))
            await asyncio.sleep(0)
            task.cancel()
            assert await client.command("display-message", "-p", "kept") == [b"kept"]


@pytest.mark.parametrize("detach", ["on", "off"])
async def test_it_outlives_the_session_it_is_attached_to(tmp_path: Path, detach: str) -> None:
    with private_tmux(tmp_path, f"set -g detach-on-destroy {detach}") as server:
        sessions = {made(server, tmp_path, name) for name in ("a", "b", "c")}
        async with running(server) as client:
            while len(sessions) > 1:
                await connected(client)
                mine = tmux(server, "list-clients", "-F", "#{session_id}").strip()
                assert mine in sessions
                sessions.remove(mine)
                server.kill_session(mine)
                await auntil(lambda: tmux(server, "list-clients", "-F", "#{session_id}").strip() in sessions)
            await connected(client)
            await listed(client, lambda names: set(names) == sessions)


async def test_it_attaches_where_it_is_noticed_least(tmux_server: TmuxServer, tmp_path: Path) -> None:
    made(tmux_server, tmp_path, "quiet")
    watched = made(tmux_server, tmp_path, "watched")
    made(tmux_server, tmp_path, "newest")
    with viewer(tmux_server, watched):
        async with running(tmux_server) as client:
            await connected(client)
            assert set(tmux(tmux_server, "list-clients", "-F", "#{session_id}").split()) == {watched}


async def test_a_server_that_dies_is_told_and_its_successor_found(tmux_server: TmuxServer, tmp_path: Path) -> None:
    made(tmux_server, tmp_path)
    seen = Seen()
    async with running(tmux_server, seen) as client:
        await connected(client)
        pid = server_pid(tmux_server)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await auntil(lambda: not client.connected)
        assert seen.connections[-1][0] is False
        assert seen.connections[-1][1]
        with pytest.raises(BackendError, match="Not connected"):
            await client.command("list-sessions")
        await asyncio.to_thread(made, tmux_server, tmp_path, "after")
        await connected(client)
        assert [terminal.name for terminal in await client.terminals()] == ["after"]


async def test_commands_under_way_fail_when_the_server_dies(tmux_server: TmuxServer, tmp_path: Path) -> None:
    made(tmux_server, tmp_path)
    async with running(tmux_server) as client:
        await connected(client)
        pid = server_pid(tmux_server)
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        waiting = asyncio.create_task(client.command("list-sessions", timeout=60))
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(BackendError, match="the connection to tmux ended"):
            await waiting


async def test_a_hung_server_costs_the_time_out_and_leaving_is_still_possible(
    tmux_server: TmuxServer, tmp_path: Path
) -> None:
    made(tmux_server, tmp_path)
    pid = server_pid(tmux_server)
    assert pid is not None
    try:
        async with running(tmux_server) as client:
            await connected(client)
            os.kill(pid, signal.SIGSTOP)
            with pytest.raises(BackendTimeout):
                await client.command("list-sessions", timeout=0.2)
            os.kill(pid, signal.SIGCONT)
            assert await client.command("display-message", "-p", "x") == [b"x"]
            os.kill(pid, signal.SIGSTOP)
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_server_without_sessions_is_watched(tmp_path: Path) -> None:
    with private_tmux(tmp_path, "set -s exit-empty off") as server:
        session = made(server, tmp_path)
        seen = Seen()
        async with running(server, seen) as client:
            await connected(client)
            server.kill_session(session)
            await auntil(lambda: seen.connections[-1:] == [(False, "the tmux server has no session")])
            assert server.terminals() == ()
            await asyncio.to_thread(made, server, tmp_path, "again")
            await connected(client)


async def test_leaving_is_polite_and_harms_no_session(tmux_server: TmuxServer, tmp_path: Path) -> None:
    made(tmux_server, tmp_path)
    for _ in range(3):
        async with running(tmux_server) as client:
            await connected(client)
        until(lambda: tmux(tmux_server, "list-clients") == "")
        assert tmux_server.running()


async def test_a_missing_tmux_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    seen = Seen()
    async with running(TmuxServer("x"), seen):
        await auntil(lambda: bool(seen.connections))
    assert "not installed" in seen.connections[0][1]
    assert "apt install tmux" in seen.connections[0][1]


ARGUMENTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
NASTY = st.text("\\\"'$~#{}();%\n\t\x1b\x7f -nué", min_size=1, max_size=20)


def test_arguments_come_through_tmux_unchanged(tmp_path: Path) -> None:
    """What is set through the control client is what a process of tmux shows, for any text."""
    with private_tmux(tmp_path) as server:
        made(server, tmp_path)

        async def check_all() -> None:
            async with running(server) as client:
                await connected(client)
                for value in values:
                    await client.command("set-option", "-g", "--", "@probe", value)
                    shown = await client.command("show-options", "-gv", "@probe")
                    assert b"\n".join(shown) == value.encode()

        values: list[str] = []

        @settings(max_examples=12, deadline=None, derandomize=True)
        @given(st.lists(st.one_of(ARGUMENTS, NASTY), min_size=20, max_size=20))
        def check(texts: list[str]) -> None:
            values[:] = texts
            asyncio.run(check_all())

        check()
        kill_server(server)


async def test_a_cancellation_that_comes_with_data_is_not_lost(tmp_path: Path) -> None:
    """`asyncio.wait_for` would swallow it until Python 3.12, and the client would stay."""

    class Process:
        stdout = asyncio.StreamReader()

    client = ControlClient(TmuxServer(str(tmp_path / "nobody")))
    task = asyncio.create_task(client._read(Process()))  # type: ignore[arg-type]
    for _ in range(3):
        await asyncio.sleep(0)
    Process.stdout.feed_data(b"%begin 1 1 0\n")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
