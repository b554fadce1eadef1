"""Search forward, backward and counting over an indexed log, in windows, cancellable.

What is searched is what is shown: text without escape sequences, of lines drawn over by carriage returns the last
text, of longer lines the first 16 KiB.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import msgspec

from devdeck.errors import UsageError
from devdeck.logs.index import LogIndex
from devdeck.logs.text import LINE_LIMIT, shown_line, strip_escapes

WINDOW = 128 * 1024
"""Bytes searched between two looks at the cancel event."""
REGEX_LIMIT = 2048
"""Characters of a line that a regular expression sees: it is the user's and may be slow."""
QUERY_LIMIT = 1000


class Hit(msgspec.Struct, frozen=True):
    """A line that matches."""

    line: int
    """Counted from 0."""
    wrapped: bool
    """Whether the search passed the end (or, backward, the beginning) of the log."""


class Query:
    """What is looked for. Case matters only when the query has an upper-case letter (smart case).

    Args:
        text: The literal or the regular expression (of Python's `re`).
        regex: Which of the two it is.

    Raises:
        UsageError: Empty, too long, not a valid expression, or one with a repeat inside a repeat, which could take
            forever on some line.
    """

    def __init__(self, text: str, *, regex: bool = False) -> None:
        if not text:
            raise UsageError("nothing to search for", "Type a word or a regular expression.")
        if len(text) > QUERY_LIMIT:
            raise UsageError(f"the query has more than {QUERY_LIMIT} characters")
        try:
            encoded = text.encode()
        except UnicodeEncodeError as error:
            raise UsageError("the query is not valid text") from error
        self.text = text
        self.regex = regex
        self.ignore_case = text == text.lower()
        flags = re.IGNORECASE if self.ignore_case else re.NOFLAG
        if regex:
            _refuse_nested_repeats(text)
        try:
            self._pattern = re.compile(text if regex else re.escape(text), flags)
        except (re.error, OverflowError, RecursionError) as error:
            raise UsageError(f"not a regular expression: {error}", "Search for the text itself instead.") from error
        self.needle = b"" if regex else self._bytes_needle(encoded)
        self.exact = bool(self.needle) and self.needle == encoded

    def _bytes_needle(self, encoded: bytes) -> bytes:
        """Bytes that every matching line has; empty when there are none to look for."""
        if not self.ignore_case or encoded.isascii():
            return encoded
        return max(re.split(rb"[^\x00-\x7f]+", encoded), key=len)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where a shown line matches: pairs of start and end, not empty, in order."""
        limit = REGEX_LIMIT if self.regex else len(text)
        return [match.span() for match in self._pattern.finditer(text, 0, limit) if match.end() > match.start()]

    def matches(self, raw: bytes) -> bool:
        """Whether a raw line matches as it is shown."""
        text = strip_escapes(shown_line(raw)).decode("utf-8", "replace")
        return self._pattern.search(text, 0, REGEX_LIMIT if self.regex else len(text)) is not None


def _refuse_nested_repeats(pattern: str) -> None:
    """Refuse `(a+)+` and its like: an unbounded repeat inside another backtracks exponentially.

    Raises:
        UsageError: There is one.
    """
    depth_repeats: list[bool] = [False]
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            position += 2
            continue
        if character == "[":
            position = _class_end(pattern, position)
            character = "]"
        if character == "(":
            depth_repeats.append(False)
        closed = False
        if character == ")" and len(depth_repeats) > 1:
            closed = depth_repeats.pop()
            depth_repeats[-1] |= closed
        position += 1
        repeat = re.compile(r"[*+]|\{\d*,\d*\}|\{\d{2,}\}").match(pattern, position)
        if repeat and character not in "(|":
            if closed:
                raise UsageError(
                    "a repeat inside a repeat can take forever", "Write it without the outer or the inner repeat."
                )
            depth_repeats[-1] = True


def _class_end(pattern: str, start: int) -> int:
    """Position of the `]` that closes the character class at `start`, or the last position."""
    position = start + 1
    if pattern[position : position + 1] == "^":
        position += 1
    if pattern[position : position + 1] == "]":
        position += 1
    while position < len(pattern) and pattern[position] != "]":
        position += 2 if pattern[position] == "\\" else 1
    return min(position, len(pattern) - 1)


def find(
    index: LogIndex, query: Query, start: int, *, forward: bool = True, cancel: threading.Event | None = None
) -> Hit | None:
    """The next matching line from `start` on (itself included), passing the end (beginning) once.

    Args:
        index: The log.
        query: What to look for.
        start: Line to begin at, counted from 0.
        forward: Towards the end; otherwise towards the beginning.
        cancel: When set the search ends soon, with `None`.
    """
    lines = index.lines
    if not lines:
        return None
    start = max(0, min(start, lines - 1))
    middle = index.offset(start if forward else start + 1)
    end = index.indexed
    legs = ((middle, end), (0, middle)) if forward else ((0, middle), (middle, end))
    for wrapped, (first, last) in enumerate(legs):
        for offset, data in _windows(index, first, last, forward):
            if cancel is not None and cancel.is_set():
                return None
            found = _first_or_last(matching_lines(data, query), forward)
            if found is not None:
                return Hit(index.line_at(offset) + found, bool(wrapped))
    return None


def _first_or_last(numbers: Iterator[int], first: bool) -> int | None:
    found = next(numbers, None)
    if found is not None and not first:
        for found in numbers:  # noqa: B007 - the last one is wanted
            pass
    return found


def count(
    index: LogIndex, query: Query, start: int = 0, end: int | None = None, cancel: threading.Event | None = None
) -> int | None:
    """How many lines match between two offsets that are starts of lines (`end`: of the index by default).

    Returns:
        The number of lines; `None` when cancelled.
    """
    total = 0
    for _, data in _windows(index, start, index.indexed if end is None else end, True):
        if cancel is not None and cancel.is_set():
            return None
        total += sum(1 for _ in matching_lines(data, query))
    return total


def matching_lines(data: bytes, query: Query) -> Iterator[int]:
    """Numbers of the lines within `data` that match, counted from 0, ascending."""
    if not query.needle:
        yield from (number for number, raw in enumerate(data.split(b"\n")) if raw and query.matches(raw))
        return
    text = strip_escapes(data)
    raw_lines = data.split(b"\n") if text is not data else None
    plain: bool | None = None
    haystack = text.lower() if query.ignore_case else text
    number = counted = 0
    position = haystack.find(query.needle)
    while position >= 0:
        start = haystack.rfind(b"\n", 0, position) + 1
        end = haystack.find(b"\n", position)
        end = len(haystack) if end < 0 else end
        number += haystack.count(b"\n", counted, start)
        counted = start
        if plain is None:
            returns = b"\r" in text and text.count(b"\r") != text.count(b"\r\n")
            plain = query.exact and raw_lines is None and not returns
        raw = raw_lines[number] if raw_lines is not None else text[start:end]
        if (plain and end - start <= LINE_LIMIT) or query.matches(raw):
            yield number
        position = haystack.find(query.needle, end)


def _windows(index: LogIndex, first: int, end: int, forward: bool) -> Iterator[tuple[int, bytes]]:
    """The lines between two offsets, whole, in pieces of at most a window: offset of the first line, and the bytes.

    A line longer than a window comes alone and as it is shown.
    """
    while first < end:
        begin = first if forward else max(first, end - WINDOW)
        stop = min(end, first + WINDOW) if forward else end
        data = index.pread(begin, stop - begin)
        if not data:
            return
        if forward:
            cut = len(data) if stop == end else data.rfind(b"\n") + 1
            part = data[:cut]
        else:
            cut = 0 if begin == first else data.find(b"\n", 0, len(data) - 1) + 1
            part = data[cut:] if cut or begin == first else b""
        if part:
            yield (first, part) if forward else (begin + cut, part)
            first, end = (first + cut, end) if forward else (first, begin + cut)
            continue
        number = index.line_at(first if forward else end - 1)
        line = index.read(number, 1)
        yield index.offset(number), line[0].data if line else b""
        first, end = (index.offset(number + 1), end) if forward else (first, index.offset(number))
