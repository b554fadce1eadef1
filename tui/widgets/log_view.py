"""The lines of a log on screen: which are in view, how they are drawn, and the keys and the wheel that move them.

Lines are drawn straight from the file (`tui.log_feed`), so memory does not grow with the log. Nothing is laid out but
the rows in view; the last row says what is shown. While a log is followed every row is another one in each frame, so
rows go to the screen as they are painted, past Textual's cache of padded and filtered lines.
"""

from __future__ import annotations

import textwrap
from collections.abc import Awaitable, Callable, Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import ClassVar

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from devdeck.logs.index import Line
from devdeck.logs.search import Query
from devdeck.text import one_line
from tui.log_feed import LogFeed, News
from tui.widgets.log_rows import Look, RowPainter
from tui.widgets.log_status import LogStatus, count_words, state_words

WHEEL_ROWS = 3
SIDE_STEP = 8

Place = tuple[int, int]
"""A row: the line counted from 0, and which of its wrapped rows."""
Rows = list[tuple[int, Strip]]
"""Rows on screen, each with the line that it belongs to."""
Thumb = tuple[int, int]
"""Where the thumb of a scroll bar begins and ends, in eighths of a row."""


class LogView(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows one log file and follows it; `LogView` adds search, failures and copying."""

    BINDING_GROUP_TITLE = "Log"
    HELP = """
    Follows the end of the log. Scrolling up pauses; End follows again. Enter opens the place that the current line
    names.
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_up", "Up", show=False),
        Binding("down,j", "cursor_down", "Down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("home,g", "first", "First line", show=False),
        Binding("end,G", "last", "Follow the end", show=False),
        Binding("left", "side(-1)", "Left", show=False),
        Binding("right", "side(1)", "Right", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--base", "log--failure", "log--error", "log--warning", "log--frame", "log--number", "log--glyph",
        "log--match", "log--match-current", "log--selection", "log--cursor", "log--status", "log--paused",
        "log--following", "log--count", "log--note",
    }  # fmt: skip
    DEFAULT_CSS = """
    LogView {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size: 1 1;
        background: $background;
        color: $foreground;

        & > .log--base { color: $foreground; }
        & > .log--failure { color: $text-error; background: $error 14%; }
        & > .log--error { color: $text-error; }
        & > .log--warning { color: $text-warning; }
        & > .log--frame { color: $text-primary; }
        & > .log--number { color: $foreground 45%; }
        & > .log--glyph { text-style: bold; }
        & > .log--match { color: $foreground; background: $warning 35%; text-style: underline; }
        & > .log--match-current { color: $background; background: $warning; text-style: bold; }
        & > .log--selection { background: $primary 45%; }
        & > .log--cursor { background: $primary 18%; }
        & > .log--status { color: $foreground 65%; background: $foreground 6%; }
        & > .log--paused { color: $background; background: $warning; text-style: bold; }
        & > .log--following { color: $text-success; background: $foreground 6%; text-style: bold; }
        & > .log--count { color: $text-error; background: $foreground 6%; text-style: bold; }
        & > .log--note { color: $foreground 55%; }
    }
    """

    following: reactive[bool] = reactive(True, init=False)
    """Whether the end stays in view as the log grows."""
    wrap: reactive[bool] = reactive(False, init=False)
    """Whether long lines go on in the next row."""
    numbers: reactive[bool] = reactive(True, init=False)
    """Whether line numbers are shown."""
    empty: reactive[str] = reactive("No log yet", init=False)
    """What is said when there is nothing to show. Plain text."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._painter = RowPainter(self._component_style, self._filtered)
        self._filters: Sequence[LineFilter] = ()
        self._palette: Sequence[str] | None = None
        self._log_title = ""
        self._visible = self._drawn = False
        self._thumb: Thumb | None = None
        self._status = LogStatus()
        self._feed: LogFeed | None = None
        self._forget()

    def _forget(self) -> None:
        """Back to the view of a log that was never seen."""
        self._top: Place = (0, 0)
        self._x = 0
        self._cursor: int | None = None
        self._paused_at = 0
        self._query: Query | None = None
        self._screen_rows: Rows | None = None
        self._mouse_rows: Rows | None = None
        self._painter.clear()
        self._clear_text_selection()
        self.set_reactive(LogView.following, True)

    # The file

    def show(self, path: Path | str | None, *, title: str = "", live: bool = False) -> None:
        """Show a log, from its end on, or nothing.

        Args:
            path: The file; it need not exist yet. The one already shown keeps its place.
            title: What the status calls it.
            live: Whether it may still grow, and so is looked at often.
        """
        path = None if path is None else Path(path)
        self._log_title = title
        if path is not None and self._feed is not None and self._feed.path == path:
            changed, self._feed.live = self._feed.live != live, live
            if changed:
                self._start()
            self._refresh_status()
            return
        if self._feed is not None:
            self._feed.close()
        self._feed = None if path is None else LogFeed(path, live, self._told)
        self._forget()
        self._start()
        self._place()

    def _start(self) -> None:
        """Read the file, as long as the pane can be seen."""
        self.workers.cancel_group(self, "log-read")
        if self._feed is not None and self._visible:
            # A function and not a coroutine: a worker that is replaced before it began would leave that unawaited.
            work: Callable[[], Awaitable[None]] = self._feed.run
            self.run_worker(work, group="log-read", exclusive=True)

    def _told(self, news: News) -> None:
        """Take over what was read."""
        if news.reset:
            query = self._query
            self._forget()
            self._query = query
        elif news.shift:
            self._painter.clear()
            self._clear_text_selection()
            self._top = (self._top[0] + news.shift, self._top[1])
            self._paused_at += news.shift
            if self._cursor is not None:
                self._cursor += news.shift
        if news.grew or news.reset or news.shift:
            self._place()
        elif not self._lines:
            self._redraw()
        else:
            self._refresh_status()

    @property
    def _lines(self) -> int:
        return self._feed.lines if self._feed is not None else 0

    def _read(self, first: int, count: int) -> list[Line]:
        return self._feed.read(first, count) if self._feed is not None else []

    def on_mount(self) -> None:
        """Follow the theme of the application."""
        self.app.theme_changed_signal.subscribe(self, self._theme_changed)

    def _theme_changed(self, _: object) -> None:
        self._palette = None
        self.notify_style_update()

    def on_show(self) -> None:
        """Read while the pane can be seen."""
        self._visible = True
        self._start()

    def _seen(self) -> None:
        """What is drawn can be seen, also when no event said so.

        Textual compares the layout with the one before, and a look at any region in between may have renewed that.
        """
        self._drawn = False
        if not self._visible:
            self.on_show()

    def on_hide(self) -> None:
        """Nothing to read for while it can't."""
        self._visible = False
        self.workers.cancel_group(self, "log-read")

    def on_unmount(self) -> None:
        """Let go of the file."""
        self._visible = False
        if self._feed is not None:
            self._feed.close()

    # Where the view is

    @property
    def _height(self) -> int:
        """Rows for lines; the last row of the pane is its status."""
        return max(1, self.size.height - 1)

    @property
    def _width(self) -> int:
        """Cells of a row: the last column is the scroll bar's."""
        return max(1, self.size.width - self.scrollbar_size_vertical)

    def _look(self) -> Look:
        digits = (
            max(3, len(str(max(self._lines, 1))))
            if self.numbers and self._feed is not None and not self._feed.tail
            else 0
        )
        return Look(self._width, 0 if self.wrap else self._x, self.wrap, digits, query=self._query)

    def _end(self) -> Place:
        """Where the view begins when it shows the end."""
        height = self._height
        first = max(0, self._lines - height)
        if not self.wrap:
            return first, 0
        look, rows = self._look(), 0
        lines = self._read(first, height)
        for number in range(first + len(lines) - 1, first - 1, -1):
            rows += self._painter.row_count(lines[number - first], look)
            if rows >= height:
                return number, rows - height
        return first, 0

    def _place(self) -> None:
        """Bring view, scroll bar and status in line with what is known."""
        end = self._end()
        if self.following:
            self._top = end
            self._paused_at = self._lines
            if self._cursor is not None and self._cursor < self._top[0]:
                self._cursor = None
        else:
            self._top = min(self._top, end)
        height = (end[0] + self._height + 1) if self.wrap else self._lines + 1
        size = Size(self.size.width, height)
        if size != self.virtual_size:
            # Setting it the usual way lays out the whole screen anew, at each batch of lines.
            self.set_reactive(Widget.virtual_size, size)
        self.set_reactive(Widget.scroll_y, float(self._top[0]))
        self.set_reactive(Widget.scroll_target_y, float(self._top[0]))
        self._move_scroll_bar()
        self._redraw()

    def _move_scroll_bar(self) -> None:
        """Tell the scroll bar where the view is; it is drawn anew only when that shows."""
        bar = self.vertical_scrollbar
        bar.set_reactive(ScrollBar.window_virtual_size, self.virtual_size.height)
        bar.set_reactive(ScrollBar.window_size, self.size.height)
        bar.set_reactive(ScrollBar.position, self.scroll_y)
        thumb = thumb_of(self.size.height, self.virtual_size.height, self.scroll_y)
        if thumb != self._thumb:
            self._thumb = thumb
            bar.refresh()

    def _redraw(self) -> None:
        self._screen_rows = self._mouse_rows = None
        self._status = self.status
        self.refresh(Region(0, 0, self._width, self.size.height))

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        """Sideways the pane scrolls itself, so that the gutter stays."""

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The scroll bar was moved by hand."""
        if round(new_value) != self._top[0]:
            self._moved((round(new_value), 0))

    def _moved(self, top: Place) -> None:
        """The user moved the view: follow when that reached the end, stop when it left it."""
        end = self._end()
        self._top = max((0, 0), min(top, end))
        self.set_reactive(LogView.following, self._top >= end)
        self._place()

    def _scroll_rows(self, rows: int) -> None:
        self._moved(self._after(self._top, rows))

    def _after(self, place: Place, rows: int) -> Place:
        """The place some rows further down (or up, when negative)."""
        line, row = place
        if not self.wrap:
            return max(0, line + rows), 0
        look = self._look()
        row += rows
        while row < 0 and line > 0:
            line -= 1
            row += self._rows_of(line, look)
        while line < self._lines and row >= (needed := self._rows_of(line, look)):
            row -= needed
            line += 1
        return line, max(0, row)

    def _rows_of(self, line: int, look: Look) -> int:
        found = self._read(line, 1)
        return self._painter.row_count(found[0], look) if found else 1

    def watch_following(self, following: bool) -> None:
        """Set from outside: go to the end, or stay."""
        self._place()

    def watch_wrap(self, wrap: bool) -> None:
        """Rows are others now; the first line on screen stays."""
        self._top, self._x = (self._top[0], 0), 0
        self._place()
        if self._cursor is not None and not self.following:
            self._go(self._cursor)

    def watch_numbers(self) -> None:
        """The gutter changes."""
        self._place()

    def watch_empty(self) -> None:
        """Other words."""
        self._redraw()

    def on_resize(self) -> None:
        """Other rows; the end stays in view when following."""
        self._place()

    def follow(self) -> None:
        """Go to the end and stay there as the log grows."""
        self._cursor = None
        self.set_reactive(LogView.following, True)
        self._place()

    def toggle_follow(self) -> None:
        """Follow, or stay where the view is."""
        if self.following:
            self.following = False
        else:
            self.follow()

    def toggle_wrap(self) -> None:
        """Long lines go on in the next row, or don't."""
        self.wrap = not self.wrap

    def toggle_numbers(self) -> None:
        """Line numbers on or off."""
        self.numbers = not self.numbers

    def _go(self, line: int) -> None:
        """Make a line current; a line out of view comes to the upper third."""
        self._cursor = line
        self.set_reactive(LogView.following, False)
        first, last = self._visible_lines()
        if not first <= line <= last:
            self._top = self._after((line, 0), -(self._height // 3))
        self._place()

    def _visible_lines(self) -> tuple[int, int]:
        """First and last line that begin on screen."""
        starts = [line for line, _ in self._rows()]
        first = self._top[0] + (1 if self._top[1] else 0)
        return first, starts[-1] if starts else first

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection."""
        self._redraw()

    def _clear_text_selection(self) -> None:
        if self.is_attached and self.text_selection is not None:
            self.screen.clear_selection()

    # Keys and mouse

    def action_cursor_up(self) -> None:
        """Current line up; the first press takes the line at the top of the screen and scrolls."""
        self._step_cursor(-1)

    def action_cursor_down(self) -> None:
        """Current line down; below the last line, follow."""
        self._step_cursor(1)

    def _step_cursor(self, step: int) -> None:
        if not self._lines:
            return
        first, last = self._visible_lines()
        if self._cursor is None or not first <= self._cursor <= last:
            if step > 0 and self.following:
                return
            self._cursor = max(0, first - 1) if step < 0 and self._top > (0, 0) else last
        elif self._cursor + step >= self._lines:
            self.follow()
            return
        else:
            self._cursor = max(0, self._cursor + step)
        if step < 0 and self._top > (0, 0):
            self.set_reactive(LogView.following, False)
        if self._cursor < first:
            self._top = (self._cursor, 0)
        elif self._cursor >= last and step > 0:
            self._top = self._below(self._cursor)
        self._place()

    def _below(self, line: int) -> Place:
        """Where the view begins to show a line whole at its bottom, at least where it is now."""
        needed = self._rows_of(line, self._look()) if self.wrap else 1
        return max(self._top, self._after((line, needed), -self._height) if self.wrap else (line + 1 - self._height, 0))

    def action_page_up(self) -> None:
        """A screen up."""
        self._scroll_rows(-max(1, self._height - 1))

    def action_page_down(self) -> None:
        """A screen down."""
        self._scroll_rows(max(1, self._height - 1))

    def action_first(self) -> None:
        """The first line."""
        self._cursor = None
        self._moved((0, 0))

    def action_last(self) -> None:
        """The end, and follow it."""
        self.follow()

    def action_side(self, step: int) -> None:
        """Sideways, when lines are not wrapped."""
        if not self.wrap:
            self._x = min(max(0, self._x + step * SIDE_STEP), max(0, self._widest() - self._look().text_width))
            self._redraw()

    def _widest(self) -> int:
        """Cells of the widest line on screen."""
        lines = self._read(self._top[0], self._height)
        return max((cell_len(self._painter.text(line)) for line in lines), default=0)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Wheel up; with Shift or Ctrl to the left."""
        self._wheel(event, -1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Wheel down; with Shift or Ctrl to the right."""
        self._wheel(event, 1)

    def _wheel(self, event: events.MouseScrollUp | events.MouseScrollDown, step: int) -> None:
        event.stop()
        event.prevent_default()
        if event.shift or event.ctrl:
            self.action_side(step)
        else:
            self._scroll_rows(step * WHEEL_ROWS)

    # Drawing

    def _component_style(self, name: str) -> Style:
        style = self.get_component_rich_style(f"log--{name}")
        if name not in _OVERLAYS:
            return style
        color, background = _OVERLAYS[name]
        return Style(
            color=style.color if color else None, bgcolor=style.bgcolor if background else None,
            bold=style.bold, underline=style.underline,
        )  # fmt: skip

    def notify_style_update(self) -> None:
        """Colours may be others: nothing drawn before is of use."""
        super().notify_style_update()
        if self.is_attached:
            if self._palette is None:
                self._palette = tuple(self.app.ansi_theme.ansi_colors[number].hex for number in range(16))
            self._painter.clear(self._palette)
            self._screen_rows = self._mouse_rows = self._thumb = None

    def _filtered(self, style: Style) -> Style:
        """What the app's filters make of a style."""
        piece = [Segment("x", style)]
        for line_filter in self._filters:
            piece = line_filter.apply(piece, self.background_colors[1])
        return piece[0].style or style

    def _rows(self) -> Rows:
        """The rows on screen: the line each belongs to, and what is drawn."""
        if self._screen_rows is None:
            self._screen_rows = list(self._lay_out(self._look()))
        return self._screen_rows

    def _lay_out(self, look: Look) -> Iterator[tuple[int, Strip]]:
        height = self._height
        line, skip = self._top
        selection = self.text_selection if self.is_attached else None
        left = height
        for number, found in enumerate(self._read(line, height), line):
            own = look
            span = selection.get_span(number) if selection is not None else None
            if number == self._cursor or span is not None:
                own = msgspec.structs.replace(look, cursor=number == self._cursor, selection=span)
            for strip in self._painter.rows(found, number, own)[skip : skip + left]:
                yield number, strip
                left -= 1
            skip = 0
            if left <= 0:
                return

    def render_lines(self, crop: Region) -> list[Strip]:
        """Rows of the pane for the screen. The pane has no border, padding or opacity, which is what is passed by."""
        if not self.is_attached:
            return [Strip.blank(crop.width)] * crop.height  # it has no styles any more
        if not self._visible and not self._drawn:
            self._drawn = True
            self.call_later(self._seen)
        filters = self.get_line_filters()
        if filters != self._filters:
            self._filters = filters
            self._painter.clear()
            self._screen_rows = None
        rows, width, height = self._rows(), self._width, self.size.height
        strips = [self._row(y, rows, width, height) for y in crop.line_range]
        if crop.x or crop.right < width:
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """One row of the pane, whose pieces know their places: what the mouse asks for."""
        if self._mouse_rows is None:
            self._mouse_rows = list(self._lay_out(msgspec.structs.replace(self._look(), places=True)))
        return self._row(y, self._mouse_rows, self._width, self.size.height)

    def _row(self, y: int, rows: Rows, width: int, height: int) -> Strip:
        if y == height - 1:
            return self._status_strip(self.size.width).crop(0, width)
        if y < len(rows):
            return rows[y][1]
        if not rows:
            return self._words(y, width)
        return self._painter.blank(width)

    def _words(self, y: int, width: int) -> Strip:
        """One row of what is said instead of lines."""
        feed = self._feed
        if feed is None:
            words = self.empty
        elif feed.problem:
            words = feed.problem
        elif feed.progress is None:
            words = "…"
        elif feed.missing:
            words = f"No log at {feed.path}"
        else:
            words = "Waiting for output…" if feed.live else self.empty
        lines = textwrap.wrap(one_line(words, limit=500), max(10, width - 8))
        index = y - (self._height - len(lines)) // 2
        if not 0 <= index < len(lines):
            return self._painter.blank(width)
        pad = max(0, width - cell_len(lines[index])) // 2
        text = set_cell_size(" " * pad + lines[index], width)
        style = self._painter.style("base") + self._painter.style("note")
        return Strip([Segment(text, self._painter.shown(style))], width)

    @property
    def status(self) -> LogStatus:
        """What is shown now."""
        feed = self._feed
        if feed is None:
            return LogStatus(title=self._log_title, wrap=self.wrap, numbers=self.numbers)
        progress = feed.progress
        return LogStatus(
            path=feed.path,
            title=self._log_title,
            live=feed.live,
            lines=progress.change.lines if progress is not None else 0,
            failures=progress.failures if progress is not None else 0,
            following=self.following,
            new_lines=0 if self.following else max(0, feed.lines - self._paused_at),
            top=self._top[0] + 1 if feed.lines else 0,
            cursor=None if self._cursor is None else self._cursor + 1,
            percent=progress.percent if progress is not None else 100,
            wrap=self.wrap,
            numbers=self.numbers,
            missing=feed.missing,
            problem=feed.problem,
        )

    def _refresh_status(self) -> None:
        status = self.status
        if status != self._status:
            self._status = status
            self.refresh_row(self.size.height - 1)

    def refresh_row(self, y: int) -> None:
        """Repaint one row of the screen."""
        self.refresh_line(y + self.scroll_offset.y)

    def _status_strip(self, width: int) -> Strip:
        """State at the left; counts, and what is switched on, at the right."""
        status, style, shown = self._status, self._painter.style, self._painter.shown
        rest = shown(style("status"))
        left = [Segment(text, shown(style(name))) for text, name in state_words(status)]
        right = [Segment(text, shown(style(name))) for text, name in count_words(status)]
        space = width - sum(segment.cell_length for segment in (*left, *right))
        if space < 0:
            right, space = [], width - sum(segment.cell_length for segment in left)
        strip = Strip([*left, Segment(" " * max(0, space), rest), *right])
        return strip.adjust_cell_length(width, rest)


def thumb_of(height: int, lines: int, top: float) -> Thumb:
    """Where the thumb of a scroll bar begins and ends, in eighths of a cell: what `ScrollBarRender.render_bar` draws.

    Args:
        height: Rows of the bar, and lines in view.
        lines: Lines that there are.
        top: The first line in view.
    """
    if not 0 < height < lines:
        return 0, 0
    size = max(1.0, height * height / lines)
    start = int((height - size) * top / (lines - height) * 8)
    return start, start + ceil(size * 8)


_OVERLAYS = {
    "number": (True, False), "glyph": (False, False), "note": (True, False), "cursor": (False, True),
    "selection": (False, True), "match": (True, True), "match-current": (True, True),
}  # fmt: skip
"""Components laid over the style of a line: whether their colour counts, and whether their background does."""
