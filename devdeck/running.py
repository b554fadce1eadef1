"""The running deck behind a dashboard: it owns the collectors, the state and the threads for intents."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from devdeck import discover
from devdeck.acting import DETAIL_TIMEOUT, Acting
from devdeck.collect.base import Pace, supervised
from devdeck.collect.census import Census
from devdeck.collect.jobs import JobCollector
from devdeck.collect.terminals import TerminalCollector
from devdeck.collect.usage import UsageCollector
from devdeck.collect.worktrees import GitCollector
from devdeck.deck import Deck
from devdeck.git import history, status
from devdeck.git.file_diff import file_diff
from devdeck.live import SourceView
from devdeck.model import Commit, DiffPart, HostSample, Operation, Sample, Session, TestResult
from devdeck.paths import Paths
from devdeck.state import Changes, DeckState, StateHub, Subscriber
from devdeck.testing import locate

_log = logging.getLogger(__name__)


class RunningDeck(Acting):
    """See `devdeck.live.LiveDeck`, which this fulfils over a real deck."""

    def __init__(self, deck: Deck, *, read_only: bool = False, clock: Callable[[], float] = time.time) -> None:
        super().__init__(deck, read_only=read_only)
        self._clock = clock
        self.paths: Paths = deck.paths
        self._hub = StateHub()
        self._pace = Pace()
        self._followers = ThreadPoolExecutor(1, "devdeck-jobs")
        self._samplers = ThreadPoolExecutor(1, "devdeck-metrics")
        self._census = Census(self._hub, deck.store, self._pace, self._details, clock)
        self._terminals = TerminalCollector(
            self._hub,
            deck.terminals.tmux,
            self._pace,
            clock,
            lambda seen, error: self._census.terminals_seen(seen, error),
            None if read_only else deck.terminals.remember,
        )
        self._git = GitCollector(self._hub, self._pace, self._details, clock)
        self._jobs = JobCollector(self._hub, deck, self._pace, self._followers, clock)
        self._usage = UsageCollector(self._hub, self._pace, self._samplers, clock)
        self._census.on_store_change = self._jobs.store_changed
        self._git.on_gone = self._census.nudge
        self._hub.subscribe(self._membership_changed)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def state(self) -> DeckState:
        """The current snapshot."""
        return self._hub.state

    def now(self) -> float:
        """UNIX seconds by the deck's clock."""
        return self._clock()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Be told of each change, on the event loop; returns a function that ends it."""
        return self._hub.subscribe(subscriber)

    def prime(self) -> None:
        """Take over what the store remembers, for the first paint: some milliseconds, before there is an event loop.

        Nothing is taken over when the store knows no session: whether there are any is for the census to say.
        """
        sessions = {session.id: session for session in discover.with_members(self._deck.store.sessions())}
        if sessions:
            self._hub.set_sessions(sessions)
            self._jobs.prime()

    async def start(self) -> None:
        """Start the collectors; returns at once."""
        collectors = {
            "store": self._census.run,
            "tmux": self._terminals.run,
            "git": self._git.run,
            "jobs": self._jobs.run,
            "metrics": self._usage.run,
        }
        self._tasks = [
            asyncio.create_task(supervised(name, self._hub, self._clock, work), name=f"collect-{name}")
            for name, work in collectors.items()
        ]

    async def stop(self) -> None:
        """Stop the collectors and the threads. Jobs and terminals go on."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5.0)
        self._tasks = []
        self._close_threads()
        for executor in (self._followers, self._samplers):
            executor.shutdown(wait=False, cancel_futures=True)

    def _changed(self) -> None:
        """Something was changed: look at the world soon."""
        self._census.nudge()
        self._terminals.nudge()

    def look_at(self, selected: str | None, visible: Sequence[str]) -> None:
        """Say which session is selected and which rows are on screen."""
        if selected != self._pace.selected and selected is not None:
            self._git.attend(selected)
        self._pace.selected = selected
        self._pace.visible = tuple(visible)

    def set_active(self, active: bool) -> None:
        """Say whether the dashboard is being looked at."""
        if active and not self._pace.active:
            self._terminals.nudge()
        self._pace.active = active

    def _membership_changed(self, changes: Changes) -> None:
        if changes.membership:
            self._git.sessions_changed()
            self._jobs.store_changed()

    # Details

    async def commits(self, session_id: str, limit: int = 10) -> tuple[Commit, ...]:
        """The last commits of the session's HEAD, of all repositories of a workspace, newest first."""
        return await self._detail(_commits, self._session(session_id), limit)

    async def diff(self, session_id: str, path: str) -> tuple[DiffPart, ...]:
        """What is not committed of a path, the staged part and the rest apart."""
        session = self._session(session_id)
        if not session.members:
            return await file_diff(session.worktree, path)
        name, _, inside = path.partition("/")
        places = (place.worktree for place in session.places if place.repository == name)
        return await file_diff(next(places, session.worktree), inside)

    async def status_lines(self, session_id: str) -> tuple[tuple[str, str], ...]:
        """Changed paths with their two-letter codes; of a workspace with the repository's name before them."""
        return await self._detail(_status_lines, self._session(session_id))

    async def operations(self, session_id: str | None, limit: int = 10) -> tuple[Operation, ...]:
        """The last operations, newest first."""
        return await self._detail(self._deck.store.operations, session_id, limit)

    async def results(self, job_id: str) -> tuple[TestResult, ...]:
        """Results of a test run so far."""
        return await self._in(self._followers, DETAIL_TIMEOUT, self._results, job_id)

    def _results(self, job_id: str) -> tuple[TestResult, ...]:
        return self._jobs.results(self._deck.work.job(job_id))

    async def source(self, session_id: str, path: str, line: int, context: int = 8) -> SourceView | None:
        """Source around a place in the session's worktree."""
        return await self._detail(_source, Path(self._session(session_id).worktree), path, line, context)

    async def capture(self, session_id: str) -> tuple[str, ...]:
        """The screen of the session's active pane."""
        state = self.state.sessions.get(session_id)
        terminal = state.terminal.value if state else None
        pane = terminal.active_pane if terminal else None
        return await self._terminals.capture(pane.id) if pane else ()

    def samples(self, session_id: str) -> Sequence[Sample]:
        """CPU and memory of the last ten minutes."""
        return self._usage.samples(session_id)

    def host_samples(self) -> Sequence[HostSample]:
        """The host's last ten minutes."""
        return self._usage.host_samples()


def _commits(session: Session, limit: int) -> tuple[Commit, ...]:
    found = [commit for place in session.places for commit in history.commits(place.worktree, limit)]
    return tuple(found if not session.members else sorted(found, key=lambda commit: -commit.at)[:limit])


def _status_lines(session: Session) -> tuple[tuple[str, str], ...]:
    if not session.members:
        return status.changes(session.worktree)
    return tuple(
        (code, f"{place.repository}/{path}")
        for place in session.places
        for code, path in status.changes(place.worktree)
    )


def _source(worktree: Path, path: str, line: int, context: int) -> SourceView | None:
    found = locate.find_source(worktree, worktree, path)
    return locate.read_source(found, line, context) if found else None
