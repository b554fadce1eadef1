"""The sessions of a deck: which there are, and which one is meant."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from devdeck import discover
from devdeck.errors import Missing, NotFound
from devdeck.model import Session, Terminal
from devdeck.store import Store
from devdeck.terminal.terminals import Terminals


def look_for_sessions(
    store: Store, known: Sequence[tuple[str, str]], terminals: Sequence[Terminal]
) -> tuple[Session, ...]:
    """All sessions, made and found (see `discover.find_sessions`), without those that are just being made.

    The worktree of a session is there before the session is. It must not be listed as somebody else's in between: who
    acted on that would act on a session of another id that stands in the way of the real one. The store is asked after
    git's folders were read, as a label is reserved before the worktree is made.
    """
    listed = discover.find_sessions(store.sessions(), known, terminals)
    if all(session.managed for session in listed):
        return listed
    claimed = store.claims()
    return tuple(it for it in listed if it.managed or claimed.get(it.worktree, it.id) == it.id)


class Sessions:
    """See the module. Synchronous; changes nothing."""

    def __init__(self, store: Store, terminals: Terminals) -> None:
        self._store = store
        self._terminals = terminals

    def all(self, terminals: Sequence[Terminal] | None = None) -> tuple[Session, ...]:
        """All sessions, made and found; each workspace is followed by its members. `terminals` saves asking tmux again.

        What is meant by "all" to a user leaves the members out (those with a `parent`): they are parts.
        """
        if terminals is None:
            try:
                terminals = self._terminals.all()
            except Missing:
                terminals = ()
        return look_for_sessions(self._store, self._store.repositories(), terminals)

    def find(self, label: str) -> Session:
        """The session of exactly this label; `WORKSPACE:REPOSITORY` is the member of a workspace.

        Raises:
            NotFound: There is none; similar labels are named.
        """
        workspace, colon, _ = label.partition(":")
        made = self._store.session(workspace)
        for session in (made, *made.member_sessions()) if made else ():
            if session.label == label:
                return session
        sessions = self.all()
        for session in sessions:
            if session.label == label:
                return session
        if colon and made and made.members:
            names = ", ".join(member.label for member in made.member_sessions())
            raise NotFound(f"no repository {label.partition(':')[2]!r} in {workspace!r}", f"it has {names}")
        import difflib

        near = difflib.get_close_matches(label, [session.label for session in sessions], n=3, cutoff=0.6)
        hint = "did you mean " + " or ".join(near) + "?" if near else "`devdeck ls` lists them"
        raise NotFound(f"no session {label!r}", hint)

    def at(self, folder: str | os.PathLike[str]) -> Session | None:
        """The session in whose worktree a folder lies, the innermost one; `None` when it lies in none."""
        place = Path(os.path.realpath(folder))
        around = [session for session in self.all() if place.is_relative_to(session.worktree)]
        return max(around, key=lambda session: len(session.worktree), default=None)

    def previous(self, here: str | None) -> Session:
        """The session visited last that is not `here` (a session id)."""
        sessions = {session.id: session for session in self.all()}
        for id_ in self._store.visited():
            if id_ in sessions and id_ != here:
                return sessions[id_]
        raise NotFound("no session was open before", "open one with `devdeck open LABEL`")

    def here(self) -> str | None:
        """Id of the session that this process runs in, by `DEVDECK_SESSION`; `None` outside."""
        return os.environ.get("DEVDECK_SESSION") or None
