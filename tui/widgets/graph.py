"""A live graph of one quantity over the last minutes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from devdeck.text import one_line
from tui.widgets.plot import Ink, Unit, bucketize, draw_area, format_ago, format_value, nice_ceiling, sparkline

__all__ = ["Graph", "Ink", "sparkline"]

_HIGH = 0.85
_WAITING = "waiting for the first sample"
_GUTTER_FROM = 24
_AXIS_FROM = 4

Row = tuple[tuple[str, str], ...]
"""One line: pieces of text, each with the name of its component class; `""` is plain."""


class Graph(Widget):
    """CPU or memory over time: title, current value and peak, a filled area between labelled axes.

    It is handed samples and never takes any. Only lines that look different are drawn again, and nothing while
    it is hidden. Height 1 shows title and value, 2 adds the area, 4 the time axis; the value axis needs a width of 24.

    Set one of the classes `-memory` or `-host` for their colours; without one it has those of CPU.

    Args:
        title: What is shown; any text.
        unit: `percent` (of one core, or of the host) or `bytes`.
        ceiling: Top of the scale when it is known, such as 100 for the host's CPU, or its memory. From 85 % of it
            values are high. Without one the scale ends at an even number above the peak, at least 100 percent.
        span: Seconds that the width covers.
        gap: A longer time than this between two samples, in seconds, is drawn as a gap.
        ink: Braille dots, or eighth blocks for fonts without braille.
    """

    DEFAULT_CSS = """
    Graph {
        height: 1fr;
        min-height: 1;
        color: $foreground;

        & > .graph--title { color: $deck-label; text-style: bold; }
        & > .graph--value { color: $deck-cpu; text-style: bold; }
        & > .graph--note { color: $deck-muted; }
        & > .graph--axis { color: $deck-muted; }
        & > .graph--grid { color: $deck-border; }
        & > .graph--edge { color: $deck-cpu; }
        & > .graph--fill { color: $deck-cpu 60%; }
        & > .graph--high { color: $deck-behind; text-style: bold; }

        &.-memory > .graph--value, &.-memory > .graph--edge { color: $deck-memory; }
        &.-memory > .graph--fill { color: $deck-memory 60%; }
        &.-host > .graph--value, &.-host > .graph--edge { color: $deck-host; }
        &.-host > .graph--fill { color: $deck-host 60%; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "graph--title",
        "graph--value",
        "graph--note",
        "graph--axis",
        "graph--grid",
        "graph--edge",
        "graph--fill",
        "graph--high",
    }

    def __init__(
        self,
        title: str,
        *,
        unit: Unit = "percent",
        ceiling: float | None = None,
        span: float = 600.0,
        gap: float = 15.0,
        ink: Ink = Ink.BRAILLE,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._title = one_line(title)
        self._unit: Unit = unit
        self._ceiling = ceiling
        self._span = span
        self._gap = gap
        self._ink = ink
        self._samples: tuple[tuple[float, float], ...] = ()
        self._now = 0.0
        self._styles_by_name: dict[str, Style] = {}
        self._rows: list[Row] | None = None
        self._drawn_size: tuple[int, int] | None = None

    def show(
        self,
        samples: Sequence[tuple[float, float]],
        now: float,
        *,
        title: str | None = None,
        ceiling: float | None = None,
        span: float | None = None,
    ) -> None:
        """Show these samples instead of the ones before.

        Args:
            samples: UNIX seconds, ascending, and values: percent, or bytes. None at all says that it waits for the
                first one. Values that are not finite count as not taken, those outside the span are left out.
            now: The right end of the time axis, UNIX seconds.
            title: A new title; `None` keeps the one there is.
            ceiling: A new top of the scale; `None` keeps the one there is.
            span: A new length of the time axis in seconds; `None` keeps the one there is.
        """
        if span is not None:
            self._span = span
        since = now - self._span
        self._samples = tuple(
            (at, max(0.0, value)) for at, value in samples if since <= at <= now and math.isfinite(value)
        )
        self._now = now
        if title is not None:
            self._title = one_line(title)
        if ceiling is not None:
            self._ceiling = ceiling
        self._update()

    @property
    def ink(self) -> Ink:
        """What it draws with."""
        return self._ink

    @ink.setter
    def ink(self, ink: Ink) -> None:
        self._ink = ink
        self._update()

    def on_show(self) -> None:
        """Catch up with what came in while it was hidden."""
        self._update()

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        width = self.size.width
        rows = self._current_rows()
        styles = self._styles_by_name or self._resolve_styles()
        if y >= len(rows):
            return Strip.blank(width, styles[""])
        return Strip([Segment(text, styles[name]) for text, name in rows[y]]).adjust_cell_length(width, styles[""])

    def notify_style_update(self) -> None:
        """Forget resolved colours: the theme or the state of the widget changed."""
        self._styles_by_name = {}
        super().notify_style_update()

    def _resolve_styles(self) -> dict[str, Style]:
        base = self.rich_style
        self._styles_by_name = {"": base}
        for name in self.COMPONENT_CLASSES:
            style = self.get_component_rich_style(name)  # a partial style would drop the transparency
            self._styles_by_name[name.removeprefix("graph--")] = base + Style(color=style.color, bold=style.bold)
        return self._styles_by_name

    def _current_rows(self) -> list[Row]:
        size = (self.size.width, self.size.height)
        if self._rows is None or self._drawn_size != size:
            self._rows, self._drawn_size = self._picture(*size), size
        return self._rows

    def _update(self) -> None:
        """Ask for the lines that look different now to be drawn again."""
        before, self._rows = self._rows, None
        if not self.is_attached or not self.region:
            return
        after = self._current_rows()
        if before is None or len(before) != len(after):
            self.refresh()
            return
        changed = [y for y, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def _picture(self, width: int, height: int) -> list[Row]:
        if height <= 0:
            return []
        peak = max((value for _, value in self._samples), default=None)
        rows = [self._heading(peak, width)]
        axis = height >= _AXIS_FROM and peak is not None
        plot_height = height - 1 - axis
        if plot_height <= 0:
            return rows
        if peak is None:
            text = _WAITING if width >= len(_WAITING) else "waiting"
            blank: Row = ()
            rows += [((text.center(width), "note"),) if y == plot_height // 2 else blank for y in range(plot_height)]
            return rows
        top = self._ceiling if self._ceiling is not None and self._ceiling > 0 else nice_ceiling(peak, self._unit)
        labels = _labels(top, plot_height, self._unit)
        gutter = max(map(len, labels)) if width >= _GUTTER_FROM else 0
        plot_width = width - gutter - 1 if gutter else width
        rows += self._area(top, plot_width, plot_height, [label.rjust(gutter) for label in labels] if gutter else [])
        if axis:
            rows.append(
                (*((" " * gutter, "axis"), ("└", "grid"))[: 2 if gutter else 0], *_times(plot_width, self._span))
            )
        return rows

    def _heading(self, peak: float | None, width: int) -> Row:
        """Title and current value on the left, the peak on the right if there is room."""
        if peak is None:
            return ((set_cell_size(self._title, min(width, cell_len(self._title))), "title"),)
        value = self._samples[-1][1]
        known = self._ceiling is not None and self._ceiling > 0
        text = format_value(value, self._unit)
        high = known and value >= _HIGH * (self._ceiling or 0)
        of = f" of {format_value(self._ceiling or 0, self._unit)}" if known and self._unit == "bytes" else ""
        note = f"{of}{' high' if high else ''}"
        room = max(0, width - len(text) - 2)
        title = self._title if cell_len(self._title) <= room else set_cell_size(self._title, max(0, room - 1)) + "…"
        pieces = [(title, "title"), ("  ", ""), (text, "high" if high else "value")]
        left = cell_len(title) + 2 + len(text)
        if left + len(note) <= width:
            pieces.append((note, "high" if high else "note"))
            left += len(note)
        tail = f"peak {format_value(peak, self._unit)}"
        if left + 2 + len(tail) <= width:
            pieces += [(" " * (width - left - len(tail)), ""), (tail, "note")]
        return tuple(pieces)

    def _area(self, top: float, width: int, height: int, labels: list[str]) -> list[Row]:
        """The area, in braille its top cells brighter than what lies below, with the value axis before it."""
        columns = self._ink.columns
        buckets = bucketize(self._samples, self._now, span=self._span, count=width * columns, gap=self._gap)
        high = _HIGH * top if self._ceiling is not None else math.inf
        highs = [
            any(value is not None and value >= high for value in buckets[x : x + columns])
            for x in range(0, len(buckets), columns)
        ]
        lines = draw_area(buckets, height, top, self._ink)
        # a cell of blocks that is half full would stand out as an edge twice
        edge, body = ("edge", "fill") if self._ink is Ink.BRAILLE else ("fill", "fill")
        above = " " * width
        rows: list[Row] = []
        for y, line in enumerate(lines):
            label = labels[y] if labels else ""
            empty = _GRID[self._ink] if label.strip() and y < height - 1 else " "
            names = [
                "grid" if cell == " " else body if over != " " else "high" if is_high else edge
                for cell, over, is_high in zip(line, above, highs, strict=True)
            ]
            pieces = _runs(line.replace(" ", empty), names)
            if labels:
                pieces[:0] = [(label, "axis"), ("┤" if label.strip() else "│", "grid")]
            rows.append(tuple(pieces))
            above = line
        return rows


_GRID = {Ink.BRAILLE: "┈", Ink.BLOCK: "·"}


def _labels(top: float, height: int, unit: Unit) -> list[str]:
    """The label of each line of the value axis, from the top; most are empty."""
    labels = [""] * height
    if height > 1:
        labels[-1] = "0"
    if height > 2:
        labels[height // 2] = format_value(top / 2, unit)
    labels[0] = format_value(top, unit)
    return labels


def _times(width: int, span: float) -> list[tuple[str, str]]:
    """The time axis: a line with labels at equal distances, the last one `now`."""
    parts = 4 if width >= 72 else 2 if width >= 24 else 1
    line = ["─"] * width
    taken = [False] * width
    for part in range(parts + 1):
        label = format_ago(span * (parts - part) / parts)
        middle = round(part / parts * (width - 1))
        start = max(0, min(width - len(label), middle - len(label) // 2))
        if len(label) <= width and not any(taken[max(0, start - 1) : start + len(label) + 1]):
            line[start : start + len(label)] = label
            taken[start : start + len(label)] = [True] * len(label)
    return _runs("".join(line), ["axis" if is_label else "grid" for is_label in taken])


def _runs(text: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """The text cut where the name of its style changes."""
    pieces: list[tuple[str, str]] = []
    start = 0
    for name, run in groupby(names):
        end = start + sum(1 for _ in run)
        pieces.append((text[start:end], name))
        start = end
    return pieces
