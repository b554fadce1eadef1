"""The line of text in a dialog. Keys mean what they meant when they were typed, however fast they come.

Textual hands a key to the widget that has the focus when it arrives, and looks its bindings up when that widget has
passed it on. Keys that come in a burst would so overtake Tab and Enter: the rest of the text would land in the field
that Tab was to leave. Here a field does what these keys mean at its own turn, and gives back what is not its any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from textual import events
from textual.binding import Binding
from textual.message_pump import MessagePump
from textual.widgets import Input

STEPS = {"up": -1, "down": 1, "pageup": -5, "pagedown": 5}
"""Keys that go through the list that belongs to a field, and how far."""


EDITS = {
    key.strip(): binding.action
    for binding in Input.BINDINGS
    if isinstance(binding, Binding)
    for key in binding.key.split(",")
    if key != "enter"
}
"""Keys that move in a line or change it, and what they do."""


class TextLine(Input):
    """A line of text in which backspace and the other editing keys are not overtaken by the text typed after them."""

    async def on_key(self, event: events.Key) -> None:
        """Edit at once: as a binding it would be done when the text behind it is there already."""
        action = EDITS.get(event.key)
        if action is not None:
            event.stop()
            event.prevent_default()
            await self.app.run_action(action, self)


@runtime_checkable
class Form(Protocol):
    """What a field needs of the dialog that it is in."""

    def submit(self) -> None:
        """Enter."""

    def step(self, delta: int) -> None:
        """Go through the list that is shown."""

    def action_cancel(self) -> None:
        """Escape."""


class Field(TextLine):
    """One line of text."""

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(value, placeholder=placeholder, id=id, select_on_focus=False)

    async def on_key(self, event: events.Key) -> None:
        """Do what a key means to the dialog before the next one is looked at."""
        form = self.screen
        stack = self.app.screen_stack
        if form not in stack or form.focused is not self:
            # An earlier key closed the dialog or went to another field. Under another dialog a key means nothing.
            if form not in stack or form is stack[-1]:
                again(form.ancestors_with_self, self.app, events.Key(event.key, event.character))
        elif not isinstance(form, Form) or not self._did(form, event.key):
            return
        event.stop()
        event.prevent_default()

    def _did(self, form: Form, key: str) -> bool:
        if key == "enter":
            form.submit()
        elif key == "escape":
            form.action_cancel()
        elif key in ("tab", "shift+tab"):
            (self.screen.focus_next if key == "tab" else self.screen.focus_previous)()
        elif key in STEPS:
            form.step(STEPS[key])
        else:
            return False
        return True


def again(nodes: Sequence[MessagePump], app: MessagePump, key: events.Key) -> None:
    """Press a key once each of the nodes has handled what it was sent before."""
    if nodes:
        nodes[0].call_later(again, nodes[1:], app, key)
    else:
        app.post_message(key)
