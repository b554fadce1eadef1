"""pytest's serialised failure representations, read for message, frames and text.

`longrepr` of a report is one of: null, a text, a skip's `[path, line, reason]`, or an exception with a chain of
tracebacks (https://docs.pytest.org/en/stable/reference/reference.html#pytest.TestReport). It comes out of a file
that the tests could have written to, so that no part of it is taken to have the expected type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from devdeck.model import Frame
from devdeck.text import strip_escapes

MAX_DETAIL = 64 * 1024
"""Longest failure text kept, in characters."""

MAX_FRAMES = 100
"""Frames kept of one failure: the innermost."""

MAX_MESSAGE = 2000
MESSAGE_LINES = 8

_NATIVE = re.compile(r'^(?:E )?[ ]*File "(?P<path>[^"\n]{1,4096})", line (?P<line>\d{1,9})(?:, in (?P<in>[^\n]*))?$')
_SHORT = re.compile(r"^(?P<path>[^\s:][^:\n]{0,4095}):(?P<line>\d{1,9}): (?P<in>[^\n]*)$")
_SURROGATES = re.compile("[\ud800-\udfff]")


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What a failure representation says."""

    message: str = ""
    """Its first lines, without escape sequences."""
    frames: tuple[Frame, ...] = ()
    """The outermost first; of chained exceptions the cause's before those of what it led to."""
    crash: Frame | None = None
    """Where the exception was raised, by pytest's own account."""
    detail: str = ""
    """All of it as text, bounded."""


def read_failure(longrepr: object, sections: object = None) -> Failure:
    """Read a report's `longrepr`, and its `sections` (captured output) for the detail.

    Never raises: what is not of the expected form is left out.
    """
    if isinstance(longrepr, dict):
        failure = _exception(longrepr)
    elif isinstance(longrepr, list) and len(longrepr) == 3:
        failure = Failure(message=_message(_text(longrepr[2]).removeprefix("Skipped: ")))
    else:
        failure = _plain(_text(longrepr))
    captured = _captured(sections)
    detail = _bounded(failure.detail, captured)
    return msgspec.structs.replace(failure, detail=detail)


def _exception(longrepr: dict[str, Any]) -> Failure:
    links = list(_chain(longrepr))
    frames: list[Frame] = []
    text: list[str] = []
    for traceback, _, description in links:
        for entry in _items(traceback.get("reprentries")):
            frames += _entry_frames(entry)
            text += _entry_lines(entry)
        if extra := _text(traceback.get("extraline")):
            text.append(extra)
        if description:
            text += ["", description, ""]
    crash = _place(longrepr.get("reprcrash"))
    crash_message = crash.message if crash else ""
    last = [line for line in text if line.startswith("E ")]
    message = _message(crash_message or "\n".join(line[1:].strip() for line in last))
    return Failure(
        message=message,
        frames=tuple(frames[-MAX_FRAMES:]),
        crash=crash,
        detail="\n".join(text) or _clean(crash_message),
    )


def _chain(longrepr: dict[str, Any]) -> Iterator[tuple[dict[str, Any], object, str]]:
    """The links of a chain of exceptions: traceback, crash, how it led to the next one."""
    links = 0
    for link in _items(longrepr.get("chain")):
        if isinstance(link, list) and len(link) == 3 and isinstance(link[0], dict):
            links += 1
            yield link[0], link[1], _text(link[2])
    traceback = longrepr.get("reprtraceback")
    if not links and isinstance(traceback, dict):
        yield traceback, longrepr.get("reprcrash"), ""


def _entry_frames(entry: object) -> list[Frame]:
    data = _data(entry)
    place = _place(data.get("reprfileloc"))
    if place is not None:
        return [place]
    return [frame for line in _entry_text(data) if (frame := _line_frame(line, _NATIVE)) is not None]


def _entry_lines(entry: object) -> list[str]:
    data = _data(entry)
    lines = _entry_text(data)
    for part in ("reprfuncargs", "reprlocals"):
        shown = data.get(part)
        if part == "reprlocals" and isinstance(shown, dict):
            lines += ["", *(_text(line) for line in _items(shown.get("lines")))]
    if (place := _place(data.get("reprfileloc"))) is not None:
        lines += ["", f"{place.path}:{place.line}: {place.message}", ""]
    return lines


def _entry_text(data: dict[str, Any]) -> list[str]:
    return [line for text in _items(data.get("lines")) for line in _text(text).split("\n")]


def _data(entry: object) -> dict[str, Any]:
    data = entry.get("data") if isinstance(entry, dict) else None
    return data if isinstance(data, dict) else {}


def _plain(text: str) -> Failure:
    """A failure told in text alone, as a collection error is."""
    lines = text.split("\n")
    frames = [frame for line in lines if (frame := _line_frame(line, _SHORT) or _line_frame(line, _NATIVE))]
    errors = [line[1:].strip() for line in lines if line.startswith("E ") and not _NATIVE.match(line)]
    crash = frames[-1] if frames else None
    return Failure(
        message=_message(errors[-1] if errors else text),
        frames=tuple(frames[-MAX_FRAMES:]),
        crash=crash,
        detail=_clean(text),
    )


def _line_frame(line: str, pattern: re.Pattern[str]) -> Frame | None:
    found = pattern.match(line.rstrip("\r")) if len(line) < 8192 else None
    if found is None or int(found["line"]) < 1:
        return None
    return Frame(path=found["path"], line=int(found["line"]), message=_clean(found["in"] or ""))


def _place(place: object) -> Frame | None:
    """A `{path, lineno, message}` as a frame."""
    if not isinstance(place, dict):
        return None
    path, line = place.get("path"), place.get("lineno")
    if not isinstance(path, str) or not path or not isinstance(line, int) or isinstance(line, bool) or line < 1:
        return None
    return Frame(path=path, line=line, message=_clean(strip_escapes(_text(place.get("message"))))[:MAX_MESSAGE])


def _captured(sections: object) -> str:
    parts = []
    for section in _items(sections):
        if isinstance(section, list) and len(section) == 2 and _text(section[1]):
            parts.append(f"----- {_text(section[0])} -----\n{_text(section[1])}")
    return _clean("\n".join(parts))


def _bounded(traceback: str, captured: str) -> str:
    """The end of each, the traceback having three quarters of the room."""
    room = MAX_DETAIL - 64
    kept = _tail(traceback, room * 3 // 4)
    if captured:
        kept += "\n\n" + _tail(captured, room - len(kept))
    return _clean(kept)


def _tail(text: str, limit: int) -> str:
    return text if len(text) <= limit else "… (the beginning is left out)\n" + text[-(limit - 40) :]


def _message(text: str) -> str:
    lines = _clean(strip_escapes(text[: MAX_MESSAGE * 2])).strip("\n").split("\n")
    return "\n".join(lines[:MESSAGE_LINES])[:MAX_MESSAGE].strip()


def _clean(text: str) -> str:
    """Without surrogates, which no encoder takes."""
    return _SURROGATES.sub("\ufffd", text)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
