"""The list that draws only what is on screen: a base on Textual's line API.

A subclass says how many lines there are and what each one is (`spans.Line`); this class turns visible lines into
strips, keeps a cursor, scrolls, and repaints nothing but lines that changed. Cost does not depend on the number of
lines. Text is drawn as plain segments: markup, links and escape sequences in it have no effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Self

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from tui.tones import ground_colour, tone_style
from tui.widgets.framed import border_regions
from tui.widgets.spans import Ground, Line, Span, Tone, clean, fit, width_of


class LineView(ScrollView, can_focus=True):
    """A scrolling list of lines with an optional cursor."""

    ALLOW_SELECT = False
    HAS_CURSOR: ClassVar[bool] = True
    """Whether keys move a cursor; without one they scroll."""

    DEFAULT_CSS = """
    LineView {
        width: 1fr;
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size: 1 1;
        background: $background;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "step(1)", "Down", show=False),
        Binding("k,up", "step(-1)", "Up", show=False),
        Binding("home", "to_first", "First", show=False),
        Binding("G,end", "to_last", "Last", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False),
        Binding("left", "scroll_sideways(-8)", "Left", show=False),
        Binding("right", "scroll_sideways(8)", "Right", show=False),
    ]

    cursor: reactive[int] = reactive(-1, repaint=False)
    """Line under the cursor; -1 when there is none."""
    hovered: reactive[int] = reactive(-1, repaint=False)
    """Line under the mouse; -1 when there is none."""

    _only_focus = False
    _focus_due = False
    _geometry: tuple[object, ...] = ()
    _viewed = Size(1, 1)
    _sized = Size(0, 0)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()
        self._painted: dict[int, tuple[Line, Ground]] = {}
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(512)
        self._styles_by_name: dict[str, Style] = {}

    # What a subclass says

    def line_count(self) -> int:
        """How many lines there are."""
        return len(self._lines)

    def line_at(self, row: int, width: int) -> Line:
        """What line `row` says, for a view `width` cells wide. Called for visible lines only."""
        return self._lines[row]

    def ground_at(self, row: int) -> Ground:
        """What lies under line `row`."""
        return Ground.NONE

    def content_width(self) -> int:
        """Cells that the longest line takes, when lines may be scrolled sideways; 0 when lines fit the view."""
        return 0

    def can_stop_at(self, row: int) -> bool:
        """Whether the cursor may rest on line `row`."""
        return True

    # For subclasses and callers

    @property
    def view_width(self) -> int:
        """Cells that a line may take on screen; of a view that is hidden, those that it had."""
        return self._view_size().width

    @property
    def view_height(self) -> int:
        """Lines that are on screen at once; of a view that is hidden, those that were."""
        return self._view_size().height

    def _view_size(self) -> Size:
        size = self.scrollable_content_region.size
        if size:
            self._viewed = size
        return self._viewed

    def visible_rows(self) -> range:
        """Lines that are on screen."""
        first = self.scroll_offset.y
        return range(first, min(self.line_count(), first + self.view_height))

    def put(self, lines: tuple[Line, ...]) -> None:
        """Replace all lines (for views that hold their lines) and repaint those that changed."""
        self._lines = lines
        self.lines_changed()

    def lines_changed(self) -> None:
        """Take note that lines may have changed; repaints the visible ones that did."""
        size = Size(self.content_width(), self.line_count())
        if size != self.virtual_size:
            self._resize_content(size)
        if self.cursor >= size.height:
            self.cursor = size.height - 1
        width = self.view_width
        bottom = self.scroll_offset.y + self.view_height
        count = self.line_count()
        nothing: tuple[Line, Ground] = ((), Ground.NONE)
        for row in range(self.scroll_offset.y, bottom):
            new = (self.line_at(row, width), self.ground_at(row)) if row < count else nothing
            if self._painted.get(row, nothing) != new:
                self.refresh_line(row)

    def _resize_content(self, size: Size) -> None:
        """Take a new size. What fits the view before and after needs no layout of the whole screen."""
        view, before = self.size, self.virtual_size
        fits = view.height >= max(size.height, before.height) and view.width >= max(size.width, before.width)
        height = self.styles.height
        if fits and before and not (height is not None and height.is_auto):
            self.set_reactive(Widget.virtual_size, size)
        else:
            self.virtual_size = size
        self.refresh()

    def style_of(self, tone: str) -> Style:
        """Rich style of a tone."""
        style = self._styles_by_name.get(tone)
        if style is None:
            style = self._styles_by_name[tone] = tone_style(tone, self.app.theme_variables)
        return style

    def ground_style(self, name: str) -> Style:
        """Rich style of a whole line: foreground and background resolved."""
        key = f"ground:{name}"
        style = self._styles_by_name.get(key)
        if style is None:
            base = self.rich_style
            under = ground_colour(name, self.background_colors[1], self.app.theme_variables)
            style = self._styles_by_name[key] = Style(color=base.color, bgcolor=under.rich_color)
        return style

    # Drawing

    def render_line(self, y: int) -> Strip:
        """Draw one line of the view."""
        scroll_x, scroll_y = self.scroll_offset
        row, width = y + scroll_y, self.view_width
        if row >= self.line_count():
            self._painted.pop(row, None)
            return Strip.blank(width, self.ground_style(Ground.NONE))
        spans, ground = self.line_at(row, width), self.ground_at(row)
        if len(self._painted) > 1024:
            self._painted.clear()
        self._painted[row] = (spans, ground)
        name = self._ground_name(row, ground)
        key = (spans, name, scroll_x, width)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._draw(spans, name, scroll_x, width)
        return strip

    def _ground_name(self, row: int, ground: Ground) -> str:
        if self.HAS_CURSOR and row == self.cursor:
            return "cursor" if self.has_focus else "cursor-blurred"
        if row == self.hovered and ground is Ground.NONE:
            return "hover"
        return ground

    def _draw(self, spans: Line, ground: str, scroll_x: int, width: int) -> Strip:
        base = self.ground_style(ground)
        if not self.content_width() and width_of(spans) > width:
            spans = fit(spans, width)
        segments = [Segment(span.text, base + self.style_of(span.tone)) for span in spans]
        return Strip(segments).crop_extend(scroll_x, scroll_x + width, base)

    def notify_style_update(self) -> None:
        """Forget drawn strips: the theme or the state of the widget changed."""
        if not self._only_focus:
            self._strips.clear()
            self._styles_by_name.clear()
        super().notify_style_update()

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Repaint; when the focus comes or goes the border alone, for only its colour depends on it."""
        if self._only_focus and not (regions or layout or recompose):
            self._show_focus_soon()
            return self
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _size_updated(self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True) -> bool:
        """Take the size of a layout, unless it is the one that it was.

        Textual takes any view with a border for resized and draws its scroll bar anew, after each layout of the screen.
        """
        styles = self.styles
        shown = (styles.overflow_x, styles.overflow_y, styles.scrollbar_size_vertical, styles.gutter)
        geometry = (size, self.virtual_size, virtual_size, container_size, *shown)
        if geometry == self._geometry:
            return False
        self._geometry = geometry
        return super()._size_updated(size, virtual_size, container_size, layout)

    def on_resize(self, event: events.Resize) -> None:
        """Lay the lines out for the new size; nothing is new about that of a view that was hidden for a while."""
        if event.size == self._sized:
            return
        self._sized = event.size
        self._painted.clear()
        self.lines_changed()
        self.refresh()
        if self.HAS_CURSOR and self.cursor >= 0:
            self.call_after_refresh(self._reveal_cursor)

    def _reveal_cursor(self) -> None:
        if self.cursor >= 0:
            self.reveal(self.cursor)

    # Cursor and keys

    def watch_cursor(self, old: int, new: int) -> None:
        """Repaint the two lines that changed and keep the cursor on screen."""
        if not self.is_attached:
            return
        for row in (old, new):
            if row >= 0:
                self.refresh_line(row)
        if new >= 0:
            self.reveal(new)

    def watch_hovered(self, old: int, new: int) -> None:
        """Repaint the two lines that changed."""
        for row in (old, new):
            if row >= 0:
                self.refresh_line(row)

    def watch_has_focus(self, focused: bool) -> None:
        """Show whether keys go here: by the border and the line under the cursor."""
        with self._changing_focus():
            super().watch_has_focus(focused)
        self._show_focus_soon()

    def _show_focus_soon(self) -> None:
        """Draw what depends on the focus with the next frame but one.

        What the focus goes to is elsewhere on the screen, and often new: a frame that spans both costs twice as much.
        """
        if not self._focus_due:
            self._focus_due = True
            self.call_after_refresh(self._show_focus)

    def _show_focus(self) -> None:
        self._focus_due = False
        border = border_regions(self)
        if border:
            super().refresh(*border)
        if self.cursor >= 0:
            self.refresh_line(self.cursor)

    def focus(self, scroll_visible: bool = True) -> Self:
        """Ask for the focus."""
        with self._changing_focus():
            return super().focus(scroll_visible)

    async def on_event(self, event: events.Event) -> None:
        """Take an event."""
        if isinstance(event, events.Focus | events.Blur):
            with self._changing_focus():
                await super().on_event(event)
        else:
            await super().on_event(event)

    @contextmanager
    def _changing_focus(self) -> Iterator[None]:
        before, self._only_focus = self._only_focus, True
        try:
            yield
        finally:
            self._only_focus = before

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell the scrollbar also while it is hidden: it would come back where it was."""
        super().watch_scroll_y(old_value, new_value)
        self.vertical_scrollbar.position = new_value

    def reveal(self, row: int) -> None:
        """Scroll as little as needed to have a line on screen."""
        top, height = self.scroll_offset.y, self.view_height
        if row < top:
            self.scroll_to(y=row, animate=False)
        elif row >= top + height:
            self.scroll_to(y=row - height + 1, animate=False)

    def nearest_stop(self, row: int, direction: int) -> int:
        """The first line at or after `row` in a direction where the cursor may rest; -1 when there is none."""
        while 0 <= row < self.line_count():
            if self.can_stop_at(row):
                return row
            row += direction
        return -1

    def move(self, delta: int) -> None:
        """Move the cursor by so many stops; at an end it stays. Scrolls when there is no cursor."""
        if not self.HAS_CURSOR:
            self.scroll_relative(y=delta, animate=False)
            return
        direction = 1 if delta > 0 else -1
        row = self.cursor
        if row < 0:
            self._settle(self.nearest_stop(0, 1))
            return
        for _ in range(abs(delta)):
            step = self.nearest_stop(row + direction, direction)
            if step < 0:
                break
            row = step
        if row == self.cursor and direction < 0:
            self.scroll_home(animate=False)
        self._settle(row)

    def _settle(self, row: int) -> None:
        if row >= 0:
            self.cursor = row

    def action_step(self, delta: int) -> None:
        """One line up or down."""
        self.move(delta)

    def action_page(self, direction: int) -> None:
        """One view up or down."""
        if not self.HAS_CURSOR:
            self.scroll_relative(y=direction * max(1, self.view_height - 1), animate=False)
            return
        target = min(max(0, self.cursor + direction * (self.view_height - 1)), self.line_count() - 1)
        row = self.nearest_stop(target, direction)
        self._settle(row if row >= 0 else self.nearest_stop(target, -direction))

    def action_to_first(self) -> None:
        """To the first line."""
        if self.HAS_CURSOR:
            self._settle(self.nearest_stop(0, 1))
        self.scroll_home(animate=False)

    def action_to_last(self) -> None:
        """To the last line."""
        if self.HAS_CURSOR:
            self._settle(self.nearest_stop(self.line_count() - 1, -1))
        else:
            self.scroll_end(animate=False)

    def action_scroll_sideways(self, cells: int) -> None:
        """Scroll left or right, where lines are longer than the view."""
        self.scroll_relative(x=cells, animate=False)

    # Mouse

    def row_of(self, event: events.MouseEvent) -> int:
        """The line under a mouse event; -1 when there is none."""
        offset = event.get_content_offset(self)
        if offset is None:
            return -1
        row = offset.y + self.scroll_offset.y
        return row if 0 <= row < self.line_count() else -1

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show what a click would take."""
        row = self.row_of(event)
        self.hovered = row if self.HAS_CURSOR and row >= 0 and self.can_stop_at(row) else -1

    def on_leave(self, event: events.Leave) -> None:
        """The mouse has left."""
        self.hovered = -1

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; see `clicked`."""
        row = self.row_of(event)
        if row < 0:
            return
        if self.HAS_CURSOR and self.can_stop_at(row):
            self.cursor = row
        self.clicked(row, event.chain)

    def clicked(self, row: int, times: int) -> None:
        """A line was clicked for the `times`-th time in a row."""


class Facts(LineView, can_focus=False):
    """A few lines that only say something: as high as they are many."""

    HAS_CURSOR = False
    DEFAULT_CSS = """
    Facts {
        height: auto;
        overflow-y: hidden;
    }
    """


def message_lines(title: str, *more: str, tone: Tone = Tone.MUTED) -> tuple[Line, ...]:
    """Lines for a state with nothing to show: what it is, and what to do about it. Foreign text is made safe."""
    first: Line = (Span(" "), Span(clean(title, 2000), tone if tone is not Tone.MUTED else Tone.STRONG))
    rest = tuple((Span(" "), Span(clean(text, 2000), Tone.MUTED)) for text in more if text)
    return ((), first, *rest)
