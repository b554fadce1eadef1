from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.color import Color
from textual.geometry import Size
from textual.strip import Strip

from tests.tui.rest import auntil
from tui.theme import load_themes, token_defaults
from tui.widgets.graph import Graph
from tui.widgets.plot import Ink, bucketize, draw_area, format_ago, format_value, nice_ceiling, sparkline

THEMES, _ = load_themes()
GIB = float(1 << 30)
NOW = 1_200_000.0


@pytest.mark.parametrize(
    ("peak", "unit", "ceiling"),
    [
        (0, "percent", 100), (100, "percent", 100), (101, "percent", 200), (213, "percent", 300), (900, "percent", 1000),
        (6400, "percent", 8000), (0, "bytes", 16 << 20), (17 << 20, "bytes", 24 << 20), (25 << 20, "bytes", 32 << 20),
        (GIB + 1, "bytes", 1.5 * GIB), (1.6 * GIB, "bytes", 2 * GIB),
    ],
)  # fmt: skip
def test_scales_end_at_even_numbers(peak: float, unit: str, ceiling: float) -> None:
    assert nice_ceiling(peak, "percent" if unit == "percent" else "bytes") == ceiling


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "percent", "0%"), (7.44, "percent", "7.4%"), (9.96, "percent", "10%"), (213.4, "percent", "213%"),
        (0, "bytes", "0"), (900, "bytes", "900"), (1000, "bytes", "1K"), (1536, "bytes", "1.5K"),
        (48 << 20, "bytes", "48M"), (1023 << 20, "bytes", "1G"), (1.5 * GIB, "bytes", "1.5G"), (16 * GIB, "bytes", "16G"),
    ],
)  # fmt: skip
def test_values_are_short(value: float, unit: str, text: str) -> None:
    assert format_value(value, "percent" if unit == "percent" else "bytes") == text


@given(st.floats(0, 1e18))
def test_bytes_never_need_more_than_five_cells(value: float) -> None:
    assert len(format_value(value, "bytes")) <= 5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "now"), (30, "-30s"), (90, "-1m30s"), (300, "-5m"), (3600, "-1h"), (5400, "-1h30m")],
)
def test_times_are_short(seconds: float, text: str) -> None:
    assert format_ago(seconds) == text


def test_buckets_hold_the_largest_value() -> None:
    samples = [(91.0, 1.0), (92.0, 9.0), (93.0, 2.0), (99.0, 4.0)]
    assert bucketize(samples, 99.5, span=30.0, count=3, gap=10.0) == [None, None, 9.0]
    # 92 and 99 are 7 s apart: the second stands for that time, so no column is empty
    assert bucketize(samples, 99.5, span=10.0, count=10, gap=10.0) == [None, 1, 9, 2, 4, 4, 4, 4, 4, 4]


def test_a_gap_stays_empty() -> None:
    samples = [(91.0, 1.0), (92.0, 9.0), (99.0, 4.0)]
    assert bucketize(samples, 99.5, span=10.0, count=10, gap=5.0) == [None, 1, 9] + [None] * 6 + [4]


def test_buckets_do_not_move_within_a_stretch() -> None:
    samples = [(60.0 + tick, float(tick)) for tick in range(30)]
    first = bucketize(samples, 90.0, span=50.0, count=10, gap=5.0)
    assert bucketize(samples, 94.9, span=50.0, count=10, gap=5.0) == first
    assert bucketize(samples, 95.0, span=50.0, count=10, gap=5.0) == [*first[1:], None]


@given(
    st.lists(st.tuples(st.floats(0, 2000), st.floats(0, 500)), max_size=40).map(sorted),
    st.integers(0, 60),
    st.floats(1, 2000),
)
@settings(max_examples=100)
def test_any_samples_fill_exactly_the_columns(samples: list[tuple[float, float]], count: int, now: float) -> None:
    buckets = bucketize(samples, now, span=600.0, count=count, gap=15.0)
    assert len(buckets) == count
    values = {value for at, value in samples if at <= now}
    assert {value for value in buckets if value is not None} <= values


def test_braille_is_exact() -> None:
    # one dot, two, three, four of four; both columns of a cell
    assert draw_area([25, 50, 75, 100], 1, 100, Ink.BRAILLE) == ["\u28e0\u28fe"]
    assert draw_area([100, None, 50, 0], 2, 100, Ink.BRAILLE) == ["\u2847 ", "\u2847\u28c7"]


