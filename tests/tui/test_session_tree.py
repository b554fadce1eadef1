"""Workspaces in the list: one row that opens into its repositories; and marks."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len

from devdeck.model import Fact, GitFacts, JobKind, JobState, Member, RunState, Session, SessionKind, SessionState
from tests.tui.widgets_support import (
    HOSTILE,
    NOW,
    WidgetApp,
    assert_safe,
    deck_state,
    git,
    job,
    messages,
    run,
    sample,
    seen,
    state,
    strips,
)
from tui.widgets import rows
from tui.widgets.session_list import SessionList
from tui.widgets.session_order import SORTS, members_of, status_of, top_level
from tui.widgets.spans import plain


def shop(label: str = "tax", folder: str = "/src", repositories: tuple[str, ...] = ("web", "api")) -> Session:
    return Session(
        id=f"w-{label}", label=label, kind=SessionKind.WORKSPACE, repository="src", repository_path=folder,
        worktree=f"/trees/{label}", branch=label,
        members=tuple(
            Member(repository=it, repository_path=f"{folder}/{it}", worktree=f"/trees/{label}/{it}", branch=label)
            for it in repositories
        ),
    )  # fmt: skip


def opened(of: Session, workspace: dict[str, Any] | None = None, **members: dict[str, Any]) -> tuple[SessionState, ...]:
    """A workspace and its members, with the given facts."""
    own = {"git": Fact(value=GitFacts(branch=None, head=None, unstaged=3, ahead=1), at=NOW), **(workspace or {})}
    inside = [
        SessionState(session=it, **{"git": git(of.label), **members.get(it.repository, {})})
        for it in of.member_sessions()
    ]
    return SessionState(session=of, **own), *inside


def rows_of(view: SessionList) -> list[str]:
    return [strip.text.rstrip() for strip in strips(view) if strip.text.strip()]


def everything() -> tuple[SessionState, ...]:
    return (*opened(shop()), state("a", "alpha", "shop"), state("b", "beta", "api"))


async def test_a_workspace_is_one_row_under_a_heading_of_its_own() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(60, 20)) as pilot:
        view.show(deck_state(*everything()), NOW)
        await pilot.pause()
        shown = rows_of(view)
        assert "workspaces  /src" in shown[0]
        assert "▸ tax  2 repos" in shown[1]
        assert "~3 ↑1" in shown[1]
        assert len(shown) == 6
        assert view.summary.startswith("3 ·")
        assert view.shown_count == 3
        assert view.ordered_ids() == ("w-tax", "b", "a")


async def test_arrows_open_a_workspace_go_in_and_out_and_close_it() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(60, 20)) as pilot:
        view.show(deck_state(*everything()), NOW)
        view.focus()
        await pilot.press("home", "right")
        assert view.is_open("w-tax")
        assert view.selected == "w-tax"
        shown = rows_of(view)
        assert "▾ tax" in shown[1]
        assert "├ web" in shown[2]
        assert "└ api" in shown[3]
        await pilot.press("right")
        assert view.selected == "w-tax.web"
        await pilot.press("j")
        assert view.selected == "w-tax.api"
        view.show(deck_state(*everything(), state("z", "zeta", "api")), NOW)
        assert view.is_open("w-tax")
        assert view.selected == "w-tax.api"
        await pilot.press("left")
        assert view.selected == "w-tax"
        await pilot.press("left")
        assert not view.is_open("w-tax")
        await pilot.press("left")
        assert view.ordered_ids() == ("w-tax", "b", "z", "a")
        assert view.visible_ids() == ("b", "z", "a")


async def test_selecting_a_member_opens_its_workspace_and_closing_that_selects_it() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(60, 20)) as pilot:
        view.show(deck_state(*everything()), NOW)
        assert view.select("w-tax.api")
        assert view.selected == "w-tax.api"
        assert view.with_members(("w-tax", "a")) == ("w-tax", "a")
        view.set_open("w-tax", False)
        await pilot.pause()
        assert view.selected == "w-tax"
        assert view.with_members(("w-tax", "a")) == ("w-tax", "w-tax.web", "w-tax.api", "a")


async def test_a_workspace_without_members_known_yet_does_not_open() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(60, 20)) as pilot:
        view.show(deck_state(SessionState(session=shop())), NOW)
        view.focus()
        await pilot.press("right", "right")
        assert not view.is_open("w-tax")
        assert view.selected == "w-tax"


async def test_the_filter_finds_members_and_opens_what_they_are_in() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(60, 20)) as pilot:
        view.show(deck_state(*opened(shop(repositories=("web", "invoices"))), state("a", "alpha", "shop")), NOW)
        view.select("a")
        view.set_filter("invoices")
        await pilot.pause()
        assert view.ordered_ids() == ("w-tax", "w-tax.invoices")
        assert view.selected == "w-tax.invoices"
        assert view.summary.startswith("1 of 2")
        view.set_filter("tax")
        assert view.ordered_ids() == ("w-tax",)
        view.set_filter("")
        await pilot.pause()
        assert view.ordered_ids() == ("w-tax", "a")


@pytest.mark.parametrize("sort", SORTS)
async def test_members_stay_below_their_workspace_in_every_order(sort: str) -> None:
    view = SessionList()
    busy = {"web": {"jobs": (job(),), "sample": sample(90)}}
    async with WidgetApp(view).run_test(size=(60, 20)):
        view.show(deck_state(*opened(shop(), None, **busy), state("a", "alpha", sample=sample(5))), NOW)
        view.set_open("w-tax", True)
        view.sort = sort  # type: ignore[assignment]
        ids = view.ordered_ids()
        at = ids.index("w-tax")
        assert ids[at : at + 3] == ("w-tax", "w-tax.web", "w-tax.api")


async def test_the_mouse_opens_by_the_arrow_and_marks_at_the_edge() -> None:
    view, log = SessionList(), []  # type: ignore[var-annotated]
    async with WidgetApp(view).run_test(size=(60, 20), message_hook=log.append) as pilot:
        view.show(deck_state(*everything()), NOW)
        await pilot.pause()
        await pilot.click(view, offset=(6, 2))
        assert view.is_open("w-tax")
        await pilot.click(view, offset=(2, 4))
        assert list(view.marked) == ["w-tax.api"]
        assert view.selected == "w-tax.api"
        await pilot.click(view, offset=(2, 4))
        assert list(view.marked) == []
        await pilot.double_click(view, offset=(10, 2))
        assert [it.session_id for it in messages(log, SessionList.Opened)] == ["w-tax"]


async def test_marks_are_seen_kept_in_order_and_forgotten_with_their_sessions() -> None:
    view, log = SessionList(), []  # type: ignore[var-annotated]
    async with WidgetApp(view).run_test(size=(60, 20), message_hook=log.append) as pilot:
        view.show(deck_state(*everything()), NOW)
        view.focus()
        view.select("a")
        view.toggle_mark()
        view.select("b")
        view.toggle_mark()
        await pilot.pause()
        assert list(view.marked) == ["b", "a"]
        assert view.selected == "a"
        assert [row for row in rows_of(view) if "◆" in row] == [
            row for row in rows_of(view) if "alpha" in row or "beta" in row
        ]
        view.set_filter("beta")
        assert list(view.marked) == ["b", "a"]
        view.show(deck_state(*opened(shop()), state("a", "alpha", "shop")), NOW)
        assert list(view.marked) == ["a"]
        view.set_filter("")
        view.mark_all()
        assert list(view.marked) == ["w-tax", "a"]
        view.mark_all()
        assert list(view.marked) == []
        await pilot.pause()
        assert messages(log, SessionList.Marked)


async def test_a_mark_on_a_folded_repository_is_a_mark_on_all_of_it() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(60, 20)) as pilot:
        view.show(deck_state(state("a", "alpha"), state("b", "beta")), NOW)
        view.focus()
        await pilot.press("left")
        view.toggle_mark()
        await pilot.pause()
        assert list(view.marked) == ["a", "b"]
        assert "◆ 2" in rows_of(view)[0]
        view.clear_marks()
        assert list(view.marked) == []


def test_the_glyph_of_a_workspace_is_the_worst_in_it_and_says_whose() -> None:
    whole = SessionState(session=shop(), git=git(None), terminal=seen(None))
    first, second = shop().member_sessions()
    web = SessionState(session=first, git=git("tax"), terminal=seen(None), run=run(RunState.FAILED))
    api = SessionState(session=second, git=git("tax"), terminal=seen(None), jobs=(job(),))
    quiet = SessionState(session=api.session, git=git("tax"), terminal=seen(None))
    assert status_of(whole, (web, api)).words == "api: running pytest"
    assert status_of(whole, (web, quiet)).words == "web: tests failed"
    assert status_of(whole, (quiet,)).name == "no-terminal"


def test_members_count_as_sessions_only_without_their_workspace() -> None:
    states = {it.session.id: it for it in everything()}
    assert set(top_level(states)) == {"w-tax", "a", "b"}
    assert members_of(states) == {"w-tax": ("w-tax.web", "w-tax.api")}
    del states["w-tax"]
    assert set(top_level(states)) == {"w-tax.web", "w-tax.api", "a", "b"}


def test_a_branch_that_is_the_label_again_is_left_out() -> None:
    assert rows.told_branch(state("a", "fix", git=git("fix"))) == ""
    assert rows.told_branch(state("a", "fix", git=git("main"))) == "main"
    web = opened(shop())[1]
    assert rows.told_branch(web) == ""
    assert rows.wanted(state("a", "fix", git=git("fix")), NOW).branch == 0


def test_failed_initialization_is_in_the_row_at_every_width() -> None:
    broken = job(kind=JobKind.INIT, argv=("sh", "-c", "npm ci"), state=JobState.ENDED, exit_status=1, ended_at=NOW)
    it = state("a", "fix", git=git("fix"), jobs=(job("j2"), broken))
    assert "init ✗ pytest" in plain(rows.runs_cell(it, NOW))
    alone = state("a", "fix", git=git("fix"), jobs=(broken,))
    assert rows.status(alone).words == "init npm ci: exit 1"
    for width in (30, 80):
        row = plain(rows.session_row(alone, rows.plan(width, rows.wanted(alone, NOW)), NOW))
        assert "init ✗" in row
        assert cell_len(row) == width


@pytest.mark.parametrize("size", [(46, 24), (100, 24)])
async def test_hostile_workspaces_are_drawn_as_text(size: tuple[int, int]) -> None:
    states: list[SessionState] = []
    for number, text in enumerate(HOSTILE):
        made = shop(f"{number}{text}", f"/{text}", (f"a{text}", f"b{text}"))
        states += opened(made)
    view = SessionList()
    app = WidgetApp(view)
    async with app.run_test(size=size) as pilot:
        view.show(deck_state(*states), NOW)
        for it in states:
            view.set_open(it.session.id, True)
        view.mark_all()
        await pilot.pause()
        assert_safe(view)
        view.action_to_last()
        await pilot.pause()
        assert_safe(view)
        assert not app.belled
