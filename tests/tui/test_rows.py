from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from devdeck.model import Fact, GitFacts, JobKind, JobState, RunState, SessionState
from tests.tui.widgets_support import HOSTILE, NOW, git, job, pane, run, sample, seen, session, state, terminal
from tui.widgets import fuzzy, rows
from tui.widgets.spans import Span, Tone, clean, fit, marked, plain, shorten, width_of, wrapped


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.2, "now"), (42, "42s"), (60, "1m"), (3599, "59m"), (7200, "2h"), (90000, "1d"), (1e9, "999d")],
)
def test_age(seconds: float | None, words: str) -> None:
    assert rows.age(seconds) == words


@pytest.mark.parametrize(
    ("fields", "name", "glyph"),
    [
        ({}, "idle", "○"),
        ({"jobs": (job(),), "run": run(RunState.FAILED)}, "running", "●"),
        ({"git": git(conflicts=2), "run": run()}, "attention", "!"),
        ({"run": run(RunState.FAILED, failed=1)}, "failed", "✗"),
        ({"run": run(RunState.ERROR)}, "failed", "✗"),
        ({"run": run()}, "passed", "✓"),
        ({"run": run(RunState.NO_TESTS)}, "idle", "○"),
        ({"jobs": (job(state=JobState.LOST, kind=JobKind.BUILD),)}, "attention", "!"),
        ({"jobs": (job(state=JobState.ENDED, exit_status=2),)}, "failed", "✗"),
        ({"jobs": (job(state=JobState.ENDED, signal=15, stopped=True),)}, "idle", "○"),
        ({"terminal": Fact(at=NOW)}, "no-terminal", "⊘"),
        ({"git": Fact(error="gone")}, "attention", "!"),
        ({"git": Fact(), "terminal": Fact()}, "loading", "…"),
    ],
)
def test_status_has_a_glyph_and_words(fields: dict[str, Any], name: str, glyph: str) -> None:
    it = rows.status(state(**fields))
    assert (it.name, it.glyph) == (name, glyph)
    assert it.words


def test_git_marks_count_everything_that_is_not_zero() -> None:
    facts = GitFacts(branch="x", head=None, staged=2, unstaged=3, untracked=1, conflicts=1, ahead=2, behind=1)
    assert plain(rows.git_counts(facts)) == "!1 +2 ~3 ?1 ↑2 ↓1"
    assert rows.git_counts(GitFacts(branch="x", head=None)) == ()


def test_git_cell_tells_unknown_unreadable_and_stale() -> None:
    assert plain(rows.git_cell(state(git=Fact()), NOW)) == "…"
    assert plain(rows.git_cell(state(git=Fact(error="no")), NOW)) == "git?"
    old = state(git=seen(GitFacts(branch="x", head=None, staged=1), at=NOW - 180))
    assert rows.git_cell(old, NOW) == (Span("+1", Tone.STALE), Span(" "), Span("3m", Tone.STALE))
    clean_one = state(git=seen(GitFacts(branch="x", head=None), at=NOW - 180))
    assert plain(rows.git_cell(clean_one, NOW)) == "clean 3m"
    failed = state(git=seen(GitFacts(branch="x", head=None, staged=1), at=NOW - 5, error="time-out"))
    assert plain(rows.git_cell(failed, NOW)) == "+1 5s"


@pytest.mark.parametrize(
    ("it", "words"),
    [
        (None, ""),
        (run(passed=120), "✓ 120"),
        (run(RunState.FAILED, failed=2, errors=1, passed=117, total=120), "✗ 3/120"),
        (run(RunState.RUNNING, passed=40, total=120), "● 40/120"),
        (run(RunState.ERROR), "✗ error"),
        (run(RunState.NO_TESTS), "– none"),
        (run(RunState.STOPPED), "– stopped"),
    ],
)
def test_test_cell(it: object, words: str) -> None:
    assert plain(rows.test_cell(it)) == words  # type: ignore[arg-type]


def test_runs_cell_prefers_jobs_and_passes_over_shells() -> None:
    jobs = (job(title="pytest"), job("j2"))
    assert plain(rows.runs_cell(state(jobs=jobs), NOW)) == "pytest +1 1m"
    assert plain(rows.runs_cell(state(terminal=terminal(pane(command="nvim"))), NOW)) == "nvim"
    assert rows.runs_cell(state(terminal=terminal(pane(command="-zsh"))), NOW) == ()


