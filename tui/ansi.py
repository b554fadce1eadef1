"""Bytes of logs and panes as styled text that is safe to draw.

Colours and attributes (SGR) are kept. Every other escape sequence, every control character, bidirectional controls
and characters without width that hide text are dropped; what is not UTF-8 becomes U+FFFD; tabs become spaces. So no
byte of the input can move the cursor, set a title or write to the clipboard of the user's terminal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from rich.style import Style
from rich.text import Text

TERMINAL_PALETTE: tuple[str, ...] = tuple(f"color({number})" for number in range(16))
"""The terminal's own 16 ANSI colours; a theme brings others."""
TAB = 8
_MAX_PARAMETERS = 64

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)(?P<parameters>[0-?]*)[ -/]*(?P<final>[@-~]?)"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_DROPPED = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufff9-\ufffb]"
)


class Span(NamedTuple):
    """A styled piece of a line."""

    start: int
    """First character."""
    end: int
    """Character after the last."""
    style: Style


class Rendered(NamedTuple):
    """One line: its text, and where it is styled. Spans don't overlap and ascend."""

    text: str
    spans: tuple[Span, ...]


class Sgr(NamedTuple):
    """What SGR sequences have set: colours as hex, attributes as flags."""

    foreground: str | None = None
    background: str | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False
    strike: bool = False


PLAIN = Sgr()


@lru_cache(maxsize=1024)
def _style(sgr: Sgr) -> Style:
    return Style(
        color=sgr.foreground, bgcolor=sgr.background, bold=sgr.bold or None, dim=sgr.dim or None,
        italic=sgr.italic or None, underline=sgr.underline or None, reverse=sgr.reverse or None,
        strike=sgr.strike or None,
    )  # fmt: skip


def plain(raw: bytes) -> str:
    """The text of one raw line as it is drawn, without styles."""
    return parse(raw)[0].text


def to_text(raw: bytes, palette: Sequence[str] = TERMINAL_PALETTE) -> Text:
    """One raw line as rich `Text`, for widgets that take one."""
    text = Text(no_wrap=True, end="")
    rendered, _ = parse(raw, palette)
    text.append(rendered.text)
    for start, end, style in rendered.spans:
        text.stylize(style, start, end)
    return text


def parse(raw: bytes, palette: Sequence[str] = TERMINAL_PALETTE, sgr: Sgr = PLAIN) -> tuple[Rendered, Sgr]:
    """One raw line as text with styles. Never raises, whatever the bytes.

    Args:
        raw: The line. Line breaks in it are dropped.
        palette: 16 hex colours for the ANSI colours 0 to 15.
        sgr: What earlier lines have left set (screens of tmux carry it from line to line, logs don't need to).

    Returns:
        The line, and what is set at its end.
    """
    source = raw.decode("utf-8", "replace")
    if source.isascii() and source.isprintable():
        return Rendered(source, (Span(0, len(source), _style(sgr)),) if sgr is not PLAIN and source else ()), sgr
    pieces: list[str] = []
    spans: list[Span] = []
    length = position = 0
    for escape in _ESCAPE.finditer(source):
        length = _append(source[position : escape.start()], pieces, spans, length, sgr)
        position = escape.end()
        if escape["final"] == "m":
            sgr = _apply(sgr, escape["parameters"], palette)
    _append(source[position:], pieces, spans, length, sgr)
    return Rendered("".join(pieces), tuple(spans)), sgr


def _append(piece: str, pieces: list[str], spans: list[Span], length: int, sgr: Sgr) -> int:
    """Add a piece without escape sequences; returns the new length of the line."""
    if not piece:
        return length
    piece = _DROPPED.sub("", piece)
    if "\t" in piece:
        column = length % TAB
        piece = (" " * column + piece).expandtabs(TAB)[column:]
    pieces.append(piece)
    if piece and sgr != PLAIN:
        spans.append(Span(length, length + len(piece), _style(sgr)))
    return length + len(piece)


_FLAGS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike", 21: "underline"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 29: ("strike",)}


def _apply(sgr: Sgr, parameters: str, palette: Sequence[str]) -> Sgr:
    """Apply one SGR sequence (ECMA-48 8.3.117 and the 256 and direct colours of ITU T.416, `;` or `:` between)."""
    if parameters[:1] in ("<", "=", ">", "?"):
        return sgr
    fields = parameters.split(";", _MAX_PARAMETERS)[:_MAX_PARAMETERS]
    values: dict[str, object] = sgr._asdict()
    position = 0
    while position < len(fields):
        field = fields[position]
        position += 1
        code, *rest = (_number(part) for part in field.split(":", 8)[:8])
        if code == 0:
            values = PLAIN._asdict()
        elif code == 4 and rest:
            values["underline"] = rest[0] != 0
        elif code in _FLAGS:
            values[_FLAGS[code]] = True
        elif code in _OFF:
            values.update(dict.fromkeys(_OFF[code], False))
        elif code in (38, 48):
            if not rest:
                rest = [_number(part) for part in fields[position : position + 4]]
                position += 2 if rest[:1] == [5] else 4 if rest[:1] == [2] else 0
            elif rest[0] == 2 and len(rest) >= 5:
                rest = [2, *rest[-3:]]
            values["foreground" if code == 38 else "background"] = _extended(rest, palette)
        elif code in (39, 49):
            values["foreground" if code == 39 else "background"] = None
        elif 30 <= code <= 37 or 90 <= code <= 97:
            values["foreground"] = palette[code - 30 if code < 90 else code - 82]
        elif 40 <= code <= 47 or 100 <= code <= 107:
            values["background"] = palette[code - 40 if code < 100 else code - 92]
    return Sgr(**values)  # type: ignore[arg-type]


def _number(text: str) -> int:
    """A parameter; empty is 0, what is no number or too big is -1."""
    if not text:
        return 0
    return int(text) if len(text) <= 5 and text.isascii() and text.isdigit() else -1


def _extended(values: Sequence[int], palette: Sequence[str]) -> str | None:
    """The colour of `5;n` or `2;r;g;b`; `None` when it is not one."""
    if len(values) >= 2 and values[0] == 5 and 0 <= values[1] <= 255:
        return _indexed(values[1], palette)
    if len(values) >= 4 and values[0] == 2 and all(0 <= value <= 255 for value in values[1:4]):
        red, green, blue = values[1:4]
        return f"#{red:02x}{green:02x}{blue:02x}"
    return None


def _indexed(number: int, palette: Sequence[str]) -> str:
    """One of the 256 colours: the palette, the 6x6x6 cube of xterm, its grey ramp."""
    if number < 16:
        return palette[number]
    if number >= 232:
        grey = 8 + 10 * (number - 232)
        return f"#{grey:02x}{grey:02x}{grey:02x}"
    levels = (0, 95, 135, 175, 215, 255)
    number -= 16
    return f"#{levels[number // 36]:02x}{levels[number // 6 % 6]:02x}{levels[number % 6]:02x}"
