"""The tmux sessions of a deck: which belongs to whom, making and restoring them, going there, typing into them."""

from __future__ import annotations

import contextlib
import shlex
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from backends.base import BackendError
from devdeck import discover, owner
from devdeck.boundary import translated
from devdeck.errors import DeckError, NotFound, Refused
from devdeck.journal import Journal
from devdeck.labels import folder_name
from devdeck.live import Delivery, Handoff
from devdeck.model import Pane, Session, Terminal
from devdeck.store import Store
from devdeck.terminal import layouts

if TYPE_CHECKING:
    from backends.tmux.server import TmuxServer

SENDERS = 8
"""How many terminals are typed into at once."""

WAITERS = 64
"""How many commands are waited for at once."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What became of bringing one terminal back."""

    session: Session
    terminal: Terminal | None = None
    """As it is now; `None` when it could not be brought back."""
    made: bool = False
    """Whether it was gone."""
    missing: tuple[str, ...] = ()
    """Directories that are gone; their panes are in the worktree."""
    error: DeckError | None = None


class Terminals:
    """See the module. Synchronous; may be used from several threads."""

    def __init__(self, store: Store, tmux: TmuxServer) -> None:
        self._store = store
        self._journal = Journal(store)
        self._seen: dict[str, bytes] = {}
        self.tmux = tmux

    def require(self) -> None:
        """Make sure that tmux can be used.

        Raises:
            Missing: tmux is not installed.
            DeckError: It is too old.
        """
        with translated():
            self.tmux.version()

    def all(self, *, detail: bool = True) -> tuple[Terminal, ...]:
        """What the tmux server has; empty when none runs. The windows of the deck's own are remembered on the way.

        Args:
            detail: False leaves the command and the directory of each pane out, which take tmux half of the time;
                nothing is remembered then.

        Raises:
            Missing: tmux is not installed.
        """
        with translated():
            terminals = self.tmux.terminals(detail=detail)
        if detail:
            # It is no reason to fail for whoever asks when that can't be done now.
            with contextlib.suppress(DeckError):
                self.remember_all({terminal.devdeck_id: terminal for terminal in terminals if terminal.devdeck_id})
        return terminals

    def of(self, session: Session) -> Terminal | None:
        """The session's tmux session, or `None` when it has none now; a member's is its workspace's."""
        return discover.match_terminals([session], self.all()).get(session.id)

    def own(self, session: Session) -> Terminal | None:
        """The tmux session that was made for this very session (and carries its id), or `None`."""
        wanted = session.parent or session.id
        with translated():
            return self.tmux.marked(wanted)

    # Making

    def make(self, session: Session) -> Terminal:
        """Start a tmux session in the session's worktree, marked with its id.

        That of a workspace gets a window for each of its repositories; a member's is its workspace's.
        """
        return self._make(self._keeper(session), layouts.plain(self._keeper(session)))[0]

    def _keeper(self, session: Session) -> Session:
        """Who has the terminal of a session: the workspace of a member, else the session itself."""
        if session.parent is None:
            return session
        for workspace in self._store.sessions():
            if workspace.id == session.parent:
                return workspace
        raise NotFound(f"the workspace of {session.label!r} is gone", "`devdeck ls` lists what there is")

    def _make(self, session: Session, layout: layouts.Layout) -> tuple[Terminal, tuple[str, ...]]:
        """A new terminal with the windows of a layout, and the directories that were missing.

        Until it is complete it carries another mark: one that was cut off half-way is not taken for the session's.
        """
        building = f"{session.id}~{owner.me()}" if layout.windows else session.id
        name = f"{session.repository}-{folder_name(session.label)}"
        with translated():
            size = layout.windows[0] if layout.windows else None
            terminal = self.tmux.new_session(
                name=name,
                cwd=session.worktree,
                devdeck_id=building,
                env=layouts.variables(session),
                width=size.width if size else None,
                height=size.height if size else None,
            )
            if not layout.windows:
                return terminal, ()
            try:
                missing = layouts.build(self.tmux, terminal, session, layout)
                if (other := self.own(session)) is not None:  # another devdeck was faster
                    self.tmux.kill_session(terminal.id)
                    return other, ()
                if self._end_abandoned(session):
                    with contextlib.suppress(BackendError):  # then it keeps the name with a number
                        self.tmux.rename_session(terminal.id, name)
                self.tmux.mark(terminal.id, session.id)
            except BaseException:
                self.tmux.kill_session(terminal.id)
                raise
            made = next((each for each in self.tmux.terminals() if each.id == terminal.id), None)
        if made is None:
            raise DeckError(f"the terminal of {session.label!r} ended as soon as it was made", "does its shell start?")
        return made, missing

    def _end_abandoned(self, session: Session) -> bool:
        """End what a devdeck that was killed has made of this terminal; tells whether there was something."""
        ended = False
        for terminal in self.tmux.terminals(detail=False):
            whose, _, who = terminal.devdeck_id.partition("~")
            if who and whose == session.id and not owner.is_alive(who):
                self.tmux.kill_session(terminal.id)
                ended = True
        return ended

    def end(self, terminal: Terminal) -> None:
        """End a tmux session with what runs in it; one that has ended is no error."""
        from backends.tmux import centre

        with translated():
            centre.unlink(self.tmux, {pane.window_id for pane in terminal.panes})
            self.tmux.kill_session(terminal.id)

    # Layouts

    def snapshot(self, terminal: Terminal) -> bytes:
        """The windows, panes, directories and layout of a tmux session, to be kept; see `rebuild`.

        Raises:
            NotFound: It has ended.
        """
        with translated():
            return layouts.take(self.tmux, terminal)

    def rebuild(self, session: Session, layout: bytes) -> Terminal:
        """Start a session's tmux session anew, with the windows of a `snapshot` (a new one's when that is empty)."""
        return self._rebuild(session, layouts.read(layout))[0]

    def _rebuild(self, session: Session, layout: layouts.Layout) -> tuple[Terminal, tuple[str, ...]]:
        keeper = self._keeper(session)
        return self._make(keeper, layout if layout.windows else layouts.plain(keeper))

    def remember(self, session: Session, terminal: Terminal) -> None:
        """Keep the layout of a session's terminal in the store, when it is another one than before."""
        if session.managed:
            self.remember_all({session.parent or session.id: terminal})

    def remember_all(self, terminals: Mapping[str, Terminal]) -> None:
        """`remember` for many sessions. Asks tmux nothing, and writes only what has changed, all at once.

        Args:
            terminals: As they were just listed, by the id of the session that each belongs to; other ids are ignored.
        """
        records = {id_: layouts.seen(terminal) for id_, terminal in terminals.items()}
        new = {id_: record for id_, record in records.items() if record and record != self._seen.get(id_)}
        if not new:
            return
        known = self._store.layouts()
        self._store.save_layouts(
            {id_: record for id_, record in new.items() if id_ in known and layouts.is_news(record, known[id_])}
        )
        self._seen.update({id_: record for id_, record in new.items() if id_ in known})

    def ensure(self, session: Session) -> Terminal:
        """The session's tmux session, brought back with its windows when it is gone.

        Raises:
            NotFound: The worktree is gone, so there is nothing to open.
        """
        terminal = self.of(session)
        if terminal is not None:
            self.remember(session, terminal)
            return terminal
        return self.restore(session)

    def plan_restore(self, session: Session) -> str:
        """What bringing the terminal of a session back would make, in words; empty when there is nothing to do.

        Raises:
            NotFound: The worktree is gone.
        """
        if self.of(session) is not None:
            return ""
        self._check_worktree(session)
        return _restoring(self._layout(session))

    def _layout(self, session: Session) -> layouts.Layout:
        return layouts.read(self._store.layout(session.parent or session.id))

    def restore(self, session: Session) -> Terminal:
        """Bring back a session's tmux session, with the windows, directories and layout that it was last seen with.

        Returns:
            As it is now; that which is there when it is not gone.

        Raises:
            NotFound: The worktree is gone.
            DeckError: It can't be brought back.
        """
        restored = self.bring_back(session)
        if restored.terminal is None:
            raise restored.error or DeckError(f"the terminal of {session.label!r} can't be brought back")
        return restored.terminal

    def bring_back(self, session: Session) -> Restored:
        """`restore`, with what there is to tell about it. Never raises for what is wrong with this one session."""
        try:
            terminal = self.of(session)
            if terminal is not None:
                return Restored(session=session, terminal=terminal)
            self._check_worktree(session)
            layout = self._layout(session)
            with self._journal.change("restore", session, _restoring(layout)):
                terminal, missing = self._rebuild(session, layout)
            return Restored(session=session, terminal=terminal, made=True, missing=missing)
        except DeckError as error:
            return Restored(session=session, error=error)

    def restore_all(self, sessions: Iterable[Session] | None = None) -> tuple[Restored, ...]:
        """Bring back the terminals of many sessions, one after the other; of all that the deck made by default."""
        wanted = self._store.sessions() if sessions is None else sessions
        return tuple(self.bring_back(session) for session in wanted)

    def _check_worktree(self, session: Session) -> None:
        for place in (session.worktree, self._keeper(session).worktree):
            if not Path(place).is_dir():
                forget = f"devdeck rm {shlex.quote(session.label)}"
                raise NotFound(
                    f"the worktree of {session.label!r} is gone: {place}",
                    f"put it back and open it again, or forget the session with `{forget}`: its branch stays",
                    code="worktree-gone",
                )

    # Going there

    def plan_hand_off(self, session: Session) -> tuple[str, ...]:
        """What `hand_off` would do, in words.

        Raises:
            NotFound: The session has no terminal, and its worktree is gone.
        """
        restoring = self.plan_restore(session)
        going = "switch the tmux client to it" if self.tmux.inside() else "attach to its tmux session"
        return (*((restoring,) if restoring else ()), going)

    def hand_off(self, session: Session) -> Handoff:
        """Go to a session's terminal: switch the client when inside the same tmux server, else say how to attach.

        The terminal of a member is its workspace's, at the member's window. The visit is recorded first, so that
        `open -` works however the user comes back.
        """
        notes: tuple[str, ...] = ()
        terminal = self.of(session)
        if terminal is None:
            restored = self.bring_back(session)
            if restored.terminal is None:
                raise restored.error or NotFound(f"{session.label!r} has no terminal")
            terminal, notes = restored.terminal, notes_of(restored)
        else:
            self.remember(session, terminal)
        self._store.visit(session.id)
        with translated():
            if session.parent is not None:
                self._show_member(session, terminal)
            if self.tmux.inside():
                self.tmux.switch_client(terminal.id)
                return Handoff((), notes)
            return Handoff(tuple(self.tmux.attach_argv(terminal.id)), notes)

    def _show_member(self, session: Session, terminal: Terminal) -> None:
        from backends.tmux import windows

        pane = member_pane(session, terminal)
        window = pane.window_id if pane else self._new_member_window(session, terminal)
        windows.select_window(self.tmux, terminal.id, window)

    def _new_member_window(self, session: Session, terminal: Terminal) -> str:
        from backends.tmux import windows

        self._check_worktree(session)
        window = windows.new_shell_window(
            self.tmux,
            terminal.id,
            cwd=session.worktree,
            env=layouts.variables(session),
            member=session.repository,
        )
        windows.rename_window(self.tmux, window, session.repository)
        return window

    # Typing

    def send(self, session: Session, text: str, *, force: bool = False, wait: float | None = None) -> Delivery:
        """Type text and Enter into the session's active pane, or into a live one when that has ended or holds a job.

        Args:
            session: Where. A member's window of its workspace's terminal is found by its mark, or by its directory.
            text: Typed as it is: nothing in it is a key name or a tmux command.
            force: Type it also when the pane is not at a shell.
            wait: Seconds to wait for the end of the command; `None` to wait only until it is taken.

        Raises:
            NotFound: The session has no terminal, or all its panes have ended.
            Refused: The pane is not at a shell, and `force` is not given.
            DeckError: tmux refused, or the command can't be waited for.
        """
        return self._send(session, text, self.of(session), force=force, wait=wait)

    def _send(
        self,
        session: Session,
        text: str,
        terminal: Terminal | None,
        *,
        force: bool,
        wait: float | None,
        given_up: threading.Event | None = None,
    ) -> Delivery:
        from devdeck.terminal import sending

        pane = target_pane(session, terminal)
        with self._journal.change("send", session, text[:500]):
            delivery = sending.deliver(self.tmux, session, pane, text, force=force, wait=wait, given_up=given_up)
        return delivery

    def send_many(
        self, sessions: Sequence[Session], text: str, *, force: bool = False, wait: float | None = None
    ) -> tuple[Delivery, ...]:
        """`send` to many at once, at most `SENDERS` at a time, or `WAITERS` when they are waited for.

        Returns:
            One delivery for each session, in their order; what goes wrong with one is told there.

        Raises:
            Missing: tmux is not installed.
        """
        from concurrent.futures import ThreadPoolExecutor

        matched = discover.match_terminals(sessions, self.all())
        given_up = threading.Event()

        def one(session: Session) -> Delivery:
            try:
                return self._send(session, text, matched.get(session.id), force=force, wait=wait, given_up=given_up)
            except DeckError as error:
                return _not_sent(session, error, may_force=wait is None and error.code == Refused.code)

        if not sessions:
            return ()
        with ThreadPoolExecutor(min(len(sessions), WAITERS if wait is not None else SENDERS), "devdeck-send") as pool:
            try:
                return tuple(pool.map(one, sessions))
            except BaseException:
                given_up.set()  # Ctrl-C: the commands go on, the threads don't
                raise


