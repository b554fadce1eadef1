"""A terminal of our own for runners: what tmux does for them, without tmux."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from devdeck.jobs.files import runner_argv
from devdeck.jobs.lifecycle import prepare, refresh
from devdeck.jobs.processes import members
from devdeck.model import Job, JobKind, JobState
from tests.support import until

ADOPT_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Window:
    """A runner under a pseudo-terminal that this process drains."""

    def __init__(self, argv: tuple[str, ...], size: tuple[int, int] = (24, 80), drain: bool = True) -> None:
        self.master, self.slave = os.openpty()
        termios.tcsetwinsize(self.slave, size)
        self.modes = termios.tcgetattr(self.slave)
        """How the terminal was before the runner had it."""
        self.output = bytearray()
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", ADOPT_TERMINAL, *argv],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
        )
        self._stop_in, self._stop_out = os.pipe()
        self._thread = threading.Thread(target=self._drain, daemon=True)
        if drain:
            self.drain()

    def drain(self) -> None:
        """Begin to take what the runner shows."""
        self._thread.start()

    def _drain(self) -> None:
        import select

        while True:
            readable, _, _ = select.select([self.master, self._stop_in], [], [])
            if self._stop_in in readable:
                return
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            self.output += data

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def resize(self, rows: int, columns: int) -> None:
        termios.tcsetwinsize(self.master, (rows, columns))

    def wait(self, timeout: float = 60.0) -> int:
        return self.process.wait(timeout)

    def hang_up(self) -> None:
        """Close the terminal, as tmux does with a pane that is killed."""
        if self.master >= 0:
            os.write(self._stop_out, b"x")
            if self._thread.ident is not None:
                self._thread.join()
            os.close(self.slave)
            os.close(self.master)
            self.master = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self.hang_up()
        os.close(self._stop_in)
        os.close(self._stop_out)


class Jobs:
    """Makes jobs, runs them, and leaves no process behind."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cwd = root / "work"
        self.cwd.mkdir()
        self.windows: list[Window] = []
        self.made: list[Job] = []

    def prepare(self, *argv: str, cwd: Path | None = None, env: Mapping[str, str | None] | None = None) -> Job:
        job = prepare(
            self.root / "jobs", session_id="s1", kind=JobKind.RUN, argv=argv, cwd=cwd or self.cwd, env=env, title=""
        )
        self.made.append(job)
        return job

    def open(self, job: Job, size: tuple[int, int] = (24, 80), drain: bool = True) -> Window:
        window = Window(runner_argv(job.directory), size, drain)
        self.windows.append(window)
        return window

    def start(self, *argv: str, size: tuple[int, int] = (24, 80)) -> tuple[Job, Window]:
        job = self.prepare(*argv)
        return job, self.open(job, size)

    def run(self, *argv: str, cwd: Path | None = None, env: Mapping[str, str | None] | None = None) -> tuple[Job, int]:
        """Run a command to its end; the ended job and the runner's exit status."""
        job = self.prepare(*argv, cwd=cwd, env=env)
        status = self.open(job).wait()
        job = refresh(job)
        assert job.state is JobState.ENDED
        return job, status

    def sweep(self) -> None:
        for window in self.windows:
            window.close()
        for job in self.made:

            def left(id_: str = job.id) -> dict[int, int]:
                found = members(id_, None, set(), set())
                for pid in found:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                return found

            until(lambda left=left: not left())  # type: ignore[misc]


def log(job: Job) -> bytes:
    return Path(job.log).read_bytes()


def says(job: Job, text: bytes) -> Callable[[], bool]:
    """Condition: the job's log holds this text."""
    return lambda: Path(job.log).exists() and text in log(job)


def python(source: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", source)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path)
    yield made
    made.sweep()
