"""What is known now: one immutable snapshot, one writer, every change told to whoever subscribed.

Collectors call `StateHub.update…`; widgets read `StateHub.state` and are told which sessions changed. Everything
here runs on one event loop, so there is no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from devdeck.model import Health, HostSample, Session, SessionState


class DeckState(msgspec.Struct, frozen=True, kw_only=True):
    """All of the deck, at one moment."""

    version: int = 0
    """Grows by one with each change."""
    sessions: Mapping[str, SessionState] = MappingProxyType({})
    """By session id, in no order."""
    host: HostSample | None = None
    collectors: Mapping[str, Health] = MappingProxyType({})
    """How each collector is doing, by its name: `store`, `git`, `tmux`, `jobs`, `metrics`."""
    loaded: bool = False
    """Whether the store has been read once (before that, no sessions means nothing)."""


class Changes(msgspec.Struct, frozen=True):
    """What one change touched."""

    sessions: frozenset[str] = frozenset()
    """Ids whose record changed, was added or removed."""
    membership: bool = False
    """Whether sessions were added or removed."""
    host: bool = False
    collectors: bool = False

    def merge(self, other: Changes) -> Changes:
        """Both changes as one."""
        return Changes(
            self.sessions | other.sessions,
            self.membership or other.membership,
            self.host or other.host,
            self.collectors or other.collectors,
        )


Subscriber = Callable[[Changes], None]


class StateHub:
    """Owner of the current `DeckState`; the only place where it is replaced."""

    def __init__(self) -> None:
        self._state = DeckState()
        self._subscribers: list[Subscriber] = []

    @property
    def state(self) -> DeckState:
        """The current snapshot."""
        return self._state

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` after each change; returns a function that ends it."""
        self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return unsubscribe

    def set_sessions(self, sessions: Mapping[str, Session]) -> None:
        """Make exactly these sessions the known ones, keeping the facts of those that stay."""
        old = self._state.sessions
        new: dict[str, SessionState] = {}
        changed: set[str] = set()
        for id_, session in sessions.items():
            before = old.get(id_)
            if before is None:
                new[id_] = SessionState(session=session)
                changed.add(id_)
            elif before.session != session:
                new[id_] = msgspec.structs.replace(before, session=session)
                changed.add(id_)
            else:
                new[id_] = before
        gone = old.keys() - new.keys()
        if not changed and not gone and self._state.loaded:
            return
        membership = bool(gone) or bool(new.keys() - old.keys()) or not self._state.loaded
        self._replace(
            Changes(frozenset(changed | gone), membership=membership),
            sessions=MappingProxyType(new),
            loaded=True,
        )

    def update(self, patches: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace fields of session states: `{session id: {field: value}}`.

        Ids that are not known (any more) and fields that stay equal are passed over.
        """
        sessions, changed = self._patched(patches)
        if changed:
            self._replace(Changes(changed), sessions=sessions)

    def confirm(self, patches: Mapping[str, Mapping[str, Any]]) -> None:
        """As `update`, with values that say what is known already, read anew: nobody is told.

        A fact is younger then, which is seen when ages are next drawn; telling of it would draw everything each time.
        """
        sessions, changed = self._patched(patches)
        if changed:
            self._state = msgspec.structs.replace(self._state, sessions=sessions)

    def _patched(self, patches: Mapping[str, Mapping[str, Any]]) -> tuple[Mapping[str, SessionState], frozenset[str]]:
        """Session states with other fields, and the ids of those that differ."""
        new = dict(self._state.sessions)
        changed: set[str] = set()
        for id_, fields in patches.items():
            before = new.get(id_)
            if before is None:
                continue
            fields = {name: value for name, value in fields.items() if getattr(before, name) != value}
            if fields:
                new[id_] = msgspec.structs.replace(before, **fields)
                changed.add(id_)
        return MappingProxyType(new), frozenset(changed)

    def set_host(self, sample: HostSample) -> None:
        """Replace the host's sample."""
        self._replace(Changes(host=True), host=sample)

    def set_health(self, collector: str, health: Health) -> None:
        """Say how a collector is doing; told to subscribers only when its state or words change."""
        before = self._state.collectors.get(collector)
        collectors = MappingProxyType({**self._state.collectors, collector: health})
        same = before is not None and (before.state, before.message) == (health.state, health.message)
        if same:
            self._state = msgspec.structs.replace(self._state, collectors=collectors)
        else:
            self._replace(Changes(collectors=True), collectors=collectors)

    def _replace(self, changes: Changes, **fields: Any) -> None:
        self._state = msgspec.structs.replace(self._state, version=self._state.version + 1, **fields)
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(changes)
            except Exception:  # one broken listener must not stop a collector
                import logging

                logging.getLogger(__name__).exception("a state subscriber failed")
