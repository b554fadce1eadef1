"""All results of a run, read from its job's folder."""

from __future__ import annotations

from pathlib import Path

from devdeck.model import TestResult
from devdeck.testing.adapter import EVENTS, TestAdapter

_CHUNK = 1024 * 1024


def read_results(job_directory: Path, adapter: TestAdapter) -> tuple[TestResult, ...]:
    """The latest result of each test, in the order in which the tests began.

    Memory grows with the number of tests and not with their output: readers bound what they keep of each failure.

    Args:
        job_directory: Folder of the job.
        adapter: The runner that wrote the events.

    Returns:
        Nothing when there are no events (yet). A test that never ended has the outcome `RUNNING`;
        `devdeck.testing.reconcile.conclude` says what that means when the job has ended.

    Raises:
        OSError: The events are there and can't be read.
    """
    reader = adapter.reader()
    results: dict[str, TestResult] = {}
    try:
        with (job_directory / EVENTS).open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                results.update((result.id, result) for result in reader.feed(chunk))
    except FileNotFoundError:
        return ()
    return tuple(results.values())
