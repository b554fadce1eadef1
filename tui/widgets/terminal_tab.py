"""A live preview of a session's active pane, with its colours. Looks only while it is on screen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from devdeck.errors import DeckError
from devdeck.live import LiveDeck
from devdeck.model import Pane, SessionState
from tui import ansi
from tui.widgets import rows
from tui.widgets.line_view import Facts, LineView, message_lines
from tui.widgets.spans import Ground, Line, Span, Tone, clean, fit, line
from tui.widgets.tab import SessionTab

FASTEST = 0.25
"""Seconds between two looks while the pane changes."""
SLOWEST = 2.0
"""Seconds between two looks at a pane that has not changed for long, and after an error."""
PATIENCE = 8
"""Looks without a change before looking less often."""


MAX_COLUMNS = 1000
"""Characters of a row that are looked at."""
MAX_BYTES = 16_000
"""Bytes of a row, colours included, that are looked at."""

Row = tuple[Segment, ...]


def coloured(screen_rows: Sequence[str], palette: Sequence[str]) -> tuple[Row, ...]:
    """Rows of a screen in their colours, by `tui.ansi`; everything else that could act on a terminal is removed.

    Args:
        screen_rows: Rows with SGR sequences, whose colours carry over from row to row (`capture-pane -e`, tmux(1)).
        palette: The 16 ANSI colours, hex.
    """
    found: list[Row] = []
    sgr = ansi.PLAIN
    for row in screen_rows:
        (text, spans), sgr = ansi.parse(row.encode("utf-8", "replace")[:MAX_BYTES], palette, sgr)
        segments: list[Segment] = []
        at = 0
        for start, end, style in spans:
            segments += [Segment(text[at:start]), Segment(text[start:end], style)]
            at = end
        segments.append(Segment(text[at:]))
        found.append(tuple(Segment(clean(s.text, MAX_COLUMNS), s.style) for s in segments if s.text))
    return tuple(found)


class PaneView(LineView):
    """The rows of a pane, the last ones when it is taller than the view."""

    HAS_CURSOR = False
    DEFAULT_CSS = """
    PaneView { overflow-y: hidden; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.screen_rows: tuple[str, ...] = ()
        self._rows: tuple[Row, ...] = ()
        self._said = False

    def show(self, screen_rows: tuple[str, ...]) -> bool:
        """Show the rows of a pane; returns whether they differ from the ones before."""
        same = screen_rows == self.screen_rows
        if same and not self._said:
            return False
        self._said = False
        before, self.screen_rows, self._lines = self._window(), screen_rows, ()
        self._rows = self._parse()
        after = self._window()
        for y in range(max(len(before), len(after))):
            if before[y : y + 1] != after[y : y + 1]:
                self.refresh_line(y)
        self._painted.clear()
        return not same

    @property
    def empty(self) -> bool:
        """Whether the pane shows no character."""
        return not self._rows

    def say(self, lines: tuple[Line, ...]) -> None:
        """Show a message in place of a pane."""
        if not self._said or lines != self._lines:
            self._said, self._rows = True, ()
            self._painted.clear()
            self.put(lines)

    def _parse(self) -> tuple[Row, ...]:
        triplets = self.app.ansi_theme.ansi_colors
        parsed = coloured(self.screen_rows, tuple(triplets[number].hex for number in range(16)))
        end = len(parsed)
        while end and not any(part.text.strip() for part in parsed[end - 1]):
            end -= 1
        return parsed[:end]

    def notify_style_update(self) -> None:
        """The theme may have changed: its ANSI colours are looked up anew."""
        super().notify_style_update()
        if self._rows and self.is_attached:
            self._rows = self._parse()

    def _window(self) -> tuple[Row, ...]:
        """The rows that fit: the last ones; empty ones below the text have been left out."""
        return self._rows[max(0, len(self._rows) - self.view_height) :]

    def render_line(self, y: int) -> Strip:
        """A row of the pane in its own colours, or a line of the message."""
        if not self._rows:
            return super().render_line(y)
        window, width, base = self._window(), self.view_width, self.ground_style(Ground.NONE)
        if y >= len(window):
            return Strip.blank(width, base)
        segments = [Segment(part.text, base + part.style if part.style else base) for part in window[y]]
        return Strip(segments).crop_extend(0, width, base)


class TerminalTab(SessionTab):
    """Preview of the selected session's terminal."""

    BINDING_GROUP_TITLE = "Terminal"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "Open terminal", show=False)]

    class Opened(Message):
        """The session's terminal is asked for, by Enter or a double click."""

        def __init__(self, control: TerminalTab, session_id: str) -> None:
            super().__init__()
            self.terminal_tab = control
            self.session_id = session_id

        @property
        def control(self) -> TerminalTab:
            """The tab."""
            return self.terminal_tab

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._watched: tuple[str, bool] | None = None
        self._activity: float | None = None
        self._wake = asyncio.Event()

    def compose(self) -> ComposeResult:
        """Facts and the pane."""
        yield Facts(id="terminal-facts")
        yield PaneView(id="terminal-pane")

    @property
    def view(self) -> PaneView:
        """The pane."""
        return self.query_one("#terminal-pane", PaneView)

    def apply(self, session_changed: bool) -> None:
        """Say which pane it is, and start or stop looking at it."""
        facts = self.query_one("#terminal-facts", Facts)
        facts.put(header_lines(self.state, self.now(), facts.view_width))
        if session_changed:
            self.view.say(message_lines("… looking at the terminal"))
        terminal = self.state.terminal.value if self.state is not None else None
        watched = (self.session_id or "", terminal is not None)
        activity = terminal.activity_at if terminal is not None else None
        if activity != self._activity:
            self._activity = activity
            self._wake.set()
        if watched == self._watched:
            return
        self._watched = watched
        if terminal is None:
            self.workers.cancel_group(self, "terminal")
            self.view.say(_nothing(self.state))
        elif self.deck is not None:
            self._watch_later(self.deck, watched[0])

    def _watch_later(self, deck: LiveDeck, session_id: str) -> None:
        async def work() -> None:
            await self._watch(deck, session_id)

        self.begin("terminal", work)

    def hidden(self) -> None:
        """Look anew when shown again."""
        self._watched = None

    async def _watch(self, deck: LiveDeck, session_id: str) -> None:
        """Look at the pane until cancelled: often while it changes, seldom while it does not."""
        quiet = 0
        while self.shown and self.session_id == session_id:
            self._wake.clear()
            delay = FASTEST
            try:
                captured = await deck.capture(session_id)
            except DeckError as error:
                self.problem(error.message, error.hint)
                delay = SLOWEST
            else:
                if self.session_id != session_id:
                    return
                quiet = 0 if self._show(captured) else quiet + 1
                delay = min(SLOWEST, FASTEST * 2 ** max(0, quiet - PATIENCE))
            if not self.app.app_focus:
                delay = SLOWEST
            await asyncio.sleep(FASTEST)
            if delay > FASTEST and not self._wake.is_set():
                try:
                    async with asyncio.timeout(delay - FASTEST):
                        await self._wake.wait()
                except TimeoutError:
                    continue
            if self._wake.is_set():
                quiet = 0

    def _show(self, captured: tuple[str, ...]) -> bool:
        changed = self.view.show(captured)
        if self.view.empty:
            self.view.say(message_lines("The screen is empty", "enter opens it"))
        return changed

    def problem(self, message: str, hint: str) -> None:
        """Show it in place of the pane."""
        self.view.say(message_lines(f"✗ {message}", hint, tone=Tone.ERROR))

    def action_open(self) -> None:
        """Ask for the terminal."""
        if self.session_id is not None:
            self.post_message(self.Opened(self, self.session_id))

    def on_click(self, event: object) -> None:
        """A double click opens the terminal."""
        if getattr(event, "chain", 1) == 2:
            self.action_open()


