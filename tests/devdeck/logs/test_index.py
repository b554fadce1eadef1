from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.errors import DeckError
from devdeck.logs.index import Change, ChangeKind, Line, LogIndex
from devdeck.logs.text import shown_line

EVERYTHING = 1 << 60
PIECES = st.lists(
    st.one_of(
        st.sampled_from([b"\n", b"\r\n", b"\r", b"", b"\n\n", b"ab\rcd", b"x" * 40, b"\x1b[31m", b"\xff\x00"]),
        st.binary(max_size=30),
    ),
    max_size=40,
)


def lines_of(data: bytes, limit: int) -> list[tuple[bytes, bool, bool]]:
    """Text, cut and terminated of each line, by reading the whole."""
    raw = data.split(b"\n")
    terminated = [True] * (len(raw) - 1) + [False]
    if not raw[-1]:
        raw.pop()
    result = []
    for piece, ended in zip(raw, terminated, strict=False):
        drawn_over = len(piece) > limit and b"\r" in piece[-limit:].rstrip(b"\r")
        result.append((shown_line(piece, limit), len(piece) > limit and not drawn_over, ended))
    return result


def given_out(lines: list[Line]) -> list[tuple[bytes, bool, bool]]:
    return [(line.data, line.cut, line.terminated) for line in lines]


def indexed(path: Path, **bounds: int) -> LogIndex:
    index = LogIndex(path, **bounds)
    index.poll(EVERYTHING)
    return index


@settings(max_examples=150, deadline=None)
@given(chunks=PIECES, block=st.sampled_from([1, 3, 16, 1024]), table=st.integers(2, 9), limit=st.sampled_from([8, 64]))
def test_a_growing_file_gives_the_lines_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], block: int, table: int, limit: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "output.log"
    path.touch()
    index = LogIndex(path, block=block, table_limit=table, line_limit=limit)
    data = b""
    with path.open("ab", buffering=0) as file:
        for chunk in chunks:
            file.write(chunk)
            data += chunk
            change = index.poll(EVERYTHING)
            assert change.complete
            assert change.size == len(data)
            assert change.kind in (ChangeKind.GREW, ChangeKind.UNCHANGED)
    expected = lines_of(data, limit)
    assert index.lines == len(expected)
    assert given_out(index.read(0, len(expected) + 5)) == expected
    assert index.table_size <= table
    for number in range(len(expected)):
        [line] = index.read(number, 1)
        assert (line.number, line.data) == (number, expected[number][0])
        offset = index.offset(number)
        assert index.line_at(offset) == number
    assert given_out(index.tail(3)) == expected[-3:]
    index.close()


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=400).map(lambda raw: raw.replace(b"a", b"\n")), block=st.sampled_from([1, 7, 64]))
def test_offsets_and_lines_are_inverse(tmp_path_factory: pytest.TempPathFactory, data: bytes, block: int) -> None:
    path = tmp_path_factory.mktemp("log") / "output.log"
    path.write_bytes(data)
    index = indexed(path, block=block, table_limit=4)
    starts = [0] + [at + 1 for at, byte in enumerate(data) if byte == 10]
    for number, start in enumerate(starts):
        assert index.offset(number) == start
    for offset in range(len(data) + 1):
        assert index.line_at(offset) == data.count(b"\n", 0, offset)
    index.close()


def test_slices_reach_the_end_bit_by_bit(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"0123456789\n" * 100_000)
    index = LogIndex(path)
    changes: list[Change] = []
    while not (changes and changes[-1].complete):
        changes.append(index.poll(300_000))
    assert len(changes) > 2
    assert [change.lines for change in changes] == sorted(change.lines for change in changes)
    assert changes[-1].lines == 100_000
    assert index.poll(EVERYTHING).kind is ChangeKind.UNCHANGED
    assert index.read(99_999, 9)[0].data == b"0123456789"
    index.close()


