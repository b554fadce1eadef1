"""One row of parts, some of which can be clicked: base of tab strip, key bar, job strip and status bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual import events
from textual.message import Message

from tui.widgets.line_view import LineView
from tui.widgets.spans import Line, Span, fit, line, width_of


class Part(NamedTuple):
    """Some cells of a bar."""

    spans: Line
    target: str = ""
    """What a click means; empty for nothing."""


class Bar(LineView, can_focus=False):
    """A row of parts, the rest pushed to the right."""

    HAS_CURSOR = False
    DEFAULT_CSS = """
    Bar {
        height: 1;
        overflow: hidden;
    }
    """

    class Pressed(Message):
        """A part was clicked."""

        def __init__(self, bar: Bar, target: str) -> None:
            super().__init__()
            self.bar = bar
            self.target = target

        @property
        def control(self) -> Bar:
            """The bar."""
            return self.bar

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._left: tuple[Part, ...] = ()
        self._right: tuple[Part, ...] = ()

    def say(self, left: Sequence[Part], right: Sequence[Part] = ()) -> None:
        """Replace the parts; repaints only when something changed."""
        self._left, self._right = tuple(left), tuple(right)
        self.lines_changed()

    def line_count(self) -> int:
        """Always one."""
        return 1

    def line_at(self, row: int, width: int) -> Line:
        """Left parts, a gap, right parts; the left ones are cut when there is too little room."""
        right = line(*(part.spans for part in self._right))
        left = fit(line(*(part.spans for part in self._left)), max(0, width - width_of(right)))
        return line(left, right)

    def target_at(self, x: int) -> str:
        """What a click at a column means; empty for nothing."""
        right_width = sum(width_of(part.spans) for part in self._right)
        start = self.view_width - right_width
        at, parts = (start, self._right) if x >= start else (0, self._left)
        for part in parts:
            at += width_of(part.spans)
            if x < at:
                return part.target
        return ""

    def on_click(self, event: events.Click) -> None:
        """Tell which part was clicked."""
        offset = event.get_content_offset(self)
        target = self.target_at(offset.x) if offset is not None else ""
        if target:
            event.stop()
            self.post_message(self.Pressed(self, target))


def gap(cells: int = 2) -> Part:
    """Empty cells."""
    return Part((Span(" " * cells),))
