"""Keeping sessions and letting them go: removal, trash, undo, adoption, refreshing, terminals that are gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App

from devdeck.live import LiveDeck
from devdeck.model import Operation, SessionState
from tui.actions import ACTIONS
from tui.intents import Intents
from tui.registry import follows, lacks_terminal
from tui.widgets.session_order import lost_terminals


class Keeping:
    """What the dashboard does about the life of sessions, to one or to many at once."""

    def __init__(self, app: App[Any], deck: LiveDeck, intents: Intents, select: Callable[[str], None]) -> None:
        """Do nothing yet.

        Args:
            app: Shows the dialogs.
            deck: Does what is asked for.
            intents: What is under way, and its errors.
            select: Selects a session that came back.
        """
        self._app = app
        self._deck = deck
        self._intents = intents
        self._select = select

    def _state(self, session_id: str) -> SessionState:
        return self._deck.state.sessions[session_id]

    def remove(self, session_ids: tuple[str, ...]) -> None:
        """Show the plans and remove what is agreed to."""
        from tui.screens.removal import RemoveSessions

        def removed(operations: tuple[Operation, ...] | None) -> None:
            if not operations:
                return
            what = operations[0].label if len(operations) == 1 else f"{len(operations)} sessions"
            back = f"{ACTIONS['session.undo'].key} brings {'it' if len(operations) == 1 else 'the last one'} back"
            more = f" · {ACTIONS['deck.trash'].key} shows all" if len(operations) > 1 else ""
            self._intents.toast(f"removed {what} · {back}{more}")

        whole = [self._state(id_).session for id_ in session_ids if self._state(id_).session.parent is None]
        self._app.push_screen(RemoveSessions(self._deck, whole), removed)

    def undo(self) -> None:
        """Take back the last change; a session that comes back is selected."""

        def undone(operation: Operation) -> None:
            what = "brought back" if operation.verb == "remove" else f"took back: {operation.verb}"
            self._intents.toast(f"{what} {operation.label}")
            if operation.verb == "remove" and operation.session_id is not None:
                self._select(operation.session_id)

        self._intents.undo(undone)

    def trash(self) -> None:
        """Show the trash; what was restored there is selected."""
        from tui.screens.trash import Trash

        def restored(session_id: str | None) -> None:
            if session_id is not None:
                self._select(session_id)

        self._app.push_screen(Trash(self._deck), restored)

    def adopt(self, session_ids: tuple[str, ...]) -> None:
        """Make those that others made devdeck's own."""
        self._intents.adopt([id_ for id_ in session_ids if not self._state(id_).session.managed])

    def refresh(self, session_ids: tuple[str, ...]) -> None:
        """Bring those that follow something up to it."""
        self._intents.refresh([id_ for id_ in session_ids if follows(self._state(id_))])

    def restore(self, session_ids: tuple[str, ...]) -> None:
        """Bring back the terminals that are gone."""
        self._intents.restore_terminals([id_ for id_ in session_ids if lacks_terminal(self._state(id_))])

    def restore_all(self) -> None:
        """Bring back every terminal of devdeck's sessions that is gone."""
        gone = lost_terminals(self._deck.state)
        if gone:
            self._intents.restore_terminals(gone)
        else:
            self._intents.toast("no terminal is missing")
