from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.errors import UsageError
from devdeck.logs import search
from devdeck.logs.index import LogIndex
from devdeck.logs.search import Hit, Query, count, find
from devdeck.logs.text import shown_line, strip_escapes

EVERYTHING = 1 << 60


def indexed(path: Path, data: bytes) -> LogIndex:
    path.write_bytes(data)
    index = LogIndex(path)
    index.poll(EVERYTHING)
    return index


def naive(data: bytes, text: str) -> list[int]:
    flags = re.IGNORECASE if text == text.lower() else re.NOFLAG
    pattern = re.compile(re.escape(text), flags)
    lines = data.split(b"\n")
    return [
        number
        for number, raw in enumerate(lines)
        if raw and pattern.search(strip_escapes(shown_line(raw)).decode("utf-8", "replace"))
    ]


WORDS = st.lists(
    st.one_of(
        st.sampled_from(
            [b"abc", b"ABC", b"\n", b"\r\n", b"\r", b" ", b"\x1b[31m", "ä".encode(), "Ä".encode(), b"\xff"]
        ),
        st.binary(max_size=4),
    ),
    max_size=60,
).map(b"".join)


@settings(max_examples=200, deadline=None)
@given(data=WORDS, text=st.sampled_from(["abc", "ABC", "b", "bca", "ä", "aä", "Ä"]), window=st.sampled_from([1, 5, 64]))
def test_finds_what_reading_every_line_finds(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, text: str, window: int
) -> None:
    index = indexed(tmp_path_factory.mktemp("log") / "a.log", data)
    query = Query(text)
    expected = naive(data, text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "WINDOW", window)
        assert count(index, query) == len(expected)
        for start in range(index.lines):
            forward = [Hit(n, False) for n in expected if n >= start] + [Hit(n, True) for n in expected if n < start]
            assert find(index, query, start) == (forward[0] if forward else None)
            back = [Hit(n, False) for n in expected[::-1] if n <= start]
            back += [Hit(n, True) for n in expected[::-1] if n > start]
            assert find(index, query, start, forward=False) == (back[0] if back else None)
    index.close()


def test_a_big_file_in_both_directions(tmp_path: Path) -> None:
    lines = [b"line %d of many\r\n" % number for number in range(60_000)]
    lines[41_000] = b"the \x1b[1mnee\x1b[0mdle\r\n"
    index = indexed(tmp_path / "a.log", b"".join(lines))
    query = Query("needle")
    assert find(index, query, 0) == Hit(41_000, False)
    assert find(index, query, 41_001) == Hit(41_000, True)
    assert find(index, query, 59_999, forward=False) == Hit(41_000, False)
    assert find(index, query, 40_999, forward=False) == Hit(41_000, True)
    assert find(index, Query("nothing like it"), 5) is None
    assert count(index, query) == 1
    assert count(index, Query("of many")) == 59_999
    index.close()


def test_counting_goes_on_from_an_offset(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    index = indexed(path, b"x\nno\n")
    done = index.indexed
    with path.open("ab") as file:
        file.write(b"x\nx\n")
    index.poll(EVERYTHING)
    assert count(index, Query("x"), done) == 2
    assert count(index, Query("x"), 0, done) == 1
    index.close()


def test_regular_expressions(tmp_path: Path) -> None:
    index = indexed(tmp_path / "a.log", b"took 12 ms\ntook 1300 ms\ntook \x1b[1m99\x1b[0m ms\n")
    query = Query(r"took \d{2} ms$", regex=True)
    assert count(index, query) == 2
    assert find(index, query, 1) == Hit(2, False)
    assert query.spans("x took 12 ms") == [(2, 12)]
    index.close()


def test_smart_case() -> None:
    assert Query("fail").spans("FAIL fail") == [(0, 4), (5, 9)]
    assert Query("Fail").spans("FAIL Fail") == [(5, 9)]


def test_lines_longer_than_a_window(tmp_path: Path) -> None:
    long = b"start " + b"x" * 1_000_000
    index = indexed(tmp_path / "a.log", long + b"\nneedle\n" + long)
    assert find(index, Query("needle"), 0) == Hit(1, False)
    assert find(index, Query("needle"), 2, forward=False) == Hit(1, False)
    assert find(index, Query("start"), 1) == Hit(2, False)
    assert count(index, Query("start")) == 2
    index.close()


def test_cancelled_searches_end(tmp_path: Path) -> None:
    index = indexed(tmp_path / "a.log", b"x\n" * 10)
    cancel = threading.Event()
    cancel.set()
    assert find(index, Query("x"), 0, cancel=cancel) is None
    assert count(index, Query("x"), cancel=cancel) is None
    index.close()


def test_an_empty_log(tmp_path: Path) -> None:
    index = indexed(tmp_path / "a.log", b"")
    assert find(index, Query("x"), 0) is None
    assert count(index, Query("x")) == 0
    index.close()


@pytest.mark.parametrize(
    "pattern", ["(", "[", "a{3,2}", "(a+)+", "(a*)*b", r"((a|b)+c?)*", "(?:x[+]+)+", "(a{2,})+", "(?:(?:a)+)+", "*"]
)
def test_expressions_that_are_wrong_or_could_take_forever(pattern: str) -> None:
    with pytest.raises(UsageError):
        Query(pattern, regex=True)


@pytest.mark.parametrize(
    "pattern", [r"(a|b)+", r"\(a+\)+", "[(]a+[)]+", "(ab)?c+", r"x{3}", r"(\d+)-(\d+)", "[]+]+(a)*"]
)
def test_harmless_expressions(pattern: str) -> None:
    Query(pattern, regex=True)


def test_empty_and_endless_queries() -> None:
    for text in ("", "x" * 1001, "\ud800"):
        with pytest.raises(UsageError):
            Query(text)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=12))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    for regex in (False, True):
        try:
            query = Query(text, regex=regex)
        except UsageError:
            continue
        query.spans("some text\twith ä")
