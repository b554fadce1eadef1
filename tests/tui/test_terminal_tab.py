from __future__ import annotations

from devdeck.errors import DeckError
from devdeck.model import Fact
from tests.tui.rest import auntil
from tests.tui.widgets_support import (
    HOSTILE,
    NOW,
    MiniDeck,
    WidgetApp,
    assert_safe,
    messages,
    pane,
    state,
    strips,
    terminal,
    text_of,
)
from tui.widgets.terminal_tab import PaneView, TerminalTab


def deck(*rows: str) -> MiniDeck:
    it = MiniDeck()
    it.capture_answer = rows
    return it


async def test_shows_the_pane_with_its_colours() -> None:
    it, tab = deck("$ \x1b[31mred", "still red\x1b[0m plain", "", ""), TerminalTab()
    async with WidgetApp(tab).run_test(size=(80, 24)):
        tab.set_shown(True)
        panes = (pane(command="vim", width=120, height=40), pane(id="%2", window_id="@2", active=False))
        tab.update_session(it.live, state(terminal=terminal(*panes)))
        await auntil(lambda: "$ red" in text_of(tab) and "opens it" in text_of(tab))
        assert "vim · zsh · window 1 of 2 · 120×40" in text_of(tab)
        assert "enter opens it" in text_of(tab)
        first, second = strips(tab.view)[:2]
        colours = [{seg.text: seg.style.color for seg in strip if seg.style} for strip in (first, second)]
        assert colours[0]["red"] == colours[1]["still red"]
        assert colours[0]["red"] != colours[0]["$ "]
        assert colours[1][" plain"] == colours[0]["$ "]
        assert_safe(tab)


async def test_a_taller_pane_shows_its_bottom_without_the_empty_rows() -> None:
    rows = tuple(f"row {i}" for i in range(60)) + ("",) * 20
    it, tab = deck(*rows), TerminalTab()
    async with WidgetApp(tab).run_test(size=(40, 12)):
        tab.set_shown(True)
        tab.update_session(it.live, state())
        await auntil(lambda: "row 59" in text_of(tab))
        assert strips(tab.view)[-1].text.strip() == "row 59"
        assert "row 40" not in text_of(tab)


async def test_follows_changes_and_repaints_nothing_without_one() -> None:
    it, tab = deck("one", "same"), TerminalTab()
    async with WidgetApp(tab).run_test(size=(80, 24)):
        tab.set_shown(True)
        tab.update_session(it.live, state())
        await auntil(lambda: "one" in text_of(tab))
        repainted: list[int] = []
        tab.view.refresh_line = repainted.append  # type: ignore[method-assign,assignment]
        asked = it.asked.count("capture")
        await auntil(lambda: it.asked.count("capture") > asked)
        assert repainted == []
        it.capture_answer = ("two", "same")
        await auntil(lambda: "two" in text_of(tab))
        assert repainted == [0]


async def test_hidden_it_does_not_look_and_shown_it_looks_again() -> None:
    it, tab = deck("one"), TerminalTab()
    async with WidgetApp(tab).run_test(size=(80, 24)) as pilot:
        tab.update_session(it.live, state())
        await pilot.pause()
        assert it.asked == []
        tab.set_shown(True)
        await auntil(lambda: "one" in text_of(tab))
        tab.set_shown(False)
        await auntil(lambda: all(worker.is_finished for worker in tab.workers))
        asked = len(it.asked)
        tab.update_session(it.live, state("b"))
        await pilot.pause()
        assert len(it.asked) == asked
        it.capture_answer = ("of b",)
        tab.set_shown(True)
        await auntil(lambda: "of b" in text_of(tab))


async def test_without_a_terminal_it_says_how_to_get_one_and_does_not_look() -> None:
    it, tab = deck("x"), TerminalTab()
    async with WidgetApp(tab).run_test(size=(80, 24)) as pilot:
        tab.set_shown(True)
        tab.update_session(it.live, state(terminal=Fact(at=NOW)))
        await pilot.pause()
        assert "⊘ No terminal" in text_of(tab)
        assert "Press enter" in text_of(tab)
        assert it.asked == []
        tab.update_session(it.live, state(terminal=terminal()))
        await auntil(lambda: "x" in text_of(tab.view))
        tab.update_session(it.live, state(terminal=Fact(error="no tmux")))
        await auntil(lambda: "✗ no tmux" in text_of(tab))
        tab.update_session(it.live, None)
        await auntil(lambda: "No session selected" in text_of(tab))


async def test_errors_are_shown_and_it_recovers_to_the_same_screen() -> None:
    it, tab = deck("hello"), TerminalTab()
    async with WidgetApp(tab).run_test(size=(80, 24)):
        tab.set_shown(True)
        tab.update_session(it.live, state())
        await auntil(lambda: "hello" in text_of(tab))
        it.error = DeckError("tmux does not answer", "devdeck doctor")
        await auntil(lambda: "✗ tmux does not answer" in text_of(tab))
        it.error = None
        tab.update_session(it.live, state(terminal=terminal(activity_at=NOW + 5)))
        await auntil(lambda: "hello" in text_of(tab))


async def test_an_empty_screen_says_so() -> None:
    it, tab = deck("", "  "), TerminalTab()
    async with WidgetApp(tab).run_test(size=(80, 24)):
        tab.set_shown(True)
        tab.update_session(it.live, state())
        await auntil(lambda: "The screen is empty" in text_of(tab))


async def test_enter_and_double_click_ask_for_the_terminal() -> None:
    it, tab, log = deck("x"), TerminalTab(), []  # type: ignore[var-annotated]
    async with WidgetApp(tab).run_test(size=(80, 24), message_hook=log.append) as pilot:
        tab.set_shown(True)
        tab.update_session(it.live, state())
        tab.query_one(PaneView).focus()
        await pilot.press("enter")
        await pilot.double_click(tab, offset=(10, 8))
        assert [m.session_id for m in messages(log, TerminalTab.Opened)] == ["a", "a"]


async def test_hostile_screens_are_drawn_safely() -> None:
    it, tab = deck(*HOSTILE, "\x1b[38;5;999;1m?\x1b[", "x" * 100_000), TerminalTab()
    app = WidgetApp(tab)
    async with app.run_test(size=(60, 24)) as pilot:
        tab.set_shown(True)
        names = pane(command=HOSTILE[1], window_name=HOSTILE[3])
        tab.update_session(it.live, state(terminal=terminal(names)))
        await auntil(lambda: "feat/[/x]" in text_of(tab))
        assert_safe(tab)
        for y in range(2, 20, 3):
            await pilot.click(tab, offset=(5, y))
        assert not app.belled
