from __future__ import annotations

from bench.follow import frames, lags

END = b"\x1b[?2026l"
MS = 1_000_000


def line(written: int) -> bytes:
    return b"\x1b[5;1H@%d@ request" % written


def test_a_frame_ends_with_its_last_byte() -> None:
    chunks = [(1, b"ab"), (2, b"c\x1b[?20"), (3, b"26ld" + END), (4, b"rest")]
    assert list(frames(chunks)) == [(3, b"abc"), (3, b"d")]


def test_every_write_since_the_frame_before_counts_with_its_own_lag() -> None:
    shown = [(100 * MS, line(95 * MS)), (150 * MS, line(105 * MS) + line(125 * MS) + line(115 * MS))]
    assert lags(shown, 0.01) == [5.0, 45.0, 35.0, 25.0]


def test_frames_without_newer_lines_say_nothing() -> None:
    shown = [(10 * MS, b"clock"), (20 * MS, line(15 * MS)), (30 * MS, line(15 * MS)), (40 * MS, line(12 * MS))]
    assert lags(shown, 0.01) == [5.0]
