"""What `capture-pane -e` gives, reduced to text and colours.

tmux keeps a grid of cells and prints SGR sequences between them; newer versions also print hyperlinks (OSC 8), and
cells of the line-drawing character set come between SO and SI. A colour set on one line goes on in the next until it
is changed. Here each line is made to stand alone: it begins and ends in the default style, holds no sequences but
SGR, and line-drawing letters become the characters they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_TOKENS = re.compile(
    r"(?P<sgr>\x1b\[[0-9;:]{0,200}m)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_].*?(?:\x1b\\|\x07|\x9c|$)"
    r"|\x1b[ -/]*[0-~]?"
    r"|(?P<charset>[\x0e\x0f])"
    r"|[\x00-\x08\x0a-\x1f\x7f-\x9f]",
    re.DOTALL,
)
# DEC special graphics, the set that SO selects (VT100 user guide, table 3-9).
_DRAWING = str.maketrans("`abcdefghijklmnopqrstuvwxyz{|}~", "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")


_SGR = re.compile(r"\x1b\[[0-9;:]*m")


def clean_lines(lines: Iterable[bytes], *, colours: bool = True) -> tuple[str, ...]:
    """Decode captured lines.

    Args:
        lines: Lines of one capture made with `-e`, from the first on, without line ends.
        colours: Whether to keep the SGR sequences.

    Returns:
        One string a line: text, tabs and SGR sequences, nothing else. Each line can be drawn on its own.
    """
    state = _Style()
    cleaned = (_clean(line.decode(errors="replace"), state) for line in lines)
    return tuple(cleaned if colours else (_SGR.sub("", line) for line in cleaned))


def _clean(line: str, state: _Style) -> str:
    parts: list[str] = []
    shown = ""
    position = 0
    for match in _TOKENS.finditer(line):
        shown = _draw(parts, line[position : match.start()], state, shown)
        position = match.end()
        if match["sgr"]:
            state.apply(match["sgr"][2:-1])
        elif match["charset"]:
            state.drawing = match["charset"] == "\x0e"
    shown = _draw(parts, line[position:], state, shown)
    return "".join(parts) + ("\x1b[0m" if shown else "")


def _draw(parts: list[str], text: str, state: _Style, shown: str) -> str:
    """Append text in the style in force, `shown` being the one of the text before; returns the one in force."""
    if not text:
        return shown
    wanted = state.parameters()
    if wanted != shown:
        parts.append(f"\x1b[{';'.join(filter(None, ('0' if shown else '', wanted)))}m")
    parts.append(text.translate(_DRAWING) if state.drawing else text)
    return wanted


class _Style:
    """The rendition in force: one parameter string for each of foreground, background, underline colour, attribute."""

    def __init__(self) -> None:
        self.drawing = False
        self._slots: dict[str, str] = {}

    def parameters(self) -> str:
        return ";".join(self._slots.values())

    def apply(self, parameters: str) -> None:
        """Note one SGR sequence (ECMA-48 8.3.117, and the 38/48/58 colours of ITU T.416)."""
        words = (parameters or "0").split(";")
        while words:
            word = words.pop(0)
            code = int(word.partition(":")[0] or 0)
            if code in (38, 48, 58) and ":" not in word:
                count = {"5": 1, "2": 3}.get(words[0] if words else "", -1) + 1
                word = ";".join([word, *words[:count]])
                del words[:count]
            self._set(code, word)

    def _set(self, code: int, word: str) -> None:
        if code == 0:
            self._slots.clear()
            return
        slot = _slot(code)
        if code in _ENDS:
            for name in _ENDS[code]:
                self._slots.pop(name, None)
        elif word == "4:0":
            self._slots.pop("4", None)
        elif slot:
            self._slots[slot] = word


_ENDS = {
    22: ("1", "2"),
    23: ("3",),
    24: ("4",),
    25: ("5",),
    27: ("7",),
    28: ("8",),
    29: ("9",),
    39: ("fg",),
    49: ("bg",),
    55: ("53",),
    59: ("ul",),
}


def _slot(code: int) -> str:
    if 30 <= code <= 38 or 90 <= code <= 97:
        return "fg"
    if 40 <= code <= 48 or 100 <= code <= 107:
        return "bg"
    if code == 58:
        return "ul"
    if code in (21, 4):
        return "4"
    return str(code) if code in (1, 2, 3, 5, 7, 8, 9, 53) else ""
