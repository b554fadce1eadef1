"""Typing text into a session's pane: only where a shell reads it, and only called taken when it was.

That a terminal echoes what is typed proves nothing: it does so while a program that reads nothing runs. So the
terminal's own queue of unread input is asked (tty_ioctl(4), FIONREAD), and where it can't be, what tmux shows.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import shlex
import termios
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from backends.base import TargetGone
from backends.tmux.panes import PaneState, pane_state
from devdeck.boundary import translated
from devdeck.errors import DeckError, NotFound, Refused, UsageError
from devdeck.live import Delivery
from devdeck.model import Pane, Session
from devdeck.terminal import foreground

if TYPE_CHECKING:
    from backends.tmux.server import TmuxServer

TAKEN_WITHIN = 2.0
"""Seconds in which a program takes what is typed, else it is told as not confirmed."""

_ROUNDS = 3  # looks after which input that left no trace on the screen and none in the queue counts as taken


def deliver(
    tmux: TmuxServer,
    session: Session,
    pane: Pane,
    text: str,
    *,
    force: bool = False,
    wait: float | None = None,
    given_up: threading.Event | None = None,
) -> Delivery:
    """Type text and Enter into a pane.

    Args:
        tmux: Where.
        session: Whose pane it is.
        pane: The pane.
        text: What to type.
        force: Also when the pane is not at a shell.
        wait: Seconds to wait for the end of the command; `None` not to. It takes a shell then, by force too.
        given_up: Set by another thread to wait no longer.

    Raises:
        NotFound: The pane has ended.
        Refused: It is not at a shell.
        DeckError: Its input is switched off, the command can't be waited for, or tmux refused.
    """
    if "\0" in text:
        raise UsageError("a NUL character can't be typed into a terminal")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise UsageError("half of a character (a lone surrogate) can't be typed into a terminal") from None
    with translated():
        state = pane_state(tmux, pane.id)
        holder = _reachable(session, state, force=force and wait is None)
        if wait is not None:
            from devdeck.terminal import waiting

            return waiting.run(tmux, session, pane.id, state, holder, text, wait, given_up)
        try:
            tmux.send_text(pane.id, text)
        except TargetGone as error:
            raise _ended(session) from error
        confirmed = taken(tmux, pane.id, state)
    return Delivery(session_id=session.id, label=session.label, sent=True, confirmed=confirmed)


def _reachable(session: Session, state: PaneState, *, force: bool) -> foreground.Holder:
    if state.dead:
        raise _ended(session)
    if state.input_off:
        raise DeckError(
            f"the input of the pane of {session.label!r} is switched off",
            "`tmux select-pane -e` switches it on",
            code="off",
        )
    holder = foreground.wait_for_shell(state.pid, state.command, 0.0 if force else foreground.PATIENCE)
    if not holder.shell and not force:
        raise Refused(
            f"{session.label!r} is not at a shell: {holder.name} runs there",
            "wait until it has ended, or type it all the same with --force",
        )
    return holder


def _ended(session: Session) -> NotFound:
    return NotFound(
        f"what ran in the pane of {session.label!r} has ended", f"`devdeck open {shlex.quote(session.label)}` shows it"
    )


def taken(tmux: TmuxServer, pane_id: str, before: PaneState, within: float = TAKEN_WITHIN) -> bool:
    """Whether the program in a pane takes what was typed, within a bounded time.

    Args:
        tmux: Where.
        pane_id: The pane.
        before: As it was before the typing.
        within: Seconds.
    """
    deadline = time.monotonic() + within
    with terminal_of(before) as terminal:
        rounds = 0
        while True:
            try:
                after = pane_state(tmux, pane_id)  # also the point after which tmux has written what was typed
            except TargetGone:
                return True  # it took it, and ended with it
            rounds += 1
            unread = _unread(terminal)
            moved = after.cursor != before.cursor or after.dead
            if (moved and not unread) or (unread == 0 and rounds >= _ROUNDS):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)


@contextlib.contextmanager
def terminal_of(state: PaneState) -> Iterator[int | None]:
    """The terminal device of a pane, opened to be asked; `None` where that is not possible."""
    try:
        descriptor = os.open(state.tty, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _unread(terminal: int | None) -> int | None:
    """Bytes that were typed and that nobody has read; `None` when unknown."""
    if terminal is None:
        return None
    count = array.array("i", [0])
    try:
        fcntl.ioctl(terminal, termios.FIONREAD, count)
    except OSError:
        return None
    return count[0]


def reads_keys(terminal: int | None) -> bool:
    """Whether a line editor has the terminal: it reads single keys, while programs are given whole lines."""
    if terminal is None:
        return False
    try:
        return not termios.tcgetattr(terminal)[3] & termios.ICANON
    except termios.error:
        return False
