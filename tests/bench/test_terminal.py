from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from bench import processes
from bench.answers import Answers
from bench.terminal import NotShown, Terminal
from tests.support import until

ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm-256color"}


def python(source: str, place: Path, *, rows: int = 40) -> Terminal:
    return Terminal([sys.executable, "-I", "-S", "-u", "-c", source], ENVIRONMENT, place, rows=rows)


def test_queries_are_answered_once_and_in_order_however_they_are_cut() -> None:
    asked = b"x\x1b[6n\x1b[cy\x1b[?2026$p\x1b]11;?\x07"
    expected = b"\x1b[1;1R\x1b[?62;22c\x1b[?2026;2$y\x1b]11;rgb:1010/1010/1010\x1b\\"
    assert Answers().to(asked) == expected
    bytewise = Answers()
    assert b"".join(bytewise.to(asked[at : at + 1]) for at in range(len(asked))) == expected


def test_plain_output_is_no_query() -> None:
    assert Answers().to(b"\x1b[31mred\x1b[0m \x1b[2J\x1b[10;5H") == b""


def test_a_program_gets_a_terminal_of_its_own_and_answers(tmp_path: Path) -> None:
    source = """
import os, sys, termios, tty
tty.setraw(0)
size = os.get_terminal_size()
os.write(1, b"\\x1b[6n")
answer = os.read(0, 32)
os.write(1, f"{size.columns}x{size.lines} {answer!r} {os.tcgetpgrp(0) == os.getpgrp()} {os.getcwd()}".encode())
os.read(0, 1)
"""
    with python(source, tmp_path, rows=31) as terminal:
        terminal.until(lambda: str(tmp_path)[:20] in terminal.text(), "the answer")
        assert terminal.text().startswith(r"120x31 b'\x1b[1;1R' True")


def test_a_stamp_is_of_the_chunk_that_made_the_condition_true(tmp_path: Path) -> None:
    source = """
import os, time
print("first", flush=True)
os.read(0, 1)
print("stamp", time.monotonic_ns(), "second", flush=True)
os.read(0, 9)
"""
    with python(source, tmp_path) as terminal:
        first = terminal.until(lambda: "first" in terminal.text(), "first")
        sent = terminal.send(b"\n")

        # Judged later than it came, however late that is: the stamp must not know.
        def came() -> bool:
            terminal.record(0.05)
            return any(b"second" in chunk for _, chunk in terminal._chunks)

        until(came)
        judged = time.monotonic_ns()
        second = terminal.until(lambda: "second" in terminal.text(), "second")
        printed = int(terminal.text().split("stamp ")[1].split()[0])
        assert terminal.started < first < sent < printed < second < judged


def test_nothing_counts_within_a_synchronized_update(tmp_path: Path) -> None:
    source = r"""
import os, sys
sys.stdout.write("\x1b[?2026hhalf"); sys.stdout.flush()
os.read(0, 1)
sys.stdout.write(" whole\x1b[?2026l"); sys.stdout.flush()
os.read(0, 9)
"""
    with python(source, tmp_path) as terminal:
        terminal.settle(0.2)
        with pytest.raises(NotShown, match="half"):
            terminal.until(lambda: "half" in terminal.text(), "half", 0.3)
        sent = terminal.send(b"\n")
        assert terminal.until(lambda: "half" in terminal.text(), "all") > sent
        assert "whole" in terminal.text()


def test_a_program_that_ends_is_told_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    with python("print('bye')", tmp_path) as terminal, pytest.raises(NotShown, match="bye"):
        terminal.until(lambda: "never" in terminal.text(), "never", 60.0)
    assert time.monotonic() - began < 50  # it did not wait for the whole time-out


def test_grounds_see_a_cursor_that_moves(tmp_path: Path) -> None:
    source = r"""
import os, sys
def rows(at):
    for row in range(3):
        sys.stdout.write(f"\x1b[{row + 1};1H" + ("\x1b[48;2;1;2;3m" if row == at else "\x1b[0m") + "row of some cells" + "\x1b[0m")
    sys.stdout.flush()
rows(0); os.read(0, 1); rows(1); os.read(0, 9)
"""
    with python(source, tmp_path) as terminal:
        terminal.until(lambda: terminal.grounds(0)[0] == "010203" and "row" in terminal.lines()[2], "rows")
        before = terminal.grounds(1)
        terminal.send(b"\n")
        terminal.until(lambda: terminal.grounds(1) != before, "cursor on row 1")
        assert terminal.grounds(1) == ("010203",) * 12


def test_the_program_and_its_children_are_gone_after_the_block(tmp_path: Path) -> None:
    source = """
import signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"])
print("child", child.pid, "ready", flush=True)
time.sleep(600)
"""
    with python(source, tmp_path) as terminal:
        terminal.until(lambda: "ready" in terminal.text(), "the child")
        child = int(terminal.text().split("child ")[1].split()[0])
        assert child in processes.tree(terminal.process.pid)
    assert terminal.process.returncode is not None
    until(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_cpu_of_children_counts_while_they_live_and_afterwards(tmp_path: Path) -> None:
    source = """
import subprocess, sys, time
burn = "import time\\nwhile time.process_time() < 0.3: pass\\nprint('burnt', flush=True)\\ninput()"
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", burn])
child.wait()
print("reaped", flush=True)
time.sleep(600)
"""
    with python(source, tmp_path) as terminal:
        root = terminal.process.pid
        terminal.until(lambda: "burnt" in terminal.text(), "the burner", 60.0)
        living = processes.cpu_seconds(root)
        assert living >= 0.28
        assert processes.memory_bytes(root) > 1_000_000
        terminal.send(b"\n")
        terminal.until(lambda: "reaped" in terminal.text(), "the end of the burner")
        assert processes.tree(root) == [root]
        assert processes.cpu_seconds(root) >= living
