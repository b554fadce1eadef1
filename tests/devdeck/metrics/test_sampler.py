from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.metrics.procfs import TICKS_PER_SECOND, Process, ProcTable, Table, psutil_table
from devdeck.metrics.sampler import Sampler
from devdeck.metrics.trees import owners, used
from tests.support import until

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def process(parent: int, *, own: int = 0, reaped: int = 0, start: int = 1, sid: int = 0, group: int = 0) -> Process:
    return Process(parent, group, sid, start, own, reaped, 1000)


class World:
    """A process table and a clock that a test moves by hand."""

    def __init__(self) -> None:
        self.table: dict[int, Process] = {}
        self.time = 1000.0
        self.sampler = Sampler(lambda: dict(self.table), now=lambda: 5e8 + self.time, monotonic=lambda: self.time)

    def tick(self, seconds: float = 2.0) -> None:
        self.time += seconds


def percent(ticks: float, seconds: float = 2.0) -> float:
    return 100.0 * ticks / TICKS_PER_SECOND / seconds


def test_the_first_sample_has_memory_and_no_cpu() -> None:
    world = World()
    world.table = {10: process(1, own=500), 11: process(10, own=9)}
    sample = world.sampler.sample({"a": [10], "gone": [77], "none": []})
    assert sample["a"].at == 5e8 + 1000.0
    assert (sample["a"].cpu, sample["a"].memory, sample["a"].processes) == (0.0, 2000, 2)
    assert (sample["gone"].cpu, sample["gone"].memory, sample["gone"].processes) == (0.0, 0, 0)
    assert sample.keys() == {"a", "gone", "none"}


def test_cpu_is_the_growth_of_the_tree_over_the_time_that_passed() -> None:
    world = World()
    world.table = {10: process(1, own=500), 11: process(10, own=50), 20: process(1, own=1)}
    roots = {"a": [10], "b": [20]}
    world.sampler.sample(roots)
    world.tick(4.0)
    world.table = {10: process(1, own=510), 11: process(10, own=80), 20: process(1, own=1)}
    sample = world.sampler.sample(roots)
    assert sample["a"].cpu == pytest.approx(percent(40, 4.0))
    assert sample["b"].cpu == 0.0


def test_a_session_added_later_has_cpu_at_once_and_not_its_whole_past() -> None:
    world = World()
    world.table = {10: process(1, own=500)}
    world.sampler.sample({})
    world.tick()
    world.table = {10: process(1, own=520)}
    assert world.sampler.sample({"a": [10]})["a"].cpu == pytest.approx(percent(20))


def test_a_reused_process_id_is_another_process() -> None:
    world = World()
    world.table = {10: process(1), 11: process(10, own=900, start=5)}
    world.sampler.sample({"a": [10]})
    world.tick()
    world.table = {10: process(1, reaped=900), 11: process(10, own=7, start=6)}
    assert world.sampler.sample({"a": [10]})["a"].cpu == pytest.approx(percent(7))


def test_children_that_lived_between_two_ticks_count() -> None:
    world = World()
    world.table = {10: process(1)}
    world.sampler.sample({"a": [10]})
    world.tick()
    world.table = {10: process(1, reaped=60)}
    assert world.sampler.sample({"a": [10]})["a"].cpu == pytest.approx(percent(60))


def test_a_child_that_ended_counts_only_what_it_used_since_the_sample_before() -> None:
    world = World()
    # 10 → 11 → 12; both children end, 12 waited for by 11, 11 by 10
    world.table = {10: process(1), 11: process(10, own=100, reaped=5), 12: process(11, own=40)}
    world.sampler.sample({"a": [10]})
    world.tick()
    world.table = {10: process(1, reaped=100 + 5 + 40 + 17)}
    assert world.sampler.sample({"a": [10]})["a"].cpu == pytest.approx(percent(17))


def test_a_child_whose_time_is_lost_takes_nothing_from_others() -> None:
    world = World()
    # 11's parent ignores SIGCHLD: nothing is reaped
    world.table = {10: process(1, own=10), 11: process(10, own=100)}
    world.sampler.sample({"a": [10]})
    world.tick()
    world.table = {10: process(1, own=30)}
    assert world.sampler.sample({"a": [10]})["a"].cpu == pytest.approx(percent(20))


def test_a_clock_that_stands_still_gives_no_infinite_cpu() -> None:
    world = World()
    world.table = {10: process(1)}
    world.sampler.sample({"a": [10]})
    world.table = {10: process(1, own=100)}
    assert world.sampler.sample({"a": [10]})["a"].cpu == 0.0


def test_the_nearest_root_owns() -> None:
    table = {10: process(1), 11: process(10), 12: process(11), 13: process(12)}
    assert owners(table, {"outer": [10], "inner": [12]}) == {10: "outer", 11: "outer", 12: "inner", 13: "inner"}
    assert owners(table, {"first": [10], "second": [10]}) == dict.fromkeys((10, 11, 12, 13), "first")


