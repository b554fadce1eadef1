"""The running deck behind a dashboard: it owns the collectors, the state and the threads for intents."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from devdeck.collect.base import Pace, supervised
from devdeck.collect.census import Census
from devdeck.collect.jobs import JobCollector
from devdeck.collect.terminals import TerminalCollector
from devdeck.collect.usage import UsageCollector
from devdeck.collect.worktrees import GitCollector
from devdeck.deck import Deck
from devdeck.errors import DeckError, NotFound, Refused
from devdeck.git import history, status
from devdeck.labels import why_not_label
from devdeck.live import Delivery, Handoff, RemovalPlan, SourceView, Start
from devdeck.model import Commit, HostSample, Job, JobKind, Operation, Sample, Session, TestResult
from devdeck.paths import Paths
from devdeck.state import Changes, DeckState, StateHub, Subscriber
from devdeck.testing import locate

_log = logging.getLogger(__name__)

INTENT_TIMEOUT = 60.0
"""Seconds after which an intent is reported as unanswered; its thread ends by its own time-outs."""

DETAIL_TIMEOUT = 30.0

P = ParamSpec("P")
R = TypeVar("R")


class RunningDeck:
    """See `devdeck.live.LiveDeck`, which this fulfils over a real deck."""

    def __init__(self, deck: Deck, *, read_only: bool = False, clock: Callable[[], float] = time.time) -> None:
        self._deck = deck
        self._clock = clock
        self.paths: Paths = deck.paths
        self.read_only = read_only
        self._hub = StateHub()
        self._pace = Pace()
        self._intents = ThreadPoolExecutor(4, "devdeck-intent")
        self._details = ThreadPoolExecutor(2, "devdeck-detail")
        self._followers = ThreadPoolExecutor(1, "devdeck-jobs")
        self._samplers = ThreadPoolExecutor(1, "devdeck-metrics")
        self._census = Census(self._hub, deck.store, self._pace, self._details, clock)
        self._terminals = TerminalCollector(
            self._hub,
            deck.terminals.tmux,
            self._pace,
            clock,
            lambda seen, error: self._census.terminals_seen(seen, error),
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
        sessions = {session.id: session for session in self._deck.store.sessions()}
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
        for executor in (self._intents, self._details, self._followers, self._samplers):
            executor.shutdown(wait=False, cancel_futures=True)

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

    # Threads

    async def _in(
        self, executor: ThreadPoolExecutor, timeout: float, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                return await loop.run_in_executor(executor, lambda: call(*args, **kwargs))
        except TimeoutError as error:
            raise DeckError(f"no answer within {timeout:.0f} s", "it may still be under way", code="timeout") from error

    async def _detail(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._in(self._details, DETAIL_TIMEOUT, call, *args, **kwargs)

    async def _intent(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        if self.read_only:
            raise Refused("this dashboard is read-only", "start devdeck without --read-only")
        try:
            return await self._in(self._intents, INTENT_TIMEOUT, call, *args, **kwargs)
        finally:
            self._census.nudge()
            self._terminals.nudge()

    def _session(self, session_id: str) -> Session:
        state = self.state.sessions.get(session_id)
        if state is None:
            raise NotFound("that session is gone", "it was removed elsewhere")
        return state.session

    # Details

    async def commits(self, session_id: str, limit: int = 10) -> tuple[Commit, ...]:
        """The last commits of the session's HEAD, newest first."""
        return await self._detail(history.commits, self._session(session_id).worktree, limit)

    async def diff(self, session_id: str) -> str:
        """Uncommitted changes against HEAD as a unified diff."""
        return await self._detail(history.diff, self._session(session_id).worktree)

    async def status_lines(self, session_id: str) -> tuple[tuple[str, str], ...]:
        """Changed paths with their two-letter codes."""
        return await self._detail(status.changes, self._session(session_id).worktree)

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

    # Intents

    def repositories(self) -> tuple[tuple[str, str], ...]:
        """Known repositories: (name, path), by name."""
        known = {(state.session.repository, state.session.repository_path) for state in self.state.sessions.values()}
        return tuple(sorted(known | set(self._deck.store.repositories())))

    def check_label(self, label: str) -> str:
        """Why a label can't be used; empty when it can."""
        if reason := why_not_label(label):
            return reason
        taken = any(state.session.label == label for state in self.state.sessions.values())
        return f"{label!r} is in use" if taken else ""

    async def start_session(self, wanted: Start) -> Session:
        """Make a session."""
        return await self._intent(self._deck.starting.start, wanted.label, wanted.path, wanted.base)

    async def plan_removal(self, session_id: str) -> RemovalPlan:
        """What removing would do."""
        return await self._detail(self._deck.removing.plan, self._session(session_id))

    async def remove_session(self, session_id: str, force: bool = False) -> Operation:
        """Remove a session."""
        return await self._intent(self._deck.removing.remove, self._session(session_id), force=force)

    async def run(self, session_id: str, argv: Sequence[str], kind: JobKind = JobKind.RUN) -> Job:
        """Start a command in the session."""
        return await self._intent(self._deck.work.run, self._session(session_id), argv, kind=kind)

    async def run_shell(self, session_id: str, line: str, kind: JobKind = JobKind.SHELL) -> Job:
        """Start a line of shell in the session."""
        return await self._intent(self._deck.work.run_shell, self._session(session_id), line, kind)

    async def run_task(self, session_id: str, kind: JobKind) -> Job:
        """Start the repository's own lint or build command, or its tests."""
        return await self._intent(self._deck.work.run_task, self._session(session_id), kind)

    async def test(self, session_id: str, selection: Sequence[str] = ()) -> Job:
        """Run the session's tests."""
        return await self._intent(self._deck.work.test, self._session(session_id), selection)

    async def stop_job(self, job_id: str) -> None:
        """Stop a job with its whole process group."""
        await self._intent(lambda: self._deck.work.stop(self._deck.work.job(job_id)))

    async def send(self, session_ids: Sequence[str], text: str, *, force: bool = False) -> tuple[Delivery, ...]:
        """Type text and Enter into the sessions' active panes."""
        sessions = [self._session(id_) for id_ in session_ids]
        return await self._intent(lambda: tuple(self._send(session, text) for session in sessions))

    def _send(self, session: Session, text: str) -> Delivery:
        try:
            self._deck.terminals.send(session, text)
        except DeckError as error:
            return Delivery(
                session_id=session.id, label=session.label, sent=False, error=error.message, hint=error.hint
            )
        return Delivery(session_id=session.id, label=session.label, sent=True)

    async def hand_off(self, session_id: str) -> Handoff:
        """Switch to the session's terminal, or say what to run to attach."""
        if self.read_only:
            raise Refused("this dashboard is read-only", "start devdeck without --read-only")
        return await self._in(self._intents, INTENT_TIMEOUT, self._deck.terminals.hand_off, self._session(session_id))


def _source(worktree: Path, path: str, line: int, context: int) -> SourceView | None:
    found = locate.find_source(worktree, worktree, path)
    return locate.read_source(found, line, context) if found else None
