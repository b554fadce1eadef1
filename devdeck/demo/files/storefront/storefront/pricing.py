"""Prices in whole cents."""

from decimal import ROUND_HALF_UP, Decimal


def discounted(cents: int, percent: int) -> int:
    """A price less a discount, rounded to the nearest cent."""
    if not 0 <= percent <= 100:
        raise ValueError(f"a discount is 0 to 100 percent, not {percent}")
    exact = Decimal(cents) * (100 - percent) / 100
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def with_tax(cents: int, rate: Decimal) -> int:
    """A price with tax added, rounded to the nearest cent."""
    return int((cents * (1 + rate)).quantize(Decimal(1), ROUND_HALF_UP))
