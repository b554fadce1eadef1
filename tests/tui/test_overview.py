from __future__ import annotations

import msgspec

from devdeck.errors import Missing
from devdeck.model import Commit, Fact, GitFacts, Health, JobKind, JobState, Operation, OperationState, RunState
from tests.tui.rest import auntil
from tests.tui.widgets_support import (
    HOSTILE,
    NOW,
    MiniDeck,
    WidgetApp,
    assert_safe,
    git,
    job,
    pane,
    run,
    sample,
    seen,
    state,
    terminal,
    text_of,
)
from tui.widgets.overview import OverviewTab


def deck() -> MiniDeck:
    it = MiniDeck()
    it.commits_answer = (Commit(oid="c0ffee00" * 5, subject="Prices in cents", author="Ada", at=NOW - 7200),)
    it.operations_answer = (
        Operation(id="1", verb="start", session_id="a", label="a", state=OperationState.DONE, detail="branch and worktree",
                  undo="devdeck undo", started_at=NOW - 300),
    )  # fmt: skip
    return it


async def test_facts_carry_evidence_and_age() -> None:
    it, tab = deck(), OverviewTab()
    async with WidgetApp(tab).run_test(size=(110, 40)):
        tab.set_shown(True)
        tab.update_session(
            it.live,
            state(
                "a", "checkout", sample=sample(37),
                git=git("feature/x", upstream="origin/feature/x", ahead=2, behind=0, staged=1, untracked=4),
                run=run(RunState.FAILED, failed=3, passed=117, total=120, reason="exit 1"),
                terminal=terminal(pane(command="nvim"), pane(id="%2", window_id="@2", active=False)),
                jobs=(job(title="pytest"),),
            ),
        )  # fmt: skip
        await auntil(lambda: "Prices in cents" in text_of(tab))
        text = text_of(tab)
        for words in (
            "checkout  ● running pytest", "feature/x → origin/feature/x · ↑2 ahead", "+1 staged  ?4 untracked",
            "✗ failed · 3 failed, 117 passed of 120 · exit 1 · 12s ago", "pytest in .venv/bin/python 3.11",
            "✓ alive · 2 windows · detached · nvim", "37% CPU · 286M · 4 processes", "/trees/a",
            "● pytest · running for 1m 00s", "c0ffee00", "2h", "✓ done", "start", "undo: devdeck undo", "5m",
        ):  # fmt: skip
            assert words in text, words


async def test_told_before_it_is_mounted_it_lays_out_for_its_real_width() -> None:
    it, tab = deck(), OverviewTab()
    tab.set_shown(True)
    tab.update_session(it.live, state())
    async with WidgetApp(tab).run_test(size=(80, 24)):
        await auntil(lambda: "c0ffee00  Prices in cents" in text_of(tab))


async def test_stale_unreadable_and_unknown_facts_say_so() -> None:
    it, tab = deck(), OverviewTab()
    async with WidgetApp(tab).run_test(size=(110, 40)) as pilot:
        tab.set_shown(True)
        old = seen(GitFacts(branch="x", head=None, unstaged=1), at=NOW - 240, error="git timed out")
        tab.update_session(it.live, state(git=old, terminal=Fact(at=NOW)))
        await pilot.pause()
        text = text_of(tab)
        assert "stale, seen 4m ago" in text
        assert "✗ git timed out" in text
        assert "⊘ none · enter brings it back" in text
        assert "never run · t runs them" in text
        tab.update_session(it.live, state(git=Fact(), terminal=Fact(error="no server")))
        await pilot.pause()
        assert "git       … reading" in text_of(tab)
        assert "✗ no server" in text_of(tab)


async def test_an_error_of_the_deck_is_shown_in_place_and_a_later_answer_replaces_it() -> None:
    it, tab = deck(), OverviewTab()
    it.error = Missing("git is not installed", "Install git.")
    async with WidgetApp(tab).run_test(size=(80, 40)):
        tab.set_shown(True)
        tab.update_session(it.live, state())
        await auntil(lambda: "✗ git is not installed" in text_of(tab))
        assert "Install git." in text_of(tab)
        it.error = None
        tab.update_session(it.live, state(jobs=(job(),)))
        await auntil(lambda: "Prices in cents" in text_of(tab))
        assert "not installed" not in text_of(tab)


