"""Going to a terminal from the command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devdeck.cli import output
from devdeck.errors import DeckError

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.live import Handoff


def go(deck: Deck, handoff: Handoff) -> None:
    """Attach by becoming tmux; where the client was switched there is nothing left to do.

    Raises:
        DeckError: Standard input is no terminal.
    """
    for note in handoff.notes:
        output.note(f"devdeck: {note}")
    if handoff.argv:
        if not os.isatty(0):
            raise DeckError("can't attach: standard input is no terminal", "run it in a terminal, or use `devdeck`")
        deck.close()
        os.execvp(handoff.argv[0], handoff.argv)
