"""Jobs and test runs: their files are followed while they run, and their end is recorded in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from devdeck.collect.base import Pace, wait_for
from devdeck.deck import Deck
from devdeck.model import Health, Job, TestResult, TestRun
from devdeck.runs import RunFollower, follow, settle
from devdeck.state import StateHub
from devdeck.workspace import members

LOOK = 0.25
"""Seconds between two looks while something runs."""

REST = 10.0
"""Seconds between two looks while nothing runs; a change of the store is announced and waits for none."""

SHOWN = 20
"""Jobs kept in a session's state."""

FOLLOWERS = 32
"""Finished runs whose results are kept in memory for the tests tab."""


class JobCollector:
    """Keeps the jobs and the last test run of every session.

    A workspace has its members' jobs too (`Job.session_id` tells whose one is), and the run that `members.run_of`
    picks.
    """

    def __init__(self, hub: StateHub, deck: Deck, pace: Pace, executor: Executor, clock: Callable[[], float]) -> None:
        self._hub = hub
        self._deck = deck
        self._pace = pace
        self._executor = executor
        self._clock = clock
        self._nudge = asyncio.Event()
        self._stale = True
        self._jobs: tuple[Job, ...] = ()
        self._runs: dict[str, TestRun] = {}
        self._followers: dict[str, RunFollower] = {}

    def store_changed(self) -> None:
        """Read the jobs anew."""
        self._stale = True
        self._nudge.set()

    def results(self, job: Job) -> tuple[TestResult, ...]:
        """Results of a test run so far; reads its files when it isn't followed. Call it on the executor."""
        follower = self._followers.get(job.id)
        if follower is None:
            follower = follow(self._deck.store, job)
            if follower is None:
                return ()
            while len(self._followers) >= FOLLOWERS:
                self._followers.pop(next(iter(self._followers)))
            self._followers[job.id] = follower
        else:
            # Only the last run of a session is followed at each look; an older one may still run beside it.
            follower.poll(job)
        return follower.results

    def prime(self) -> None:
        """Publish what the store remembers, without looking at files and processes."""
        self._jobs = self._deck.store.recent_jobs(SHOWN)
        self._runs = self._deck.store.last_runs()
        self._publish()

    async def run(self) -> None:
        """Follow until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            stale, self._stale = self._stale, False
            if stale or any(job.running for job in self._jobs):
                await loop.run_in_executor(self._executor, self._read, stale)
                self._publish()
            self._hub.set_health("jobs", Health(state="ok", at=self._clock()))
            busy = any(job.running for job in self._jobs)
            await wait_for(self._nudge, LOOK if busy and self._pace.active else 1.0 if busy else REST)

    def _read(self, stale: bool) -> None:
        if stale:
            self._jobs = self._deck.store.recent_jobs(SHOWN)
            self._runs = self._deck.store.last_runs()
        self._jobs = tuple(self._deck.work.refresh(job) for job in self._jobs)
        by_id = {job.id: job for job in self._jobs}
        for session_id, run in self._runs.items():
            job = by_id.get(run.job_id)
            if job is not None:
                self._runs[session_id] = self._follow(job, run)

    def _follow(self, job: Job, run: TestRun) -> TestRun:
        if job.running:
            follower = self._followers.setdefault(job.id, RunFollower(run))
            follower.poll(job)
            return follower.run
        if job.id in self._followers:
            self._followers[job.id].poll(job)
        return settle(self._deck.store, job, run)

    def _publish(self) -> None:
        by_session: dict[str, list[Job]] = {}
        for job in self._jobs:
            by_session.setdefault(job.session_id, []).append(job)
        patches: dict[str, dict[str, tuple[Job, ...] | TestRun | None]] = {}
        for id_, state in self._hub.state.sessions.items():
            jobs = by_session.get(id_, [])
            if parts := state.session.member_ids:
                jobs = [*jobs, *(job for part in parts for job in by_session.get(part, ()))]
                patches[id_] = {
                    "jobs": members.jobs_of(jobs, SHOWN),
                    "run": members.run_of([self._runs.get(part) for part in parts]),
                }
            else:
                patches[id_] = {"jobs": tuple(jobs), "run": self._runs.get(id_)}
        self._hub.update(patches)
