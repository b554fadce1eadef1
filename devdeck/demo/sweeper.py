"""Cleans up after a demo: waits until its process has ended, ends what it started, removes its folder.

Run as a script in a process of its own, with the standard library alone: `sweeper.py PIPE FOLDER`, where PIPE is the
number of the reading end of a pipe whose writing end only the demo's process holds.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

MARK = "DEVDECK_DEMO"
PATIENCE = 8.0
"""Seconds between asking processes to end and killing them."""


def members(folder: str) -> list[int]:
    """Processes of the demo, by the mark in their environment (or, without /proc, none)."""
    wanted = f"{MARK}={folder}".encode()
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as stream:
                if wanted in stream.read().split(b"\0"):
                    found.append(int(name))
        except OSError:
            continue
    return found


def tell(pids: list[int], number: int) -> None:
    """Send a signal to processes; those that have gone are no error."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def sweep(folder: str) -> None:
    """End every process of the demo and remove its folder."""
    socket = os.path.join(folder, "tmux.sock")
    if os.path.exists(socket):
        subprocess.run(
            ["tmux", "-S", socket, "kill-server"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=5, check=False,
        )  # fmt: skip
    tell(members(folder), signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while members(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    tell(members(folder), signal.SIGKILL)
    for _ in range(100):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            return
        time.sleep(0.05)


def main() -> None:
    """Wait for the end of the pipe, then sweep."""
    pipe, folder = int(sys.argv[1]), sys.argv[2]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(pipe, 1):
        pass
    sweep(folder)


if __name__ == "__main__":
    main()