def test_blocks_are_exact() -> None:
    assert draw_area([0, 12.5, 50, 100, None, 900], 1, 100, Ink.BLOCK) == ["▁▁▄█ █"]
    assert draw_area([50, 75], 2, 100, Ink.BLOCK) == [" ▄", "██"]


def test_sparklines() -> None:
    assert sparkline([0, 50, 100], 5, 100) == "  ▁▄█"
    assert sparkline([100, 0, None, 50], 2, 100) == " ▄"
    assert sparkline([97, 98], 2, 100) == "██"
    assert sparkline([], 3, 100) == "   "
    assert sparkline([1], 0, 100) == ""


@given(
    st.lists(st.none() | st.floats(0, 1e6), max_size=40).filter(lambda values: len(values) % 2 == 0),
    st.integers(1, 6),
    st.floats(1, 1e6),
    st.sampled_from(Ink),
)
@settings(max_examples=100)
def test_areas_have_their_size_and_stand_on_the_ground(
    values: list[float | None], height: int, ceiling: float, ink: Ink
) -> None:
    rows = draw_area(values, height, ceiling, ink)
    assert len(rows) == height
    assert {len(row) for row in rows} == {len(values) // ink.columns}
    for upper, lower in pairwise(rows):
        assert all(below != " " for above, below in zip(upper, lower, strict=True) if above != " ")


class Probe(App[None]):
    CSS = "#hidden { display: none; }"

    def __init__(self, graph: Graph, width: int, height: int) -> None:
        super().__init__()
        self.graph = graph
        self.graph.styles.width, self.graph.styles.height = width, height
        for theme in THEMES.values():
            self.register_theme(theme.textual)
        self.theme = "devdeck-dark"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return token_defaults(self.current_theme)

    def compose(self) -> ComposeResult:
        yield self.graph


def strips(graph: Graph) -> list[Strip]:
    return [graph.render_line(y) for y in range(graph.size.height)]


def lines(graph: Graph) -> list[str]:
    drawn = strips(graph)
    assert {strip.cell_length for strip in drawn} == {graph.size.width}
    return [strip.text.rstrip() for strip in drawn]


def steady(value: float, seconds: float = 600.0, until: float = NOW) -> list[tuple[float, float]]:
    return [(until - seconds + tick * 2.0, value) for tick in range(int(seconds / 2) + 1)]


async def test_it_waits_for_the_first_sample() -> None:
    graph = Graph("CPU")
    async with Probe(graph, 40, 7).run_test():
        assert lines(graph) == ["CPU", "", "", "", "      waiting for the first sample", "", ""]
        graph.show([], NOW)
        assert "waiting" in lines(graph)[4]


async def test_axes_value_and_peak() -> None:
    graph = Graph("CPU")
    async with Probe(graph, 40, 6).run_test():
        graph.show([*steady(150.0)[:-1], (NOW, 50.0)], NOW)
        shown = lines(graph)
        assert shown[0] == "CPU  50%                       peak 150%"
        assert [line[:5] for line in shown[1:]] == ["200%┤", "    │", "100%┤", "   0┤", "    └"]
        assert shown[1][5:] == "┈" * 35
        assert set(shown[2][5:-1]) == {"⣿"}
        assert shown[5] == "    └-10m────────────-5m─────────────now"


async def test_blocks_use_no_braille() -> None:
    graph = Graph("CPU", ink=Ink.BLOCK)
    async with Probe(graph, 40, 6).run_test():
        graph.show(steady(60.0), NOW)
        text = "".join(lines(graph))
        assert "█" in text
        assert not any("\u2800" <= cell <= "\u28ff" for cell in text)
        graph.ink = Ink.BRAILLE
        assert "⣿" in "".join(lines(graph))


async def test_memory_with_a_limit_says_so() -> None:
    graph = Graph("host memory", unit="bytes", classes="-host")
    async with Probe(graph, 60, 6).run_test():
        graph.show(steady(12 * GIB), NOW, ceiling=16 * GIB)
        shown = lines(graph)
        assert shown[0].startswith("host memory  12G of 16G")
        assert "high" not in shown[0]
        assert shown[1].startswith("16G┤┈")
        assert shown[3].startswith(" 8G┤⣿")
        graph.show(steady(15 * GIB), NOW)
        assert lines(graph)[0].startswith("host memory  15G of 16G high")


async def test_a_gap_in_time_is_a_gap_on_screen() -> None:
    graph = Graph("CPU")
    async with Probe(graph, 65, 6).run_test():
        graph.show([at for at in steady(100.0) if not NOW - 400 < at[0] < NOW - 200], NOW)
        bottom = lines(graph)[4][5:]
        assert bottom.startswith("⣿" * 19)
        assert bottom.endswith("⣿" * 19)
        assert bottom.count(" ") == 19


@pytest.mark.parametrize("ink", Ink)
async def test_every_size_is_filled(ink: Ink) -> None:
    graph = Graph("a title that is quite long for small places", ink=ink)
    app = Probe(graph, 80, 12)
    async with app.run_test(size=(100, 20)) as pilot:
        for width in (1, 5, 12, 23, 24, 31, 80, 100):
            for height in (1, 2, 3, 4, 9):
                graph.styles.width, graph.styles.height = width, height
                await pilot.pause()
                assert graph.size == Size(width, height)
                for samples in ([], steady(31_415.0), steady(0.0)):
                    graph.show(samples, NOW)
                    assert len(lines(graph)) == height


@pytest.mark.parametrize("title", ["[/oops] fix [b]", "\x1b]0;x\x07wide 世界", "a\nb"])
async def test_foreign_titles_are_text(title: str) -> None:
    graph = Graph(title)
    async with Probe(graph, 50, 6).run_test() as pilot:
        graph.show(steady(50.0), NOW, title=title)
        await pilot.pause()
        heading = lines(graph)[0]
        assert "\x1b" not in heading
        assert cell_len(heading) == 50
        assert heading.startswith({"[": "[/oops] fix [b]", "\x1b": "wide 世界", "a": "a b"}[title[0]])


async def test_odd_values_are_left_out() -> None:
    graph = Graph("CPU")
    async with Probe(graph, 50, 6).run_test():
        odd = [(NOW - 9000, 1e9), (NOW - 8, math.nan), (NOW - 6, math.inf), (NOW - 4, -3.0), (NOW - 2, 40.0)]
        graph.show([*odd, (NOW + 50, 1e9)], NOW)
        assert lines(graph)[0].split() == ["CPU", "40%", "peak", "40%"]
        graph.show([(NOW, math.nan)], NOW)
        assert "waiting" in "".join(lines(graph))


class Counting(Graph):
    drawn = 0

    def render_line(self, y: int) -> Strip:
        self.drawn += 1
        return super().render_line(y)


async def test_only_what_changed_is_drawn_and_nothing_while_hidden() -> None:
    graph = Counting("CPU")
    async with Probe(graph, 60, 8).run_test() as pilot:
        graph.show(steady(50.0), NOW)
        await auntil(lambda: graph.drawn)
        await pilot.pause()
        graph.drawn = 0
        graph.show(steady(50.0), NOW + 0.5)
        await pilot.pause()
        assert graph.drawn == 0
        graph.show([*steady(50.0), (NOW + 1, 51.0)], NOW + 1)
        await pilot.pause()
        assert 0 < graph.drawn < 8
        graph.display = False
        await pilot.pause()
        graph.drawn = 0
        graph.show(steady(99.0), NOW)
        await pilot.pause()
        assert graph.drawn == 0
        graph.display = True
        await auntil(lambda: graph.drawn >= 8)
        assert lines(graph)[0].startswith("CPU  99%")


async def test_themes_reach_it() -> None:
    graph = Graph("CPU")
    app = Probe(graph, 60, 8)
    async with app.run_test() as pilot:
        graph.show(steady(50.0), NOW)
        for name in ("devdeck-dark", "devdeck-light", "devdeck-contrast"):
            app.theme = name
            await pilot.pause()
            cells = {segment.text: segment.style for segment in strips(graph)[0] if segment.style}
            style = cells["50%"]
            assert style is not None
            assert style.color is not None
            assert style.color.triplet is not None
            assert style.color.triplet.hex == Color.parse(THEMES[name].textual.variables["deck-cpu"]).hex.lower()
            edge, fill = ({segment.style for segment in strips(graph)[y] if "⣿" in segment.text} for y in (4, 5))
            assert edge
            assert fill
            assert edge != fill
