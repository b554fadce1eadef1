"""Ends the dashboard when its terminal has gone, so that no orphan is left behind using the machine.

A thread looks, and not a timer of the event loop: when the terminal goes, the thread that writes to it dies, the queue
in front of that fills, and the loop may stand still for good.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable

EVERY = 2.0
"""Seconds between two looks."""
GRACE = 8.0
"""Seconds that an orderly end gets."""
STATUS = 129
"""Exit status, as for SIGHUP."""


def terminal_gone(descriptor: int) -> bool:
    """Whether the terminal behind a file descriptor has been closed."""
    poll = select.poll()
    poll.register(descriptor, select.POLLHUP | select.POLLERR)
    gone = select.POLLHUP | select.POLLERR | select.POLLNVAL
    return any(event & gone for _, event in poll.poll(0))


class Lifeline:
    """Watches standard input, when it is a terminal, until it is let go."""

    def __init__(self, end: Callable[[], object]) -> None:
        """Prepare.

        Args:
            end: Asks for an orderly end; called in the watching thread.
        """
        self._end = end
        self._let_go = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lifeline", daemon=True)

    def hold(self) -> None:
        """Begin, when there is a terminal."""
        if sys.__stdin__ is not None and sys.__stdin__.isatty():
            self._thread.start()

    def let_go(self) -> None:
        """End; the process is left alone from now on."""
        self._let_go.set()

    def _watch(self) -> None:
        descriptor = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
        while not self._let_go.wait(EVERY):
            if terminal_gone(descriptor):
                self._end()
                if not self._let_go.wait(GRACE):
                    os._exit(STATUS)
                return
