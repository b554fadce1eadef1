from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from devdeck.jobs.files import read_result, read_started, runner_argv
from devdeck.jobs.lifecycle import refresh
from devdeck.model import JobState
from tests.devdeck.jobs.harness import Jobs, log, python, says
from tests.support import until


@pytest.mark.parametrize("status", [0, 1, 3, 255])
def test_exit_status_is_recorded_and_passed_on(jobs: Jobs, status: int) -> None:
    job, code = jobs.run("sh", "-c", f"exit {status}")
    assert (code, job.exit_status, job.signal, job.stopped, job.reason) == (status, status, None, False, "")
    assert job.verdict == f"exit {status}"
    assert job.duration is not None
    assert 0 <= job.duration < 60


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM", "SIGINT", "SIGPIPE", "SIGHUP"])
def test_a_signal_is_recorded_by_its_number(jobs: Jobs, name: str) -> None:
    number = getattr(signal, name)
    job, code = jobs.run("sh", "-c", f"kill -{number} $$")
    assert (job.exit_status, job.signal, job.verdict) == (None, number, name)
    assert code == 128 + number
    assert not job.stopped


def test_the_pane_ends_with_one_dim_line_that_the_log_lacks(jobs: Jobs) -> None:
    job, window = jobs.start("sh", "-c", "printf hello; exit 1")
    assert window.wait() == 1
    until(lambda: b"devdeck: exit 1 after" in window.output)
    assert re.search(
        rb"hello\x1b\[\?25h\x1b\[0m\r\n\x1b\[2mdevdeck: exit 1 after \d+\.\d s\x1b\[0m\r\n$", window.output
    )
    assert log(job) == b"hello"


def test_the_command_has_a_terminal_and_its_colours_are_kept(jobs: Jobs) -> None:
    source = (
        "import os,sys; print([os.isatty(i) for i in (0,1,2)], os.ttyname(0)==os.ttyname(2)); print('\\x1b[31mred')"
    )
    job, _ = jobs.run(*python(source))
    assert log(job) == b"[True, True, True] True\r\n\x1b[31mred\r\n"


def test_the_command_leads_a_foreground_group_of_its_own_session(jobs: Jobs) -> None:
    source = (
        "import os; print(os.getpid()==os.getpgrp()==os.tcgetpgrp(0), os.getsid(0), os.open('/dev/tty', os.O_RDWR))"
    )
    job, _ = jobs.run(*python(source))
    started = read_started(Path(job.directory))
    assert started is not None
    assert log(job).startswith(b"True %d " % started.leader_pid)
    assert job.pid == started.pid


def test_signals_are_fresh_and_no_descriptor_leaks(jobs: Jobs) -> None:
    source = (
        "import os,signal\n"
        "print([s for s in signal.valid_signals() if signal.getsignal(s)==signal.SIG_IGN and s not in (13,25)])\n"
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, []), sorted(map(int, os.listdir('/proc/self/fd')))[:-1])"
    )
    job, _ = jobs.run(*python(source))
    assert log(job) == b"[]\r\nset() [0, 1, 2]\r\n"


def test_the_size_follows_the_pane(jobs: Jobs) -> None:
    source = (
        "import os,signal,time\n"
        "def size(*_): print('size', *os.get_terminal_size(), flush=True)\n"
        "signal.signal(signal.SIGWINCH, size); size()\n"
        "while True: time.sleep(0.05)"  # a signal just before signal.pause() would be waited for in vain
    )
    job, window = jobs.start(*python(source), size=(31, 97))
    until(says(job, b"size 97 31"))
    window.resize(40, 132)
    until(says(job, b"size 132 40"))


