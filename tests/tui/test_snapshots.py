from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from textual.widgets import Input

from devdeck.live import RemovalPlan
from devdeck.model import Health
from devdeck.state import StateHub
from tests.tui.driving import Driver, driving
from tests.tui.fake import NOW, FakeDeck, not_set_up, removed_before, workspace_of_three
from tests.tui.snapshots import Snapshots
from tui.performer import GLANCED
from tui.widgets.line_view import LineView

MakeDeck = Callable[..., FakeDeck]
SIZES = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])


ENDLESS = {"log-read", "terminal", "intent"}
"""Groups of workers that go on as long as something is shown, or until a dialog is answered."""


def to_come(it: Driver) -> bool:
    """Whether something is on its way: a worker, or what a timer waits to begin."""
    nodes = (node for screen in it.app.screen_stack for node in screen.walk_children(with_self=True))
    timers = (timer for node in nodes for timer in node._timers if timer._repeat == 0 and timer._task is not None)
    return any(work.is_running and work.group not in ENDLESS for work in it.app.workers) or any(
        timer._task is not None and not timer._task.done() for timer in timers
    )


async def calm(it: Driver) -> None:
    """Wait until all workers that end have ended and nothing moves any more."""
    before = ""
    for _ in range(50):
        await it.until(lambda: not to_come(it))
        now = it.app.export_screenshot(title="devdeck", simplify=True)
        if now == before:
            return
        before = now
    raise AssertionError("the screen does not come to rest")


def says_further_down(it: Driver, text: str) -> bool:
    """Whether the tab shown has a line with that text, also where the screen does not reach."""
    tab = it.main.detail.tab(it.main.detail.current)
    lines = (view.line_at(row, 80) for view in tab.query(LineView) for row in range(view.line_count()))
    return any(text in "".join(span.text for span in line) for line in lines)


WAIT_FOR = {
    "overview": "Total counts every item",
    "tests": "test_total_of_two",
    "logs": "1 failed, 41 passed in 3.21s",
    "git": "nothing to commit",
    "terminal": "git log --oneline",
}


@SIZES
@pytest.mark.parametrize("tab", ["overview", "tests", "logs", "git", "terminal"])
async def test_tab(make_deck: MakeDeck, snapshots: Snapshots, size: tuple[int, int], tab: str) -> None:
    deck = make_deck()
    async with driving(deck, size) as it:
        label = "rate-limits" if tab == "git" else "fix-login"
        it.main.performer.go(deck.id_of(label))
        await it.until(lambda: it.main.detail.border_title == label)
        it.main.performer.perform(f"tab.{tab}")
        await it.until(lambda: it.main._scope() == ("sessions" if tab in GLANCED else tab))
        wanted = "remember(user)" if tab == "git" else WAIT_FOR[tab]
        await it.until(lambda: wanted in it.text() or says_further_down(it, wanted))
        if tab == "git":
            await it.until(lambda: it.main.detail.tab("git").view.coloured)  # type: ignore[attr-defined]
        await calm(it)
        snapshots.check(it.app)


@SIZES
async def test_help(make_deck: MakeDeck, snapshots: Snapshots, size: tuple[int, int]) -> None:
    async with driving(make_deck(), size) as it:
        await it.press("question_mark")
        await calm(it)
        snapshots.check(it.app)


@SIZES
async def test_new_session(make_deck: MakeDeck, snapshots: Snapshots, size: tuple[int, int]) -> None:
    async with driving(make_deck(), size) as it:
        await it.press("n")
        await it.type("bad label")
        await calm(it)
        snapshots.check(it.app)


async def test_removal(make_deck: MakeDeck, snapshots: Snapshots) -> None:
    deck = make_deck()
    id_ = deck.id_of("dark-mode")
    steps = ("end its terminal", "remove the worktree ~/wt/api/dark-mode", "delete the branch dark-mode")
    risks = ("2 conflicts in a merge", "3 commits that are pushed nowhere")
    notes = ("ignored files of 212M are kept, node_modules of 1.4G is over the limit of 1G and is not",)
    session = deck.state.sessions[id_].session
    deck.plans[id_] = RemovalPlan(session=session, steps=steps, risks=risks, notes=notes)
    async with driving(deck, (80, 24)) as it:
        await it.press("x")
        await it.until(lambda: "pushed nowhere" in it.text())
        await calm(it)
        snapshots.check(it.app)