def _not_sent(session: Session, error: DeckError, *, may_force: bool) -> Delivery:
    return Delivery(
        session_id=session.id,
        label=session.label,
        sent=False,
        confirmed=False,
        error=error.message,
        hint=error.hint,
        code=error.code,
        may_force=may_force,
    )


def _restoring(layout: layouts.Layout) -> str:
    return "start its tmux session" + (f" with {layouts.words(layout)}" if layout.windows else "")


def notes_of(restored: Restored) -> tuple[str, ...]:
    """What the user should know of a terminal that was brought back."""
    return tuple(f"the directory {place} is gone; its pane is in the worktree" for place in restored.missing)


def member_pane(session: Session, terminal: Terminal) -> Pane | None:
    """The pane in front of a member's window in its workspace's terminal: by the window's mark, else by directory."""
    panes = [pane for pane in terminal.panes if not pane.job_id and not pane.dead]
    mine = [pane for pane in panes if pane.member == session.repository] or [
        pane for pane in panes if pane.path and Path(pane.path).is_relative_to(session.worktree)
    ]
    return next((pane for pane in mine if pane.in_front), mine[0] if mine else None)


def target_pane(session: Session, terminal: Terminal | None) -> Pane:
    """The pane that text for a session goes to.

    Raises:
        NotFound: There is none.
    """
    label = shlex.quote(session.label)
    panes = [pane for pane in terminal.panes if not pane.dead and not pane.job_id] if terminal else []
    if terminal is None or not panes:
        raise NotFound(f"{session.label!r} has no terminal to send to", f"`devdeck open {label}` makes or shows it")
    if session.parent is not None:
        pane = member_pane(session, terminal)
        if pane is None:
            raise NotFound(
                f"{session.label!r} has no window in the terminal of its workspace", f"`devdeck open {label}` makes one"
            )
        return pane
    active = terminal.active_pane
    if active in panes:
        return active
    return next((pane for pane in panes if pane.in_front), panes[0])