def test_keys_reach_the_command_and_ctrl_c_is_a_signal_for_it_alone(jobs: Jobs) -> None:
    source = (
        "print('name?', flush=True); name=input()\n"
        "try:\n print('hello', name.upper(), flush=True)\n while True: input()\n"
        "except KeyboardInterrupt: print('interrupted'); raise SystemExit(7)"
    )
    job, window = jobs.start(*python(source))
    until(says(job, b"name?"))
    window.type("ümlaut\r".encode())
    until(says(job, "hello ÜMLAUT".encode()))
    window.type(b"\x03")
    assert window.wait() == 7
    job = refresh(job)
    assert (job.exit_status, job.stopped) == (7, False)
    assert b"interrupted" in log(job)


def test_ctrl_z_does_not_strand_the_job(jobs: Jobs) -> None:
    job, window = jobs.start("sh", "-c", "echo ready; read x; echo got $x")
    until(says(job, b"ready"))
    window.type(b"\x1a")
    until(says(job, b"^Z"))
    window.type(b"on\r")
    assert window.wait() == 0
    assert b"got on" in log(job)


def test_ctrl_d_ends_the_input(jobs: Jobs) -> None:
    job, window = jobs.start("sh", "-c", "echo ready; cat; echo over")
    until(says(job, b"ready"))
    window.type(b"\x04")
    assert window.wait() == 0
    assert log(job).endswith(b"over\r\n")


def test_the_terminal_is_raw_meanwhile_and_restored_after(jobs: Jobs) -> None:
    job = jobs.prepare("sh", "-c", "echo ready; read x")
    window = jobs.open(job)
    until(says(job, b"ready"))
    assert not termios.tcgetattr(window.slave)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
    window.type(b"\r")
    window.wait()
    assert termios.tcgetattr(window.slave) == window.modes


def test_the_terminal_is_restored_when_the_job_is_stopped_or_never_ran(jobs: Jobs) -> None:
    for argv in (("sleep", "100"), ("no-such-command-at-all",)):
        job = jobs.prepare(*argv)
        window = jobs.open(job)
        if argv[0] == "sleep":
            until(lambda job=job: read_started(Path(job.directory)))  # type: ignore[misc]
            window.process.terminate()
        window.wait()
        assert termios.tcgetattr(window.slave) == window.modes


def test_twenty_megabytes_lose_no_byte(jobs: Jobs) -> None:
    source = (
        "import random,sys,hashlib,os,tty\n"
        "tty.setraw(1)\n"
        "data=random.Random(7).randbytes(20_000_000); h=hashlib.sha256(data).hexdigest()\n"
        "open('sum','w').write(h); sys.stdout.buffer.write(data)"
    )
    job, window = jobs.start(*python(source))
    assert window.wait(90) == 0
    written = log(job)
    assert len(written) == 20_000_000
    digest = (jobs.cwd / "sum").read_text()
    assert hashlib.sha256(written).hexdigest() == digest
    until(lambda: b"devdeck: exit 0" in window.output[-200:])
    assert hashlib.sha256(window.output[:20_000_000]).hexdigest() == digest


def test_a_pane_that_takes_nothing_does_not_hold_the_job_up_for_ever(jobs: Jobs) -> None:
    job = jobs.prepare("sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end")
    window = jobs.open(job, drain=False)
    assert window.wait(60) == 0
    assert log(job) == b"x" * 3_000_000 + b"\r\nend\r\n"
    assert refresh(job).exit_status == 0


def test_a_pane_that_catches_up_says_what_it_missed(jobs: Jobs) -> None:
    job = jobs.prepare("sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo asleep; read x; echo awake")
    window = jobs.open(job, drain=False)
    until(says(job, b"asleep\r\n"))
    window.drain()
    until(lambda: b"bytes not shown here" in window.output)
    window.type(b"\r")
    assert window.wait() == 0
    until(lambda: b"devdeck: exit 0" in window.output)
    match = re.search(rb"devdeck: (\d+) bytes not shown here", window.output)
    assert match
    missed = int(match[1])
    shown = window.output.index(b"\x18")
    assert missed > 0
    assert shown + missed == len(b"x" * 3_000_000 + b"\r\nasleep\r\n")
    assert b"awake\r\n" in window.output
    assert log(job) == b"x" * 3_000_000 + b"\r\nasleep\r\n\r\nawake\r\n"