def test_the_table_is_bounded_and_still_finds_every_line(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(20_000)))
    index = indexed(path, block=16, table_limit=8)
    assert index.table_size <= 8
    for number in (0, 1, 777, 10_000, 19_998, 19_999):
        assert index.read(number, 1)[0].data == b"%d" % number
    assert index.read(20_000, 1) == []
    index.close()


def test_megabyte_lines_are_cut_and_cost_little(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    megabyte = b"x" * 1_000_000
    path.write_bytes(b"first\n" + megabyte + b"\nsecond\r\n" + megabyte + b"\rdone\r\n" + megabyte)
    index = indexed(path)
    lines = index.read(0, 10)
    assert [line.data[:6] for line in lines] == [b"first", b"xxxxxx", b"second", b"done", b"xxxxxx"]
    assert [line.cut for line in lines] == [False, True, False, False, True]
    assert max(len(line.data) for line in lines) == 16 * 1024
    assert index.read(2, 1)[0].data == b"second"
    assert not lines[-1].terminated
    index.close()


def test_truncation_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntwo\nthree\n")
    index = indexed(path)
    path.write_bytes(b"new\n")
    change = index.poll(EVERYTHING)
    assert (change.kind, change.lines, index.generation) == (ChangeKind.RESET, 1, 1)
    assert index.read(0, 5)[0].data == b"new"
    index.close()


def test_truncated_and_grown_past_the_old_end_between_polls(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntwo\n")
    index = indexed(path)
    path.write_bytes(b"quite another and longer text\n")
    assert index.poll(EVERYTHING).kind is ChangeKind.RESET
    assert [line.data for line in index.read(0, 5)] == [b"quite another and longer text"]
    index.close()


def test_rotation_to_another_file(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\n")
    index = indexed(path)
    path.rename(tmp_path / "a.log.1")
    path.write_bytes(b"one\ntwo\n")
    assert index.poll(EVERYTHING).kind is ChangeKind.RESET
    assert [line.data for line in index.read(0, 5)] == [b"one", b"two"]
    index.close()


def test_a_deleted_file_stays_readable_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\n")
    index = indexed(path)
    path.unlink()
    assert index.poll(EVERYTHING).kind is ChangeKind.GONE
    assert index.read(0, 5)[0].data == b"one"
    path.write_bytes(b"two\n")
    assert index.poll(EVERYTHING).kind is ChangeKind.RESET
    assert index.read(0, 5)[0].data == b"two"
    index.close()


def test_a_file_that_comes_later(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    index = LogIndex(path)
    assert index.poll(1).kind is ChangeKind.GONE
    assert index.tail(5) == index.read(0, 5) == []
    path.write_bytes(b"one\n")
    assert index.poll(1).kind is ChangeKind.GREW
    index.close()


def test_truncated_while_it_is_read_gives_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"abc\n" * 50_000)
    index = indexed(path)
    os.truncate(path, 10)
    assert index.read(40_000, 50) == []
    assert len(index.read(0, 50)) <= 50
    assert index.offset(49_999) <= 200_000
    assert index.line_at(150_000) >= 0
    index.close()


def test_what_is_not_a_log_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(DeckError, match="not a regular file"):
            LogIndex(path).poll(1)
    locked = tmp_path / "file.log"
    locked.touch()
    with pytest.raises(DeckError, match="can't read the log"):
        LogIndex(locked / "below").poll(1)
    assert stat.S_ISREG(locked.stat().st_mode)


def test_the_tail_does_not_need_the_index(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(300_000)) + b"rest")
    index = LogIndex(path)
    assert not index.poll(1).complete
    tail = index.tail(3)
    assert [line.data for line in tail] == [b"line 299998", b"line 299999", b"rest"]
    assert [line.number for line in tail] == [None] * 3
    index.close()


def test_the_tail_of_one_endless_line_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 6_000_000)
    index = LogIndex(path)
    index.poll(1)
    [line] = index.tail(10)
    assert len(line.data) == 16 * 1024
    index.close()