async def test_collectors_that_fail_are_named() -> None:
    it, tab = deck(), OverviewTab()
    health = Health(state="error", message="tmux does not answer", hint="devdeck doctor")
    it.state = msgspec.structs.replace(it.state, collectors={"tmux": health, "git": Health(state="ok")})
    async with WidgetApp(tab).run_test(size=(80, 40)) as pilot:
        tab.set_shown(True)
        tab.update_session(it.live, state())
        await pilot.pause()
        assert "✗ tmux error: tmux does not answer" in text_of(tab)
        assert "devdeck doctor" in text_of(tab)


async def test_hidden_it_asks_nothing_and_details_are_not_asked_twice() -> None:
    it, tab = deck(), OverviewTab()
    async with WidgetApp(tab).run_test(size=(80, 40)) as pilot:
        tab.update_session(it.live, state())
        await pilot.pause()
        assert it.asked == []
        tab.set_shown(True)
        await auntil(lambda: "Prices" in text_of(tab))
        assert it.asked == ["commits", "operations"]
        tab.update_session(it.live, state(sample=sample()))
        await pilot.pause()
        assert it.asked == ["commits", "operations"]
        tab.set_shown(False)
        tab.update_session(it.live, state("b", jobs=(job(state=JobState.LOST),)))
        await pilot.pause()
        assert it.asked == ["commits", "operations"]


async def test_an_answer_for_another_session_is_dropped() -> None:
    it, tab = deck(), OverviewTab()
    async with WidgetApp(tab).run_test(size=(80, 40)):
        tab.set_shown(True)
        tab.update_session(it.live, state("a"))
        it.commits_answer = ()
        tab.update_session(it.live, state("b"))
        await auntil(lambda: "no commit yet" in text_of(tab))
        assert "Prices" not in text_of(tab)


async def test_a_bug_is_shown_and_does_not_end_the_app() -> None:
    it, tab = deck(), OverviewTab()
    it.error = ValueError("[/x] boom")
    async with WidgetApp(tab).run_test(size=(80, 40)):
        tab.set_shown(True)
        tab.update_session(it.live, state())
        await auntil(lambda: "ValueError: [/x] boom" in text_of(tab))


async def test_hostile_text_everywhere() -> None:
    for text in HOSTILE:
        it, tab = deck(), OverviewTab()
        it.commits_answer = (Commit(oid=text or "x", subject=text, author=text, at=NOW),)
        it.operations_answer = (
            Operation(id="1", verb=text, session_id="a", label=text, state=OperationState.FAILED, detail=text, undo=text,
                      started_at=NOW),
        )  # fmt: skip
        app = WidgetApp(tab)
        async with app.run_test(size=(90, 30)) as pilot:
            tab.set_shown(True)
            facts = git(text, upstream=text, operation=text)
            tab.update_session(
                it.live,
                state("a", text, text, git=facts, run=run(reason=text, runner=text, environment=text),
                      terminal=terminal(pane(command=text)), jobs=(job(title=text, reason=text),)),
            )  # fmt: skip
            await auntil(lambda: "Operations" in text_of(tab))  # noqa: B023
            assert_safe(tab)
            await pilot.click(tab, offset=(15, 3))
            assert not app.belled


async def test_why_setting_up_failed_is_whole_at_any_width_with_the_keys_in_a_row_of_their_own() -> None:
    it, tab = deck(), OverviewTab()
    name = "sh tools/catalogue.sh --all --of last-year --into stock"
    failed = job(kind=JobKind.INIT, title=name, state=JobState.ENDED, exit_status=69, ended_at=NOW - 5)
    async with WidgetApp(tab).run_test(size=(52, 30)):
        tab.set_shown(True)
        tab.update_session(it.live, state(jobs=(failed,)))
        await auntil(lambda: "init failed" in text_of(tab))
        rows = [row.strip() for row in text_of(tab).splitlines()]
        start = next(number for number, row in enumerate(rows) if "init failed" in row)
        keys = next(number for number, row in enumerate(rows) if row == "l shows its log · I sets it up again")
        assert " ".join(rows[start:keys]) == f"setup     ✗ init failed: {name} · exit 69"
        assert "…" not in "".join(rows[start:keys])
