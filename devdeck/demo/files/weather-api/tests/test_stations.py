import pytest

from weather.stations import average, plausible


def test_average():
    assert average([10.0, 12.0, 14.0]) == 12.0


def test_no_readings():
    with pytest.raises(ValueError, match="no readings"):
        average([])


@pytest.mark.parametrize("celsius", [-89.2, 0.0, 56.7])
def test_plausible(celsius):
    assert plausible(celsius)


@pytest.mark.parametrize("celsius", [-120.0, 99.9])
def test_implausible(celsius):
    assert not plausible(celsius)
