"""Places in source code that log lines name: stack frames and compiler messages of many languages.

The path is as the line says it. Whether it exists, and what it is relative to, is for the caller to find out.
"""

from __future__ import annotations

import re

import msgspec

from devdeck.logs.text import shown_line, strip_escapes

LOCATION_LIMIT = 2048
"""Characters of a line that are looked at."""


class Location(msgspec.Struct, frozen=True):
    """One place in source code, as a line names it."""

    path: str
    line: int
    """Counted from 1."""
    column: int | None = None


_PATH = r"(?P<path>[^\s:()\[\]\"'<>,|][^:()\"'<>|\t]{0,400}?)"
_WORD = r"(?P<path>[^\s:()\[\]\"'<>,|]{1,400})"
_NUMBER = r"(?P<line>\d{1,7})"
_COLUMN = r"(?P<column>\d{1,5})"
# Tried in this order; each starts at the line's start or at a fixed word, and its repeats are bounded.
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf'^\s{{0,64}}File "(?P<path>[^"\n]{{1,400}})", line {_NUMBER}',  # Python
        rf" in (?P<path>[^\s:][^\n]{{0,400}}?):line {_NUMBER}",  # .NET
        rf" in (?P<path>/[^\n]{{1,400}}?) on line {_NUMBER}",  # PHP
        rf"^{_WORD}: line {_NUMBER}: ",  # shells
        rf"^(?:\[ERROR\] |[ew]: )?{_PATH}:? ?[(\[]{_NUMBER}(?:, ?{_COLUMN})?[)\]]",  # tsc, msvc, Maven, Kotlin
        rf"\[{_WORD}:{_NUMBER}: [^\]\n]{{1,200}}\]",  # make
        rf"CMake (?:Error|Warning).{{0,20}} at {_WORD}:{_NUMBER}",
    )
)
_BY_EXTENSION = re.compile(r"\.[A-Za-z]\w{0,7}:(\d{1,7})(?::(\d{1,5}))?(?![\w.])")
_BEFORE_PATH = " \t\"'`()[]<>{},;=|"
_FRAME = re.compile(
    rb"^\s{0,64}(?:"
    rb'File "[^"\n]{1,400}", line \d'
    rb"|(?:at |--> |#\d{1,4}\s|\xe2\x9d\xaf ).{0,600}[:(\[]\d"
    rb"|at .{1,400}:line \d"
    rb"|at [\w$.<>/@ -]{1,300}\([^()\n]{0,200}\)$"
    rb"|(?:[A-Za-z]:)?[^\s:()\[\]\"'<>,|=]{1,300}\.[A-Za-z]\w{0,7}(?::\d{1,7}|\(\d{1,7}(?:,\d{1,5})?\))"
    rb"|from [^\s:]{1,300}:\d{1,7}:in "
    rb"|Traceback \(most recent call last\)"
    rb"|stack backtrace:|goroutine \d{1,9} \["
    rb")|^_{3,} .{1,400} _{3,}$|^={3,} (?:FAILURES|ERRORS) ={3,}$"
)


def is_frame(text: bytes) -> bool:
    """Whether a line without escape sequences is part of a traceback or points at a place in source code."""
    return _FRAME.search(text) is not None


def location(line: bytes) -> Location | None:
    """The place in source code that a raw log line names; the first one when there are several."""
    text = strip_escapes(shown_line(line))[:LOCATION_LIMIT].decode("utf-8", "replace")
    for form in _FORMS:
        found = form.search(text)
        if found:
            fields = found.groupdict()
            path = _clean(fields["path"])
            if path and ("." in path or "/" in path or path[0].isupper()):
                column = fields.get("column")
                return Location(path, int(fields["line"]), int(column) if column else None)
    found = _BY_EXTENSION.search(text)
    if found is None:
        return None
    start = 1 + max(text.rfind(delimiter, 0, found.start()) for delimiter in _BEFORE_PATH)
    path = _clean(text[start : text.index(":", found.start())])
    return Location(path, int(found[1]), int(found[2]) if found[2] else None) if path else None


def _clean(path: str) -> str:
    path = path.strip().removeprefix("file://")
    return path if path.strip("./\\") else ""
