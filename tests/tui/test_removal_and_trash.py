"""Removing one or many, taking it back, and the trash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from devdeck.errors import DeckError
from devdeck.live import RemovalPlan
from tests.tui.driving import Driver, driving
from tests.tui.fake import FakeDeck, removed_before, session, workspace_of_three
from tui.screens.removal import RemoveSessions
from tui.screens.trash import Trash, heading
from tui.widgets.line_view import LineView
from tui.widgets.spans import plain

MakeDeck = Callable[..., FakeDeck]


def mark(it: Driver, deck: FakeDeck, *labels: str) -> tuple[str, ...]:
    ids = tuple(map(deck.id_of, labels))
    for id_ in ids:
        it.main.sessions.mark(id_)
    return ids


def plan(deck: FakeDeck, label: str, **fields: object) -> None:
    id_ = deck.id_of(label)
    it = deck.state.sessions[id_].session
    deck.plans[id_] = RemovalPlan(session=it, **{"steps": ("end its terminal",), "risks": (), **fields})  # type: ignore[arg-type]


async def test_the_plan_says_what_is_worth_knowing_and_how_to_get_it_back(make_deck: MakeDeck) -> None:
    deck = make_deck()
    plan(deck, "dark-mode", notes=("1 stash stays [here]", "node_modules " + "is not kept " * 9))
    async with driving(deck) as it:
        await it.press("x")
        await it.until(lambda: "1 stash stays [here]" in it.text())
        assert it.text().count("is not kept") >= 8
        assert "U brings it back" in it.text()
        await it.press("enter")
        await it.until(lambda: len(it.app.screen_stack) == 1)
        assert "removed dark-mode · U brings it back" in it.toasts()


async def test_steps_are_told_once_and_folders_from_home(make_deck: MakeDeck) -> None:
    deck = make_deck()
    steps = ("keep its commits", "keep its commits", f"move /home/dev/{'long/' * 30}dark-mode to the trash")
    plan(deck, "dark-mode", steps=steps)
    async with driving(deck, (80, 24)) as it:
        await it.press("x")
        await it.until(lambda: "1. keep its commits (2 times)" in it.text())
        assert "~/long/long" in it.text()
        assert "…long/" in it.text()
        assert "/dark-mode" in it.text()
        assert "to the trash" in it.text()


async def test_undo_brings_the_removed_session_back_and_selects_it(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("x")
        await it.until(lambda: "Nothing would be lost" in it.text())
        await it.press("enter")
        await it.until(lambda: "dark-mode" not in {x.session.label for x in deck.state.sessions.values()})
        await it.press("U")
        await it.until(lambda: "brought back dark-mode" in it.toasts())
        assert it.selected == "dark-mode"
        await it.press("U")
        await it.until(lambda: "there is nothing to take back" in it.toasts())


async def test_all_marked_are_removed_in_one_go(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        ids = mark(it, deck, "dark-mode", "docs-nav", "search-index")
        await it.press("x")
        await it.until(lambda: "Remove 3 sessions" in it.text() and "remove all 3" in it.text())
        await it.press("enter")
        await it.until(lambda: len(it.app.screen_stack) == 1)
        assert {id_ for id_, _ in deck.named("remove_session")} == set(ids)
        assert "removed 3 sessions · U brings the last one back · X shows all" in it.toasts()
        await it.until(lambda: not it.main.sessions.marked)


async def test_among_many_only_those_without_risk_go_unless_asked_twice(make_deck: MakeDeck) -> None:
    deck = make_deck()
    plan(deck, "dark-mode", risks=("3 commits not pushed",))
    plan(deck, "docs-nav", forbidden="it is a main worktree")
    async with driving(deck) as it:
        mark(it, deck, "dark-mode", "docs-nav", "search-index")
        await it.press("x")
        await it.until(lambda: "stays: it is a main worktree" in it.text())
        await it.press("y")
        assert not deck.named("remove_session")
        await it.press("enter")
        await it.until(lambda: len(it.app.screen_stack) == 1)
        assert deck.named("remove_session") == [(deck.trashed[0].session.id, False)]
        assert deck.trashed[0].session.label == "search-index"
        mark(it, deck, "dark-mode", "fix-login")
        await it.press("x")
        await it.until(lambda: "all anyway" in it.text())
        await it.press("F", "y")
        await it.until(lambda: len(it.app.screen_stack) == 1)
        assert [forced for _, forced in deck.named("remove_session")[1:]] == [True, False]
        assert "docs-nav" in {state.session.label for state in deck.state.sessions.values()}


async def test_what_could_not_be_removed_stays_in_the_dialog_with_its_reason(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.failures["remove_session"] = DeckError("the worktree is busy", "close what uses it")
    async with driving(deck) as it:
        await it.press("x")
        await it.until(lambda: "Nothing would be lost" in it.text())
        await it.press("enter")
        await it.until(lambda: "close what uses it" in it.text())
        assert isinstance(it.app.screen, RemoveSessions)
        del deck.failures["remove_session"]
        await it.press("enter")
        await it.until(lambda: len(it.app.screen_stack) == 1)
        assert "removed dark-mode" in it.toasts()


async def test_a_removal_under_way_is_not_left(make_deck: MakeDeck) -> None:
    deck = make_deck()
    gate = asyncio.Event()
    deck.gates["remove_session"] = gate.wait
    async with driving(deck) as it:
        await it.press("x")
        await it.until(lambda: "Nothing would be lost" in it.text())
        await it.press("enter", "escape")
        assert isinstance(it.app.screen, RemoveSessions)
        assert "still removing" in it.text()
        gate.set()
        await it.until(lambda: len(it.app.screen_stack) == 1)
        assert len(deck.named("remove_session")) == 1


async def test_a_workspace_goes_as_a_whole(make_deck: MakeDeck) -> None:
    deck = make_deck(1)
    deck.add(*workspace_of_three(deck))
    async with driving(deck) as it:
        it.main.performer.go("w1.web")
        await it.press("x")
        assert "goes with its workspace" in it.toasts()
        it.main.performer.go("w1")
        await it.press("x")
        await it.until(lambda: "Nothing would be lost" in it.text())
        await it.press("enter")
        await it.until(lambda: len(deck.state.sessions) == 1)


async def open_trash(it: Driver) -> Trash:
    await it.press("X")
    await it.until(lambda: "old-idea" in it.text())
    assert isinstance(it.app.screen, Trash)
    return it.app.screen


async def test_the_trash_lists_and_restores(make_deck: MakeDeck) -> None:
    deck = make_deck()
    removed_before(deck)
    async with driving(deck) as it:
        await open_trash(it)
        text = it.text()
        for words in ("old-idea", "46M", "2h ago", "in 29d", "spring-clean  2 repos", "3 sessions · 3.2G"):
            assert words in text, words
        await it.press("enter")
        await it.until(lambda: "old-idea is back" in it.text())
        assert deck.named("restore") == [("t1", None)]
        assert "2 sessions" in it.text()
        await it.press("escape")
        assert it.selected == "old-idea"


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_columns_of_the_trash_stand_below_their_names(make_deck: MakeDeck, size: tuple[int, int]) -> None:
    deck = make_deck()
    removed_before(deck)
    async with driving(deck, size) as it:
        await open_trash(it)
        await it.until(lambda: "deleted" in it.text())
        rows = it.text().splitlines()
        head = next(row for row in rows if "repository" in row and "deleted" in row)
        entry = next(row for row in rows if "old-idea" in row and "in 29d" in row)
        assert head.index("repository") == entry.index(deck.trashed[0].session.repository, entry.index("old-idea"))
        assert head.index("deleted") + len("deleted") == entry.index("in 29d") + len("in 29d")


async def test_a_label_that_is_taken_asks_for_another_name(make_deck: MakeDeck) -> None:
    deck = make_deck()
    removed_before(deck)
    async with driving(deck) as it:
        await open_trash(it)
        await it.press("j")
        assert "not kept" in it.text()
        assert "node_modules, dist/assets" in it.text()
        await it.press("enter")
        assert "'fix-login' is in use" in it.text()
        await it.press("enter")
        assert not deck.named("restore")
        await it.type("-2")
        await it.press("enter")
        await it.until(lambda: "fix-login-2 is back" in it.text())
        assert deck.named("restore") == [("t2", "fix-login-2")]


async def test_escape_leaves_one_level_at_a_time(make_deck: MakeDeck) -> None:
    deck = make_deck()
    removed_before(deck)
    async with driving(deck) as it:
        await open_trash(it)
        await it.press("j", "enter", "escape")
        assert isinstance(it.app.screen, Trash)
        assert "under which name" not in it.text()
        await it.press("D", "escape")
        assert isinstance(it.app.screen, Trash)
        await it.press("escape")
        assert len(it.app.screen_stack) == 1


async def test_deleting_for_good_takes_two_steps_on_one_entry(make_deck: MakeDeck) -> None:
    deck = make_deck()
    removed_before(deck)
    async with driving(deck) as it:
        await open_trash(it)
        await it.press("y")
        await it.press("D")
        assert "deletes old-idea for good" in it.text()
        await it.press("j", "y")
        assert not deck.named("drop")
        await it.press("k", "D", "y")
        await it.until(lambda: "old-idea" not in it.text())
        assert deck.named("drop") == [("t1",)]
        assert "2 sessions" in it.text()


async def test_the_names_of_the_columns_follow_the_room_that_the_dialog_gives_them(make_deck: MakeDeck) -> None:
    """A dialog is laid out in steps: its first size is not its last, and the screen's stays the same."""
    deck = make_deck()
    removed_before(deck)
    async with driving(deck, size=(80, 24)) as it:
        screen = await open_trash(it)
        await it.until(lambda: "deleted" in it.text())
        head = screen.query_one("#trash-head", LineView)
        whole = plain(head.line_at(0, 0))
        narrow = plain(heading(60, expires=True))
        head.styles.width = 60
        await it.until(lambda: plain(head.line_at(0, 0)) == narrow)
        head.styles.width = "100%"
        await it.until(lambda: plain(head.line_at(0, 0)) == whole)


