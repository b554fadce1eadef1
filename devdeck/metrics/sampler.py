"""Samples of what sessions and the host use. Called from a thread, once a tick for all sessions."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence

from devdeck.metrics import procfs
from devdeck.metrics.procfs import TICKS_PER_SECOND, ProcTable, Table, psutil_table
from devdeck.metrics.trees import owners, used
from devdeck.model import HostSample, Sample

Clock = Callable[[], float]


class Sampler:
    """Turns process tables into samples.

    CPU is percent of one core (two busy threads are 200) over the time since the sample before. Memory is the sum of
    the resident set sizes (RSS): pages that processes share count once for each of them, so forked workers look bigger
    than they are. PSS would not, but costs the kernel a walk over every mapping of every process, three times the rest
    of the tick. Linux 6.2 and later count RSS a CPU at a time, so it may be a few hundred kB off.

    It keeps the table before, at most `procfs.MAXIMUM_PROCESSES` processes. Not thread-safe: one call at a time.

    Args:
        table: Reads the process table; /proc where there is one, psutil elsewhere.
        now: UNIX time, for `Sample.at`.
        monotonic: A clock that no one sets, for elapsed time.
    """

    def __init__(
        self,
        table: Callable[[], Table] | None = None,
        *,
        now: Clock = time.time,
        monotonic: Clock = time.monotonic,
    ) -> None:
        self._table = table or (ProcTable() if procfs.available() else psutil_table)
        self._now = now
        self._monotonic = monotonic
        self._before: Table | None = None
        self._at = 0.0
        self._host: tuple[float, float] | None = None

    def sample(self, roots: Mapping[str, Sequence[int]]) -> dict[str, Sample]:
        """Take one sample of every session.

        Args:
            roots: Process ids of the panes and jobs of each session, by session id. Those of dead panes do no harm.

        Returns:
            A sample for every session in `roots`. `cpu` is 0.0 in the very first call, because there is nothing to
            compare with; a session that is new in a later call has its CPU at once. `processes` is 0 when nothing of it
            runs.

        Raises:
            DeckError: The process table can't be read.
        """
        at, tick = self._now(), self._monotonic()
        table = self._table()
        owned = owners(table, roots)
        before, elapsed = self._before, tick - self._at
        ticks = used(before, table, owned) if before is not None and elapsed > 0 else {}
        self._before, self._at = table, tick

        memory: dict[str, int] = {}
        count: dict[str, int] = {}
        for pid, session in owned.items():
            memory[session] = memory.get(session, 0) + table[pid].memory
            count[session] = count.get(session, 0) + 1
        return {
            session: Sample(
                at=at,
                cpu=100.0 * ticks[session] / TICKS_PER_SECOND / elapsed if session in ticks else 0.0,
                memory=memory.get(session, 0),
                processes=count.get(session, 0),
            )
            for session in roots
        }

    def host(self) -> HostSample:
        """Take one sample of the whole machine, by psutil.

        `cpu` is percent of all cores since the call before, 0.0 in the first call. Waiting for disks is idle time; time
        that the hypervisor gave to other machines is busy time, for this one could not do more.
        `memory_used` is what programs could not get without swapping (total less available).
        """
        import psutil

        times = psutil.cpu_times()
        # guest time is part of user time already (proc_stat(5)), so it must not count twice
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        busy = total - times.idle - getattr(times, "iowait", 0.0)
        before, self._host = self._host, (busy, total)
        cpu = 0.0
        if before is not None and total > before[1]:
            cpu = min(100.0, max(0.0, 100.0 * (busy - before[0]) / (total - before[1])))
        memory = psutil.virtual_memory()
        return HostSample(
            at=self._now(),
            cpu=cpu,
            memory_used=memory.total - memory.available,
            memory_total=memory.total,
            load=os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        )
