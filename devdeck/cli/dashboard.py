"""The dashboard, over the user's deck or over the throw-away one of `demo`. The only place that loads tui/."""

from __future__ import annotations

import contextlib
import gc
import os
import sys

from devdeck.errors import UsageError


def show(*, read_only: bool) -> int:
    """Open the dashboard over the user's deck; returns the exit status.

    Raises:
        UsageError: Standard input or output is no terminal.
    """
    require_terminal()
    gc.disable()  # `tui.app` turns it on again when the dashboard stands
    from devdeck.deck import Deck
    from devdeck.diagnostics import log_to_file
    from devdeck.running import RunningDeck
    from tui.app import run

    deck = Deck.open()
    log_to_file(deck.paths.log)
    try:
        running = RunningDeck(deck, read_only=read_only)
        running.prime()
        return run(running)
    finally:
        deck.close()


def require_terminal() -> None:
    """Make sure that there is a terminal to draw on."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the dashboard needs a terminal", "run it in one; `devdeck ls --json` is for scripts")
    kind = os.environ.get("TERM", "")
    if kind.lower() in ("dumb", "unknown"):
        raise UsageError(
            f"the dashboard needs a terminal that can move its cursor, and TERM={kind} says that this one can't",
            "use another terminal, or `devdeck ls`",
        )


def show_demo() -> int:
    """Open the dashboard over a throw-away deck; returns the exit status.

    Raises:
        UsageError: Standard input or output is no terminal.
    """
    require_terminal()
    gc.disable()  # `tui.app` turns it on again when the dashboard stands
    import signal

    from devdeck.demo import demo_folder

    # A hang-up or a polite kill takes the same way out as `q`.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with demo_folder() as folder:
        from devdeck.deck import Deck
        from devdeck.demo.build import building
        from devdeck.diagnostics import log_to_file

        with contextlib.closing(Deck.open()) as deck:
            log_to_file(deck.paths.log)
            # Made beside the first paint: sessions appear while the dashboard is open.
            with building(folder) as built:
                from devdeck.demo.running import DemoDeck
                from tui.app import run

                status = run(DemoDeck(deck, built))
                if built.done():
                    built.result()
                return status
