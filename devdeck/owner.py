"""Who makes a change: told apart from a later process that happens to get the same process id."""

from __future__ import annotations

import os

from devdeck.jobs.processes import boot_id, process_facts


def me() -> str:
    """This process, as it is recorded beside what it has under way: `PID/START TICKS/BOOT ID`."""
    facts = process_facts(os.getpid())
    return f"{os.getpid()}/{facts[3] if facts else ''}/{boot_id() or ''}"


def is_alive(owner: str) -> bool:
    """Whether the process of a record still runs. An empty record is nobody's."""
    number, _, rest = owner.partition("/")
    ticks, _, boot = rest.partition("/")
    if not number.isdigit() or (boot and boot != (boot_id() or "")):
        return False
    facts = process_facts(int(number))
    if facts is not None:
        return facts[0] not in "ZX" and (not ticks or facts[3] == int(ticks))
    if os.path.exists("/proc/self/stat"):
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
