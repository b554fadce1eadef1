"""CPU and memory of a process and all its descendants, from /proc (proc(5))."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

TICK = 1.0 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_GONE = (FileNotFoundError, ProcessLookupError)


def _fields(pid: int) -> list[bytes]:
    """Fields of /proc/PID/stat from the third on (the state); the second may hold spaces and parentheses."""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()


def tree(root: int) -> list[int]:
    """The process and its descendants that live now."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(*_GONE):
                parents[int(name)] = int(_fields(int(name))[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_seconds(root: int) -> float:
    """CPU time used so far by the tree: by its living processes, and by children that they have waited for."""
    ticks = 0
    for pid in tree(root):
        with contextlib.suppress(*_GONE):
            ticks += sum(int(field) for field in _fields(pid)[11:15])
    return ticks * TICK


def rest(root: int, quiet: float = 0.7, timeout: float = 20.0) -> None:
    """Wait until the program starts no other programs: what it does at its start is over.

    Args:
        root: Its process id.
        quiet: For how long, in seconds, no child may have ended.
        timeout: After so many seconds it is waited no more.
    """
    deadline = time.monotonic() + timeout
    before, since = _reaped(root), time.monotonic()
    while time.monotonic() - since < quiet and time.monotonic() < deadline:
        time.sleep(0.05)
        now = _reaped(root)
        if now != before:
            before, since = now, time.monotonic()


def _reaped(root: int) -> tuple[int, ...]:
    """Faults and CPU ticks of the children that have ended: they grow with each one."""
    fields = _fields(root)
    return tuple(int(fields[number]) for number in (8, 10, 13, 14))


def memory_bytes(root: int) -> int:
    """Memory of the tree: PSS, or RSS of a process whose PSS can't be read."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(*_GONE):
            total += _pss(pid)
    return total


def _pss(pid: int) -> int:
    with contextlib.suppress(PermissionError, FileNotFoundError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return int(_fields(pid)[21]) * _PAGE
