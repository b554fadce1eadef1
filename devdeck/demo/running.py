"""The running deck behind the demo's dashboard: sessions appear while they are made."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError, Future

from devdeck.deck import Deck
from devdeck.errors import DeckError
from devdeck.model import Health, Session
from devdeck.running import RunningDeck


class DemoDeck(RunningDeck):
    """A running deck that says, like a collector, how the making of its sessions stands."""

    def __init__(self, deck: Deck, built: Future[tuple[Session, ...]]) -> None:
        super().__init__(deck)
        self._built = built

    async def start(self) -> None:
        """Start the collectors, and tell when the demo is made or could not be."""
        await super().start()
        self._tasks.append(asyncio.create_task(self._tell(), name="demo-built"))

    async def _tell(self) -> None:
        self._hub.set_health("demo", Health(state="starting", message="the demo is being made", at=self.now()))
        try:
            await asyncio.wrap_future(self._built)
        except (CancelledError, asyncio.CancelledError):
            raise
        except DeckError as error:
            health = Health(state="error", message=error.message, hint=error.hint, at=self.now())
        except Exception as error:  # noqa: BLE001  shown here, raised when the dashboard is left
            health = Health(state="error", message=f"{type(error).__name__}: {error}", hint="q leaves", at=self.now())
        else:
            health = Health(state="ok", at=self.now())
        self._hub.set_health("demo", health)
