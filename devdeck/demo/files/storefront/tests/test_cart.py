import time

import pytest

from storefront.cart import Cart


@pytest.fixture(autouse=True)
def database():
    time.sleep(0.17)  # a real suite talks to something


def test_empty_cart_costs_nothing():
    assert Cart().total() == 0


@pytest.mark.parametrize("count", [1, 2, 3, 10, 99])
def test_lines_are_added_up(count):
    cart = Cart()
    cart.add("mug", 1250, count)
    assert cart.total() == 1250 * count


@pytest.mark.parametrize("count", [0, -1])
def test_count_must_be_positive(count):
    with pytest.raises(ValueError, match="can't add"):
        Cart().add("mug", 1250, count)


@pytest.mark.parametrize(("discount", "total"), [(0, 2500), (10, 2250), (50, 1250), (100, 0)])
def test_discount_applies_to_the_sum(discount, total):
    cart = Cart(discount=discount)
    cart.add("mug", 1250, 2)
    assert cart.total() == total


@pytest.mark.skip(reason="vouchers come with the next release")
def test_vouchers():
    raise AssertionError
