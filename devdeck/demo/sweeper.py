"""Cleans up after a demo: waits until its process has ended, ends what it started, removes its folder.

Run as a script in a process of its own, with the standard library alone: `sweeper.py PIPE FOLDER`, where PIPE is the
number of the reading end of a pipe whose writing end only the demo's process holds.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

MARK = "DEVDECK_DEMO"
PATIENCE = 4.0
"""Seconds between asking processes to end and killing them."""
LIMIT = 15.0
"""Seconds after which it gives up."""


def members(folder: str) -> set[int]:
    """Processes of the demo: by the mark in their environment, or, without /proc, by the records of its jobs."""
    if not os.path.isdir("/proc/self"):
        return recorded(folder)
    wanted = f"{MARK}={folder}".encode()
    found = set()
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as stream:
            if wanted in stream.read().split(b"\0"):
                found.add(int(name))
    return found


def recorded(folder: str) -> set[int]:
    """Processes that the job folders name and that still live."""
    found = set()
    for path in glob.glob(os.path.join(glob.escape(folder), "home/.local/state/devdeck/jobs/*/started.json")):
        if os.path.exists(os.path.join(os.path.dirname(path), "result.json")):
            continue
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError), open(path, encoding="utf-8") as stream:
            record = json.load(stream)
            found |= {int(record[name]) for name in ("runner_pid", "leader_pid", "pid")}
    return {pid for pid in found if lives(pid)}


def lives(pid: int) -> bool:
    """Whether there is such a process of ours."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def tell(pids: set[int], number: int) -> None:
    """Send a signal to processes; those that have gone are no error."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def end_tmux(folder: str) -> None:
    """End the demo's tmux server, if it has one and it listens."""
    socket = os.path.join(folder, "tmux.sock")
    if not os.path.exists(socket):
        return
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            ["tmux", "-S", socket, "kill-server"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=2, check=False,
        )  # fmt: skip


def sweep(folder: str) -> bool:
    """End every process of the demo and remove its folder; says whether nothing is left of it."""
    began = time.monotonic()
    asked: set[int] = set()
    end_tmux(folder)
    while True:
        # What was being started while its starter died is found by looking again.
        left = members(folder)
        if time.monotonic() - began > PATIENCE:
            tell(left, signal.SIGKILL)
        tell(left - asked, signal.SIGTERM)
        tell(left - asked, signal.SIGCONT)  # a stopped one would not hear it
        asked |= left
        if not left:
            end_tmux(folder)
            shutil.rmtree(folder, ignore_errors=True)
            if not os.path.exists(folder) and not members(folder):
                return True
        if time.monotonic() - began > LIMIT:
            return False
        time.sleep(0.02)


def main() -> int:
    """Wait for the end of the pipe, then sweep."""
    pipe, folder = int(sys.argv[1]), sys.argv[2]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(pipe, 1):
        pass
    return 0 if sweep(folder) else 1


if __name__ == "__main__":
    sys.exit(main())
