from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from devdeck.errors import DeckError
from devdeck.jobs.files import Result, read_result, read_started, write_record
from devdeck.jobs.lifecycle import is_alive, refresh, stop
from devdeck.jobs.processes import boot_id, members, process_facts
from devdeck.model import Job, JobState
from tests.devdeck.jobs.harness import Jobs, log, python, says
from tests.support import until


def pids(job: Job, name: str) -> list[int]:
    """Process ids that the command printed as `name PID`."""
    return [int(pid) for pid in re.findall(rf"{name} (\d+)\r".encode(), log(job))]


def gone(pid: int) -> bool:
    return not is_alive(pid, None)


TREE = """
import os, signal, subprocess, sys, time
def child(name, setsid=False, deaf=False, bare=False, orphan=False):
    if os.fork(): return
    if setsid: os.setsid()
    if orphan and os.fork(): os._exit(0)
    if deaf: signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if deaf: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    wait = "import signal,os; print(%r, os.getpid(), flush=True); [signal.pause() for _ in iter(int, 1)]" % name
    os.execve(sys.executable, [sys.executable, '-I', '-S', '-c', wait], {} if bare else os.environ)
child('plain')
child('deaf', deaf=True)
child('daemon', setsid=True, orphan=True, deaf=True)
child('bare', setsid=True, orphan=True, bare=True)
print('root', os.getpid(), flush=True)
while True: time.sleep(1)
"""
NAMES = ("root", "plain", "deaf", "daemon", "bare")


def everyone(job: Job) -> list[int]:
    found = [pids(job, name) for name in NAMES]
    return [pid for (pid,) in found] if all(found) else []


def test_stop_ends_the_group_and_all_that_left_it(jobs: Jobs) -> None:
    job, window = jobs.start(*python(TREE))
    until(says(job, b"root"))
    family = until(lambda: everyone(job))
    job = stop(job, grace=0.3)
    assert [pid for pid in family if not gone(pid)] == []
    assert (job.state, job.stopped, job.verdict, job.reason) == (JobState.ENDED, True, "stopped", "")
    assert job.signal == signal.SIGTERM
    assert window.wait() == 128 + signal.SIGTERM
    until(lambda: b"devdeck: stopped after" in window.output)


def test_a_command_may_end_its_own_way_within_the_grace_period(jobs: Jobs) -> None:
    job, _ = jobs.start("sh", "-c", "trap 'echo tidy; exit 3' TERM; echo ready; while :; do sleep 0.05; done")
    until(says(job, b"ready"))
    job = stop(job, grace=30)
    assert (job.exit_status, job.signal, job.stopped) == (3, None, True)
    assert log(job).endswith(b"tidy\r\n")


def test_a_command_that_is_deaf_is_killed_after_the_grace_period(jobs: Jobs) -> None:
    job, _ = jobs.start("sh", "-c", "trap '' TERM HUP INT; echo ready; while :; do sleep 0.05; done")
    until(says(job, b"ready"))
    job = stop(job, grace=0.2)
    assert (job.exit_status, job.signal, job.stopped) == (None, signal.SIGKILL, True)
    assert job.duration is not None
    assert job.duration >= 0.2


def test_a_stopped_process_is_woken_to_end(jobs: Jobs) -> None:
    job, _ = jobs.start("sh", "-c", "echo ready; kill -STOP $$; echo never")
    until(says(job, b"ready"))
    started = read_started(Path(job.directory))
    assert started
    until(lambda: (process_facts(started.pid) or "?")[0] == "T")
    job = stop(job, grace=30)
    assert job.signal == signal.SIGTERM


def test_a_closed_window_stops_the_job_and_says_so(jobs: Jobs) -> None:
    job, window = jobs.start("sh", "-c", "trap 'echo tidy; exit 3' TERM; echo ready; while :; do sleep 0.05; done")
    until(says(job, b"ready"))
    window.hang_up()
    assert window.wait() == 3
    job = refresh(job)
    assert (job.exit_status, job.stopped, job.reason) == (3, True, "its window was closed")
    assert log(job).endswith(b"tidy\r\n")


