"""A field with a list below it: typing filters the list, the arrows take from it, and any other text may stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual.message import Message

from tui.widgets import fuzzy
from tui.widgets.field import Field
from tui.widgets.line_view import LineView
from tui.widgets.spans import Ground, Line, Span, Tone, fit, line, marked, width_of


class Option(NamedTuple):
    """One thing that can be picked. All texts but `value` must be safe to print."""

    value: str
    """What the field holds when it is picked."""
    name: str
    short: str = ""
    """A few cells behind the name, such as an age."""
    more: str = ""
    note: str = ""
    """At the right edge."""
    tone: Tone = Tone.LABEL
    """Of the name."""


class Found(NamedTuple):
    """An option that matches what was typed, and where."""

    option: Option
    name: frozenset[int]
    more: frozenset[int]


class PickField(Field):
    """The field. What it holds is what counts, whether it was typed or picked."""

    class Listed(Message):
        """Other options are to be shown, or another one is picked."""

        def __init__(self, field: PickField) -> None:
            super().__init__()
            self.field = field

        @property
        def control(self) -> PickField:
            """The field."""
            return self.field

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        self.options: tuple[Option, ...] = ()
        self.found: tuple[Found, ...] = ()
        self.taking = -1
        """Index in `found` of what stands for a text that is no option itself; -1 for none."""
        self.none = "none of these; what is typed is taken as it is"
        """What is said when no option matches."""
        self._query = ""
        self._picking = False
        super().__init__(value, placeholder=placeholder, id=id)

    @property
    def picked(self) -> int:
        """Index in `found` of what the field holds; -1 when it holds something else."""
        text = self.value.strip()
        return next((row for row, found in enumerate(self.found) if found.option.value == text), -1)

    def offer(self, options: Sequence[Option]) -> None:
        """Replace the options; what the field holds stays."""
        self.options = tuple(options)
        if any(option.value == self.value.strip() for option in self.options):
            self._query = ""
        self._find()

    def watch_value(self, value: str) -> None:
        """Filter the options by what is typed, not by what is picked from them."""
        if not self._picking:
            whole = any(option.value == value.strip() for option in self.options)
            self._query = "" if whole else value
        self._find()

    def _find(self) -> None:
        hits = []
        for number, option in enumerate(self.options):
            match = fuzzy.match(self._query, (option.name, option.more))
            if match is not None:
                hits.append((-match.score, number, Found(option, *match.positions)))
        self.found = tuple(hit[2] for hit in sorted(hits, key=lambda hit: hit[:2]))
        self.taking = -1
        if self.is_attached:
            self.post_message(self.Listed(self))

    def pick(self, row: int) -> None:
        """Hold the option at an index in `found`."""
        if 0 <= row < len(self.found):
            self._picking = True
            self.value = self.found[row].option.value
            self._picking = False
            self.cursor_position = len(self.value)

    def step(self, delta: int) -> None:
        """Pick another option; the first, or the last, when none is picked."""
        if not self.found:
            return
        last, row = len(self.found) - 1, self.picked
        self.pick(min(max(row + delta, 0), last) if row >= 0 else (0 if delta > 0 else last))


class PickList(LineView, can_focus=False):
    """The options of the field that is shown; a click picks."""

    DEFAULT_CSS = """
    PickList { height: 6; }
    """

    class Picked(Message):
        """An option was clicked; it is the field's now."""

        def __init__(self, field: PickField) -> None:
            super().__init__()
            self.field = field

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.field: PickField | None = None
        self.empty = ""
        """What is said instead of options when there are none at all."""

    def show(self, field: PickField, empty: str = "") -> None:
        """Show a field's options as they are now."""
        other = field is not self.field
        self.field, self.empty = field, empty
        self.lines_changed()
        self.cursor = field.picked if field.picked >= 0 else field.taking
        if other or self.cursor < 0:
            self.scroll_home(animate=False)
            if self.cursor >= 0:
                self.reveal(self.cursor)
        self.refresh()

    def line_count(self) -> int:
        """One an option, else one that says why there is none."""
        return max(1, len(self.field.found)) if self.field is not None else 0

    def can_stop_at(self, row: int) -> bool:
        """Any option."""
        return self.field is not None and row < len(self.field.found)

    def line_at(self, row: int, width: int) -> Line:
        """Name, what is known of it, and a note at the right edge."""
        if self.field is None:
            return ()
        found = self.field.found
        if not found:
            return (Span(f"  {self.field.none if self.field.options else self.empty}", Tone.MUTED),)
        option, name, more = found[row]
        chosen = row == self.field.picked
        mark = Span("● " if chosen else "→ " if row == self.field.taking else "  ", Tone.RUNNING)
        names, shorts = self._columns(width)
        note: Line = (Span(f"  {option.note}", Tone.MUTED),) if option.note else ()
        room = width - 2 - names - 2 - (shorts + 2 if shorts else 0) - 1
        note = fit(note, min(width_of(note), max(0, room // 2)))
        short = line(fit((Span(option.short, Tone.MUTED),), shorts, right=True), "  ") if shorts else ()
        rest = fit(marked(option.more, more, Tone.MUTED), max(0, room - width_of(note)))
        return line(mark, fit(marked(option.name, name, option.tone), names), "  ", short, rest, note)

    def _columns(self, width: int) -> tuple[int, int]:
        """Cells of names and of what is behind them, the same whatever the filter leaves."""
        options = self.field.options if self.field is not None else ()
        names = max((cell_len(option.name) for option in options), default=0)
        shorts = max((cell_len(option.short) for option in options), default=0)
        return min(names, max(12, width * 2 // 5)), shorts

    def _ground_name(self, row: int, ground: Ground) -> str:
        return "cursor" if row == self.cursor else super()._ground_name(row, ground)

    def clicked(self, row: int, times: int) -> None:
        """Pick what was clicked; the focus stays where it is."""
        if self.field is not None and self.can_stop_at(row):
            self.field.pick(row)
            self.post_message(self.Picked(self.field))
