from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import Color
from rich.style import Style

from tui.ansi import PLAIN, TERMINAL_PALETTE, Rendered, parse, plain, to_text

OTHER_PALETTE = tuple(f"#{number:02x}{number:02x}ff" for number in range(16))

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
HOSTILE = st.lists(
    st.one_of(
        st.sampled_from([b"\x1b", b"\x1b[", b"\x1b]0;t\x07", b"\xc2\x9b31m", b"\x9b", b"\x1b[31m", b"\x1b[38;5;", b"m", b";",
                         b"\x1b]8;;u\x1b\\", b"\xe2\x80\xae", b"\t", b"\r", b"text", "漢".encode(), b"\x1bP1q"]),
        st.binary(max_size=8),
    ),
    max_size=30,
).map(b"".join)  # fmt: skip


def styles(raw: bytes) -> list[tuple[str, Style]]:
    rendered, _ = parse(raw)
    return [(rendered.text[start:end], style) for start, end, style in rendered.spans]


@settings(max_examples=500, deadline=None)
@given(raw=HOSTILE)
def test_nothing_that_acts_on_a_terminal_comes_through(raw: bytes) -> None:
    rendered, _ = parse(raw)
    assert not UNSAFE.search(rendered.text)
    position = 0
    for start, end, _style in rendered.spans:
        assert position <= start < end <= len(rendered.text)
        position = end
    assert to_text(raw).plain == rendered.text == plain(raw)


@pytest.mark.parametrize("number", range(8))
def test_sixteen_colours_come_from_the_palette(number: int) -> None:
    assert styles(b"\x1b[%dmx" % (30 + number)) == [("x", Style(color=TERMINAL_PALETTE[number]))]
    assert styles(b"\x1b[%dmx" % (90 + number)) == [("x", Style(color=TERMINAL_PALETTE[8 + number]))]
    assert styles(b"\x1b[%dmx" % (40 + number)) == [("x", Style(bgcolor=TERMINAL_PALETTE[number]))]
    assert styles(b"\x1b[%dmx" % (100 + number)) == [("x", Style(bgcolor=TERMINAL_PALETTE[8 + number]))]
    rendered, _ = parse(b"\x1b[%dmx" % (30 + number), OTHER_PALETTE)
    assert rendered.spans[0].style == Style(color=OTHER_PALETTE[number])


@pytest.mark.parametrize(
    ("sequence", "colour"),
    [
        (b"38;5;1", TERMINAL_PALETTE[1]),
        (b"38;5;16", "#000000"),
        (b"38;5;208", "#ff8700"),
        (b"38;5;231", "#ffffff"),
        (b"38;5;232", "#080808"),
        (b"38;5;255", "#eeeeee"),
        (b"38;2;1;2;3", "#010203"),
        (b"38:2::1:2:3", "#010203"),
        (b"38:2:1:2:3", "#010203"),
        (b"38:5:208", "#ff8700"),
    ],
)
def test_more_colours(sequence: bytes, colour: str) -> None:
    [(text, style)] = styles(b"\x1b[" + sequence + b"mx")
    assert (text, style.color) == ("x", Color.parse(colour))


def test_attributes_go_on_and_off() -> None:
    raw = b"\x1b[1;3;4;7;9mall\x1b[22;23;24;27;29mnone\x1b[2mdim\x1b[mreset\x1b[4:3mwave\x1b[4:0mno"
    assert styles(raw) == [
        ("all", Style(bold=True, italic=True, underline=True, reverse=True, strike=True)),
        ("dim", Style(dim=True)),
        ("wave", Style(underline=True)),
    ]


def test_parameters_after_a_colour_count() -> None:
    assert styles(b"\x1b[38;5;208;1mx") == [("x", Style(color="#ff8700", bold=True))]
    assert styles(b"\x1b[38;2;1;2;3;4mx") == [("x", Style(color="#010203", underline=True))]


@pytest.mark.parametrize("sequence", [b"38;5", b"38;5;999", b"38;2;1;2", b"38", b"999999999999999", b"x", b"?1", b">4;1",
                                      b"38;2;300;0;0", b";" * 5000, b"1:1:1:1:1:1:1:1:1:1"])  # fmt: skip
def test_nonsense_is_harmless(sequence: bytes) -> None:
    rendered, _ = parse(b"\x1b[" + sequence + b"mtext")
    assert rendered.text.endswith("text")


def test_titles_links_and_cut_sequences_vanish() -> None:
    assert plain(b"a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c\x1b]8;;\x1b\\d\x1b[2Je\x1bPq\x1b\\f\x1b[3") == "abcdef"
    assert plain(b"a\x1b]0;never ended") == "a"


def test_bytes_that_are_not_text() -> None:
    assert plain(b"a\xffb") == "a\ufffdb"
    assert plain("a\u202eb\u200bc\x07".encode()) == "abc"


def test_tabs_reach_the_next_stop() -> None:
    assert plain(b"a\tb") == "a       b"
    assert plain(b"\x1b[31ma\x1b[0m\tb") == "a       b"


def test_colours_carry_over_lines_when_asked() -> None:
    _, state = parse(b"\x1b[31mred")
    rendered, state = parse(b"still\x1b[0m", sgr=state)
    assert [(span.start, span.end) for span in rendered.spans] == [(0, 5)]
    assert state == PLAIN
    assert parse(b"plain") == (Rendered("plain", ()), PLAIN)
