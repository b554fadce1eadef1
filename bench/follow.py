"""Following a job that prints many lines a second: from the write of a line to the moment at which it is on screen."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import msgspec

from bench import processes
from bench.figure import Figure, median, p95
from bench.terminal import Terminal
from bench.world import World, program

TARGETS = {"follow-50k": (50_000, 60.0), "follow-200k": (200_000, 150.0)}
"""Lines a second, and the lag in ms that 95 % of them may have."""
NAMES = frozenset(TARGETS) | {f"{name}-cpu" for name in TARGETS}
STEP = 0.01
"""Seconds between two writes of the job."""
CATCH_UP = 4.0
"""Seconds for which a log is shown before anything is measured."""
SECONDS = 6.0
"""How long it is followed."""

_FLOOD = """
import os, sys, time
rate, step = int(sys.argv[1]), float(sys.argv[2])
due, count = time.monotonic(), 0
while True:
    now = time.monotonic_ns()
    lines = [b"@%d@ request %d took 12 ms and went well" % (now, count + n) for n in range(int(rate * step))]
    os.write(1, b"\\n".join(lines) + b"\\n")
    count += len(lines)
    due += step
    time.sleep(max(0.0, due - time.monotonic()))
"""
_STAMP = re.compile(rb"@(\d+)@")
_FRAME_END = b"\x1b[?2026l"


def frames(chunks: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Put chunks together to frames: (when its last byte came, all of its bytes)."""
    open_frame = b""
    for stamp, chunk in chunks:
        *ended, open_frame = (open_frame + chunk).split(_FRAME_END)
        for frame in ended:
            yield stamp, frame


def lags(shown: Iterable[tuple[int, bytes]], step: float = STEP) -> list[float]:
    """How long lines took to the screen, in ms, one line for each write of the job.

    Args:
        shown: What came on the screen, and when (ns); lines carry the moment at which they were written.
        step: Seconds between two writes.
    """
    found: list[float] = []
    newest: int | None = None
    for stamp, drawn in shown:
        written = [int(text) for text in _STAMP.findall(drawn)]
        if not written or (newest is not None and max(written) <= newest):
            continue
        # Lines between the newest one of the frame before and this one's came on the screen (or past it) just now.
        first = max(written) if newest is None else newest + int(step * 1e9)
        found += [(stamp - moment) / 1e6 for moment in range(first, max(written) + 1, int(step * 1e9))]
        newest = max(written)
    return found


def follow(world: World, wanted: AbstractSet[str], runs: int, say: Callable[[str], None]) -> list[Figure]:
    """Lag and CPU of the log tab while a job prints many lines a second, beside `tail -f` of the same file."""
    found: list[Figure] = []
    for name, (rate, target) in TARGETS.items():
        if wanted & {name, f"{name}-cpu"}:
            found += _follow(world, name, rate, target, runs, say)
    return found


def _follow(world: World, name: str, rate: int, target: float, runs: int, say: Callable[[str], None]) -> list[Figure]:
    ours: list[float] = []
    tail: list[float] = []
    cpu: list[float] = []
    with _flood(world, rate) as log:
        for run in range(runs):
            say(f"{name}: run {run + 1} of {runs}")
            with Terminal(program(), world.environment, world.home) as terminal:
                cpu.append(1e6 * _watch(terminal, ours, SECONDS / runs) / rate)
            with Terminal(["tail", "-n", "1", "-f", str(log)], world.environment, world.home) as terminal:
                terminal.record(1.0)
                tail += lags(terminal.recorded())
    if not ours or not tail:
        raise RuntimeError("no line of the job came on the screen")
    told = f"devdeck p50 {median(ours):.0f} p95 {p95(ours):.0f}, tail -f p50 {median(tail):.1f} p95 {p95(tail):.1f} ms"
    unit = "CPU s per million lines"
    return [
        Figure(name=name, value=p95(ours), target=target, reference=told, unit="ms", n=len(ours)),
        Figure(name=f"{name}-cpu", value=median(cpu), target=0.5, reference=f"{rate} lines/s", unit=unit, n=len(cpu)),
    ]


@contextlib.contextmanager
def _flood(world: World, rate: int) -> Iterator[Path]:
    """A job of the first session that prints `rate` lines a second; yields its log. Stopped afterwards."""
    label = world.sessions[0].label
    source = world.folder / "flood.py"
    source.write_text(_FLOOD)
    command = [sys.executable, str(source), str(rate), str(STEP)]
    answer = world.run([*program(), "run", "--json", label, "--", *command])
    try:
        yield Path(msgspec.json.decode(answer)["job"]["log"])
    finally:
        world.run([*program(), "stop", label])


def _watch(terminal: Terminal, found: list[float], seconds: float) -> float:
    """Follow the log in the dashboard and note the lags; returns its CPU time per second."""
    terminal.until(lambda: "work-000" in terminal.text(), "the list of sessions")
    processes.rest(terminal.process.pid)
    terminal.settle(0.2, 2.0)
    terminal.send(b"3")
    terminal.until(lambda: "@ request " in terminal.text(), "the log")
    terminal.record(CATCH_UP)  # what was printed before is indexed
    terminal.recorded()
    before, began = processes.cpu_seconds(terminal.process.pid), time.monotonic()
    terminal.record(seconds)
    used = processes.cpu_seconds(terminal.process.pid) - before
    found += lags(frames(terminal.recorded()))
    return used / (time.monotonic() - began)
