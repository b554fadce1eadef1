"""What a terminal answers to the queries of programs, so that none of them waits for a time-out."""

from __future__ import annotations

import re

_QUERIES = (
    (re.compile(rb"\x1b\[0?c"), b"\x1b[?62;22c"),  # DA1: a VT220 with colours
    (re.compile(rb"\x1b\[>0?c"), b"\x1b[>1;10;0c"),  # DA2
    (re.compile(rb"\x1b\[5n"), b"\x1b[0n"),  # DSR
    (re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"),  # CPR
    (re.compile(rb"\x1b\[\?2026\$p"), b"\x1b[?2026;2$y"),  # DECRQM: synchronized output is known, and off
    (re.compile(rb"\x1b\[\?2048\$p"), b"\x1b[?2048;0$y"),  # in-band resize is not known
    (re.compile(rb"\x1b\[\?u"), b"\x1b[?0u"),  # kitty keyboard: known, no flags
    (re.compile(rb"\x1b\[16t"), b"\x1b[6;16;8t"),  # size of a cell in pixels
    (re.compile(rb"\x1b\[14t"), b"\x1b[4;640;960t"),  # size of the text area in pixels
    (re.compile(rb"\x1b\]10;\?(?:\x07|\x1b\\)"), b"\x1b]10;rgb:e0e0/e0e0/e0e0\x1b\\"),
    (re.compile(rb"\x1b\]11;\?(?:\x07|\x1b\\)"), b"\x1b]11;rgb:1010/1010/1010\x1b\\"),
)
_LONGEST = 16


class Answers:
    """Finds queries in a stream of output, also those that were cut in two by a chunk's end."""

    def __init__(self) -> None:
        self._rest = b""

    def to(self, chunk: bytes) -> bytes:
        """The answers to the queries that end in this chunk, in the order in which they were asked."""
        data = self._rest + chunk
        seen = len(self._rest)
        found = [
            (match.end(), answer)
            for pattern, answer in _QUERIES
            for match in pattern.finditer(data)
            if match.end() > seen
        ]
        self._rest = data[-_LONGEST:]
        return b"".join(answer for _, answer in sorted(found))
