"""A sparse line index over a file that may still grow.

The index is a table of how many line breaks come before each block of the file. It finds any line by looking at one
block, and its size is bounded: when the table is full every other entry goes and the block doubles. Nothing is
mapped into memory, so a file that is truncated under the reader costs a short read and not the process.
"""

from __future__ import annotations

import os
import stat
import threading
from array import array
from bisect import bisect_left
from enum import StrEnum
from pathlib import Path

import msgspec

from devdeck.errors import DeckError
from devdeck.logs.text import LINE_LIMIT, shown

BLOCK = 64 * 1024
"""Bytes a block covers at first."""
TABLE_LIMIT = 65_536
"""Entries that the table may have."""
CHUNK = 128 * 1024
"""Bytes read and counted at once: small, because counting holds the interpreter."""
TAIL_BYTES = 4 * 1024 * 1024
"""Most that `LogIndex.tail` reads."""
_OVERLAP = 64


class ChangeKind(StrEnum):
    """What `LogIndex.poll` found."""

    UNCHANGED = "unchanged"
    GREW = "grew"
    RESET = "reset"
    """Truncated, rewritten or replaced: everything known of the lines before is void."""
    GONE = "gone"
    """Nothing is at the path. Lines that were indexed stay readable until something else is there."""


class Change(msgspec.Struct, frozen=True):
    """Result of one `LogIndex.poll`."""

    kind: ChangeKind
    complete: bool
    """Whether the index reaches the end that the file had at this poll."""
    lines: int
    """Lines indexed so far, a last one without a line break included."""
    size: int
    """Bytes of the file at this poll."""


class Line(msgspec.Struct, frozen=True):
    """One line as it is shown."""

    number: int | None
    """Counted from 0; `None` when it is not known yet (`LogIndex.tail`)."""
    data: bytes
    """Without its line break, and of text drawn over itself by carriage returns only the last; at most the bound."""
    cut: bool = False
    """Whether the line is longer than `data` shows."""
    terminated: bool = True
    """Whether its line break is there. A line without one may still grow."""


