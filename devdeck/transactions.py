"""Changes of the world in steps, journaled: a failure or a kill leaves the whole, or nothing, or an entry to settle.

A step is data: what it is going to do is journaled before it does it, and whoever finds the journal afterwards can take
it back, or do it again, without the process that began. So `do` and `undo` of a step hold to three rules: they may be
called again after they were cut off anywhere; `undo` may be called although `do` never began; neither throws work away
(what holds work goes to the trash).

A transaction may have a pivot: the first step from which on it is finished rather than taken back.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import msgspec

from devdeck import owner, records
from devdeck.boundary import translated
from devdeck.errors import DeckError
from devdeck.model import Operation, OperationState, Session
from devdeck.store import Store

if TYPE_CHECKING:
    from devdeck.paths import Paths
    from devdeck.terminal.terminals import Terminals
    from devdeck.work import Work


class Site(msgspec.Struct, frozen=True):
    """What steps work with."""

    paths: Paths
    store: Store
    terminals: Terminals
    work: Work


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a transaction. Subclasses have a tag (`tag="add-worktree", tag_field="step"`) listed in `STEPS`."""

    def words(self) -> str:
        """What it does, in words, for plans and the journal; empty for what nobody needs to read."""
        return ""

    def do(self, site: Site) -> None:
        """Do it. May be called again after it was cut off.

        Raises:
            DeckError: It can't be done.
        """
        raise NotImplementedError

    def undo(self, site: Site) -> None:
        """Take it back, as far as it was done; nothing to do is no error.

        Raises:
            DeckError: It can't be taken back.
        """


STEPS = {
    "reserve": "devdeck.steps.making:Reserve",
    "add-worktree": "devdeck.steps.making:AddWorktree",
    "add-remote": "devdeck.steps.making:AddRemote",
    "keep-changes": "devdeck.steps.changes:KeepChanges",
    "put-changes": "devdeck.steps.changes:PutChanges",
    "take-changes": "devdeck.steps.changes:TakeChanges",
    "forget-changes": "devdeck.steps.changes:ForgetChanges",
    "make-terminal": "devdeck.steps.making:MakeTerminal",
    "record": "devdeck.steps.making:Record",
    "make-folder": "devdeck.steps.workspaces:MakeFolder",
    "write-workspace-file": "devdeck.steps.workspaces:WriteWorkspaceFile",
    "make-workspace-terminal": "devdeck.steps.workspaces:MakeWorkspaceTerminal",
    "open-trash": "devdeck.steps.removing:OpenTrash",
    "stop-jobs": "devdeck.steps.removing:StopJobs",
    "keep-objects": "devdeck.steps.removing:KeepObjects",
    "move": "devdeck.steps.removing:Move",
    "drop-branch": "devdeck.steps.removing:DropBranch",
    "record-trash": "devdeck.steps.removing:RecordTrash",
    "drop-ignored": "devdeck.steps.removing:DropIgnored",
    "forget": "devdeck.steps.removing:Forget",
    "end-terminal": "devdeck.steps.removing:EndTerminal",
    "drop-entry": "devdeck.steps.removing:DropEntry",
    "bring-branch": "devdeck.steps.restoring:BringBranch",
    "repoint": "devdeck.steps.restoring:Repoint",
    "switch-head": "devdeck.steps.restoring:SwitchHead",
    "bring-terminal": "devdeck.steps.restoring:BringTerminal",
    "clear-trash": "devdeck.steps.restoring:ClearTrash",
    "rename-branch": "devdeck.steps.managing:RenameBranch",
    "rename-terminal": "devdeck.steps.managing:RenameTerminal",
    "change-record": "devdeck.steps.managing:ChangeRecord",
    "mark-terminal": "devdeck.steps.managing:MarkTerminal",
    "adopt": "devdeck.steps.managing:Adopt",
    "trust": "devdeck.steps.including:Trust",
    "include-files": "devdeck.steps.including:IncludeFiles",
}
"""Tag of a step → where its class is, imported when a journal is read."""


class _Plan(msgspec.Struct, frozen=True):
    steps: tuple[Any, ...]
    pivot: int | None = None


def _encode(steps: Sequence[Step], pivot: int | None) -> bytes:
    return records.encode(_Plan(tuple(steps), pivot))


def _decode(data: bytes) -> tuple[tuple[Step, ...], int | None]:
    plan = records.decode(data, _Plan)
    return tuple(_step(record) for record in plan.steps), plan.pivot


def _step(record: dict[str, Any]) -> Step:
    module, name = STEPS[record["step"]].split(":")
    return cast(Step, msgspec.convert(record, getattr(importlib.import_module(module), name)))


def words_of(steps: Sequence[Step]) -> tuple[str, ...]:
    """What steps do, in words, in order."""
    return tuple(words for step in steps if (words := step.words()))


