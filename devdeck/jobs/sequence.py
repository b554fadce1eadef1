"""Runs the jobs of a sequence, one after another or in groups at once, until one fails.

Started as `python -I sequence.py PLAN` (see `driver_argv`), usually in a tmux window of its own, and needs nobody
afterwards. Each job has its own folder and its own runner (`devdeck.jobs.runner`), so log and end of each are
recorded like those of any other job. Jobs that did not get their turn are recorded as skipped, with the reason.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

if __name__ == "__main__":
    # Last on the path: nothing there can take the place of an installed module.
    sys.path.append(os.path.abspath(__file__).removesuffix("/devdeck/jobs/sequence.py"))

import msgspec

from devdeck import owner
from devdeck.errors import DeckError
from devdeck.initialization import including
from devdeck.initialization.repo_config import When, several
from devdeck.jobs import lifecycle
from devdeck.jobs.files import (
    Result,
    Waiting,
    read_result,
    read_spec,
    read_started,
    runner_argv,
    write_result,
    write_spec,
    write_waiting,
)
from devdeck.model import Job
from devdeck.text import one_line

GROUP_LIMIT = 16
"""Most jobs of a group that run at once; the others follow."""
STOP_GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL when a job's time is up."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One job of a sequence. Its folder holds what it runs, as it was when the user trusted it."""

    directory: str
    """The job's folder."""
    worktree: str
    folder: str = "."
    """Where to run it, relative to the worktree."""
    group: str = ""
    """Neighbours of one group run at once; empty for none."""
    timeout: float | None = None
    """Seconds."""
    when: When | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A sequence."""

    items: tuple[Item, ...]
    digests: tuple[str, ...] = ()
    """The configurations that it was made from; see `devdeck.initialization.trust`."""


def driver_argv(plan: Path | str) -> tuple[str, ...]:
    """The command that runs a plan: isolated, so that nothing in the worktree can shadow a module."""
    return (sys.executable, "-I", os.path.abspath(__file__), str(plan))


def why_not(when: When | None, worktree: str) -> str:
    """Why a command's condition does not hold in a worktree, in words; empty when it does."""
    if when is None:
        return ""
    exists, missing, systems = several(when.exists), several(when.missing), several(when.os)
    if exists and not any(including.exists(worktree, pattern) for pattern in exists):
        return f"there is no {' or '.join(exists)}"
    if there := [pattern for pattern in missing if including.exists(worktree, pattern)]:
        return f"there is {there[0]}"
    here = {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")
    if systems and here not in systems:
        return f"this is {here}"
    if lacking := [name for name in several(when.command) if shutil.which(name) is None]:
        return f"{lacking[0]} is not installed"
    return ""


class Driver:
    """One sequence from start to end."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = ""

    def announce(self) -> None:
        """Tell those who look that the jobs wait for this process."""
        me = Waiting(owner=owner.me())
        for item in self._plan.items:
            with contextlib.suppress(OSError):  # the folder is gone, or the disk full: the jobs run all the same
                write_waiting(Path(item.directory), me)

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """Signal handler: end what runs, begin nothing more."""
        self._stopping = "its sequence was stopped"
        for process in tuple(self._running.values()):
            process.terminate()

    def run(self) -> bool:
        """Run all; whether all went well."""
        trouble = ""
        for _, several_items in itertools.groupby(
            enumerate(self._plan.items), lambda each: (each[1].worktree, each[1].group or each[0])
        ):
            items = [item for _, item in several_items]
            if trouble := trouble or self._stopping:
                for item in items:
                    leave_out(item, f"not run: {trouble}")
                continue
            failed = self._group(items)
            if failed:
                trouble = f"{failed[0]} failed"
        return not trouble and not self._stopping

    def _group(self, items: Sequence[Item]) -> list[str]:
        """Run jobs at once; the titles of those that failed."""
        if len(items) == 1:
            results = [self._one(items[0], alone=True)]
        else:
            say(f"at once: {', '.join(title(item) for item in items)}")
            with ThreadPoolExecutor(min(len(items), GROUP_LIMIT)) as pool:
                results = list(pool.map(lambda item: self._one(item, alone=False), items))
        return [title(item) for item, good in zip(items, results, strict=True) if not good]

    def _one(self, item: Item, *, alone: bool) -> bool:
        """Run one job; whether it went well, or was left out because its condition does not hold."""
        directory = Path(item.directory)
        if read_result(directory) is not None:
            return False  # stopped before its turn came
        if self._stopping:
            leave_out(item, f"not run: {self._stopping}")
            return False
        if why := why_not(item.when, item.worktree):
            leave_out(item, f"skipped: {why}")
            return True
        if why := _set_folder(item):
            refuse(item, why)
            return False
        if alone:
            say(f"{title(item)} …")
        try:
            self._run(item, None if alone else subprocess.DEVNULL)
        except OSError as error:
            refuse(item, f"its runner can't be started: {error.strerror}")
        job = lifecycle.refresh(job_of(directory))
        if not alone:
            say(f"{job.title}: {job.verdict}, log in {job.log}")
        return job.exit_status == 0 and not job.stopped

    def _run(self, item: Item, stream: int | None) -> None:
        directory = Path(item.directory)
        process = subprocess.Popen(runner_argv(directory), stdin=stream, stdout=stream, stderr=stream)
        with self._lock:
            self._running[item.directory] = process
        if self._stopping:
            process.terminate()
        try:
            try:
                if item.timeout is not None:
                    _await_start(process, directory)
                process.wait(item.timeout)
            except subprocess.TimeoutExpired:
                lifecycle.stop(job_of(directory), grace=STOP_GRACE, time_given=item.timeout)
                process.wait()
        except DeckError as error:
            say(error.message)
            process.kill()
            process.wait()
        finally:
            with self._lock:
                del self._running[item.directory]


def _await_start(process: subprocess.Popen[bytes], directory: Path) -> None:
    """Wait until a runner has started its command, or has ended: a time-out is for the command alone."""
    deadline = time.monotonic() + lifecycle.START_LIMIT
    while process.poll() is None and read_started(directory) is None and time.monotonic() < deadline:
        time.sleep(0.01)


def job_of(directory: Path) -> Job:
    """The job of a folder, as it stands now."""
    spec = read_spec(directory)
    if spec is None:
        raise DeckError(f"{directory} holds no job")
    return lifecycle.refresh(
        Job(
            id=spec.id,
            session_id=spec.session_id,
            kind=spec.kind,
            argv=spec.argv,
            cwd=spec.cwd,
            directory=str(directory),
            created_at=spec.created_at,
            title=spec.title,
        )
    )


def title(item: Item) -> str:
    """What a job is called."""
    spec = read_spec(Path(item.directory))
    return one_line(spec.title, limit=100) if spec else "a job that is gone"


def _set_folder(item: Item) -> str:
    """Have the job run in its folder, as it is now that its turn has come; why not, when it can't."""
    worktree = os.path.realpath(item.worktree)
    place = os.path.realpath(os.path.join(worktree, item.folder))
    shown = one_line(item.folder, limit=200)
    if not Path(place).is_relative_to(worktree):
        return f"its folder {shown} leads out of the worktree"
    if not os.path.isdir(place):
        return f"its folder {shown} is not there"
    spec = read_spec(Path(item.directory))
    if spec is None:
        return "its folder is gone"
    if spec.cwd != place:
        write_spec(Path(item.directory), msgspec.structs.replace(spec, cwd=place))
    return ""


def leave_out(item: Item, reason: str) -> None:
    """Record that a job does not run, and why."""
    _record(item, reason, skipped=True)


def refuse(item: Item, reason: str) -> None:
    """Record that a job could not run, and why."""
    _record(item, reason, skipped=False)


def _record(item: Item, reason: str, *, skipped: bool) -> None:
    directory, now = Path(item.directory), time.time()
    say(f"{title(item)}: {reason}")
    if directory.is_dir():
        write_result(
            directory,
            Result(
                exit_status=None,
                signal=None,
                ended_at=now,
                duration=0.0,
                stopped=False,
                reason=one_line(reason, limit=500),
                skipped=skipped,
            ),
        )


def say(text: str) -> None:
    """A line for whoever watches; nobody has to."""
    try:
        sys.stdout.write(f"\x1b[2mdevdeck: {one_line(text, limit=500)}\x1b[0m\r\n" if sys.stdout.isatty() else "")
        sys.stdout.flush()
    except OSError:
        return


def main(plan: str) -> int:
    """Run the plan in this file. Returns 0 when all went well, else 1."""
    driver = Driver(msgspec.json.decode(Path(plan).read_bytes(), type=Plan))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, driver.stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the command in the foreground
    driver.announce()
    return 0 if driver.run() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