@pytest.mark.parametrize(
    ("text", "left"), [("\\033[?1049hx", True), ("\\033[?1049hx\\033[?1049l", False), ("x", False)]
)
def test_the_alternate_screen_is_left_when_the_command_did_not(jobs: Jobs, text: str, left: bool) -> None:
    job, window = jobs.start("printf", text)
    window.wait()
    until(lambda: b"devdeck: exit 0" in window.output)
    assert window.output[len(log(job)) :].startswith(b"\x1b[?1049l") == left


def test_bytes_that_are_no_text_stay_as_they_are(jobs: Jobs) -> None:
    job, _ = jobs.run("printf", r"a\377\000\302\033]0;x\007b")
    assert log(job) == b"a\xff\x00\xc2\x1b]0;x\x07b"


def test_arguments_and_environment_are_passed_on_byte_for_byte(jobs: Jobs) -> None:
    source = "import os,sys; print([os.fsencode(a) for a in sys.argv[1:]], os.environb.get(b'A'), 'PATH' in os.environ)"
    words = ["-x", "a b", "$HOME", "'\"", "é", os.fsdecode(b"\xff\xfe"), "", "\n", "[/x]", "#{pane_id}"]
    job, _ = jobs.run(*python(source), *words, env={"A": os.fsdecode(b"\xff="), "PATH": None})
    expected = f"{[os.fsencode(word) for word in words]} " + repr(b"\xff=") + " False"
    assert log(job).decode().rstrip() == expected


