r"""What of a raw log line is text: escape sequences, carriage returns and length.

Logs come from a pseudo-terminal: lines end in `\r\n`, carry colours, and progress bars draw over themselves.
"""

from __future__ import annotations

import re

LINE_LIMIT = 16 * 1024
"""Bytes of one line that are shown, searched and classified."""

_ESCAPES = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]?"  # CSI, complete or cut off
    rb"|\x1b[\]PX^_][^\x07\x1b\r\n]*(?:\x07|\x1b\\)?"  # OSC, DCS, SOS, PM, APC; never past a line break or return
    rb"|\x1b[ -/]*[0-~]?"
)


def strip_escapes(data: bytes) -> bytes:
    """Remove escape sequences, complete or cut off, and keep line breaks. Takes time linear in the length."""
    return _ESCAPES.sub(b"", data) if b"\x1b" in data else data


def shown(head: bytes, tail: bytes, size: int, limit: int = LINE_LIMIT) -> tuple[bytes, bool]:
    """What a terminal would leave on the screen of a line drawn over itself by carriage returns, within the bound.

    Args:
        head: The first `limit` bytes of the line, its line break excluded.
        tail: Its last `limit` bytes.
        size: Its length in bytes.
        limit: The bound.

    Returns:
        The text after the last carriage return that does not end the line, and whether it was cut at the bound. Of a
        line over the bound only head and tail are looked at.
    """
    if size > limit:
        end = tail.rstrip(b"\r")
        position = end.rfind(b"\r")
        if position >= 0:
            return end[position + 1 :], False
    text = head.rstrip(b"\r")
    return text[text.rfind(b"\r") + 1 :], size > limit


def shown_line(raw: bytes, limit: int = LINE_LIMIT) -> bytes:
    """`shown` of a line that is there as a whole."""
    return shown(raw[:limit], raw[-limit:], len(raw), limit)[0]
