"""The terminal that a runner was started in: a tmux pane, as long as there is one.

Part of the runner: standard library only, light imports.
"""

from __future__ import annotations

import os
import select
import termios
import time

ALTERNATE = b"\x1b[?1049"
"""Start of the sequences that switch to the alternate screen (`h`) and back (`l`)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CHUNK = 65536
LIMIT = 1 << 20
"""Most bytes that wait for a pane while an ended command's last output is read."""
PATIENCE = 2.0
"""Seconds that a pane may take nothing before the job goes on without it."""


def open_standard() -> None:
    """Give closed standard descriptors to /dev/null, so that no file opened later takes their numbers."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


class Pane:
    """The terminal that the runner was started in, if there is one, and as long as there is one."""

    def __init__(self) -> None:
        self.tty = os.isatty(1)
        self.input: int | None = 0
        self.output: int | None = 1
        self.pending = bytearray()
        self.stuck_since: float | None = None
        self.skipped = 0
        self.at_line_start = True
        self.alternate = False
        self.tail = b""
        self.modes: list[Any] | None = None
        self.blocking: bool | None = None
        self._open_output()
        self._take_input()

    def _open_output(self) -> None:
        # A descriptor of our own: O_NONBLOCK on fd 1 would be shared with others that have this terminal.
        if self.tty:
            try:
                self.output = os.open(os.ttyname(1), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
                return
            except OSError:
                pass  # not in this mount namespace: the shared descriptor does it
        self.blocking = os.get_blocking(1)
        os.set_blocking(1, False)

    def _take_input(self) -> None:
        if not os.isatty(0):
            return
        try:
            if os.tcgetpgrp(0) != os.getpgrp():
                self.input = None  # in the background of a shell: its keys are not for us
                return
            self.modes = termios.tcgetattr(0)
        except (OSError, termios.error):
            self.input = None

    def leave(self) -> None:
        """Let go of the terminal, in a process that must not hold it open."""
        if self.output not in (None, 1):
            os.close(self.output)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for fd in (0, 1, 2):
            os.dup2(null, fd)

    def raw(self) -> None:
        """Pass every key on as it comes."""
        if self.modes is None:
            return
        iflag, oflag, cflag, lflag, ispeed, ospeed, cc = self.modes
        iflag &= ~(
            termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
            | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
        )  # fmt: skip
        oflag &= ~termios.OPOST
        lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        cflag = (cflag & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
        cc = list(cc)
        cc[termios.VMIN], cc[termios.VTIME] = 1, 0
        self._set([iflag, oflag, cflag, lflag, ispeed, ospeed, cc])

    def restore(self) -> None:
        """Put the terminal back as it was found; nothing happens when it is gone."""
        if self.blocking is not None:
            os.set_blocking(1, self.blocking)
        if self.modes is not None:
            self._set(self.modes)

    def _set(self, modes: list[Any]) -> None:
        try:
            termios.tcsetattr(0, termios.TCSANOW, modes)
        except (OSError, termios.error):
            return  # it is gone; the end of its input says so too

    def dress(self, terminal: int) -> None:
        """Give another terminal this one's modes and size (80x24 without one)."""
        if self.modes is not None:
            termios.tcsetattr(terminal, termios.TCSANOW, self.modes)
        self.resize(terminal, (24, 80))

    def resize(self, terminal: int, fallback: tuple[int, int] | None = None) -> None:
        """Give another terminal this one's size in rows and columns."""
        size = fallback
        for fd in (1, 0):
            try:
                rows, columns = termios.tcgetwinsize(fd)
            except (OSError, termios.error):
                continue
            if rows and columns:
                size = (rows, columns)
                break
        if size:
            termios.tcsetwinsize(terminal, size)

    def show(self, data: bytes) -> None:
        """Queue bytes and write what the pane takes now."""
        if self.output is None:
            return
        recent = self.tail + data
        if ALTERNATE in recent:
            self.alternate = recent.rfind(ALTERNATE + b"h") > recent.rfind(ALTERNATE + b"l")
        self.tail = recent[-len(ALTERNATE) :]
        if self.skipped or len(self.pending) > LIMIT:
            self.skipped += len(data) + len(self.pending)
            self.pending.clear()
        else:
            self.pending += data
            self.flush()

    def flush(self) -> None:
        """Write what the pane takes now."""
        if self.output is None:
            return
        if self.skipped and not self.pending:
            # CAN ends an escape sequence that may have been cut in two.
            self.pending += b"\x18\x1b[0m\r\n\x1b[2mdevdeck: %d bytes not shown here\x1b[0m\r\n" % self.skipped
            self.skipped = 0
        while self.pending:
            try:
                count = os.write(self.output, self.pending[:CHUNK])
            except BlockingIOError:
                self.stuck_since = self.stuck_since or time.monotonic()
                return
            except OSError:
                self.output = None
                self.pending.clear()
                return
            self.stuck_since = None
            self.at_line_start = self.pending[count - 1] == 10
            del self.pending[:count]

    def lose_patience(self, now: float) -> None:
        """Go on without a pane that took nothing for long; the log has all of it."""
        if self.stuck_since is not None and now - self.stuck_since > PATIENCE:
            self.skipped += len(self.pending)
            self.pending.clear()
            self.stuck_since = None

    def finish(self, line: str, reset: bool) -> None:
        """Show the last line, dim, within a bounded time.

        Args:
            line: Text without control characters.
            reset: Whether the command may have had no time to switch off mouse reports and bracketed paste.
        """
        if self.tty:
            text = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l" if reset else ""
            if self.alternate:
                text += ALTERNATE.decode("ascii") + "l"
            text += "\x1b[?25h\x1b[0m" + ("" if self.at_line_start else "\r\n") + f"\x1b[2m{line}\x1b[0m\r\n"
            self.show(text.encode("utf-8", "replace"))
        deadline = time.monotonic() + PATIENCE
        while self.output is not None and self.pending and time.monotonic() < deadline:
            select.select([], [self.output], [], 0.1)
            self.flush()
