"""The detail of the selected session: a strip of tabs and the tab shown. Tabs are made when first shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from textual.app import ComposeResult
from textual.widget import AwaitMount, Widget

from devdeck.live import LiveDeck
from devdeck.model import SessionState
from tui.widgets import rows
from tui.widgets.framed import Bare, Framed
from tui.widgets.spans import Line, Span, Tone, clean
from tui.widgets.tab import SessionTab
from tui.widgets.tab_strip import TabStrip


def _overview() -> SessionTab:
    from tui.widgets.overview import OverviewTab

    return OverviewTab(id="overview")


def _tests() -> SessionTab:
    from tui.widgets.tests_tab import TestsTab

    return TestsTab(id="tests")


def _logs() -> SessionTab:
    from tui.widgets.logs_tab import LogsTab

    return LogsTab(id="logs")


def _git() -> SessionTab:
    from tui.widgets.git_tab import GitTab

    return GitTab(id="git")


def _terminal() -> SessionTab:
    from tui.widgets.terminal_tab import TerminalTab

    return TerminalTab(id="terminal")


TABS: Final[dict[str, Callable[[], SessionTab]]] = {
    "overview": _overview,
    "tests": _tests,
    "logs": _logs,
    "git": _git,
    "terminal": _terminal,
}
"""Tabs by name, in the order of their numbers; made when first shown, so that the first paint waits for one only."""


class DetailPane(Framed):
    """Shows one session in tabs."""

    DEFAULT_CSS = """
    DetailPane {
        border: round $deck-border;
        border-title-color: $deck-label;
        border-subtitle-color: $deck-muted;
        & #content { height: 1fr; width: 1fr; }
        & TabStrip { margin-bottom: 1; }
    }
    """

    def __init__(self, deck: LiveDeck, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._deck = deck
        self._state: SessionState | None = None
        self._tabs: dict[str, SessionTab] = {}
        self._focus_inside = False
        self._mounting: dict[str, AwaitMount] = {}

    def compose(self) -> ComposeResult:
        """Strip and the first tab."""
        yield TabStrip(tuple(TABS), id="tabs")
        first = self._make("overview")
        first.set_shown(True)
        yield Bare(first, id="content")

    def on_mount(self) -> None:
        """The first tab is shown."""
        self.strip.current = "overview"
        self.app.theme_changed_signal.subscribe(self, lambda _: self.call_after_refresh(self._draw_border))

    def mark_focus(self, inside: bool) -> None:
        """Show whether the focus is in here.

        By an inline style: a class or `:focus-within` would style every widget in here anew, tens of milliseconds.
        """
        if inside != self._focus_inside:
            self._focus_inside = inside
            self._draw_border()

    def _draw_border(self) -> None:
        token = "deck-border-focus" if self._focus_inside else "deck-border"
        with self.changing_border():
            self.styles.border = ("round", self.app.theme_variables[token])

    @property
    def strip(self) -> TabStrip:
        """The strip."""
        return self.query_one("#tabs", TabStrip)

    @property
    def current(self) -> str:
        """Name of the tab shown."""
        return self.strip.current

    def tab(self, name: str) -> SessionTab:
        """A tab by its name; made when it was not shown before."""
        return self._tabs.get(name) or self._make(name)

    def _make(self, name: str) -> SessionTab:
        made = self._tabs[name] = TABS[name]()
        made.update_session(self._deck, self._state)
        return made

    def show(self, name: str, *, refocus: bool = True) -> None:
        """Show a tab; when the tab before had the focus it gets it, unless the caller sees to that."""
        strip = self.strip
        if strip.current == name:
            return
        before = self._tabs.get(strip.current)
        tab = self.tab(name)
        if tab.parent is None:
            tab.display = False
            self._mounting[name] = self.query_one("#content").mount(tab)
        if before is not None:
            before.set_shown(False)
            before.display = False
        had_focus = before is not None and before.has_focus_within
        strip.current = name
        tab.display = True
        tab.set_shown(True)
        if had_focus and refocus:
            self.focus_content()

    def step(self, towards: int) -> None:
        """Show the tab after (1) or before (-1) the one shown."""
        names = tuple(TABS)
        self.show(names[(names.index(self.current) + towards) % len(names)])

    def focus_content(self) -> None:
        """Give the focus to the first thing in the tab that takes it, as soon as the tab is there."""
        name = self.current
        if name in self._mounting or not self._focus_in(name):
            self.run_worker(self._focus_later(name), group="focus", exit_on_error=False)

    async def _focus_later(self, name: str) -> None:
        mounting = self._mounting.pop(name, None)
        if mounting is not None:
            await mounting
        drawn = asyncio.Event()
        self.call_after_refresh(drawn.set)
        await drawn.wait()
        self._focus_in(name)

    def _focus_in(self, name: str) -> bool:
        tab = self._tabs[name]
        if name != self.current or not self.screen.is_active:
            return True
        if tab.has_focus_within:
            return True
        inside = [widget for widget in self.screen.focus_chain if tab in widget.ancestors]
        if inside:
            inside[0].focus(scroll_visible=False)
        return bool(inside)

    def holds(self, widget: Widget | None) -> bool:
        """Whether a widget lies in here."""
        return widget is not None and self in widget.ancestors_with_self

    def update_session(self, state: SessionState | None) -> None:
        """Show another session, or what is known of it now."""
        self._state = state
        for tab in self._tabs.values():
            tab.update_session(self._deck, state)
        self.strip.mark(marks(state) if state is not None else {})
        label = clean(state.session.label, 80) if state is not None else ""
        self.set_titles(label, clean(state.session.repository, 40) if state is not None else "")

    def grow_older(self, state: SessionState | None) -> None:
        """Time has passed; see `SessionTab.grow_older`."""
        self._state = state
        for tab in self._tabs.values():
            tab.grow_older(state)


def marks(state: SessionState) -> dict[str, Line]:
    """What each tab's name is followed by."""
    found: dict[str, Line] = {}
    if cell := rows.test_cell(state.run):
        found["tests"] = cell
    if running := len(state.running):
        found["logs"] = (Span(f"● {running}" if running > 1 else "●", Tone.RUNNING),)
    elif state.init_failed:
        found["logs"] = (Span("✗", Tone.FAILED),)
    git = state.git.value
    if git is not None and git.conflicts:
        found["git"] = (Span(f"!{git.conflicts}", Tone.CONFLICT),)
    elif git is not None and git.dirty:
        found["git"] = (Span(f"~{git.staged + git.unstaged + git.untracked}", Tone.DIRTY),)
    return found
