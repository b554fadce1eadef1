"""The trash: removed sessions, to be brought back or deleted for good."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from devdeck.errors import DeckError
from devdeck.live import LiveDeck
from devdeck.model import TrashEntry
from tui.screens.dialog import Choice, Dialog
from tui.widgets import rows
from tui.widgets.field import TextLine
from tui.widgets.line_view import Facts, LineView
from tui.widgets.plot import format_value
from tui.widgets.spans import Line, Span, Tone, by_words, clean, fit, line, shorten, wrapped

MOST = 200
"""Entries that are shown."""
REPOSITORY, SIZE, AGE, EXPIRES = 16, 7, 9, 8
"""Widths of the columns after the label, in cells."""
READ_ONLY = "this dashboard is read-only"


class Entries(LineView):
    """Removed sessions, one a row."""

    DEFAULT_CSS = """
    Entries { height: auto; min-height: 1; max-height: 45vh; }
    """

    class Moved(Message):
        """The cursor is on another entry."""

    class Chosen(Message):
        """An entry was clicked twice."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: tuple[TrashEntry, ...] = ()
        self._now = 0.0

    def show(self, entries: tuple[TrashEntry, ...], now: float) -> None:
        """Show these; the cursor stays where it is."""
        self.entries, self._now = entries, now
        self.lines_changed()
        self.cursor = max(0, min(self.cursor, len(entries) - 1)) if entries else -1
        self.refresh()
        self.post_message(self.Moved())

    @property
    def current(self) -> TrashEntry | None:
        """The entry under the cursor."""
        return self.entries[self.cursor] if 0 <= self.cursor < len(self.entries) else None

    def line_count(self) -> int:
        """One an entry."""
        return len(self.entries)

    def line_at(self, row: int, width: int) -> Line:
        """Label, repository, size and ages."""
        return entry_line(self.entries[row], self._now, width, selected=row == self.cursor)

    def watch_cursor(self, old: int, new: int) -> None:
        """Tell."""
        super().watch_cursor(old, new)
        self.post_message(self.Moved())

    def clicked(self, row: int, times: int) -> None:
        """The second click restores."""
        if times == 2 and row < len(self.entries):
            self.post_message(self.Chosen())


def label_room(width: int) -> int:
    """Cells of the first column."""
    return max(8, width - REPOSITORY - SIZE - AGE - EXPIRES - 8)


def columns(width: int, label: Line, repository: Line, size: Line, age: Line, expires: Line) -> Line:
    """One row of the table."""
    return line(
        fit(label, label_room(width)),
        "  ",
        fit(repository, REPOSITORY),
        "  ",
        fit(size, SIZE, right=True),
        "  ",
        fit(age, AGE, right=True),
        "  ",
        fit(expires, EXPIRES, right=True),
    )


def entry_line(entry: TrashEntry, now: float, width: int, *, selected: bool = False) -> Line:
    """An entry as a row of the table."""
    session = entry.session
    count = len(session.members)
    many = ((Span(f"  {rows.counted(count, 'repo')}", Tone.MUTED),), (Span(f" ×{count}", Tone.MUTED),))
    name = (Span("▌ " if selected else "  ", Tone.STRONG), Span(clean(session.label), Tone.LABEL))
    left = "" if entry.expires_at is None else "due" if entry.expires_at <= now else _left(entry.expires_at - now)
    return columns(
        width,
        rows.with_tails(name, (many,) if count else (), label_room(width)),
        (Span(shorten(clean(session.repository, 80), REPOSITORY), Tone.MUTED),),
        (Span(format_value(entry.size, "bytes")),),
        (Span(rows.ago(now - entry.at), Tone.MUTED),),
        (Span(left if left in ("", "due") else f"in {left}", Tone.MUTED),),
    )


def _left(seconds: float) -> str:
    """Time that is left; rounded to days, so that what was just removed has all of them before it."""
    days = round(seconds / 86400)
    return f"{min(999, days)}d" if days >= 2 else rows.age(seconds)


