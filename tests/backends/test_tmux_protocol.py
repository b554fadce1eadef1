from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.tmux.formats import _FIELDS, parse_terminals, session_name, window_name
from backends.tmux.protocol import MAX_LINE, MAX_REPLY, Notification, Parser, Reply, command_line, quote

STREAM = (
    b"%begin 100 1 0\n%end 100 1 0\n"
    b"%session-changed $0 a name\n"
    b"%begin 100 2 1\nline\n\n%end 100 3 1\n%begin 100 2 1\n%error 100 2 0\n%window-add @1\n%end 100 2 1\n"
    b"%begin 101 4 1\ncan't find pane: %9\n%error 101 4 1\n"
    b"%exit\n"
)
EVENTS = [
    Reply(False, True, ()),
    Notification("session-changed", b"$0 a name"),
    Reply(True, True, (b"line", b"", b"%end 100 3 1", b"%begin 100 2 1", b"%error 100 2 0", b"%window-add @1")),
    Reply(True, False, (b"can't find pane: %9",)),
    Notification("exit"),
]


def test_replies_end_only_with_the_numbers_they_began_with() -> None:
    assert Parser().feed(STREAM) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_the_stream_may_be_cut_anywhere(cuts: list[int]) -> None:
    parser, events, start = Parser(), [], 0
    for cut in [*sorted(cuts), len(STREAM)]:
        events += parser.feed(STREAM[start:cut])
        start = cut
    assert events == EVENTS


PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"%begin 1 2 1\n", b"%end 1 2 1\n", b"%error 1 2 1\n", b"%begin x\n", b"%", b"\n", b"%exit\n"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=30))
def test_any_bytes_are_read_without_harm_and_the_next_reply_is_found(pieces: list[bytes]) -> None:
    parser = Parser()
    begun = {b"1 2 1", *(piece[7:].rstrip(b"\n") for piece in pieces if piece.startswith(b"%begin "))}
    for piece in pieces:
        parser.feed(piece)
    parser.feed(b"\n" + b"".join(b"%%end %b\n" % header for header in begun))
    assert parser.feed(b"%begin 7 8 1\nx\n%end 7 8 1\n")[-1] == Reply(True, True, (b"x",))


def test_a_line_without_end_takes_bounded_memory() -> None:
    parser = Parser()
    parser.feed(b"%begin 1 2 1\n")
    for _ in range(40):
        parser.feed(b"x" * (MAX_LINE // 10))
    (reply,) = parser.feed(b"\n%end 1 2 1\n")
    assert isinstance(reply, Reply)
    assert [len(line) for line in reply.lines] == [MAX_LINE]


def test_a_reply_without_end_takes_bounded_memory_and_says_that_it_is_cut() -> None:
    parser = Parser()
    parser.feed(b"%begin 1 2 1\n")
    for _ in range(MAX_REPLY // MAX_LINE + 3):
        parser.feed(b"y" * MAX_LINE + b"\n")
    (reply,) = parser.feed(b"%end 1 2 1\n")
    assert isinstance(reply, Reply)
    assert not reply.complete
    assert sum(map(len, reply.lines)) <= MAX_REPLY


def test_a_command_is_one_line_whatever_is_in_it() -> None:
    line = command_line("set-option", "a\nb; kill-server", "")
    assert line == b'"set-option" "a\\012b; kill-server" ""\n'
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=10))
def test_list_parser_takes_any_lines(lines: list[bytes]) -> None:
    assert parse_terminals(lines) == ()
    values = [b"%d" % number for number in range(len(_FIELDS))]
    assert parse_terminals([b"\x1f".join([b"p", *values]), *lines]) == ()  # of the control centre
    values[_FIELDS.index("@devdeck_centre")] = b""
    assert parse_terminals([b"\x1f".join([b"p", *values]), *lines])[0].id == "0"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200))
def test_names_hold_nothing_that_tmux_reads(text: str) -> None:
    name = session_name(text)
    assert name == session_name(name)
    assert name
    assert not set(".:#%\\\n\t\x1b") & set(name)
    assert name[0] not in "$@%=+-!{~^"
    assert not set("#\n\x1b") & set(window_name(text))
    name.encode()
    window_name(text).encode()


def test_names_keep_what_is_harmless() -> None:
    assert session_name("feature/login 漢字-1") == "feature/login 漢字-1"
    assert session_name("") == session_name("  ") == "session"
    assert window_name("pytest -k 'a.b:c' 50%") == "pytest -k 'a.b:c' 50%"
    assert len(session_name("x" * 1000)) == 120
    assert Path(session_name("../../x")).name == "x"
