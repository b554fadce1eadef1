"""What records say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from devdeck.model import Job, JobKind, JobState, Session, SessionState

IT = Session(id="a", label="a", repository="r", repository_path="/r", worktree="/w")


def job(id_: str, at: float, exit_status: int | None = 0, **fields: Any) -> Job:
    values: dict[str, Any] = {
        "session_id": "a", "kind": JobKind.INIT, "argv": (id_,), "cwd": "/w", "directory": "/j", "created_at": at,
        "state": JobState.ENDED, "exit_status": exit_status,
    }  # fmt: skip
    return Job(id=id_, **{**values, **fields})


@pytest.mark.parametrize(
    ("fields", "failed"),
    [
        ({}, False),
        ({"exit_status": 2}, True),
        ({"exit_status": None, "signal": 9}, True),
        ({"exit_status": None}, True),
        ({"exit_status": None, "signal": 15, "stopped": True}, False),
        ({"exit_status": None, "state": JobState.RUNNING}, False),
        ({"exit_status": None, "state": JobState.LOST}, False),
    ],
)
def test_a_job_has_failed_when_it_ended_badly_by_itself(fields: dict[str, Any], failed: bool) -> None:
    assert job("x", 1.0, **fields).failed is failed


@pytest.mark.parametrize(
    ("jobs", "failed"),
    [
        ((), None),
        ((job("install", 1.0),), None),
        ((job("build", 300.0, 1), job("install", 1.0)), "build"),
        ((job("c", 2.2), job("b", 2.1, 1), job("a", 2.0, 1)), "a"),
        ((job("b", 2.0, None, state=JobState.LOST),), "b"),
        # What was set up again counts as it went the last time.
        ((job("new", 60.0), job("old", 2.0, 1)), None),
        ((job("again", 3.0, argv=("x",)), job("first", 2.0, 1, argv=("x",))), None),
        # Other jobs in between don't matter.
        ((job("test", 9.0, 1, kind=JobKind.TEST), job("a", 2.0)), None),
        ((job("test", 9.0, kind=JobKind.TEST), job("a", 2.0, 1)), "a"),
    ],
)
def test_initialization_failed_when_a_job_of_its_newest_batch_did(jobs: tuple[Job, ...], failed: str | None) -> None:
    state = SessionState(session=IT, jobs=jobs)
    found = state.failed_initialization
    assert (found.id if found is not None else None) == failed
    assert state.init_failed is (failed is not None)
