from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.metrics.ring import Ring
from devdeck.model import Sample


def sample(at: float) -> Sample:
    return Sample(at=at, cpu=at, memory=1, processes=1)


def times(ring: Ring[Sample], since: float | None = None) -> list[float]:
    return [item.at for item in ring.view(since)]


def test_ten_minutes_at_two_seconds() -> None:
    ring: Ring[Sample] = Ring()
    assert ring.view() == ()
    for tick in range(1000):
        ring.append(sample(tick * 2.0))
    assert len(ring) == 301  # both ends of the span
    assert ring.last == sample(1998.0)
    assert times(ring)[0] == 1398.0
    assert times(ring, 1990.5) == [1992.0, 1994.0, 1996.0, 1998.0]
    assert times(ring, 1998.0) == [1998.0]
    assert times(ring, 1999.0) == []


def test_an_empty_ring_has_no_last() -> None:
    assert Ring[Sample]().last is None


def test_count_is_bounded_too() -> None:
    ring: Ring[Sample] = Ring(capacity=3)
    for tick in range(10):
        ring.append(sample(tick * 0.001))
    assert len(ring) == 3


def test_a_clock_set_back_leaves_no_future() -> None:
    ring: Ring[Sample] = Ring()
    for at in (10.0, 20.0, 30.0, 15.0):
        ring.append(sample(at))
    assert times(ring) == [10.0, 15.0]


@given(st.lists(st.floats(0, 3000), max_size=60), st.floats(0, 3000))
@settings(max_examples=100)
def test_always_ordered_and_within_the_span(values: list[float], since: float) -> None:
    ring: Ring[Sample] = Ring(span=100.0, capacity=20)
    for at in values:
        ring.append(sample(at))
        kept = times(ring)
        assert kept == sorted(set(kept))
        assert kept[-1] == at
        assert kept[0] >= at - 100.0
        assert len(kept) <= 20
        assert times(ring, since) == [value for value in kept if value >= since]
