"""The command's side of a job: its session, its terminal, its environment, and becoming it.

Part of the runner: standard library only, light imports.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import termios

from devdeck.jobs.folder import write_all
from devdeck.jobs.processes import MARK


class Spec:
    """What to run, from `spec.json`."""

    def __init__(self, record: dict[str, object]) -> None:
        argv, unset, changes = record["argv"], record.get("unset", []), record.get("set", {})
        grace = record.get("grace", 5.0)
        if not (isinstance(argv, list) and argv and isinstance(unset, list) and isinstance(changes, dict)):
            raise ValueError("spec.json: argv, unset or set is not what it should be")
        if not isinstance(grace, int | float):
            raise ValueError("spec.json: grace is no number")
        self.id = str(record["id"])
        self.argv = [_bytes(word) for word in argv]
        self.cwd = _bytes(record["cwd"])
        self.grace = float(grace)
        self.environment = _own_environment()
        for name in unset:
            self.environment.pop(_bytes(name), None)
        self.environment.update({_bytes(name): _bytes(value) for name, value in changes.items()})
        self.environment[MARK.encode()] = self.id.encode()


def _bytes(text: object) -> bytes:
    """Bytes of a word in spec.json: UTF-8 whatever the locale, undecodable bytes as surrogates."""
    return str(text).encode("utf-8", "surrogateescape")


def _own_environment() -> dict[bytes, bytes]:
    """The environment that this process was started with.

    Python itself may have changed `LC_CTYPE` since (PEP 538), which is not the command's business.
    """
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = [entry.partition(b"=") for entry in file.read().split(b"\0")]
    except OSError:
        return dict(os.environb)
    return {name: value for name, equals, value in pairs if name and equals}


def execute(spec: Spec) -> tuple[int, str]:
    """Become the command. Returns only when that fails: exit status as shells have it, and why."""
    name = os.fsdecode(spec.argv[0])
    try:
        os.chdir(spec.cwd)
    except OSError as error:
        return 126, f"{os.fsdecode(spec.cwd)}: {error.strerror}"
    if b"/" in spec.argv[0]:
        candidates = [spec.argv[0]]
    else:
        path = spec.environment.get(b"PATH", os.defpath.encode())
        candidates = [os.path.join(folder, spec.argv[0]) for folder in path.split(b":")]
    failure: OSError | None = None
    for candidate in candidates:
        try:
            try:
                os.execve(candidate, spec.argv, spec.environment)
            except OSError as error:
                if error.errno != errno.ENOEXEC:
                    raise
                # A script without an interpreter line: execvp(3) and every shell give it to sh.
                os.execve("/bin/sh", [b"sh", candidate, *spec.argv[1:]], spec.environment)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                if os.path.lexists(candidate) and not os.path.isdir(candidate):
                    return 126, f"{name}: its interpreter (or what it links to) is missing"
                continue
            failure = error
            if error.errno != errno.EACCES:
                break
    if failure is not None:
        return 126, f"{name}: {failure.strerror}"
    return 127, f"{name}: command not found"


def run_command(spec: Spec, terminal: int, gate: int, fault: int) -> None:
    """The command's process: wait for the gate, dress up as a fresh terminal's child, become the command."""
    os.setpgid(0, 0)
    if os.read(gate, 1) != b"g":
        os._exit(127)  # the runner is gone; nothing may run unrecorded
    for number in range(1, 32):
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for fd in (0, 1, 2):
        os.dup2(terminal, fd)
    status, why = execute(spec)
    text = why.encode("utf-8", "replace")
    write_all(2, b"devdeck: " + text + b"\n")
    write_all(fault, text)
    os._exit(status)


def lead(spec: Spec, terminal: int, gate: int, report: int, fault: int) -> None:
    """The leader's process: own the session and the terminal, start the command, tell how it ended."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    # SIGHUP comes when the runner is killed. The end of a session's leader passes it on to the foreground group.
    for number in (signal.SIGCHLD, signal.SIGWINCH, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(report)
        run_command(spec, terminal, gate, fault)
    os.close(fault)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.setpgid(pid, pid)
    os.tcsetpgrp(terminal, pid)
    write_all(report, b"pid %d\n" % pid)
    while True:
        status = os.waitpid(pid, os.WUNTRACED)[1]
        if not os.WIFSTOPPED(status):
            break
        if os.WSTOPSIG(status) == signal.SIGTSTP:
            os.killpg(pid, signal.SIGCONT)  # ctrl+z: there is no shell here that could bring it back
    # From here on the command's group is in the background, so that our exit sends it no SIGHUP.
    os.tcsetpgrp(terminal, os.getpgrp())
    os.close(terminal)
    write_all(report, b"status %d\n" % status)
    os.read(gate, 1)  # until the runner has drained the terminal: our exit hangs it up
