"""Keys that come faster than the screen changes mean what they would have meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual import events

from tests.tui.driving import Driver, driving
from tests.tui.fake import FakeDeck

MakeDeck = Callable[..., FakeDeck]
NAMES = {"/": "slash", ":": "colon", "$": "dollar_sign", " ": "space", "\r": "enter", "\x1b": "escape"}


async def burst(it: Driver, text: str) -> None:
    """All keys at once, as a terminal sends them after a stall."""
    for character in text:
        printable = character if character.isprintable() else None
        it.app.post_message(events.Key(NAMES.get(character, character), printable))
    await it.settle()


@pytest.mark.parametrize("text", ["/stq", "/dark"])
async def test_a_filter_typed_ahead_is_text(make_deck: MakeDeck, text: str) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await burst(it, text)
        await it.until(lambda: it.main.sessions.filter_text == text[1:])
        assert it.app.return_value is None
        assert not deck.named("test")


async def test_keys_after_enter_are_keys_again(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await burst(it, "/fix\rt")
        await it.until(lambda: deck.named("test"))
        assert it.main.sessions.filter_text == "fix"
        assert deck.named("test")[0][0] == deck.id_of("fix-login")


async def test_keys_after_escape_are_keys_again(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await burst(it, "/fix\x1bj")
        await it.until(lambda: it.main.sessions.filter_text == "")
        assert it.main.focused is it.main.sessions


async def test_a_whole_shell_command_at_once(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await burst(it, "$make quick\rj")
        await it.until(lambda: deck.named("run_shell"))
        assert deck.named("run_shell")[0][1] == "make quick"
