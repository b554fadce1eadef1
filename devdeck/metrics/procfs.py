"""The process table: one pass over `/proc/*/stat`, or psutil where there is no /proc.

Field numbers are those of proc_pid_stat(5). Times are clock ticks (`TICKS_PER_SECOND`), memory is in bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from devdeck.errors import DeckError

TICKS_PER_SECOND: int = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
"""Unit of `Process.start`, `Process.own` and `Process.reaped`."""
PAGE_SIZE: int = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
MAXIMUM_PROCESSES = 32_768
"""How many processes one table holds; the kernel's default `pid_max` on small machines."""

_READ = 4096  # a stat line is below 700 bytes: 52 numbers of at most 20 digits and a 64-byte name would be 1.2 kB


class Process(NamedTuple):
    """One process, as the last pass saw it. A plain tuple, because a table holds thousands of them."""

    parent: int
    """Process id of the parent (field 4)."""
    group: int
    """Process group id (field 5)."""
    session: int
    """Session id, the process id of the session's leader (field 6)."""
    start: int
    """When it started, in ticks since boot (field 22). With the process id it names a process for ever."""
    own: int
    """Ticks on a CPU, in user and kernel mode, of all its threads (fields 14 + 15)."""
    reaped: int
    """The same, of descendants that ended and were waited for (fields 16 + 17)."""
    memory: int
    """Resident set size in bytes (field 24 × the page size)."""


Table = Mapping[int, Process]
"""Processes by process id."""


def available(proc: Path = Path("/proc")) -> bool:
    """Whether `ProcTable` can read this system."""
    try:
        parse_stat((proc / "self" / "stat").read_bytes())
    except (OSError, ValueError, IndexError):
        return False
    return True


def parse_stat(line: bytes) -> Process:
    """Read one `/proc/PID/stat` line.

    The command name stands in parentheses and may itself hold spaces, parentheses and line breaks, so the
    fields are counted from the last closing one.

    Raises:
        ValueError: There is no closing parenthesis, or a field is no number.
        IndexError: The line is cut off.
    """
    fields = line[line.rindex(b")") + 2 :].split(None, 22)
    return Process(
        int(fields[1]),
        int(fields[2]),
        int(fields[3]),
        int(fields[19]),
        int(fields[11]) + int(fields[12]),
        int(fields[13]) + int(fields[14]),
        int(fields[21]) * PAGE_SIZE,
    )


class ProcTable:
    """Reads the process table from /proc, again and again.

    A line that did not change since the pass before is not parsed again; most processes of a machine sleep, so a
    pass costs little more than opening and reading the files. It holds one line and one record a process.

    Args:
        proc: Where the proc file system is mounted.
        limit: How many processes it holds at most; what lies beyond is not seen.
    """

    def __init__(self, proc: Path = Path("/proc"), limit: int = MAXIMUM_PROCESSES) -> None:
        self._proc = str(proc)
        self._limit = limit
        self._seen: dict[int, tuple[bytes, Process]] = {}
        self.truncated = False
        """Whether the last pass met more processes than the limit."""

    def __call__(self) -> dict[int, Process]:
        """Read all processes; those that end during the pass, or are hidden from this user, are left out.

        Raises:
            DeckError: /proc can't be listed.
        """
        try:
            folder = os.open(self._proc, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            return self._read(folder)
        except OSError as error:
            raise self._unreadable(error) from error
        finally:
            os.close(folder)

    def _read(self, folder: int) -> dict[int, Process]:
        before, seen, table = self._seen, {}, {}
        open_, read, close = os.open, os.read, os.close
        flags = os.O_RDONLY | os.O_CLOEXEC
        names = [name for name in os.listdir(folder) if name.isdigit()]
        self.truncated = len(names) > self._limit
        for name in names[: self._limit]:
            try:
                file = open_(name + "/stat", flags, dir_fd=folder)
            except OSError:  # it ended since the listing, or may not be seen
                continue
            try:
                line = read(file, _READ)
            except OSError:  # it ended between open and read
                continue
            finally:
                close(file)
            pid = int(name)
            known = before.get(pid)
            if known is None or known[0] != line:
                try:
                    known = (line, parse_stat(line))
                except (ValueError, IndexError):  # an empty or cut-off line: it is ending
                    continue
            seen[pid] = known
            table[pid] = known[1]
        self._seen = seen
        return table

    def _unreadable(self, error: OSError) -> DeckError:
        return DeckError(f"Can't read the processes in {self._proc}: {error.strerror}", "Check that /proc is mounted.")


def psutil_table(limit: int = MAXIMUM_PROCESSES) -> dict[int, Process]:
    """Read the process table with psutil, for systems without /proc. Several times slower than `ProcTable`.

    What may not be seen of another user's process is 0; `reaped` is 0 where the system does not tell it (macOS).
    """
    import psutil

    def ticks(seconds: float) -> int:
        return round(seconds * TICKS_PER_SECOND)

    table: dict[int, Process] = {}
    for process in psutil.process_iter(["ppid", "create_time", "cpu_times", "memory_info"]):
        if len(table) >= limit:
            break
        facts = process.info
        cpu, memory = facts["cpu_times"], facts["memory_info"]
        table[process.pid] = Process(
            facts["ppid"] or 0,
            _identity(os.getpgid, process.pid) if hasattr(os, "getpgid") else 0,
            _identity(os.getsid, process.pid) if hasattr(os, "getsid") else 0,
            ticks(facts["create_time"] or 0.0),
            ticks(cpu.user + cpu.system) if cpu else 0,
            ticks(getattr(cpu, "children_user", 0.0) + getattr(cpu, "children_system", 0.0)) if cpu else 0,
            memory.rss if memory else 0,
        )
    return table


def _identity(ask: Callable[[int], int], pid: int) -> int:
    try:
        return ask(pid)
    except OSError:  # it ended, or belongs to somebody else
        return 0
