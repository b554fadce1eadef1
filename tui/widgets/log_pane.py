"""A log of any length: follows its end, marks what fails, searches, wraps, copies.

Searching and counting run in threads, one search at a time; a new one cancels the one before.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import ClassVar

import msgspec
from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.selection import Selection

from devdeck.errors import UsageError
from devdeck.logs.index import Line
from devdeck.logs.locations import location
from devdeck.logs.search import Query, count, find
from tui.log_feed import LogFeed, News
from tui.widgets.log_status import LogStatus
from tui.widgets.log_view import LogView

COPY_LIMIT = 20_000
"""Lines that one copy takes at most."""


class LogPane(LogView):
    """Shows one log file; `show` switches to another."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open the place in the code", show=False),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        self._cancel_search = threading.Event()
        super().__init__(id=id, classes=classes)

    def _forget(self) -> None:
        """No search, either."""
        super()._forget()
        self._stop_search()
        self._hits: int | None = None
        self._counted = (0, 0)
        self._search_problem = ""

    def _told(self, news: News) -> None:
        """Count on in what came."""
        super()._told(news)
        if news.grew and self._query is not None and self._feed is not None and self._feed.indexed.is_set():
            self._count_on(self._feed, self._query)

    def on_unmount(self) -> None:
        """Stop searching."""
        self._stop_search()

    @property
    def status(self) -> LogStatus:
        """What is shown now."""
        status = super().status
        if self._search_problem and not status.problem:
            status = msgspec.structs.replace(status, problem=self._search_problem)
        if self._query is None:
            return status
        return msgspec.structs.replace(status, query=self._query.text, hits=self._hits, searching=self._searching)

    class LocationChosen(Message):
        """A place in source code, as the log names it (relative to where the command ran), is to be opened."""

        def __init__(self, pane: LogPane, path: str, line: int) -> None:
            super().__init__()
            self.pane = pane
            self.path = path
            self.line = line

        @property
        def control(self) -> LogPane:
            """The pane."""
            return self.pane

    def go_to_line(self, number: int) -> None:
        """Make a line the current one and bring it into view.

        Args:
            number: Counted from 1; clamped to the lines that are there.
        """
        if self._lines:
            self._go(max(0, min(number, self._lines) - 1))

    def _go(self, line: int) -> None:
        """Make a line current, and its first match visible."""
        lines = [] if self.wrap or self._query is None else self._read(line, 1)
        if lines:
            self._show_match(lines[0])
        super()._go(line)

    def _show_match(self, line: Line) -> None:
        """Scroll sideways when the first match of a line is out of view."""
        assert self._query is not None
        text = self._painter.text(line)
        spans = self._query.spans(text)
        if spans:
            start, end = (cell_len(text[:position]) for position in spans[0])
            width = self._look().text_width
            if start < self._x or end > self._x + width:
                self._x = max(0, start - width // 3)

    # Failures and search

    def next_failure(self) -> None:
        """Go to the next run of failing lines; after the last, to the first."""
        self._step_failure(forward=True)

    def previous_failure(self) -> None:
        """Go to the run of failing lines before; before the first, to the last."""
        self._step_failure(forward=False)

    def _step_failure(self, *, forward: bool) -> None:
        if self._feed is None or self._feed.tail:
            return
        failures = self._feed.reader.failures
        at = self._cursor
        if forward:
            line = failures.next(self._top[0] - 1 if at is None else at)
            line = failures.next(-1) if line is None else line
        else:
            line = failures.previous(self._top[0] + self._height if at is None else at)
            line = failures.previous(self._lines) if line is None else line
        if line is None or line >= self._lines:
            self.notify("No failing lines in this log", severity="information")
        else:
            self._go(line)

    def find(self, query: str, *, regex: bool = False) -> None:
        """Search, beginning on screen, and show all matches; an empty query ends the search.

        Args:
            query: Literal text, or a regular expression. Case matters when it has an upper-case letter.
            regex: Which of the two.
        """
        self._stop_search()
        self._query, self._hits, self._counted, self._search_problem = None, None, (0, 0), ""
        if query:
            try:
                self._query = Query(query, regex=regex)
            except UsageError as error:
                self._search_problem = error.message
        self._redraw()
        if self._query is not None:
            self._search(self._top[0] if self._cursor is None else self._cursor, forward=True)

    def find_next(self) -> None:
        """Go to the next matching line; after the end, from the beginning."""
        if self._query is not None:
            self._search(self._top[0] if self._cursor is None else self._cursor + 1, forward=True)

    def find_previous(self) -> None:
        """Go to the matching line before; before the beginning, from the end."""
        if self._query is not None:
            start = self._top[0] + self._height if self._cursor is None else self._cursor
            self._search(start - 1, forward=False)

    def jump_to(self, patterns: Sequence[str], *, below: Sequence[str] = ()) -> None:
        """Go to the last line that has the first of the patterns that the log has at all, once the log is indexed.

        Args:
            patterns: Literal texts, the most specific first, such as `tests/a.py:12`, a test's id, its name.
            below: Headings. Where the log has one of them, the patterns are looked for below its last place, and
                the heading itself is taken when there is none of them.
        """
        self._stop_search()
        if self._feed is not None:
            task = self._jump(self._feed, tuple(patterns), tuple(below), self._cancel_search)
            self.run_worker(task, group="log-search", exclusive=True)

    def _stop_search(self) -> None:
        self._cancel_search.set()
        self._cancel_search = threading.Event()
        self._searching = False
        if self.is_attached:
            self.workers.cancel_group(self, "log-search")

    def _search(self, start: int, *, forward: bool) -> None:
        if self._feed is None or self._query is None:
            return
        self._stop_search()
        self._searching = True
        self._refresh_status()
        task = self._find(self._feed, self._query, start, forward, self._cancel_search)
        self.run_worker(task, group="log-search", exclusive=True)

    async def _find(self, feed: LogFeed, query: Query, start: int, forward: bool, cancel: threading.Event) -> None:
        await feed.indexed.wait()
        index = feed.reader.index
        start %= max(1, index.lines)
        hit = await asyncio.to_thread(find, index, query, start, forward=forward, cancel=cancel)
        self._searching = False
        if hit is not None and hit.line < self._lines:
            self._go(hit.line)
        self._refresh_status()
        await self._count(feed, query, cancel)

    def _count_on(self, feed: LogFeed, query: Query) -> None:
        """Count in what came since, unless a search or a count runs, which will do it."""
        if not any(work.group == "log-search" and work.node is self and work.is_running for work in self.workers):
            self.run_worker(self._count(feed, query, self._cancel_search), group="log-search", exclusive=True)

    async def _count(self, feed: LogFeed, query: Query, cancel: threading.Event) -> None:
        """Bring the number of hits up to date; the last line counts anew until its line break is there."""
        index = feed.reader.index
        while True:
            end, whole = index.indexed, index.whole
            hits, start = self._counted
            found = await asyncio.to_thread(count, index, query, start, whole, cancel)
            rest = await asyncio.to_thread(count, index, query, whole, end, cancel)
            if found is None or rest is None:
                return
            self._counted = (hits + found, whole)
            self._hits = hits + found + rest
            self._refresh_status()
            if index.indexed == end:
                return

    async def _jump(
        self, feed: LogFeed, patterns: Sequence[str], below: Sequence[str], cancel: threading.Event
    ) -> None:
        await feed.indexed.wait()
        heading = await self._last_of(feed, below, cancel)
        line = await self._last_of(feed, patterns, cancel) if heading is None else None
        if heading is not None:
            line = heading
            for query in _queries(patterns):
                hit = await asyncio.to_thread(find, feed.reader.index, query, heading, forward=True, cancel=cancel)
                if hit is not None and not hit.wrapped:
                    line = hit.line
                    break
        if line is not None and line < self._lines:
            self._go(line)

    async def _last_of(self, feed: LogFeed, patterns: Sequence[str], cancel: threading.Event) -> int | None:
        index = feed.reader.index
        for query in _queries(patterns):
            last = max(0, index.lines - 1)
            hit = await asyncio.to_thread(find, index, query, last, forward=False, cancel=cancel)
            if hit is not None:
                return hit.line
        return None

    # Copy, selection, places

    def copy(self) -> str:
        """Copy the selection, else the current line, else the last line on screen, to the clipboard.

        Returns:
            What was copied; empty when there is nothing.
        """
        selection = self.text_selection
        if selection is not None:
            found = self.get_selection(selection)
            text = found[0] if found else ""
        else:
            line = self._visible_lines()[1] if self._cursor is None else self._cursor
            lines = self._read(line, 1)
            text = self._painter.text(lines[0]) if lines else ""
        if text:
            self.app.copy_to_clipboard(text)
        return text

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Text of the selected lines, at most `COPY_LIMIT` of them."""
        first = selection.start.y if selection.start is not None else 0
        last = selection.end.y if selection.end is not None else self._lines - 1
        lines = self._read(first, min(last - first + 1, COPY_LIMIT))
        if not lines:
            return None
        parts = []
        for number, line in enumerate(lines, first):
            text = self._painter.text(line)
            span = selection.get_span(number)
            if span is not None:
                parts.append(text[span[0] : len(text) if span[1] == -1 else span[1]])
        return "\n".join(parts), "\n"

    def action_open(self) -> None:
        """Ask for the place in source code that the current line names."""
        lines = [] if self._cursor is None else self._read(self._cursor, 1)
        place = location(lines[0].data) if lines else None
        if place is not None:
            self.post_message(self.LocationChosen(self, place.path, place.line))

    def on_click(self, event: events.Click) -> None:
        """A click makes a line current; a second one opens the place that it names."""
        rows = self._rows()
        if event.y >= self._height or event.y >= len(rows):
            if event.y >= self._height and not self.following:
                self.follow()
            return
        self._cursor = rows[event.y][0]
        self._redraw()
        if event.chain == 2:
            self.action_open()


def _queries(patterns: Sequence[str]) -> Iterator[Query]:
    """The patterns that can be looked for."""
    for pattern in patterns:
        with suppress(UsageError):
            yield Query(pattern)
