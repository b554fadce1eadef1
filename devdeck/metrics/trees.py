"""Which processes belong to which session, and how much CPU time each session used between two tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devdeck.metrics.procfs import Process, Table

_ROUNDS = 4  # a daemon of a daemon of a daemon; each round costs one walk over the processes still unowned


def owners(table: Table, roots: Mapping[str, Sequence[int]]) -> dict[int, str]:
    """Give each process that belongs to a session to exactly one.

    A process belongs to the nearest root among its ancestors (itself included). One that was handed to init, and so
    has no root above it, belongs to whoever owns the leader of its session (setsid) or process group: a root, or a
    process that belongs to one. The root need not live any more: the kernel does not give a process id away while
    it still names a session or group.

    Args:
        table: All processes.
        roots: Process ids of the panes and jobs of each session, by session id. When two sessions name the same
            root, the first has it.

    Returns:
        Session id by process id; only processes in `table` that belong to one.
    """
    seeds: dict[int, str] = {}
    for session, pids in roots.items():
        for pid in pids:
            if pid > 0:
                seeds.setdefault(pid, session)
    for _ in range(_ROUNDS):
        owned = _descend(table, seeds)
        adopted: dict[int, str] = {}
        for pid, process in table.items():
            if owned[pid] is None:
                leader = _owner(owned, seeds, process.session) or _owner(owned, seeds, process.group)
                if leader is not None:
                    adopted[pid] = leader
        if not adopted:
            break
        seeds.update(adopted)
    return {pid: session for pid, session in owned.items() if session is not None}


def _owner(owned: Mapping[int, str | None], seeds: Mapping[int, str], leader: int) -> str | None:
    return (owned.get(leader) or seeds.get(leader)) if leader > 1 else None


def _descend(table: Table, seeds: Mapping[int, str]) -> dict[int, str | None]:
    """The owner of every process by its ancestors alone: one walk up, remembered on the way."""
    owned: dict[int, str | None] = {pid: session for pid, session in seeds.items() if pid in table}
    for pid, process in table.items():
        if pid in owned:
            continue
        owned[pid] = None  # ends the walk if the table, read while the world moved, holds a circle
        parent = process.parent
        if parent in owned:
            owned[pid] = owned[parent]
            continue
        chain = [pid]
        while parent in table and parent not in owned:
            chain.append(parent)
            owned[parent] = None
            parent = table[parent].parent
        found = owned.get(parent)
        for member in chain:
            owned[member] = found
    return owned


def used(before: Table, after: Table, owned: Mapping[int, str]) -> dict[str, int]:
    """CPU ticks that each session used between two tables.

    For each process: the growth of its own time, and the growth of what it reaped, less what was known of its vanished
    descendants in `before` (that was used earlier). So children that started, worked and ended between the
    two tables count, and nothing counts twice. What a process used after `before` and took to init, or to a parent
    that ignores SIGCHLD, is lost: the kernel adds it nowhere.

    Returns:
        Ticks by session id, for the sessions in `owned`.
    """
    carried = _carried(before, after)
    ticks: dict[str, int] = {}
    for pid, session in owned.items():
        now = after[pid]
        old = before.get(pid)
        if old is now:  # the same record: its line in /proc did not change
            ticks.setdefault(session, 0)
            continue
        if old is not None and old.start == now.start:
            own, reaped = now.own - old.own, now.reaped - old.reaped
        else:
            own, reaped = now.own, now.reaped
        reaped -= carried.get(pid, 0)
        ticks[session] = ticks.get(session, 0) + max(0, own) + max(0, reaped)
    return ticks


def _carried(before: Table, after: Table) -> dict[int, int]:
    """Ticks that were known of vanished processes, by their nearest ancestor that still lives."""

    def lives(pid: int, process: Process) -> bool:
        now = after.get(pid)
        return now is not None and now.start == process.start

    carried: dict[int, int] = {}
    for pid, process in before.items():
        now = after.get(pid)
        if now is process or (now is not None and now.start == process.start):
            continue
        total = process.own + process.reaped
        if not total:
            continue
        heir, steps = process.parent, 0
        while heir in before and not lives(heir, before[heir]) and steps < len(before):
            heir, steps = before[heir].parent, steps + 1
        carried[heir] = carried.get(heir, 0) + total
    return carried
