"""What the demo's people write into its repositories."""

from __future__ import annotations

ARTICLES = '''    def articles(self) -> int:
        """How many articles are in the cart."""
        return sum(count for _, _, count in self.lines)

'''

CACHE = '''"""Readings that were asked for a moment ago."""

import time

MAX_AGE = 60.0


class Cache:
    """Values by station, forgotten after MAX_AGE seconds."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[float, float]] = {}

    def get(self, station: str) -> float | None:
        """The last value, unless it is too old."""
        at, value = self._values.get(station, (0.0, 0.0))
        return value if time.monotonic() - at < MAX_AGE else None
'''

NOTES = """\
- measure the hit rate before and after
- ask for the upstream's cache headers
"""

GIFT_WRAP = '''    def wrap(self, cents: int = 350) -> None:
        """Have it wrapped as a gift."""
        self.add("gift wrap", cents)

'''

GIFT_WRAP_TEST = """

def test_gift_wrap_costs_extra():
    cart = Cart()
    cart.add("mug", 1250)
    cart.wrap()
    assert cart.total() == 1600
"""

UMBRELLAS = '''    def rain(self) -> None:
        """Umbrellas cost a tenth less while it rains."""
        self.lines = [
            (article, discounted(cents, 10) if article == "umbrella" else cents, count)
            for article, cents, count in self.lines
        ]

'''

RAINING = '''

def raining(millimetres: list[float]) -> bool:
    """Whether it rained in the last hour, by the readings of ten minutes each."""
    return sum(millimetres[-6:]) > 0.2
'''

RAINING_TEST = """

@pytest.mark.parametrize(("readings", "rains"), [([], False), ([0.0] * 6, False), ([0.1] * 6, True)])
def test_raining(readings, rains):
    assert raining(readings) is rains
"""

WIND = '''"""Boxes in the wind: an idea."""


def drift(speed: float, seconds: float, drag: float = 0.3) -> float:
    """How far a box is blown."""
    return speed * seconds * drag
'''

WIND_IDEAS = """\
- gusts instead of a constant wind
- heavier boxes drift less
"""

ENVIRONMENT = """\
SHOP_CATALOGUE=demo
PAYMENT_KEY=not-a-real-key
"""
