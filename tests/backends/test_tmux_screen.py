from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.tmux.screen import clean_lines


@pytest.mark.parametrize(
    ("captured", "cleaned"),
    [
        ([b"plain"], ["plain"]),
        ([b"\x1b[31mred", b"red too\x1b[39m plain"], ["\x1b[31mred\x1b[0m", "\x1b[31mred too\x1b[0m plain"]),
        ([b"\x1b[1m\x1b[38;5;9mx\x1b[0m", b"y"], ["\x1b[1;38;5;9mx\x1b[0m", "y"]),
        ([b"\x1b[1;31ma\x1b[22mb"], ["\x1b[1;31ma\x1b[0;31mb\x1b[0m"]),
        ([b"\x1b[38;2;1;2;3;4ma"], ["\x1b[38;2;1;2;3;4ma\x1b[0m"]),
        ([b"\x1b[38:2::1:2:3ma\x1b[4:3mb"], ["\x1b[38:2::1:2:3ma\x1b[0;38:2::1:2:3;4:3mb\x1b[0m"]),
        ([b"\x1b[31m\x1b[32m\x1b[91mx"], ["\x1b[91mx\x1b[0m"]),
        ([b"\x0elqk", b"x\x0fx"], ["┌─┐", "│x"]),
        ([b"a\x1b]8;;http://e\x1b\\b\x1b]8;;\x1b\\c"], ["abc"]),
        ([b"a\x1b]52;c;AAAA\x07b\x1b[2Jc\x1bPq#\x1b\\d\x9b31me"], ["abcd\ufffd31me"]),
        (["a\u009b31mb".encode()], ["a31mb"]),
        ([b"a\tb\x00\x08c\x7f"], ["a\tbc"]),
        ([b"\xff\xfe"], ["\ufffd\ufffd"]),
    ],
)
def test_only_text_and_colours_remain(captured: list[bytes], cleaned: list[str]) -> None:
    assert clean_lines(captured) == tuple(cleaned)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.text("\x1b[]0123456789;:mPq\x07\x0e\x0f\\ax").map(str.encode))))
def test_any_bytes_become_harmless_lines(captured: list[bytes]) -> None:
    lines = clean_lines(captured)
    assert len(lines) == len(captured)
    for line in lines:
        assert not re.search("[\x00-\x08\x0a-\x1f\x7f-\x9f]", re.sub(r"\x1b\[[0-9;:]+m", "", line))
        if "\x1b" in line:
            assert line.endswith("\x1b[0m")