def test_the_environment_is_that_of_the_pane_and_names_the_job(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FROM_THE_PANE", "yes")
    job, _ = jobs.run("env")
    lines = log(job).decode().splitlines()
    assert "FROM_THE_PANE=yes" in lines
    assert f"DEVDECK_JOB={job.id}" in lines


@pytest.mark.parametrize(
    ("argv", "status", "reason"),
    [
        (("no-such-command-at-all",), 127, "no-such-command-at-all: command not found"),
        (("./missing",), 127, "./missing: command not found"),
        (("./plain",), 126, "./plain: Permission denied"),
        (("./folder",), 126, "./folder: Permission denied"),
        (("./lost",), 126, "./lost: its interpreter (or what it links to) is missing"),
    ],
)
def test_what_cannot_run_ends_as_in_a_shell(jobs: Jobs, argv: tuple[str, ...], status: int, reason: str) -> None:
    (jobs.cwd / "plain").write_text("x")
    (jobs.cwd / "folder").mkdir()
    (jobs.cwd / "lost").write_text("#!/no/such/interpreter\n")
    (jobs.cwd / "lost").chmod(0o755)
    job = jobs.prepare(*argv)
    window = jobs.open(job)
    assert window.wait() == status
    job = refresh(job)
    assert (job.exit_status, job.reason, job.stopped) == (status, reason, False)
    assert log(job) == f"devdeck: {reason}\r\n".encode()
    until(lambda: log(job) in window.output)


def test_a_script_without_an_interpreter_line_is_run_by_sh(jobs: Jobs) -> None:
    (jobs.cwd / "script").write_text("echo $0 $1\nexit 4\n")
    (jobs.cwd / "script").chmod(0o755)
    job, code = jobs.run("./script", "x")
    assert (code, log(job)) == (4, b"./script x\r\n")


def test_a_folder_that_vanished_before_the_start(jobs: Jobs) -> None:
    gone = jobs.cwd / "gone"
    gone.mkdir()
    job = jobs.prepare("true", cwd=gone)
    gone.rmdir()
    assert jobs.open(job).wait() == 126
    job = refresh(job)
    assert (job.exit_status, job.reason) == (126, f"{gone}: No such file or directory")


def test_what_is_left_behind_lives_on_and_does_not_hold_the_end_up(jobs: Jobs) -> None:
    job, code = jobs.run("sh", "-c", "(sleep 300 & echo child $!); exit 5")
    assert (code, job.exit_status) == (5, 5)
    match = re.search(rb"child (\d+)", log(job))
    assert match
    pid = int(match[1])
    until(lambda: Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep"))
    os.kill(pid, signal.SIGKILL)


def test_output_of_a_background_process_right_after_the_end_is_kept(jobs: Jobs) -> None:
    job = jobs.prepare("sh", "-c", "(while kill -0 $$ 2>/dev/null; do :; done; echo late) & exit 0")
    # How soon is right after: on a slow machine the process may come to it later than the runner listens by default.
    patient = (
        "import sys; sys.path.append(sys.argv[1]); from devdeck.jobs import runner; runner.QUIET = runner.DRAIN = 60.0"
    )
    *_, script, folder = runner_argv(job.directory)
    root = script.removesuffix("/devdeck/jobs/runner.py")
    source = f"{patient}; sys.exit(runner.main(sys.argv[2]))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", source, root, folder], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert log(job) == b"late\r\n"


def test_files_are_private_and_complete(jobs: Jobs) -> None:
    before = os.umask(0)
    try:
        job, _ = jobs.run("sh", "-c", "umask")
    finally:
        os.umask(before)
    folder = Path(job.directory)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == dict.fromkeys(("spec.json", "started.json", "result.json", "output.log"), 0o600)
    assert int(log(job), 8) == 0


def test_the_log_is_never_written_through_a_link(jobs: Jobs, tmp_path: Path) -> None:
    job = jobs.prepare("echo", "x")
    target = tmp_path / "target"
    target.write_text("mine")
    Path(job.log).symlink_to(target)
    assert jobs.open(job).wait() == 126
    assert target.read_text() == "mine"
    assert "prepared" in refresh(job).reason


def test_a_log_that_cannot_grow_does_not_end_the_job(jobs: Jobs) -> None:
    job, window = jobs.start("sh", "-c", "echo ready; read x; head -c 500000 /dev/zero | tr '\\0' x; echo; echo done")
    until(says(job, b"ready"))
    started = read_started(Path(job.directory))
    assert started is not None
    resource.prlimit(started.runner_pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    window.type(b"\r")
    assert window.wait() == 0
    job = refresh(job)
    size = Path(job.log).stat().st_size
    until(lambda: b"devdeck: exit 0" in window.output)
    shown = window.output.index(b"\x1b[?25h")
    assert size == 100_000
    assert job.exit_status == 0
    assert job.reason == f"{shown - size} bytes are missing from its log: File too large"
    assert b"done\r\n" in window.output


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"id": "x", "argv": [], "cwd": "/"}', "\x00", '{"argv": 3}'])
def test_a_spec_that_is_garbage(jobs: Jobs, text: str) -> None:
    job = jobs.prepare("true")
    (Path(job.directory) / "spec.json").write_text(text)
    assert jobs.open(job).wait() == 126
    job = refresh(job)
    assert (job.state, job.exit_status) == (JobState.ENDED, 126)
    assert job.reason.startswith("the job could not be prepared: ")


def test_a_job_runs_once(jobs: Jobs) -> None:
    job, _ = jobs.run("sh", "-c", "echo once")
    before = read_result(Path(job.directory))
    assert jobs.open(job).wait() == 125
    assert log(job) == b"once\r\n"
    assert read_result(Path(job.directory)) == before


def test_without_any_terminal_it_runs_and_records(jobs: Jobs) -> None:
    job = jobs.prepare("sh", "-c", "cat; tty >/dev/null && stty size")
    done = subprocess.run(runner_argv(job.directory), input=b"line\n", capture_output=True, timeout=60)
    assert done.returncode == 0
    assert log(job) == b"line\r\nline\r\n24 80\r\n"
    assert done.stdout == log(job)
    assert refresh(job).exit_status == 0


def test_closed_descriptors_do_not_matter(jobs: Jobs) -> None:
    job = jobs.prepare("echo", "x")
    close = "import os,sys; [os.close(fd) for fd in (0,1,2)]; os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", close, *runner_argv(job.directory)], timeout=60)
    # Nobody can hear the runner, whose last line goes nowhere.
    assert done.returncode == 0
    assert log(job) == b"x\r\n"


