"""Opens the dialogs about sessions and does what they were told; the command line does the same acts without them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from textual.app import App

from devdeck.live import LiveDeck, Start
from devdeck.model import Session, SessionState
from tui.actions import Context
from tui.intents import Intents

if TYPE_CHECKING:
    from tui.screens.send_text import Audience


class Dialogs:
    """The dashboard's dialogs about sessions; each is imported when it is first shown."""

    def __init__(
        self,
        app: App[Any],
        deck: LiveDeck,
        intents: Intents,
        context: Callable[[], Context],
        select: Callable[[str], None],
    ) -> None:
        """Open nothing yet.

        Args:
            app: Shows them.
            deck: Does what they ask for.
            intents: What is under way, and its errors.
            context: What is selected and marked now.
            select: Selects a session that was just made.
        """
        self._app = app
        self._deck = deck
        self._intents = intents
        self._context = context
        self._select = select

    def _made(self, session_id: str | None) -> None:
        if session_id is not None:
            self._select(session_id)

    def _state(self, session_id: str) -> SessionState:
        return self._deck.state.sessions[session_id]

    def _repository(self) -> str:
        """The repository of the selected session; of a workspace its first."""
        selected = self._context().selected
        places = selected.session.places if selected is not None else ()
        return places[0].repository_path if places else ""

    # Making sessions

    def new_session(self, label: str = "", path: str = "", base: str = "") -> None:
        """Ask for a new session, filled in as far as is known."""
        from tui.screens.new_session import NewSession

        selected = self._context().selected
        dialog = NewSession(self._deck, label=label, path=path or self._repository(), base=base, selected=selected)
        self._app.push_screen(dialog, self._made)

    def checkout(self, target: str = "", path: str = "", label: str = "") -> None:
        """Ask for a target."""
        from tui.screens.checkout import Checkout

        dialog = Checkout(self._deck, target=target, path=path or self._repository(), label=label)
        self._app.push_screen(dialog, self._made)

    def workspace(self, label: str = "", folder: str = "", repositories: Sequence[str] = (), base: str = "") -> None:
        """Ask for a new workspace."""
        from tui.screens.workspace import NewWorkspace

        dialog = NewWorkspace(self._deck, label=label, folder=folder, repositories=repositories, base=base)
        self._app.push_screen(dialog, self._made)

    def start_now(self, label: str, path: str, base: str | None) -> None:
        """Make a session, when all that is needed is known; else ask."""
        where = path or self._repository()
        if not label or not where or self._deck.check_label(label):
            self.new_session(label, where, base or "")
            return

        wanted = Start(label=label, path=where, base=base)
        self._make(f"starting {label}", lambda: self._deck.start_session(wanted), where)

    def checkout_now(self, target: str, path: str, label: str) -> None:
        """Make a session for a target, when all that is needed is known; else ask."""
        where = path or self._repository()
        if not target or not where:
            self.checkout(target, where, label)
            return

        self._make(f"checking out {target}", lambda: self._deck.checkout(target, where, label or None), where)

    def _make(self, words: str, order: Callable[[], Awaitable[Session]], path: str) -> None:
        from tui.screens.trust import allowed

        async def work() -> None:
            if await allowed(self._app, self._deck, (path,)):
                self._made((await order()).id)

        self._intents.spawn(words, work)

    # Changing them

    def rename(self, session_id: str) -> None:
        """Ask for another name."""
        from tui.screens.rename import Rename

        before = self._state(session_id).session.label

        def renamed(id_: str | None) -> None:
            if id_ is not None:
                self._intents.toast(f"renamed {before}")

        self._app.push_screen(Rename(self._deck, self._state(session_id).session), renamed)

    def rename_now(self, session_id: str, label: str) -> None:
        """Give a session another name."""
        before = self._state(session_id).session.label

        async def work() -> None:
            renamed = await self._deck.rename(session_id, label)
            self._intents.toast(f"{before} is {renamed.label} now")

        self._intents.spawn(f"renaming {before}", work)

    def initialize(self, session_id: str) -> None:
        """Set a session up again; asks when its configuration is not trusted."""
        from tui.screens.trust import allowed

        session = self._state(session_id).session
        paths = [place.repository_path for place in session.places]

        async def work() -> None:
            if not await allowed(self._app, self._deck, paths, session_id, without=""):
                return
            count = len(await self._deck.initialize(session_id))
            if count:
                commands = f"{count} command{'' if count == 1 else 's'} started"
                self._intents.toast(f"{session.label}: {commands}", "the log shows what they say")
            else:
                self._intents.toast(f"{session.label} is set up", "there are no commands to run")

        self._intents.spawn(f"setting up {session.label}", work)

    # Typing into their terminals

    def send(self, session_id: str | None, whom: str = "", text: str = "") -> None:
        """Ask what to type into panes.

        Args:
            session_id: The session meant; `None` means the selected one.
            whom: `this`, `marked` or `all`, offered first; empty takes the marked ones where there are any.
            text: What is typed already.
        """
        from tui.screens.send_text import Order, SendText

        audiences = self._audiences(session_id)
        if not audiences:
            self._intents.toast("Send text", "no session is selected", "warning")
            return
        names = [audience.name for audience in audiences]
        wanted = whom or ("marked" if session_id is None and "marked" in names else "this")

        def typed(order: Order | None) -> None:
            if order is not None:
                self.deliver(order.session_ids, order.text)

        first = names.index(wanted) if wanted in names else 0
        self._app.push_screen(SendText(audiences, first, text), typed)

    def send_now(self, session_id: str | None, whom: str, text: str) -> None:
        """Type into panes without asking; with nothing to type, ask."""
        audience = next((it for it in self._audiences(session_id) if it.name == (whom or "this")), None)
        if not text:
            self.send(session_id, whom)
        elif audience is None:
            self._intents.toast(
                "Send text", "nothing is marked" if whom == "marked" else "no session is there", "warning"
            )
        else:
            self.deliver(tuple(state.session.id for state in audience.states), text)

    def _audiences(self, session_id: str | None) -> tuple[Audience, ...]:
        from tui.screens.send_text import audiences_of

        context = self._context()
        selected = self._deck.state.sessions.get(session_id) if session_id is not None else context.selected
        everything = sorted(self._deck.state.sessions.values(), key=lambda it: it.session.label.casefold())
        return audiences_of(selected, context.marked, everything)

    def deliver(self, session_ids: Sequence[str], text: str, *, force: bool = False) -> None:
        """Type into panes; a toast when it arrived everywhere, else a report that offers to force it."""
        from tui.screens.send_text import SendReport

        labels = [self._state(id_).session.label for id_ in session_ids if id_ in self._deck.state.sessions]
        what = labels[0] if len(labels) == 1 else f"{len(labels)} sessions"

        def answered(refused: tuple[str, ...] | None) -> None:
            if refused:
                self.deliver(refused, text, force=True)

        async def work() -> None:
            deliveries = await self._deck.send(session_ids, text, force=force)
            if all(it.sent for it in deliveries):
                unread = [it.label for it in deliveries if not it.confirmed]
                self._intents.toast(f"sent to {what}", f"not read yet by {', '.join(unread)}" if unread else "")
            else:
                self._app.push_screen(SendReport(text, deliveries), answered)

        self._intents.spawn(f"sending to {what}", work)