def _nothing(state: SessionState | None) -> tuple[Line, ...]:
    if state is None:
        return message_lines("No session selected")
    if state.terminal.error:
        return message_lines(f"✗ {state.terminal.error}", "The terminal shows when tmux answers.", tone=Tone.ERROR)
    if state.terminal.at is None:
        return message_lines("… looking for the terminal")
    return (
        *message_lines("⊘ No terminal"),
        (),
        (Span(" Press "), Span("enter", Tone.STRONG), Span(" to make one and go there.")),
    )


def header_lines(state: SessionState | None, now: float, width: int) -> tuple[Line, ...]:
    """Which pane it is, what runs in it, its size, and how to get there."""
    terminal = state.terminal.value if state is not None else None
    pane: Pane | None = terminal.active_pane if terminal is not None else None
    if state is None or terminal is None or pane is None:
        return ()
    windows = len({pane.window_id for pane in terminal.panes})
    stale = f" · stale, {rows.ago(state.terminal.age(now))}" if state.terminal.error else ""
    left = line(
        Span(f" {clean(pane.command, 40) or 'pane'}", Tone.STRONG),
        Span(" (ended)" if pane.dead else "", Tone.FAILED),
        Span(f" · {clean(pane.window_name, 40)}" if pane.window_name != pane.command else "", Tone.MUTED),
        Span(f" · window {pane.window_index} of {windows}" if windows > 1 else "", Tone.MUTED),
        Span(f" · {pane.width}×{pane.height}", Tone.MUTED),
        Span(stale, Tone.STALE),
    )
    right = line(Span("enter", Tone.STRONG), Span(" opens it ", Tone.MUTED))
    room = width - sum(len(span.text) for span in right)
    return (line(fit(left, max(8, room)), right) if room > 20 else fit(left, width), ())
