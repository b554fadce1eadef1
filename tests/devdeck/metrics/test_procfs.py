from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.errors import DeckError
from devdeck.metrics import procfs
from devdeck.metrics.procfs import PAGE_SIZE, TICKS_PER_SECOND, Process, ProcTable, parse_stat, psutil_table
from tests.support import until

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def stat_line(pid: int, comm: bytes, process: Process) -> bytes:
    fields = [0] * 49
    fields[0:3] = process.parent, process.group, process.session
    fields[10:14] = process.own, 0, process.reaped, 0
    fields[18] = process.start
    fields[20] = process.memory // PAGE_SIZE
    return b"%d (%s) S %s\n" % (pid, comm, b" ".join(b"%d" % field for field in fields))


@given(
    comm=st.binary(max_size=64),
    numbers=st.lists(st.integers(min_value=0, max_value=2**63), min_size=7, max_size=7),
)
@settings(max_examples=100)
def test_any_command_name_is_read_over(comm: bytes, numbers: list[int]) -> None:
    process = Process._make([*numbers[:6], numbers[6] * PAGE_SIZE])
    assert parse_stat(stat_line(7, comm, process)) == process


@given(st.binary(max_size=200))
@settings(max_examples=100)
def test_garbage_is_refused_not_misread(line: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        parse_stat(line.replace(b")", b""))


def fake(proc: Path, pid: int, line: bytes) -> None:
    (proc / str(pid)).mkdir(exist_ok=True)
    (proc / str(pid) / "stat").write_bytes(line)


def test_a_changed_line_is_read_again_and_a_gone_process_forgotten(tmp_path: Path) -> None:
    first = Process(1, 5, 5, 100, 10, 0, PAGE_SIZE)
    fake(tmp_path, 5, stat_line(5, b"a b) (c", first))
    fake(tmp_path, 6, stat_line(6, b"other", first))
    (tmp_path / "meminfo").write_text("not a process")
    (tmp_path / "9").mkdir()  # ended between listing and reading
    fake(tmp_path, 8, b"")
    table = ProcTable(tmp_path)
    before = table()
    assert before == {5: first, 6: first}
    fake(tmp_path, 5, stat_line(5, b"a b) (c", first._replace(own=25)))
    (tmp_path / "6" / "stat").unlink()
    after = table()
    assert after == {5: first._replace(own=25)}
    assert table()[5] is after[5]


def test_the_table_is_bounded_and_says_so(tmp_path: Path) -> None:
    process = Process(1, 1, 1, 1, 1, 1, 0)
    for pid in range(1, 6):
        fake(tmp_path, pid, stat_line(pid, b"x", process))
    table = ProcTable(tmp_path, limit=3)
    assert len(table()) == 3
    assert table.truncated
    assert len(psutil_table(limit=2)) == 2


def test_a_missing_proc_is_an_error_with_a_hint(tmp_path: Path) -> None:
    assert not procfs.available(tmp_path)
    with pytest.raises(DeckError, match="nowhere") as caught:
        ProcTable(tmp_path / "nowhere")()
    assert caught.value.hint


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


@linux
def test_real_processes_and_psutil_agrees(child: subprocess.Popen[bytes]) -> None:
    table = ProcTable()
    found = table()[child.pid]
    assert found[:3] == (os.getpid(), child.pid, child.pid)
    assert found.memory > 1_000_000
    other = psutil_table()[child.pid]
    assert other[:3] == found[:3]
    assert abs(other.own - found.own) <= 2
    assert other.memory == pytest.approx(found.memory, abs=2_000_000)
    child.kill()
    # the parent has not waited: it is a zombie, still in the table with its times, without memory
    zombie = until(lambda: now if (now := table()[child.pid]).memory == 0 else None)
    assert zombie is not None
    assert zombie.start == found.start
    child.wait()
    assert child.pid not in table()


@linux
def test_own_time_of_a_busy_process_grows() -> None:
    table = ProcTable()
    before = table()[os.getpid()].own

    def burn() -> int:
        sum(range(200_000))
        return table()[os.getpid()].own >= before + TICKS_PER_SECOND // 20

    assert until(burn)
