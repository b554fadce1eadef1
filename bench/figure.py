"""One measured figure, and the statistics behind it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure as it is printed."""

    name: str
    value: float
    target: float | None
    """Upper limit; `None` where nothing is promised."""
    reference: str
    """What it was held against, both sides in absolute numbers."""
    unit: str
    """`ratio`, `ms`, `% of a core`, …"""
    n: int
    """Measurements behind the value."""

    @property
    def met(self) -> bool | None:
        """Whether the value is within its target; `None` without one."""
        return None if self.target is None else self.value <= self.target

    def row(self) -> dict[str, str | float | int | bool | None]:
        """The figure as an object of the JSON document."""
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "target": self.target,
            "met": self.met,
            "reference": self.reference,
            "unit": self.unit,
            "n": self.n,
        }


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    """The smallest of the values that at least 95 % of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[math.ceil(0.95 * len(ordered)) - 1]


def ratio(
    name: str,
    target: float | None,
    ours: tuple[str, float],
    reference: tuple[str, float],
    n: int,
    unit: str = "ms",
) -> Figure:
    """A figure that is one value divided by another of the same unit; each is given as (what it is, value)."""
    told = f"{ours[0]} {ours[1]:.1f} ÷ {reference[0]} {reference[1]:.1f} {unit}"
    return Figure(name=name, value=ours[1] / reference[1], target=target, reference=told, unit="ratio", n=n)
