"""The help: all keys and commands, made from the registry, with a search."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from tui.actions import GLOBAL, Context, Registry
from tui.command_line import VERBS
from tui.screens.dialog import Choice, Dialog
from tui.widgets.line_view import LineView
from tui.widgets.spans import Line, Span, Tone, fit, line

KEY_WIDTH = 12
TITLE_WIDTH = 22


class HelpLines(LineView):
    """The text."""

    HAS_CURSOR = False
    DEFAULT_CSS = """
    HelpLines { height: 1fr; }
    """


class Help(Dialog[None]):
    """Grouped keys with help; what can't be used now says why."""

    TITLE_TEXT = "Help"
    DEFAULT_CSS = """
    Help {
        & #dialog { width: 104; height: 90%; }
        & #help-search { margin-bottom: 1; }
        & #dialog-error { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("pagedown", "scroll(12)", "Page down", show=False),
        Binding("pageup", "scroll(-12)", "Page up", show=False),
        Binding("question_mark", "cancel", "Close", show=False, priority=True),
    ]

    def __init__(self, registry: Registry, context: Context) -> None:
        super().__init__()
        self._registry = registry
        self._now_context = context

    def body(self) -> ComposeResult:
        """Search and text."""
        yield Input(placeholder="type to search keys and commands", id="help-search")
        yield HelpLines(id="help-lines")

    def on_mount(self) -> None:
        """Show everything."""
        self.offer((Choice("↑↓", "scroll", "scroll(6)"), Choice("esc", "close", "cancel")))
        self._show("")
        self.query_one("#help-search", Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what matches."""
        event.stop()
        self._show(event.value)

    def _show(self, query: str) -> None:
        self.query_one("#help-lines", HelpLines).put(help_lines(self._registry, self._now_context, query))

    def action_scroll(self, lines: int) -> None:
        """Scroll the text."""
        self.query_one("#help-lines", HelpLines).scroll_relative(y=lines, animate=False)


def help_lines(registry: Registry, context: Context, query: str) -> tuple[Line, ...]:
    """The text of the help, for a search; empty shows all."""
    words = query.casefold().split()

    def fits(*texts: str) -> bool:
        whole = " ".join(texts).casefold()
        return all(word in whole for word in words)

    lines: list[Line] = []
    for group, actions in registry.grouped():
        found = [it for it in actions if fits(group, it.label, it.title, it.help, it.scope)]
        if found:
            lines += [(), (Span(group, Tone.GROUP),)] if lines else [(Span(group, Tone.GROUP),)]
        for action in found:
            why = action.enabled(context) if action.scope in (GLOBAL, context.scope) else ""
            where = f"  (in {action.scope})" if action.scope != GLOBAL else ""
            lines.append(
                line(
                    fit((Span(action.label or "–", Tone.STALE if why else Tone.STRONG),), KEY_WIDTH),
                    fit((Span(action.title, Tone.MUTED if why else Tone.LABEL),), TITLE_WIDTH),
                    Span(action.help, Tone.MUTED),
                    Span(where, Tone.STALE),
                    Span(f"  ✗ now: {why}" if why else "", Tone.DIRTY),
                )
            )
    verbs = [verb for verb in VERBS.values() if fits("command", verb.usage, verb.help, *verb.aliases)]
    if verbs:
        lines += [(), (Span("Commands, after :", Tone.GROUP),)]
    lines += [
        line(fit((Span(f"{verb.usage}  ", Tone.LABEL),), KEY_WIDTH + TITLE_WIDTH), Span(verb.help, Tone.MUTED))
        for verb in verbs
    ]
    return tuple(lines) or ((Span("nothing of that name", Tone.MUTED),),)
