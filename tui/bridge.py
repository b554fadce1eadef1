"""From the deck's changes to the screen: batched, so that a burst costs one repaint."""

from __future__ import annotations

from collections.abc import Callable

from textual.timer import Timer
from textual.widget import Widget

from devdeck.live import LiveDeck
from devdeck.state import Changes

BATCH = 0.05
"""Seconds for which changes are collected."""
TICK = 1.0
"""Seconds between two looks at ages while the dashboard is looked at."""
SLOW_TICK = 10.0
"""The same while it is not."""


class Bridge:
    """Subscribes to the deck; tells its owner what changed, at most every `BATCH` seconds, and when ages have moved."""

    def __init__(
        self, owner: Widget, deck: LiveDeck, changed: Callable[[Changes], None], tick: Callable[[], None]
    ) -> None:
        self._owner = owner
        self._deck = deck
        self._changed = changed
        self._tick = tick
        self._pending = Changes()
        self._due: Timer | None = None
        self._clock: Timer | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def open(self) -> None:
        """Begin."""
        self._unsubscribe = self._deck.subscribe(self._collect)
        self.set_active(True)

    def close(self) -> None:
        """End; nothing is told afterwards."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        for timer in (self._due, self._clock):
            if timer is not None:
                timer.stop()
        self._due = self._clock = None

    def set_active(self, active: bool) -> None:
        """Say whether the dashboard is looked at: ages move slowly when it is not, and the deck looks less often."""
        if self._clock is not None:
            self._clock.stop()
        self._clock = self._owner.set_interval(TICK if active else SLOW_TICK, self._tick, name="ages")
        self._deck.set_active(active)

    def _collect(self, changes: Changes) -> None:
        self._pending = self._pending.merge(changes)
        if self._due is None:
            self._due = self._owner.set_timer(BATCH, self._deliver, name="changes")

    def _deliver(self) -> None:
        self._due = None
        changes, self._pending = self._pending, Changes()
        self._changed(changes)
