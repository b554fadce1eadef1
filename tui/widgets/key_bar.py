"""The footer: the keys that matter in the focused pane, made from the registry; those that can't be used are dimmed."""

from __future__ import annotations

from textual import events

from tui.actions import Context, Registry
from tui.widgets.bar import Bar, Part
from tui.widgets.spans import Span, Tone, width_of


class KeyBar(Bar):
    """`Bar.Pressed.target` is the id of the action clicked."""

    def __init__(self, registry: Registry, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._registry = registry
        self._keys_for = Context()

    def show(self, context: Context) -> None:
        """Show the keys for a context."""
        self._keys_for = context
        parts: list[Part] = []
        room = self.view_width
        for action in self._registry.footer(context):
            dim = bool(action.enabled(context))
            spans = (
                Span(" "),
                Span(action.key, Tone.MUTED if dim else Tone.STRONG),
                Span(f" {action.short} ", Tone.STALE if dim else Tone.MUTED),
            )
            if width_of(spans) > room:
                break
            room -= width_of(spans)
            parts.append(Part(spans, action.id))
        self.say(parts)

    def on_resize(self, event: events.Resize) -> None:
        """Fit the keys again."""
        self.show(self._keys_for)
