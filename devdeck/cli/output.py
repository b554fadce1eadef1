"""What the command line prints: data on stdout, everything else on stderr."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

STYLES = {
    "good": "32",
    "bad": "31",
    "warn": "33",
    "info": "36",
    "dim": "2",
    "bold": "1",
}
"""SGR parameters by meaning; the words beside them say the same without colour."""
_STYLED = re.compile(rf"(\x1b\[(?:0|{'|'.join(STYLES.values())})m)")
_LONGEST = 1 << 20  # characters of a printed line


def json_option(command: F) -> F:
    """Add `--json` to a verb; it reaches the function as the parameter `json`."""
    import click

    return click.option("--json", "json", is_flag=True, help="Print one JSON document.")(command)


def dry_run_option(command: F) -> F:
    """Add `--dry-run` to a verb that changes the world."""
    import click

    return click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")(command)


def with_deck(command: F) -> F:
    """Open the user's deck, pass it as the first argument and close it afterwards."""

    @wraps(command)
    def call(*args: Any, **kwargs: Any) -> Any:
        from devdeck.deck import Deck

        deck = Deck.open()
        try:
            return command(deck, *args, **kwargs)
        finally:
            deck.close()

    return call  # type: ignore[return-value]


def document(value: Any) -> None:
    """Print one JSON document."""
    import msgspec

    sys.stdout.buffer.write(msgspec.json.format(_json(value), indent=2) + b"\n")
    sys.stdout.buffer.flush()


_SILENT = re.compile("[\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
"""What JSON may hold as it is, and a terminal may act on."""


def _json(value: Any) -> bytes:
    """JSON that any parser takes and that does nothing to a terminal; bytes that are no UTF-8 become U+FFFD."""
    import msgspec

    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        import json

        from devdeck.records import portable

        text = portable(json.dumps(msgspec.to_builtins(value), ensure_ascii=False))
    return _SILENT.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def say(text: str = "") -> None:
    """Print a line of data. Whatever is in it, it is one line, with no control sequences but `styled`'s."""
    sys.stdout.write(_safe(text) + "\n")


def own_text(text: str) -> None:
    """Print lines that devdeck itself wrote, as they are; nothing foreign may be in them."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Print a line that is no data, as `say` does."""
    sys.stderr.write(_safe(text) + "\n")


def _safe(text: str) -> str:
    from devdeck.text import one_line

    parts = _STYLED.split(text) if coloured() else [text]
    return "".join(part if index % 2 else one_line(part, limit=_LONGEST) for index, part in enumerate(parts))


def error(code: str, message: str, hint: str, *, json: bool, usage: str = "") -> None:
    """Print an error on stderr, as the contract says; `usage` is a line that comes before it."""
    if json:
        sys.stderr.write(_json({"error": {"code": code, "message": message, "hint": hint}}).decode() + "\n")
        return
    if usage:
        note(usage)
    note(f"devdeck: {message or code}")
    if hint:
        note(f"  → {hint}")


def coloured() -> bool:
    """Whether stdout takes colours: a terminal, and `NO_COLOR` is not set (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def styled(text: str, style: str) -> str:
    """Text in the colour of a meaning (see `STYLES`), where stdout takes colours."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style and coloured() else text


def iso(at: float | None) -> str | None:
    """UNIX seconds as ISO 8601 with the local offset."""
    if at is None:
        return None
    import datetime

    return datetime.datetime.fromtimestamp(at).astimezone().isoformat(timespec="milliseconds")


def moment(at: float) -> str:
    """UNIX seconds as a person writes them, in local time: `2026-03-01 14:05`."""
    import datetime

    return datetime.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


def from_home(text: str) -> str:
    """Text in which the user's home folder is `~`, wherever a path below it begins a word.

    In a command (between backticks) a quoted path stays as it is: a shell would not take its `~` for the folder.
    """
    home = os.path.expanduser("~").rstrip("/")
    if not home.startswith("/"):
        return text
    prose = re.compile(rf"(?<![^\s'\"(]){re.escape(home)}(?=/|$|[\s'\",;:)])")
    command = re.compile(rf"(?<=\s){re.escape(home)}(?=/|$|\s)")
    parts = text.split("`")
    return "`".join((command if index % 2 else prose).sub("~", part) for index, part in enumerate(parts))


def age(seconds: float | None) -> str:
    """A short age: `3s`, `12m`, `5h`, `9d`; `-` when unknown."""
    if seconds is None:
        return "-"
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def _narrowed(widths: Sequence[int], room: int) -> list[int]:
    """Widths of columns that fit a terminal, the widest made narrower first, and the first column with most left."""
    fitting = list(widths)
    first, others = range(1), range(1, len(fitting))
    for some, least in ((others, 14), (first, 24), (others, 10), (first, 10)):
        while some and sum(fitting) + 2 * (len(fitting) - 1) > room:
            widest = max(some, key=lambda index: fitting[index])
            if fitting[widest] <= least:
                break
            fitting[widest] -= 1
    return fitting


def _cut(text: str, room: int) -> str:
    """Text with an ellipsis in its middle, where it is wider than the room for it."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= room:
        return text
    tail = ""
    for char in reversed(text):
        if cell_len(char + tail) > (room - 1) // 2:
            break
        tail = char + tail
    return set_cell_size(text, room - 1 - cell_len(tail)) + "…" + tail


def table(headings: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]]) -> None:
    """Print columns: each cell is (text, style). Widths are of terminal cells, the last column is not padded.

    Where a terminal is too narrow, texts are cut in their middle; least of all in the first column,
    by which rows are called.
    """
    from rich.cells import cell_len as width

    from devdeck.text import one_line

    cells = [[(one_line(text), style) for text, style in row] for row in rows]
    widths = [max([width(heading), *(width(row[index][0]) for row in cells)]) for index, heading in enumerate(headings)]
    if sys.stdout.isatty():
        import shutil

        widths = _narrowed(widths, shutil.get_terminal_size().columns)
        cells = [[(_cut(text, widths[index]), style) for index, (text, style) in enumerate(row)] for row in cells]

    def line(row: Sequence[tuple[str, str]]) -> str:
        parts = [styled(text, style) + " " * (widths[index] - width(text)) for index, (text, style) in enumerate(row)]
        return "  ".join(parts).rstrip()

    say(line([(heading, "dim") for heading in headings]))
    for row in cells:
        say(line(row))
