"""The life of a job as the deck sees it: made, looked at, stopped.

Nothing here waits for a job but `stop`, which blocks (call it in a thread) and always within its time-out.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from devdeck import owner
from devdeck.errors import DeckError, NotFound, UsageError
from devdeck.jobs.files import (
    JobSpec,
    Result,
    Started,
    StopRequest,
    read_result,
    read_started,
    read_waiting,
    write_result,
    write_spec,
    write_stop,
)
from devdeck.jobs.processes import boot_id, members, process_facts, send_signal
from devdeck.model import Job, JobKind, JobState
from devdeck.text import one_line

KILL_LIMIT = 5.0
"""Seconds after SIGKILL after which a process counts as one that can't be stopped."""
START_LIMIT = 30.0
"""Seconds after which a job that nobody started is lost."""

_id_lock = threading.Lock()
_last_id_time = 0


def new_job_id() -> str:
    """A new id, such as `20260321-074512-083921-5f0c1e`: UTC time to the microsecond, then a random part.

    Ids sort by the time they were made, differ between processes, and are safe as file names and tmux options.
    """
    global _last_id_time
    with _id_lock:
        now = _last_id_time = max(time.time_ns() // 1000, _last_id_time + 1)
    seconds, micros = divmod(now, 1_000_000)
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(seconds))}-{micros:06d}-{secrets.token_hex(3)}"


def prepare(
    paths_jobs: Path,
    *,
    session_id: str,
    kind: JobKind,
    argv: Sequence[str],
    cwd: str | Path,
    env: Mapping[str, str | None] | None = None,
    title: str = "",
    job_id: str | None = None,
) -> Job:
    """Make the folder and the spec of a new job, ready for its runner (`runner_argv(job.directory)`).

    Args:
        paths_jobs: Parent of all job folders; made when missing.
        session_id: Session that the job belongs to.
        kind: What it is for.
        argv: Command and arguments; no shell reads them.
        cwd: Folder to run in.
        env: Variables to set, or with `None` to remove, on top of the environment of the pane.
        title: What to call it; the command when empty.
        job_id: Its id, from `new_job_id`, when the caller had to know it before; a new one by default.

    Returns:
        The job, starting. Its texts are for display: bytes that are no UTF-8 are replaced in them, not in the spec.

    Raises:
        UsageError: The command is empty, or a text can't be given to a process.
        NotFound: There is no folder `cwd`.
        DeckError: The job's folder can't be made.
    """
    if not argv or not argv[0]:
        raise UsageError("there is no command to run", "give one after `--`")
    changes = dict(env or {})
    _check_texts([*argv, str(cwd), *changes, *(value for value in changes.values() if value is not None)])
    if bad := [name for name in changes if not name or "=" in name]:
        raise UsageError(f"{one_line(bad[0])!r} can't be the name of an environment variable")
    if not Path(cwd).is_dir():
        raise NotFound(f"there is no folder {one_line(str(cwd))}", "was the worktree removed?")
    id_ = job_id or new_job_id()
    spec = JobSpec(
        id=id_,
        argv=tuple(argv),
        cwd=str(Path(cwd).absolute()),
        set={name: value for name, value in changes.items() if value is not None},
        unset=tuple(name for name, value in changes.items() if value is None),
        kind=kind,
        title=one_line(_shown(title) or shlex.join(map(_shown, argv)), limit=200),
        session_id=session_id,
        created_at=time.time(),
    )
    directory = paths_jobs / id_
    try:
        paths_jobs.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.mkdir(mode=0o700)
        write_spec(directory, spec)
    except OSError as error:
        with contextlib.suppress(OSError):
            directory.rmdir()  # an empty one is of no use to anybody
        raise DeckError(
            f"the job folder {directory} can't be made: {error.strerror}", "is the disk full, or not yours to write to?"
        ) from error
    return Job(
        id=id_,
        session_id=session_id,
        kind=kind,
        argv=tuple(map(_shown, argv)),
        cwd=_shown(spec.cwd),
        directory=str(directory),
        created_at=spec.created_at,
        title=spec.title,
    )


