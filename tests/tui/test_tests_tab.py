from __future__ import annotations

import pytest

from devdeck.errors import NotFound
from devdeck.live import SourceView
from devdeck.model import Frame, Outcome, RunState, SessionState, TestResult
from tests.tui.rest import auntil
from tests.tui.widgets_support import (
    HOSTILE,
    MiniDeck,
    WidgetApp,
    assert_safe,
    failure,
    job,
    messages,
    passed,
    run,
    state,
    text_of,
)
from tui.widgets.result_tree import ResultTree
from tui.widgets.source_view import SourceView as SourcePane
from tui.widgets.tests_tab import TestsTab

FAILING = (
    passed("test_ok", "tests/test_b.py"),
    passed("test_fine"),
    failure("test_bad"),
    failure("test_err", outcome=Outcome.ERROR, message="no fixture"),
    passed("test_later", "tests/test_c.py", outcome=Outcome.SKIPPED),
)


def failed() -> SessionState:
    return state(run=run(RunState.FAILED, failed=1, errors=1, passed=2, skipped=1, total=5, reason="exit 1"))


def deck(*results: TestResult) -> MiniDeck:
    it = MiniDeck()
    it.results_answer = results
    it.sources["/trees/a/tests/test_a.py"] = SourceView(
        path="/trees/a/tests/test_a.py", first_line=6, line=7, lines=("def test_bad():", "    assert 1 == 2")
    )
    return it


def names(tab: TestsTab) -> list[str]:
    return [row.result.id.split("::")[1] if row.result else row.path for row in tab.view.results.rows]


async def test_failures_come_first_grouped_by_file_under_a_header_with_evidence() -> None:
    it, tab = deck(*FAILING), TestsTab()
    async with WidgetApp(tab).run_test(size=(100, 30)):
        tab.set_shown(True)
        tab.update_session(it.live, failed())
        await auntil(lambda: tab.view.results.rows)
        assert names(tab) == [
            "tests/test_a.py", "test_bad", "test_err", "test_fine", "tests/test_b.py", "test_ok", "tests/test_c.py",
            "test_later",
        ]  # fmt: skip
        await auntil(lambda: "✗ failed" in text_of(tab))
        text = text_of(tab)
        assert "✗ failed  1 failed  1 error  2 passed  1 skipped  of 5" in text
        assert "exit 1 · 8.0 s · 12s ago · pytest in .venv/bin/python 3.11" in text
        assert "test_bad  assert 1 == 2" in text
        assert tab.view.current is not None
        assert tab.view.current.id.endswith("test_bad")


async def test_enter_shows_message_frames_and_source_and_tells() -> None:
    it, tab, log = deck(*FAILING), TestsTab(), []  # type: ignore[var-annotated]
    async with WidgetApp(tab).run_test(size=(100, 40), message_hook=log.append) as pilot:
        tab.set_shown(True)
        tab.update_session(it.live, failed())
        await auntil(lambda: tab.view.results.rows)
        tab.view.focus()
        await pilot.press("enter")
        await auntil(lambda: "▶ 7 │     assert 1 == 2" in text_of(tab))
        assert "▶ tests/test_a.py:7  AssertionError" in text_of(tab)
        assert [m.result.id for m in messages(log, TestsTab.FailureChosen)] == ["tests/test_a.py::test_bad"]
        await pilot.press("e")
        (edit,) = messages(log, TestsTab.EditRequested)
        assert (edit.path, edit.line) == ("/trees/a/tests/test_a.py", 7)
        await pilot.press("j")
        await auntil(lambda: "no fixture" in text_of(tab.query_one(SourcePane)))
        await pilot.press("escape")
        assert tab.chosen is None
        assert not tab.query_one(SourcePane).display


