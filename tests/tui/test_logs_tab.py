"""The logs tab where there is nothing to read: it says why."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from devdeck.model import Job, JobKind, JobState
from tests.tui.rest import auntil
from tests.tui.widgets_support import NOW, MiniDeck, WidgetApp, state, text_of
from tui.widgets.logs_tab import LogsTab, silence


def job(log: Path, **fields: object) -> Job:
    known = {"started_at": NOW - 5, "state": JobState.RUNNING, **fields}
    return msgspec.convert(
        {"id": "j", "session_id": "s", "kind": JobKind.RUN, "argv": ["true"], "cwd": "/", "directory": str(log.parent),
         "created_at": NOW - 5, **known}, Job,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "No output yet"),
        (
            {"state": JobState.ENDED, "ended_at": NOW - 2, "exit_status": 0},
            "Ended without output · exit 0 · after 3.0 s",
        ),
        ({"state": JobState.ENDED, "ended_at": NOW - 5, "signal": 9}, "Ended without output · SIGKILL · after 0.00 s"),
        ({"state": JobState.ENDED, "skipped": True, "reason": "[ -f x ] was false"}, "it was skipped · [ -f x ] was"),
        ({"state": JobState.ENDED, "started_at": None, "reason": "no such file"}, "it was not started · no such file"),
        ({"state": JobState.LOST}, "how it ended is not known"),
    ],
)
def test_silence_is_told_with_how_it_ended(tmp_path: Path, fields: dict[str, object], words: str) -> None:
    assert words in silence(job(tmp_path / "output.log", **fields))


async def test_a_job_that_prints_nothing_says_so_while_it_runs_and_when_it_has_ended(tmp_path: Path) -> None:
    log = tmp_path / "output.log"
    log.touch()
    it, tab = MiniDeck(), LogsTab()
    async with WidgetApp(tab).run_test(size=(80, 24)):
        tab.set_shown(True)
        tab.update_session(it.live, state(jobs=(job(log),)))
        await auntil(lambda: "Waiting for output" in text_of(tab.pane))
        ended = job(log, state=JobState.ENDED, ended_at=NOW - 2, exit_status=0)
        tab.update_session(it.live, state(jobs=(ended,)))
        await auntil(lambda: "Ended without output · exit 0 · after 3.0 s" in text_of(tab.pane))
        assert "Waiting" not in text_of(tab.pane)
