"""What runs in tmux: one control-mode client for everything that is read, and the layouts that are remembered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from backends.base import BackendError, TargetGone, ToolMissing
from devdeck.boundary import translated
from devdeck.collect.base import Pace, wait_for
from devdeck.errors import DeckError
from devdeck.model import Health, Session, Terminal
from devdeck.state import StateHub
from devdeck.terminal import layouts

if TYPE_CHECKING:
    from backends.tmux.control import ControlClient
    from backends.tmux.server import TmuxServer

_log = logging.getLogger(__name__)

LOOK, LOOK_IDLE = 2.0, 10.0
"""Seconds between two lists when tmux announces nothing: running commands change without a notice."""

REMEMBER = 1.0
"""Seconds between two readings of changed layouts: a window that is being resized changes many times a second."""

SETTLE = 0.05
"""Seconds to wait after a notice, so that a burst is one list."""


class TerminalCollector:
    """Keeps the list of terminals and answers captures."""

    def __init__(
        self,
        hub: StateHub,
        server: TmuxServer,
        pace: Pace,
        clock: Callable[[], float],
        on_terminals: Callable[[tuple[Terminal, ...], str], None],
        remember: Callable[[Session, Terminal], None] | None = None,
    ) -> None:
        """Args beside what all collectors have.

        Args:
            hub: State.
            server: tmux.
            pace: How fast.
            clock: UNIX seconds.
            on_terminals: Given every list, with why it could not be read.
            remember: Keeps the layout of a session's terminal; called in a thread when its windows may have changed.
        """
        self._hub = hub
        self._server = server
        self._pace = pace
        self._clock = clock
        self._on_terminals = on_terminals
        self._changed = asyncio.Event()
        self._client: ControlClient | None = None
        self._remember = remember
        self._seen: dict[str, tuple[object, ...]] = {}

    def nudge(self) -> None:
        """List now."""
        self._changed.set()

    async def run(self) -> None:
        """Keep the client connected and the list fresh, until cancelled."""
        from backends.tmux.control import ControlClient

        with translated():
            await asyncio.to_thread(self._server.version)
        client = ControlClient(self._server, on_change=self.nudge, on_connection=self._on_connection)
        self._client = client
        connection = asyncio.create_task(client.run(), name="tmux-control")
        remembering = asyncio.create_task(self._remember_layouts(), name="tmux-layouts")
        try:
            while True:
                await self._list(client)
                if connection.done():
                    with translated():
                        connection.result()
                if remembering.done():
                    remembering.result()
                if await wait_for(self._changed, self._pace.period(LOOK, LOOK_IDLE)):
                    await asyncio.sleep(SETTLE)
                    self._changed.clear()
        finally:
            self._client = None
            for task in (connection, remembering):
                task.cancel()
            for task in (connection, remembering):
                with contextlib.suppress(asyncio.CancelledError, BackendError):
                    await task

    async def _remember_layouts(self) -> None:
        """Have the layouts remembered that differ from those seen before, until cancelled."""
        looked: object = None
        while self._remember is not None:
            await asyncio.sleep(REMEMBER)
            states = self._hub.state.sessions
            if states is looked:
                continue
            looked = states
            for gone in self._seen.keys() - states.keys():
                del self._seen[gone]
            for id_, state in states.items():
                terminal = state.terminal.value
                if terminal is None or state.session.parent is not None or not state.session.managed:
                    continue
                now = layouts.fingerprint(terminal)
                if now != self._seen.get(id_):
                    await self._remember_layout(self._remember, state.session, terminal)
                    self._seen[id_] = now

    async def _remember_layout(
        self, remember: Callable[[Session, Terminal], None], session: Session, terminal: Terminal
    ) -> None:
        try:
            await asyncio.to_thread(remember, session, terminal)
        except DeckError as error:
            _log.info("the layout of %s is not remembered: %s", session.label, error.message)

    def _on_connection(self, connected: bool, reason: str) -> None:
        self._changed.set()

    async def _list(self, client: ControlClient) -> None:
        try:
            if client.connected:
                terminals = await client.terminals()
            elif self._server.socket_path.exists():
                terminals = await asyncio.to_thread(self._server.terminals)
            else:
                terminals = ()
        except ToolMissing as error:
            self._failed(error, "error")
        except BackendError as error:
            self._failed(error, "stale")
        else:
            self._on_terminals(terminals, "")
            self._hub.set_health("tmux", Health(state="ok", at=self._clock()))

    def _failed(self, error: BackendError, state: str) -> None:
        self._on_terminals((), error.message)
        self._hub.set_health("tmux", Health(state=state, message=error.message, hint=error.hint, at=self._clock()))

    async def capture(self, pane_id: str) -> tuple[str, ...]:
        """The screen of a pane, colours kept; empty when it is gone.

        Raises:
            DeckError: tmux does not answer.
        """
        client = self._client
        with translated():
            try:
                if client is not None and client.connected:
                    return await client.capture(pane_id)
                return await asyncio.to_thread(self._server.capture, pane_id)
            except TargetGone:
                return ()
