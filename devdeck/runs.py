"""Test runs: a job's event file read as it grows, and held against how the job ended."""

from __future__ import annotations

from pathlib import Path

from devdeck.model import Job, RunState, TestResult, TestRun
from devdeck.store import Store
from devdeck.testing.reconcile import conclude, summarise

READ = 1 << 20
"""Bytes read of an event file at once."""


class RunFollower:
    """Follows one test run from its job's files. Not safe for several threads at once."""

    def __init__(self, run: TestRun) -> None:
        from devdeck.testing.registry import adapter_named  # a deck without test runs does not need it to be shown

        self._reader = adapter_named(run.runner).reader()
        self._path: Path | None = None
        self._offset = 0
        self._results: dict[str, TestResult] = {}
        self._job: Job | None = None
        self.run = run

    @property
    def results(self) -> tuple[TestResult, ...]:
        """Results so far, in the order in which the tests came; a test that runs now is among them."""
        results = self._results.values()
        return tuple(results) if self._job is None else conclude(self._job, results)

    def poll(self, job: Job) -> bool:
        """Read what has come, and judge the run by it and by the job as it is now.

        Returns:
            Whether results or verdict differ from before.
        """
        changed = False
        path = Path(job.directory) / "events.jsonl"
        try:
            with path.open("rb") as stream:
                stream.seek(self._offset)
                while chunk := stream.read(READ):
                    self._offset += len(chunk)
                    for result in self._reader.feed(chunk):
                        self._results[result.id] = result
                        changed = True
        except FileNotFoundError:
            pass
        self._job = job
        run = summarise(
            job,
            tuple(self._results.values()),
            self._reader.totals,
            environment=self.run.environment,
            runner=self.run.runner,
        )
        if run != self.run:
            self.run = run
            changed = True
        return changed


def follow(store: Store, job: Job) -> RunFollower | None:
    """A follower that has read all there is of a job's test run; `None` when the job is no test run."""
    run = store.run(job.id)
    if run is None:
        return None
    follower = RunFollower(run)
    follower.poll(job)
    return follower


def settle(store: Store, job: Job, run: TestRun) -> TestRun:
    """The final verdict of a run whose job has ended, recorded so that it is read only once."""
    if run.state is not RunState.RUNNING or job.running:
        return run
    follower = RunFollower(run)
    follower.poll(job)
    store.save_run(follower.run, job.created_at)
    return follower.run
