import time
from decimal import Decimal

import pytest

from storefront.pricing import discounted, with_tax


@pytest.fixture(autouse=True)
def price_list():
    time.sleep(0.15)  # real prices come from somewhere


@pytest.mark.parametrize(
    ("cents", "percent", "expected"),
    [(1000, 10, 900), (999, 10, 899), (1, 50, 1), (3, 50, 2), (105, 10, 95), (0, 30, 0), (250, 0, 250)],
)
def test_discounts_round_half_up(cents, percent, expected):
    assert discounted(cents, percent) == expected


@pytest.mark.parametrize("percent", [-1, 101, 1000])
def test_impossible_discounts(percent):
    with pytest.raises(ValueError, match="0 to 100"):
        discounted(100, percent)


@pytest.mark.parametrize(("rate", "expected"), [("0.19", 1190), ("0.07", 1070), ("0", 1000)])
def test_tax(rate, expected):
    assert with_tax(1000, Decimal(rate)) == expected
