from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.tui.driving import driving
from tests.tui.fake import FakeDeck
from tui.widgets.graph import Graph
from tui.widgets.graphs import SPANS, span_since

MakeDeck = Callable[..., FakeDeck]


@pytest.mark.parametrize(
    ("age", "span"), [(0, 60), (59, 60), (60, 60), (61, 120), (250, 300), (301, 600), (599, 600), (700, 600)]
)
def test_the_axis_is_as_long_as_what_was_measured(age: float, span: float) -> None:
    assert span_since(1000.0 - age, 1000.0) == span
    assert SPANS[-1] == 600.0  # what the deck keeps


async def test_all_graphs_have_the_same_axis(make_deck: MakeDeck) -> None:
    deck = make_deck()
    host = deck.host_samples()[-20:]
    deck.host_samples = lambda: host  # type: ignore[method-assign]
    deck.samples = lambda session_id: ()  # type: ignore[method-assign]
    async with driving(deck) as it:
        it.main.graphs.show(deck, it.main.selected)
        assert {graph._span for graph in it.main.graphs.query(Graph)} == {60.0}
        assert "-1m" in it.text()
