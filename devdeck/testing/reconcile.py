"""The verdict on a test run: what the runner reported, held against how its process ended.

A run is green only when everything agrees: the process ended by itself with exit status 0, the runner said that its
session ended, every collected test was reported, at least one passed and none failed. Whatever disagrees makes it an
error that names both sides. Exit statuses of pytest: 0 passed, 1 failures, 2 interrupted, 3 internal error, 4 wrong
usage, 5 no tests (https://docs.pytest.org/en/stable/reference/exit-codes.html).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from devdeck.model import Job, JobState, Outcome, RunState, TestResult, TestRun
from devdeck.testing.adapter import Totals

_INTERRUPTED, _INTERNAL, _USAGE, _NO_TESTS = 2, 3, 4, 5
_PYTEST_MEANING = {_INTERRUPTED: "interrupted", _INTERNAL: "internal error", _USAGE: "wrong usage"}


def summarise(job: Job, results: Iterable[TestResult], totals: Totals, *, environment: str, runner: str) -> TestRun:
    """The test run as it stands: its state, the evidence in words, and the counts.

    Args:
        job: The job as it is now.
        results: The latest result of each test.
        totals: What the events say of the whole run.
        environment: Where the interpreter came from, as the plan said it.
        runner: Name of the adapter.

    Returns:
        `state` is `RUNNING` while the job runs. After that a test that never ended counts as an error. Expected
        failures count as skipped and unexpected passes as passed, as in pytest's JUnit report.
    """
    outcomes = Counter(result.outcome for result in results)
    tally = _Tally(
        passed=outcomes[Outcome.PASSED] + outcomes[Outcome.XPASSED],
        failed=outcomes[Outcome.FAILED],
        errors=outcomes[Outcome.ERROR],
        skipped=outcomes[Outcome.SKIPPED] + outcomes[Outcome.XFAILED],
        cut_off=0 if job.running else outcomes[Outcome.RUNNING],
    )
    state, reason = _judge(job, tally, totals, runner)
    return TestRun(
        job_id=job.id,
        session_id=job.session_id,
        runner=runner,
        environment=environment,
        state=state,
        reason=reason,
        passed=tally.passed,
        failed=tally.failed,
        errors=tally.errors + tally.cut_off,
        skipped=tally.skipped,
        total=totals.collected,
        started_at=job.started_at if job.started_at is not None else job.created_at,
        ended_at=job.ended_at,
    )


def conclude(job: Job, results: Iterable[TestResult]) -> tuple[TestResult, ...]:
    """Results as they are to be shown: in a run that has ended no test is running any more, but cut off."""
    if job.running:
        return tuple(results)
    how = "the run was stopped" if job.stopped else f"the run ended ({job.verdict})"
    return tuple(
        msgspec.structs.replace(result, outcome=Outcome.ERROR, message=f"{how} while this test ran")
        if result.outcome is Outcome.RUNNING
        else result
        for result in results
    )


class _Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How many results there are of each kind."""

    passed: int
    failed: int
    errors: int
    skipped: int
    cut_off: int
    """Tests that began and did not end, in a run that has ended."""

    @property
    def bad(self) -> str:
        """`3 failed, 2 errors, 1 cut off`; empty when there are none."""
        errors = _count(self.errors, "error" if self.errors == 1 else "errors")
        return _join(_count(self.failed, "failed"), errors, _count(self.cut_off, "cut off"))

    @property
    def good(self) -> str:
        """`12 passed, 1 skipped`; empty when there are none."""
        return _join(_count(self.passed, "passed"), _count(self.skipped, "skipped"))


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number else ""


def _join(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _judge(job: Job, tally: _Tally, totals: Totals, runner: str) -> tuple[RunState, str]:
    if job.running:
        return RunState.RUNNING, _progress(tally, totals)
    seen = tally.bad or tally.good
    if job.state is JobState.LOST:
        return RunState.ERROR, _join(f"lost: {job.reason}" if job.reason else "lost", seen)
    if job.stopped:
        return RunState.STOPPED, _join("stopped", seen)
    if job.signal is not None:
        return RunState.ERROR, _join(f"ended by {job.verdict}", seen)
    if job.exit_status is None:
        return RunState.ERROR, f"not started: {job.reason}" if job.reason else "not started"
    return _by_exit(job.exit_status, tally, totals, runner)


def _progress(tally: _Tally, totals: Totals) -> str:
    if not totals.started:
        return "starting"
    if totals.collected is None:
        return _join("collecting", tally.bad)
    return _join(f"{totals.reported} of {totals.collected}", tally.bad)


def _by_exit(exit_status: int, tally: _Tally, totals: Totals, runner: str) -> tuple[RunState, str]:
    """The verdict on a run whose process ended by itself."""
    meaning = _PYTEST_MEANING.get(exit_status) if runner == "pytest" else None
    status = f"exit {exit_status} ({meaning})" if meaning else f"exit {exit_status}"
    seen = tally.bad or tally.good
    if not totals.started:
        if exit_status == 0 and not seen:
            return RunState.NO_TESTS, f"{status}, {runner} reported no test"
        return RunState.ERROR, _join(status, f"{runner} did not start; its log says why", seen)
    if not totals.finished:
        return RunState.ERROR, _join(status, "ended before the session finished", seen)
    if meaning:
        collection = _count(totals.collection_errors, "of them in collection") if tally.errors else ""
        return RunState.ERROR, _join(status, totals.problem, seen, collection)
    if runner == "pytest" and exit_status == _NO_TESTS and not tally.bad and not tally.passed:
        return RunState.NO_TESTS, _join(status, "no tests ran", tally.good)
    if tally.bad and not (tally.failed or tally.errors):
        return RunState.ERROR, _join(status, tally.bad, tally.good)
    if tally.bad:
        return RunState.FAILED, f"exit 0 in spite of {tally.bad}" if exit_status == 0 else _join(status, tally.bad)
    if exit_status != 0:
        return RunState.ERROR, f"{status} although {seen or 'nothing ran'}"
    return _if_green(tally, totals, runner)


def _if_green(tally: _Tally, totals: Totals, runner: str) -> tuple[RunState, str]:
    """Exit status 0, session finished, nothing failed: green unless something is missing."""
    if totals.exit_status not in (None, 0):
        return RunState.ERROR, f"exit 0 although {runner} announced {totals.exit_status}, {tally.good}"
    if totals.collected is not None and totals.reported < totals.collected:
        if not totals.reported:
            return RunState.NO_TESTS, f"exit 0, none of {totals.collected} tests ran"
        return RunState.ERROR, f"exit 0 although only {totals.reported} of {totals.collected} tests were reported"
    if not tally.passed:
        return RunState.NO_TESTS, _join("exit 0, no test passed", tally.good)
    return RunState.PASSED, _join("exit 0", tally.good)
