"""The dashboard's figures: the first paint, keys, tabs, memory, and what it uses while nothing happens."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack

import msgspec

from bench import processes
from bench.figure import Figure, median, p95, ratio
from bench.terminal import COLUMNS, ROWS, Terminal
from bench.world import World, floor, program

STARTS = frozenset({"first-paint", "first-facts"})
KEYS = frozenset({"key-paint", "tab-switch"})
VISITS = STARTS | KEYS | {"memory"}
IDLE = frozenset({"idle-cpu", "idle-cpu-graphs"})

ROWS_WITHOUT_GRAPHS = 31
"""A terminal of so few rows has no room for the graphs."""
PRESSES = 30
"""Measured presses of a key in one run."""
SWITCHES = 15
WINDOW = 8.0
"""Seconds of one idle measurement."""
STEPS = 8
"""Rows that the selection goes down before it comes up again: all are on screen, nothing scrolls."""

_ROW = re.compile(r"^│. \S work-\d{3} ")
_DOWN, _UP = b"\x1b[B", b"\x1b[A"
_TABS = (
    (b"2", "▌2 ", "Never run"),
    (b"3", "▌3 ", "Nothing has run here yet"),
    (b"4", "▌4 ", "part-0/module_000.txt"),
    (b"5", "▌5 ", "enter opens it"),
    (b"1", "▌1 ", "terminal  ✓ alive"),
)
"""Key of a tab, its mark in the strip while it is shown, and what it says of the deck's sessions."""


class Visit(msgspec.Struct):
    """What was measured of one program, in all runs so far. Times in ms, memory in bytes."""

    paint: list[float] = msgspec.field(default_factory=list)
    facts: list[float] = msgspec.field(default_factory=list)
    keys: list[float] = msgspec.field(default_factory=list)
    tabs: list[float] = msgspec.field(default_factory=list)
    memory: list[float] = msgspec.field(default_factory=list)


def _milliseconds(since: int, stamp: int) -> float:
    return (stamp - since) / 1e6


def _session_rows(terminal: Terminal) -> list[str]:
    return [line for line in terminal.lines() if _ROW.match(line)]


def _list_shown(terminal: Terminal, sessions: int) -> bool:
    """Rows of sessions are on screen: all of few, a screenful of many."""
    return len(_session_rows(terminal)) >= min(sessions, 10)


def _facts_shown(terminal: Terminal) -> bool:
    """Every row on screen has its git marks, and the selected session's terminal is known."""
    rows = _session_rows(terminal)
    return bool(rows) and all("~1 ?1" in row for row in rows) and "terminal  ✓ alive" in terminal.text()


def _press(terminal: Terminal, found: list[float], *, first_row: int, presses: int) -> None:
    """Move a cursor down and up between rows that are on screen, until the row gone to has another background."""
    at, step = first_row, 1
    for press in range(presses + 2):
        goal = at + step
        before = terminal.grounds(goal)
        sent = terminal.send(_DOWN if step > 0 else _UP)
        stamp = terminal.until(lambda: terminal.grounds(goal) != before, f"cursor on row {goal}", 5.0)  # noqa: B023
        if press >= 2:  # the first presses load what was never used before
            found.append(_milliseconds(sent, stamp))
        at = goal
        if at in (first_row, first_row + STEPS):
            step = 1 if at == first_row else -1
        terminal.settle(0.03, 0.3)


def _switch(terminal: Terminal, found: list[float]) -> None:
    """Go round the tabs; a tab is drawn when the strip marks it and its own words are there."""
    for press in range(len(_TABS) + SWITCHES):
        key, mark, words = _TABS[press % len(_TABS)]

        def drawn(mark: str = mark, words: str = words) -> bool:
            text = terminal.text()
            return mark in text and words in text

        sent = terminal.send(key)
        stamp = terminal.until(drawn, f"tab {mark}", 5.0)
        if press >= len(_TABS):
            found.append(_milliseconds(sent, stamp))
        terminal.settle(0.05, 0.4)


def _visit_deck(world: World, visit: Visit, wanted: Collection[str]) -> None:
    with Terminal(program(), world.environment, world.home) as terminal:
        terminal.record(1.2)
        painted = terminal.until(lambda: _list_shown(terminal, len(world.sessions)), "the list of sessions")
        visit.paint.append(_milliseconds(terminal.started, painted))
        known = painted if _facts_shown(terminal) else terminal.until(lambda: _facts_shown(terminal), "the facts")
        visit.facts.append(_milliseconds(terminal.started, known))
        if not (KEYS | {"memory"}) & set(wanted):
            return
        processes.rest(terminal.process.pid)
        terminal.settle(0.3, 3.0)
        if "key-paint" in wanted:
            # Straight below the header of the first repository; headers are skipped, so stay within its sessions.
            first = next(index for index, line in enumerate(terminal.lines()) if _ROW.match(line))
            _press(terminal, visit.keys, first_row=first, presses=PRESSES)
        if "tab-switch" in wanted:
            _switch(terminal, visit.tabs)
        visit.memory.append(processes.memory_bytes(terminal.process.pid))


