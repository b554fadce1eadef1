"""The operation log around a change of the world: written before it, and after it however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from devdeck.boundary import translated
from devdeck.model import Operation, OperationState, Session
from devdeck.store import Store


class Entry:
    """One change under way. What it says is recorded when the change has ended."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.undo = ""
        """How to get back what was taken away, in words."""


class Journal:
    """Writes the operation log of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def change(self, verb: str, session: Session, detail: str) -> Iterator[Entry]:
        """Journal the change made in the `with` block: doing, then done or failed. Backend errors come out translated.

        Args:
            verb: What is done, such as `start`.
            session: To which session.
            detail: What is planned, in words.
        """
        operation = self._store.begin(verb, session_id=session.id, label=session.label, detail=detail)
        entry = Entry(operation)
        try:
            with translated():
                yield entry
        except BaseException as error:
            words = f"{detail}: {error or type(error).__name__}"
            entry.operation = self._store.finish(operation, OperationState.FAILED, words)
            raise
        entry.operation = self._store.finish(operation, OperationState.DONE, detail, entry.undo)
