"""The arithmetic of graphs, without a widget: scales, columns in time, cells.

A plot is `width` × `height` cells of a terminal. Braille gives each cell 2 × 4 dots, eighth blocks 1 × 8 steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

Unit = Literal["percent", "bytes"]

_BLOCKS = " ▁▂▃▄▅▆▇█"
# Dots of a braille cell from the bottom up: Unicode numbers them 1 2 3 7 in the left column, 4 5 6 8 in the right.
_LEFT = (0x00, 0x40, 0x44, 0x46, 0x47)
_RIGHT = (0x00, 0x80, 0xA0, 0xB0, 0xB8)
_BRAILLE = 0x2800
_BINARY = ("", "K", "M", "G", "T", "P", "E")


class Ink(StrEnum):
    """How the cells of a plot are drawn."""

    BRAILLE = "braille"
    BLOCK = "block"
    """For fonts without braille."""

    @property
    def columns(self) -> int:
        """Columns of dots in a cell."""
        return 2 if self is Ink.BRAILLE else 1

    @property
    def rows(self) -> int:
        """Steps of height in a cell."""
        return 4 if self is Ink.BRAILLE else 8


def nice_ceiling(peak: float, unit: Unit) -> float:
    """The smallest even number that holds `peak`, for the top of an axis whose middle is labelled too.

    Percent: 1, 2, 3, 4, 6, 8 times powers of ten, from 100. Bytes: 1 or 1.5 times powers of two, from 16 MiB.
    """
    if unit == "percent":
        power = 100.0
        while True:
            for factor in (1, 2, 3, 4, 6, 8):
                if peak <= factor * power:
                    return factor * power
            power *= 10
    size = float(1 << 24)
    while peak > size:
        if peak <= size * 1.5:
            return size * 1.5
        size *= 2
    return size


def format_value(value: float, unit: Unit) -> str:
    """A value in at most 6 characters: `7.4%`, `213%`, `48M`, `1.5G` (binary prefixes)."""
    if unit == "percent":
        return f"{value:.1f}%" if 0 < value < 9.95 else f"{value:.0f}%"
    step = 0
    while value >= 999.5 and step < len(_BINARY) - 1:
        value /= 1024
        step += 1
    short = f"{value:.1f}" if 0 < value < 9.95 and step else f"{value:.0f}"
    return short.removesuffix(".0") + _BINARY[step]


def format_ago(seconds: float) -> str:
    """Seconds before now, for an axis: `now`, `-30s`, `-5m`, `-2h`, `-1h30m`."""
    whole = round(seconds)
    if whole <= 0:
        return "now"
    if whole % 60:
        return f"-{whole}s" if whole < 60 else f"-{whole // 60}m{whole % 60}s"
    minutes = whole // 60
    hours, rest = divmod(minutes, 60)
    return f"-{minutes}m" if not hours else f"-{hours}h{rest}m" if rest else f"-{hours}h"


def bucketize(
    samples: Sequence[tuple[float, float]], now: float, *, span: float, count: int, gap: float
) -> list[float | None]:
    """The largest value in each of `count` equal stretches of time, the last of which holds `now`.

    A sample stands for the time since the sample before it, so that a stretch between two samples is not empty; when
    that is longer than `gap` seconds, nobody looked, and the stretches in between stay `None`. The borders of the
    stretches are multiples of their length: the picture moves a column at a time and does not flicker.

    Args:
        samples: Times (UNIX seconds, ascending) and values.
        now: Right end, UNIX seconds; samples after it are left out.
        span: Seconds that all stretches cover together.
        count: How many.
        gap: Longest time between two samples that belong together, in seconds.
    """
    buckets: list[float | None] = [None] * count
    if count <= 0:
        return buckets
    step = span / count
    first = int(now // step) - count + 1
    before: float | None = None
    for time, value in samples:
        if time > now:
            break
        last = int(time // step) - first
        start = last
        if before is not None and 0 < time - before <= gap:
            start = int(before // step) - first + 1
        before = time
        for index in range(max(0, min(start, last)), last + 1):
            seen = buckets[index]
            if seen is None or value > seen:
                buckets[index] = value
    return buckets


def draw_area(buckets: Sequence[float | None], height: int, ceiling: float, ink: Ink) -> list[str]:
    """Draw a filled area.

    A known value draws at least the lowest step, so that zero and "nobody looked" differ; values above the ceiling
    fill their column.

    Args:
        buckets: One value a column of dots (`Ink.columns` a cell), from left to right; `None` is a gap.
        height: Cells.
        ceiling: Value at the top, above 0.
        ink: Kind of cells.

    Returns:
        One string a row, from the top; empty cells are spaces.
    """
    steps = height * ink.rows
    levels = [0 if value is None else max(1, min(steps, round(value / ceiling * steps))) for value in buckets]
    if ink is Ink.BLOCK:
        return ["".join(_BLOCKS[min(8, max(0, level - base))] for level in levels) for base in _bases(height, 8)]
    rows: list[str] = []
    pairs = list(zip(levels[::2], levels[1::2], strict=True))
    for base in _bases(height, 4):
        cells = []
        for left, right in pairs:
            dots = _LEFT[min(4, max(0, left - base))] | _RIGHT[min(4, max(0, right - base))]
            cells.append(chr(_BRAILLE + dots) if dots else " ")
        rows.append("".join(cells))
    return rows


def _bases(height: int, rows: int) -> range:
    return range((height - 1) * rows, -1, -rows)


def sparkline(values: Sequence[float | None], width: int, ceiling: float) -> str:
    """The newest `width` values as eighth blocks in one line, on a fixed scale from 0 to `ceiling`.

    Unknown values (`None`) are spaces, zero is the lowest block, and what lies above the ceiling is the full block. The
    result is always `width` cells wide, the newest value at its right end.
    """
    if width <= 0 or ceiling <= 0:
        return " " * width
    return draw_area(values[-width:], 1, ceiling, Ink.BLOCK)[0].rjust(width)
