"""CPU and memory of a process and all its descendants, from /proc (proc(5))."""

from __future__ import annotations

import contextlib
import os
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
