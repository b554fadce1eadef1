"""The demo's dashboard shows sessions while they are made, and says when they can't be."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

from devdeck.deck import Deck
from devdeck.demo import demo_folder
from devdeck.demo.build import LABELS, building
from devdeck.demo.running import DemoDeck
from devdeck.errors import DeckError
from devdeck.model import Session
from tests.demo_support import gone
from tests.support import auntil


async def test_sessions_appear_while_they_are_made() -> None:
    with demo_folder() as folder, building(folder) as built:
        deck = Deck.open()
        live = DemoDeck(deck, built)
        await live.start()
        assert built.running()
        await auntil(lambda: live.state.loaded)
        assert live.state.sessions  # never an empty deck that asks for a first session
        await auntil(lambda: {it.session.label for it in live.state.sessions.values()} >= set(LABELS), 60)
        await auntil(lambda: live.state.collectors["demo"].state == "ok", 60)
        await auntil(lambda: "wind-idea" not in {it.session.label for it in live.state.sessions.values()}, 60)
        conflicted = next(it for it in live.state.sessions.values() if it.session.label == "merge-physics")
        await auntil(lambda: (git := live.state.sessions[conflicted.session.id].git.value) and git.conflicts == 1)
        await live.stop()
        deck.close()
    assert gone(folder)


async def test_a_demo_that_cannot_be_made_says_why() -> None:
    with demo_folder():
        deck = Deck.open()
        built: Future[tuple[Session, ...]] = Future()
        live = DemoDeck(deck, built)
        await live.start()
        await auntil(lambda: "demo" in live.state.collectors)
        assert live.state.collectors["demo"].state == "starting"
        built.set_exception(DeckError("git commit failed", "is the disk full?"))
        await auntil(lambda: live.state.collectors["demo"].state == "error")
        health = live.state.collectors["demo"]
        assert (health.message, health.hint) == ("git commit failed", "is the disk full?")
        await auntil(lambda: live.state.loaded)
        await live.stop()
        deck.close()


async def test_stopping_before_there_is_anything() -> None:
    with demo_folder():
        deck = Deck.open()
        live = DemoDeck(deck, Future())
        await live.start()
        await asyncio.sleep(0)
        await live.stop()
        assert live.state.sessions == {}
        deck.close()
