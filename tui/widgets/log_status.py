"""What a log pane shows, as a record and in words."""

from __future__ import annotations

from pathlib import Path

import msgspec

from devdeck.text import one_line

Word = tuple[str, str]
"""A piece of the status row, and the component that gives its style."""


class LogStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a log pane shows, for status bars."""

    path: Path | None = None
    title: str = ""
    live: bool = False
    lines: int = 0
    """Lines known so far."""
    failures: int = 0
    """Runs of adjacent failing lines found so far."""
    following: bool = True
    new_lines: int = 0
    """Lines that came since following stopped."""
    top: int = 0
    """First line on screen, counted from 1; 0 when there is none."""
    cursor: int | None = None
    """The current line, counted from 1."""
    query: str = ""
    hits: int | None = None
    """Lines that match the query; `None` while they are counted."""
    searching: bool = False
    percent: int = 100
    """How much of the file is indexed."""
    wrap: bool = False
    numbers: bool = True
    missing: bool = False
    """Nothing is at the path now."""
    problem: str = ""
    """Why the log, or the last search, can't be shown."""


def plural(count: int, word: str, ending: str = "s") -> str:
    """`1 line`, `1,234 lines`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}{ending}"


def state_words(status: LogStatus) -> list[Word]:
    """The left of the status row: whether the end is followed, and what is wrong."""
    if status.path is None:
        return []
    words: list[Word]
    if not status.following:
        new = f" · {plural(status.new_lines, 'new line')}" if status.new_lines else ""
        words = [(f" ‖ paused{new} · f follows ", "paused")] if status.live else [(" ‖ paused · f follows ", "paused")]
        words.append((f" line {status.cursor or status.top:,} of {status.lines:,}", "status"))
    elif status.live:
        words = [(" ● following", "following")]
    else:
        words = [(" ■ end of log", "status")]
    if status.missing:
        words.append((" · the file is gone", "status"))
    if status.problem:
        words.append((f" · {one_line(status.problem, limit=200)}", "count"))
    return words


def count_words(status: LogStatus) -> list[Word]:
    """The right of the status row: matches, failures, lines, progress and what is switched on."""
    if status.path is None:
        return []
    words: list[Word] = []
    if status.query:
        hits = "…" if status.hits is None or status.searching else plural(status.hits, "match", "es")
        words.append((f"/{one_line(status.query, limit=24)}  {hits}  ", "status"))
    if status.failures:
        words.append((f"✗ {plural(status.failures, 'failing place')}  ", "count"))
    if status.percent < 100:
        words.append((f"indexing {status.percent} %  ", "status"))
    elif status.following:
        words.append((f"{plural(status.lines, 'line')}  ", "status"))
    if status.wrap:
        words.append(("wrap  ", "status"))
    return words
