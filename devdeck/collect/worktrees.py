"""git status of every session: where something changed, as many at once as there are cores, what is seen first."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

from devdeck.collect.base import Pace, wait_for
from devdeck.errors import DeckError, NotFound
from devdeck.git import status, watch
from devdeck.model import Fact, GitFacts, Health, Session, SessionKind
from devdeck.state import StateHub
from devdeck.workspace import members

QUIET = 0.4
"""Least seconds between two looks at one worktree; a worktree whose status is slow waits ten times its duration."""

TRICKLE = 20.0
"""Seconds after which the stalest worktree is looked at although nothing was announced (network file systems)."""

POLL = 5.0
"""Seconds between looks at the rows on screen while the watcher can't watch."""

AIM = 0.5
"""Seconds for which folders to watch are gathered before the watcher gets them."""

FOLDERS_AGE = 30.0
"""Seconds after which a worktree that changes again has its watched folders listed anew: it may have new ones."""

TIMEOUT = 20.0

_Tell = Callable[[Mapping[str, Mapping[str, Any]]], None]


class GitCollector:
    """Keeps the git facts of all sessions. Those of a workspace are its members', summed."""

    def __init__(self, hub: StateHub, pace: Pace, executor: Executor, clock: Callable[[], float]) -> None:
        self._hub = hub
        self._pace = pace
        self._executor = executor
        self._clock = clock
        self._dirty: set[str] = set()
        self._busy: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._folders: dict[str, tuple[str, ...]] = {}
        self._folders_at: dict[str, float] = {}
        self._watcher: watch.FolderWatcher | None = None
        self._wake = asyncio.Event()
        self._aim = asyncio.Event()
        self._problem = ""
        self._looked: dict[str, float] = {}
        self.on_gone: Callable[[], None] = lambda: None
        """Called when a worktree turned out to be gone."""

    def sessions_changed(self) -> None:
        """Look at sessions that are new and forget those that went."""
        sessions = self._hub.state.sessions
        for gone in self._looked.keys() - sessions.keys():
            self._aim.set()
            for table in (self._looked, self._not_before, self._folders, self._folders_at):
                table.pop(gone, None)
        worktrees = {id_ for id_, state in sessions.items() if state.session.kind is not SessionKind.WORKSPACE}
        new = worktrees - self._looked.keys() - self._busy
        if new:
            self.mark(new)

    def mark(self, session_ids: set[str] | frozenset[str]) -> None:
        """Look at these sessions soon."""
        self._dirty |= session_ids
        self._wake.set()

    def attend(self, session_id: str) -> None:
        """The session was selected: look at it unless the watcher would have told of a change."""
        covered = self._watcher.coverage if self._watcher is not None else frozenset()
        for id_ in self._worktrees(session_id):
            git = self._hub.state.sessions[id_].git
            if id_ in covered and git.value is not None:
                continue
            if git.at is None or self._clock() - git.at > POLL:
                self.mark({id_})

    def _worktrees(self, session_id: str) -> tuple[str, ...]:
        """The known sessions that have the worktrees of this one: itself, or the members of a workspace."""
        known = self._hub.state.sessions
        state = known.get(session_id)
        if state is None:
            return ()
        if state.session.kind is not SessionKind.WORKSPACE:
            return (session_id,)
        return tuple(id_ for id_ in state.session.member_ids if id_ in known)

    def _rank(self, session_id: str) -> int:
        """The rank of a session; a member is as much on screen as its workspace."""
        state = self._hub.state.sessions.get(session_id)
        parent = state.session.parent if state else None
        own = self._pace.rank(session_id)
        return own if parent is None else min(own, self._pace.rank(parent))

    async def run(self) -> None:
        """Watch and look until cancelled."""
        loop = asyncio.get_running_loop()

        def changed(keys: set[str]) -> None:
            loop.call_soon_threadsafe(self.mark, keys)

        def problem(message: str) -> None:
            loop.call_soon_threadsafe(self._set_problem, message)

        watcher = self._watcher = watch.FolderWatcher(on_change=changed, on_problem=problem)
        self._folders.clear()
        self._folders_at.clear()
        watcher.start()
        tasks: list[asyncio.Task[None]] = []
        try:
            async with asyncio.TaskGroup() as group:
                tasks += [group.create_task(self._worker(watcher)) for _ in range(min(4, os.cpu_count() or 2))]
                group.create_task(self._trickle())
                group.create_task(self._aiming(watcher))
        finally:
            await loop.run_in_executor(None, watcher.stop)

    def _set_problem(self, message: str) -> None:
        self._problem = message
        self._report()

    def _report(self) -> None:
        if self._problem:
            hint = f"the rows on screen are read every {POLL:.0f} s instead"
            self._hub.set_health("git", Health(state="stale", message=self._problem, hint=hint, at=self._clock()))
        else:
            self._hub.set_health("git", Health(state="ok", at=self._clock()))

    async def _trickle(self) -> None:
        while True:
            await asyncio.sleep(POLL if self._problem and self._pace.active else TRICKLE)
            if self._problem and self._watcher is not None:
                shown = {id_ for visible in self._pace.visible for id_ in self._worktrees(visible)}
                self.mark(shown - self._watcher.coverage)
            elif self._looked:
                self.mark({min(self._looked, key=lambda id_: self._looked[id_])})
            self._confirm()

    def _confirm(self) -> None:
        """Facts of worktrees in which nothing was announced are as true now as when they were read."""
        covered = self._watcher.coverage if self._watcher is not None else frozenset()
        now = self._clock()
        self._tell(
            {
                id_: Fact(value=state.git.value, at=now)
                for id_, state in self._hub.state.sessions.items()
                if id_ in covered and id_ not in self._dirty and state.git.value is not None and not state.git.error
            },
            self._hub.confirm,
        )

    async def _worker(self, watcher: watch.FolderWatcher) -> None:
        while True:
            session, wait = self._next()
            if session is None:
                await wait_for(self._wake, wait)
                continue
            self._busy.add(session.id)
            try:
                await self._look(session, watcher)
            finally:
                self._busy.discard(session.id)

    def _next(self) -> tuple[Session | None, float]:
        now = self._clock()
        ready: list[str] = []
        wait = 3600.0
        for id_ in tuple(self._dirty):
            if id_ not in self._hub.state.sessions:
                self._dirty.discard(id_)
            elif id_ not in self._busy:
                due = self._not_before.get(id_, 0.0) - now
                if due <= 0:
                    ready.append(id_)
                else:
                    wait = min(wait, due)
        if not ready:
            return None, wait
        chosen = min(ready, key=lambda id_: (self._rank(id_), self._looked.get(id_, 0.0)))
        self._dirty.discard(chosen)
        return self._hub.state.sessions[chosen].session, 0.0

    async def _look(self, session: Session, watcher: watch.FolderWatcher) -> None:
        started = self._clock()
        try:
            facts = await status.status_async(session.worktree, TIMEOUT)
            fact: Fact[GitFacts] = Fact(value=facts, at=self._clock())
        except DeckError as error:
            if isinstance(error, NotFound):
                self.on_gone()
            before = self._hub.state.sessions.get(session.id)
            last = before.git if before else Fact()
            fact = Fact(value=last.value, at=last.at, error=error.message)
        now = self._clock()
        self._looked[session.id] = now
        self._not_before[session.id] = now + max(QUIET, 10 * (now - started))
        self._publish(session.id, fact)
        self._report()
        if not fact.error and now - self._folders_at.get(session.id, -FOLDERS_AGE) >= FOLDERS_AGE:
            self._folders_at[session.id] = now
            await self._watch(session, watcher)
        if self._dirty:
            self._wake.set()

    def _publish(self, session_id: str, fact: Fact[GitFacts]) -> None:
        state = self._hub.state.sessions.get(session_id)
        if state is None:
            return
        before = state.git
        # An equal answer is told only of the selected session, whose diff may be another one all the same.
        if before.value == fact.value and not before.error and not fact.error and self._rank(session_id) > 0:
            self._tell({session_id: Fact(value=before.value, at=fact.at)}, self._hub.confirm)
        else:
            self._tell({session_id: fact}, self._hub.update)

    def _tell(self, facts: dict[str, Fact[GitFacts]], tell: _Tell) -> None:
        """Publish facts of worktrees, and with them those of the workspaces that they are part of."""
        known = self._hub.state.sessions
        patches = {id_: {"git": fact} for id_, fact in facts.items()}
        for parent in {known[id_].session.parent for id_ in facts if id_ in known} - {None}:
            workspace = known.get(parent or "")
            if workspace is None or any(id_ not in known for id_ in workspace.session.member_ids):
                continue
            parts = [facts.get(id_, known[id_].git) for id_ in workspace.session.member_ids]
            patches[workspace.session.id] = {"git": members.git_of(workspace.session, parts)}
        tell(patches)

    async def _watch(self, session: Session, watcher: watch.FolderWatcher) -> None:
        loop = asyncio.get_running_loop()
        try:
            folders = await loop.run_in_executor(self._executor, watch.watched_folders, session.worktree)
        except DeckError:
            return
        if session.id in self._hub.state.sessions and self._folders.get(session.id) != folders:
            self._folders[session.id] = folders
            self._aim.set()

    async def _aiming(self, watcher: watch.FolderWatcher) -> None:
        """Hand the watcher its folders once a batch of sessions has them: each time it starts anew."""
        while True:
            await self._aim.wait()
            await asyncio.sleep(AIM)
            self._aim.clear()
            watcher.set_targets(dict(self._folders))
