"""Changes of the world in steps, journaled: a failure or a kill leaves the whole, or nothing, or an entry to settle.

A step is data: what it is going to do is journaled before it does it, and whoever finds the journal afterwards can take
it back, or do it again, without the process that began. So `do` and `undo` of a step hold to three rules: they may be
called again after they were cut off anywhere; `undo` may be called although `do` never began; neither throws work away
(what holds work goes to the trash).

A transaction may have a pivot: the first step from which on it is finished rather than taken back. One of which all
steps are done only lacks its last line in the journal, and gets that.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
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
    "require-entry": "devdeck.steps.restoring:RequireEntry",
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
    undo: str = ""


def _encode(steps: Sequence[Step], pivot: int | None, undo: str) -> bytes:
    return records.encode(_Plan(tuple(steps), pivot, undo))


def _decode(data: bytes) -> _Plan:
    try:
        plan = records.decode(data, _Plan)
        return msgspec.structs.replace(plan, steps=tuple(_step(record) for record in plan.steps))
    except (KeyError, msgspec.MsgspecError) as error:
        raise DeckError(
            f"the journal has a step that this devdeck does not know: {error}",
            "was it written by a newer one? update devdeck",
            code="journal",
        ) from error


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
        self._owed: dict[str, Callable[[], Operation]] = {}
        """What could not be written about changes that nobody works at any more, by their ids."""

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
        self._write_owed()
        detail = "; ".join(words_of(steps))
        operation = self._store.begin(
            verb,
            session_id=session.id,
            label=session.label,
            detail=detail,
            steps=_encode(steps, pivot, undo),
            alone=True,
            durable=pivot is not None,
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
                self._leave(operation, words)
            else:
                self._take_back(operation, steps[: done + 1], words)
            raise
        return self._note(operation, lambda: self._store.finish(operation, OperationState.DONE, detail, undo))

    def _take_back(self, operation: Operation, steps: Sequence[Step], words: str) -> None:
        """Undo steps, the last one first. What fails stays in the journal for `settle`, with everything before it."""
        try:
            with translated():
                for step in reversed(steps):
                    step.undo(self._site)
        except BaseException as error:
            self._leave(operation, f"{words}; not all of it could be taken back: {error or type(error).__name__}")
            if not isinstance(error, Exception):
                raise
            return  # what failed first is raised; a bug here must leave an entry too
        with suppress(DeckError):  # as above
            self._note(operation, lambda: self._store.finish(operation, OperationState.FAILED, words))

    def _leave(self, operation: Operation, words: str) -> None:
        """Leave a change in the journal to be settled, owned by nobody."""
        with suppress(DeckError):
            self._note(operation, lambda: self._store.abandon(operation, words))

    def _note(self, operation: Operation, write: Callable[[], Operation]) -> Operation:
        """Write into the journal how a change stands that this process does not work at any more.

        A store that can't be written now (locked, no space) must not keep the change this process's own for as long
        as that lives: what is owed is written before the journal is next asked or written to.
        """
        try:
            return write()
        except DeckError:
            self._owed[operation.id] = write
            raise

    def _write_owed(self) -> None:
        for id_ in tuple(self._owed):
            write = self._owed.pop(id_, None)
            if write is None:
                continue  # another thread writes it
            try:
                write()
            except DeckError:
                self._owed[id_] = write

    def cut_off(self) -> tuple[Operation, ...]:
        """Transactions that nobody works at any more and that are not settled, the oldest first."""
        self._write_owed()
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
        self._write_owed()
        operation = self._store.take_over(operation)
        with self._kept(operation):
            data, done = self._store.steps(operation.id)
            plan = _decode(data)
            if done < 0:
                return self._reverse(operation, plan.steps)[0]
            if done < len(plan.steps) and (plan.pivot is None or done < plan.pivot):
                for step in reversed(plan.steps[: done + 1]):
                    step.undo(self._site)
                words = f"{operation.detail}; cut off and taken back"
                return self._store.finish(operation, OperationState.FAILED, words)
            for number, step in enumerate(plan.steps[done:], done + 1):
                step.do(self._site)
                self._store.advance(operation, number)
            return self._store.finish(operation, OperationState.DONE, f"{operation.detail}; finished later", plan.undo)

    @contextmanager
    def _kept(self, operation: Operation) -> Iterator[None]:
        """Leave a change in the journal, owned by nobody, when what is done about it fails."""
        try:
            with translated():
                yield
        except BaseException:
            self._leave(operation, operation.detail)
            raise

    def steps(self, operation: Operation) -> tuple[Step, ...]:
        """The steps of a transaction, in order; empty for a change without.

        Raises:
            DeckError: A newer devdeck wrote them.
        """
        data, _ = self._store.steps(operation.id)
        return _decode(data).steps if data else ()

    def reverse(self, operation: Operation) -> Operation:
        """Take back a transaction that was done, step by step; it is `undone` afterwards.

        It is under way again meanwhile: cut off, it is `settle`d by taking back the rest. When a step refuses, those
        that were taken back are done again, and it stays done.

        Raises:
            Busy: Another change of this session is under way, or it was taken back meanwhile.
            DeckError: It has no steps, or one of them can't be taken back.
        """
        self._write_owed()
        steps = self.steps(operation)
        if not steps:
            raise DeckError(f"{operation.verb} {operation.label} can't be taken back", code="no-undo")
        reversing = self._store.take_over(operation, reversing=True)
        with self._kept(reversing):
            reversed_, refusal = self._reverse(reversing, steps)
        if refusal is not None:
            raise refusal
        return reversed_

    def _reverse(self, operation: Operation, steps: Sequence[Step]) -> tuple[Operation, DeckError | None]:
        """Take back all steps, or none; returns the operation as it is then, and why it could not be taken back."""
        for count in range(len(steps)):
            step = steps[-1 - count]
            try:
                with translated():
                    step.undo(self._site)
            except DeckError as error:
                for again in steps[-1 - count :]:
                    again.do(self._site)
                return self._store.leave_done(operation), error
            self._store.advance(operation, -2 - count)
        return self._store.finish(operation, OperationState.UNDONE, operation.detail), None
