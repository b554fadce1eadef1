"""Figures of the engines behind the dashboard, measured in this process: sampling of processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

from bench.figure import Figure, median, ratio
from devdeck.metrics.sampler import Sampler

TREES, PROCESSES = 100, 10
NAMES = frozenset({"metrics-tick"})


@contextlib.contextmanager
def forest() -> Iterator[list[int]]:
    """`TREES` process trees of `PROCESSES` processes each; yields the roots. All are killed afterwards."""
    roots: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(TREES):
            line = "sleep 600 & " * (PROCESSES - 1) + "wait"
            roots.append(subprocess.Popen(["sh", "-c", line], start_new_session=True))
        deadline = time.monotonic() + 30
        while _alive(roots) < TREES * PROCESSES:
            if time.monotonic() > deadline:
                raise RuntimeError("the processes to be sampled did not start")
            time.sleep(0.05)
        yield [root.pid for root in roots]
    finally:
        for root in roots:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(root.pid, signal.SIGKILL)
            root.wait()


def _alive(roots: list[subprocess.Popen[bytes]]) -> int:
    groups = {root.pid for root in roots}
    found = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(ProcessLookupError):
                found += os.getpgid(int(name)) in groups
    return found


def _bare_pass() -> None:
    """Read the stat file of every process with the fewest and shortest system calls, and do nothing with it."""
    folder = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    for name in os.listdir(folder):
        if name.isdigit():
            try:
                descriptor = os.open(name + "/stat", os.O_RDONLY, dir_fd=folder)
            except FileNotFoundError:
                continue
            try:
                os.read(descriptor, 4096)
            except ProcessLookupError:
                continue
            finally:
                os.close(descriptor)
    os.close(folder)


def metrics_tick(runs: int, say: Callable[[str], None]) -> Figure:
    """One sampling of 100 trees with 1,000 processes, against one pass over /proc/*/stat."""
    rounds = 4 * runs
    say(f"metrics: {rounds} rounds")
    ours: list[float] = []
    bare: list[float] = []
    with forest() as roots:
        sampler = Sampler()
        wanted = {str(root): [root] for root in roots}
        sampler.sample(wanted)
        for _ in range(rounds):
            began = time.perf_counter()
            samples = sampler.sample(wanted)
            middle = time.perf_counter()
            _bare_pass()
            bare.append(1e3 * (time.perf_counter() - middle))
            ours.append(1e3 * (middle - began))
        if any(sample.processes != PROCESSES for sample in samples.values()):
            raise RuntimeError("a sample does not count the processes of its tree")
    return ratio("metrics-tick", 1.3, ("sample", median(ours)), ("/proc/*/stat", median(bare)), rounds)
