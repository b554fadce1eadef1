"""One persistent control-mode client for a tmux server: what the dashboard reads through.

A command through it costs the server's time only, no process; and the server says by itself when something changed.
The client gets no output (`no-output`), has no size (`ignore-size`), brings no environment (`-E`) and never starts a
server (`-N`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable

import msgspec

from backends.base import BackendError, BackendTimeout
from backends.tmux.failures import failure, missing_tool
from backends.tmux.formats import CLIENTS_FORMAT, panes_format, parse_terminals
from backends.tmux.protocol import CHANGES, Notification, Parser, Reply, command_line
from backends.tmux.records import Terminal
from backends.tmux.screen import clean_lines
from backends.tmux.server import TmuxServer

_FLAGS = "ignore-size,no-output"
_SOCKET_INTERVAL = 0.25  # seconds between looks at the socket's file: one stat
_EMPTY_INTERVAL = 2.0  # between looks for a session on a server that has none: one process
_STALE_INTERVAL = 15.0  # between tries on a socket that nobody answered: one process
_CONNECT_TIMEOUT = 10.0
_STUCK = 15.0  # age of an unanswered command at which the connection counts as lost
_MAX_PENDING = 1000

_SESSIONS_FORMAT = "#{session_id} #{session_attached} #{session_activity}"


class _Pending(msgspec.Struct):
    future: asyncio.Future[Reply]
    since: float


class ControlClient:
    """A control-mode client that keeps itself connected while `run` runs.

    Args:
        server: The server to read.
        on_change: Called when sessions, windows, panes or viewers may have changed; many times in a burst.
        on_connection: Called with whether the client is connected now, and why not.

    Both are called on the event loop and must not block or raise.
    """

    def __init__(
        self,
        server: TmuxServer,
        *,
        on_change: Callable[[], None] | None = None,
        on_connection: Callable[[bool, str], None] | None = None,
    ) -> None:
        self.server = server
        self.on_change = on_change or (lambda: None)
        self.on_connection = on_connection or (lambda connected, reason: None)
        self.connected = False
        """Whether commands can be given now."""
        self._process: asyncio.subprocess.Process | None = None
        self._pending: deque[_Pending] = deque()
        self._reason = "not started"
        self._exit_reason = ""
        self._listed: tuple[list[bytes], tuple[Terminal, ...]] = ([], ())

    # -- asking

    async def command(self, *argv: str, timeout: float = 5.0) -> list[bytes]:
        """Run one tmux command.

        Args:
            argv: The command and its arguments, as they are: no quoting, and `;` separates nothing.
            timeout: Seconds to wait for the reply.

        Returns:
            The lines it printed, without line ends.

        Raises:
            TargetGone: What it was aimed at is not there.
            BackendTimeout: No reply within the time-out.
            BackendError: tmux refused, or there is no connection.
        """
        process = self._process
        if not self.connected or process is None or process.stdin is None:
            raise BackendError(f"Not connected to tmux: {self._reason}")
        if len(self._pending) >= _MAX_PENDING:
            raise BackendError("tmux does not answer: a thousand commands wait for it")
        try:
            line = command_line(*argv)
        except ValueError as error:
            raise BackendError(f"tmux {argv[0]}: {error}") from None
        pending = _Pending(asyncio.get_running_loop().create_future(), time.monotonic())
        self._pending.append(pending)
        process.stdin.write(line)
        try:
            async with asyncio.timeout(timeout):
                reply = await pending.future
        except TimeoutError:
            self._give_up_when_stuck(process)
            raise BackendTimeout(
                f"tmux {argv[0]} took longer than {timeout:g} s", "The tmux server may hang."
            ) from None
        if not reply.ok:
            raise failure(argv[0], b" ".join(reply.lines[:5]).decode(errors="replace"))
        if not reply.complete:
            raise BackendError(f"tmux {argv[0]} printed more than devdeck reads")
        return list(reply.lines)

    async def terminals(self, *, detail: bool = True, timeout: float = 5.0) -> tuple[Terminal, ...]:
        """All sessions of the server, as `TmuxServer.terminals` gives them; the same tuple while tmux says the same."""
        panes, clients = await asyncio.gather(
            self.command("list-panes", "-a", "-F", panes_format(detail=detail), timeout=timeout),
            self.command("list-clients", "-F", CLIENTS_FORMAT, timeout=timeout),
        )
        lines = [*panes, *clients]
        if lines != self._listed[0]:
            self._listed = (lines, parse_terminals(lines))
        return self._listed[1]

    async def capture(self, pane_id: str, *, timeout: float = 5.0) -> tuple[str, ...]:
        """What the pane shows now, with its colours, as `TmuxServer.capture` gives it.

        Raises:
            TargetGone: There is no such pane.
        """
        return clean_lines(await self.command("capture-pane", "-p", "-e", "-t", pane_id, timeout=timeout))

    # -- staying connected

    async def run(self) -> None:
        """Connect, and connect again whenever the connection ends, until cancelled. Leaves no process behind.

        What keeps it from connecting, a missing tmux among it, is told through `on_connection` and tried again.
        """
        delay = 0.0
        while True:
            started = time.monotonic()
            try:
                await asyncio.to_thread(self.server.version)
                session = await self._wait_for_session()
                started = time.monotonic()
                await self._serve(session)
            except BackendError as error:
                self._unconnected(f"{error.message}. {error.hint}".removesuffix(". "))
                delay = _STALE_INTERVAL
            except OSError as error:
                self._unconnected(f"tmux can't be run: {error}")
                delay = _STALE_INTERVAL
            else:
                # A connection that ends at once is tried again ever more slowly.
                delay = 0.0 if time.monotonic() - started > 5 else min(5.0, delay * 2 + 0.1)
            await asyncio.sleep(delay)

    async def _wait_for_session(self) -> str:
        """The session to attach to, as soon as there is one; costs a `stat` now and then while there is no server."""
        tried: tuple[int, int] | None = None
        retry_at = 0.0
        while True:
            identity = self._socket_identity()
            if identity is None:
                self._unconnected("no tmux server is running")
            elif identity != tried or time.monotonic() >= retry_at:
                alive, session = await self._choose_session()
                if session is not None:
                    return session
                self._unconnected("the tmux server has no session" if alive else "no tmux server answers")
                # A server that is just starting has made its socket and does not listen yet.
                starting = time.time() - identity[1] / 1e9 < _STALE_INTERVAL
                pause = _EMPTY_INTERVAL if alive or starting else _STALE_INTERVAL
                tried, retry_at = identity, time.monotonic() + pause
            await asyncio.sleep(_SOCKET_INTERVAL)

    def _socket_identity(self) -> tuple[int, int] | None:
        try:
            status = self.server.socket_path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    async def _choose_session(self) -> tuple[bool, str | None]:
        """Whether the server lives, and the session whose users notice an attached client least.

        Attaching marks a session as used just now, so it is the one used last already; one that somebody looks at is
        better still, because a plain `tmux attach` prefers sessions without clients.
        """
        process = await self._spawn("list-sessions", "-F", _SESSIONS_FORMAT)
        try:
            async with asyncio.timeout(self.server.timeout):
                output, _ = await process.communicate()
        except TimeoutError:
            return False, None
        finally:
            await _leave(process)
        if process.returncode != 0:
            return False, None
        rows = [line.decode().split(" ") for line in output.splitlines()]
        best = max(rows, key=lambda row: (row[1] != "0", int(row[2] or 0)), default=None)
        return True, best[0] if best else None

    async def _spawn(self, *words: str) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self.server.base_argv(),
                *words,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=self.server.environment(),
                start_new_session=True,
            )
        except FileNotFoundError:
            raise missing_tool() from None

    async def _serve(self, session: str) -> None:
        process = await self._spawn("-N", "-C", "attach-session", "-E", "-f", _FLAGS, "-t", session)
        self._process = process
        try:
            await self._read(process)
        finally:
            self._unconnected(f"the connection to tmux ended{self._exit_reason}")
            self._process = None
            await _leave(process)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        stdout = process.stdout
        if stdout is None:
            raise BackendError("tmux was started without an output to read")
        parser = Parser()
        self._exit_reason = ""
        deadline = time.monotonic() + _CONNECT_TIMEOUT
        while True:
            wait = None if self.connected else max(0.0, deadline - time.monotonic())
            try:
                # Not wait_for: until Python 3.12 that swallows a cancellation that comes together with data.
                async with asyncio.timeout(wait):
                    data = await stdout.read(1 << 16)
            except TimeoutError:
                self._exit_reason = ": it did not attach in time"
                return
            if not data:
                return
            changed = False
            for event in parser.feed(data):
                changed = self._handle(event) or changed
            if changed and self.connected:
                self.on_change()

    def _handle(self, event: Reply | Notification) -> bool:
        """Take one event; tells whether the list may have changed."""
        if isinstance(event, Reply):
            if event.ours and self._pending:
                future = self._pending.popleft().future
                if not future.done():
                    future.set_result(event)
            elif not event.ok:
                self._exit_reason = ": " + b" ".join(event.lines)[:200].decode(errors="replace")
            return False
        if event.name == "exit":
            self._exit_reason = ": " + event.rest[:200].decode(errors="replace") if event.rest else ""
            return False
        if event.name == "session-changed" and not self.connected:
            self.connected, self._reason = True, ""
            self.on_connection(True, "")
        return event.name in CHANGES

    def _unconnected(self, reason: str) -> None:
        was, said = self.connected, self._reason
        self.connected, self._reason = False, reason
        while self._pending:
            future = self._pending.popleft().future
            if not future.done():
                future.set_exception(BackendError(f"tmux: {reason}"))
        if was or said != reason:
            self.on_connection(False, reason)

    def _give_up_when_stuck(self, process: asyncio.subprocess.Process) -> None:
        if self._pending and time.monotonic() - self._pending[0].since > _STUCK:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


async def _leave(process: asyncio.subprocess.Process) -> None:
    """End a control-mode client: an end of input makes it detach; what does not leave is terminated, then killed.

    Finishes also when cancelled: the process must not stay.
    """
    closing = asyncio.ensure_future(_close(process))
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await closing
        raise


async def _close(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    for stop, patience in ((None, 1.0), (process.terminate, 1.0), (process.kill, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            if stop is not None:
                stop()
        with contextlib.suppress(TimeoutError):
            # What is still to be read is read, else a full pipe would keep the client from ending.
            async with asyncio.timeout(patience):
                await _drain(process)
            break
    # asyncio leaves a pipe open that did not come to its end in time, and has no public way to close it.
    process._transport.close()  # type: ignore[attr-defined]


async def _drain(process: asyncio.subprocess.Process) -> None:
    while process.stdout is not None and await process.stdout.read(1 << 16):
        pass
    await process.wait()
