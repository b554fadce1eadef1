"""The files of a job folder as records.

    spec.json     what to run, written once before the runner starts      JobSpec
    started.json  written by the runner before the command runs           Started
    result.json   written when it ended, however it ended                 Result
    stop.json     written by whoever stops it, before the signal          StopRequest
    waiting.json  written by the sequence that will start it              Waiting
    output.log    the command's bytes as its terminal received them

All are readable by the user alone. Records appear whole (a temporary file, then rename).
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import TypeVar

import msgspec

from devdeck.model import JobKind

_log = logging.getLogger(__name__)
_LIMIT = 8 << 20

T = TypeVar("T")


class JobSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner runs. Undecodable bytes in texts are surrogates (PEP 383), as everywhere in Python."""

    id: str
    argv: tuple[str, ...]
    cwd: str
    set: dict[str, str] = {}
    """Variables that are added to the environment of the pane."""
    unset: tuple[str, ...] = ()
    """Variables that are removed from it first."""
    kind: JobKind = JobKind.RUN
    title: str = ""
    session_id: str = ""
    created_at: float = 0.0
    grace: float = 5.0
    """Seconds between SIGTERM and SIGKILL when the job is stopped."""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs the job. Start ticks are clock ticks since boot (proc(5), field 22); `None` on systems without /proc."""

    id: str
    pid: int
    """Process and process group of the command."""
    start_ticks: int | None
    runner_pid: int
    runner_start_ticks: int | None
    leader_pid: int
    """Session of the command; its leader does nothing but hold the terminal."""
    leader_start_ticks: int | None
    boot_id: str | None
    """Boot of the machine that pids and ticks belong to."""
    started_at: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended. At most one of `exit_status` and `signal` is known."""

    exit_status: int | None
    signal: int | None
    ended_at: float
    """`started_at` plus `duration`, so that a changed wall clock changes no duration."""
    duration: float
    stopped: bool
    reason: str
    timed_out: bool = False
    """Whether it was stopped because its time was up."""
    skipped: bool = False
    """Whether it was never to run; see `devdeck.model.Job.skipped`."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """The job's turn comes later: a sequence will start it."""

    owner: str
    """The sequence's process, as `devdeck.owner` names it."""


class StopRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks the runner to stop the job; takes effect with SIGTERM, or when it starts."""

    grace: float
    timeout: float | None = None
    """The seconds that it had, when it is stopped because they are over."""


def runner_argv(directory: Path | str) -> tuple[str, ...]:
    """The command that runs the job in `directory`: isolated, so that nothing in the worktree can shadow a module."""
    return (sys.executable, "-I", "-S", str(Path(__file__).with_name("runner.py")), str(directory))


def write_spec(directory: Path, spec: JobSpec) -> None:
    """Write `spec.json`.

    Raises:
        OSError: It can't be written.
    """
    record = msgspec.to_builtins(spec)
    for name in ("argv", "unset"):
        record[name] = [_portable(word) for word in record[name]]
    record["set"] = {_portable(name): _portable(value) for name, value in spec.set.items()}
    record["cwd"] = _portable(spec.cwd)
    write_record(directory / "spec.json", record)


def read_spec(directory: Path) -> JobSpec | None:
    """Read `spec.json`; `None` when there is none or it is not what it should be (which is logged)."""
    spec = _read(directory / "spec.json", JobSpec)
    if spec is None:
        return None
    return msgspec.structs.replace(
        spec,
        argv=tuple(map(_native, spec.argv)),
        unset=tuple(map(_native, spec.unset)),
        set={_native(name): _native(value) for name, value in spec.set.items()},
        cwd=_native(spec.cwd),
    )


def read_started(directory: Path) -> Started | None:
    """Read `started.json`; `None` when there is none or it is not what it should be (which is logged)."""
    return _read(directory / "started.json", Started)


def read_result(directory: Path) -> Result | None:
    """Read `result.json`; `None` when there is none or it is not what it should be (which is logged)."""
    return _read(directory / "result.json", Result)


def read_waiting(directory: Path) -> Waiting | None:
    """Read `waiting.json`; `None` when there is none or it is not what it should be (which is logged)."""
    return _read(directory / "waiting.json", Waiting)


def write_waiting(directory: Path, waiting: Waiting) -> None:
    """Write `waiting.json`.

    Raises:
        OSError: It can't be written.
    """
    write_record(directory / "waiting.json", msgspec.to_builtins(waiting))


def write_stop(directory: Path, request: StopRequest) -> None:
    """Write `stop.json`.

    Raises:
        OSError: It can't be written.
    """
    write_record(directory / "stop.json", msgspec.to_builtins(request))


def write_result(directory: Path, result: Result) -> bool:
    """Write `result.json` in place of a runner that can't. One that is there already stays, and False is returned.

    Raises:
        OSError: It can't be written.
    """
    return write_record(directory / "result.json", msgspec.to_builtins(result), replace=False)


def write_record(path: Path, record: object, *, replace: bool = True) -> bool:
    """Write a JSON file, whole or not at all, readable by the user alone.

    Args:
        path: The file.
        record: What to write. Surrogates are escaped, so any text can be written.
        replace: Whether to replace a file of that name.

    Returns:
        False when there is one and it was not to be replaced.

    Raises:
        OSError: It can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "w", encoding="ascii") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
            return True
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        return True
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT)
        # The standard library's parser: msgspec's refuses surrogates.
        return msgspec.convert(json.loads(data), kind)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, msgspec.ValidationError) as error:
        _log.warning("%s can't be used: %s", path, error)
        return None


def _portable(text: str) -> str:
    """The same bytes as UTF-8 text, whatever this process's locale."""
    return os.fsencode(text).decode("utf-8", "surrogateescape")


def _native(text: str) -> str:
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))