def is_alive(pid: int, start_ticks: int | None) -> bool:
    """Whether this very process lives (a zombie doesn't).

    Args:
        pid: Its process id.
        start_ticks: When it started, in clock ticks since boot; `None` leaves out that check.
    """
    if pid <= 0:
        return False
    facts = process_facts(pid)
    if facts is not None:
        return facts[0] not in "ZX" and start_ticks in (None, facts[3])
    if Path("/proc/self/stat").exists():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def refresh(job: Job, *, window_alive: bool | None = None) -> Job:
    """Fold what the job's folder says into its record. Only reads.

    Args:
        job: The record as it was; one that has ended is returned as it is.
        window_alive: Whether the job's window still exists, when the caller knows. A job that nobody started within
            30 s is lost unless its window exists.
    """
    if job.state is JobState.ENDED:
        return job
    directory = Path(job.directory)
    started = read_started(directory)
    if started is not None:
        job = msgspec.structs.replace(
            job,
            state=JobState.RUNNING,
            pid=started.pid,
            runner_pid=started.runner_pid,
            started_at=started.started_at,
            reason="",
        )
    # Looked at before the result is: a runner writes that first and is gone afterwards.
    alive = started is not None and _is_ours(started, started.runner_pid, started.runner_start_ticks)
    result = read_result(directory)
    if result is not None:
        return _ended(job, result)
    if started is not None:
        return job if alive else _lost(job, _how_lost(started))
    if not directory.is_dir():
        return _lost(job, "its folder is gone")
    waiting = read_waiting(directory)
    if waiting is not None:
        # Its runner may have started since we looked, and then what was to start it may be gone.
        if owner.is_alive(waiting.owner) or read_started(directory) or read_result(directory):
            return job
        return _lost(job, "the sequence that was to start it was killed")
    if window_alive is not True and time.time() - job.created_at > START_LIMIT:
        return _lost(job, f"its runner did not start within {START_LIMIT:.0f} s")
    return job


def stop(job: Job, *, grace: float = 5.0, timeout: float | None = None, time_given: float | None = None) -> Job:
    """Stop a job: SIGTERM to all of its processes, SIGKILL after the grace period. Blocks.

    Its runner does that; when that is gone or doesn't answer, this process does, and writes the result.

    Args:
        job: A job in any state; one that has ended is returned as it is.
        grace: Seconds between SIGTERM and SIGKILL.
        timeout: Seconds that the runner has; default the grace period and 10 s.
        time_given: The seconds that the job had, when it is stopped because they are over.

    Returns:
        The ended job.

    Raises:
        DeckError: Processes could not be stopped, or the folder can't be written.
    """
    job = refresh(job)
    directory = Path(job.directory)
    if job.state is JobState.ENDED:
        return job
    deadline = time.monotonic() + (grace + 10.0 if timeout is None else timeout)
    try:
        if directory.is_dir():
            write_stop(directory, StopRequest(grace=grace, timeout=time_given))
        if job.state is JobState.STARTING:
            _wait(lambda: read_started(directory) or read_result(directory), min(deadline, time.monotonic() + 2.0))
        started = read_started(directory)
        if started is not None and _is_ours(started, started.runner_pid, started.runner_start_ticks):
            _tell(started.runner_pid, started.runner_start_ticks, signal.SIGTERM)
            _tell(started.runner_pid, started.runner_start_ticks, signal.SIGCONT)
            runner = started
            _wait(
                lambda: read_result(directory) or not is_alive(runner.runner_pid, runner.runner_start_ticks), deadline
            )
        if read_result(directory) is None:
            _stop_without_runner(job, started, grace, time_given)
    except OSError as error:
        raise DeckError(f"job {job.id} could not be stopped: {error}", "see its folder " + job.directory) from error
    return refresh(job)


