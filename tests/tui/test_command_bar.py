from __future__ import annotations

from collections.abc import Callable

from devdeck.live import Start
from devdeck.model import JobKind
from tests.tui.driving import driving
from tests.tui.fake import FakeDeck

MakeDeck = Callable[..., FakeDeck]


async def test_tab_completes_and_enter_performs(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("colon")
        await it.type("open rat")
        await it.press("tab")
        assert it.main.command_bar.input.value == "open rate-limits "
        await it.press("enter")
        await it.until(lambda: deck.named("hand_off"))
        assert deck.named("hand_off") == [(deck.id_of("rate-limits"),)]
        assert not it.main.command_bar.is_open
        assert it.app.focused is it.main.sessions


async def test_tab_goes_through_several_completions(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await it.press("colon")
        await it.type("open d")
        await it.press("tab")
        assert it.main.command_bar.input.value == "open dark-mode"
        await it.press("tab")
        assert it.main.command_bar.input.value == "open docs-nav"
        await it.press("shift+tab")
        assert it.main.command_bar.input.value == "open dark-mode"
        await it.press("escape")
        assert not it.main.command_bar.is_open


async def test_an_error_stays_with_the_line_and_says_what_was_expected(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await it.press("colon")
        await it.type("opne [x]")
        await it.press("enter")
        assert it.main.command_bar.is_open
        assert "no command 'opne'" in it.text()
        assert "did you mean open?" in it.text()
        await it.press("backspace")
        assert "no command" not in it.text()


async def test_late_news_of_keys_does_not_take_the_error_back(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await it.press("colon")
        bar = it.main.command_bar
        for character in "nonsense":
            bar.input.insert_text_at_cursor(character)
        bar.enter(bar.input.value)  # before the input's message of the change is handled
        await it.settle()
        assert "nonsense" in bar.hint
        await it.type("x")
        assert "✗" not in bar.hint


async def test_tasks_run_in_the_session(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        for task in ("lint", "build", "test"):
            await it.press("exclamation_mark")
            await it.type(task)
            await it.press("enter")
        await it.until(lambda: deck.named("test") and len(deck.named("run_task")) == 2)
        id_ = deck.id_of("dark-mode")
        assert deck.named("run_task") == [(id_, JobKind.LINT), (id_, JobKind.BUILD)]
        assert deck.named("test") == [(id_, ())]


async def test_history_is_recalled_and_survives(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        for line in ("echo one", "echo two"):
            await it.press("dollar_sign")
            await it.type(line)
            await it.press("enter")
        await it.until(lambda: len(deck.named("run_shell")) == 2)
        path = deck.paths.state / "history"
        await it.until(lambda: path.exists() and "two" in path.read_text())
    async with driving(deck) as it:
        await it.until(lambda: it.app.history.lines)
        await it.press("dollar_sign", "up")
        assert it.main.command_bar.input.value == "echo two"
        await it.press("up", "up")
        assert it.main.command_bar.input.value == "echo one"
        await it.press("down", "down")
        assert it.main.command_bar.input.value == ""
        await it.press("escape", "colon", "up")
        assert it.main.command_bar.input.value == ""


async def test_ghost_text_offers_the_likeliest(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await it.press("colon")
        await it.type("theme devdeck-l")
        await it.until(lambda: it.main.command_bar.input._suggestion == "theme devdeck-light")
        await it.press("right")
        assert it.main.command_bar.input.value == "theme devdeck-light"


async def test_letters_are_text_while_typing(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("colon", "q", "t", "n", "x", "slash", "1")
        assert it.main.command_bar.input.value == "qtnx/1"
        assert not deck.named("test")
        assert it.app.is_running


async def test_start_makes_a_session_or_opens_the_dialog(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("colon")
        await it.type("start quick -p web -b main")
        await it.press("enter")
        await it.until(lambda: it.selected == "quick")
        assert deck.named("start_session") == [(Start(label="quick", path="/home/dev/src/web", base="main"),)]
        await it.press("colon")
        await it.type("start")
        await it.press("enter")
        await it.until(lambda: len(it.app.screen_stack) == 2)


async def test_filter_sort_go_and_help(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        for line in ("filter docs", "go dark-mode", "sort label", "help"):
            await it.press("colon")
            await it.type(line)
            await it.press("enter")
        assert it.selected == "dark-mode"
        assert it.main.sessions.filter_text == ""
        assert it.main.sessions.sort == "label"
        assert len(it.app.screen_stack) == 2
