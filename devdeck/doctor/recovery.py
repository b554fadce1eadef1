"""A store that can't be used: what there is in its place, and bringing it back. Runs without a deck."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

from devdeck import backups
from devdeck.doctor import machine
from devdeck.doctor.findings import Finding
from devdeck.errors import DeckError
from devdeck.paths import Paths
from devdeck.store import Store


def examine(paths: Paths, error: DeckError) -> tuple[Finding, ...]:
    """What can be said without a store, and why there is none."""
    if error.code == "store":
        broken = machine.damaged(paths, error.message)
    else:
        broken = Finding(name="store", state="fail", evidence=error.message, fix=error.hint)
    return machine.program(paths), broken, machine.git_version(Path("/"))


def recover(paths: Paths) -> tuple[str, ...]:
    """Move a store that can't be used aside and put the newest whole copy in its place, or a new one.

    What came since is brought back from the notes beside it. What was under way when the copy was made is ended: it
    went on since, to take it back would take away what it made. What the notes know to be under way stays so.

    Returns:
        What was done, in words. The file that was moved aside is not changed.

    Raises:
        DeckError: It can be used; or it is from a newer devdeck; or it can't be moved.
    """
    try:
        with closing(Store(paths.database)) as store:
            damage = store.damage()
            if not damage:
                raise DeckError(f"the store {paths.database} is whole", "nothing was changed", code="store-whole")
    except DeckError as error:
        if error.code != "store":
            raise
    try:
        done = [f"moved the store aside, to {_move_aside(paths.database)}"]
        copy = next((copy for copy in backups.backups(paths.database) if backups.is_whole(copy.path)), None)
        if copy is not None:
            backups.put_back(copy, paths.database)
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(copy.at))
            done.append(f"brought back the copy of {when}, {copy.path}")
    except OSError as error:
        raise DeckError(
            f"the store {paths.database} can't be moved aside: {error.strerror}",
            "check the folder's permissions and free space",
            code="store",
        ) from error
    with closing(Store(paths.database)) as store:
        if copy is None:
            done.append(f"began a new store, {paths.database}, since there is no whole copy")
        done += [*store.recalled, *store.recall(older=True)]
    return tuple(done)


def _move_aside(store: Path) -> Path:
    """Rename a store, with SQLite's files beside it, to a dated name that nothing has."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = (f"{store.name}.broken-{stamp}", *(f"{store.name}.broken-{stamp}-{number}" for number in range(2, 100)))
    aside = next(store.with_name(name) for name in names if not store.with_name(name).exists())
    os.rename(store, aside)
    for ending in ("-wal", "-shm", "-journal"):
        beside = store.with_name(store.name + ending)
        if beside.exists():
            os.rename(beside, aside.with_name(aside.name + ending))
    return aside
