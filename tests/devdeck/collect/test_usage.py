"""How often usage is sampled."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from devdeck.collect.base import Pace
from devdeck.collect.usage import QUIET, TICK, TICK_IDLE, TICK_QUIET, UsageCollector
from devdeck.model import Sample, Session
from devdeck.state import StateHub


def test_passes_are_rarer_only_while_nothing_changes_and_no_graph_is_drawn() -> None:
    hub, pace = StateHub(), Pace()
    place = Session(id="a", label="a", repository="r", repository_path="/r", worktree="/w/a")
    hub.set_sessions({"a": place})
    with ThreadPoolExecutor(1) as executor:
        usage = UsageCollector(hub, pace, executor, lambda: 0.0)

        def passes(count: int, sample: Sample) -> float:
            for _ in range(count):
                usage._rest(usage._take({"a": sample}))
            return usage._period()

        still = Sample(at=1.0, cpu=0.0, memory=1 << 20, processes=1)
        assert passes(1, still) == TICK
        assert passes(QUIET - 1, still) == TICK
        assert passes(1, still) == TICK_QUIET
        usage.host_samples()
        assert passes(1, still) == TICK
        assert passes(QUIET, still) == TICK_QUIET
        assert passes(1, Sample(at=9.0, cpu=50.0, memory=1 << 20, processes=1)) == TICK
        pace.active = False
        assert usage._period() == TICK_IDLE