def test_sigint_goes_to_the_foreground_and_is_no_stop(jobs: Jobs) -> None:
    job, window = jobs.start("sh", "-c", "trap 'echo int; exit 6' INT; echo ready; while :; do sleep 0.05; done")
    until(says(job, b"ready"))
    window.process.send_signal(signal.SIGINT)
    assert window.wait() == 6
    job = refresh(job)
    assert (job.exit_status, job.stopped) == (6, False)


def test_stop_before_the_runner_begins(jobs: Jobs) -> None:
    job = jobs.prepare("touch", "ran")
    ended = stop(job, grace=0.1, timeout=0.2)
    assert (ended.state, ended.stopped, ended.reason) == (JobState.ENDED, True, "it was stopped before it began")
    assert jobs.open(job).wait() == 125
    assert not (jobs.cwd / "ran").exists()


def test_a_runner_that_finds_the_request_to_stop_runs_nothing(jobs: Jobs) -> None:
    job = jobs.prepare("touch", "ran")
    write_record(Path(job.directory) / "stop.json", {"grace": 1.0})
    jobs.open(job).wait()
    job = refresh(job)
    assert (job.state, job.stopped, job.reason) == (JobState.ENDED, True, "it was stopped before it began")
    assert not (jobs.cwd / "ran").exists()


def test_stopping_what_has_ended_changes_nothing(jobs: Jobs) -> None:
    job, _ = jobs.run("sh", "-c", "exit 2")
    assert stop(job) == job
    assert not (Path(job.directory) / "stop.json").exists()


def kill_runner(job: Job) -> None:
    started = read_started(Path(job.directory))
    assert started is not None
    os.kill(started.runner_pid, signal.SIGKILL)
    until(lambda: not is_alive(started.runner_pid, started.runner_start_ticks))


def test_a_killed_runner_makes_the_job_lost(jobs: Jobs) -> None:
    job, _ = jobs.start("sh", "-c", "echo ready; sleep 300")
    until(says(job, b"ready"))
    assert refresh(job).state is JobState.RUNNING
    kill_runner(job)
    lost = until(lambda: seen if "left no result" in (seen := refresh(job)).reason else None)
    assert lost is not None
    assert (lost.state, lost.exit_status, lost.reason) == (
        JobState.LOST,
        None,
        "its runner is gone and left no result",
    )
    assert log(job) == b"ready\r\n"


def test_what_a_killed_runner_leaves_alive_is_said_and_can_be_stopped(jobs: Jobs) -> None:
    job, _ = jobs.start(*python("import signal; signal.signal(1, signal.SIG_IGN)\n" + TREE))
    until(says(job, b"root"))
    family = until(lambda: everyone(job))
    kill_runner(job)
    job = refresh(job)
    assert job.state is JobState.LOST
    assert job.reason == f"its runner is gone and records no more; the command still runs (pid {family[0]})"
    job = stop(job, grace=0.3)
    # A process with an emptied environment in a session of its own is known to nobody once the runner is gone.
    assert [pid for pid in family[:-1] if not gone(pid)] == []
    assert (job.state, job.stopped, job.exit_status, job.reason) == (
        JobState.ENDED, True, None, "stopped without its runner",
    )  # fmt: skip
    os.kill(family[-1], signal.SIGKILL)


def test_a_runner_that_does_not_answer_is_gone_around(jobs: Jobs) -> None:
    job, _ = jobs.start("sh", "-c", "trap '' HUP TERM; echo ready; while :; do sleep 0.05; done")
    until(says(job, b"ready"))
    kill_runner(job)
    started = read_started(Path(job.directory))
    assert started is not None
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)\nwhile 1: signal.pause()"
    with subprocess.Popen(python(deaf), stdout=subprocess.PIPE) as hung:
        assert hung.stdout is not None
        hung.stdout.readline()
        facts = process_facts(hung.pid)
        assert facts is not None
        forged = msgspec.structs.replace(started, runner_pid=hung.pid, runner_start_ticks=facts[3])
        write_record(Path(job.directory) / "started.json", msgspec.to_builtins(forged))
        assert refresh(job).state is JobState.RUNNING
        job = stop(job, grace=0.2, timeout=0.1)
        assert hung.wait() == -signal.SIGKILL
    assert (job.state, job.stopped, job.reason) == (
        JobState.ENDED, True, "stopped without its runner, which did not answer",
    )  # fmt: skip
    assert gone(started.pid)


