"""Which sessions there are: the store, the repositories' worktrees and the tmux server, held against each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from devdeck import discover
from devdeck.collect.base import Pace, wait_for
from devdeck.git import repository
from devdeck.model import Fact, Health, Session, Terminal
from devdeck.sessions import look_for_sessions
from devdeck.state import StateHub
from devdeck.store import Store

LOOK = 0.5
"""Seconds between two looks at the store's change counter and the worktree folders (microseconds each)."""

LOOK_IDLE = 2.0

WHOLE_LOOK = 30.0
"""Seconds after which everything is read anew although nothing was announced: a worktree's folder removed by hand."""


class Census:
    """Keeps the set of sessions, and which terminal belongs to which."""

    def __init__(self, hub: StateHub, store: Store, pace: Pace, executor: Executor, clock: Callable[[], float]) -> None:
        self._hub = hub
        self._store = store
        self._pace = pace
        self._executor = executor
        self._clock = clock
        self._terminals: tuple[Terminal, ...] = ()
        self._terminals_at: float | None = None
        self._terminals_error = ""
        self._nudge = asyncio.Event()
        self._marks: tuple[object, ...] = ()
        self._stale = False
        self._commons: dict[str, Path] = {}
        self._commons_turn = -1
        self.on_store_change: Callable[[], None] = lambda: None

    def nudge(self) -> None:
        """Look now."""
        self._stale = True
        self._nudge.set()

    def terminals_seen(self, terminals: tuple[Terminal, ...], error: str = "") -> None:
        """Take over what the tmux collector saw."""
        if terminals is self._terminals and self._terminals_at is not None and not (error or self._terminals_error):
            self._terminals_at = self._clock()
            return
        places = [(terminal.id, terminal.path, terminal.devdeck_id) for terminal in terminals]
        before = [(terminal.id, terminal.path, terminal.devdeck_id) for terminal in self._terminals]
        self._terminals_error = error
        if not error:
            self._terminals = terminals
            self._terminals_at = self._clock()
        if places != before and not error:
            self.nudge()
        self._match()

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            before, self._stale = () if self._stale else self._marks, False
            marks, changed = await loop.run_in_executor(self._executor, self._look, before)
            if changed is not None:
                self._marks = marks
                self._hub.set_sessions({session.id: session for session in changed})
                self._match()
                self.on_store_change()
            self._hub.set_health("store", Health(state="ok", at=self._clock()))
            await wait_for(self._nudge, self._pace.period(LOOK, LOOK_IDLE))

    def _look(self, before: tuple[object, ...]) -> tuple[tuple[object, ...], tuple[Session, ...] | None]:
        known = self._store.repositories()
        turn = int(self._clock() / WHOLE_LOOK)
        if turn != self._commons_turn:
            self._commons, self._commons_turn = {}, turn
        marks = (self._store.change_count(), turn, known, *(self._worktrees_mark(path) for _, path in known))
        if marks == before:
            return marks, None
        return marks, look_for_sessions(self._store, known, self._terminals)

    def _match(self) -> None:
        sessions = [state.session for state in self._hub.state.sessions.values()]
        matched = discover.match_terminals(sessions, self._terminals)
        patches = {}
        for session in sessions:
            before = self._hub.state.sessions[session.id].terminal
            terminal = matched.get(session.id)
            if self._terminals_error or self._terminals_at is None:
                fact = Fact(value=before.value, at=before.at, error=self._terminals_error)
            elif before.value == terminal and before.at is not None and not before.error:
                continue
            else:
                fact = Fact(value=terminal, at=self._terminals_at)
            patches[session.id] = {"terminal": fact}
        self._hub.update(patches)

    def _worktrees_mark(self, root: str) -> int:
        """A value that changes when git adds a linked worktree to a repository or takes one away: one `stat`.

        Where a repository keeps its worktrees is read once a turn: each file opened there wakes whoever watches it.
        """
        folder = self._commons.get(root)
        if folder is None:
            common = repository.common_dir(root)
            if common is None:
                return 0
            folder = self._commons[root] = common / "worktrees"
        try:
            return folder.stat().st_mtime_ns
        except OSError:
            return 1
