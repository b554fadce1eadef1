from __future__ import annotations

import pytest

from devdeck.model import Fact, JobState, RunState, SessionState
from devdeck.state import DeckState
from tests.tui.rest import auntil
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
    state,
    strips,
    text_of,
)
from tui.widgets.session_list import SessionList
from tui.widgets.session_order import SORTS
from tui.widgets.spans import Line


def three() -> tuple[SessionState, ...]:
    return (
        state("a", "alpha", "shop", sample=sample(5)),
        state("b", "beta", "shop", run=run(RunState.FAILED, failed=1, total=9), sample=sample(80)),
        state("c", "gamma", "api", git=git("fix/login"), sample=sample(40)),
    )


def rows_of(view: SessionList) -> list[str]:
    return [strip.text.rstrip() for strip in strips(view) if strip.text.strip()]


async def test_groups_by_repository_and_selects_the_first() -> None:
    view, log = SessionList(), []  # type: ignore[var-annotated]
    async with WidgetApp(view).run_test(size=(44, 20), message_hook=log.append) as pilot:
        view.show(deck_state(*three()), NOW)
        await pilot.pause()
        assert view.ordered_ids() == ("c", "a", "b")
        assert [row.split()[0] for row in rows_of(view)] == ["▾", "▌", "▾", "○", "✗"]
        assert view.selected == "c"
        assert [m.session_id for m in messages(log, SessionList.Highlighted)] == ["c"]
        assert messages(log, SessionList.ViewChanged)[-1].visible == ("c", "a", "b")


async def test_keys_move_over_headers_and_stop_at_the_ends() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(44, 20)) as pilot:
        view.show(deck_state(*three()), NOW)
        view.focus()
        for key, expected in (("j", "a"), ("down", "b"), ("j", "b"), ("k", "a"), ("home", "c"), ("G", "b"), ("home", "c"), ("end", "b"), ("home", "c"),
                              ("right_curly_bracket", "a"), ("left_curly_bracket", "c"), ("pagedown", "b"),
                              ("pageup", "c")):  # fmt: skip
            await pilot.press(key)
            assert view.selected == expected, key


async def test_selection_follows_the_session_when_order_changes() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(60, 20)) as pilot:
        view.show(deck_state(*three()), NOW)
        assert view.select("b")
        for sort, order in (("attention", ("b", "a", "c")), ("cpu", ("b", "c", "a")), ("label", ("a", "b", "c"))):
            view.sort = sort  # type: ignore[assignment]
            await pilot.pause()
            assert view.ordered_ids() == order
            assert view.selected == "b"
            assert "beta" in strips(view)[view.cursor - view.scroll_offset.y].text
        newer = (state("0", "aaa", "shop"), *three())
        view.show(deck_state(*newer), NOW)
        assert view.selected == "b"
        assert view.cursor == 2


async def test_nearest_row_is_taken_when_the_selected_one_is_gone() -> None:
    view, log = SessionList(), []  # type: ignore[var-annotated]
    async with WidgetApp(view).run_test(size=(44, 20), message_hook=log.append) as pilot:
        view.show(deck_state(*three()), NOW)
        view.select("b")
        view.show(deck_state(*three()[:1], three()[2]), NOW)
        await pilot.pause()
        assert view.selected == "a"
        view.show(deck_state(), NOW)
        await pilot.pause()
        assert messages(log, SessionList.Highlighted)[-1].session_id is None
        assert view.shown_count == 0


async def test_filter_is_fuzzy_counts_and_highlights() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(80, 20)) as pilot:
        view.show(deck_state(*three()), NOW)
        view.set_filter("fxlog")
        await pilot.pause()
        assert view.ordered_ids() == ("c",)
        assert view.selected == "c"
        assert view.summary.startswith("1 of 3")
        marked = [seg.text for seg in strips(view)[1] if seg.style is not None and seg.style.underline]
        assert "".join(marked) == "fxlog"
        view.set_filter("shop")
        assert view.ordered_ids() == ("a", "b")
        assert view.selected == "a"
        view.set_filter("zzz")
        await pilot.pause()
        assert "No session matches" in text_of(view)
        assert "esc" in text_of(view)
        view.set_filter("")
        assert view.shown_count == 3


async def test_arrows_fold_a_repository_and_the_header_stands_for_it() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(60, 20)) as pilot:
        view.show(deck_state(*three()), NOW)
        view.select("b")
        view.focus()
        await pilot.press("left")
        assert view.selected == "b"
        assert [row.split()[0] for row in rows_of(view)] == ["▾", "○", "▌▸"]
        assert "! 1" in rows_of(view)[2]
        assert view.visible_ids() == ("c",)
        await pilot.press("k")
        assert view.selected == "c"
        await pilot.press("j")
        assert view.selected == "a"
        await pilot.press("left", "right")
        assert view.visible_ids() == ("c", "a", "b")


async def test_mouse_selects_folds_and_opens() -> None:
    view, log = SessionList(), []  # type: ignore[var-annotated]
    async with WidgetApp(view).run_test(size=(60, 20), message_hook=log.append) as pilot:
        view.show(deck_state(*three()), NOW)
        await pilot.pause()
        await pilot.click(view, offset=(8, 4))
        assert view.selected == "a"
        assert not messages(log, SessionList.Opened)
        await pilot.double_click(view, offset=(8, 5))
        assert [m.session_id for m in messages(log, SessionList.Opened)] == ["b"]
        await pilot.click(view, offset=(8, 1))
        assert view.visible_ids() == ("a", "b")
        assert view.selected == "b"