async def test_paths_are_relative_to_the_folder_of_the_run() -> None:
    it, tab, log = deck(failure("test_bad")), TestsTab(), []  # type: ignore[var-annotated]
    async with WidgetApp(tab).run_test(size=(100, 40), message_hook=log.append) as pilot:
        tab.set_shown(True)
        sub = job(cwd="/trees/a/sub")
        tab.update_session(it.live, state(run=run(RunState.FAILED, failed=1), jobs=(sub,)))
        await auntil(lambda: tab.view.results.rows)
        tab.view.focus()
        await pilot.press("enter")
        await auntil(lambda: "The source is not in this worktree." in text_of(tab))
        assert "source /trees/a/sub/tests/test_a.py:7" in it.asked
        await pilot.press("e")
        assert messages(log, TestsTab.EditRequested)[0].path == "/trees/a/sub/tests/test_a.py"


async def test_the_innermost_frame_with_source_is_shown_and_frames_can_be_walked() -> None:
    frames = (
        Frame(path="tests/test_a.py", line=7),
        Frame(path="src/x.py", line=3),
        Frame(path="/usr/lib/lib.py", line=1),
    )
    it, tab = deck(failure("test_bad", frames=frames)), TestsTab()
    it.sources["/trees/a/src/x.py"] = SourceView(
        path="/trees/a/src/x.py", first_line=3, line=3, lines=("raise KeyError",)
    )
    async with WidgetApp(tab).run_test(size=(100, 40)) as pilot:
        tab.set_shown(True)
        tab.update_session(it.live, failed())
        await auntil(lambda: tab.view.results.rows)
        tab.view.focus()
        await pilot.press("enter")
        await auntil(lambda: "▶ src/x.py:3" in text_of(tab))
        assert "raise KeyError" in text_of(tab)
        await pilot.press("left_square_bracket")
        await auntil(lambda: "▶ tests/test_a.py:7" in text_of(tab))
        await auntil(lambda: "assert 1 == 2" in text_of(tab))


async def test_next_and_previous_failure_go_round() -> None:
    it, tab = deck(*FAILING), TestsTab()
    async with WidgetApp(tab).run_test(size=(100, 30)):
        tab.set_shown(True)
        tab.update_session(it.live, failed())
        await auntil(lambda: tab.view.results.rows)
        seen = []
        for step in (tab.next_failure, tab.next_failure, tab.prev_failure):
            step()
            assert tab.view.current is not None
            seen.append(tab.view.current.id.split("::")[1])
        assert seen == ["test_err", "test_bad", "test_err"]


async def test_failures_only_and_folding() -> None:
    it, tab = deck(*FAILING), TestsTab()
    async with WidgetApp(tab).run_test(size=(100, 30)) as pilot:
        tab.set_shown(True)
        tab.update_session(it.live, failed())
        await auntil(lambda: tab.view.results.rows)
        tab.toggle_failed_only()
        assert names(tab) == ["tests/test_a.py", "test_bad", "test_err"]
        await pilot.pause()
        assert "failures only" in text_of(tab)
        tab.toggle_failed_only()
        tab.view.focus()
        await pilot.press("space")
        assert names(tab)[:2] == ["tests/test_a.py", "tests/test_b.py"]
        await pilot.click(tab.view, offset=(6, 1))
        assert names(tab)[:3] == ["tests/test_a.py", "tests/test_b.py", "tests/test_c.py"]


async def test_results_stream_in_and_the_cursor_stays_on_its_test() -> None:
    it, tab = deck(passed("test_1"), passed("test_2", outcome=Outcome.RUNNING)), TestsTab()
    async with WidgetApp(tab).run_test(size=(100, 30)):
        tab.set_shown(True)
        tab.update_session(it.live, state(run=run(RunState.RUNNING, passed=1, total=4)))
        await auntil(lambda: len(tab.view.results.rows) == 3)
        await auntil(lambda: "● running  1 passed  of 4" in text_of(tab))
        assert "━━━─────────" in text_of(tab)
        assert "running" in text_of(tab.view)
        tab.view.cursor = tab.view.results.row_of("tests/test_a.py", "tests/test_a.py::test_1")
        it.results_answer = (passed("test_1"), passed("test_2"), failure("test_3"))
        tab.update_session(it.live, state(run=run(RunState.RUNNING, passed=2, failed=1, total=4)))
        await auntil(lambda: len(tab.view.results.rows) == 4)
        assert names(tab) == ["tests/test_a.py", "test_3", "test_1", "test_2"]
        assert tab.view.current is not None
        assert tab.view.current.id.endswith("test_1")


