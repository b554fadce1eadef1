"""The one screen of the dashboard: list, detail, graphs, bars. It composes them and passes facts and keys on."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import Reactive
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from devdeck.live import LiveDeck
from devdeck.model import SessionState
from devdeck.state import Changes
from tui import handoff
from tui.actions import ACTIONS, GLOBAL, Action, Context
from tui.bridge import Bridge
from tui.command_line import World
from tui.history import History
from tui.intents import Intents
from tui.performer import Performer
from tui.screens.detail import DetailPane
from tui.widgets.bar import Bar
from tui.widgets.command_bar import CommandBar
from tui.widgets.framed import Bare
from tui.widgets.graphs import Graphs
from tui.widgets.key_bar import KeyBar
from tui.widgets.session_list import SessionList
from tui.widgets.session_order import Sort
from tui.widgets.spans import clean
from tui.widgets.status_bar import StatusBar

RESTING, LONGEST = 4, 7
"""Beats of the clock after which ages are shown anew while nothing on screen runs: together with other news, and alone.

What is drawn together costs one frame."""
BURST, REST = 0.15, 0.08
"""Seconds: moves of the selection so soon after each other are one burst, which the detail follows after a rest."""
SPIN = 0.25
"""Seconds between two turns of the spinner, while something is under way."""


class MainScreen(Screen[None]):
    """List left, detail right, graphs under the list; on narrow terminals list above detail."""

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """The widget that keys go to. Widgets show by themselves that they have the focus; nothing else is drawn anew."""

    AUTO_FOCUS = "SessionList"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012  no ClassVar in the base
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"key('{key}')", show=False, priority=True)
        for key in ACTIONS.keys()  # noqa: SIM118  no mapping
    ]

    class Sorted(Message):
        """Another order of the sessions was chosen."""

        def __init__(self, order: Sort) -> None:
            super().__init__()
            self.order = order

    def __init__(self, deck: LiveDeck, intents: Intents, history: History, order: Sort) -> None:
        super().__init__()
        self._first_order = order
        self._deck = deck
        self._intents = intents
        self._history = history
        self.performer = Performer(self.app, deck, intents, self)
        self._bridge = Bridge(self, deck, self._facts_changed, self._age)
        self._ages = 0
        self._spinner: Timer | None = None
        self._beat = 0
        self._behind: Timer | None = None
        self._moved = 0.0
        self._search_from_logs = False

    def compose(self) -> ComposeResult:
        """Everything that is always there."""
        with Bare(id="body"):
            with Bare(id="side"):
                yield SessionList(id="sessions")
                yield Graphs(id="graphs")
            yield DetailPane(self._deck, id="detail")
        with Bare(id="bars"):
            yield StatusBar(id="status")
            yield KeyBar(ACTIONS, id="keys")
            yield CommandBar(self._history, self._world, id="command")

    def on_mount(self) -> None:
        """Show what is known and listen for more."""
        self._intents.on_busy = self._busy_changed
        self.sessions.sort = self._first_order
        self._bridge.open()
        self._show_all()

    def on_unmount(self) -> None:
        """Listen no more."""
        self._bridge.close()

    # Parts

    @property
    def sessions(self) -> SessionList:
        """The list."""
        return self.query_one("#sessions", SessionList)

    @property
    def detail(self) -> DetailPane:
        """The detail."""
        return self.query_one("#detail", DetailPane)

    @property
    def graphs(self) -> Graphs:
        """The graphs."""
        return self.query_one("#graphs", Graphs)

    @property
    def status_bar(self) -> StatusBar:
        """The status bar."""
        return self.query_one("#status", StatusBar)

    @property
    def command_bar(self) -> CommandBar:
        """The line at the bottom."""
        return self.query_one("#command", CommandBar)

    @property
    def selected(self) -> SessionState | None:
        """The selected session."""
        id_ = self.sessions.selected
        return self._deck.state.sessions.get(id_) if id_ is not None else None

    # Facts in

    @property
    def _there(self) -> bool:
        """Whether there are widgets to show facts in; timers may ring before and after."""
        return self.is_mounted and self.is_running

    def _facts_changed(self, changes: Changes) -> None:
        if not self._there:
            return
        state = self._deck.state
        if changes.sessions or changes.membership:
            self.sessions.show(state, self._deck.now())
            if changes.membership or self.sessions.selected in changes.sessions:
                self._show_selected()
        if changes.host or self.sessions.selected in changes.sessions:
            self.graphs.show(self._deck, self.selected)
        if self._ages >= RESTING:
            self._tick()
        else:
            self._show_status()

    def _show_all(self) -> None:
        self.sessions.show(self._deck.state, self._deck.now())
        self._show_selected()
        self._show_status()

    def _show_selected(self) -> None:
        self.detail.update_session(self.selected)
        self.graphs.show(self._deck, self.selected)
        self._show_keys()

    def _show_status(self) -> None:
        self.status_bar.show(
            self._deck.state,
            self._deck.now(),
            busy=self._intents.busy,
            beat=self._beat,
            read_only=self._deck.read_only,
            selected=self.selected,
            values=not self.graphs.region,
            marked=len(self.sessions.marked),
        )

    def _show_keys(self) -> None:
        self.query_one("#keys", KeyBar).show(self.context())

    def _age(self) -> None:
        """Ages move: each second where something runs, every few seconds where all are older than that."""
        if not self._there:
            return
        self._ages += 1
        states = self._deck.state.sessions
        running = any(states[id_].running for id_ in self.sessions.visible_ids() if id_ in states)
        if running or self._ages >= LONGEST:
            self._tick()

    def _tick(self) -> None:
        self._ages = 0
        self.sessions.show(self._deck.state, self._deck.now())
        self.detail.grow_older(self.selected)
        self._show_status()

    def _busy_changed(self) -> None:
        if not self._there:
            return
        if self._intents.busy and self._spinner is None:
            self._spinner = self.set_interval(SPIN, self._spin, name="spinner")
        elif not self._intents.busy and self._spinner is not None:
            self._spinner.stop()
            self._spinner = None
        self._show_status()

    def _spin(self) -> None:
        self._beat += 1
        self._show_status()

    def set_active(self, active: bool) -> None:
        """Say whether the dashboard is looked at."""
        self._bridge.set_active(active)
        if active:
            self._tick()

    @on(SessionList.Highlighted)
    def _session_highlighted(self) -> None:
        self._look()
        now = time.monotonic()
        burst, self._moved = now - self._moved < BURST, now
        if self._behind is not None:
            self._behind.stop()
            self._behind = None
        # The list paints first; what is known of the session follows, once for a burst of keys.
        if burst:
            self._behind = self.set_timer(REST, self._catch_up, name="selection")
        else:
            self.call_after_refresh(self._catch_up)

    def _catch_up(self) -> None:
        self._behind = None
        self._show_selected()
        self._show_status()

    @on(SessionList.Marked)
    def _marks_changed(self) -> None:
        self._show_status()
        self._show_keys()

    @on(SessionList.ViewChanged)
    def _look(self) -> None:
        self._deck.look_at(self.sessions.selected, self.sessions.with_members(self.sessions.visible_ids()))

    def on_resize(self, event: events.Resize) -> None:
        """Draw graphs and status for the new size."""
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        if not self._there:
            return
        self._share_room()
        self.graphs.show(self._deck, self.selected)
        self._show_status()

    # Keys

    def context(self) -> Context:
        """What decides now which actions are enabled."""
        selected = self.selected
        detail = self.detail
        shown = getattr(detail.tab("logs"), "job", None) if detail.current == "logs" else None
        newest = selected.jobs[0] if selected is not None and selected.jobs else None
        tests: Any = detail.tab("tests") if detail.current == "tests" else None
        return Context(
            scope=self._scope(),
            read_only=self._deck.read_only,
            loaded=self._deck.state.loaded,
            selected=selected,
            marked=tuple(self._deck.state.sessions[id_] for id_ in self._marked()),
            job=shown or newest,
            failure_open=tests is not None and tests.chosen is not None,
            can_hand_over=not handoff.why_not(self.app),
        )

    def _marked(self) -> tuple[str, ...]:
        """Marked sessions that are still there: the list may not have heard of it yet."""
        return tuple(id_ for id_ in self.sessions.marked if id_ in self._deck.state.sessions)

    def _scope(self) -> str:
        focused = self.focused
        if focused is self.sessions:
            return "sessions"
        return self.detail.current if self.detail.holds(focused) else GLOBAL

    def _meant(self, key: str) -> Action | None:
        if isinstance(self.focused, Input):
            return None
        action = ACTIONS.resolve(key, self.context())
        return None if action is None or action.native else action

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key that means nothing here goes on to the focused pane; so does every key while text is typed."""
        return self._meant(str(parameters[0])) is not None if action == "key" else True

    def action_key(self, key: str) -> None:
        """Do what a key means, to the session that is selected: the detail must not be behind."""
        if self._behind is not None:
            self._behind.stop()
            self._catch_up()
        action = self._meant(key)
        if action is not None:
            self.performer.perform(action.id)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Other keys matter now; on small terminals the focused pane gets the room."""
        self.detail.mark_focus(self.detail.holds(event.widget))
        self._share_room()
        self._show_keys()

    def _share_room(self) -> None:
        small = self.has_class("-narrow") and self.has_class("-short")
        self.query_one("#side").set_class(small and self.detail.holds(self.focused), "-aside")

    def step_focus(self, towards: int) -> None:
        """Move the focus to another pane."""
        if towards > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def toggle_zoom(self) -> None:
        """Give the detail the whole screen, or take it back."""
        zoomed = not self.has_class("-zoomed")
        self.set_class(zoomed, "-zoomed")
        if zoomed:
            self.detail.focus_content()
        self.call_after_refresh(self._resized)

    def go_back(self) -> None:
        """One level out: the failure, its source, the search, the zoom, the detail, the filter, the marks."""
        tab: Any = self.detail.tab(self.detail.current)
        if self._scope() == "tests" and tab.chosen is not None:
            tab.action_close()
        elif self._scope() == "logs" and tab.check_action("close_source", ()):
            tab.action_close_source()
        elif self._scope() == "logs" and tab.pane.status.query:
            tab.search("")
        elif self.has_class("-zoomed"):
            self.toggle_zoom()
            self.sessions.focus()
        elif self.focused is not self.sessions:
            self.sessions.focus()
        elif self.sessions.filter_text:
            self._filter("")
        else:
            self.sessions.clear_marks()

    # Clicks and messages

    @on(Bar.Pressed, "#keys")
    def _key_clicked(self, event: Bar.Pressed) -> None:
        self.performer.perform(event.target)

    @on(Bar.Pressed, "#tabs")
    def _tab_clicked(self, event: Bar.Pressed) -> None:
        self.performer.perform(f"tab.{event.target}")

    @on(Bar.Pressed, "#status")
    def _status_clicked(self, event: Bar.Pressed) -> None:
        if event.target in ACTIONS:
            self.performer.perform(event.target)
            return
        health = self._deck.state.collectors.get(event.target.removeprefix("trouble:"))
        if health is not None:
            self._intents.toast(health.message, health.hint, "warning")

    @on(SessionList.Opened)
    def _session_opened(self, event: SessionList.Opened) -> None:
        self.performer.perform("session.open", event.session_id)

    def on_terminal_tab_opened(self, event: Any) -> None:
        """The preview was clicked twice."""
        self.performer.perform("terminal.open", event.session_id)

    def on_tests_tab_failure_chosen(self, event: Any) -> None:
        """Show where the test failed, in the log."""
        selected = self.selected
        if selected is None or selected.run is None:
            return
        logs: Any = self.detail.tab("logs")
        logs.show_failure(selected.run.job_id, event.result)
        self.detail.show("logs")
        self.detail.focus_content()

    def on_tests_tab_edit_requested(self, event: Any) -> None:
        """Open the editor at the failure."""
        selected = self.selected
        if selected is not None and self._may_edit():
            self._intents.edit_source(selected.session.id, event.path, event.line, selected.session.worktree)

    def on_log_pane_location_chosen(self, event: Any) -> None:
        """Open the editor at a place in the log."""
        selected, job = self.selected, self.context().job
        if selected is not None and self._may_edit():
            folder = job.cwd if job is not None else selected.session.worktree
            self._intents.edit_source(selected.session.id, event.path, event.line, folder)

    def _may_edit(self) -> bool:
        why = ACTIONS["view.edit"].enabled(self.context())
        if why:
            self._intents.toast("Edit", why, "warning")
        return not why

    # The command line

    def _world(self) -> World:
        states = self._deck.state.sessions.values()
        labels: dict[str, str] = {}
        for state in sorted(states, key=lambda it: it.session.created_at or 0.0):
            labels[state.session.label] = state.session.id
        branches = {state.git.value.branch for state in states if state.git.value is not None}
        return World(
            labels,
            dict(self._deck.repositories()),
            tuple(self.app.available_themes),
            tuple(sorted(branch for branch in branches if branch)),
        )

    def open_command_bar(self, mode: str, text: str = "") -> None:
        """Show the line at the bottom."""
        self._search_from_logs = self._scope() == "logs"
        self.query_one("#bars").add_class("-command")
        self.command_bar.open(mode, text)

    @on(CommandBar.Typed)
    def _bar_typed(self, event: CommandBar.Typed) -> None:
        if event.mode == "/" and not self._search_from_logs:
            self._filter(event.line)

    @on(CommandBar.Closed)
    def _bar_closed(self, event: CommandBar.Closed) -> None:
        if event.mode == "/" and not self._search_from_logs:
            self._filter("")
        self._leave_command_bar()

    @on(CommandBar.Entered)
    def _bar_entered(self, event: CommandBar.Entered) -> None:
        self._leave_command_bar()
        if event.mode != "/":
            self._intents.spawn("saving the history", self._save_history, group="history")
            self.performer.execute(event.command)
        elif self._search_from_logs:
            logs: Any = self.detail.tab("logs")
            logs.search(event.line)
        else:
            self._filter(event.line)

    def _leave_command_bar(self) -> None:
        self.query_one("#bars").remove_class("-command")
        if self._search_from_logs:
            self.detail.focus_content()
        else:
            self.sessions.focus()

    async def _save_history(self) -> None:
        import asyncio

        await asyncio.to_thread(self._history.save)

    def _filter(self, text: str) -> None:
        self.sessions.set_filter(text)
        shown = clean(text, 40)
        self.sessions.border_title = Content(f"Sessions /{shown}" if shown else "Sessions")

    def set_theme(self, name: str) -> None:
        """Change the theme; the app remembers it."""
        self.app.theme = name

    def set_sort(self, order: Sort) -> None:
        """Change the order of the sessions; the app remembers it."""
        self.sessions.sort = order
        self.post_message(self.Sorted(order))
