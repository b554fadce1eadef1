"""What the collectors share: the clock of the deck, the pace, and supervision."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from devdeck.errors import DeckError
from devdeck.model import Health
from devdeck.state import StateHub

_log = logging.getLogger(__name__)

FIRST_RETRY, LAST_RETRY = 1.0, 30.0
"""Seconds before a collector that failed is started again: the first time, and at most."""


class Pace:
    """How fast collectors may go: faster while the dashboard is looked at."""

    def __init__(self) -> None:
        self.active = True
        self.selected: str | None = None
        self.visible: tuple[str, ...] = ()

    def rank(self, session_id: str) -> int:
        """0 for the selected session, 1 for one on screen, 2 for the others."""
        if session_id == self.selected:
            return 0
        return 1 if session_id in self.visible else 2

    def period(self, active: float, idle: float) -> float:
        """Seconds between two looks: `active` while looked at, else `idle`."""
        return active if self.active else idle


async def wait_for(event: asyncio.Event, timeout: float) -> bool:
    """Wait until the event is set (then clear it and return True) or the time is over."""
    try:
        async with asyncio.timeout(timeout):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True


async def supervised(name: str, hub: StateHub, clock: Callable[[], float], work: Callable[[], Awaitable[None]]) -> None:
    """Run a collector for ever: when it fails, say so in the state, wait, and start it again."""
    delay = FIRST_RETRY
    while True:
        started = clock()
        try:
            await work()
            return
        except DeckError as error:
            hub.set_health(name, Health(state="error", message=error.message, hint=error.hint, at=clock()))
            _log.warning("%s: %s", name, error.message)
        except Exception as error:  # noqa: BLE001  the boundary of a collector: shown, logged, tried again
            hub.set_health(
                name,
                Health(state="error", message=f"{type(error).__name__}: {error}", hint="it is tried again", at=clock()),
            )
            _log.exception("collector %s failed", name)
        delay = FIRST_RETRY if clock() - started > LAST_RETRY * 2 else min(delay * 2, LAST_RETRY)
        await asyncio.sleep(delay)
