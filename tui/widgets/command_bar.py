"""The line at the bottom where commands, tasks, shell commands, filters and searches are typed."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input, Static

from devdeck.text import one_line
from tui import command_line
from tui.command_line import CommandError, World
from tui.history import History
from tui.widgets.field import TextLine, again
from tui.widgets.line_view import Facts
from tui.widgets.spans import Line, Span, Tone, clean, line


class _Completions(Suggester):
    """Ghost text: the newest line of the history that begins so, else the likeliest completion."""

    def __init__(self, ask: Callable[[str], str | None]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._ask = ask

    async def get_suggestion(self, value: str) -> str | None:
        return self._ask(value)


COMPLETING = {"tab": 1, "shift+tab": -1}
RECALLING = {"up": -1, "down": 1}
"""Keys that put another line in the place of the one typed, and how far they go."""


class CommandInput(TextLine):
    """The input, with completion and history on its keys."""

    @property
    def bar(self) -> CommandBar:
        """The bar that it is in."""
        return next(it for it in self.ancestors if isinstance(it, CommandBar))

    async def on_key(self, event: events.Key) -> None:
        """Its keys do what they do before the next key is looked at; a binding would be found later.

        What was typed ahead of the closing means what it meant. Backspace in an empty line closes it, as in vi.
        """
        bar = self.bar
        if not bar.is_open:
            again(bar.ancestors_with_self, self.app, events.Key(event.key, event.character))
        elif event.key == "enter":
            bar.enter(self.value)
        elif event.key == "escape" or (event.key == "backspace" and not self.value):
            bar.leave()
        elif event.key in COMPLETING:
            bar.complete(COMPLETING[event.key])
        elif event.key in RECALLING:
            bar.recall(RECALLING[event.key])
        else:
            return
        event.stop()
        event.prevent_default()


class CommandBar(Container):
    """A hint row and the line. Closed it takes no room."""

    DEFAULT_CSS = """
    CommandBar {
        height: 2;
        display: none;
        background: $panel;

        &.-open { display: block; }
        & #command-hint { height: 1; background: $panel; }
        & Horizontal { height: 1; }
        & #command-mode { width: 3; color: $text-accent; text-style: bold; padding: 0 1; background: $panel; }
        & CommandInput {
            width: 1fr; height: 1; border: none; padding: 0; background: $panel;
            &:focus { border: none; background: $panel; }
            & > .input--suggestion { color: $deck-muted; }
        }
    }
    """

    class Entered(Message):
        """A line was entered and can be read."""

        def __init__(self, mode: str, line: str, command: command_line.Command) -> None:
            super().__init__()
            self.mode = mode
            self.line = line
            self.command = command

    class Typed(Message):
        """The line changed."""

        def __init__(self, mode: str, line: str) -> None:
            super().__init__()
            self.mode = mode
            self.line = line

    class Closed(Message):
        """The line was left without entering it."""

        def __init__(self, mode: str) -> None:
            super().__init__()
            self.mode = mode

    def __init__(self, history: History, world: Callable[[], World], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._history = history
        self._world = world
        self._names = World({}, {})
        self.mode = ":"
        self._candidates: tuple[str, ...] = ()
        self._at = -1
        self._completed = ""
        self._recalled = 0
        self._draft = ""
        self._error: CommandError | None = None
        self._refused: str | None = None
        self._before: Widget | None = None

    def compose(self) -> ComposeResult:
        """Hint, sign and line."""
        yield Facts(id="command-hint")
        with Horizontal():
            yield Static("", id="command-mode", markup=False)
            yield CommandInput(id="command-input", suggester=_Completions(self._ghost))

    @property
    def input(self) -> CommandInput:
        """The line."""
        return self.query_one("#command-input", CommandInput)

    @property
    def hint(self) -> str:
        """What the hint row says."""
        return "".join(span.text for span in self._hint())

    @property
    def is_open(self) -> bool:
        """Whether it is on screen."""
        return self.has_class("-open")

    def open(self, mode: str, text: str = "") -> None:
        """Show the line and give it the focus.

        Args:
            mode: `:`, `!`, `$` or `/`.
            text: What is there already.
        """
        self.mode = mode
        self._before = self.screen.focused
        self._names = self._world()
        self._recalled, self._draft, self._error, self._refused = 0, "", None, None
        self._forget_candidates()
        self.query_one("#command-mode", Static).update(mode)
        self.add_class("-open")
        self.input.value = text
        self.input.cursor_position = len(text)
        # At once: keys that were typed ahead are text, and must not do what they mean elsewhere.
        self.screen.set_focus(self.input, scroll_visible=False)
        self._show_hint()

    def close(self) -> None:
        """Hide the line and give the focus back."""
        self.remove_class("-open")
        before, self._before = self._before, None
        self.screen.set_focus(before if before is not None and before.is_attached else None, scroll_visible=False)

    def _ghost(self, value: str) -> str | None:
        if not value or self.mode == "/":
            return None
        old = next((line for line in reversed(self._history.of(self.mode)) if line.startswith(value)), None)
        if old is not None and old != value:
            return old
        return next(iter(command_line.complete(self.mode, value, self._names)), None)

    def _forget_candidates(self) -> None:
        self._candidates, self._at, self._completed = (), -1, ""

    def _hint(self) -> Line:
        if self._error is not None:
            return line(
                Span(f" ✗ {clean(self._error.message, 200)}", Tone.FAILED),
                Span(f" → {clean(self._error.expected, 300)}", Tone.MUTED),
            )
        value = self.input.value
        found = self._candidates or command_line.complete(self.mode, value, self._names)
        spans: list[Span] = [Span(f" {command_line.expected(self.mode, value)}", Tone.MUTED)]
        if found and (value or self._candidates):
            spans = []
            for number, candidate in enumerate(found[:12]):
                word = candidate.rpartition(" ")[2] or candidate
                tone = Tone.STRONG if number == self._at else Tone.MUTED
                spans += [Span(" "), Span(clean(word, 60), tone), Span(" ")]
            if len(found) > 12:
                spans.append(Span(f" +{len(found) - 12}", Tone.MUTED))
        return line(*spans)

    def _show_hint(self) -> None:
        self.query_one("#command-hint", Facts).put((self._hint(),))

    def _set(self, text: str) -> None:
        self.input.value = text
        self.input.cursor_position = len(text)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell it, and show what may follow."""
        event.stop()
        if not self.is_open or event.value != self.input.value:
            # Closed, or news of a key before the last, which will tell its own.
            return
        if event.value != self._refused:
            # Else it is the news of the last key, which comes after the line was entered and refused.
            self._error = None
        if event.value != self._completed:
            self._forget_candidates()
        self._show_hint()
        self.post_message(self.Typed(self.mode, event.value))

    def enter(self, typed: str) -> None:
        """Read the line; what can't be read stays, with what was expected."""
        text = one_line(typed)
        try:
            command = command_line.parse(self.mode, text, self._world())
        except CommandError as error:
            self._error, self._refused = error, typed
            self._show_hint()
            return
        if self.mode != "/":
            self._history.add(self.mode, text)
        self.close()
        self.post_message(self.Entered(self.mode, text, command))

    def leave(self) -> None:
        """Close without entering anything."""
        self.close()
        self.post_message(self.Closed(self.mode))

    def complete(self, step: int) -> None:
        """Go through the completions, or take the only one."""
        if not self._candidates:
            self._candidates = command_line.complete(self.mode, self.input.value, self._names)
            self._at = -1
        if not self._candidates:
            return
        self._at = (self._at + step) % len(self._candidates) if self._at >= 0 or step > 0 else -1
        self._completed = self._candidates[self._at]
        if len(self._candidates) == 1:
            self._forget_candidates_after()
            return
        self._set(self._completed)
        self._show_hint()

    def _forget_candidates_after(self) -> None:
        text = self._completed
        self._forget_candidates()
        self._set(text if text.endswith(" ") or self.mode == "!" else f"{text} ")

    def recall(self, step: int) -> None:
        """Go through the lines of this mode that begin like the draft."""
        if self._recalled == 0:
            self._draft = self.input.value
        found = [text for text in self._history.of(self.mode) if text.startswith(self._draft)]
        self._recalled = min(max(0, self._recalled - step), len(found))
        self._set(found[-self._recalled] if self._recalled else self._draft)
