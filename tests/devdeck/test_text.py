from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from devdeck.text import one_line, strip_escapes, terminal_safe

HOSTILE = st.lists(
    st.sampled_from(
        [
            "\x1b[31m", "\x1b]0;title\x07", "\x1b]52;c;AAAA\x1b\\", "\x1bP1$q\x1b\\", "\x1b", "\x9b31m", "\x1b[", "\r", "\n", "\t", "\x07",
            "\u202e", "\u200b", "text", "日本", "\x00", "\x1b(B", "\x1b]8;;http://x\x1b\\", "[/x]", "\x1b[?1049h", "\udc80",
        ]
    ) | st.text(max_size=5),
    max_size=12,
).map("".join)  # fmt: skip

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@given(HOSTILE)
def test_one_line_holds_no_control_character(text: str) -> None:
    assert not CONTROLS.search(one_line(text))


def test_one_line_is_bounded_and_says_so() -> None:
    assert one_line("x" * 10_000, limit=20) == "x" * 19 + "…"


def test_words_survive() -> None:
    assert one_line("fix \x1b[31m[ui]\x1b[0m\tbug\nnow") == "fix [ui] bug now"
    assert strip_escapes("a\x1b]0;evil\x07b\x1b[1;31mc") == "abc"
    assert strip_escapes("cut \x1b]0;never ended") == "cut "


@given(HOSTILE.map(lambda text: text.encode("utf-8", "surrogateescape")), st.booleans())
def test_a_log_line_keeps_colours_and_nothing_else(line: bytes, colours: bool) -> None:
    safe = terminal_safe(line, colours=colours)
    without = re.sub(r"\x1b\[[0-9;:]*m", "", safe)
    assert not CONTROLS.search(without)
    if not colours:
        assert "\x1b" not in safe


def test_a_progress_bar_shows_its_last_state() -> None:
    assert terminal_safe(b"10%\r50%\r100%\r", colours=False) == "100%"
    assert terminal_safe(b"\x1b[32mok\x1b[0m \x1b]0;t\x07", colours=True) == "\x1b[32mok\x1b[0m \x1b[0m"
