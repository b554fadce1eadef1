"""The strip of tabs: number, name, and a mark for what is worth a look; one row, no animation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events
from textual.reactive import reactive

from tui.widgets.bar import Bar, Part
from tui.widgets.spans import Line, Span, Tone, width_of


class TabStrip(Bar):
    """Tabs by name; `Bar.Pressed.target` is the name of the one clicked."""

    current: reactive[str] = reactive("", init=False, repaint=False)
    """Name of the tab shown."""

    def __init__(self, names: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = tuple(names)
        self._marks: Mapping[str, Line] = {}

    def mark(self, marks: Mapping[str, Line]) -> None:
        """Show marks after the names, such as `✗ 3` after tests."""
        if marks != self._marks:
            self._marks = marks
            self.build()

    def watch_current(self) -> None:
        """Another tab is shown."""
        self.build()

    def build(self) -> None:
        """Put the parts together."""
        parts: list[Part] = []
        for number, name in enumerate(self._names, 1):
            shown = name == self.current
            tone = Tone.STRONG if shown else Tone.MUTED
            spans: list[Span] = [
                Span("▌" if shown else " ", Tone.RUNNING),
                Span(f"{number} ", Tone.GROUP if shown else Tone.MUTED),
                Span(name.capitalize(), tone),
            ]
            mark = self._marks.get(name, ())
            if mark:
                spans += [Span(" "), *mark]
            spans.append(Span(" "))
            parts.append(Part(tuple(spans), name))
        room = self.view_width
        if self.is_attached and sum(width_of(part.spans) for part in parts) > room:
            parts = [self._short(part) for part in parts]
        self.say(parts)

    def _short(self, part: Part) -> Part:
        if part.target == self.current:
            return part
        return Part((*part.spans[:2], Span(part.spans[2].text[:4], part.spans[2].tone), *part.spans[3:]), part.target)

    def on_resize(self, event: events.Resize) -> None:
        """Fit the names again."""
        self.build()