def _visit_floor(world: World, visit: Visit, kind: str, words: str, *, keys: bool) -> None:
    arguments = ("100",) if kind == "table" else ()
    with Terminal(floor(kind, *arguments), world.environment, world.home) as terminal:
        terminal.record(0.7)
        shown = terminal.until(lambda: words in terminal.text(), f"floor-{kind}")
        visit.paint.append(_milliseconds(terminal.started, shown))
        if kind != "table":
            return
        terminal.settle(0.3)
        if keys:
            _press(terminal, visit.keys, first_row=2, presses=PRESSES)
        visit.memory.append(processes.memory_bytes(terminal.process.pid))


def visits(worlds: Sequence[World], wanted: Collection[str], runs: int, say: Callable[[str], None]) -> list[Figure]:
    """Measure starts, keys, tabs and memory, every program once a run.

    Args:
        worlds: Decks to open; the last one has 100 sessions, the others get their number as a suffix.
        wanted: Names from `VISITS`, without suffix.
        runs: How many times each program is started.
        say: Told about progress.
    """
    ours = {len(world.sessions): Visit() for world in worlds}
    least, table = Visit(), Visit()
    tables = bool(set(wanted) - STARTS)
    for run in range(-1, runs):
        say("dashboard: warming up" if run < 0 else f"dashboard: run {run + 1} of {runs}")
        into = (lambda visit: visit) if run >= 0 else (lambda _: Visit())
        _visit_floor(worlds[0], into(least), "min", "the floor is here", keys=False)
        for world in worlds:
            _visit_deck(world, into(ours[len(world.sessions)]), wanted if run >= 0 else STARTS)
        if tables:
            _visit_floor(worlds[0], into(table), "table", "work-020", keys=run >= 0 and bool(KEYS & set(wanted)))
    return [figure for count, visit in ours.items() for figure in _judge(count, visit, least, table, wanted)]


def _judge(count: int, ours: Visit, least: Visit, table: Visit, wanted: Collection[str]) -> list[Figure]:
    suffix, who = ("", "devdeck") if count == 100 else (f"-{count}", "devdeck")
    found: list[Figure] = []
    base = ("floor-min", median(least.paint))
    if "first-paint" in wanted:
        found.append(ratio(f"first-paint{suffix}", 1.25, (who, median(ours.paint)), base, len(ours.paint)))
    if "first-facts" in wanted:
        found.append(ratio(f"first-facts{suffix}", 1.9, (who, median(ours.facts)), base, len(ours.facts)))
    for name, target, values in (("key-paint", 1.5, ours.keys), ("tab-switch", 3.0, ours.tabs)):
        if name in wanted:
            told = f"{who} p50 {median(values):.1f} p95"
            reference = (f"floor-table p50 {median(table.keys):.1f} p95", p95(table.keys))
            found.append(ratio(f"{name}{suffix}", target, (told, p95(values)), reference, len(values)))
    if "memory" in wanted:
        mine, other = median(ours.memory) / 1e6, median(table.memory) / 1e6
        found.append(ratio(f"memory{suffix}", 2.0, (who, mine), ("floor-table", other), len(ours.memory), "MB of PSS"))
    return found


def idle(worlds: Sequence[World], wanted: Collection[str], runs: int, say: Callable[[str], None]) -> list[Figure]:
    """Measure the CPU of dashboards that show a deck in which nothing happens, all of them at the same time.

    Args:
        worlds: As for `visits`.
        wanted: Names from `IDLE`, without suffix.
        runs: How many windows of `WINDOW` seconds.
        say: Told about progress.
    """
    heights = {"idle-cpu": (ROWS_WITHOUT_GRAPHS, 0.6), "idle-cpu-graphs": (ROWS, 1.5)}
    used: dict[str, list[float]] = {}
    targets: dict[str, float] = {}
    with ExitStack() as stack:
        watched: dict[str, Terminal] = {}
        for world in worlds:
            for name in sorted(wanted):
                rows, target = heights[name]
                full = name if len(world.sessions) == 100 else f"{name}-{len(world.sessions)}"
                targets[full] = target
                watched[full] = stack.enter_context(
                    Terminal(program(), world.environment, world.home, columns=COLUMNS, rows=rows)
                )
        watched["floor-clock"] = stack.enter_context(Terminal(floor("clock"), worlds[0].environment, worlds[0].home))
        _drain(list(watched.values()), 6.0)
        for name, terminal in watched.items():
            shown = "the floor is here at" if name == "floor-clock" else "~1 ?1"
            if shown not in terminal.text():
                raise RuntimeError(f"{name} shows something else than expected:\n{terminal.text()}")
        for run in range(runs):
            say(f"idle: window {run + 1} of {runs}")
            before = {name: processes.cpu_seconds(terminal.process.pid) for name, terminal in watched.items()}
            seconds = _drain(list(watched.values()), WINDOW)
            for name, terminal in watched.items():
                after = processes.cpu_seconds(terminal.process.pid)
                used.setdefault(name, []).append(100.0 * (after - before[name]) / seconds)
    clock = f"floor-clock {median(used['floor-clock']):.2f} %"
    return [
        Figure(name=name, value=median(used[name]), target=target, reference=clock, unit="% of a core", n=runs)
        for name, target in targets.items()
    ]


def _drain(terminals: Sequence[Terminal], seconds: float) -> float:
    """Let programs run for some time, taking what they print; returns for how long it was."""
    import time

    began = time.monotonic()
    while time.monotonic() - began < seconds:
        for terminal in terminals:
            terminal.settle(0.0, 0.05)
        time.sleep(0.1)
    return time.monotonic() - began
