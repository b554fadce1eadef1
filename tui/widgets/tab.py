"""What every tab of the detail has in common: one session, shown or hidden, and details fetched in workers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from textual import events
from textual.geometry import Size
from textual.worker import Worker, WorkerState

from devdeck.errors import DeckError
from devdeck.live import LiveDeck
from devdeck.model import SessionState
from tui.widgets.framed import Bare

T = TypeVar("T")


def beside(size: Size) -> bool:
    """Whether the two parts of a tab stand side by side: it is wide, or too low for one above the other."""
    return size.width >= 110 or (size.width >= 70 and size.height < 18)


class SessionTab(Bare):
    """Base of the tabs: told by the screen which session to show and whether it is on screen.

    Hidden, it does no work.
    """

    DEFAULT_CSS = """
    SessionTab {
        width: 1fr;
        height: 1fr;
        layout: vertical;
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.deck: LiveDeck | None = None
        self.state: SessionState | None = None
        self.shown = False
        self._applied: str | None = None
        self._sized = Size(0, 0)

    @property
    def session_id(self) -> str | None:
        """Id of the session shown."""
        return self.state.session.id if self.state is not None else None

    def now(self) -> float:
        """UNIX seconds by the deck's clock; 0 before there is a deck."""
        return self.deck.now() if self.deck is not None else 0.0

    def update_session(self, deck: LiveDeck, state: SessionState | None) -> None:
        """The selection, or what is known of the selected session, has changed.

        Args:
            deck: Where details are fetched.
            state: The selected session; `None` when there is none.
        """
        self.deck, self.state = deck, state
        if self.shown and self.is_mounted:
            self._apply()

    def grow_older(self, state: SessionState | None) -> None:
        """Time has passed: the same facts, or the same read anew.

        Args:
            state: The selected session as it is known now.
        """
        if (state.session.id if state is not None else None) != self.session_id:
            return
        self.state = state
        if self.shown and self.is_mounted and self._applied == self.session_id:
            self.ages()

    def ages(self) -> None:
        """Show ages as of now. Called only while shown."""

    def set_shown(self, shown: bool) -> None:
        """The tab came on screen or left it; leaving ends its work."""
        if shown == self.shown:
            return
        self.shown = shown
        if not shown:
            self.workers.cancel_node(self)
            self.hidden()
        elif self.is_mounted:
            self._apply()

    def on_mount(self) -> None:
        """Catch up with what was told before there were widgets."""
        if self.shown:
            self._apply()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out anew what depends on the width, once the widgets have theirs."""
        if event.size == self._sized:
            return  # shown again, as it was
        self._sized = event.size
        self.call_after_refresh(self._reapply)

    def _reapply(self) -> None:
        if self.shown and self.is_mounted:
            self._apply()

    def _apply(self) -> None:
        session_changed = self.session_id != self._applied
        self._applied = self.session_id
        self.apply(session_changed)

    def apply(self, session_changed: bool) -> None:
        """Show `self.state`. Called only while shown.

        Args:
            session_changed: Whether it is another session than the last time.
        """
        raise NotImplementedError

    def hidden(self) -> None:
        """The tab left the screen: stop timers. Workers have been cancelled."""

    def problem(self, message: str, hint: str) -> None:
        """Show that details could not be fetched."""
        raise NotImplementedError

    def fetch(
        self,
        group: str,
        ask: Callable[[LiveDeck, str], Awaitable[T]],
        use: Callable[[T], None],
        *,
        rest: float = 0.0,
    ) -> Worker[None] | None:
        """Ask the deck for a detail of the session shown; replaces an earlier question of the same group.

        With `rest` the question waits so many seconds, in which a new one can replace it before it costs anything.
        The answer is used only if the same session is still shown; an error goes to `problem`.
        """
        deck, session_id = self.deck, self.session_id
        if deck is None or session_id is None:
            return None

        async def work() -> None:
            try:
                if rest:
                    await asyncio.sleep(rest)
                answer = await ask(deck, session_id)
            except DeckError as error:
                if self.session_id == session_id:
                    self.problem(error.message, error.hint)
                return
            if self.session_id == session_id and self.shown:
                use(answer)

        return self.begin(group, work)

    def begin(self, group: str, work: Callable[[], Coroutine[None, None, None]]) -> Worker[None]:
        """Run a coroutine function as the only worker of its group; leaving the tab ends it."""
        return self.run_worker(work, group=group, exclusive=True, exit_on_error=False, name=group)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """An error that is none of the deck's is shown too: it must neither vanish nor end the dashboard."""
        if event.state is WorkerState.ERROR and event.worker.node is self:
            event.stop()
            self.log.error(event.worker.error)
            self.problem(f"{type(event.worker.error).__name__}: {event.worker.error}", "This is a bug in devdeck.")