def test_cpu_that_is_old_shows_its_age() -> None:
    assert plain(rows.cpu_cell(sample(187.4), NOW)) == "187%"
    assert plain(rows.cpu_cell(sample(at=NOW - 60), NOW)) == "1m"


def busy(label: str = "checkout") -> SessionState:
    return state(
        "a", label, git=git("feature/x", staged=2, ahead=1), run=run(RunState.FAILED, failed=3, total=120),
        jobs=(job(title="pytest"),), sample=sample(),
    )  # fmt: skip


def test_narrow_rows_keep_label_git_and_tests() -> None:
    want = rows.wanted(busy(), NOW)
    narrow, wide = rows.plan(42, want), rows.plan(120, want)
    assert narrow.git
    assert narrow.test
    assert not narrow.branch
    assert not narrow.cpu
    assert all(wide)
    assert "checkout" in plain(rows.session_row(busy(), narrow, NOW))
    assert "feature/x" in plain(rows.session_row(busy(), wide, NOW))


@pytest.mark.parametrize("label", HOSTILE)
@pytest.mark.parametrize("width", [20, 42, 78, 120])
def test_rows_are_as_wide_as_planned_whatever_the_names(label: str, width: int) -> None:
    states = [busy(), state("b", label, git=git(label, unstaged=1), jobs=(job(title=label),), sample=sample())]
    wants = [rows.wanted(each, NOW) for each in states]
    columns = rows.plan(width, rows.Columns(*(max(column) for column in zip(*wants, strict=True))))
    for each in states:
        row = rows.session_row(each, columns, NOW)
        assert width_of(row) == width
        assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in plain(row))
    assert width_of(rows.group_row(label, label, 3, width)) == width


@settings(max_examples=80, deadline=None)
@given(text=st.text(max_size=60), width=st.integers(0, 40), middle=st.booleans())
def test_shorten_and_fit_keep_to_the_width(text: str, width: int, middle: bool) -> None:
    safe = clean(text)
    assert cell_len(shorten(safe, width, middle=middle)) <= width
    assert width_of(fit((Span(safe), Span("tail", Tone.MUTED)), width)) == width


def test_shorten_in_the_middle_keeps_both_ends() -> None:
    assert shorten("feature/payments-retry", 13, middle=True) == "featur…-retry"


def test_wrapped_breaks_between_spans() -> None:
    parts = wrapped((Span(" name "), Span("aaaa"), Span(" · bbbb")), 12, 6)
    assert [plain(part) for part in parts] == [" name aaaa", "      bbbb"]


def test_marked_splits_by_match() -> None:
    assert marked("abc", [1], Tone.LABEL) == (Span("a", Tone.LABEL), Span("b", Tone.MATCH), Span("c", Tone.LABEL))


def test_fuzzy_wants_every_word_in_some_field() -> None:
    fields = ("checkout-redesign", "feature/x", "shop")
    assert fuzzy.match("shop redes", fields) is not None
    assert fuzzy.match("shop nothing", fields) is None
    found = fuzzy.match("cred", fields)
    assert found is not None
    assert found.positions[0] == {0, 9, 10, 11} or len(found.positions[0]) == 4


def test_fuzzy_prefers_what_is_written_out() -> None:
    whole, scattered = fuzzy.match("api", ("api-gateway",)), fuzzy.match("api", ("a-pretty-idea",))
    assert whole is not None
    assert scattered is not None
    assert whole.score > scattered.score


@settings(max_examples=80, deadline=None)
@given(query=st.text(max_size=6), text=st.text(max_size=20))
def test_fuzzy_positions_are_in_the_text(query: str, text: str) -> None:
    found = fuzzy.match(query, (text,))
    if found is not None:
        assert all(0 <= position < len(text) for position in found.positions[0])


def test_detached_head_shows_its_commit() -> None:
    assert rows.branch_of(state(git=git(None))) == "@aaaaaaaa"
    assert rows.branch_of(SessionState(session=session("a", branch="made"))) == "made"
