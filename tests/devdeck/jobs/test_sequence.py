"""The driver of a sequence, in this process."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from devdeck.jobs.files import read_started
from devdeck.jobs.lifecycle import refresh
from devdeck.jobs.sequence import Driver, Item, Plan
from tests.devdeck.jobs.harness import Jobs


def test_only_the_time_of_the_command_counts_for_its_time_out(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the runner alone may take longer to start than the command may take."""
    job = jobs.prepare("true")
    begun: list[bool] = []

    class Runner(subprocess.Popen[bytes]):
        def wait(self, timeout: float | None = None) -> int:
            if timeout is not None:
                begun.append(read_started(Path(job.directory)) is not None)
            return super().wait(timeout)

    monkeypatch.setattr("devdeck.jobs.sequence.subprocess.Popen", Runner)
    item = Item(directory=job.directory, worktree=str(jobs.cwd), timeout=60.0)
    assert Driver(Plan(items=(item,))).run()
    assert begun == [True]
    assert refresh(job).exit_status == 0
