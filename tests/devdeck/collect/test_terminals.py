from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from devdeck import discover
from devdeck.collect import terminals as collecting
from devdeck.collect.base import Pace
from devdeck.collect.terminals import TerminalCollector
from devdeck.deck import Deck
from devdeck.errors import DeckError
from devdeck.model import Fact, Session, Terminal
from devdeck.state import StateHub
from devdeck.terminal import layouts
from tests.devdeck.terminal.terminal_support import at_prompt, made, terminal_of
from tests.git_support import make_repository
from tests.support import auntil
from tests.tmux_support import tmux


@asynccontextmanager
async def collecting_for(
    deck: Deck, sessions: list[Session], remember: Callable[[Session, Terminal], None]
) -> AsyncIterator[StateHub]:
    """A collector that looks, over a hub that knows these sessions."""
    hub = StateHub()
    hub.set_sessions({session.id: session for session in sessions})

    def seen(terminals: tuple[Terminal, ...], error: str) -> None:
        matched = discover.match_terminals(sessions, terminals)
        hub.update({s.id: {"terminal": Fact(value=matched.get(s.id), at=time.time())} for s in sessions})

    collector = TerminalCollector(hub, deck.terminals.tmux, Pace(), time.time, seen, remember)
    task = asyncio.create_task(collector.run())
    try:
        yield hub
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "REMEMBER", 0.05)


async def test_layouts_are_remembered_when_windows_change_and_only_then(deck: Deck, repository: Path) -> None:
    one, two = made(deck, repository, "one"), made(deck, repository, "two")
    for session in (one, two):
        at_prompt(deck, terminal_of(deck, session).panes[0].id)
    calls: list[str] = []

    def remember(session: Session, terminal: Terminal) -> None:
        deck.terminals.remember(session, terminal)
        calls.append(session.label)

    async with collecting_for(deck, [one, two], remember) as hub:
        await auntil(lambda: sorted(calls) == ["one", "two"])
        tmux(deck.terminals.tmux, "split-window", "-d", "-t", terminal_of(deck, one).panes[0].id)
        await auntil(lambda: len(layouts.read(deck.store.layout(one.id)).windows[0].panes) == 2)
        deck.terminals.tmux.kill_session(terminal_of(deck, one).id)
        await auntil(lambda: hub.state.sessions[one.id].terminal.value is None)
    assert calls.count("two") == 1
    assert len(deck.terminals.restore(one).panes) == 2


async def test_a_terminal_that_ends_meanwhile_stops_nothing(deck: Deck, repository: Path) -> None:
    one, two = made(deck, repository, "one"), made(deck, repository, "two")
    calls: list[str] = []

    def remember(session: Session, terminal: Terminal) -> None:
        calls.append(session.label)
        if session.label == "one":
            raise DeckError("it is gone")

    async with collecting_for(deck, [one, two], remember):
        await auntil(lambda: {"one", "two"} <= set(calls))


async def test_what_others_made_is_not_remembered(deck: Deck, repository: Path, tmp_path: Path) -> None:
    one = made(deck, repository, "one")
    at_prompt(deck, terminal_of(deck, one).panes[0].id)
    other = make_repository(tmp_path / "src" / "other")
    foreign = Session(
        id="found-x", label="other", repository="other", repository_path=str(other), worktree=str(other), managed=False
    )
    deck.terminals.tmux.new_session(name="mine", cwd=other, devdeck_id="")
    calls: list[str] = []
    async with collecting_for(deck, [foreign, one], lambda session, _: calls.append(session.label)) as hub:
        await auntil(lambda: "one" in calls)
        assert hub.state.sessions["found-x"].terminal.value is not None
    assert calls == ["one"]
    deck.terminals.remember(foreign, terminal_of(deck, foreign))
    assert deck.store.layout("found-x") is None
