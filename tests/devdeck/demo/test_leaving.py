"""Whatever ends a demo, nothing of it stays: no process, no folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.demo_support import gone, marked, sweepers
from tests.support import until

PROLOGUE = """
import os, subprocess, sys, time
from devdeck.demo import demo_folder

def start(*argv, **options):
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options)

STUBBORN = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; print('ready', flush=True); time.sleep(1000)"
with demo_folder() as folder:
    socket = os.environ["DEVDECK_TMUX_SOCKET"]
    subprocess.run(["tmux", "-S", socket, "new-session", "-d", "sleep 1000"], check=True)
    start("sleep", "1000", start_new_session=True)
"""
WAIT = """
    print(folder, flush=True)
    sys.stdin.read()
"""


within_a_minute = partial(until, timeout=60.0)
"""The sweeper itself may take half of that, when what it ends does not end."""


class Holder:
    """A process that holds a demo open."""

    def __init__(self, body: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROLOGUE + body], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.folder = self.process.stdout.readline().strip()
        assert self.folder, "the demo did not begin"

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def hold() -> Iterator[Callable[[str], Holder]]:
    holders: list[Holder] = []

    def begin(body: str = WAIT) -> Holder:
        holders.append(Holder(body))
        return holders[-1]

    yield begin
    for holder in holders:
        holder.end()


Hold = Callable[..., Holder]


def test_leaving_it(hold: Hold) -> None:
    holder = hold()
    assert len(marked(holder.folder)) >= 3
    assert len(sweepers(holder.folder)) == 1
    holder.process.communicate(timeout=60)
    assert holder.process.returncode == 0
    assert gone(holder.folder)  # before the process ends, not some time later


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGSEGV])
def test_killed(hold: Hold, number: signal.Signals) -> None:
    holder = hold()
    assert marked(holder.folder)
    holder.process.send_signal(number)
    holder.process.wait(60)
    assert holder.process.returncode != 0
    within_a_minute(lambda: gone(holder.folder))


@pytest.mark.parametrize("crash", ["raise RuntimeError('boom')", "os._exit(3)", "os.abort()"])
def test_crashed(hold: Hold, crash: str) -> None:
    holder = hold(f"    print(folder, flush=True)\n    {crash}\n")
    holder.process.communicate(timeout=60)
    assert holder.process.returncode != 0
    within_a_minute(lambda: gone(holder.folder))


def test_killed_while_it_has_temporary_files(hold: Hold) -> None:
    """Those of the process itself, and of what it starts."""
    body = (
        "    import tempfile\n"
        "    own = tempfile.mkdtemp()\n"
        "    other = subprocess.run(['mktemp'], capture_output=True, text=True, check=True).stdout.strip()\n"
        "    print(folder, own, other, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    holder = hold(body)
    folder, own, other = holder.folder.split()
    assert Path(own).is_dir()
    assert Path(other).is_file()
    holder.process.kill()
    until(lambda: gone(folder))
    assert not os.path.lexists(own)
    assert not os.path.lexists(other)


def test_processes_that_refuse_to_end(hold: Hold) -> None:
    body = (
        "    stubborn = subprocess.Popen([sys.executable, '-c', STUBBORN], stdout=subprocess.PIPE, start_new_session=True)\n"
        "    assert stubborn.stdout.readline() == b'ready\\n'\n"
    )
    holder = hold(body + WAIT)
    holder.process.kill()
    within_a_minute(lambda: gone(holder.folder))


def test_a_stopped_process(hold: Hold) -> None:
    holder = hold("    os.kill(start('sleep', '1000', start_new_session=True).pid, 19)\n" + WAIT)
    holder.process.kill()
    within_a_minute(lambda: gone(holder.folder))


def test_what_is_started_while_it_is_swept(hold: Hold) -> None:
    again = "import subprocess, time\nfor _ in range(20): subprocess.Popen(['sleep', '1000'], start_new_session=True); time.sleep(0.05)"
    holder = hold(f'    start(sys.executable, "-c", {again!r}, start_new_session=True)\n' + WAIT)
    holder.process.kill()
    within_a_minute(lambda: gone(holder.folder))


def test_a_folder_in_use(hold: Hold) -> None:
    body = (
        "    os.makedirs(folder / 'a/b'); os.chmod(folder / 'a/b', 0o700); (folder / 'a/b/file').write_text('x')\n"
        "    start('sh', '-c', 'while echo x >> log; do :; done', cwd=folder / 'a/b')\n"
    )
    holder = hold(body + WAIT)
    holder.process.kill()
    within_a_minute(lambda: gone(holder.folder))


def test_a_demo_in_a_demo(hold: Hold) -> None:
    """The inner one is no part of the outer one, and ends for itself."""
    outer = hold()
    environment = {**os.environ, "DEVDECK_DEMO": outer.folder}
    inner = subprocess.Popen(
        [sys.executable, "-c", PROLOGUE + WAIT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert inner.stdout is not None
        folder = inner.stdout.readline().strip()
        outer.process.kill()
        within_a_minute(lambda: not os.path.exists(outer.folder))
        inner.wait(60)  # carries the outer one's mark
        within_a_minute(lambda: gone(folder))
        within_a_minute(lambda: gone(outer.folder))
    finally:
        inner.kill()
        inner.communicate()


def test_other_demos_are_left_alone(hold: Hold) -> None:
    one, other = hold(), hold()
    one.process.kill()
    within_a_minute(lambda: gone(one.folder))
    assert len(marked(other.folder)) >= 3
    assert Path(other.folder, "tmux.sock").is_socket()
    other.process.communicate(timeout=60)
    assert gone(other.folder)


def test_without_proc_the_jobs_are_found_by_their_records(tmp_path: Path) -> None:
    """As on macOS, where no other process's environment can be read without its leave."""
    from devdeck.demo import sweeper
    from devdeck.jobs.files import write_record

    job = subprocess.Popen(["sleep", "1000"])
    try:
        jobs = tmp_path / "home/.local/state/devdeck/jobs"
        for name, pid in (("one", job.pid), ("other", 2**22 - 1), ("broken", "x")):
            (jobs / name).mkdir(parents=True)
            write_record(jobs / name / "started.json", {"runner_pid": pid, "leader_pid": pid, "pid": pid})
        assert sweeper.recorded(str(tmp_path)) == {job.pid}
        write_record(jobs / "one" / "result.json", {})
        assert sweeper.recorded(str(tmp_path)) == set()
    finally:
        job.kill()
        job.wait()
