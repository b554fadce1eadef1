"""Telling the user what is waited for, where that takes longer than a moment."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_ERASE = "\r\x1b[K"  # EL, ECMA-48 8.3.41


@contextmanager
def told(*, json: bool) -> Iterator[None]:
    """While this lasts, one line on stderr says which remotes are waited for, from the first second on.

    The line goes away with the wait. There is none for a script: with `--json`, or when stderr is no terminal.
    """
    if json or not sys.stderr.isatty():
        yield
        return
    from devdeck.git import fetching

    line = _Line()
    try:
        with fetching.telling(line.show):
            yield
    finally:
        line.erase()


class _Line:
    """One line at the end of a terminal; where nothing can be erased, a line for each thing that is told."""

    def __init__(self) -> None:
        self._shown = False
        self._stays = os.environ.get("TERM", "dumb") == "dumb"

    def show(self, words: str) -> None:
        from rich.cells import cell_len, set_cell_size

        from devdeck.text import one_line

        text = f"devdeck: {one_line(words)} …"
        if self._stays:
            sys.stderr.write(f"{text}\n")
        else:
            sys.stderr.write(_ERASE + set_cell_size(text, min(cell_len(text), _columns() - 1)))
            self._shown = True
        sys.stderr.flush()

    def erase(self) -> None:
        if self._shown:
            sys.stderr.write(_ERASE)
            sys.stderr.flush()


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80
