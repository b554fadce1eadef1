import pytest

from tilegame.physics import bounce, fall


def test_nothing_falls_through_the_floor():
    assert fall(1.0, 60.0) == 0.0


def test_a_bounce_loses_speed():
    assert 0 < bounce(10.0) < 10.0


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3])
def test_falling_goes_down(seconds):
    assert fall(10.0, seconds) <= 10.0
