"""Where a log fails: found while it is read, kept in bounded memory."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, bisect_right

from devdeck.logs.marks import Mark, classify, grave_lines
from devdeck.logs.text import LINE_LIMIT

STOP_LIMIT = 65_536
"""Stops kept at most."""


class FailureScan:
    """Finds failing lines in a log that is fed to it in pieces, in order, by one thread; any thread may ask.

    A stop is the first line of a run of adjacent lines that say FAILURE or ERROR. `count` is always exact. When more
    than `limit` stops were found every other one is forgotten and from then on only every second (fourth, …) is kept:
    navigation then skips some, and `thinned` says so.

    Args:
        limit: Most stops kept, at least 2.

    Attributes:
        count: Stops found so far, a last line without a line break not included.
        fed: Bytes fed so far.
    """

    def __init__(self, limit: int = STOP_LIMIT) -> None:
        self._limit = max(2, limit)
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything: the log starts anew."""
        self.count = 0
        self.fed = 0
        self._stops = array("Q")
        self._every = 1
        self._line = 0
        self._last_grave = -2
        self._carry = b""

    @property
    def thinned(self) -> bool:
        """Whether some stops were forgotten."""
        return self._every > 1

    @property
    def kept(self) -> int:
        """Stops in memory."""
        return len(self._stops)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the log. A line counts once its line break came.

        Of a line longer than `LINE_LIMIT` that is spread over chunks only the beginning is looked at.
        """
        self.fed += len(chunk)
        end = chunk.rfind(b"\n") + 1
        if not end:
            with self._lock:
                self._keep(self._carry + chunk)
            return
        data = self._carry + chunk[:end]
        position = 0
        starts = grave_lines(data)
        with self._lock:
            for start in starts:
                self._line += data.count(b"\n", position, start)
                position = start
                self._found(self._line)
            self._line += data.count(b"\n", position)
            self._keep(chunk[end:])

    def _keep(self, rest: bytes) -> None:
        self._carry = rest if len(rest) <= 2 * LINE_LIMIT else rest[: LINE_LIMIT + 1] + rest[-LINE_LIMIT:]

    def _found(self, line: int) -> None:
        adjacent = line == self._last_grave + 1
        self._last_grave = line
        if adjacent:
            return
        if self.count % self._every == 0:
            self._stops.append(line)
            if len(self._stops) > self._limit:
                self._stops = self._stops[::2]
                self._every *= 2
        self.count += 1

    def next(self, line: int) -> int | None:
        """The first stop after `line` (both counted from 0), a last line without a line break included."""
        with self._lock:
            index = bisect_right(self._stops, line)
            if index < len(self._stops):
                return self._stops[index]
            return self._line if self._line > line and self._open_stop() else None

    def previous(self, line: int) -> int | None:
        """The last stop before `line`."""
        with self._lock:
            if self._line < line and self._open_stop():
                return self._line
            index = bisect_left(self._stops, line)
            return self._stops[index - 1] if index else None

    def _open_stop(self) -> bool:
        """Whether the last line, which has no line break yet, would be a stop."""
        return bool(self._carry) and self._line != self._last_grave + 1 and classify(self._carry) >= Mark.ERROR