def _stop_without_runner(job: Job, started: Started | None, grace: float, time_given: float | None) -> None:
    """End every process of a job whose runner can't, and record that."""
    directory = Path(job.directory)
    reason = "it was stopped before it began" if started is None else "stopped without its runner"
    if started is not None:
        _signal_all(job, started, signal.SIGTERM)
        _wait(lambda: not _members(job, started), time.monotonic() + grace)
        _signal_all(job, started, signal.SIGKILL)
        if not _wait(lambda: not _members(job, started), time.monotonic() + KILL_LIMIT):
            pids = ", ".join(str(pid) for pid in sorted(_members(job, started)))
            raise DeckError(f"processes of job {job.id} did not end: {pids}", "do they belong to another user?")
        if _is_ours(started, started.runner_pid, started.runner_start_ticks):
            reason = "stopped without its runner, which did not answer"
            _tell(started.runner_pid, started.runner_start_ticks, signal.SIGKILL)
    if not directory.is_dir():
        return
    if time_given is not None:
        reason = f"timed out after {time_given:g} s; {reason}"
    now = time.time()
    began = now if started is None else started.started_at
    ended = max(now, began)
    write_result(
        directory,
        Result(
            exit_status=None,
            signal=None,
            ended_at=ended,
            duration=ended - began,
            stopped=True,
            reason=reason,
            timed_out=time_given is not None,
        ),
    )


def _members(job: Job, started: Started) -> dict[int, int]:
    """Start ticks of the job's living processes (runner and leader left out) by pid."""
    spare = {started.runner_pid, started.leader_pid, os.getpid()}
    command = _is_ours(started, started.pid, started.start_ticks)
    leader = _is_ours(started, started.leader_pid, started.leader_start_ticks)
    runner = _is_ours(started, started.runner_pid, started.runner_start_ticks)
    # A session number is only trusted while one of those that made it holds it.
    roots = {
        pid
        for pid, ours in ((started.pid, command), (started.leader_pid, leader), (started.runner_pid, runner))
        if ours
    }
    return members(job.id, started.leader_pid if command or leader else None, roots, spare)


def _signal_all(job: Job, started: Started, number: int) -> None:
    found = _members(job, started)
    for pid, ticks in found.items():
        _tell(pid, ticks, number)
        _tell(pid, ticks, signal.SIGCONT)
    if not Path("/proc/self/stat").exists() and is_alive(started.pid, None):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(started.pid, number)


def _tell(pid: int, ticks: int | None, number: int) -> None:
    with contextlib.suppress(PermissionError):  # whoever can't be signalled is found alive afterwards
        send_signal(pid, ticks, number)


def _is_ours(started: Started, pid: int, ticks: int | None) -> bool:
    """Whether a recorded process still lives, in this boot of the machine."""
    return (started.boot_id is None or started.boot_id == boot_id()) and is_alive(pid, ticks)


def _how_lost(started: Started) -> str:
    if started.boot_id is not None and started.boot_id != boot_id():
        return "the machine was restarted while it ran"
    if is_alive(started.pid, started.start_ticks):
        return f"its runner is gone and records no more; the command still runs (pid {started.pid})"
    return "its runner is gone and left no result"


def _lost(job: Job, reason: str) -> Job:
    return msgspec.structs.replace(job, state=JobState.LOST, reason=reason)


def _ended(job: Job, result: Result) -> Job:
    return msgspec.structs.replace(
        job,
        state=JobState.ENDED,
        exit_status=result.exit_status,
        signal=result.signal,
        ended_at=result.ended_at,
        stopped=result.stopped,
        timed_out=result.timed_out,
        skipped=result.skipped,
        reason=result.reason,
    )


def _wait(condition: Callable[[], object], deadline: float) -> bool:
    """Wait until a condition holds; false at the deadline (of the monotonic clock)."""
    pause = 0.005
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return True


def _check_texts(texts: Sequence[str]) -> None:
    for text in texts:
        if "\0" in text:
            raise UsageError(f"{one_line(text, limit=80)!r} holds a NUL byte, which no process can be given")
        try:
            os.fsencode(text)
        except UnicodeEncodeError as error:
            raise UsageError(f"{one_line(text, limit=80)!r} holds a character that can't be encoded") from error


def _shown(text: str) -> str:
    """Text without surrogates, which neither the store nor a terminal takes."""
    return os.fsencode(text).decode("utf-8", "replace")
