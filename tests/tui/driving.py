"""Driving the dashboard in tests: by keys, waiting for conditions and never for time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual._context import visible_screen_stack
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.fake import FakeDeck
from tests.tui.rest import auntil
from tui.app import DeckApp
from tui.screens.main import MainScreen


class Driver:
    """A running dashboard."""

    def __init__(self, app: DeckApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def main(self) -> MainScreen:
        return self.app.main

    @property
    def selected(self) -> str:
        state = self.main.selected
        return state.session.label if state is not None else ""

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, text: str) -> None:
        """Type text into the focused input."""
        focused = self.app.focused
        assert isinstance(focused, Input), focused
        focused.insert_text_at_cursor(text)
        await self.settle()

    async def settle(self) -> None:
        """Let everything that is on its way arrive: messages, and workers that come to an end."""
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> None:
        await auntil(condition)

    def toasts(self) -> str:
        """Everything that was said in toasts and still stands."""
        return "\n".join(f"{it.title} {it.message}" for it in self.app._notifications)

    def text(self) -> str:
        """The screen as text, a line a row."""
        width = self.app.size.width
        # What is below a dialog is painted with it, and remembered: also when it is painted to be read here.
        visible_screen_stack.set(list(self.app._background_screens))
        rows = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in row)[: width * 2] for row in rows)


@asynccontextmanager
async def driving(deck: FakeDeck, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Driver]:
    """Run the dashboard over a deck."""
    app = DeckApp(deck)
    async with app.run_test(size=size, notifications=True) as pilot:
        driver = Driver(app, pilot)
        await driver.until(lambda: deck.started)
        yield driver
