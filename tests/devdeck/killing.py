"""Ending a devdeck with SIGKILL at a chosen point of a transaction."""

from __future__ import annotations

import signal
import subprocess
import sys

_SCRIPT = """
import os, signal, sys
from devdeck.deck import Deck
from devdeck.store import Store

point, left = sys.argv[1], int(sys.argv[2])

def dying(name, before):
    real = getattr(Store, name)
    def call(self, *arguments, **options):
        global left
        if before:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        given = real(self, *arguments, **options)
        if not before:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return given
    setattr(Store, name, call)

if point.endswith("-write"):  # at any transaction of the store: before it begins, or as soon as it is committed
    import contextlib
    from devdeck.database import Database
    real = Database._write

    @contextlib.contextmanager
    def writing(self):
        global left
        left -= 1
        if left < 0:
            if point == "after-write":
                with real(self) as connection:
                    yield connection
            os.kill(os.getpid(), signal.SIGKILL)
        with real(self) as connection:
            yield connection

    deck = Deck.open()
    Database._write = writing
    exec(sys.argv[3])
    sys.exit(0)

names = {"begun": "begin", "taken-over": "take_over", "step-done": "advance", "step-journaled": "advance"}
dying(names[point], point == "step-done")
deck = Deck.open()
exec(sys.argv[3])
"""

POINTS = ("begun", "step-done", "step-journaled")
"""Where to die: as soon as the transaction is journaled; when a step is done but not journaled yet; when it is."""
REVERSING = ("taken-over", "step-done", "step-journaled")
"""The same of a transaction that is taken back."""


def run_killed(code: str, point: str, number: int = 0) -> bool:
    """Run `code` (with a `deck` in it) in a process that kills itself at the given point for the `number`-th time.

    Returns:
        Whether it came to that; False when the code ended well before. Fails when it ended otherwise.
    """
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, point, str(number), code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0