async def test_another_run_starts_over() -> None:
    it, tab = deck(*FAILING), TestsTab()
    async with WidgetApp(tab).run_test(size=(100, 30)):
        tab.set_shown(True)
        tab.update_session(it.live, failed())
        await auntil(lambda: tab.view.results.rows)
        it.results_answer = (passed("test_new"),)
        tab.update_session(it.live, state(run=run(RunState.PASSED, job_id="j2", passed=1, total=1)))
        await auntil(lambda: names(tab) == ["tests/test_a.py", "test_new"])
        assert "✓ passed  1 passed  of 1" in text_of(tab)


@pytest.mark.parametrize(
    ("it", "words"),
    [
        (None, "Press t to run"),
        (run(RunState.RUNNING), "waiting for the first result"),
        (run(RunState.NO_TESTS, reason="exit 5"), "No tests were found"),
        (run(RunState.ERROR, reason="exit 4: no such option"), "✗ error: exit 4: no such option"),
    ],
)
async def test_states_without_results(it: object, words: str) -> None:
    mini, tab = deck(), TestsTab()
    async with WidgetApp(tab).run_test(size=(80, 24)):
        tab.set_shown(True)
        tab.update_session(mini.live, state(run=it))
        await auntil(lambda: words in text_of(tab))


async def test_an_error_is_shown_in_place() -> None:
    it, tab = deck(), TestsTab()
    it.error = NotFound("no job j1", "Run the tests again.")
    async with WidgetApp(tab).run_test(size=(80, 24)):
        tab.set_shown(True)
        tab.update_session(it.live, failed())
        await auntil(lambda: "✗ no job j1" in text_of(tab))
        assert "Run the tests again." in text_of(tab)


async def test_hidden_it_asks_nothing() -> None:
    it, tab = deck(*FAILING), TestsTab()
    async with WidgetApp(tab).run_test(size=(80, 24)) as pilot:
        tab.update_session(it.live, failed())
        await pilot.pause()
        assert it.asked == []


def test_ten_thousand_results_are_taken_up_bit_by_bit() -> None:
    results = [passed(f"test_{i}", f"tests/test_{i % 50}.py") for i in range(10_000)]
    tree = ResultTree()
    assert tree.update(results[:9_000])
    assert len(tree.rows) == 50
    assert not tree.update(results[:9_000])
    results[7] = failure("test_7", "tests/test_7.py")
    assert tree.update(results)
    assert tree.rows[0].path == "tests/test_7.py"
    assert tree.failures() == [1]
    assert tree.total == 10_000


def test_a_list_of_another_run_replaces_the_first() -> None:
    tree = ResultTree()
    tree.update([passed("one"), passed("two")])
    tree.update([passed("other")])
    assert [row.result.id for row in tree.rows if row.result] == ["tests/test_a.py::other"]


async def test_hostile_results() -> None:
    results = tuple(
        failure(text, text or None, message=text, detail=text, frames=(Frame(path=text, line=1, message=text),))  # type: ignore[arg-type]
        for text in HOSTILE
    )
    it, tab = deck(*results), TestsTab()
    app = WidgetApp(tab)
    async with app.run_test(size=(100, 40)) as pilot:
        tab.set_shown(True)
        tab.update_session(it.live, state(run=run(RunState.ERROR, reason=HOSTILE[1], environment=HOSTILE[3])))
        await auntil(lambda: tab.view.results.rows)
        for y in range(4, 36, 3):
            await pilot.click(tab, offset=(12, y))
            await pilot.pause()
            assert_safe(tab)
        for _ in range(len(results)):
            tab.next_failure()
            await pilot.press("enter")
            await pilot.pause()
            assert_safe(tab)
        assert not app.belled
