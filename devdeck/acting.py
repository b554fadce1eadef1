"""What a dashboard's user wants done, carried out in threads: the intents of `devdeck.live.LiveDeck`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from devdeck.deck import Deck
from devdeck.errors import DeckError, NotFound, Refused
from devdeck.git import refs
from devdeck.git.repository import find_repository
from devdeck.labels import why_not_label
from devdeck.live import BranchChoice, Delivery, Handoff, RemovalPlan, Setup, Start
from devdeck.model import Job, JobKind, Operation, Session, TrashEntry
from devdeck.state import Changes, DeckState, Subscriber

INTENT_TIMEOUT = 60.0
"""Seconds after which an intent is reported as unanswered; its thread ends by its own time-outs."""

LONG_TIMEOUT = 900.0
"""The same for what may copy much, or run commands of the repository."""

DETAIL_TIMEOUT = 30.0

NEWS_KEPT = 120.0
"""Seconds for which what a fetch brought counts as the state of the remotes."""

SEEN_TIMEOUT = 5.0
"""Seconds that the answer to an intent waits for the census to see the session that was made."""

P = ParamSpec("P")
R = TypeVar("R")


class Acting:
    """Runs the deck's verbs in threads, each bounded in time; `RunningDeck` adds what is known."""

    def __init__(self, deck: Deck, *, read_only: bool) -> None:
        self._deck = deck
        self.read_only = read_only
        self._intents = ThreadPoolExecutor(4, "devdeck-intent")
        self._details = ThreadPoolExecutor(2, "devdeck-detail")
        self._looks = ThreadPoolExecutor(2, "devdeck-network")
        self._news: dict[str, float] = {}
        self.on_notice: Callable[[str], None] = lambda text: None

    @property
    def state(self) -> DeckState:
        """The current snapshot."""
        raise NotImplementedError

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Be told of each change; returns a function that ends it."""
        raise NotImplementedError

    def _changed(self) -> None:
        """Something was changed: look at the world soon."""
        raise NotImplementedError

    def _close_threads(self) -> None:
        for executor in (self._intents, self._details, self._looks):
            executor.shutdown(wait=False, cancel_futures=True)

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

    def _require_writable(self) -> None:
        if self.read_only:
            raise Refused("this dashboard is read-only", "start devdeck without --read-only")

    async def _act(self, timeout: float, call: Callable[[], R]) -> R:
        self._require_writable()
        try:
            return await self._in(self._intents, timeout, call)
        finally:
            self._changed()

    async def _intent(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._act(INTENT_TIMEOUT, lambda: call(*args, **kwargs))

    async def _long(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._act(LONG_TIMEOUT, lambda: call(*args, **kwargs))

    async def _make(self, call: Callable[P, Session], *args: P.args, **kwargs: P.kwargs) -> Session:
        """Make a session, and answer when `state` has it, so that it can be selected and acted on at once."""
        session = await self._long(call, *args, **kwargs)
        await self._seen(session.id)
        return session

    async def _warned(self, make: Callable[[Callable[[str], None]], Session]) -> Session:
        """`_make`, with what came up on the way told afterwards, on the event loop."""
        warnings: list[str] = []
        session = await self._make(make, warnings.append)
        for warning in warnings:
            self.on_notice(f"{session.label}: {warning}")
        return session

    async def _seen(self, session_id: str) -> None:
        """Wait until the census has seen a session; a world that is slow to look at holds nobody up for long."""
        seen = asyncio.Event()

        def look(_: Changes | None = None) -> None:
            if session_id in self.state.sessions:
                seen.set()

        unsubscribe = self.subscribe(look)
        try:
            look()
            async with asyncio.timeout(SEEN_TIMEOUT):
                await seen.wait()
        except TimeoutError:
            pass
        finally:
            unsubscribe()

    def _session(self, session_id: str) -> Session:
        state = self.state.sessions.get(session_id)
        if state is None:
            raise NotFound("that session is gone", "it was removed elsewhere")
        return state.session

    # Making sessions

    def repositories(self) -> tuple[tuple[str, str], ...]:
        """Known repositories: (name, path), by name."""
        known = {
            (place.repository, place.repository_path)
            for state in self.state.sessions.values()
            if not state.session.members
            for place in state.session.places
        }
        return tuple(sorted(known | set(self._deck.store.repositories())))

    def check_label(self, label: str) -> str:
        """Why a label can't be used; empty when it can."""
        if reason := why_not_label(label):
            return reason
        taken = any(state.session.label == label for state in self.state.sessions.values())
        return f"{label!r} is in use" if taken else ""

    async def start_session(self, wanted: Start) -> Session:
        """Make a session."""
        offline = self._has_news(wanted.path)
        return await self._warned(
            lambda warn: self._deck.starting.start(
                wanted.label,
                wanted.path,
                wanted.base,
                with_changes=wanted.with_changes,
                offline=offline,
                trust=wanted.trust,
                warn=warn,
            )
        )

    def _has_news(self, path: str) -> bool:
        """Whether the remotes were asked a moment ago, so that starting a session need not wait for them again."""
        at = self._news.get(path)
        return at is not None and time.monotonic() - at < NEWS_KEPT

    async def checkout(self, target: str, path: str, label: str | None = None, *, trust: bool = False) -> Session:
        """Make a session for something that exists."""
        return await self._warned(
            lambda warn: self._deck.starting.checkout(target, path, label, trust=trust, warn=warn)
        )

    async def start_workspace(
        self, label: str, folder: str, repositories: Sequence[str] = (), base: str | None = None, *, trust: bool = False
    ) -> Session:
        """Make a session over several repositories."""
        return await self._warned(
            lambda warn: self._deck.workspaces.start(label, folder, repositories, base, trust=trust, warn=warn)
        )

    async def branches(self, path: str) -> tuple[BranchChoice, ...]:
        """Branches and tags of a repository."""
        return await self._detail(self._deck.starting.branches, path)

    async def find_commit(self, path: str, name: str) -> str:
        """The commit that a revision means in a repository."""
        return await self._detail(_commit, path, name)

    async def fetch(self, path: str) -> None:
        """Ask the remotes of a repository for news."""
        self._require_writable()
        await self._in(self._looks, DETAIL_TIMEOUT, self._deck.starting.fetch, path)
        self._news[path] = time.monotonic()

    async def setup(self, path: str, session_id: str | None = None) -> Setup:
        """What the configuration of the repository at `path` would do."""
        session = None if session_id is None else self._session(session_id)
        return await self._detail(self._deck.setups.look, path, session)

    async def trust(self, path: str, digest: str, session_id: str | None = None) -> None:
        """Trust the configuration of a repository, as it was shown."""
        session = None if session_id is None else self._session(session_id)
        await self._intent(self._deck.setups.trust, path, digest=digest, session=session)

    async def initialize(self, session_id: str, *, trust: bool = False) -> tuple[Job, ...]:
        """Set a session up (again)."""
        return await self._long(self._deck.setups.initialize, self._session(session_id), trust=trust)

    # Changing and removing them

    async def rename(self, session_id: str, label: str) -> Session:
        """Give a session another name."""
        return await self._intent(self._deck.managing.rename, self._session(session_id), label)

    async def adopt(self, session_id: str, label: str | None = None) -> Session:
        """Make a session that others made one of devdeck's own."""
        return await self._intent(self._deck.managing.adopt, self._session(session_id), label)

    async def refresh(self, session_id: str) -> str:
        """Bring a session's branch up to what it follows."""
        return await self._intent(self._deck.starting.refresh, self._session(session_id))

    async def restore_terminals(self, session_ids: Sequence[str]) -> tuple[str, ...]:
        """Bring back terminals that are gone."""
        sessions = [self._session(id_) for id_ in session_ids]
        restored = await self._long(self._deck.terminals.restore_all, sessions)
        for it in restored:
            if it.error is not None and len(restored) == 1:
                raise it.error
        return tuple(it.session.label for it in restored if it.made)

    async def plan_removal(self, session_id: str) -> RemovalPlan:
        """What removing would do."""
        return await self._detail(self._deck.removing.plan, self._session(session_id))

    async def remove_session(self, session_id: str, force: bool = False) -> Operation:
        """Remove a session."""
        return await self._long(self._deck.removing.remove, self._session(session_id), force=force)

    async def trash(self) -> tuple[TrashEntry, ...]:
        """Removed sessions that can be brought back."""
        return await self._detail(self._deck.trash.entries)

    async def restore(self, entry_id: str, label: str | None = None) -> Session:
        """Bring a removed session back."""
        return await self._make(lambda: self._deck.trash.restore(self._deck.trash.find(entry_id), label))

    async def drop(self, entry_id: str) -> None:
        """Delete a removed session for good."""
        await self._long(lambda: self._deck.trash.drop(self._deck.trash.find(entry_id)))

    async def undo(self) -> Operation:
        """Take back the last change that can be taken back."""
        operation = await self._long(self._deck.history.undo)
        if operation.verb == "remove" and operation.session_id is not None:
            await self._seen(operation.session_id)
        return operation

    # Work

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

    # Terminals

    async def send(self, session_ids: Sequence[str], text: str, *, force: bool = False) -> tuple[Delivery, ...]:
        """Type text and Enter into the sessions' active panes."""
        sessions = [self._session(id_) for id_ in session_ids]
        return await self._intent(self._deck.terminals.send_many, sessions, text, force=force)

    async def hand_off(self, session_id: str) -> Handoff:
        """Switch to the session's terminal, or say what to run to attach."""
        self._require_writable()
        return await self._in(self._intents, INTENT_TIMEOUT, self._deck.terminals.hand_off, self._session(session_id))


def _commit(path: str, name: str) -> str:
    root = find_repository(path).root
    try:
        return refs.resolve_commit(root, name)
    except NotFound:
        return ""
