"""The sessions of a deck: which there are, and which one is meant."""

from __future__ import annotations

import os
from collections.abc import Sequence

from devdeck import discover
from devdeck.errors import Missing, NotFound
from devdeck.model import Session, Terminal
from devdeck.store import Store
from devdeck.terminals import Terminals


class Sessions:
    """See the module. Synchronous; changes nothing."""

    def __init__(self, store: Store, terminals: Terminals) -> None:
        self._store = store
        self._terminals = terminals

    def all(self, terminals: Sequence[Terminal] | None = None) -> tuple[Session, ...]:
        """All sessions, made and found. `terminals` saves asking tmux again."""
        if terminals is None:
            try:
                terminals = self._terminals.all()
            except Missing:
                terminals = ()
        return discover.find_sessions(self._store.sessions(), self._store.repositories(), terminals)

    def find(self, label: str) -> Session:
        """The session of exactly this label.

        Raises:
            NotFound: There is none; similar labels are named.
        """
        made = self._store.session(label)
        if made is not None:
            return made
        sessions = self.all()
        for session in sessions:
            if session.label == label:
                return session
        import difflib

        near = difflib.get_close_matches(label, [session.label for session in sessions], n=3, cutoff=0.6)
        hint = "did you mean " + " or ".join(near) + "?" if near else "`devdeck ls` lists them"
        raise NotFound(f"no session {label!r}", hint)

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
