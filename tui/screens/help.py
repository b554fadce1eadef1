"""The help: all keys and commands, made from the registry, with a search."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from tui.actions import GLOBAL, Action, Context, Registry
from tui.command_line import VERBS
from tui.screens.dialog import Choice, Dialog
from tui.widgets.field import TextLine
from tui.widgets.line_view import LineView
from tui.widgets.spans import Line, Span, Tone, fit, line

KEY_WIDTH = 10
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
        yield TextLine(placeholder="type to search keys and commands", id="help-search")
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
        lines = self.query_one("#help-lines", HelpLines)
        lines.put(help_lines(self._registry, self._now_context, query, lines.view_width))

    def on_resize(self) -> None:
        """Break the lines for the new width."""
        self.call_after_refresh(lambda: self._show(self.query_one("#help-search", Input).value))

    def action_scroll(self, lines: int) -> None:
        """Scroll the text."""
        self.query_one("#help-lines", HelpLines).scroll_relative(y=lines, animate=False)


def help_lines(registry: Registry, context: Context, query: str, width: int) -> tuple[Line, ...]:
    """The text of the help.

    Args:
        registry: The actions.
        context: What decides which of them are enabled.
        query: Words that must occur; empty shows all.
        width: Cells of a line; longer texts are broken.
    """
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
            lines += _rows(action, context, width)
    verbs = [verb for verb in VERBS.values() if fits("command", verb.usage, verb.help, *verb.aliases)]
    if verbs:
        lines += [(), (Span("Commands, after :", Tone.GROUP),)]
    lines += [
        line(fit((Span(f"{verb.usage} ", Tone.LABEL),), KEY_WIDTH + TITLE_WIDTH + 6), Span(verb.help, Tone.MUTED))
        for verb in verbs
    ]
    return tuple(lines) or ((Span("nothing of that name", Tone.MUTED),),)


def _rows(action: Action, context: Context, width: int) -> list[Line]:
    why = action.enabled(context) if action.scope in (GLOBAL, context.scope) else ""
    where = f" (in {action.scope})" if action.scope != GLOBAL else ""
    room = max(20, width - KEY_WIDTH - TITLE_WIDTH)
    texts = [(text, Tone.MUTED) for text in textwrap.wrap(action.help + where, room)]
    if why:
        texts += [(text, Tone.DIRTY) for text in textwrap.wrap(f"✗ not now: {why}", room)]
    first = line(
        fit((Span(action.label or "–", Tone.STALE if why else Tone.STRONG),), KEY_WIDTH),
        fit((Span(action.title, Tone.MUTED if why else Tone.LABEL),), TITLE_WIDTH),
    )
    blank: Line = (Span(" " * (KEY_WIDTH + TITLE_WIDTH)),)
    return [line(first if not number else blank, Span(text, tone)) for number, (text, tone) in enumerate(texts)]
