"""The dialog that types a line into the panes of sessions, and the report on where it did not arrive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from devdeck.live import Delivery
from devdeck.model import SessionState
from tui.screens.dialog import Choice, Dialog, labelled
from tui.widgets.field import Field
from tui.widgets.line_view import Facts, LineView
from tui.widgets.spans import Line, Span, Tone, by_words, clean, fit, line, wrapped
from tui.wording import in_keys

_CANCEL = Choice("esc", "cancel", "cancel")


class Audience(NamedTuple):
    """Sessions that text can go to."""

    name: str
    """As it is offered: `this`, `marked`, `all`."""
    states: tuple[SessionState, ...]


class Order(NamedTuple):
    """What is to be sent where."""

    session_ids: tuple[str, ...]
    text: str


class Audiences(LineView, can_focus=False):
    """Whom it goes to, one line each; a click chooses."""

    DEFAULT_CSS = """
    Audiences { height: auto; max-height: 3; }
    """

    class Chosen(Message):
        """Another audience was chosen."""

        def __init__(self, row: int) -> None:
            super().__init__()
            self.row = row

    def __init__(self, audiences: Sequence[Audience], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.audiences = tuple(audiences)
        self.chosen = 0

    def choose(self, row: int) -> None:
        """Choose one."""
        self.chosen = min(max(row, 0), len(self.audiences) - 1)
        self.cursor = self.chosen
        self.lines_changed()
        self.refresh()
        self.post_message(self.Chosen(self.chosen))

    def line_count(self) -> int:
        """One an audience."""
        return len(self.audiences)

    def line_at(self, row: int, width: int) -> Line:
        """How many there are, and what runs in their panes."""
        audience = self.audiences[row]
        mark = Span("● ", Tone.RUNNING) if row == self.chosen else Span("○ ", Tone.MUTED)
        count = len(audience.states)
        name = audience.states[0].session.label if audience.name == "this" else f"{audience.name} {count}"
        tone = Tone.STRONG if row == self.chosen else Tone.LABEL
        who = fit((Span(clean(name, 80), tone),), max(10, min(30, width // 2)))
        return line(mark, who, "  ", Span(programs(audience.states), Tone.MUTED))

    def clicked(self, row: int, times: int) -> None:
        """Choose what was clicked."""
        self.choose(row)


class SendText(Dialog[Order]):
    """Gives back the line and where it goes, or nothing."""

    TITLE_TEXT = "Send text"
    FIRST = "#send-text"
    DEFAULT_CSS = """
    SendText {
        & #dialog { width: 92; }
        & #send-names { margin: 0 0 1 16; }
    }
    """

    def __init__(self, audiences: Sequence[Audience], chosen: int = 0, text: str = "") -> None:
        """Offer audiences, none of them empty.

        Args:
            audiences: Whom it can go to.
            chosen: Which of them at first.
            text: What is typed already.
        """
        super().__init__()
        self._audiences = tuple(audiences)
        self._first = chosen
        self._text = text

    def body(self) -> ComposeResult:
        """Whom it goes to, and the line."""
        yield labelled("To", Audiences(self._audiences, id="send-where"))
        yield Facts(id="send-names")
        yield labelled("Text", Field(self._text, placeholder="typed into the pane, followed by Enter", id="send-text"))

    def on_mount(self) -> None:
        """Say where it goes."""
        self._choose(self._first)
        choices = [Choice("⏎", "send", "submit")]
        if len(self._audiences) > 1:
            choices.append(Choice("↑↓", "to whom", "step(1)"))
        self.offer((*choices, _CANCEL))

    def _choose(self, row: int) -> None:
        self.query_one(Audiences).choose(row)

    def on_audiences_chosen(self, event: Audiences.Chosen) -> None:
        """Name the sessions."""
        self._tell_names()

    def on_resize(self) -> None:
        """Name as many as there is room for now; at first there was none."""
        self.call_after_refresh(self._tell_names)

    def _tell_names(self) -> None:
        states = self._audiences[self.query_one(Audiences).chosen].states
        names = [clean(state.session.label, 60) for state in states] if len(states) > 1 else []
        facts = self.query_one("#send-names", Facts)
        facts.put(names_lines(names, facts.view_width))

    def step(self, delta: int) -> None:
        """Choose another audience."""
        self._choose(self.query_one(Audiences).chosen + delta)

    def action_step(self, delta: int) -> None:
        """Choose the next audience, after the last the first."""
        self._choose((self.query_one(Audiences).chosen + delta) % len(self._audiences))

    def action_submit(self) -> None:
        """Send."""
        self.submit()

    def submit(self) -> None:
        """Give back the line; an empty one is a bare Enter."""
        audience = self._audiences[self.query_one(Audiences).chosen]
        ids = tuple(state.session.id for state in audience.states)
        self.dismiss(Order(ids, self.query_one("#send-text", Field).value))


def audiences_of(
    selected: SessionState | None, marked: Sequence[SessionState], everything: Sequence[SessionState]
) -> tuple[Audience, ...]:
    """Whom text can go to: this one, those marked, all that have a terminal of their own; empty ones are left out."""
    found = (
        Audience("this", () if selected is None else (selected,)),
        Audience("marked", tuple(marked)),
        Audience("all", tuple(state for state in everything if listens(state))),
    )
    return tuple(audience for audience in found if audience.states)


def names_lines(names: Sequence[str], width: int) -> tuple[Line, Line]:
    """Names in two lines; how many more there are when they are too many."""
    rows = ["", ""]
    for number, name in enumerate(names):
        comma = "" if number == len(names) - 1 else ", "
        more = f"and {len(names) - number} more"
        if cell_len(rows[0] + name + comma) <= width and not rows[1]:
            rows[0] += name + comma
        elif cell_len(rows[1] + name + comma) + (len(more) if comma else 0) <= width:
            rows[1] += name + comma
        else:
            rows[1] += more
            break
    return (Span(rows[0], Tone.MUTED),), (Span(rows[1], Tone.MUTED),)


def listens(state: SessionState) -> bool:
    """Whether text for all goes to a session too: it is devdeck's own, and not known to have no terminal."""
    session = state.session
    known_gone = state.terminal.value is None and state.terminal.at is not None and not state.terminal.error
    return session.managed and session.parent is None and not known_gone


