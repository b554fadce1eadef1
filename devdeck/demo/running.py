"""The running deck behind the demo's dashboard: sessions appear while they are made."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import CancelledError, Future

from devdeck.deck import Deck
from devdeck.errors import DeckError
from devdeck.model import Health, Session
from devdeck.running import RunningDeck

FIRST = 2.0
"""Longest wait for the first session, in seconds: an empty deck would ask the user to make one."""
SOON = 1.0
"""Seconds after which any session is shown, also one that is there only to be removed."""


class DemoDeck(RunningDeck):
    """A running deck that says, like a collector, how the making of its sessions stands."""

    def __init__(self, deck: Deck, built: Future[tuple[Session, ...]]) -> None:
        super().__init__(deck)
        self._built = built
        self._beginning: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the collectors as soon as there is something to see, and tell when the demo is made or could not be."""
        self._beginning = asyncio.create_task(self._begin(), name="demo-begin")

    async def stop(self) -> None:
        """Stop the collectors and the threads."""
        if self._beginning is not None:
            self._beginning.cancel()
            await asyncio.wait([self._beginning])
        await super().stop()

    async def _begin(self) -> None:
        self._hub.set_health("demo", Health(state="starting", message="the demo is being made", at=self.now()))
        began = time.monotonic()
        while not (self._built.done() or await asyncio.to_thread(self._worth_a_look, time.monotonic() - began)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await super().start()
        self._hub.set_health("demo", await self._outcome())

    def _worth_a_look(self, waited: float) -> bool:
        """Whether there is enough to see after so many seconds. The trash is filled last."""
        if waited > FIRST:
            return True  # a slow machine: better an empty list than none
        return bool(self._deck.trash.entries() or (waited > SOON and self._deck.store.sessions()))

    async def _outcome(self) -> Health:
        try:
            await asyncio.wrap_future(self._built)
        except (CancelledError, asyncio.CancelledError):
            raise
        except DeckError as error:
            return Health(state="error", message=error.message, hint=error.hint or "q leaves", at=self.now())
        except Exception as error:  # noqa: BLE001  shown here, raised when the dashboard is left
            return Health(state="error", message=f"{type(error).__name__}: {error}", hint="q leaves", at=self.now())
        return Health(state="ok", at=self.now())
