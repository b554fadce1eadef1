"""Looks at which sessions there are."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devdeck.collect import census as module
from devdeck.collect.base import Pace
from devdeck.collect.census import Census
from devdeck.model import Session
from devdeck.state import StateHub
from devdeck.store import Store

PATIENCE = 60.0


async def test_what_is_announced_during_a_look_is_looked_at_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, again = threading.Event(), threading.Event(), threading.Event()

    def look(*_: object) -> tuple[Session, ...]:
        if begun.is_set():
            again.set()
        begun.set()
        assert go_on.wait(PATIENCE)
        return ()

    monkeypatch.setattr(module, "look_for_sessions", look)
    monkeypatch.setattr(module, "LOOK", 0.01)
    store = Store(tmp_path / "store.db")
    with ThreadPoolExecutor(2) as executor:
        census = Census(StateHub(), store, Pace(), executor, lambda: 0.0)
        looking = asyncio.create_task(census.run())
        try:
            assert await asyncio.to_thread(begun.wait, PATIENCE)
            census.nudge()
            go_on.set()
            assert await asyncio.to_thread(again.wait, PATIENCE)
        finally:
            go_on.set()
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
    store.close()