class Transactions:
    """Runs steps, takes them back, settles what was cut off."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._store = site.store

    def run(
        self,
        verb: str,
        session: Session,
        steps: Sequence[Step],
        *,
        pivot: int | None = None,
        undo: str = "",
        id: str | None = None,
    ) -> Operation:
        """Do all steps, in order, or none of them.

        Args:
            verb: What is done, such as `start`.
            session: To which session. Two transactions at the same session never run at once.
            steps: The steps, as they are journaled.
            pivot: Index of the first step from which on a failure is finished (by `settle`) rather than taken back.
            undo: How to get back what was taken away, in words.
            id: Id of the operation, for steps that name things after it; a new one when `None`.

        Raises:
            Busy: Another change of this session is under way.
            DeckError: A step failed. Those before it are taken back, or, from the pivot on, left to `settle`.
        """
        detail = "; ".join(words_of(steps))
        operation = self._store.begin(
            verb,
            session_id=session.id,
            label=session.label,
            detail=detail,
            steps=_encode(steps, pivot),
            alone=True,
            id=id,
        )
        done = 0
        try:
            with translated():
                for step in steps:
                    step.do(self._site)
                    done += 1
                    self._store.advance(operation, done)
        except BaseException as error:
            words = f"{detail}: {error or type(error).__name__}"
            if pivot is not None and done >= pivot:
                self._store.abandon(operation, words)
            else:
                self._take_back(operation, steps[: done + 1], words)
            raise
        return self._store.finish(operation, OperationState.DONE, detail, undo)

    def _take_back(self, operation: Operation, steps: Sequence[Step], words: str) -> None:
        """Undo steps, the last one first. What fails stays in the journal for `settle`, with everything before it."""
        try:
            with translated():
                for step in reversed(steps):
                    step.undo(self._site)
        except Exception as error:  # noqa: BLE001  what failed first is raised; a bug here must leave an entry too
            self._store.abandon(operation, f"{words}; not all of it could be taken back: {error}")
        else:
            self._store.finish(operation, OperationState.FAILED, words)

    def cut_off(self) -> tuple[Operation, ...]:
        """Transactions that nobody works at any more and that are not settled, the oldest first."""
        return tuple(
            operation
            for operation, who in self._store.unfinished()
            if not owner.is_alive(who) and self._store.steps(operation.id)[0]
        )

    def settle(self, operation: Operation) -> Operation:
        """Take back, or finish, a transaction that was cut off.

        Raises:
            Busy: Another process settles it.
            DeckError: Neither is possible now; the journal still has it.
        """
        operation = self._store.take_over(operation)
        data, done = self._store.steps(operation.id)
        steps, pivot = _decode(data)
        with self._kept(operation):
            if done < 0:
                return self._reverse(operation, steps)
            if pivot is not None and done >= pivot:
                for number, step in enumerate(steps[done:], done + 1):
                    step.do(self._site)
                    self._store.advance(operation, number)
                return self._store.finish(operation, OperationState.DONE, f"{operation.detail}; finished later")
            for step in reversed(steps[: done + 1]):
                step.undo(self._site)
        return self._store.finish(operation, OperationState.FAILED, f"{operation.detail}; cut off and taken back")

    @contextmanager
    def _kept(self, operation: Operation) -> Iterator[None]:
        """Leave a change in the journal, owned by nobody, when what is done about it fails."""
        try:
            with translated():
                yield
        except BaseException:
            self._store.abandon(operation, operation.detail)
            raise

    def steps(self, operation: Operation) -> tuple[Step, ...]:
        """The steps of a transaction, in order; empty for a change without."""
        data, _ = self._store.steps(operation.id)
        return _decode(data)[0] if data else ()

    def reverse(self, operation: Operation) -> Operation:
        """Take back a transaction that was done, step by step; it is `undone` afterwards.

        It is under way again meanwhile: cut off, it is `settle`d by taking back the rest.

        Raises:
            Busy: Another change of this session is under way, or it was taken back meanwhile.
            DeckError: It has no steps, or one of them can't be taken back.
        """
        steps = self.steps(operation)
        if not steps:
            raise DeckError(f"{operation.verb} {operation.label} can't be taken back", code="no-undo")
        reversing = self._store.take_over(operation, reversing=True)
        try:
            with self._kept(reversing):
                return self._reverse(reversing, steps)
        except DeckError:
            if self._store.steps(operation.id)[1] == -1:  # the first step refused: that is no half of a change
                self._store.leave_done(operation)
            raise

    def _reverse(self, operation: Operation, steps: Sequence[Step]) -> Operation:
        for number, step in enumerate(reversed(steps), 2):
            step.undo(self._site)
            self._store.advance(operation, -number)
        return self._store.finish(operation, OperationState.UNDONE, operation.detail)
