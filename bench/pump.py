"""Reads a pseudo-terminal and passes each chunk on with the time at which it came. Run as a process of its own.

Nothing else happens here, so neither the emulator nor the interpreter lock of the measuring process delays a stamp,
and the measured program never waits for a slow reader.
"""

import os
import struct
import sys
import time

HEADER = struct.Struct("<QI")
"""Nanoseconds of the monotonic clock, and the number of bytes that follow."""


def pump(source: int, sink: int) -> None:
    """Copy chunks from `source` to `sink`, each behind a `HEADER`, until either end is closed."""
    os.write(sink, HEADER.pack(time.monotonic_ns(), 0))
    while True:
        try:
            chunk = os.read(source, 65536)
        except OSError:  # EIO: the last process of the terminal has ended
            return
        stamp = time.monotonic_ns()
        if not chunk:
            return
        rest = memoryview(HEADER.pack(stamp, len(chunk)) + chunk)
        while rest:
            try:
                rest = rest[os.write(sink, rest) :]
            except BrokenPipeError:
                return


if __name__ == "__main__":
    pump(int(sys.argv[1]), int(sys.argv[2]))
