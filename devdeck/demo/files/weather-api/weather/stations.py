"""Stations and their readings."""

from statistics import fmean


def average(readings: list[float]) -> float:
    """Mean temperature in degrees Celsius."""
    if not readings:
        raise ValueError("no readings")
    return round(fmean(readings), 2)


def plausible(celsius: float) -> bool:
    """Whether a reading can be true on this planet."""
    return -90.0 <= celsius <= 60.0
