"""Pictures of screens: every cell is where it belongs, whatever is on it."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import MONOKAI

from bench import shapes
from bench.picture import PAD, Picture, png

SVG = "{http://www.w3.org/2000/svg}"


def draw(*rows: list[Segment], columns: int = 20) -> ElementTree.Element:
    return ElementTree.fromstring(Picture(rows, columns, MONOKAI, "#0c0c0c").svg("a title"))


def texts(root: ElementTree.Element) -> list[tuple[float, float, str]]:
    return [(float(it.get("x", "-1")), float(it.get("y", "-1")), it.text or "") for it in root.iter(f"{SVG}text")]


def paths(root: ElementTree.Element) -> str:
    return " ".join(it.get("d", "") for it in root.iter(f"{SVG}path"))


def test_words_are_as_wide_as_their_cells() -> None:
    root = draw([Segment("ab c   d")], [Segment("  x")])
    assert texts(root) == [(0, 14.5, "ab c"), (63, 14.5, "d"), (18, 33.5, "x")]
    first = next(root.iter(f"{SVG}text"))
    assert first.get("textLength") == str(4 * shapes.WIDTH)


def test_symbols_stand_in_the_middle_of_their_cells() -> None:
    root = draw([Segment("a✓b漢c")])
    assert [(x, text) for x, _, text in texts(root)] == [(0, "a"), (13.5, "✓"), (18, "b"), (36, "漢"), (45, "c")]


def test_lines_are_shapes_and_no_letters() -> None:
    root = draw([Segment("╭─┬│┈━▌█⣿")])
    assert texts(root) == []
    assert "M9 9h9v1h-9z" in paths(root)
    assert paths(root).count("h3v3h-3z") == 8


def test_colours_reverse_and_background() -> None:
    root = draw(
        [Segment("x", Style.parse("bold #ff0000 on #00ff00")), Segment("y", Style.parse("reverse #ff0000 on #00ff00"))]
    )
    behind = [(it.get("x"), it.get("fill")) for it in root.iter(f"{SVG}rect") if it.get("x") is not None]
    assert behind == [("0", "#00ff00"), ("9", "#ff0000")]
    fills = [(it.get("fill"), it.get("font-weight")) for it in root.iter(f"{SVG}g") if it.get("fill")]
    assert fills == [("#ff0000", "bold"), ("#00ff00", None)]


def test_the_size_is_that_of_the_screen() -> None:
    root = draw([Segment("x")], [Segment("y")], columns=80)
    assert root.get("viewBox") == f"0 0 {80 * 9 + 2 * PAD} {2 * 19 + 2 * PAD}"


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40))
@settings(max_examples=60)
def test_any_text_is_a_picture(text: str) -> None:
    draw([Segment(text.replace("\ufffe", "").replace("\uffff", ""))])


@pytest.mark.parametrize("character", [*shapes.LINES, *shapes.DASHED, *shapes.QUADRANTS, *"▀▁▄█▉▏▐▔▕⠁⣿"])
def test_shapes_stay_in_their_cells(character: str) -> None:
    found = shapes.rectangles(character)
    assert found
    for left, top, width, height in found:
        assert 0 <= left < left + width <= shapes.WIDTH
        assert 0 <= top < top + height <= shapes.HEIGHT


def test_arms_reach_the_edges() -> None:
    assert shapes.rectangles("─") == [(0, 9, 9, 1)]
    assert shapes.rectangles("│") == [(4, 0, 1, 19)]
    assert shapes.rectangles("┌") == [(4, 9, 5, 1), (4, 9, 1, 10)]
    assert shapes.rectangles("a") is None
    assert shapes.corner("╭", 0, 0) == "M4.5 19V13.5Q4.5 9.5 8.5 9.5H9"


def test_png_of_a_picture() -> None:
    try:
        data = png(Picture([[Segment("hello")]], 10, MONOKAI, "#0c0c0c").svg("a title"), 2)
    except RuntimeError as error:
        pytest.skip(str(error))
    assert data.startswith(b"\x89PNG")
    assert int.from_bytes(data[16:20], "big") == 2 * (10 * 9 + 2 * PAD)
