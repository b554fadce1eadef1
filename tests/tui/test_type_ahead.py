"""Keys that come faster than the screen changes mean what they would have meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual import events

from devdeck.live import Setup
from tests.tui.driving import Driver, driving
from tests.tui.fake import FakeDeck
from tui.screens.trust import Trust

MakeDeck = Callable[..., FakeDeck]
NAMES = {
    "/": "slash",
    ":": "colon",
    "$": "dollar_sign",
    " ": "space",
    "\r": "enter",
    "\x1b": "escape",
    "\t": "tab",
    "\b": "backspace",
    "\x15": "ctrl+u",
    "\x01": "ctrl+a",
    "^": "up",
}


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


async def test_keys_typed_before_a_dialog_stands_are_its_text(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await burst(it, "nquick-fix\rt")
        await it.until(lambda: deck.named("start_session"))
        assert deck.named("start_session")[0][0].label == "quick-fix"
        assert not deck.named("test")


async def test_keys_after_tab_reach_the_next_field(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await burst(it, "Cpr/7\t\tseven\r")
        await it.until(lambda: deck.named("checkout"))
        assert deck.named("checkout")[0][::2] == ("pr/7", "seven")


async def test_keys_after_a_dialog_mean_what_they_mean_without_it(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await burst(it, "Sls -l\rJt")
        await it.until(lambda: deck.named("test"))
        assert deck.named("send")[0][1] == "ls -l"
        assert it.selected == "fix-login"
        await burst(it, "R\x1bt")
        await it.until(lambda: len(deck.named("test")) == 2)
        assert len(it.app.screen_stack) == 1


async def test_editing_keys_are_not_overtaken_by_text(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await burst(it, "nwrong\x15fix-xx\b\bit\x01quick-\r")
        await it.until(lambda: deck.named("start_session"))
        assert deck.named("start_session")[0][0].label == "quick-fix-it"
        await it.until(lambda: len(it.app.screen_stack) == 1)
        await burst(it, "$make\b\b\b\bls -al\b\r")
        await it.until(lambda: deck.named("run_shell"))
        assert deck.named("run_shell")[0][1] == "ls -a"
        await burst(it, "$^h\r")
        await it.until(lambda: len(deck.named("run_shell")) == 2)
        assert deck.named("run_shell")[1][1] == "ls -ah"
        await burst(it, ":sor\tlabel\r")
        await it.until(lambda: it.main.sessions.sort == "label")


async def test_a_question_of_trust_is_not_answered_ahead(make_deck: MakeDeck) -> None:
    deck = make_deck()
    path = deck.known_repositories[0][1]
    deck.setups[path] = Setup(file=f"{path}/.devdeck.toml", commands=("make evil",), digest="d")
    async with driving(deck) as it:
        await burst(it, "nquick\rtttttt")
        await it.until(lambda: isinstance(it.app.screen, Trust) and "make evil" in it.text())
        assert not deck.named("trust")
        assert not deck.named("start_session")
