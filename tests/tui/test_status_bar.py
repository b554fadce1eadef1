from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from devdeck.model import Health, RunState
from tests.tui.widgets_support import NOW, deck_state, run, sample, state
from tui.widgets.bar import Part
from tui.widgets.spans import width_of
from tui.widgets.status_bar import StatusBar


class Heard(StatusBar):
    """A status bar of any width that keeps what it would show."""

    room = 80
    sides: tuple[int, int] = (0, 0)

    @property
    def view_width(self) -> int:
        return self.room

    def say(self, left: Sequence[Part], right: Sequence[Part] = ()) -> None:
        first, second = (sum(width_of(part.spans) for part in parts) for parts in (left, right))
        self.sides = (first, second)


@pytest.mark.parametrize("cpu", [0.0, 12.0, 100.0])
def test_a_blank_stands_between_the_two_sides(cpu: float) -> None:
    bar = Heard()
    chosen = state("a", run=run(RunState.FAILED), sample=sample(cpu))
    deck = msgspec.structs.replace(deck_state(chosen), collectors={"git": Health(state="ok", message="")})
    shown = set()
    for bar.room in range(30, 140):
        bar.show(deck, NOW, selected=chosen, values=True)
        left, right = bar.sides
        assert left == len(" ✓ all up to date")
        assert left + 1 + right <= bar.room or right == 0
        shown.add(right)
    assert len(shown) > 3  # with more room more is said