async def test_enter_opens() -> None:
    view, log = SessionList(), []  # type: ignore[var-annotated]
    async with WidgetApp(view).run_test(size=(60, 20), message_hook=log.append) as pilot:
        view.focus()
        await pilot.press("enter")
        view.show(deck_state(*three()), NOW)
        await pilot.press("enter")
        assert [m.session_id for m in messages(log, SessionList.Opened)] == ["c"]


async def test_the_selection_stays_on_screen_when_the_list_gets_smaller() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(60, 30)) as pilot:
        view.show(deck_state(*(state(f"s{i:02}") for i in range(20))), NOW)
        view.select("s18")
        await pilot.resize_terminal(60, 8)
        await auntil(lambda: "s18" in view.visible_ids())


async def test_empty_states_say_what_to_do() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(44, 20)) as pilot:
        await pilot.pause()
        assert "reading the deck…" in text_of(view)
        view.show(DeckState(loaded=True), NOW)
        await pilot.pause()
        assert "No sessions yet" in text_of(view)
        assert "Press n" in text_of(view)


async def test_only_changed_rows_are_repainted() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(60, 20)) as pilot:
        view.show(deck_state(*three()), NOW)
        await pilot.pause()
        repainted: list[int] = []
        view.refresh_line = repainted.append  # type: ignore[method-assign,assignment]
        view.show(deck_state(*three()), NOW + 1)
        assert repainted == []
        changed = (three()[0], state("b", "beta", "shop", jobs=(job(title="ruff"),), sample=sample(80)), three()[2])
        view.show(deck_state(*changed), NOW + 1)
        # Column widths may change with the marks; the header rows stay as they are.
        assert 4 in repainted
        assert 0 not in repainted
        assert 2 not in repainted


async def test_a_thousand_sessions_draw_only_what_is_on_screen() -> None:
    many = deck_state(*(state(f"s{i:04}", f"label-{i:04}", f"repo-{i % 20:02}") for i in range(1000)))
    view = SessionList()
    async with WidgetApp(view).run_test(size=(80, 24)) as pilot:
        view.show(many, NOW)
        await pilot.pause()
        drawn: set[int] = set()
        inner = view.line_at

        def counted(row: int, width: int) -> Line:
            drawn.add(row)
            return inner(row, width)

        view.line_at = counted  # type: ignore[method-assign]
        view.show(many, NOW + 60)
        view.action_to_last()
        await pilot.pause()
        assert view.selected == "s0999"
        assert len(view.visible_ids()) <= 22
        assert len(drawn) < 120
        view.select("s0500")
        await pilot.pause()
        assert "s0500" in view.visible_ids()


async def test_ages_grow_without_new_facts() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(80, 20)) as pilot:
        it = deck_state(state("a", git=git(unstaged=1)))
        view.show(it, NOW)
        await pilot.pause()
        assert "~1 5m" not in text_of(view)
        view.show(it, NOW + 300)
        await pilot.pause()
        assert "~1 5m" in text_of(view)


@pytest.mark.parametrize("size", [(44, 24), (120, 40)])
async def test_hostile_names_are_drawn_as_text_and_clicked(size: tuple[int, int]) -> None:
    states = [
        state(f"h{i}", text, text or "r", git=git(text, staged=i, operation=text), jobs=(job(title=text),))
        for i, text in enumerate(HOSTILE)
    ]
    view = SessionList()
    app = WidgetApp(view)
    async with app.run_test(size=size) as pilot:
        view.show(deck_state(*states), NOW)
        await pilot.pause()
        for sort in SORTS[:2]:
            view.sort = sort
            await pilot.pause()
            assert_safe(view)
            for y in range(1, 20, 4):
                await pilot.click(view, offset=(10, y))
        assert "[@click=app.bell]x" in text_of(view) or size[0] < 60
        view.set_filter("[/x]")
        await pilot.pause()
        assert_safe(view)
        assert not app.belled


async def test_wide_characters_keep_the_columns() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(60, 20)) as pilot:
        view.show(deck_state(state("a", "漢字", git=git(staged=1)), state("b", "plain", git=git(staged=2))), NOW)
        await pilot.pause()
        from rich.cells import cell_len

        starts = [cell_len(row[: row.index("+")]) for row in rows_of(view)[1:3]]
        assert starts[0] == starts[1]


async def test_lost_terminal_and_failed_job_have_their_glyphs() -> None:
    view = SessionList()
    ended = job(state=JobState.ENDED, exit_status=1)
    states = (state("a", terminal=Fact(at=NOW)), state("b", jobs=(ended,)), state("c", jobs=(job(),)))
    async with WidgetApp(view).run_test(size=(60, 20)) as pilot:
        view.show(deck_state(*states), NOW)
        await pilot.pause()
        assert [row.lstrip("▌ ")[0] for row in rows_of(view)[1:]] == ["⊘", "✗", "●"]


async def test_cycle_sort_goes_round() -> None:
    view = SessionList()
    async with WidgetApp(view).run_test(size=(60, 20)):
        view.show(deck_state(*three()), NOW)
        seen = [view.cycle_sort() for _ in range(5)]
        assert seen == ["attention", "activity", "label", "cpu", "repository"]
