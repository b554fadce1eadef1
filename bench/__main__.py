"""`python -m bench`: run the measurements and print the figures. See the package for how to read them."""

from __future__ import annotations

import argparse
import compileall
import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import msgspec

from bench import commands, dashboard, engine, follow
from bench.figure import Figure
from bench.world import ROOT, World, world

COUNTS = (10, 100)
"""Sessions of the decks that are measured."""


def names() -> list[str]:
    """All figures, by the names that `--only` takes."""
    found = [*sorted(commands.NAMES | engine.NAMES | follow.NAMES)]
    for base in ("first-paint", "first-facts", "key-paint", "tab-switch", "memory", "idle-cpu", "idle-cpu-graphs"):
        found += [base if count == 100 else f"{base}-{count}" for count in reversed(COUNTS)]
    return found


def say(text: str) -> None:
    """Tell about progress, on stderr."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def measure(wanted: AbstractSet[str], runs: int) -> list[Figure]:
    """Build the decks that the wanted figures need, measure, and take everything away again."""
    found: list[Figure] = []
    if "metrics-tick" in wanted:
        found.append(engine.metrics_tick(runs, say))
    screens = dashboard.VISITS | dashboard.IDLE
    counts = [count for count in COUNTS if _bases(wanted, count) & screens]
    if wanted & (commands.NAMES | follow.NAMES) and 100 not in counts:
        counts.append(100)
    if not counts:
        return found
    with contextlib.ExitStack() as stack:
        worlds: list[World] = []
        for count in counts:
            say(f"building a deck of {count} sessions")
            worlds.append(stack.enter_context(world(count)))
        if wanted & {"ls-100", "ls-100-no-git"}:
            found += commands.listing(worlds[-1], wanted, runs, say)
        if wanted & {"complete-100", "version"}:
            found += commands.waits(worlds[-1], wanted, runs, say)
        if "start" in wanted:
            found.append(commands.start(worlds[-1], runs, say))
        bases = set().union(*(_bases(wanted, count) for count in counts))
        if bases & dashboard.VISITS:
            found += dashboard.visits(worlds, bases & dashboard.VISITS, runs, say)
        if bases & dashboard.IDLE:
            found += dashboard.idle(worlds, bases & dashboard.IDLE, runs, say)
        if wanted & follow.NAMES:
            found += follow.follow(worlds[-1], wanted, runs, say)
    return [figure for figure in found if figure.name in wanted]


def _bases(wanted: AbstractSet[str], count: int) -> set[str]:
    """Names of the wanted dashboard figures for a deck of `count` sessions, without the suffix."""
    screens = dashboard.VISITS | dashboard.IDLE
    return {base for base in screens if (base if count == 100 else f"{base}-{count}") in wanted}


def table(figures: Sequence[Figure]) -> str:
    """The figures as aligned columns."""
    rows = [("name", "value", "target", "met", "reference", "unit", "n")]
    for figure in figures:
        met = {True: "yes", False: "NO", None: "-"}[figure.met]
        target = "-" if figure.target is None else f"{figure.target:g}"
        rows.append((figure.name, f"{figure.value:.2f}", target, met, figure.reference, figure.unit, str(figure.n)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = {1, 2, 6}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def document(figures: Sequence[Figure]) -> bytes:
    """The figures as one JSON document."""
    return msgspec.json.format(msgspec.json.encode({"figures": [figure.row() for figure in figures]}), indent=2)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure devdeck against its targets.")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else on stdout")
    parser.add_argument("--only", metavar="NAME[,NAME]", help="measure only these; --list tells the names")
    parser.add_argument("--runs", type=int, default=5, help="how often each program is started (default 5)")
    parser.add_argument("--list", action="store_true", help="print the names of all figures")
    options = parser.parse_args(arguments)
    unknown = set((options.only or "").split(",")) - {*names(), ""}
    if unknown:
        parser.error(f"no figure named {', '.join(sorted(unknown))}; --list tells the names")
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print.

    Returns:
        0 also when a target is missed: the figures say so, and a busy machine is no fault of the program.
    """
    options = _options(arguments)
    if options.list:
        print("\n".join(names()))
        return 0
    # A polite kill removes the decks and the tmux servers too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    wanted = {name for name in (options.only or "").split(",") if name} or set(names())
    began = time.monotonic()
    for package in ("backends", "bench", "devdeck", "themes", "tui"):
        compileall.compile_dir(ROOT / package, quiet=2)
    for peer in commands.missing_peers():
        say(f"{peer} is not installed, so it is not measured")
    figures = measure(wanted, options.runs)
    if options.json:
        print(document(figures).decode())
    else:
        print(table(figures))
    say(f"took {time.monotonic() - began:.0f} s; load now {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
