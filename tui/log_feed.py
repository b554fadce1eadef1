"""A log on its way to the screen: read in threads, told to one view in bounded steps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from devdeck.errors import DeckError
from devdeck.logs.index import ChangeKind, Line
from devdeck.logs.reader import INDEX_SLICE, LogReader, Progress

GROWING_EVERY = 0.045
"""Seconds between two looks at a log that just grew; each is at most one repaint."""
LIVE_EVERY = 0.15
"""… at a live log that is quiet."""
STILL_EVERY = 1.0
"""… at a log that nobody should be writing."""
CATCHING_UP_EVERY = 0.1
"""Seconds between two repaints while a long log is indexed and scanned."""
TAIL_LINES = 1000
"""Lines shown from the end of a long log while it is indexed."""
_QUIET_LOOKS = 4


class News(msgspec.Struct, frozen=True):
    """What a step brought."""

    reset: bool = False
    """The file was truncated or replaced: nothing known of its lines holds."""
    shift: int = 0
    """The lines known so far were the tail; in the whole log each has a number higher by this."""
    grew: bool = False
    """Bytes came, or went."""


class LogFeed:
    """What is known of one log file. Belongs to the event loop; only `run` works in threads.

    Args:
        path: The file; it need not exist yet.
        live: Whether it may still grow.
        tell: Called after each step that changed something.

    Attributes:
        lines: Lines that `read` gives.
        tail: Whether these are only the last lines of a log that is still being indexed, without numbers.
        missing: Nothing is at the path now.
        problem: Why the file can't be read; empty when it can.
        indexed: Set as soon as the whole log was indexed once.
    """

    def __init__(self, path: Path, live: bool, tell: Callable[[News], None]) -> None:
        self.path = path
        self.live = live
        self.reader = LogReader(path)
        self.progress: Progress | None = None
        self.lines = 0
        self.missing = False
        self.problem = ""
        self.indexed = asyncio.Event()
        self._tell = tell
        self._told_at = 0.0
        self._told: Progress | None = None
        self._tail: list[Line] | None = None

    @property
    def tail(self) -> bool:
        """Whether only the last lines are known."""
        return self._tail is not None

    @property
    def generation(self) -> int:
        """Raised whenever the file was truncated or replaced."""
        return self.progress.generation if self.progress is not None else 0

    def read(self, first: int, count: int) -> list[Line]:
        """Lines from `first` (counted from 0) on; for a screenful, since the event loop waits for it."""
        count = min(count, self.lines - first)
        if count <= 0:
            return []
        if self._tail is not None:
            return self._tail[first : first + count]
        return self.reader.index.read(first, count)

    def close(self) -> None:
        """Let go of the file."""
        self.reader.close()

    async def run(self) -> None:
        """Read what is new, soon again while there is something new, rarely when there is not; until cancelled."""
        quiet = 0
        while True:
            first = self.progress is None
            try:
                progress = await asyncio.to_thread(self.reader.advance, 1 if first else INDEX_SLICE)
                if first and not progress.change.complete:
                    self._tail = await asyncio.to_thread(self.reader.index.tail, TAIL_LINES)
            except DeckError as error:
                if self.problem != error.message:
                    self.problem = error.message
                    self._tell(News())
                await asyncio.sleep(STILL_EVERY)
                continue
            self._take(progress)
            quiet = quiet + 1 if progress.change.kind in (ChangeKind.UNCHANGED, ChangeKind.GONE) else 0
            await asyncio.sleep(self._pause(progress, quiet))

    def _pause(self, progress: Progress, quiet: int) -> float:
        """Seconds until the next look."""
        if not progress.change.complete:
            return 0
        if not progress.complete:
            return 0.005  # the scan for failures leaves time for the keys
        if quiet < (_QUIET_LOOKS if self.live else 1):
            return GROWING_EVERY
        return LIVE_EVERY if self.live else STILL_EVERY

    def _take(self, progress: Progress) -> None:
        before, self.progress = self.progress, progress
        missing = progress.change.kind is ChangeKind.GONE
        reset = before is not None and progress.generation != before.generation
        shift = 0
        if reset:
            self._tail = None
        if self._tail is not None and progress.change.complete:
            shift = max(0, progress.change.lines - len(self._tail))
            self._tail = None
        if progress.change.complete:
            self.indexed.set()
        changed = self._told != progress or missing != self.missing or bool(self.problem)
        self.lines = len(self._tail) if self._tail is not None else progress.change.lines
        self.missing, self.problem = missing, ""
        now = time.monotonic()
        soon = not progress.complete and now - self._told_at < CATCHING_UP_EVERY
        if changed and (reset or shift or not soon):
            told, self._told, self._told_at = self._told, progress, now
            grew = told is None or (told.indexed, told.generation) != (progress.indexed, progress.generation)
            self._tell(News(reset, shift, grew))
