"""The processes of a job: finding all of them, also those that left its session, and signalling the right ones.

Part of the runner: standard library only, light imports.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time

MARK = "DEVDECK_JOB"
"""Environment variable that holds the job's id; finds processes that left the session."""

Facts = tuple[str, int, int, int]


def process_facts(pid: int) -> Facts | None:
    """State letter, parent, session and start time (ticks since boot) of a process, from `/proc/PID/stat`.

    Returns:
        `None` when there is no such process (or no `/proc`).
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return fields[0].decode("ascii"), int(fields[1]), int(fields[3]), int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


def process_table() -> dict[int, Facts]:
    """Facts of all processes that are no zombies, by pid; empty without `/proc`."""
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return {}
    return {pid: facts for pid in pids if (facts := process_facts(pid)) and facts[0] not in "ZX"}


def is_marked(pid: int, job_id: str) -> bool:
    """Whether the process was started with the job's id in its environment."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return f"\0{MARK}={job_id}\0".encode() in b"\0" + file.read() + b"\0"
    except OSError:
        return False


def members(job_id: str, session: int | None, roots: set[int], spare: set[int]) -> dict[int, int]:
    """All living processes of a job.

    Args:
        job_id: Processes that carry it in their environment belong to the job.
        session: Processes of this session belong to it.
        roots: Descendants of these belong to it, and so do these themselves.
        spare: Processes never to return (their descendants are).

    Returns:
        Start ticks by pid, the oldest first: a parent is signalled before
        it can react to the end of its children.
    """
    table = process_table()
    children: dict[int, list[int]] = {}
    for pid, facts in table.items():
        children.setdefault(facts[1], []).append(pid)
    queue = [pid for pid, facts in table.items() if facts[2] == session or pid in roots or is_marked(pid, job_id)]
    queue += [pid for root in roots for pid in children.get(root, [])]
    found: set[int] = set()
    while queue:
        pid = queue.pop()
        if pid not in found:
            found.add(pid)
            queue += children.get(pid, [])
    return {pid: table[pid][3] for pid in sorted(found - spare, key=lambda pid: (table[pid][3], pid))}


def send_signal(pid: int, ticks: int | None, number: int) -> bool:
    """Signal a process, but not another one that got its pid since.

    Args:
        pid: The process.
        ticks: Its start time; `None` when unknown (no `/proc`), which leaves out the check.
        number: The signal.

    Returns:
        False when that process is gone.

    Raises:
        PermissionError: It belongs to somebody else.
    """
    handle = None
    try:
        if hasattr(os, "pidfd_open"):
            try:
                handle = os.pidfd_open(pid)
            except PermissionError:
                raise
            except OSError as error:
                if error.errno == errno.ESRCH:
                    return False
        if ticks is not None:
            facts = process_facts(pid)
            if facts is None or facts[3] != ticks:
                return False
        if handle is not None and hasattr(signal, "pidfd_send_signal"):
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return False
    finally:
        if handle is not None:
            os.close(handle)
    return True


def boot_id() -> str | None:
    """Names this boot of the machine; start ticks mean nothing across boots."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None


def clock() -> float:
    """Seconds that only go forward and count while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def adopt_orphans() -> None:
    """Make this process the parent of its orphaned descendants (prctl(2), PR_SET_CHILD_SUBREAPER); Linux only."""
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return  # the session and the mark still find them
