"""tmux's control mode on the wire: commands quoted for tmux's parser, replies and notifications read from bytes.

Source: tmux(1), "Control mode" and "Parsing syntax"; what a reply's third number means (1 for a command that came
from this client, 0 for everything else, hooks among it) is from measurements on tmux 3.3a.
"""

from __future__ import annotations

import os
import re

import msgspec

MAX_LINE = 1 << 20
"""Bytes of one line that are kept; the rest of a longer line is dropped."""
MAX_REPLY = 16 << 20
"""Bytes of one reply that are kept."""

CHANGES = frozenset(
    {
        "sessions-changed",
        "session-changed",
        "session-renamed",
        "session-window-changed",
        "client-session-changed",
        "client-detached",
        "layout-change",
        "window-add",
        "window-close",
        "window-pane-changed",
        "window-renamed",
        "unlinked-window-add",
        "unlinked-window-close",
        "unlinked-window-renamed",
    }
)
"""Notifications after which the list of sessions, windows, panes and viewers may be another one."""

_GUARD = re.compile(rb"%(begin|end|error) (\d{1,20} \d{1,20} (\d{1,10}))")
_NOTIFICATION = re.compile(rb"%([a-z][a-z-]{0,63})(?: (.*))?", re.DOTALL)
_SPECIAL = re.compile(rb'[\\"$~\x01-\x1f\x7f]')


class Reply(msgspec.Struct, frozen=True):
    """What one command printed."""

    ours: bool
    """Whether the command came from this client."""
    ok: bool
    lines: tuple[bytes, ...]
    complete: bool = True
    """False when it was longer than `MAX_REPLY`."""


class Notification(msgspec.Struct, frozen=True):
    """Something happened on the server."""

    name: str
    """Without the `%`."""
    rest: bytes = b""


class Parser:
    """Reads the stream of a control-mode client. Takes any bytes; what it can't read is skipped."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._header: bytes | None = None
        self._ours = False
        self._lines: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Reply | Notification]:
        """Take the next bytes; give back what they complete, in order."""
        events: list[Reply | Notification] = []
        *complete, rest = data.split(b"\n")
        for piece in complete:
            self._extend(piece)
            event = self._end_of_line(bytes(self._line))
            self._line.clear()
            if event is not None:
                events.append(event)
        self._extend(rest)
        return events

    def _extend(self, piece: bytes) -> None:
        self._line += piece[: MAX_LINE - len(self._line)]

    def _end_of_line(self, line: bytes) -> Reply | Notification | None:
        guard = _GUARD.fullmatch(line)
        if self._header is not None:
            # Only the same three numbers end a reply: what a program printed can look like an end.
            if guard and guard[1] != b"begin" and guard[2] == self._header:
                return self._finish(ok=guard[1] == b"end")
            self._size += len(line) + 1
            if self._size <= MAX_REPLY:
                self._lines.append(line)
            return None
        if guard:
            if guard[1] == b"begin":
                self._header = guard[2]
                self._ours = bool(int(guard[3]) & 1)
            return None
        found = _NOTIFICATION.fullmatch(line)
        return Notification(found[1].decode(), found[2] or b"") if found else None

    def _finish(self, *, ok: bool) -> Reply:
        reply = Reply(self._ours, ok, tuple(self._lines), self._size <= MAX_REPLY)
        self._header, self._lines, self._size = None, [], 0
        return reply


def quote(argument: str) -> bytes:
    """One argument as tmux's command parser reads it back unchanged.

    Args:
        argument: Any text without NUL; surrogates stand for undecodable bytes.

    Raises:
        ValueError: There is a NUL in it.
    """
    data = os.fsencode(argument)
    if b"\0" in data:
        raise ValueError("a NUL character can't be passed to tmux")
    # Inside double quotes `\ooo` is the byte with that octal number, whatever its usual meaning.
    return b'"' + _SPECIAL.sub(lambda found: b"\\%03o" % found[0][0], data) + b'"'


def command_line(*argv: str) -> bytes:
    """One command with its arguments as a line for a control-mode client, line end included."""
    return b" ".join(quote(word) for word in argv) + b"\n"
