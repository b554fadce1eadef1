"""Taking back the last change: what was removed comes back, what was made goes to the trash."""

from __future__ import annotations

import os
from contextlib import suppress

import msgspec

from devdeck.errors import DeckError, Missing, NotFound, Refused
from devdeck.git import changes, repository
from devdeck.model import Operation, OperationState, Session, TrashEntry
from devdeck.removal.removing import Removing
from devdeck.removal.trash import Trash
from devdeck.steps.changes import TakeChanges
from devdeck.transactions import Site, Transactions

MADE = frozenset({"start", "checkout", "workspace"})
"""Verbs that make a session; they are taken back by removing it."""
NEVER = frozenset({"undo", "drop"})
"""Verbs that are not taken back: taking back itself, and what deleted for good."""
LOOKED_AT = 500
"""How many operations are looked at, the last ones."""


class _Candidate(msgspec.Struct, frozen=True):
    operation: Operation
    session: Session | None = None
    """The session to remove."""
    entry: TrashEntry | None = None
    """The entry to bring back."""
    moved: TakeChanges | None = None
    """The work that the session was made with, which is still as it came; it goes back to where it was."""


class History:
    """See the module. Synchronous."""

    def __init__(self, site: Site, transactions: Transactions, removing: Removing, trash: Trash) -> None:
        self._store = site.store
        self._terminals = site.terminals
        self._transactions = transactions
        self._removing = removing
        self._trash = trash

    def plan_undo(self) -> tuple[Operation, tuple[str, ...]]:
        """The last change that can be taken back, and what taking it back would do, in words. Changes nothing.

        Raises:
            NotFound: There is none.
            Refused: What it is about was changed since.
            DeckError: What stands in the way.
        """
        last = self._last()
        if last.entry is not None:
            return last.operation, self._trash.plan_restore(last.entry).steps
        if last.session is not None and last.moved is None:
            return last.operation, self._removing.plan(last.session).steps
        return last.operation, (f"take back: {last.operation.detail}",)

    def undo(self, force: bool = False) -> Operation:
        """Take back the last change that was not taken back yet.

        A removed session comes back; one that was made or brought back is removed, into the trash (uncommitted work
        that it was made with goes back to where it was, if it is as it came); other changes that were made in steps
        are taken back step by step.

        Args:
            force: Also when a session that was made holds work by now; that goes to the trash with it.

        Returns:
            The change that was taken back.

        Raises:
            NotFound: There is none.
            Refused: The session holds work and `force` is not given, or it was changed since.
            DeckError: It can't be taken back.
        """
        last = self._last()
        if last.entry is not None:
            self._trash.restore(last.entry, verb="undo")
        elif last.session is not None and last.moved is None:
            # What came back from the trash holds the work that it held then; it goes where it came from.
            again = last.operation.verb == "restore"
            self._removing.remove(last.session, force=force or again, verb="undo")
        else:
            self._refuse_from_inside(last)
            return self._transactions.reverse(last.operation)
        return self._store.finish(last.operation, OperationState.UNDONE, last.operation.detail)

    def _last(self) -> _Candidate:
        passed: dict[str | None, Operation] = {}
        for operation in self._store.operations(limit=LOOKED_AT):
            if operation.verb in NEVER or not self._store.steps(operation.id)[0]:
                continue
            if operation.state is OperationState.DOING:
                raise Refused(
                    f"{operation.verb} {operation.label} is under way or was cut off",
                    "wait for it, or `devdeck doctor --fix` settles it",
                )
            if operation.state is not OperationState.DONE:
                continue
            candidate = self._candidate(operation)
            if candidate is None:
                passed.setdefault(operation.session_id, operation)
                continue
            if (later := passed.get(operation.session_id)) is not None:
                raise Refused(
                    f"{operation.verb} {operation.label} can't be taken back: {later.verb} {later.label} came after it",
                    "that one can't be taken back any more",
                )
            return candidate
        raise NotFound("nothing that can be taken back was done", "`devdeck trash` lists what was removed")

    def _candidate(self, operation: Operation) -> _Candidate | None:
        """How a change is taken back; `None` when what it is about is gone."""
        if operation.verb == "remove":
            entry = next((entry for entry in self._trash.entries() if entry.id == operation.id), None)
            return None if entry is None else _Candidate(operation, entry=entry)
        session = next((it for it in self._store.sessions() if it.id == operation.session_id), None)
        if session is None:
            return None
        if operation.verb in MADE:
            return _Candidate(operation, session=session, moved=self._moved(operation, session))
        if operation.verb == "restore":
            return _Candidate(operation, session=session)
        return _Candidate(operation)

    def _moved(self, operation: Operation, session: Session) -> TakeChanges | None:
        """The uncommitted work that a session was started with, if nothing was done in the session since."""
        moved = next((step for step in self._transactions.steps(operation) if isinstance(step, TakeChanges)), None)
        if moved is None or repository.read_head(session.worktree)[1] != session.base:
            return None
        if any(job.session_id == session.id for job in self._store.running_jobs()):
            return None
        with suppress(DeckError):
            if changes.look(session.worktree) == moved.work:
                return moved
        return None

    def _refuse_from_inside(self, last: _Candidate) -> None:
        if last.session is None:
            return
        with suppress(Missing):
            terminal = self._terminals.own(last.session)
            if terminal is not None and os.environ.get("TMUX_PANE") in {pane.id for pane in terminal.panes}:
                raise Refused(
                    f"taking back {last.operation.verb} {last.operation.label} ends the terminal that this runs in",
                    "run it in another terminal",
                )
