from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.command import CommandPalette

from tests.tui.driving import Driver, driving
from tests.tui.fake import FakeDeck
from tui.actions import ACTIONS
from tui.palette import ActionProvider, JobProvider, RepositoryProvider, SessionProvider, ThemeProvider, highlighted

MakeDeck = Callable[..., FakeDeck]


def is_open(it: Driver) -> bool:
    return isinstance(it.app.screen, CommandPalette)


async def choose(it: Driver, query: str) -> None:
    await it.press("ctrl+p")
    await it.until(lambda: is_open(it))
    await it.type(query)
    palette = it.app.screen
    await it.until(lambda: palette.query_one("CommandList").option_count)  # type: ignore[attr-defined]
    await it.until(lambda: not palette.query_one("CommandList").has_class("--populating"))
    await it.press("enter")
    if is_open(it):
        await it.press("enter")
    await it.until(lambda: not is_open(it))


async def test_reaches_sessions(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await choose(it, "go to search-index")
        assert it.selected == "search-index"


async def test_reaches_themes(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await choose(it, "theme: devdeck-light")
        assert it.app.theme == "devdeck-light"


async def test_reaches_jobs(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await choose(it, "log of pytest fix-login")
        assert it.main.detail.current == "logs"
        assert it.selected == "fix-login"


@pytest.mark.parametrize("kind", [ActionProvider, SessionProvider, RepositoryProvider, JobProvider, ThemeProvider])
async def test_every_kind_has_entries(make_deck: MakeDeck, kind: type[ActionProvider]) -> None:
    async with driving(make_deck()) as it:
        provider = type("Bound", (kind,), {"performer": it.main.performer})(it.app.screen)
        assert list(provider.entries())


async def test_every_action_is_offered_and_disabled_ones_say_why(make_deck: MakeDeck) -> None:
    async with driving(make_deck(read_only=True)) as it:
        provider = type("Bound", (ActionProvider,), {"performer": it.main.performer})(it.app.screen)
        entries = list(provider.entries())
        assert len(entries) == sum(1 for action in ACTIONS if not action.native)
        test = next(entry for entry in entries if entry.text.startswith("Run tests"))
        assert test.help == "✗ not now: this dashboard is read-only"


async def test_every_action_can_be_performed(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        table = it.main.performer.table
        assert set(table) == {action.id for action in ACTIONS if not action.native}


def test_foreign_text_is_no_markup() -> None:
    assert highlighted("[b]x[/", "bx").plain == "[b]x[/"
