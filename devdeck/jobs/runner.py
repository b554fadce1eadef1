"""Runs one job: its command under a pseudo-terminal, its bytes into a log and a pane, its end into a record.

Started as `python -I -S runner.py DIRECTORY` (see `devdeck.jobs.files.runner_argv`): only the standard library and
its neighbours in this folder, nothing of the worktree on the path. Three processes take part:

    runner   in the pane; copies bytes, records, stops the job when told to
    leader   owns the job's session and its terminal, so that the end of the command doesn't hang the terminal up
             and processes that it left behind stay alive, as under a shell
    command  in a process group of its own, in the foreground of that terminal

Reads `spec.json`; writes `started.json` before the command runs, `output.log` (a byte shown is a byte logged) and
`result.json`. SIGTERM stops the job: SIGTERM to all of its processes, SIGKILL after the grace period. SIGHUP, sent
when the pane is closed, does the same. SIGINT and SIGQUIT go to the terminal's foreground group.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import termios
import time

if __name__ == "__main__":
    # Last on the path: nothing there can take the place of a module of the standard library.
    sys.path.append(os.path.abspath(__file__).removesuffix("/devdeck/jobs/runner.py"))

from devdeck.jobs.command import Spec, lead
from devdeck.jobs.folder import Folder, Log, publish_result, reserve
from devdeck.jobs.pane import CHUNK, Pane, open_standard
from devdeck.jobs.processes import adopt_orphans, boot_id, clock, members, process_facts, send_signal

QUIET = 0.25
"""Seconds without a byte after which the terminal counts as drained, when others hold it open."""
DRAIN = 2.0
"""Longest drain, in seconds, when what the command left behind keeps writing."""
UNKILLABLE = 3.0
"""Seconds after SIGKILL after which the runner stops waiting."""


class Run:
    """One job from start to end."""

    def __init__(self, folder: Folder, spec: Spec, result: int) -> None:
        self.folder, self.spec, self.result = folder, spec, result
        self.log = Log(folder)
        self.pane = Pane()
        self.signals: set[int] = set()
        self.reasons: list[str] = []
        self.wake, wake_in = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_in, False)
        signal.set_wakeup_fd(wake_in, warn_on_full_buffer=False)
        self.pid = self.leader = 0
        self.master = self.report = self.gate = self.fault = -1
        self.master_open = True
        self.inbox = bytearray()
        self.tail = b""
        self.status: int | None = None
        self.gone = False
        self.started_at = time.time()
        self.began = clock()
        self.ended: float | None = None
        self.last_byte = 0.0
        self.kill_at: float | None = None
        self.next_look = 0.0
        self.survivors = False

    def note(self, number: int, _frame: object) -> None:
        """Signal handler: remember it for the loop."""
        self.signals.add(number)

    def start(self) -> None:
        """Start leader and command, record them, and only then let the command go.

        Raises:
            OSError: No process or no terminal could be made.
        """
        watched = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGWINCH, signal.SIGCHLD)
        for number in watched:
            signal.signal(number, self.note)
        for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
            signal.signal(number, signal.SIG_IGN)
        self.master, terminal = os.openpty()
        self.pane.dress(terminal)
        gate, self.gate = os.pipe()
        self.report, report = os.pipe()
        self.fault, fault = os.pipe()
        os.set_blocking(self.fault, False)
        signal.pthread_sigmask(signal.SIG_BLOCK, watched)
        self.leader = os.fork()
        if self.leader == 0:
            try:
                for fd in (self.gate, self.report, self.fault, self.master, self.log.fd):
                    os.close(fd)
                self.pane.leave()
                lead(self.spec, terminal, gate, report, fault)
            except (OSError, termios.error) as error:
                os.write(report, f"error {error}\n".encode())
            finally:
                os._exit(0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)
        for fd in (terminal, gate, report, fault):
            os.close(fd)
        adopt_orphans()
        while b"\n" not in self.tail:
            data = os.read(self.report, 4096)
            if not data:
                raise OSError(errno.ECHILD, "the process that leads its session was killed")
            self.tail += data
        self.hear(b"")
        self.started_at, self.began = time.time(), clock()
        self.record_start()
        os.set_blocking(self.master, False)
        os.set_blocking(self.report, False)
        self.pane.raw()
        if self.folder.has("stop.json"):
            self.reasons.append("it was stopped before it began")
            self.kill_at = time.monotonic()
        os.write(self.gate, b"g" if self.kill_at is None else b"n")

    def refuse(self, why: str) -> None:
        """The command never ran: say so in the log and in the pane, with the exit status of shells for that."""
        line = f"devdeck: {why}\r\n".encode("utf-8", "replace")
        self.log.write(line)
        self.pane.show(line)
        self.reasons.append(why)
        self.end(126 << 8)

    def record_start(self) -> None:
        """Write `started.json`."""
        own, leader, child = process_facts(os.getpid()), process_facts(self.leader), process_facts(self.pid)
        record: dict[str, object] = {
            "id": self.spec.id,
            "pid": self.pid,
            "start_ticks": child and child[3],
            "runner_pid": os.getpid(),
            "runner_start_ticks": own and own[3],
            "leader_pid": self.leader,
            "leader_start_ticks": leader and leader[3],
            "boot_id": boot_id(),
            "started_at": self.started_at,
        }
        try:
            fd = self.folder.open(".started.json.tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            self.folder.publish(fd, "started.json", record, durable=False)
        except OSError as error:
            self.reasons.append(f"its start could not be recorded: {error.strerror}")

    def hear(self, data: bytes) -> None:
        """Take in what the leader reports."""
        *lines, self.tail = (self.tail + data).split(b"\n")
        for line in lines:
            word, _, rest = line.partition(b" ")
            if word == b"pid":
                self.pid = int(rest)
            elif word == b"status":
                self.end(int(rest))
            elif self.pid == 0:
                raise OSError(errno.EAGAIN, rest.decode("utf-8", "replace"))
            else:
                self.reasons.append(f"the process that leads its session: {rest.decode('utf-8', 'replace')}")

    def end(self, status: int | None) -> None:
        """The command has ended, with this wait status (`None` when nobody could see it)."""
        if self.ended is None:
            self.status, self.ended, self.last_byte = status, clock(), time.monotonic()

    def members(self) -> dict[int, int]:
        """Start ticks of the job's living processes, by pid."""
        return members(self.spec.id, self.leader, {self.leader, os.getpid()}, {self.leader, os.getpid()})

    def signal_all(self, number: int) -> None:
        """Signal every process of the job; stopped ones are woken to take it."""
        found: dict[int, int | None] = dict(self.members())
        if not found and self.ended is None and process_facts(os.getpid()) is None:  # no /proc
            found = {self.pid: None}
            self.signal_group(self.pid, number)
        for pid, ticks in found.items():
            try:
                send_signal(pid, ticks, number)
                send_signal(pid, ticks, signal.SIGCONT)
            except PermissionError:
                continue  # counted among those that did not end

    def take_signals(self, now: float) -> None:
        """Act on the signals that came."""
        while self.signals:
            number = self.signals.pop()
            if number == signal.SIGCHLD:
                self.reap()
            elif number == signal.SIGWINCH:
                self.pane.resize(self.master)
            elif number in (signal.SIGINT, signal.SIGQUIT):
                self.pass_on(number)
            elif self.kill_at is None:
                if number == signal.SIGHUP:
                    self.reasons.append("its window was closed")
                self.kill_at = now + self.grace()
                self.signal_all(signal.SIGTERM)

    def asked(self, name: str) -> float | None:
        """A number that the one who stops it gave."""
        try:
            value = (self.folder.read("stop.json") or {}).get(name)
        except (OSError, ValueError):
            return None
        return float(value) if isinstance(value, int | float) else None

    def grace(self) -> float:
        """Seconds between SIGTERM and SIGKILL: as the one who stops it says, else as the spec says."""
        grace = self.asked("grace")
        return self.spec.grace if grace is None else grace

    def pass_on(self, number: int) -> None:
        """Send a signal to the terminal's foreground group, as a key would."""
        try:
            group = os.tcgetpgrp(self.master)
        except OSError:
            group = self.pid
        if self.ended is None:
            self.signal_group(group, number)

    def signal_group(self, group: int, number: int) -> bool:
        """Signal a process group; false when it is gone or not ours."""
        try:
            os.killpg(group, number)
        except OSError:
            return False
        return True

    def reap(self) -> None:
        """Collect ended children: the leader, and orphans that came to us."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.gone = True
                return
            if pid == 0:
                return
            if pid == self.leader:
                self.gone = True
            elif pid == self.pid:
                self.end(status)

    def turn(self, wait: float) -> None:
        """Wait for something to happen, `wait` seconds at most, and move bytes."""
        pane = self.pane
        reads, writes = [self.wake], []
        if self.report >= 0:
            reads.append(self.report)
        # A slow pane slows a running command down, as in a plain terminal; what an ended one left is read at once.
        if self.master_open and (len(pane.pending) < CHUNK or self.ended is not None):
            reads.append(self.master)
        if pane.input is not None and len(self.inbox) < CHUNK:
            reads.append(pane.input)
        if self.inbox and self.master_open:
            writes.append(self.master)
        if pane.output is not None and (pane.pending or pane.skipped):
            writes.append(pane.output)
        readable, writable, _ = select.select(reads, writes, [], wait)
        if self.wake in readable:
            os.read(self.wake, 4096)
        if pane.output in writable:
            pane.flush()
        if self.master in readable:
            self.read_terminal()
        if self.master in writable:
            self.write_terminal()
        if pane.input in readable:
            self.read_keys()
        if self.report in readable:
            self.read_report()

    def read_terminal(self) -> None:
        """Bytes of the job: to the log, then to the pane."""
        try:
            data = os.read(self.master, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.log.write(data)
            self.pane.show(data)
            self.last_byte = time.monotonic()
        else:
            self.master_open = False

    def read_keys(self) -> None:
        """Bytes of the pane: to the job's terminal."""
        assert self.pane.input is not None
        try:
            data = os.read(self.pane.input, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.inbox += data
            return
        self.pane.input = None
        if self.pane.modes is None:  # the end of a file or pipe, told as a terminal tells it
            modes = termios.tcgetattr(self.master)
            if modes[3] & termios.ICANON:
                self.inbox += modes[6][termios.VEOF] * (1 if not self.inbox or self.inbox[-1] == 10 else 2)

    def write_terminal(self) -> None:
        """Give the job's terminal the keys that it takes now."""
        try:
            del self.inbox[: os.write(self.master, self.inbox)]
        except BlockingIOError:
            return
        except OSError:
            self.inbox.clear()

    def read_report(self) -> None:
        """Hear the leader, or find that it is gone."""
        data = os.read(self.report, 4096)
        if data:
            self.hear(data)
        else:
            os.close(self.report)
            self.report = -1
            self.gone = True

    def finished(self, now: float) -> bool:
        """Whether there is nothing left to wait for."""
        if self.gone and self.ended is None:
            self.reap()
            facts = process_facts(self.pid)
            if facts is None or facts[0] in "ZX":
                self.reap()
                self.end(None)
        drained = not self.master_open or now - self.last_byte > QUIET
        if self.kill_at is not None:
            return self.stopped(now) and (drained or now > self.kill_at + UNKILLABLE + DRAIN)
        if self.ended is None:
            return False
        return drained or clock() - self.ended > DRAIN

    def stopped(self, now: float) -> bool:
        """Whether a stop is over; goes on to SIGKILL when the grace period is."""
        assert self.kill_at is not None
        if now < self.next_look:
            return False
        left = self.members()
        self.next_look = now + max(0.05, 4 * (time.monotonic() - now))
        if not left and self.ended is not None:
            return True
        if now >= self.kill_at:
            self.signal_all(signal.SIGKILL)
            if now > self.kill_at + UNKILLABLE:
                if left and not self.survivors:
                    self.reasons.append(f"did not end on SIGKILL: {', '.join(map(str, sorted(left)))}")
                self.survivors = bool(left)
                return True
        return False

    def follow(self) -> None:
        """Move bytes until the job is over; a failure of our own is recorded, and our exit hangs the job up."""
        try:
            self.loop()
        except Exception as error:  # noqa: BLE001  the record must be written, however it ends
            self.reasons.append(f"its runner failed: {error!r}")

    def loop(self) -> None:
        """Move bytes until the job is over."""
        while True:
            now = time.monotonic()
            self.take_signals(now)
            self.pane.lose_patience(now)
            if self.finished(now):
                return
            busy = self.ended is not None or self.kill_at is not None or self.gone or self.pane.stuck_since
            self.turn(0.05 if busy else 60.0)

    def record_end(self) -> tuple[int, str]:
        """Write `result.json`. Returns the runner's exit status, and the job's end in words."""
        try:
            fault = os.read(self.fault, 4096)
        except OSError:
            fault = b""  # still open in a process that was killed half-way, or never made
        if fault:
            self.reasons.insert(0, fault.decode("utf-8", "replace"))
        if self.status is None and self.ended is not None:
            self.reasons.append("its end was not seen")
        if self.log.reason:
            self.reasons.append(self.log.reason)
        timeout = self.asked("timeout") if self.kill_at is not None else None
        if timeout is not None:
            self.reasons.insert(0, f"timed out after {timeout:g} s")
        return publish_result(
            self.folder, self.result, self.status, self.started_at, (self.ended or clock()) - self.began,
            self.kill_at is not None, "; ".join(self.reasons), timeout is not None,
        )  # fmt: skip


def main(directory: str) -> int:
    """Run the job in `directory`; returns the exit status of its command (128 + signal, as shells do)."""
    open_standard()
    try:
        folder = Folder(directory)
        if folder.has("started.json") or folder.has("result.json"):
            print("devdeck: this job has run already; start it again from devdeck", file=sys.stderr)
            return 125
        result = reserve(folder)
    except OSError as error:
        print(f"devdeck: {directory}: {error.strerror}", file=sys.stderr)
        return 125
    try:
        run = Run(folder, Spec(folder.read("spec.json") or {}), result)
    except (OSError, ValueError, KeyError) as error:
        why = f"the job could not be prepared: {error.strerror if isinstance(error, OSError) else error!r}"
        print(f"devdeck: {why}", file=sys.stderr)
        publish_result(folder, result, 126 << 8, time.time(), 0.0, False, why)
        return 126
    try:
        try:
            run.start()
        except (OSError, termios.error) as error:
            run.refuse(f"it could not be started: {error.strerror if isinstance(error, OSError) else error}")
        else:
            run.follow()
        code, words = run.record_end()
        run.pane.finish(f"devdeck: {words}", reset=code > 128 or run.kill_at is not None)
        return code
    finally:
        run.pane.restore()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
