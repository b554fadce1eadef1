"""The dialog that gives a session another name."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Input

from devdeck.errors import DeckError
from devdeck.live import LiveDeck
from devdeck.model import Session
from tui.screens.dialog import Choice, Dialog, labelled
from tui.widgets.field import Field
from tui.widgets.line_view import Facts
from tui.widgets.spans import Line, Span, Tone, clean


class Rename(Dialog[str]):
    """Renames a session and gives back its id."""

    TITLE_TEXT = "Rename session"
    FIRST = "#rename-label"
    DEFAULT_CSS = """
    Rename {
        & #rename-note { margin: 0 0 0 14; }
    }
    """

    def __init__(self, deck: LiveDeck, session: Session) -> None:
        super().__init__()
        self._deck = deck
        self._session = session
        self._busy = False

    def body(self) -> ComposeResult:
        """The field, and what goes with the name."""
        yield labelled("Label", Field(self._session.label, placeholder=self._session.label, id="rename-label"))
        yield Facts(id="rename-note")

    def on_mount(self) -> None:
        """Say what is renamed."""
        self.offer((Choice("⏎", "rename", "submit"), Choice("esc", "cancel", "cancel")))
        self._say()

    @property
    def label(self) -> str:
        """The new name, as typed."""
        return self.query_one("#rename-label", Field).value.strip()

    def _why(self) -> str:
        return self._deck.check_label(self.label) if self.label and self.label != self._session.label else ""

    def _say(self) -> None:
        why = self._why()
        lines = ((Span(f"✗ {clean(why, 300)}", Tone.FAILED),), ()) if why else _goes_with(self._session)
        self.query_one("#rename-note", Facts).put(lines)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what can't be used."""
        event.stop()
        self._say()
        if not self._busy:
            self.complain("")

    def step(self, delta: int) -> None:
        """There is no list."""

    def action_submit(self) -> None:
        """Rename."""
        self.submit()

    def submit(self) -> None:
        """Rename, unless the name can't be used."""
        if self._busy or self._why():
            return
        if not self.label:
            self.complain("a label is missing", "esc leaves it as it is")
        elif self.label == self._session.label:
            self.dismiss(None)
        else:
            self._busy = True
            self.complain("… renaming", tone=Tone.MUTED)
            self.run_worker(self._rename(self.label), exit_on_error=False, name="rename")

    async def _rename(self, label: str) -> None:
        try:
            renamed = await self._deck.rename(self._session.id, label)
        except DeckError as error:
            self.complain(error.message, error.hint)
        else:
            self.dismiss(renamed.id)
        finally:
            self._busy = False


def _goes_with(session: Session) -> tuple[Line, Line]:
    """Which branches are renamed too, and which keep their names."""
    named = [place for place in session.places if place.branch]
    own = [place for place in named if place.managed_branch and place.branch == session.label]
    terminal: Line = (Span("its terminal is renamed too", Tone.MUTED),)
    if len(session.places) > 1:
        words = f"so is its branch in {len(own)} of {len(session.places)} repositories"
    elif own:
        words = "so is its branch, which devdeck made"
    elif named:
        words = f"its branch {clean(named[0].branch or '', 80)} keeps its name"
    else:
        words = ""
    return terminal, (Span(words, Tone.MUTED),)
