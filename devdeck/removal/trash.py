"""The trash: removed sessions that can be brought back, until they are too old or too many."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import cached_property

import msgspec

from devdeck.errors import DeckError, NotFound, UsageError
from devdeck.model import Session, TrashEntry
from devdeck.removal import restoring
from devdeck.removal.restoring import RestorePlan
from devdeck.steps.removing import DropEntry
from devdeck.transactions import Site, Transactions

DAY = 86400.0


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long the trash keeps what."""

    keep_days: float | None = 30.0
    """Days after which an entry is deleted for good; `None` for never."""
    max_size: int | None = 10 * 2**30
    """Bytes that all entries may take; the oldest go first, the newest always stays. `None` for no limit."""
    ignored_limit: int | None = 512 * 2**20
    """Bytes of ignored files that are kept of one session; `None` for all."""


class Trash:
    """See the module. Synchronous."""

    def __init__(self, site: Site, transactions: Transactions, retention: Callable[[], Retention] = Retention) -> None:
        """`retention` is asked once, when it is first needed."""
        self._site = site
        self._store = site.store
        self._transactions = transactions
        self._retention = retention

    @cached_property
    def retention(self) -> Retention:
        """How long what is kept."""
        return self._retention()

    def entries(self) -> tuple[TrashEntry, ...]:
        """What is in the trash, the newest first, each with the time at which it will be deleted."""
        days = self.retention.keep_days
        return tuple(
            msgspec.structs.replace(entry, expires_at=None if days is None else entry.at + days * DAY)
            for entry in self._store.trash()
        )

    def find(self, name: str) -> TrashEntry:
        """The newest entry of exactly this label, else the one whose id starts so.

        Raises:
            NotFound: There is none.
            UsageError: Several ids start so.
        """
        entries = self.entries()
        for entry in entries:
            if entry.session.label == name:
                return entry
        found = [entry for entry in entries if name and entry.id.startswith(name)]
        if len(found) > 1:
            raise UsageError(f"several entries of the trash start with {name!r}", "give more of the id")
        if not found:
            raise NotFound(f"nothing in the trash is called {name!r}", "`devdeck trash` lists what there is")
        return found[0]

    def plan_restore(self, entry: TrashEntry, label: str | None = None) -> RestorePlan:
        """How an entry would come back (`steps` says it in words). Changes nothing.

        Args:
            entry: What to bring back.
            label: Another label for it; then it also takes another folder or branch where its own is taken.

        Raises:
            UsageError: The label can't be used.
            LabelTaken: It is in use.
            DeckError: The folder or the branch is taken, or the repository is gone.
        """
        return restoring.plan(self._site, entry, label)

    def restore(self, entry: TrashEntry, label: str | None = None, *, verb: str = "restore") -> Session:
        """Bring a removed session back: worktree, branch, index, an operation in progress, terminal and record.

        Args:
            entry: What to bring back.
            label: Another label for it, as for `plan_restore`.
            verb: How the journal calls it.

        Raises:
            DeckError: As `plan_restore`; or a step failed, and it is in the trash as before.
        """
        plan = self.plan_restore(entry, label)
        self._transactions.run(verb, plan.session, plan.todo, pivot=plan.pivot, undo=f"devdeck rm {plan.session.label}")
        return plan.session

    def drop(self, entry: TrashEntry) -> None:
        """Delete an entry for good: its files, its hidden references, its jobs.

        Raises:
            DeckError: Not all of it could be deleted; `devdeck doctor --fix` tries again.
        """
        self._transactions.run("drop", entry.session, (DropEntry(entry=entry),), pivot=0, id=uuid.uuid4().hex)

    def prune(self) -> tuple[TrashEntry, ...]:
        """Delete what is too old, and the oldest while all together are too large; the newest is never too large.

        Returns:
            What was deleted. What could not be is left for the next time.
        """
        going: list[TrashEntry] = []
        entries = self.entries()
        total, now = 0, time.time()
        for number, entry in enumerate(entries):
            total += entry.size
            old = entry.expires_at is not None and entry.expires_at < now
            large = self.retention.max_size is not None and total > self.retention.max_size
            if old or (number and large):
                going.append(entry)
        dropped = []
        for entry in reversed(going):
            try:
                self.drop(entry)
            except DeckError:
                continue  # the journal has it, and why
            dropped.append(entry)
        return tuple(dropped)