async def test_errors_of_the_trash_are_told_in_place(make_deck: MakeDeck) -> None:
    deck = make_deck()
    removed_before(deck)
    deck.failures["restore"] = DeckError("the branch [/x] exists again", "give another name")
    async with driving(deck) as it:
        await open_trash(it)
        await it.press("enter")
        await it.until(lambda: "the branch [/x] exists again" in it.text())
        assert "give another name" in it.text()


async def test_an_empty_trash_says_what_comes_there(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await it.press("X")
        await it.until(lambda: "The trash is empty" in it.text())
        await it.press("enter", "D", "y", "escape")
        assert len(it.app.screen_stack) == 1


async def test_a_read_only_dashboard_only_shows_the_trash(make_deck: MakeDeck) -> None:
    deck = make_deck(read_only=True)
    removed_before(deck)
    async with driving(deck) as it:
        await open_trash(it)
        await it.press("enter")
        assert "read-only" in it.text()
        await it.press("D", "y")
        assert not {"restore", "drop"} & {call[0] for call in deck.calls}


async def test_the_mouse_restores(make_deck: MakeDeck) -> None:
    deck = make_deck()
    removed_before(deck)
    async with driving(deck) as it:
        await open_trash(it)
        await it.pilot.double_click("#trash-entries", offset=(6, 2))
        await it.until(lambda: deck.named("restore"))
        assert deck.named("restore") == [("t3", None)]


async def test_hostile_entries_break_nothing(make_deck: MakeDeck) -> None:
    from devdeck.model import TrashEntry

    deck = make_deck()
    for number, label in enumerate(("[@click=app.quit]q", "a\x1b]0;t\x07b", "\u202eevil", "feat/[/x]", "漢" * 90)):
        lost = session(f"h{number}", label, (label, f"/{label}"), branch=label, worktree=f"/{label}")
        deck.trashed.append(TrashEntry(id=f"h{number}", session=lost, at=deck.clock))
    async with driving(deck, (80, 24)) as it:
        await it.press("X")
        await it.until(lambda: "feat/[/x]" in it.text())
        await it.press("j", "D", "j", "enter", "j", "j", "D", "escape")
        assert "\x1b" not in it.text()
        assert "\u202e" not in it.text()
        assert it.app.is_running
