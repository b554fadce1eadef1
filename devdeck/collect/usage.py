"""CPU and memory: one pass over the process table a tick for all sessions, in a thread, with ten minutes of history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

from devdeck.collect.base import Pace
from devdeck.metrics.ring import Ring
from devdeck.metrics.sampler import Sampler
from devdeck.model import Health, HostSample, Pane, Sample, SessionState
from devdeck.state import StateHub
from devdeck.workspace import members

TICK, TICK_IDLE = 2.0, 5.0
"""Seconds between two passes while the dashboard is looked at, and while it is not."""
TICK_QUIET = 4.0
"""The same while it is looked at, but no graph is shown and no session has used anything new for `QUIET` passes."""
QUIET = 3

CONFIRM = 11.0
"""Seconds after which a sample that looks the same is taken over all the same, so that its age stays true."""


class UsageCollector:
    """Keeps the samples of all sessions and of the host."""

    def __init__(self, hub: StateHub, pace: Pace, executor: Executor, clock: Callable[[], float]) -> None:
        self._hub = hub
        self._pace = pace
        self._executor = executor
        self._clock = clock
        self._rings: dict[str, Ring[Sample]] = {}
        self._host: Ring[HostSample] = Ring()
        self._graphs = False
        self._quiet = 0

    def samples(self, session_id: str) -> Sequence[Sample]:
        """The session's history, oldest first."""
        self._graphs = True
        ring = self._rings.get(session_id)
        return ring.view() if ring else ()

    def host_samples(self) -> Sequence[HostSample]:
        """The host's history, oldest first."""
        self._graphs = True
        return self._host.view()

    async def run(self) -> None:
        """Sample until cancelled."""
        loop = asyncio.get_running_loop()
        sampler = Sampler(now=self._clock)
        while True:
            roots = _roots(self._hub.state.sessions)
            samples, host = await loop.run_in_executor(
                self._executor, lambda wanted: (sampler.sample(wanted), sampler.host()), roots
            )
            self._host.append(host)
            self._hub.set_host(host)
            self._rest(self._take(samples))
            self._hub.set_health("metrics", Health(state="ok", at=self._clock()))
            await asyncio.sleep(self._period())

    def _period(self) -> float:
        """Seconds until the next pass."""
        return self._pace.period(TICK_QUIET if self._quiet >= QUIET else TICK, TICK_IDLE)

    def _rest(self, changed: bool) -> None:
        """Count the passes that brought nothing, while nobody asks for history, which graphs do for each new sample."""
        self._quiet = 0 if changed or self._graphs else self._quiet + 1
        self._graphs = False

    def _take(self, samples: dict[str, Sample]) -> bool:
        """Take over samples; returns whether a session uses something else than before."""
        patches: dict[str, dict[str, Sample | None]] = {}
        confirmed: dict[str, dict[str, Sample]] = {}
        sessions = self._hub.state.sessions
        samples = _with_workspaces(samples, sessions)
        for id_, sample in samples.items():
            if id_ in sessions:
                self._rings.setdefault(id_, Ring()).append(sample)
                before = sessions[id_].sample
                if _differs(before, sample):
                    patches[id_] = {"sample": sample}
                elif before is not None and sample.at - before.at >= CONFIRM:
                    confirmed[id_] = {"sample": sample}
        for id_, state in sessions.items():
            if id_ not in samples and state.sample is not None:
                patches[id_] = {"sample": None}
        for gone in self._rings.keys() - sessions.keys():
            del self._rings[gone]
        self._hub.update(patches)
        self._hub.confirm(confirmed)
        return bool(patches)


def _roots(sessions: Mapping[str, SessionState]) -> dict[str, list[int]]:
    """Where the processes of each session start: the panes of its terminal, each given to one session.

    A pane of a workspace's terminal is a member's when it runs the member's job or is in the member's worktree.
    """
    roots: dict[str, list[int]] = {}
    for id_, state in sessions.items():
        terminal = state.terminal.value
        if terminal is None:
            continue
        parent = sessions.get(state.session.parent or "")
        if parent is not None and parent.terminal.value is not None and parent.terminal.value.id == terminal.id:
            continue  # its panes are given to it with the others of the workspace
        roots[id_] = []
        parts = [sessions[part] for part in state.session.member_ids if part in sessions]
        roots.update({part.session.id: [] for part in parts if part.terminal.value is not None})
        for pane in terminal.panes:
            if not pane.dead:
                owner = next((part.session.id for part in parts if _is_in(pane, part)), id_)
                roots.setdefault(owner, []).append(pane.pid)
    return roots


def _is_in(pane: Pane, member: SessionState) -> bool:
    if pane.job_id:
        return any(job.id == pane.job_id for job in member.jobs)
    if pane.member:
        return pane.member == member.session.repository
    place = member.session.worktree
    return pane.path == place or pane.path.startswith(f"{place}/")


def _with_workspaces(samples: dict[str, Sample], sessions: Mapping[str, SessionState]) -> dict[str, Sample]:
    """Add to what a workspace's own processes use what its members use."""
    whole = dict(samples)
    for id_, sample in samples.items():
        state = sessions.get(id_)
        parts = [samples[part] for part in state.session.member_ids if part in samples] if state else []
        if parts:
            whole[id_] = members.sample_of([sample, *parts])
    return whole


def _differs(before: Sample | None, after: Sample) -> bool:
    """Whether a reader of the list could see a difference: an idle session must not cause repaints."""
    return before is None or (
        abs(before.cpu - after.cpu) >= 0.5
        or abs(before.memory - after.memory) >= 1 << 20
        or before.processes != after.processes
    )