def heading(width: int, *, expires: bool) -> Line:
    """The names of the columns."""
    names = ("  session", "repository", "size", "removed", "deleted" if expires else "")
    return columns(width, *((Span(name, Tone.MUTED),) for name in names))


def details(entry: TrashEntry) -> tuple[Line, ...]:
    """Where an entry's session was, and what the trash did not keep of it."""
    session, home = entry.session, os.path.expanduser("~")
    branches = ", ".join(dict.fromkeys(clean(place.branch, 80) for place in session.places if place.branch))
    dropped = [path for part in entry.parts for path in part.dropped]
    lines: list[Line] = [
        line(Span("branch  ", Tone.MUTED), Span(branches or "none", Tone.BRANCH)),
        line(Span("was in  ", Tone.MUTED), Span(rows.path_hint(session.worktree, home))),
    ]
    if dropped:
        few = ", ".join(clean(path, 60) for path in dropped[:4])
        more = f" and {len(dropped) - 4} more" if len(dropped) > 4 else ""
        lines.append(line(Span("! not kept, as it was ignored and large: ", Tone.DIRTY), Span(few + more)))
    return tuple(lines)


class Head(Facts):
    """What stands above the list: the names of its columns, or that it is empty."""

    class Sized(Message):
        """It has a size now, or another one."""

    def on_resize(self, event: events.Resize) -> None:
        """Tell: a dialog is laid out in steps, and the first size is not the last."""
        self.post_message(self.Sized())


