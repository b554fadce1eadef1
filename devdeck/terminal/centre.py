"""The control centre in tmux: one session with a window for each session of the deck, linked to the real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from backends.base import TargetGone
from backends.tmux import centre as tmux_centre
from backends.tmux import windows
from backends.tmux.centre import Link
from devdeck.boundary import translated
from devdeck.errors import DeckError
from devdeck.live import Handoff
from devdeck.model import Pane, Session

if TYPE_CHECKING:
    from pathlib import Path

    from devdeck.terminal.terminals import Terminals


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One session's window in the control centre."""

    session: Session
    name: str
    """What the window is called, there and in its own session."""
    window: str = ""
    """tmux window id; empty when there is nothing to show."""
    added: bool = False
    """Whether the window was not there yet."""
    error: DeckError | None = None
    """Why the session has no window there."""


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """The control centre as it is now."""

    id: str
    """tmux session id; empty when there is nothing to show."""
    shown: tuple[Shown, ...] = ()
    dropped: tuple[str, ...] = ()
    """Names of windows of sessions that are gone."""


def named(sessions: Sequence[Session]) -> dict[str, str]:
    """What the windows of sessions are called: session id → label, with the repository before it when there are two."""
    several = len({session.repository_path for session in sessions}) > 1
    return {s.id: f"{s.repository}-{s.label}" if several else s.label for s in sessions}


def wanted(sessions: Sequence[Session]) -> tuple[Session, ...]:
    """Those that get a window: what the deck made, a workspace as one. What others made is left as it is."""
    return tuple(session for session in sessions if session.parent is None and session.managed)


def gather(terminals: Terminals, sessions: Sequence[Session], home: Path) -> Gathered:
    """Bring the control centre up to date: add what is missing, drop what was linked here and is gone.

    Terminals that are gone are brought back first. Windows that were not linked here are left alone, whatever they
    are called; a window whose name the user gave keeps it.

    Args:
        terminals: Of the deck.
        sessions: All sessions of the deck.
        home: Where the control centre starts, for windows that the user opens in it.

    Raises:
        DeckError: tmux refused.
    """
    chosen = wanted(sessions)
    names = named(chosen)
    shown = [_window_of(terminals, session, names[session.id]) for session in chosen]
    with translated():
        return _link(terminals, shown, home)


def _window_of(terminals: Terminals, session: Session, name: str) -> Shown:
    restored = terminals.bring_back(session)
    if restored.terminal is None:
        return Shown(session=session, name=name, error=restored.error)
    pane = next((pane for pane in restored.terminal.panes if not pane.job_id), None)
    return Shown(session=session, name=name, window=pane.window_id if pane else "")


def _link(terminals: Terminals, shown: list[Shown], home: Path) -> Gathered:
    tmux = terminals.tmux
    found = tmux_centre.find(tmux)
    there = [each for each in shown if each.window]
    if found is None and not there:
        return Gathered(id="", shown=tuple(shown))
    first = ""
    if found is None:
        centre_id, first = tmux_centre.make(tmux, str(home))
        links: dict[str, Link] = {}
        present: set[str] = set()
    else:
        centre_id, links = found.id, dict(found.links)
        present = {window for window, _, _ in found.windows}
    panes = {pane.window_id: pane for terminal in terminals.all() for pane in terminal.panes}
    result = [_add(terminals, centre_id, each, links, present, panes) for each in shown]
    kept = {each.window for each in result}
    gone = [window for window in links if window not in kept]
    tmux_centre.record(tmux, centre_id, {window: links[window] for window in kept if window in links})
    if first:
        windows.drop_first(tmux, centre_id, first)
    dropped = []
    for window in gone:
        tmux_centre.drop(tmux, centre_id, window)
        dropped.append(links[window].name or window)
    return Gathered(id=centre_id, shown=tuple(result), dropped=tuple(dropped))


def _add(
    terminals: Terminals,
    centre_id: str,
    each: Shown,
    links: dict[str, Link],
    present: set[str],
    panes: dict[str, Pane],
) -> Shown:
    if not each.window:
        return each
    linked = next((w for w, link in links.items() if link.session == each.session.id and w in panes), None)
    window = linked or each.window
    before = links.get(window)
    added = window not in present
    try:
        if added:
            tmux_centre.link(terminals.tmux, centre_id, window)
        name = _name(terminals, window, each.name, before, panes.get(window))
    except TargetGone as error:
        return msgspec.structs.replace(each, window="", error=DeckError(error.message, error.hint, code="gone"))
    if added or before is not None:
        links[window] = Link(each.session.id, name)
    return msgspec.structs.replace(each, window=window, added=added, name=name or (panes[window].window_name))


def _name(terminals: Terminals, window: str, name: str, before: Link | None, pane: Pane | None) -> str:
    """Give a window its name, unless its user gave it one; returns the name given, empty for none."""
    shown = windows.plain_name(pane.window_name) if pane else ""
    ours = pane is None or not pane.named or (before is not None and shown == before.name)
    if not ours:
        return ""
    if pane is None or shown != name or not pane.named:
        windows.rename_window(terminals.tmux, window, name)
    return name


def hand_off(terminals: Terminals, gathered: Gathered) -> Handoff:
    """Go to the control centre: switch the client inside tmux, else say how to attach."""
    notes = tuple(f"{each.session.label}: {each.error.message}" for each in gathered.shown if each.error)
    with translated():
        if terminals.tmux.inside():
            terminals.tmux.switch_client(gathered.id)
            return Handoff((), notes)
        return Handoff(tuple(terminals.tmux.attach_argv(gathered.id)), notes)