def test_an_orphan_belongs_to_the_owner_of_its_session_or_group() -> None:
    table = {
        10: process(2, sid=10, group=10),
        11: process(10, sid=11, group=11),  # a member that leads its own session
        30: process(1, sid=10, group=30),  # orphan of the pane
        31: process(30, sid=31, group=31),  # child of the orphan, with a session of its own
        32: process(1, sid=31, group=32),  # orphan of that one
        33: process(1, sid=11, group=33),
        34: process(1, sid=99, group=50),  # the root 50 is gone, its group is not
        90: process(1, sid=90, group=90),
    }
    assert owners(table, {"a": [10], "b": [50]}) == {10: "a", 11: "a", 30: "a", 31: "a", 32: "a", 33: "a", 34: "b"}


def test_init_and_circles_own_nothing() -> None:
    table = {1: process(0, sid=1, group=1), 5: process(6), 6: process(5), 7: process(1, sid=1, group=1), 8: process(8)}
    assert owners(table, {"a": [0, -1]}) == {}
    assert owners(table, {"a": [6]}) == {5: "a", 6: "a"}


def test_a_long_chain_is_walked_without_recursion() -> None:
    table = {pid: process(pid - 1) for pid in range(20_000, 10, -1)}
    assert set(owners(table, {"a": [11]}).values()) == {"a"}
    assert used(table, {11: process(10, reaped=3)}, {11: "a"}) == {"a": 3}


tables = st.dictionaries(
    st.integers(1, 12),
    st.builds(process, st.integers(0, 12), own=st.integers(0, 50), reaped=st.integers(0, 50),
              start=st.integers(1, 3), sid=st.integers(0, 12), group=st.integers(0, 12)),
    max_size=12,
)  # fmt: skip


@given(tables, tables, st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 14), max_size=3)))
@settings(max_examples=150)
def test_any_two_tables_give_sane_samples(before: Table, after: Table, roots: dict[str, list[int]]) -> None:
    owned = owners(after, roots)
    assert owned.keys() <= after.keys()
    assert set(owned.values()) <= roots.keys()
    ticks = used(before, after, owned)
    assert all(0 <= value <= sum(p.own + p.reaped for p in after.values()) for value in ticks.values())


@contextmanager
def shell(script: str) -> Iterator[subprocess.Popen[bytes]]:
    """A shell that leads its own session, and everything in it killed at the end."""
    leader = subprocess.Popen(
        ["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        yield leader
    finally:
        os.killpg(leader.pid, signal.SIGKILL)
        leader.communicate()


@linux
@pytest.mark.parametrize("table", [ProcTable(), psutil_table], ids=["proc", "psutil"])
def test_real_trees(table: object) -> None:
    sampler = Sampler(table)  # type: ignore[arg-type]
    spin = f"exec {sys.executable} -c 'while True: pass'"
    # the second shell's child is orphaned at once (its subshell ends) and stays in the session
    with shell(f"{spin}") as busy, shell("(sleep 300 &) ; sleep 300") as idle:
        roots = {"busy": [busy.pid], "idle": [idle.pid]}
        assert sampler.sample(roots)["busy"].cpu == 0.0
        busy_now = until(lambda: now if (now := sampler.sample(roots)["busy"]).cpu > 5 else None)
        assert busy_now is not None
        assert busy_now.processes == 1
        assert busy_now.memory > 1_000_000
        assert until(lambda: (now := sampler.sample(roots)["idle"]).processes == 3 and now.cpu == 0.0)


@linux
def test_real_children_that_end_between_ticks_count() -> None:
    sampler = Sampler()
    work = f"{sys.executable} -c 'sum(range(3_000_000))'"
    with shell(f"read x; {work}; echo done; read x") as leader:
        assert leader.stdin is not None
        assert leader.stdout is not None
        roots = {"a": [leader.pid]}
        sampler.sample(roots)
        leader.stdin.write(b"\n")
        leader.stdin.flush()
        assert leader.stdout.readline() == b"done\n"
        sample = sampler.sample(roots)["a"]
        assert sample.cpu > 0.0
        assert sample.processes == 1


def test_the_host() -> None:
    time = iter((50.0, 51.0, 52.0, 53.0, 54.0))
    sampler = Sampler(dict, now=lambda: next(time))
    first = sampler.host()
    assert (first.at, first.cpu) == (50.0, 0.0)
    assert 0 < first.memory_used < first.memory_total
    assert first.load >= 0

    def busy() -> bool:
        sum(range(3_000_000))
        return True

    busy()
    second = sampler.host()
    assert second.at == 51.0
    assert 0.0 < second.cpu <= 100.0
