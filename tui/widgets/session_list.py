"""The list of sessions, grouped by repository; workspaces are rows that open into their repositories.

The selection is a session id, never a row: sorting, filtering and sessions that come and go move rows, not the
selection. A collapsed repository is one row that stands for its sessions; resting there selects its first one.
Sessions can be marked, for what is done to many at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
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
from tui.widgets.session_filter import matched
from tui.widgets.session_order import (
    SORTS,
    Group,
    Sort,
    grouped,
    members_of,
    needs_attention,
    ordered,
    status_of,
)
from tui.widgets.spans import Line, Span, Tone, clean

MARK_CELLS = 2
"""Cells at the left of a row, a click in which marks it."""


class Row(NamedTuple):
    """One line of the list: a group's header, or a session."""

    session_id: str | None
    """The session shown; `None` for a header."""
    group: str
    """Key of its group; empty when the list is not grouped."""
    last: bool = False
    """Whether it is the last member of its workspace that is shown."""


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
        Binding("right", "unfold", "Unfold", show=False),
        Binding("left", "fold", "Fold", show=False),
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

    class Marked(Message):
        """Other sessions are marked than before."""

        def __init__(self, control: SessionList) -> None:
            super().__init__()
            self.session_list = control

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
        self._members: dict[str, tuple[str, ...]] = {}
        self._parents: dict[str, str] = {}
        self._opened: set[str] = set()
        self._found_in: dict[str, tuple[str, ...]] = {}
        self._marks: set[str] = set()
        self._clicked_column = 0
        self._matches: dict[str, fuzzy.Match] = {}
        self._wants: dict[str, tuple[SessionState, rows.Columns]] = {}
        self._columns = rows.Columns(1, 0, 0, 0, 0, 0)
        self._visible: tuple[str, ...] = ()
        self._told = ""
        self._home = os.path.expanduser("~")

    # State in

    def show(self, state: DeckState, now: float) -> None:
        """Show a snapshot; only rows that changed are repainted.

        Args:
            state: All of the deck.
            now: UNIX seconds, for ages.
        """
        before, self._state, self._now = self._state, state, now
        if before.loaded != state.loaded or not self._stays(before.sessions, state.sessions):
            self._arrange()
        self._repaint()

    def _stays(self, before: Mapping[str, SessionState], after: Mapping[str, SessionState]) -> bool:
        """Whether rows, their order and the columns stay as they are: only ages and readings differ, if anything."""
        if before is after:
            return True
        by_cpu = self.sort == "cpu"
        return before.keys() == after.keys() and all(
            state is (old := before[id_]) or _differs_by_ages(old, state, by_cpu) for id_, state in after.items()
        )

    def set_filter(self, text: str) -> None:
        """Show only sessions whose label, branch or repository matches every word; empty shows all."""
        self.filter_text = text

    def cycle_sort(self) -> Sort:
        """Go to the next order; returns it."""
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        return self.sort

    @property
    def shown_count(self) -> int:
        """Sessions that pass the filter; members of workspaces are no sessions of their own."""
        return sum(1 for id_ in self._matches if id_ not in self._parents)

    @property
    def summary(self) -> str:
        """What is shown, in words: `3 of 40 · by attention`."""
        total = len(self._state.sessions) - len(self._parents)
        count = f"{self.shown_count} of {total}" if self.filter_text.strip() else str(total)
        return f"{count} · by {self.sort}" if total else ""

    def watch_filter_text(self) -> None:
        """Filter at once; the best match is selected when the selected session is filtered out."""
        self._arrange()
        if self.selected not in self._stops and self._stops:
            self.selected = self._best_match()
        self._repaint()

    def _best_match(self) -> str:
        return max(self._stops, key=lambda id_: self._matches[id_].score)

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
        """All sessions that pass the filter, in the order of the rows.

        Those of collapsed repositories are among them, the members of closed workspaces are not.
        """
        return tuple(self._stops)

    def with_members(self, ids: tuple[str, ...]) -> tuple[str, ...]:
        """Sessions, and after each workspace that is not open its members, whose facts its row sums up."""
        found = ((id_, *(() if self.is_open(id_) else self._members.get(id_, ()))) for id_ in ids)
        return tuple(id_ for few in found for id_ in few)

    def _arrange(self) -> None:
        """Work out rows, groups, column wishes and where the selection is."""
        old_row = self._stops.get(self.selected or "", 0)
        sessions = self._state.sessions
        self._members = members_of(sessions)
        self._parents = {id_: workspace for workspace, ids in self._members.items() for id_ in ids}
        self._matches, self._found_in = matched(sessions, self._members, self.filter_text)
        shown = ordered(sessions, (id_ for id_ in self._matches if id_ not in self._parents), self.sort)
        self._groups = grouped(sessions, shown, self._home) if self.sort == "repository" else {}
        order = {path: group.members for path, group in self._groups.items()} if self._groups else {"": shown}
        self._rows, self._stops = [], {}
        for group, ids in order.items():
            if group:
                self._rows.append(Row(None, group))
            if self._is_collapsed(group):
                self._stops.update(dict.fromkeys(ids, len(self._rows) - 1))
                continue
            for id_ in ids:
                self._append(Row(id_, group))
        self._wish()
        self._follow(old_row)
        self._put_marks(self._marks & self._state.sessions.keys())
        summary = self.summary
        if summary != self._told:
            self._told = summary
            self.border_subtitle = Content(summary)

    def _append(self, row: Row) -> None:
        """Add the row of a session and, when it is an open workspace, those of its members."""
        assert row.session_id is not None
        self._stops[row.session_id] = len(self._rows)
        self._rows.append(row)
        inside = self._inside(row.session_id) if self.is_open(row.session_id) else ()
        for id_ in inside:
            self._stops[id_] = len(self._rows)
            self._rows.append(Row(id_, row.group, last=id_ == inside[-1]))

    def _inside(self, workspace: str) -> tuple[str, ...]:
        return self._found_in.get(workspace) or self._members.get(workspace, ())

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
            state, before = self._state.sessions[id_], self._wants[id_][1]
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
        above = self._parents.get(self.selected or "")
        if above in self._stops:
            self.selected = above
            return
        if self.selected is not None and self.filter_text.strip():
            self.selected = self._best_match()
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

    def is_open(self, session_id: str) -> bool:
        """Whether the members of a workspace are shown below it."""
        return session_id in self._found_in or (session_id in self._opened and bool(self._members.get(session_id)))

    def line_at(self, row: int, width: int) -> Line:
        """A header, a session's row, or a line of an empty state."""
        if not self._rows:
            return self._empty()[row]
        it = self._rows[row]
        selected = row == self.cursor
        if it.session_id is None:
            return self._header(it.group, width, selected)
        hit = self._matches[it.session_id].positions
        dress = rows.Dress(
            selected=selected,
            marked=it.session_id in self._marks,
            with_repository=self.sort != "repository",
            opened=self.is_open(it.session_id),
            last=it.last,
            emphasis=rows.Emphasis(hit[0], hit[1], frozenset(p for p in hit[2] if p < 24)),
        )
        columns = rows.plan(width, self._columns)
        state = self._state.sessions[it.session_id]
        return rows.session_row(state, columns, self._now, dress, self._status(it.session_id))

    def _status(self, session_id: str) -> rows.Status:
        sessions = self._state.sessions
        members = [sessions[id_] for id_ in self._members.get(session_id, ())]
        return status_of(sessions[session_id], members) if members else rows.status(sessions[session_id])

    def _header(self, path: str, width: int, selected: bool) -> Line:
        group = self._groups[path]
        collapsed = self._is_collapsed(path)
        return rows.group_row(
            group.name,
            group.hint,
            len(group.members),
            width,
            collapsed=collapsed,
            selected=selected,
            marks=len(self._marks.intersection(group.members)),
            troubled=sum(1 for id_ in group.members if needs_attention(self._state.sessions[id_])) if collapsed else 0,
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
        """Select a session; returns whether it is among the rows. A workspace opens for a member of it."""
        if session_id not in self._stops and session_id in self._matches and session_id in self._parents:
            self.set_open(self._parents[session_id], True)
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

    def set_open(self, workspace: str, opened: bool) -> None:
        """Show the members of a workspace below it, or don't."""
        if workspace not in self._members or (workspace in self._opened) == opened:
            return
        self._opened ^= {workspace}
        self._arrange()
        self._repaint()

    def action_unfold(self) -> None:
        """Unfold what is under the cursor; from an open workspace go into it."""
        row = self._row_under_cursor()
        if row is None:
            return
        if row.session_id is None:
            self.toggle_group(row.group)
        elif self.is_open(row.session_id):
            self.move(1)
        else:
            self.set_open(row.session_id, True)

    def action_fold(self) -> None:
        """One level out: from a member to its workspace, then close that, then fold its repository."""
        row = self._row_under_cursor()
        if row is None or row.session_id is None:
            return
        if row.session_id in self._parents:
            self.selected = self._parents[row.session_id]
        elif self.is_open(row.session_id) and row.session_id not in self._found_in:
            self.set_open(row.session_id, False)
        elif row.group and not self._is_collapsed(row.group):
            self.toggle_group(row.group)

    def _row_under_cursor(self) -> Row | None:
        return self._rows[self.cursor] if 0 <= self.cursor < len(self._rows) else None

    # Marks

    @property
    def marked(self) -> tuple[str, ...]:
        """Marked sessions in the order of the list, those that the filter hides behind the others."""
        shown = [id_ for top in self._stops for id_ in (top, *self._members.get(top, ()))]
        order = dict.fromkeys((*shown, *sorted(self._marks)))
        return tuple(id_ for id_ in order if id_ in self._marks)

    def toggle_mark(self) -> None:
        """Mark the selected session or take its mark off, and go to the next row; a header stands for all below it."""
        row = self._row_under_cursor()
        if row is None:
            return
        self._toggle(self._groups[row.group].members if row.session_id is None else (row.session_id,))
        self.move(1)

    def mark(self, session_id: str) -> None:
        """Mark a session."""
        self._put_marks(self._marks | ({session_id} & self._state.sessions.keys()))
        self.lines_changed()

    def mark_all(self) -> None:
        """Mark every session that passes the filter; when all are marked, none."""
        self._toggle(tuple(id_ for id_ in self._matches if id_ not in self._parents))

    def clear_marks(self) -> None:
        """Mark nothing."""
        self._put_marks(set())
        self.lines_changed()

    def _toggle(self, ids: tuple[str, ...]) -> None:
        self._put_marks(self._marks - set(ids) if self._marks.issuperset(ids) else self._marks | set(ids))
        self.lines_changed()

    def _put_marks(self, marks: set[str]) -> None:
        if marks != self._marks:
            self._marks = marks
            self.post_message(self.Marked(self))

    def action_next_group(self) -> None:
        """See `next_group`."""
        self.next_group()

    def action_prev_group(self) -> None:
        """See `prev_group`."""
        self.prev_group()

    def on_click(self, event: events.Click) -> None:
        """Take note of the column (the base's own handler, called next, says which row it was)."""
        offset = event.get_content_offset(self)
        self._clicked_column = offset.x if offset is not None else -1

    def clicked(self, row: int, times: int) -> None:
        """A header folds, a workspace's arrow opens it, the left edge marks; a session opens at the second click."""
        if row >= len(self._rows):
            return
        it, column = self._rows[row], self._clicked_column
        if it.session_id is None:
            self.toggle_group(it.group)
        elif 0 <= column < MARK_CELLS:
            self._toggle((it.session_id,))
        elif it.session_id in self._members and rows.GUTTER <= column < rows.GUTTER + 2:
            self.set_open(it.session_id, it.session_id not in self._opened)
        elif times == 2:
            self.action_open()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell which rows are on screen now."""
        super().watch_scroll_y(old_value, new_value)
        self._tell_view()

    def on_resize(self, event: events.Resize) -> None:
        """Tell which rows are on screen now (rows are laid out by the base's own handler)."""
        self._tell_view()


def _differs_by_ages(old: SessionState, new: SessionState, by_cpu: bool) -> bool:
    """Whether all that differs is when facts were read, and a reading of CPU and memory unless rows go by it."""
    return (
        old.session is new.session
        and old.jobs is new.jobs
        and old.run is new.run
        and old.terminal is new.terminal
        and (old.git.value is new.git.value or old.git.value == new.git.value)
        and old.git.error == new.git.error
        and (old.git.at is None) == (new.git.at is None)
        and (old.sample is None) == (new.sample is None)
        and (old.sample is new.sample or not by_cpu)
    )
