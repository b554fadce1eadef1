"""A program in a pseudo-terminal, watched from outside: stamped output, an emulated screen, conditions on it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

from bench import pump
from bench.answers import Answers

COLUMNS, ROWS = 120, 40
_SYNCHRONIZED = 2026 << 5  # pyte keeps private modes shifted by five bits


class NotShown(Exception):
    """What was waited for did not come on the screen in time."""


class Terminal:
    """Starts a program in a terminal of its own; see the module. Use as a context manager: the program is ended.

    Args:
        argv: The program.
        environment: All of its environment.
        cwd: Where it runs.
        columns: Width of the terminal.
        rows: Height of the terminal.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
        *,
        columns: int = COLUMNS,
        rows: int = ROWS,
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._answers = Answers()
        self._chunks: deque[tuple[int, bytes]] = deque()
        self._raw = bytearray()
        self._ended = False
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._pipe, sink = os.pipe()
        self._pump = subprocess.Popen(
            [sys.executable, "-I", "-S", pump.__file__, str(self._master), str(sink)], pass_fds=(self._master, sink)
        )
        os.close(sink)
        self._receive(10.0)  # the pump's first, empty chunk: it is ready
        self.started = time.monotonic_ns()
        """When the program was started, in nanoseconds of the monotonic clock."""
        self.process = subprocess.Popen(
            list(argv),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Output in

    def _receive(self, timeout: float) -> bool:
        """Take what the pump has, waiting at most `timeout` seconds; returns whether something came."""
        if self._ended or not select.select([self._pipe], [], [], max(0.0, timeout))[0]:
            return False
        data = os.read(self._pipe, 1 << 20)
        if not data:
            self._ended = True
            return False
        self._raw += data
        size = pump.HEADER.size
        while len(self._raw) >= size:
            stamp, length = pump.HEADER.unpack_from(self._raw)
            if len(self._raw) < size + length:
                break
            chunk = bytes(self._raw[size : size + length])
            del self._raw[: size + length]
            if chunk:
                self._chunks.append((stamp, chunk))
                answers = self._answers.to(chunk)
                if answers:
                    os.write(self._master, answers)
        return True

    def _show(self) -> int:
        """Put the oldest chunk on the screen; returns its stamp."""
        stamp, chunk = self._chunks.popleft()
        self._stream.feed(chunk)
        return stamp

    @property
    def _drawing(self) -> bool:
        return _SYNCHRONIZED in self._screen.mode

    def record(self, seconds: float) -> None:
        """Keep output with its stamps for some time, without spending CPU on the screen."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._ended:
            self._receive(left)

    def recorded(self) -> list[tuple[int, bytes]]:
        """Take the recorded output, stamp (ns) and bytes of each chunk; it does not come on the screen any more."""
        taken = list(self._chunks)
        self._chunks.clear()
        return taken

    def until(self, condition: Callable[[], bool], what: str, timeout: float = 20.0) -> int:
        """Show output until the condition holds.

        Returns:
            The stamp (ns) of the chunk that made it hold.

        Raises:
            NotShown: It did not hold within `timeout` seconds, or the program ended.
        """
        deadline = time.monotonic() + timeout
        while True:
            while self._chunks:
                stamp = self._show()
                if not self._drawing and condition():
                    return stamp
            if self._ended or time.monotonic() > deadline:
                raise NotShown(f"{what}: not on the screen after {timeout:.0f} s\n" + self.text())
            self._receive(min(0.2, deadline - time.monotonic()))

    def settle(self, quiet: float = 0.1, timeout: float = 3.0) -> None:
        """Show output until none came for `quiet` seconds, at most for `timeout`."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            came = self._receive(quiet)
            while self._chunks:
                self._show()
            if not came:
                return

    # The screen

    def lines(self) -> list[str]:
        """The rows of the screen."""
        return list(self._screen.display)

    def text(self) -> str:
        """The screen as text."""
        return "\n".join(line.rstrip() for line in self.lines())

    def grounds(self, row: int, first: int = 2, last: int = 14) -> tuple[str, ...]:
        """Background colours of some cells of a row: what shows where the cursor is."""
        cells = self._screen.buffer[row]
        return tuple("reverse" if cells[column].reverse else cells[column].bg for column in range(first, last))

    # Input

    def send(self, keys: bytes) -> int:
        """Type; returns the moment before (ns)."""
        moment = time.monotonic_ns()
        os.write(self._master, keys)
        return moment

    # End

    def close(self) -> None:
        """End the program, politely and then for certain, and everything that belongs to the terminal."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 5.0
            while self.process.poll() is None and time.monotonic() < deadline:
                self._receive(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._pipe)
        self._pump.kill()
        self._pump.wait()
        os.close(self._master)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
