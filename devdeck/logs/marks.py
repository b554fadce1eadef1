"""What a log line says: a failure, an error, a warning, a place in source code, or nothing in particular.

Covers the forms of pytest, unittest, cargo, go, TAP, jest, vitest, gtest, Maven, compilers and common loggers. Every
pattern takes time linear in the line: alternations that start at the line's start or at a fixed word, with bounded
repeats.
"""

from __future__ import annotations

import re
from enum import IntEnum

from devdeck.logs.locations import is_frame
from devdeck.logs.text import shown_line, strip_escapes

MARK_LIMIT = 2048
"""Bytes of the text that are looked at."""


class Mark(IntEnum):
    """What a line says, the gravest last."""

    NONE = 0
    FRAME = 1
    WARNING = 2
    ERROR = 3
    FAILURE = 4


LITERALS: tuple[bytes, ...] = (
    b"FAIL", b"rror", b"ERR", b"xception", b"E   ", b"panic", b"not ok", b" failed", b"FATAL",
    b"fatal", b"Segmentation fault",
)  # fmt: skip
"""Every ERROR and FAILURE line has one of these or of `LITERALS_UTF8`. Looking for them is many times cheaper than
looking at lines."""
LITERALS_UTF8: tuple[bytes, ...] = (b"\xe2\x9c\x95", b"\xe2\x9c\x96", b"\xe2\x9c\x97", b"\xe2\x9c\x98", b"\xc3\x97")
"""Cross marks, looked for only in chunks that are not all ASCII."""

_FAILURE = re.compile(
    rb"^E   "  # pytest: the reason
    rb"|^=+ (?:[^=\n]{0,100}, )?[1-9]\d{0,8} (?:failed|errors?)\b"  # pytest's last line
    rb"|(?:^|[\s\]|.])FAILED(?:$|[\s:!(\[.])"
    rb"|^\s{0,16}FAIL(?:$|[\s:!])"
    rb"|^\s{0,64}--- FAIL"
    rb"|<<< (?:FAILURE|ERROR)!"
    rb"|^\s{0,64}not ok\b"
    rb"|\bpanicked at\b"
    rb"|^\s{0,64}(?:\xe2\x9c[\x95-\x98]|\xc3\x97)(?:$|[\s\xef])"  # cross marks of jest, vitest, mocha
    rb"|\b[Aa]ssertion .{0,400} ?failed"
    rb"|^(?:[\w.]{0,200}\.)?AssertionError\b"
)
_ERROR = re.compile(
    rb"^(?:[^\s:]{1,200}: )?(?:fatal |internal |compile |syntax )?[Ee]rror(?:\[\w{1,16}\]|\(\w{1,16}\)| TS\d{1,6})?:"
    rb"|:\d{1,7}:? (?:- )?(?:fatal )?error\b"
    rb"|\): (?:fatal )?error [A-Z]{1,6}\d{1,6}"
    rb"|(?:^|[\s\[|\"'=(<])(?:ERROR|FATAL)(?:$|[\s\]|\"':,)>])"
    rb"|\b(?:level|severity)\"?[=:]\s?\"?(?:error|fatal)\b"
    rb"|^(?:Uncaught |Caused by: |Exception in thread .{1,100} )?[\w$./]{0,200}(?:Error|Exception)(?:$|:|\s\()"
    rb"|^(?:panic|fatal|fatal error): "
    rb"|^npm (?:ERR!|error\b)"
    rb"|^g?make(?:\[\d{1,3}\])?: \*\*\* .{1,400} Error \d"
    rb"|^Segmentation fault|^==\d{1,8}==ERROR"
    rb"|^CMake Error"
)
_WARNING = re.compile(
    rb"(?:^|[\s:\[|\"'=(<])(?:[Ww]arning|WARNING|WARN)(?:$|[\s\]|\"':,)>\[(])"
    rb"|\b[A-Z][A-Za-z]{1,40}Warning:"
    rb"|\b(?:level|severity)\"?[=:]\s?\"?warn(?:ing)?\b"
)


def classify(line: bytes) -> Mark:
    """What a raw log line says (escape sequences and text drawn over by carriage returns don't count)."""
    text = shown_line(line)
    text = strip_escapes(text)[:MARK_LIMIT].rstrip()
    if not text:
        return Mark.NONE
    if _FAILURE.search(text):
        return Mark.FAILURE
    if _ERROR.search(text):
        return Mark.ERROR
    if is_frame(text):
        return Mark.FRAME
    return Mark.WARNING if _WARNING.search(text) else Mark.NONE


def grave_lines(data: bytes) -> list[int]:
    """Offsets of the lines in `data` that say ERROR or FAILURE, ascending. `data` begins at a line's start."""
    starts: set[int] = set()
    seen: set[int] = set()
    for literal in LITERALS if data.isascii() else LITERALS + LITERALS_UTF8:
        position = data.find(literal)
        while position >= 0:
            start = data.rfind(b"\n", 0, position) + 1
            end = data.find(b"\n", position)
            end = len(data) if end < 0 else end
            if start not in seen:
                seen.add(start)
                if classify(data[start:end]) >= Mark.ERROR:
                    starts.add(start)
            position = data.find(literal, end)
    return sorted(starts)
