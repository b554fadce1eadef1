"""The tmux sessions of a deck: which belongs to whom, making them, going there, typing into them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from devdeck import discover
from devdeck.boundary import translated
from devdeck.errors import NotFound
from devdeck.journal import Journal
from devdeck.labels import folder_name
from devdeck.live import Handoff
from devdeck.model import Session, Terminal
from devdeck.store import Store

if TYPE_CHECKING:
    from backends.tmux.server import TmuxServer


class Terminals:
    """See the module. Synchronous."""

    def __init__(self, store: Store, tmux: TmuxServer) -> None:
        self._store = store
        self._journal = Journal(store)
        self.tmux = tmux

    def require(self) -> None:
        """Make sure that tmux can be used.

        Raises:
            Missing: tmux is not installed.
            DeckError: It is too old.
        """
        with translated():
            self.tmux.version()

    def all(self) -> tuple[Terminal, ...]:
        """What the tmux server has; empty when none runs.

        Raises:
            Missing: tmux is not installed.
        """
        with translated():
            return self.tmux.terminals()

    def of(self, session: Session) -> Terminal | None:
        """The session's tmux session, or `None` when it has none now."""
        return discover.match_terminals([session], self.all()).get(session.id)

    def own(self, session: Session) -> Terminal | None:
        """The tmux session that was made for this very session (and carries its id), or `None`."""
        return next((terminal for terminal in self.all() if terminal.devdeck_id == session.id), None)

    def make(self, session: Session) -> Terminal:
        """Start a tmux session in the session's worktree, marked with its id."""
        with translated():
            return self.tmux.new_session(
                name=f"{session.repository}-{folder_name(session.label)}",
                cwd=session.worktree,
                devdeck_id=session.id,
                env={"DEVDECK_SESSION": session.id, "DEVDECK_LABEL": session.label},
            )

    def snapshot(self, terminal: Terminal) -> bytes:
        """The windows, panes, directories and layout of a tmux session, to be kept; see `rebuild`."""
        return b""

    def rebuild(self, session: Session, layout: bytes) -> Terminal:
        """Start a session's tmux session anew, with the windows of a `snapshot` (a plain one when that is empty)."""
        return self.make(session)

    def end(self, terminal: Terminal) -> None:
        """End a tmux session; one that has ended is no error."""
        with translated():
            self.tmux.kill_session(terminal.id)

    def ensure(self, session: Session) -> Terminal:
        """The session's tmux session, made anew when it is gone.

        Raises:
            NotFound: The worktree is gone, so there is nothing to open.
        """
        terminal = self.of(session)
        if terminal is not None:
            return terminal
        if not Path(session.worktree).is_dir():
            raise NotFound(
                f"the worktree of {session.label!r} is gone: {session.worktree}",
                f"`devdeck rm {session.label}` forgets it; its branch stays",
            )
        return self.make(session)

    def hand_off(self, session: Session) -> Handoff:
        """Go to a session's terminal: switch the client when inside the same tmux server, else say how to attach.

        The visit is recorded first, so that `open -` works however the user comes back.
        """
        terminal = self.ensure(session)
        self._store.visit(session.id)
        with translated():
            if self.tmux.inside():
                self.tmux.switch_client(terminal.id)
                return Handoff(())
            return Handoff(tuple(self.tmux.attach_argv(terminal.id)))

    def send(self, session: Session, text: str) -> None:
        """Type text and Enter into the session's active pane, or into a live one when that has ended.

        Raises:
            NotFound: The session has no terminal, or all its panes have ended.
        """
        terminal = self.of(session)
        panes = [pane for pane in terminal.panes if not pane.dead] if terminal else []
        if terminal is None or not panes:
            raise NotFound(
                f"{session.label!r} has no terminal to send to", f"`devdeck open {session.label}` makes or shows it"
            )
        active = terminal.active_pane
        pane = active if active in panes else panes[0]
        with self._journal.change("send", session, text):
            self.tmux.send_text(pane.id, text)