class Trash(Dialog[str]):
    """Lists the trash. Gives back the id of the session that was restored last, if any was."""

    TITLE_TEXT = "Trash"
    DEFAULT_CSS = """
    Trash {
        & #dialog { width: 104; border-subtitle-color: $deck-muted; }
        & #trash-about { margin-top: 1; }
        & #trash-label { margin-top: 1; display: none; }
        &.-naming #trash-label { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "restore", "Restore", show=False),
        Binding("D,delete", "arm", "Delete for good", show=False),
        Binding("y", "drop", "Yes", show=False),
        Binding("n,q", "cancel", "Back", show=False),
    ]

    def __init__(self, deck: LiveDeck) -> None:
        super().__init__()
        self._deck = deck
        self._entries: tuple[TrashEntry, ...] | None = None
        self._restored: str | None = None
        self._armed = False
        self._busy = False

    def body(self) -> ComposeResult:
        """The list, and what is known of the entry chosen."""
        yield Head(id="trash-head")
        yield Entries(id="trash-entries")
        yield Facts(id="trash-about")
        yield TextLine(id="trash-label", select_on_focus=False)

    @property
    def _list(self) -> Entries:
        return self.query_one(Entries)

    def on_mount(self) -> None:
        """Read the trash."""
        self._list.focus()
        self._say()
        self._work("… reading the trash", self._read)

    def on_head_sized(self, event: Head.Sized) -> None:
        """The columns are as wide as there is room."""
        event.stop()
        self._say()

    # What is said

    def _say(self) -> None:
        entries = self._entries
        above, about = self.query_one("#trash-head", Facts), self.query_one("#trash-about", Facts)
        width = above.view_width if above.size.width else 96
        head: tuple[Line, ...] = ()
        said: tuple[Line, ...] = ()
        if entries is not None and not entries:
            head = (
                (Span("The trash is empty.", Tone.STRONG),),
                (),
                (Span("What x removes comes here with all that it held.", Tone.MUTED),),
            )
        elif entries:
            head = (heading(width, expires=any(it.expires_at is not None for it in entries)),)
            entry = self._list.current
            about_it = details(entry) if entry is not None else ()
            said = tuple(part for it in about_it for part in wrapped(by_words(it), width, 8))
        above.put(head)
        about.put(said)
        about.display = bool(said)
        self._list.display = bool(entries)
        self.query_one("#dialog").border_subtitle = self._summary()
        self._offer()

    def _summary(self) -> str:
        entries = self._entries
        if not entries:
            return ""
        size = format_value(sum(entry.size for entry in entries), "bytes")
        cut = f"the newest {MOST} of " if len(entries) > MOST else ""
        return f"{cut}{rows.counted(len(entries), 'session')} · {size}"

    def _offer(self) -> None:
        close = Choice("esc", "close", "cancel")
        if not self._entries or self._deck.read_only:
            self.offer((close,))
        elif self.has_class("-naming"):
            self.offer((Choice("⏎", "restore under this name", "restore"), Choice("esc", "back", "cancel")))
        elif self._armed:
            self.offer((Choice("y", "yes, delete it for good", "drop"), Choice("esc", "keep it", "cancel")))
        else:
            self.offer((Choice("⏎", "restore", "restore"), Choice("D", "delete for good …", "arm"), close))

    def on_entries_moved(self, event: Entries.Moved) -> None:
        """Another entry: what was asked of the one before is off."""
        event.stop()
        if self._armed:
            self._disarm()
        self._say()

    def on_entries_chosen(self, event: Entries.Chosen) -> None:
        """Restore it."""
        event.stop()
        self.action_restore()

    # What is done

    def _work(self, words: str, work: Callable[[], Awaitable[None]]) -> None:
        if self._busy:
            return
        self._busy = True
        self.complain(words, tone=Tone.MUTED)

        async def guarded() -> None:
            try:
                await work()
            except DeckError as error:
                self.complain(error.message, error.hint)
            finally:
                self._busy = False

        self.run_worker(guarded(), exit_on_error=False, name="trash")

    async def _read(self) -> None:
        self._entries = await self._deck.trash()
        self._list.show(self._entries[:MOST], self._deck.now())
        self.complain(READ_ONLY if self._deck.read_only and self._entries else "", tone=Tone.MUTED)
        self._say()

    def _may(self) -> TrashEntry | None:
        """The entry under the cursor, if anything may be done to it now."""
        if self._deck.read_only:
            self.complain(READ_ONLY, "start devdeck without --read-only", Tone.DIRTY)
            return None
        return None if self._busy else self._list.current

    def action_restore(self) -> None:
        """Bring the entry back; where its label is taken, ask for another one first."""
        entry = self._may()
        if entry is None or self._armed:
            return
        field = self.query_one("#trash-label", Input)
        naming = self.has_class("-naming")
        label = field.value.strip() if naming else entry.session.label
        if why := self._deck.check_label(label) if label else "a label is needed":
            self.add_class("-naming")
            if not naming:
                field.value = label
                field.cursor_position = len(label)
                field.focus()
            self.complain(why, "under which name?")
            self._offer()
            return

        async def restore() -> None:
            made = await self._deck.restore(entry.id, label if label != entry.session.label else None)
            self._restored = made.id
            self._leave_naming()
            await self._read()
            self.complain(f"✓ {clean(made.label, 80)} is back", tone=Tone.PASSED)

        self._work(f"… restoring {clean(label, 80)}", restore)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Restore under the name typed."""
        event.stop()
        self.action_restore()

    def action_arm(self) -> None:
        """The first of two steps."""
        entry = self._may()
        if entry is not None and not self.has_class("-naming"):
            self._armed = True
            size = format_value(entry.size, "bytes")
            self.complain(f"y deletes {clean(entry.session.label, 80)} for good: {size} that nothing brings back")
            self._offer()

    def action_drop(self) -> None:
        """The second of two steps."""
        entry = self._may()
        if entry is None or not self._armed:
            return
        self._armed = False

        async def drop() -> None:
            await self._deck.drop(entry.id)
            await self._read()

        self._work(f"… deleting {clean(entry.session.label, 80)}", drop)

    def _disarm(self) -> None:
        self._armed = False
        self.complain("")
        self._offer()

    def _leave_naming(self) -> None:
        self.remove_class("-naming")
        self._list.focus()
        self.complain("")
        self._offer()

    def action_cancel(self) -> None:
        """One level out: the name, the question, the trash."""
        if self.has_class("-naming"):
            self._leave_naming()
        elif self._armed:
            self._disarm()
        else:
            self.dismiss(self._restored)
