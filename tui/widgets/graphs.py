"""The four graphs: CPU and memory of the selected session and of the host."""

from __future__ import annotations

from textual.app import ComposeResult

from devdeck.live import LiveDeck
from devdeck.model import SessionState
from tui.widgets.framed import Framed
from tui.widgets.graph import Graph
from tui.widgets.spans import clean

SPANS = (60.0, 120.0, 300.0, 600.0)
"""Lengths of the time axis in seconds: the shortest that holds what was measured, so that it is soon full."""


def span_since(first: float, now: float) -> float:
    """Length of the time axis, in seconds, for samples of which the oldest was taken at `first`."""
    return next((span for span in SPANS if now - first <= span), SPANS[-1])


class Graphs(Framed):
    """A grid of graphs, fed by the screen; hidden, it does no work."""

    DEFAULT_CSS = """
    Graphs {
        layout: grid;
        grid-size: 2 2;
        grid-gutter: 0 1;
        border: round $deck-border;
        border-title-color: $deck-group;
        padding: 0;
    }
    """

    def compose(self) -> ComposeResult:
        """Session above, host below."""
        yield Graph("CPU", id="graph-cpu")
        yield Graph("memory", unit="bytes", id="graph-memory", classes="-memory")
        yield Graph("host CPU", ceiling=100.0, id="graph-host-cpu", classes="-host")
        yield Graph("host memory", unit="bytes", id="graph-host-memory", classes="-host")

    def show(self, deck: LiveDeck, selected: SessionState | None) -> None:
        """Draw what was measured, at most the last ten minutes of it.

        Args:
            deck: Where the samples are.
            selected: The selected session.
        """
        if not self.is_mounted or not self.display or not self.region:
            return
        now = deck.now()
        samples = deck.samples(selected.session.id) if selected is not None else ()
        label = clean(selected.session.label, 60) if selected is not None else ""
        self.set_titles(f"Usage · {label}" if label else "Usage")
        host = deck.host_samples()
        first = min([series[0].at for series in (samples, host) if series], default=now)
        span = span_since(first, now)
        self._graph("graph-cpu").show([(it.at, it.cpu) for it in samples], now, span=span)
        self._graph("graph-memory").show([(it.at, float(it.memory)) for it in samples], now, span=span)
        self._graph("graph-host-cpu").show([(it.at, it.cpu) for it in host], now, span=span)
        ceiling = float(host[-1].memory_total) if host else None
        used = [(it.at, float(it.memory_used)) for it in host]
        self._graph("graph-host-memory").show(used, now, ceiling=ceiling, span=span)

    def _graph(self, id_: str) -> Graph:
        return self.query_one(f"#{id_}", Graph)
