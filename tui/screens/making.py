"""What the dialogs that make sessions have in common."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from devdeck.errors import DeckError
from devdeck.live import LiveDeck, Setup
from devdeck.model import Session
from tui.actions import ACTIONS
from tui.screens.branches import setup_words
from tui.screens.dialog import Choice, Dialog
from tui.screens.trust import allowed
from tui.widgets.line_view import Facts
from tui.widgets.picker import PickField, PickList
from tui.widgets.spans import Line, Span, Tone, by_words, clean, line, wrapped
from tui.wording import in_keys

_log = logging.getLogger(__name__)

CANCEL = Choice("esc", "cancel", "cancel")
PROBLEM_ROWS = 4
"""Most rows for what is wrong with a configuration; half of them where rows are few."""
TALL = 32
"""Rows of a screen that has room."""
Order = Callable[[], Awaitable[Session]]
"""What is to be made: called, it gives the session by and by."""


class Maker(Dialog[str]):
    """Makes a session and gives back its id; what was typed stays when it can't be made.

    The making belongs to the app: it goes on when the dialog is closed meanwhile.
    """

    DEFAULT_CSS = """
    Maker {
        & #dialog { width: 92; }
        & .heading { margin-top: 1; }
        & PickList { height: 10; }
        &.-short PickList { height: 5; }
        & .after { margin-top: 1; }
    }
    """
    VERTICAL_BREAKPOINTS = [(0, "-short"), (TALL, "-tall")]  # noqa: RUF012  no ClassVar in the base
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "Create", show=False)]
    DOING: ClassVar[str] = "making branch, worktree and terminal"

    def __init__(self, deck: LiveDeck) -> None:
        super().__init__()
        self.deck = deck
        self.home = os.path.expanduser("~")
        self.known = deck.repositories()
        self.busy = False
        self._over = False

    # What a dialog says

    def ready(self) -> bool:
        """Whether everything that is needed is there; else say what is missing."""
        raise NotImplementedError

    def repositories_meant(self) -> Sequence[str]:
        """Paths of the repositories whose configuration counts."""
        raise NotImplementedError

    def order(self) -> Order:
        """What is to be made, as it is typed now."""
        raise NotImplementedError

    # Making

    def submit(self) -> None:
        """Make it, unless something is missing."""
        if self.busy or not self.ready():
            return
        self.busy = True
        self.complain(f"… {self.DOING}", tone=Tone.MUTED)
        self.app.run_worker(
            self._make(self.order(), tuple(self.repositories_meant())),
            group="intent",
            name=f"making by {type(self).__name__}",
            exit_on_error=False,
        )

    async def _make(self, order: Order, paths: Sequence[str]) -> None:
        try:
            if not await allowed(self.app, self.deck, paths):
                self.busy = False
                if not self._over:
                    self.complain("nothing was made", tone=Tone.MUTED)
                return
            made = await order()
        except DeckError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001  a bug in the making must not leave the dialog waiting for ever
            _log.exception("making failed")
            self._failed(DeckError(f"{type(error).__name__}: {error}", "the log has the details"))
        else:
            self._made(made)

    def _failed(self, error: DeckError) -> None:
        self.busy = False
        if self._over:
            words = clean(f"{error.message}. {in_keys(error.hint)}" if error.hint else error.message, 400)
            self.app.notify(words, title=self.TITLE_TEXT, severity="error", markup=False)
        else:
            self.complain(error.message, error.hint)

    def _made(self, made: Session) -> None:
        self.busy = False
        if self._over:
            self.app.notify(clean(made.label, 200), title="made", markup=False)
        else:
            self.dismiss(made.id)

    def action_cancel(self) -> None:
        """Close; what is being made already is made."""
        self._over = True
        self.dismiss(None)

    def action_submit(self) -> None:
        """Make it."""
        self.submit()

    def hand_over(self, other: Maker) -> None:
        """Let another dialog make the session; when it does not, this one is there again."""

        def closed(made: str | None) -> None:
            if made is not None:
                self.dismiss(made)

        self.app.push_screen(other, closed)

    def action_tab(self) -> None:
        """To the next field."""
        self.focus_next()

    def action_step(self, delta: int) -> None:
        """The next in the list."""
        self.step(delta)

    # Lists below fields

    @property
    def list(self) -> PickList:
        """The list that belongs to the field with the focus."""
        return self.query_one(PickList)

    def step(self, delta: int) -> None:
        """Go through the list that is shown."""
        if self.list.field is not None:
            self.list.field.step(delta)

    def list_for(self, field: PickField) -> None:
        """Show the options of a field, with a heading."""
        heading, empty = self.heading_of(field)
        self.query_one(".heading", Facts).put((heading,))
        self.list.show(field, empty)

    def heading_of(self, field: PickField) -> tuple[Line, str]:
        """What stands above a field's options, and what is said when there are none."""
        raise NotImplementedError

    def on_pick_field_listed(self, event: PickField.Listed) -> None:
        """Show it, when its list is the one that is shown."""
        event.stop()
        if self.list.field is event.field:
            self.list_for(event.field)

    def tell_setup(self, setup: Setup | None, problem: str, *, foreign: bool = False) -> None:
        """Say what would be set up; in a session of somebody else's code nothing yet."""
        self.query_one(SetupLine).show(setup, problem, foreign=foreign)


class SetupLine(Facts):
    """What would be set up in the session, in one line."""

    def __init__(self) -> None:
        super().__init__()
        self._setup: Setup | None = None
        self._problem = ""
        self._foreign = False

    def show(self, setup: Setup | None, problem: str, *, foreign: bool = False) -> None:
        """Say it, or why it is not known."""
        self._setup, self._problem, self._foreign = setup, problem, foreign
        self._told()

    def on_resize(self, event: events.Resize) -> None:
        """Break it anew."""
        super().on_resize(event)
        self._told()

    def _told(self) -> None:
        width = self.size.width or 60
        if not self._problem:
            self.put((self._words(width),))
            return
        rows = wrapped(by_words((Span(f"✗ {clean(self._problem, 600)}", Tone.FAILED),)), width, 2)
        cut = (Span("  … ", Tone.MUTED), Span("devdeck config check", Tone.STRONG), Span(" says all of it", Tone.MUTED))
        most = PROBLEM_ROWS if self.app.size.height >= TALL else PROBLEM_ROWS // 2
        self.put(rows if len(rows) <= most else (*rows[: most - 1], cut))

    def _words(self, width: int) -> Line:
        if self._setup is None:
            return (Span("…", Tone.MUTED),)
        if self._foreign and self._setup.digest:
            key = ACTIONS["session.init"].key
            return line(
                Span("nothing yet: it may be somebody else's code · ", Tone.DIRTY),
                Span(key, Tone.STRONG),
                " asks later",
            )
        return setup_words(self._setup, width)