def test_a_reader_of_the_output_that_goes_away_does_not_matter(jobs: Jobs) -> None:
    job = jobs.prepare("sh", "-c", "echo one; read x; echo two")
    runner = subprocess.Popen(runner_argv(job.directory), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert runner.stdin
    assert runner.stdout
    until(says(job, b"one"))
    runner.stdout.close()
    runner.stdin.write(b"\n")
    runner.stdin.close()
    assert runner.wait(60) == 0
    assert log(job).endswith(b"two\r\n")


def test_killing_the_one_who_started_it_changes_nothing(jobs: Jobs) -> None:
    job = jobs.prepare("sh", "-c", "echo ready; while [ ! -e go ]; do sleep 0.05; done; echo end; exit 9")
    source = "import subprocess,sys,time; subprocess.Popen(sys.argv[1:], start_new_session=True); time.sleep(600)"
    quiet = subprocess.DEVNULL
    dashboard = subprocess.Popen(
        [sys.executable, "-c", source, *runner_argv(job.directory)], stdin=quiet, stdout=quiet, stderr=quiet
    )
    until(says(job, b"ready"))
    dashboard.kill()
    dashboard.wait()
    assert refresh(job).state is JobState.RUNNING
    (jobs.cwd / "go").touch()
    ended = until(lambda: job_ended if (job_ended := refresh(job)).state is JobState.ENDED else None)
    assert ended is not None
    assert ended.exit_status == 9
    assert log(job) == b"ready\r\nend\r\n"


def test_twenty_jobs_at_once(jobs: Jobs) -> None:
    started = [jobs.start("sh", "-c", f"for i in 1 2 3; do echo {n} $i; done; exit {n}") for n in range(20)]
    for n, (job, window) in enumerate(started):
        assert window.wait(60) == n
        assert refresh(job).exit_status == n
        assert log(job) == b"".join(b"%d %d\r\n" % (n, i) for i in (1, 2, 3))


def test_nothing_of_the_worktree_is_imported(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "signal", "devdeck", "select", "sitecustomize", "usercustomize"):
        (jobs.cwd / f"{name}.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.setenv("PYTHONPATH", str(jobs.cwd))
    monkeypatch.setenv("PYTHONSTARTUP", str(jobs.cwd / "json.py"))
    monkeypatch.chdir(jobs.cwd)
    job, code = jobs.run("echo", "fine")
    assert (code, log(job)) == (0, b"fine\r\n")


def test_the_runner_imports_little() -> None:
    source = (
        "import sys; sys.path.append(sys.argv[1]); import devdeck.jobs.runner\n"
        "import json; print(json.dumps(sorted(sys.modules)))"
    )
    root = str(Path(runner_argv("x")[3]).parents[2])
    done = subprocess.run([sys.executable, "-I", "-S", "-c", source, root], capture_output=True, check=True, timeout=60)
    heavy = {"typing", "subprocess", "pathlib", "asyncio", "logging", "msgspec", "dataclasses", "inspect", "contextlib"}
    assert not heavy & set(json.loads(done.stdout))


def test_times_are_those_of_the_command(jobs: Jobs) -> None:
    before = time.time()
    job, _ = jobs.run("sleep", "0.2")
    assert job.started_at is not None
    assert job.ended_at is not None
    assert job.duration is not None
    assert before <= job.started_at <= job.ended_at
    assert job.duration >= 0.2
