"""The job's folder as the runner writes it: the log, the records, the room kept for the last one.

Part of the runner: standard library only, light imports. `devdeck.jobs.files` reads what is written here.
"""

from __future__ import annotations

import json
import os
import signal


def write_all(fd: int, data: bytes) -> None:
    """Write every byte to a blocking descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class Folder:
    """The job's folder, held open: files in it are reached wherever it is moved."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def open(self, name: str, flags: int) -> int:
        """A private file in the folder (0600), never through a symbolic link."""
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self.fd)

    def read(self, name: str) -> dict[str, object] | None:
        """One record; `None` when it isn't there.

        Raises:
            ValueError: It is no JSON object.
        """
        try:
            fd = self.open(name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            record = json.loads(file.read())
        if not isinstance(record, dict):
            raise ValueError(f"{name} holds no object")
        return record

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        try:
            os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except OSError:
            return False
        return True

    def publish(self, fd: int, name: str, record: dict[str, object], *, durable: bool = True) -> None:
        """Write a record into the open `.NAME.tmp` and give it its name, at once.

        A durable one is there after a power loss too; the record of a start needn't be, as no job survives that.
        """
        data = json.dumps(record).encode("ascii")
        os.lseek(fd, 0, os.SEEK_SET)
        write_all(fd, data)
        os.ftruncate(fd, len(data))
        if durable:
            os.fsync(fd)
        os.close(fd)
        os.rename(f".{name}.tmp", name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        if durable:
            os.fsync(self.fd)


class Log:
    """The log file. What can't be written is counted; the job goes on."""

    def __init__(self, folder: Folder) -> None:
        self.fd = folder.open("output.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.fchmod(self.fd, 0o600)
        self.missing = 0
        self.why = ""

    def write(self, data: bytes) -> None:
        """Append bytes."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self.fd, view) :]
            except OSError as error:
                self.missing += len(view)
                self.why = error.strerror or str(error)
                return

    @property
    def reason(self) -> str:
        """What is missing from the log and why; empty when nothing is."""
        return f"{self.missing} bytes are missing from its log: {self.why}" if self.missing else ""


def reserve(folder: Folder) -> int:
    """Open `.result.json.tmp` with its room on the disk taken, so that a full disk can't lose the result."""
    fd = folder.open(".result.json.tmp", os.O_RDWR | os.O_CREAT)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, 0, 4096)
    except OSError:
        pass  # a file system that can't, or is full by now: the end tries again
    return fd


def publish_result(
    folder: Folder,
    fd: int,
    status: int | None,
    started_at: float,
    duration: float,
    stopped: bool,
    reason: str,
    timed_out: bool = False,
) -> tuple[int, str]:
    """Write `result.json`; see `Run.record_end` for what is returned."""
    exit_status = os.WEXITSTATUS(status) if status is not None and os.WIFEXITED(status) else None
    number = os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else None
    duration = max(0.0, duration)
    record: dict[str, object] = {
        "exit_status": exit_status,
        "signal": number,
        "ended_at": started_at + duration,
        "duration": duration,
        "stopped": stopped,
        "reason": reason[:500],
        "timed_out": timed_out,
    }
    if stopped:
        words = "timed out" if timed_out else "stopped"
    elif number is not None:
        words = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    else:
        words = "ended" if exit_status is None else f"exit {exit_status}"
    words += f" after {duration:.1f} s" if duration < 60 else f" after {duration // 60:.0f} m {duration % 60:.0f} s"
    try:
        folder.publish(fd, "result.json", record)
    except OSError as error:
        words += f", which could not be recorded: {error.strerror}"
    return (exit_status if exit_status is not None else 128 + (number or 0)), words
