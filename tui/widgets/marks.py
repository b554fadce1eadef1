"""A list of things to mark, several at once: space or a click marks, and takes the mark away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from tui.widgets.line_view import LineView
from tui.widgets.spans import Ground, Line, Span, Tone, line


class Marks(LineView):
    """One line a thing, each with a box before it."""

    DEFAULT_CSS = """
    Marks { height: auto; max-height: 8; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "mark", "Mark", show=False)]

    class Changed(Message):
        """Other things are marked."""

        def __init__(self, marks: Marks) -> None:
            super().__init__()
            self.marks = marks

        @property
        def control(self) -> Marks:
            """The list."""
            return self.marks

    def __init__(self, *, empty: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self._texts: tuple[Line, ...] = ()
        self._marked: set[int] = set()
        self._empty = empty

    def offer(self, texts: Sequence[Line], marked: Sequence[int]) -> None:
        """Replace the things, and say which are marked."""
        self._texts, self._marked = tuple(texts), set(marked)
        self.can_focus = bool(texts)
        self.cursor = 0 if texts else -1
        self.lines_changed()
        self.refresh()

    @property
    def marked(self) -> tuple[int, ...]:
        """Indices of what is marked, in order."""
        return tuple(sorted(self._marked))

    def line_count(self) -> int:
        """One a thing, else one that says that there is none."""
        return len(self._texts) or bool(self._empty)

    def can_stop_at(self, row: int) -> bool:
        """Any thing."""
        return row < len(self._texts)

    def line_at(self, row: int, width: int) -> Line:
        """Box and words."""
        if not self._texts:
            return (Span(self._empty, Tone.MUTED),)
        box = Span("[x] ", Tone.PASSED) if row in self._marked else Span("[ ] ", Tone.MUTED)
        return line(box, self._texts[row])

    def _ground_name(self, row: int, ground: Ground) -> str:
        shown = super()._ground_name(row, ground)
        return ground if shown == "cursor-blurred" else shown

    def toggle(self, row: int) -> None:
        """Mark one, or take its mark away."""
        if self.can_stop_at(row) and row >= 0:
            self._marked ^= {row}
            self.refresh_line(row)
            self.lines_changed()
            self.post_message(self.Changed(self))

    def action_mark(self) -> None:
        """Mark what is under the cursor."""
        self.toggle(self.cursor)

    def clicked(self, row: int, times: int) -> None:
        """Mark what was clicked."""
        self.toggle(row)
