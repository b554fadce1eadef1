"""The verdict: evidence on both sides, and never green by accident."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.model import Job, JobState, Outcome, RunState, TestResult, TestRun
from devdeck.testing.adapter import Totals
from devdeck.testing.reconcile import conclude, summarise
from tests.devdeck.testing.projects import job


def results(*outcomes: str) -> list[TestResult]:
    return [TestResult(id=f"t{number}", outcome=Outcome(outcome)) for number, outcome in enumerate(outcomes)]


def judge(job_: Job, outcomes: list[TestResult], totals: Totals) -> TestRun:
    return summarise(job_, outcomes, totals, environment=".venv", runner="pytest")


def totals(**fields: Any) -> Totals:
    return Totals(**{"started": True, "finished": True, "collected": 2, "reported": 2, "exit_status": 0, **fields})


@pytest.mark.parametrize(
    ("fields", "outcomes", "known", "state", "reason"),
    [
        ({}, ["passed", "skipped"], {}, RunState.PASSED, "exit 0, 1 passed, 1 skipped"),
        ({}, ["passed", "xfailed", "xpassed"], {}, RunState.PASSED, "exit 0, 2 passed, 1 skipped"),
        ({}, ["skipped", "skipped"], {}, RunState.NO_TESTS, "exit 0, no test passed, 2 skipped"),
        ({}, [], {"collected": 0, "reported": 0}, RunState.NO_TESTS, "exit 0, no test passed"),
        ({}, [], {"reported": 0}, RunState.NO_TESTS, "exit 0, none of 2 tests ran"),
        ({}, ["passed"], {"reported": 1}, RunState.ERROR, "exit 0 although only 1 of 2 tests were reported"),
        ({}, ["passed"], {"exit_status": 1}, RunState.ERROR, "exit 0 although pytest announced 1, 1 passed"),
        ({}, ["passed", "failed"], {}, RunState.FAILED, "exit 0 in spite of 1 failed"),
        ({}, ["passed", "running"], {}, RunState.ERROR, "exit 0, 1 cut off, 1 passed"),
        ({}, [], {"started": False, "finished": False}, RunState.NO_TESTS, "exit 0, pytest reported no test"),
        ({}, ["passed"], {"finished": False}, RunState.ERROR, "exit 0, ended before the session finished, 1 passed"),
        ({"exit_status": 1}, ["failed", "error", "error"], {}, RunState.FAILED, "exit 1, 1 failed, 2 errors"),
        ({"exit_status": 1}, ["failed", "running"], {}, RunState.FAILED, "exit 1, 1 failed, 1 cut off"),
        ({"exit_status": 1}, ["passed"], {}, RunState.ERROR, "exit 1 although 1 passed"),
        ({"exit_status": 1}, [], {}, RunState.ERROR, "exit 1 although nothing ran"),
        (
            {"exit_status": 1},
            [],
            {"started": False, "finished": False},
            RunState.ERROR,
            "exit 1, pytest did not start; its log says why",
        ),
        ({"exit_status": 2}, ["failed"], {}, RunState.ERROR, "exit 2 (interrupted), 1 failed"),
        ({"exit_status": 3}, [], {"problem": "X: y"}, RunState.ERROR, "exit 3 (internal error), X: y"),
        ({"exit_status": 4}, [], {}, RunState.ERROR, "exit 4 (wrong usage)"),
        ({"exit_status": 5}, [], {"collected": 0}, RunState.NO_TESTS, "exit 5, no tests ran"),
        ({"exit_status": 5}, ["skipped"], {}, RunState.NO_TESTS, "exit 5, no tests ran, 1 skipped"),
        ({"exit_status": 5}, ["passed"], {}, RunState.ERROR, "exit 5 although 1 passed"),
        ({"exit_status": 7}, ["failed"], {}, RunState.FAILED, "exit 7, 1 failed"),
        ({"exit_status": None, "signal": 9}, ["passed"], {}, RunState.ERROR, "ended by SIGKILL, 1 passed"),
        ({"exit_status": None, "signal": 15, "stopped": True}, ["failed"], {}, RunState.STOPPED, "stopped, 1 failed"),
        ({"stopped": True}, ["passed"], {}, RunState.STOPPED, "stopped, 1 passed"),
        (
            {"exit_status": None, "state": JobState.LOST, "reason": "its runner is gone"},
            ["passed"],
            {},
            RunState.ERROR,
            "lost: its runner is gone, 1 passed",
        ),
        ({"exit_status": None, "reason": "no such file"}, [], {}, RunState.ERROR, "not started: no such file"),
    ],
)
def test_verdicts(
    fields: dict[str, Any], outcomes: list[str], known: dict[str, Any], state: RunState, reason: str
) -> None:
    run = judge(job(**fields), results(*outcomes), totals(**known))
    assert (run.state, run.reason) == (state, reason)


@pytest.mark.parametrize(
    ("known", "outcomes", "reason"),
    [
        (Totals(), [], "starting"),
        (Totals(started=True), ["error"], "collecting, 1 error"),
        (Totals(started=True, collected=9, reported=2), ["passed", "failed", "running"], "2 of 9, 1 failed"),
    ],
)
def test_progress_while_it_runs(known: Totals, outcomes: list[str], reason: str) -> None:
    run = judge(job(state=JobState.RUNNING, exit_status=None, ended_at=None), results(*outcomes), known)
    assert (run.state, run.reason) == (RunState.RUNNING, reason)


def test_other_runners_have_their_own_exit_statuses() -> None:
    run = summarise(job(exit_status=5), results("failed"), totals(), environment="", runner="other")
    assert (run.state, run.reason) == (RunState.FAILED, "exit 5, 1 failed")


def test_counts_and_times() -> None:
    run = judge(job(exit_status=1), results("passed", "failed", "error", "running", "xfailed"), totals())
    assert (run.passed, run.failed, run.errors, run.skipped, run.total) == (1, 1, 2, 1, 2)
    assert (run.started_at, run.ended_at, run.job_id, run.session_id) == (2.0, 3.0, "j", "s")


def test_tests_cut_off_are_errors_once_the_job_has_ended() -> None:
    running = results("passed", "running")
    assert conclude(job(state=JobState.RUNNING), running) == tuple(running)
    (first, second) = conclude(job(exit_status=None, signal=9), running)
    assert first == running[0]
    assert (second.outcome, second.message) == (Outcome.ERROR, "the run ended (SIGKILL) while this test ran")
    assert conclude(job(stopped=True), running)[1].message == "the run was stopped while this test ran"


@settings(max_examples=400, deadline=None)
@given(
    outcomes=st.lists(st.sampled_from([str(outcome) for outcome in Outcome]), max_size=6),
    state=st.sampled_from(list(JobState)),
    exit_status=st.none() | st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5, 6, 255]),
    signal=st.none() | st.sampled_from([2, 9, 15]),
    stopped=st.booleans(),
    known=st.builds(
        Totals,
        started=st.booleans(),
        finished=st.booleans(),
        collected=st.none() | st.integers(0, 6),
        reported=st.integers(0, 6),
        exit_status=st.none() | st.integers(0, 6),
    ),
)
def test_green_means_seen_to_be_good(
    outcomes: list[str],
    state: JobState,
    exit_status: int | None,
    signal: int | None,
    stopped: bool,
    known: Totals,
) -> None:
    run = judge(job(state=state, exit_status=exit_status, signal=signal, stopped=stopped), results(*outcomes), known)
    assert run.reason
    good = (
        state is JobState.ENDED
        and exit_status == 0
        and signal is None
        and not stopped
        and known.started
        and known.finished
        and known.exit_status in (None, 0)
        and (known.collected is None or known.reported >= known.collected)
        and {"passed", "xpassed"} & set(outcomes)
        and not {"failed", "error", "running"} & set(outcomes)
    )
    assert (run.state is RunState.PASSED) == bool(good)
    assert (run.state is RunState.RUNNING) == (state in (JobState.STARTING, JobState.RUNNING))
