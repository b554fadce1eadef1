"""Following a job's output and end from the command line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from devdeck.text import terminal_safe

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.model import Job

LOOK = 0.05
"""Seconds between two looks at a growing log."""

SETTLE = 0.5
"""Seconds between two looks at whether the job still runs."""

READ = 1 << 20


class LogPrinter:
    """Prints what a log gains, safely for a terminal: complete lines, colours kept where stdout takes them."""

    def __init__(self, path: Path, *, colours: bool) -> None:
        self._path = path
        self._colours = colours
        self._offset = 0
        self._rest = b""

    def start_at_line(self, last: int) -> None:
        """Begin `last` lines before the end as it is now."""
        try:
            with self._path.open("rb") as stream:
                self._offset = _offset_of_last(stream, last)
        except FileNotFoundError:
            return

    def pump(self, *, final: bool = False) -> bool:
        """Print what has come; with `final` also a last line without its end. Returns whether anything had come."""
        came = False
        try:
            stream = self._path.open("rb")
        except FileNotFoundError:
            return False
        with stream:
            stream.seek(self._offset)
            while chunk := stream.read(READ):
                came = True
                self._offset += len(chunk)
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                self._print(lines)
                if len(self._rest) > READ:
                    self._print([self._rest])
                    self._rest = b""
        if final and self._rest:
            self._print([self._rest])
            self._rest = b""
        sys.stdout.flush()
        return came

    def _print(self, lines: list[bytes]) -> None:
        for line in lines:
            sys.stdout.write(terminal_safe(line, colours=self._colours) + "\n")


def _offset_of_last(stream: BinaryIO, lines: int) -> int:
    """Where the last `lines` lines of a file begin, read backwards in blocks."""
    position = stream.seek(0, 2)
    wanted = lines + 1
    ends_in_newline = False
    if position:
        stream.seek(position - 1)
        ends_in_newline = stream.read(1) == b"\n"
    if not ends_in_newline:
        wanted -= 1
    while position > 0:
        start = max(0, position - READ)
        stream.seek(start)
        block = stream.read(position - start)
        found = block.count(b"\n")
        if found >= wanted:
            cut = len(block)
            for _ in range(wanted):
                cut = block.rfind(b"\n", 0, cut)
            return start + cut + 1
        wanted -= found
        position = start
    return 0


def until_end(deck: Deck, job: Job, *, echo: bool, on_look: Callable[[Job], None] | None = None) -> Job:
    """Wait until a job has ended, printing its output meanwhile.

    Args:
        deck: Whose job.
        job: Which one.
        echo: Print its output.
        on_look: Called at each look at the job.
    """
    from devdeck.cli.output import coloured

    printer = LogPrinter(Path(job.log), colours=coloured())
    looked = 0.0
    while True:
        came = printer.pump() if echo else False
        if time.monotonic() - looked >= SETTLE or not came:
            looked = time.monotonic()
            job = deck.work.refresh(job)
            if on_look is not None:
                on_look(job)
            if not job.running:
                break
        time.sleep(LOOK)
    if echo:
        printer.pump(final=True)
    return job
