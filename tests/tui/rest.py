"""When a dashboard under test is at rest: decided by what is left to do, not by how busy the machine looks.

Textual's own tests wait until the process needs little CPU for 20 ms. On a loaded machine a process that waits for its
turn needs none either, so that keys and assertions come before the screen they are meant for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import pytest
from textual._context import active_app
from textual.app import App, ScreenStackError

from tests import support

P = ParamSpec("P")
T = TypeVar("T")

CALM = 3
"""Turns of the event loop without anything to do: one sees what sockets and timers bring, one what follows from it."""


class Threads:
    """How much is under way in threads."""

    def __init__(self) -> None:
        self.at_work = 0
        self._real = asyncio.to_thread

    async def to_thread(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`asyncio.to_thread`, counted."""
        self.at_work += 1
        try:
            return await self._real(function, *args, **kwargs)
        finally:
            self.at_work -= 1


_threads = Threads()


def wait_for_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every wait of Textual's pilot, also those between keys, end only when the application is at rest."""

    async def wait(min_sleep: float = 0, max_sleep: float = 0) -> None:
        await rest()

    monkeypatch.setattr(_threads, "at_work", 0)
    monkeypatch.setattr(asyncio, "to_thread", _threads.to_thread)
    monkeypatch.setattr("textual.app.wait_for_idle", wait)
    monkeypatch.setattr("textual.pilot.wait_for_idle", wait)


async def auntil(condition: Callable[[], T]) -> T:
    """Wait for a condition, and for everything that follows from it."""
    found = await support.auntil(condition)
    await rest()
    return found


async def rest() -> None:
    """Wait until no message, callback or thread is left and everything is painted.

    What waits for a timer, or for something outside, is none of it: a test waits for what it brings.
    """
    loop: Any = asyncio.get_running_loop()
    calm = 0
    while calm < CALM:
        await asyncio.sleep(0.001 if _threads.at_work else 0)
        busy = bool(loop._ready) or _threads.at_work or paint(active_app.get())
        calm = 0 if busy else calm + 1


def paint(app: App[Any]) -> bool:
    """Paint now what the next frame would bring; returns whether there was anything."""
    try:
        due = [screen for screen in app.screen_stack if screen._update_timer._active.is_set()]
    except ScreenStackError:  # it has ended
        return False
    for screen in due:
        screen._on_timer_update()
    return bool(due)
