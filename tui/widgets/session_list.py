"""The list of sessions, grouped by repository.

The selection is a session id, never a row: sorting, filtering and sessions that come and go move rows, not the
selection. A collapsed repository is one row that stands for its sessions; resting there selects its first one.
"""

from __future__ import annotations

import os
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from devdeck.model import SessionState
from devdeck.state import DeckState
from tui.widgets import fuzzy, rows
from tui.widgets.line_view import LineView, message_lines
from tui.widgets.session_order import ANY, SORTS, Group, Sort, grouped, needs_attention, ordered
from tui.widgets.spans import Line, Span, Tone, clean


class Row(NamedTuple):
    """One line of the list: a repository's header, or a session."""

    session_id: str | None
    """The session shown; `None` for a header."""
    group: str
    """Path of the repository; empty when the list is not grouped."""


class SessionList(LineView):
    """Sessions as rows; see the module's description."""

    BORDER_TITLE = "Sessions"
    BINDING_GROUP_TITLE = "Sessions"
    DEFAULT_CSS = """
    SessionList {
        border: round $deck-border;
        border-title-color: $deck-group;
        border-subtitle-color: $deck-muted;
        &:focus { border: round $deck-border-focus; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open terminal", show=False),
        Binding("space", "toggle_group", "Fold repository", show=False),
        Binding("right_curly_bracket", "next_group", "Next repository", show=False),
        Binding("left_curly_bracket", "prev_group", "Previous repository", show=False),
    ]

    selected: reactive[str | None] = reactive(None, init=False, repaint=False)
    """Id of the selected session; `None` only when no session is shown."""
    sort: reactive[Sort] = reactive[Sort]("repository", init=False, repaint=False)
    """Order of the rows."""
    filter_text: reactive[str] = reactive("", init=False, repaint=False)
    """What the rows are filtered by; empty when they are not."""

    class Highlighted(Message):
        """The selection went to another session (`None`: none is shown)."""

        def __init__(self, control: SessionList, session_id: str | None) -> None:
            super().__init__()
            self.session_list = control
            self.session_id = session_id

        @property
        def control(self) -> SessionList:
            """The list."""
            return self.session_list

    class Opened(Message):
        """The session's terminal is asked for, by Enter or a double click."""

        def __init__(self, control: SessionList, session_id: str) -> None:
            super().__init__()
            self.session_list = control
            self.session_id = session_id

        @property
        def control(self) -> SessionList:
            """The list."""
            return self.session_list

    class ViewChanged(Message):
        """Other sessions than before are on screen."""

        def __init__(self, control: SessionList, visible: tuple[str, ...]) -> None:
            super().__init__()
            self.session_list = control
            self.visible = visible

        @property
        def control(self) -> SessionList:
            """The list."""
            return self.session_list

        def can_replace(self, message: Message) -> bool:
            """Only the last one counts."""
            return isinstance(message, SessionList.ViewChanged)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._state = DeckState()
        self._now = 0.0
        self._rows: list[Row] = []
        self._stops: dict[str, int] = {}
        self._groups: dict[str, Group] = {}
        self._collapsed: set[str] = set()
        self._matches: dict[str, fuzzy.Match] = {}
        self._wants: dict[str, tuple[SessionState, rows.Columns]] = {}
        self._columns = rows.Columns(1, 0, 0, 0, 0, 0)
        self._visible: tuple[str, ...] = ()
        self._home = os.path.expanduser("~")

    # State in

    def show(self, state: DeckState, now: float) -> None:
        """Show a snapshot; only rows that changed are repainted.

        Args:
            state: All of the deck.
            now: UNIX seconds, for ages.
        """
        before, self._state, self._now = self._state, state, now
        if before.sessions is not state.sessions or before.loaded != state.loaded:
            self._arrange()
        self._repaint()

    def set_filter(self, text: str) -> None:
        """Show only sessions whose label, branch or repository matches every word; empty shows all."""
        self.filter_text = text

    def cycle_sort(self) -> Sort:
        """Go to the next order; returns it."""
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        return self.sort

    @property
    def shown_count(self) -> int:
        """Sessions that pass the filter."""
        return len(self._stops)

    @property
    def summary(self) -> str:
        """What is shown, in words: `3 of 40 · by attention`."""
        total = len(self._state.sessions)
        count = f"{self.shown_count} of {total}" if self.filter_text.strip() else str(total)
        return f"{count} · by {self.sort}" if total else ""

    def watch_filter_text(self) -> None:
        """Filter at once; the best match is selected when the selected session is filtered out."""
        self._arrange()
        if self.selected not in self._stops and self._matches:
            self.selected = max(self._matches, key=lambda id_: self._matches[id_].score)
        self._repaint()

    def watch_sort(self) -> None:
        """Order at once."""
        self._arrange()
        self._repaint()

    # Rows

    def visible_ids(self) -> tuple[str, ...]:
        """Sessions whose rows are on screen, from the top."""
        found = (self._rows[row].session_id for row in self.visible_rows() if row < len(self._rows))
        return tuple(id_ for id_ in found if id_ is not None)

    def ordered_ids(self) -> tuple[str, ...]:
        """All sessions that pass the filter, in the order of the rows, collapsed ones included."""
        return tuple(self._stops)

    def _arrange(self) -> None:
        """Work out rows, groups, column wishes and where the selection is."""
        sessions = self._state.sessions
        old_row = self._stops.get(self.selected or "", 0)
        self._match()
        shown = ordered(sessions, self._matches, self.sort)
        self._groups = grouped(sessions, shown, self._home) if self.sort == "repository" else {}
        order = {path: group.members for path, group in self._groups.items()} if self._groups else {"": shown}
        self._rows, self._stops = [], {}
        for group, members in order.items():
            if group:
                self._rows.append(Row(None, group))
            collapsed = group in self._collapsed and not self.filter_text.strip()
            for id_ in members:
                self._stops[id_] = len(self._rows) - 1 if collapsed else len(self._rows)
                if not collapsed:
                    self._rows.append(Row(id_, group))
        self._wish()
        self._follow(old_row)
        self.border_subtitle = Content(self.summary)

    def _match(self) -> None:
        query = self.filter_text
        if not query.strip():
            self._matches = dict.fromkeys(self._state.sessions, ANY)
            return
        self._matches = {}
        for id_, state in self._state.sessions.items():
            fields = (clean(state.session.label), rows.branch_of(state), clean(state.session.repository, 80))
            hit = fuzzy.match(query, fields)
            if hit is not None:
                self._matches[id_] = hit

    def _wish(self) -> None:
        wants: dict[str, tuple[SessionState, rows.Columns]] = {}
        for id_, state in self._state.sessions.items():
            before = self._wants.get(id_)
            wants[id_] = before if before and before[0] is state else (state, rows.wanted(state, self._now))
        self._wants = wants
        self._share()

    def _share(self) -> None:
        shown = [self._wants[id_] for id_ in self._stops]
        widths = [want for _, want in shown] or [rows.Columns(1, 0, 0, 0, 0, 0)]
        columns = rows.Columns(*(max(column) for column in zip(*widths, strict=True)))
        if self.sort != "repository":
            names = {state.session.repository for state, _ in shown}
            room = 2 + max((cell_len(clean(name, 24)) for name in names), default=0)
            columns = columns._replace(label=columns.label + room)
        self._columns = columns

    def _widen(self) -> None:
        """Take note of cells on screen that grew with time alone: durations, and ages of what became stale."""
        changed = False
        for id_ in self.visible_ids():
            state, before = self._wants[id_]
            want = rows.wanted(state, self._now)
            if want != before:
                self._wants[id_] = (state, want)
                changed = True
        if changed:
            self._share()

    def _follow(self, old_row: int) -> None:
        """Keep the selected session, or take the nearest row when it is gone."""
        if self.selected in self._stops:
            self.cursor = self._stops[self.selected]
            return
        if not self._stops:
            self.cursor, self.selected = -1, None
            return
        if self.selected is not None and self.filter_text.strip():
            best = max(self._matches, key=lambda id_: self._matches[id_].score)
            self.selected = best
            return
        self.selected = min(self._stops, key=lambda id_: abs(self._stops[id_] - old_row))

    def _repaint(self) -> None:
        self._widen()
        self.lines_changed()
        self._tell_view()

    def _tell_view(self) -> None:
        visible = self.visible_ids()
        if visible != self._visible and self.is_attached:
            self._visible = visible
            self.post_message(self.ViewChanged(self, visible))

    # Drawing

    def line_count(self) -> int:
        """Rows, or the lines of an empty state."""
        return len(self._rows) or len(self._empty())

    def can_stop_at(self, row: int) -> bool:
        """Sessions, and headers of collapsed repositories."""
        if not 0 <= row < len(self._rows):
            return False
        it = self._rows[row]
        return it.session_id is not None or self._is_collapsed(it.group)

    def _is_collapsed(self, group: str) -> bool:
        return group in self._collapsed and not self.filter_text.strip()

    def line_at(self, row: int, width: int) -> Line:
        """A header, a session's row, or a line of an empty state."""
        if not self._rows:
            return self._empty()[row]
        it = self._rows[row]
        selected = row == self.cursor
        if it.session_id is None:
            return self._header(it.group, width, selected)
        hit = self._matches[it.session_id].positions
        flat = self.sort != "repository"
        want = self._columns
        return rows.session_row(
            self._state.sessions[it.session_id],
            rows.plan(width, want),
            self._now,
            selected=selected,
            with_repository=flat,
            emphasis=rows.Emphasis(hit[0], hit[1], frozenset(p for p in hit[2] if p < 24)),
        )

    def _header(self, path: str, width: int, selected: bool) -> Line:
        group = self._groups[path]
        collapsed = self._is_collapsed(path)
        troubled = 0
        if collapsed:
            troubled = sum(1 for id_ in group.members if needs_attention(self._state.sessions[id_]))
        return rows.group_row(
            group.name,
            group.hint,
            len(group.members),
            width,
            collapsed=collapsed,
            selected=selected,
            troubled=troubled,
            emphasis=self._matches[group.members[0]].positions[2],
        )

    def _empty(self) -> tuple[Line, ...]:
        if not self._state.loaded:
            return message_lines("reading the deck…")
        if not self._state.sessions:
            return (
                *message_lines("No sessions yet"),
                (),
                (Span(" A session is one line of work:", Tone.MUTED),),
                (Span(" a branch, its worktree, a terminal.", Tone.MUTED),),
                (Span(" Work on many at once, see all here.", Tone.MUTED),),
                (),
                (Span(" Press "), Span("n", Tone.STRONG), Span(" to start the first one.")),
            )
        return (
            *message_lines("No session matches"),
            (Span(f" “{clean(self.filter_text, 60)}”", Tone.MUTED),),
            (),
            (Span(" "), Span("esc", Tone.STRONG), Span(" clears the filter.")),
        )

    # Selection

    def select(self, session_id: str) -> bool:
        """Select a session; returns whether it is among the rows."""
        if session_id not in self._stops:
            return False
        self.selected = session_id
        return True

    def watch_selected(self, old: str | None, new: str | None) -> None:
        """Bring the row on screen and tell."""
        if new is not None and new in self._stops:
            self.cursor = self._stops[new]
        self.post_message(self.Highlighted(self, new))

    def watch_cursor(self, old: int, new: int) -> None:
        """The cursor moved: select what it is on."""
        super().watch_cursor(old, new)
        if not 0 <= new < len(self._rows):
            return
        if self.selected is not None and self._stops.get(self.selected) == new:
            return
        it = self._rows[new]
        id_ = it.session_id if it.session_id is not None else self._groups[it.group].members[0]
        self.selected = id_

    def reveal(self, row: int) -> None:
        """Scroll as little as needed; the header above the first session of a group comes along."""
        above = row - 1
        if 0 <= above < len(self._rows) and self._rows[above].session_id is None:
            super().reveal(above)
        super().reveal(row)

    def next_group(self) -> None:
        """Select the first session of the next repository."""
        self._jump(1)

    def prev_group(self) -> None:
        """Select the first session of this repository, or of the one before when it is selected already."""
        self._jump(-1)

    def _jump(self, direction: int) -> None:
        starts = [row for row, it in enumerate(self._rows) if it.session_id is None]
        first = [row if self._is_collapsed(self._rows[row].group) else row + 1 for row in starts]
        later = [row for row in first if (row > self.cursor if direction > 0 else row < self.cursor)]
        if later:
            self.cursor = later[0] if direction > 0 else later[-1]

    def toggle_group(self, path: str) -> None:
        """Collapse or expand a repository."""
        if path not in self._groups:
            return
        self._collapsed ^= {path}
        self._arrange()
        self._repaint()

    def action_open(self) -> None:
        """Ask for the selected session's terminal."""
        if self.selected is not None:
            self.post_message(self.Opened(self, self.selected))

    def action_toggle_group(self) -> None:
        """Collapse or expand the repository of the selected session."""
        if 0 <= self.cursor < len(self._rows):
            self.toggle_group(self._rows[self.cursor].group)

    def action_next_group(self) -> None:
        """See `next_group`."""
        self.next_group()

    def action_prev_group(self) -> None:
        """See `prev_group`."""
        self.prev_group()

    def clicked(self, row: int, times: int) -> None:
        """A header folds; a session opens at the second click."""
        if row >= len(self._rows):
            return
        it = self._rows[row]
        if it.session_id is None:
            self.toggle_group(it.group)
        elif times == 2:
            self.action_open()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell which rows are on screen now."""
        super().watch_scroll_y(old_value, new_value)
        self._tell_view()

    def on_resize(self, event: events.Resize) -> None:
        """Tell which rows are on screen now (rows are laid out by the base's own handler)."""
        self._tell_view()
