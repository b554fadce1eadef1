"""The program for tests: run as a user runs it, as a script does, or on a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class Done(NamedTuple):
    """What a call printed."""

    stdout: str
    stderr: str


class Program:
    """The program in a folder. A subclass says how it is called."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository

    def __call__(self, *arguments: str, status: int = 0) -> Done:
        """Run it; any other exit status than the expected one is a failure."""
        raise NotImplementedError

    def json(self, *arguments: str, status: int = 0) -> Any:
        """The document that it prints."""
        return json.loads(self(*arguments, "--json", status=status).stdout)

    def error(self, *arguments: str, status: int) -> dict[str, str]:
        """The error that it ends with, as a script sees it."""
        done = self(*arguments, "--json", status=status)
        assert done.stdout == ""
        error = json.loads(done.stderr)["error"]
        assert set(error) == {"code", "message", "hint"}
        return dict(error)


class Cli(Program):
    """The program as a process of its own, with no terminal."""

    def __call__(self, *arguments: str, status: int = 0) -> Done:
        """Run it."""
        done = subprocess.run(
            [sys.executable, "-m", "devdeck", *arguments],
            cwd=self.repository,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
        return Done(done.stdout, done.stderr)


class InFolder(Protocol):
    """What says where to run."""

    repository: Path


def on_terminal(place: InFolder, answer: str, *arguments: str) -> tuple[int, str]:
    """Run the program on a terminal and answer its question.

    Args:
        place: Says in which folder.
        answer: What is typed once it asks; `"\\x03"` is typed until it ends.
        arguments: Of the program.

    Returns:
        Its exit status, and everything it showed.
    """
    master, slave = pty.openpty()

    def own_terminal() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # who runs the tests in the background has it ignored
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, "-m", "devdeck", *arguments],
        cwd=place.repository,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=own_terminal,
    )
    os.close(slave)
    said = b""
    interrupts = answer == "\x03"
    with contextlib.ExitStack() as over:
        over.enter_context(process)
        over.callback(process.kill)  # where a test is given up, nobody is left who would answer
        while True:
            if not select.select([master], [], [], 1.0)[0]:
                if interrupts and not answer:  # one that comes before the program reads goes unnoticed there
                    os.write(master, b"\x03")
                continue
            try:
                chunk = os.read(master, 4096)
            except OSError:
                break
            if not chunk:
                break
            said += chunk
            if answer and said.rstrip().endswith(b"]:"):
                os.write(master, answer.encode())
                answer = ""
        process.wait(60)
    os.close(master)
    return process.returncode, said.decode()
