"""The dialog that types a line into a session's pane."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Input

from devdeck.model import SessionState
from tui.screens.dialog import Choice, Dialog
from tui.widgets.line_view import Facts
from tui.widgets.spans import Span, Tone, clean


class SendText(Dialog[str]):
    """Gives back the line, or nothing."""

    TITLE_TEXT = "Send text"

    def __init__(self, state: SessionState) -> None:
        super().__init__()
        self._state = state

    def body(self) -> ComposeResult:
        """Where it goes, and the line."""
        yield Facts(id="send-where")
        yield Input(placeholder="typed into the pane, followed by Enter", id="send-text")

    def on_mount(self) -> None:
        """Say where it goes."""
        terminal = self._state.terminal.value
        pane = terminal.active_pane if terminal is not None else None
        program = f"{clean(pane.command, 60)} is running there" if pane is not None else "it has no terminal now"
        self.query_one("#send-where", Facts).put(
            ((Span(clean(self._state.session.label, 80), Tone.STRONG), Span(f" · {program}", Tone.MUTED)), ())
        )
        self.offer((Choice("⏎", "send", "send"), Choice("esc", "cancel", "cancel")))
        self.query_one("#send-text", Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send."""
        event.stop()
        self.action_send()

    def action_send(self) -> None:
        """Give back the line; an empty one is a bare Enter."""
        self.dismiss(self.query_one("#send-text", Input).value)