class LogIndex:
    """Line index of one file. `poll` belongs to one thread; everything else may be called from any.

    Args:
        path: The file; it need not exist yet.
        block: First size of a block in bytes.
        table_limit: Most entries of the table, at least 2.
        line_limit: Most bytes of a line that are given out.

    Attributes:
        generation: Raised by each reset, so that caches know.
    """

    def __init__(
        self, path: Path, *, block: int = BLOCK, table_limit: int = TABLE_LIMIT, line_limit: int = LINE_LIMIT
    ) -> None:
        self.path = path
        self.generation = 0
        self._first_block = block
        self._table_limit = max(2, table_limit)
        self._line_limit = line_limit
        self._lock = threading.RLock()
        self._fd = -1
        self._clear()

    def _clear(self) -> None:
        self._block = self._first_block
        self._table = array("Q", [0])
        self._indexed = 0
        self._breaks = 0
        self._overlap = b""

    @property
    def lines(self) -> int:
        """Lines indexed so far; a last line without a line break counts."""
        with self._lock:
            return self._breaks + (bool(self._overlap) and not self._overlap.endswith(b"\n"))

    @property
    def indexed(self) -> int:
        """Bytes indexed so far."""
        with self._lock:
            return self._indexed

    @property
    def whole(self) -> int:
        """Bytes up to and including the last line break."""
        with self._lock:
            return self.offset(self._breaks)

    @property
    def table_size(self) -> int:
        """Entries in the table now."""
        return len(self._table)

    def close(self) -> None:
        """Close the file. `poll` opens it again from its beginning."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def poll(self, budget: int) -> Change:
        """Look at the file and index what is new, at most `budget` bytes (at least one chunk).

        Raises:
            DeckError: The path can't be read or is not a regular file.
        """
        try:
            kind = self._reopen()
        except FileNotFoundError:
            return Change(ChangeKind.GONE, True, self.lines, self.indexed)
        except OSError as error:
            raise DeckError(
                f"can't read the log {self.path}: {error.strerror or error}", "Check the file and its permissions."
            ) from error
        size = os.fstat(self._fd).st_size
        left = max(budget, 1)
        while left > 0 and self._indexed < size:
            chunk = os.pread(self._fd, min(CHUNK, size - self._indexed), self._indexed)
            if not chunk:
                break
            self._feed(chunk)
            left -= len(chunk)
            if kind is ChangeKind.UNCHANGED:
                kind = ChangeKind.GREW
        return Change(kind, self._indexed >= size, self.lines, size)

    def _reopen(self) -> ChangeKind:
        """Open the file, or see that the one at the path is another or was rewritten."""
        found = os.stat(self.path)
        if self._fd >= 0:
            own = os.fstat(self._fd)
            same = (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)
            if same and found.st_size >= self._indexed and self._unchanged_so_far(found.st_size):
                return ChangeKind.UNCHANGED
        if not stat.S_ISREG(found.st_mode):
            raise DeckError(f"{self.path} is not a regular file", "A log is a plain file.")
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with self._lock:
            reset = self._fd >= 0 or self._indexed > 0
            self.close()
            self._fd = fd
            self._clear()
            self.generation += reset
        return ChangeKind.RESET if reset else ChangeKind.UNCHANGED

    def _unchanged_so_far(self, size: int) -> bool:
        """Whether the bytes before the end of the index are those that were read (a file truncated and grown again)."""
        if size == self._indexed:
            return True
        length = len(self._overlap)
        return os.pread(self._fd, length, self._indexed - length) == self._overlap

    def _feed(self, chunk: bytes) -> None:
        with self._lock:
            position = 0
            while position < len(chunk):
                step = min(len(chunk) - position, self._block - self._indexed % self._block)
                self._breaks += chunk.count(b"\n", position, position + step)
                position += step
                self._indexed += step
                if self._indexed % self._block == 0:
                    self._table.append(self._breaks)
                    if len(self._table) > self._table_limit:
                        self._table = self._table[::2]
                        self._block *= 2
            self._overlap = (self._overlap + chunk[-_OVERLAP:])[-_OVERLAP:]

    def pread(self, offset: int, size: int) -> bytes:
        """Bytes of the file; fewer than `size` at its end or when it was truncated."""
        with self._lock:
            return os.pread(self._fd, size, offset) if self._fd >= 0 and size > 0 else b""

    def offset(self, line: int) -> int:
        """Where a line starts, in bytes; the end of the index for a line after the last."""
        if line <= 0:
            return 0
        with self._lock:
            if line > self._breaks:
                return self._indexed
            block = bisect_left(self._table, line) - 1
            start = block * self._block
            return self._after_break(start, min(start + self._block, self._indexed), line - self._table[block])

    def _after_break(self, start: int, end: int, nth: int) -> int:
        """Offset after the nth line break from `start` on; `end` when there are fewer (the file was truncated)."""
        while start < end:
            piece = self.pread(start, min(BLOCK, end - start))
            if not piece:
                break
            found = piece.count(b"\n")
            if found >= nth:
                return start + _nth_break(piece, nth) + 1
            nth -= found
            start += len(piece)
        return end

    def line_at(self, offset: int) -> int:
        """Number of the line that the byte at `offset` belongs to, counted from 0."""
        with self._lock:
            offset = max(0, min(offset, self._indexed))
            block = min(offset // self._block, len(self._table) - 1)
            line = self._table[block]
            position = block * self._block
            while position < offset:
                piece = self.pread(position, min(BLOCK, offset - position))
                if not piece:
                    break
                line += piece.count(b"\n")
                position += len(piece)
            return line

    def read(self, first: int, count: int) -> list[Line]:
        """Lines from `first` (counted from 0) on, at most `count`; fewer at the end.

        Reads at most some windows of 64 KiB a line, however long the lines are.
        """
        with self._lock:
            first = max(0, first)
            count = min(count, self.lines - first)
            position = self.offset(first)
            result: list[Line] = []
            base, buffer = position, b""
            window = max(BLOCK, 2 * self._line_limit)
            for number in range(first, first + count):
                end = buffer.find(b"\n", position - base)
                if end < 0:
                    base, buffer = position, self.pread(position, min(window, self._indexed - position))
                    end = buffer.find(b"\n")
                if end >= 0:
                    result.append(self._line(number, buffer[position - base : end], True))
                    position = base + end + 1
                elif not buffer:
                    break
                else:
                    terminated = number < self._breaks
                    following = self.offset(number + 1)
                    result.append(self._long_line(number, buffer, following - terminated, terminated))
                    position, base, buffer = following, following, b""
            return result

    def _line(self, number: int | None, raw: bytes, terminated: bool) -> Line:
        limit = self._line_limit
        data, cut = shown(raw[:limit], raw[-limit:], len(raw), limit)
        return Line(number, data, cut, terminated)

    def _long_line(self, number: int, head: bytes, end: int, terminated: bool) -> Line:
        """A line without a line break in `head`, which may be all of it; `end` is where it ends."""
        start = self.offset(number)
        limit = self._line_limit
        if end - start <= len(head):
            return self._line(number, head[: end - start], terminated)
        tail = self.pread(end - limit, limit)
        data, cut = shown(head[:limit], tail, end - start, limit)
        return Line(number, data, cut, terminated)

    def tail(self, count: int) -> list[Line]:
        """The last lines of the file as it is now, whether indexed or not, without numbers; at most `TAIL_BYTES`."""
        with self._lock:
            if self._fd < 0 or count <= 0:
                return []
            end = os.fstat(self._fd).st_size
            data = b""
            start = end
            while start > 0 and data.count(b"\n") <= count and len(data) < TAIL_BYTES:
                step = min(BLOCK, start)
                data = self.pread(start - step, step) + data
                start -= step
        pieces = data.split(b"\n")
        last = pieces.pop()
        lines = [self._line(None, piece, True) for piece in pieces[-count:]]
        if last:
            lines.append(self._line(None, last, False))
        if start > 0 and len(pieces) < count and len(lines) > 1:
            lines = lines[1:]
        return lines[-count:]


def _nth_break(piece: bytes, nth: int) -> int:
    """Position of the nth line break in a piece that has at least so many."""
    start, end = 0, len(piece)
    while end - start > 1024:
        middle = (start + end) // 2
        found = piece.count(b"\n", start, middle)
        if found >= nth:
            end = middle
        else:
            nth -= found
            start = middle
    position = start - 1
    for _ in range(nth):
        position = piece.find(b"\n", position + 1, end)
    return position
