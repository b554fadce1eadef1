"""A line of the screen as plain data: text in spans, each with a tone that the theme turns into a colour.

Rows, facts and results are built as lines by pure functions and drawn by `tui.widgets.line_view.LineView`. No part of
this module knows Textual, so what a row says can be tested without a screen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from devdeck.text import one_line


class Tone(StrEnum):
    """What a span means; `tui.tones` has the look of each."""

    PLAIN = "plain"
    STRONG = "strong"
    MUTED = "muted"
    LABEL = "label"
    GROUP = "group"
    BRANCH = "branch"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    STALE = "stale"
    DIRTY = "dirty"
    AHEAD = "ahead"
    BEHIND = "behind"
    CONFLICT = "conflict"
    CPU = "cpu"
    MEMORY = "memory"
    MATCH = "match"
    ADDED = "added"
    REMOVED = "removed"
    HUNK = "hunk"
    KEYWORD = "keyword"
    STRING = "string"
    NUMBER = "number"
    COMMENT = "comment"
    NAME = "name"


class Ground(StrEnum):
    """What lies under a whole line; `tui.tones` has the look of each."""

    NONE = "none"
    ADDED = "added"
    REMOVED = "removed"
    MARKED = "marked"
    HEADER = "header"


class Span(NamedTuple):
    """Text of one tone. The text must be safe to print: see `clean`."""

    text: str
    tone: Tone = Tone.PLAIN


Line = tuple[Span, ...]
"""One row of cells."""

_WORDS = re.compile(r" *[^ ]+| +")
_JOINERS = {0x200C: None, 0x200D: None, 0xFE0E: None, 0xFE0F: None}


def clean(text: str, limit: int = 400) -> str:
    """Foreign text for one row: `devdeck.text.one_line`, and no joiners, about whose width terminals disagree."""
    return one_line(text, limit=limit).translate(_JOINERS)


def line(*parts: Span | str | Iterable[Span]) -> Line:
    """Join spans, plain strings and lines to one line; empty spans are dropped."""
    spans: list[Span] = []
    for part in parts:
        if isinstance(part, Span):
            spans.append(part)
        elif isinstance(part, str):
            spans.append(Span(part))
        else:
            spans.extend(part)
    return tuple(span for span in spans if span.text)


def width_of(spans: Iterable[Span]) -> int:
    """Cells that a line takes."""
    return sum(cell_len(span.text) for span in spans)


def plain(spans: Iterable[Span]) -> str:
    """The text of a line."""
    return "".join(span.text for span in spans)


def shorten(text: str, width: int, *, middle: bool = False) -> str:
    """Cut text to at most `width` cells, marking the cut by `…` at the end or in the middle."""
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    if not middle:
        return set_cell_size(text, width - 1).rstrip() + "…"
    tail_width = (width - 1) // 2
    head = set_cell_size(text, width - 1 - tail_width).rstrip()
    tail = ""
    for character in reversed(text):
        if cell_len(character + tail) > tail_width:
            break
        tail = character + tail
    return f"{head}…{tail}"


def fit(spans: Line, width: int, *, right: bool = False) -> Line:
    """Make a line exactly `width` cells wide: cut with `…`, or padded on the right (on the left with `right`)."""
    if width <= 0:
        return ()
    missing = width - width_of(spans)
    if missing == 0:
        return spans
    if missing > 0:
        padding = Span(" " * missing)
        return (padding, *spans) if right else (*spans, padding)
    room = width - 1
    kept: list[Span] = []
    for span in spans:
        size = cell_len(span.text)
        if size <= room:
            kept.append(span)
            room -= size
            continue
        if room:
            kept.append(span._replace(text=set_cell_size(span.text, room)))
        kept.append(Span("…", span.tone))
        break
    return tuple(kept)


def wrapped(spans: Line, width: int, indent: int) -> tuple[Line, ...]:
    """Break a line between spans where it is too wide; what follows is indented and begins without its separator."""
    found: list[list[Span]] = [[]]
    room = width
    for span in spans:
        size = cell_len(span.text)
        if size > room and len(found[-1]) > 1 and room < width - indent:
            span = span._replace(text=span.text.lstrip(" ·"))
            found.append([Span(" " * indent)])
            room, size = width - indent, cell_len(span.text)
        if span.text:
            found[-1].append(span)
            room -= size
    return tuple(tuple(row) for row in found)


def by_words(spans: Line) -> Line:
    """The same line, each word a span of its own with the space before it, so that `wrapped` may break anywhere."""
    return tuple(Span(word, span.tone) for span in spans for word in _WORDS.findall(span.text))


def toned(spans: Line, tone: Tone) -> Line:
    """The same text, all of one tone."""
    return tuple(span._replace(tone=tone) for span in spans)


def marked(text: str, positions: Iterable[int], tone: Tone) -> Line:
    """Text of one tone with the characters at `positions` (of a filter's match) made to stand out."""
    hits = frozenset(positions)
    if not hits:
        return line(Span(text, tone))
    spans: list[Span] = []
    start = 0
    for index in range(1, len(text) + 1):
        if index == len(text) or (index in hits) != (start in hits):
            spans.append(Span(text[start:index], Tone.MATCH if start in hits else tone))
            start = index
    return line(spans)