def programs(states: Sequence[SessionState]) -> str:
    """What runs in the active panes, the most frequent first: `bash in 3, vim in 1`."""
    counts: Counter[str] = Counter()
    for state in states:
        terminal = state.terminal.value
        pane = terminal.active_pane if terminal is not None else None
        counts[clean(pane.command, 30) if pane is not None else ""] += 1
    if len(states) == 1:
        return next((f"{name} is running there" for name in counts if name), "it has no terminal now")
    words = [f"{name} in {count}" if name else f"no terminal in {count}" for name, count in counts.most_common(4)]
    return ", ".join(words) + (" …" if len(counts) > 4 else "")


class Deliveries(LineView, can_focus=False):
    """What became of the text, one line a session."""

    HAS_CURSOR = False
    DEFAULT_CSS = """
    Deliveries { height: auto; max-height: 14; }
    """


class SendReport(Dialog[tuple[str, ...]]):
    """Says where text did not arrive and why; gives back the sessions that it shall be forced on."""

    TITLE_TEXT = "Not sent everywhere"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("F", "force", "Send anyway", show=False),
        Binding("enter,q", "cancel", "Close", show=False),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, text: str, deliveries: Sequence[Delivery]) -> None:
        super().__init__()
        self._text = text
        self._deliveries = tuple(deliveries)

    @property
    def forcible(self) -> tuple[str, ...]:
        """Ids of the sessions that only refused because something else than a shell runs there."""
        return tuple(it.session_id for it in self._deliveries if not it.sent and it.may_force)

    def body(self) -> ComposeResult:
        """The text, and the sessions."""
        yield Facts(id="report-text")
        yield Deliveries(id="report-lines")

    def on_mount(self) -> None:
        """Show it."""
        sent = sum(1 for it in self._deliveries if it.sent)
        about = line(Span(f"sent to {sent} of {len(self._deliveries)}: ", Tone.MUTED), Span(clean(self._text, 200)))
        self.query_one("#report-text", Facts).put((about, ()))
        self._show()
        refused = [it.label for it in self._deliveries if it.session_id in self.forcible]
        whom = clean(refused[0], 40) if len(refused) == 1 else str(len(refused))
        choices = [Choice("F", f"send anyway to {whom}", "force")] if refused else []
        self.offer((*choices, Choice("esc", "leave it", "cancel")))

    def _show(self) -> None:
        view = self.query_one(Deliveries)
        ordered = sorted(self._deliveries, key=lambda it: it.sent)
        width = view.view_width if view.size.width else 70
        view.put(tuple(row for it in ordered for row in delivery_lines(it, width)))

    def on_resize(self) -> None:
        """Break the reasons anew."""
        self.call_after_refresh(self._show)

    def action_scroll(self, lines: int) -> None:
        """Scroll the sessions."""
        self.query_one(Deliveries).scroll_relative(y=lines, animate=False)

    def action_force(self) -> None:
        """Send to those that refused."""
        if self.forcible:
            self.dismiss(self.forcible)


def delivery_lines(delivery: Delivery, width: int) -> tuple[Line, ...]:
    """Whether text arrived at a session, and why not and what to do about it, in rows of at most `width` cells."""
    label = Span(clean(delivery.label, 80), Tone.LABEL)
    if delivery.sent:
        words = "  sent" if delivery.confirmed else "  sent, not read yet"
        return (line(Span("✓ ", Tone.PASSED), label, Span(words, Tone.MUTED)),)
    # The session's name stands before it already.
    why = clean(delivery.error, 300).removeprefix(f"'{delivery.label}' ").removeprefix("is ")
    rows = [line(Span("✗ ", Tone.FAILED), label, Span(f"  {why}", Tone.DIRTY))]
    if delivery.hint:
        rows.append((Span(f"  {clean(in_keys(delivery.hint), 300)}", Tone.MUTED),))
    return tuple(part for row in rows for part in wrapped(by_words(row), width, 2))