def test_a_recycled_pid_is_never_signalled(jobs: Jobs) -> None:
    job, window = jobs.start("sh", "-c", "echo ready; sleep 300")
    other, _ = jobs.start("sh", "-c", "echo ready; sleep 300")
    until(says(job, b"ready"))
    until(says(other, b"ready"))
    folder = Path(job.directory)
    mine, theirs = read_started(folder), read_started(Path(other.directory))
    assert mine is not None
    assert theirs is not None
    window.process.kill()
    window.process.wait()
    until(lambda: gone(mine.pid))
    # The pids of the dead job now belong to another one, which began at another time.
    early = 1
    forged = msgspec.structs.replace(
        theirs, id=job.id, start_ticks=early, runner_start_ticks=early, leader_start_ticks=early
    )
    write_record(folder / "started.json", msgspec.to_builtins(forged))
    assert refresh(job).state is JobState.LOST
    assert stop(job, grace=0.1, timeout=0.1).state is JobState.ENDED
    assert refresh(other).state is JobState.RUNNING
    assert not gone(theirs.pid)


def test_pids_of_another_boot_mean_nothing(jobs: Jobs) -> None:
    job, _ = jobs.start("sh", "-c", "echo ready; sleep 300")
    until(says(job, b"ready"))
    folder = Path(job.directory)
    started = read_started(folder)
    assert started is not None
    assert started.boot_id == boot_id()
    old = msgspec.structs.replace(started, boot_id="00000000-0000-0000-0000-000000000000")
    write_record(folder / "started.json", msgspec.to_builtins(old))
    lost = refresh(job)
    assert (lost.state, lost.reason) == (JobState.LOST, "the machine was restarted while it ran")


def test_a_process_that_will_not_die_is_an_error(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    job, window = jobs.start("sh", "-c", "trap '' HUP; echo ready; while :; do sleep 0.05; done")
    until(says(job, b"ready"))
    window.process.kill()
    window.process.wait()
    from devdeck.jobs import lifecycle

    def refused(pid: int, ticks: int | None, number: int) -> bool:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(lifecycle, "send_signal", refused)
    monkeypatch.setattr(lifecycle, "KILL_LIMIT", 0.1)
    with pytest.raises(DeckError, match="did not end"):
        stop(job, grace=0.1, timeout=0.1)
    assert read_result(Path(job.directory)) is None


def test_the_runner_and_a_late_writer_agree_on_one_result(jobs: Jobs) -> None:
    from devdeck.jobs.files import write_result

    job, _ = jobs.run("true")
    before = read_result(Path(job.directory))
    late = Result(exit_status=None, signal=None, ended_at=1.0, duration=0.0, stopped=True, reason="late")
    assert not write_result(Path(job.directory), late)
    assert read_result(Path(job.directory)) == before


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05, 0.08])
def test_whenever_the_runner_is_killed_nothing_stays_behind(jobs: Jobs, delay: float) -> None:
    job, window = jobs.start("sh", "-c", "trap '' HUP; echo ran >ran; sleep 300")
    time.sleep(delay)  # samples moments of the start; what is asserted holds at each of them
    window.process.kill()
    window.process.wait()
    seen = refresh(job)
    assert seen.state in (JobState.STARTING, JobState.LOST)
    ended = stop(job, grace=0.2, timeout=0.2)
    assert (ended.state, ended.stopped) == (JobState.ENDED, True)
    started = read_started(Path(job.directory))
    if started is None:
        assert not (jobs.cwd / "ran").exists()
    else:
        assert gone(started.pid)
        until(lambda: gone(started.leader_pid))
    assert members(job.id, None, set(), set()) == {}
