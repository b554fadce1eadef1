"""What every dialog has in common: a box in the middle, a line for errors, and clickable choices at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Label

from tui.widgets.bar import Bar, Part
from tui.widgets.line_view import Facts
from tui.widgets.spans import Line, Span, Tone, by_words, clean, wrapped
from tui.wording import in_keys

T = TypeVar("T")


class Choice(NamedTuple):
    """One thing that a dialog offers."""

    key: str
    """As shown."""
    words: str
    target: str
    """Name of the action that a click runs."""


class Dialog(ModalScreen[T]):
    """A box with a title, a body, a line for errors and choices."""

    TITLE_TEXT: ClassVar[str] = ""
    FIRST: ClassVar[str] = ""
    """Selector of what has the focus at first: it gets the keys that were typed before the dialog stood."""
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: $background 60%;
        & #dialog {
            width: 76; max-width: 96%; height: auto; max-height: 96%;
            border: round $deck-border-focus; background: $surface;
            border-title-color: $deck-label; border-title-style: bold;
            padding: 1 2 0 2;
        }
        & LineView { background: $surface; }
        & #dialog-choices { margin-top: 1; margin-bottom: 0; }
        & Input {
            border: none; border-left: thick $deck-border; height: 1; padding: 0 1; background: $panel;
            &:focus { border: none; border-left: thick $deck-border-focus; }
            & > .input--placeholder, & > .input--suggestion { color: $deck-muted; }
        }
        & .field { height: auto; width: 1fr; }
        & .field Label { width: 14; color: $deck-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self._early: list[events.Key] | None = [] if self.FIRST else None

    def post_message(self, message: Message) -> bool:
        """Keep keys back until something can take them."""
        if self._early is not None and isinstance(message, events.Key):
            self._early.append(message)
            return True
        return super().post_message(message)

    def on_mount(self) -> None:
        """Give the focus away, and with it the keys that came too early, in one go: none may come in between."""
        early, self._early = self._early, None
        if early is None:
            return
        first = self.query_one(self.FIRST)
        self.set_focus(first, scroll_visible=False)
        for key in early:
            first.post_message(key)

    def compose(self) -> ComposeResult:
        """The box."""
        with Container(id="dialog") as box:
            box.border_title = Content(self.TITLE_TEXT)
            yield from self.body()
            yield Facts(id="dialog-error")
            yield Bar(id="dialog-choices")

    def body(self) -> ComposeResult:
        """What is between title and choices."""
        raise NotImplementedError

    def offer(self, choices: Sequence[Choice]) -> None:
        """Show the choices."""
        parts = [
            Part((Span(choice.key, Tone.STRONG), Span(f" {choice.words}   ", Tone.MUTED)), choice.target)
            for choice in choices
        ]
        self.query_one("#dialog-choices", Bar).say(parts)

    def complain(self, message: str, hint: str = "", tone: Tone = Tone.FAILED) -> None:
        """Show what is wrong, or nothing."""
        lines: list[Line] = []
        if message:
            glyph = "✗ " if tone is Tone.FAILED else ""
            lines.append((Span(f"{glyph}{clean(message, 300)}", tone),))
        if hint:
            lines.append((Span(clean(in_keys(hint), 300), Tone.MUTED),))
        facts = self.query_one("#dialog-error", Facts)
        width = facts.size.width or 70
        facts.put(tuple(part for row in lines for part in wrapped(by_words(row), width, 2)) or ((),))

    async def on_bar_pressed(self, event: Bar.Pressed) -> None:
        """A choice was clicked."""
        event.stop()
        await self.run_action(event.target)

    def action_cancel(self) -> None:
        """Close without doing anything."""
        self.dismiss(None)


def labelled(words: str, widget: Widget, *, classes: str = "") -> Horizontal:
    """A field with its name on the left."""
    return Horizontal(Label(words, markup=False), widget, classes=f"field {classes}".strip())