@SIZES
async def test_workspace(make_deck: MakeDeck, snapshots: Snapshots, size: tuple[int, int]) -> None:
    deck = make_deck()
    deck.add(*workspace_of_three(deck), not_set_up(deck))
    async with driving(deck, size) as it:
        it.main.performer.go("w1")
        await it.press("right")
        for id_ in ("w1", "w1.web", deck.id_of("dark-mode")):
            it.main.sessions.mark(id_)
        await it.until(lambda: it.main.detail.border_title == "tax-rules")
        await calm(it)
        snapshots.check(it.app)


async def test_not_set_up(make_deck: MakeDeck, snapshots: Snapshots) -> None:
    deck = make_deck()
    deck.add(not_set_up(deck))
    async with driving(deck) as it:
        it.main.performer.go("s-init")
        await it.until(lambda: it.main.detail.tab("overview").session_id == "s-init")
        await it.until(lambda: "Total counts every item" in it.text())
        await calm(it)
        snapshots.check(it.app)


@SIZES
async def test_removal_of_many(make_deck: MakeDeck, snapshots: Snapshots, size: tuple[int, int]) -> None:
    deck = make_deck()
    deck.add(*workspace_of_three(deck))
    ids = ["w1", *map(deck.id_of, ("dark-mode", "docs-nav", "search-index"))]
    facts: tuple[dict[str, Any], ...] = ({}, {"risks": ("2 conflicts in a merge", "3 commits that are pushed nowhere")},
             {"forbidden": "it is the main worktree of docs"}, {"notes": ("1 stash stays in the repository",)})  # fmt: skip
    for id_, more in zip(ids, facts, strict=True):
        plan = RemovalPlan(session=deck.state.sessions[id_].session, steps=("end its terminal",), risks=())
        deck.plans[id_] = msgspec.structs.replace(plan, **more)
    async with driving(deck, size) as it:
        for id_ in ids:
            it.main.sessions.mark(id_)
        await it.press("x")
        await it.until(lambda: "pushed nowhere" in it.text())
        await calm(it)
        snapshots.check(it.app)


@SIZES
async def test_trash(make_deck: MakeDeck, snapshots: Snapshots, size: tuple[int, int]) -> None:
    deck = make_deck()
    removed_before(deck)
    async with driving(deck, size) as it:
        await it.press("X")
        await it.until(lambda: "old-idea" in it.text())
        await it.press("j", "enter")
        await calm(it)
        snapshots.check(it.app)


@SIZES
async def test_palette(make_deck: MakeDeck, snapshots: Snapshots, size: tuple[int, int]) -> None:
    async with driving(make_deck(), size) as it:
        await it.press("ctrl+p")
        it.app.screen.query_one(Input).cursor_blink = False
        await it.until(lambda: "Open terminal" in it.text())
        # The list takes its height from its options only when it has all of them.
        await it.until(lambda: not it.app.screen.query_one("CommandList").has_class("--populating"))
        await calm(it)
        snapshots.check(it.app)


@SIZES
async def test_empty(make_deck: MakeDeck, snapshots: Snapshots, size: tuple[int, int]) -> None:
    async with driving(make_deck(0), size) as it:
        await calm(it)
        snapshots.check(it.app)


async def test_loading(make_deck: MakeDeck, snapshots: Snapshots) -> None:
    deck = make_deck(0)
    deck.hub = StateHub()
    async with driving(deck, (80, 24)) as it:
        await calm(it)
        snapshots.check(it.app)


async def test_stale_and_error(make_deck: MakeDeck, snapshots: Snapshots) -> None:
    deck = make_deck()
    deck.healths({"tmux": Health(state="error", message="no server is running", hint="start tmux", at=NOW - 90)})
    async with driving(deck, (120, 40)) as it:
        it.main.performer.go(deck.id_of("upgrade-deps"))
        await it.until(lambda: "took longer" in it.text() and "Total counts every item" in it.text())
        await calm(it)
        snapshots.check(it.app)


async def test_command_line(make_deck: MakeDeck, snapshots: Snapshots) -> None:
    async with driving(make_deck(), (80, 24)) as it:
        await it.press("colon")
        await it.type("opne")
        await it.press("enter")
        await calm(it)
        snapshots.check(it.app)
