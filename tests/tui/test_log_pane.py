from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Static

from tests.tui.rest import auntil
from tui.widgets.log_pane import LogPane
from tui.widgets.log_rows import CACHED_LINES, cell_slice, wrap_points

HEIGHT = 12
ROWS = HEIGHT - 1


class LogApp(App[None]):
    ENABLE_COMMAND_PALETTE = False
    CSS = "LogPane { width: 60; height: 12; }"

    def compose(self) -> ComposeResult:
        yield LogPane()
        yield Static("other")

    @property
    def pane(self) -> LogPane:
        return self.query_one(LogPane)


@asynccontextmanager
async def running(
    path: Path | None, *, live: bool = True, messages: Callable[[Message], None] | None = None
) -> AsyncIterator[tuple[LogPane, Pilot[None]]]:
    app = LogApp()
    async with app.run_test(size=(60, 20), message_hook=messages) as pilot:
        app.pane.show(path, live=live, title="job")
        app.pane.focus()
        if path is not None and path.exists():
            size = path.stat().st_size
            await auntil(lambda: known(app.pane) >= size)
        await pilot.pause()
        yield app.pane, pilot


def known(pane: LogPane) -> int:
    """Bytes read for lines and failures so far; -1 before the first look."""
    progress = pane._feed.progress if pane._feed is not None else None
    return progress.scanned if progress is not None else -1


def follows(pane: LogPane) -> bool:
    return pane.following


def screen(pane: LogPane) -> list[str]:
    return [pane.render_line(y).text.rstrip() for y in range(pane.size.height)]


def text_rows(pane: LogPane) -> list[str]:
    return screen(pane)[:-1]


def grow(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def numbered(count: int, first: int = 1) -> bytes:
    return b"".join(b"line %d\r\n" % number for number in range(first, first + count))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "output.log"
    path.write_bytes(numbered(100))
    return path


async def test_opens_at_the_end_and_follows(log: Path) -> None:
    async with running(log) as (pane, pilot):
        assert text_rows(pane)[-1].endswith("100    line 100")
        assert text_rows(pane)[0].endswith("90    line 90")
        assert "● following" in screen(pane)[-1]
        grow(log, numbered(5, 101))
        await auntil(lambda: pane.status.lines == 105)
        await pilot.pause()
        assert text_rows(pane)[-1].endswith("line 105")
        assert follows(pane)


@pytest.mark.parametrize("keys", [["pageup"], ["k"], ["up"], ["home"], ["g"]])
async def test_scrolling_up_pauses_and_one_key_follows_again(log: Path, keys: list[str]) -> None:
    async with running(log) as (pane, pilot):
        await pilot.press(*keys)
        assert not follows(pane)
        before = text_rows(pane)
        grow(log, numbered(1234, 101))
        await auntil(lambda: pane.status.lines == 1334)
        await pilot.pause()
        assert [row[5:] for row in text_rows(pane)] == [row[4:] for row in before]
        assert pane.status.new_lines == 1234
        assert "paused · 1,234 new lines · f follows" in screen(pane)[-1]
        pane.follow()
        await pilot.pause()
        assert follows(pane)
        assert pane.status.new_lines == 0
        assert text_rows(pane)[-1].endswith("line 1334")


async def test_the_wheel_pauses_and_follows_at_the_end(log: Path) -> None:
    async with running(log) as (pane, pilot):
        await pilot._post_mouse_events([events.MouseScrollUp], LogPane, offset=(5, 5))
        assert not follows(pane)
        assert text_rows(pane)[-1].endswith("line 97")
        await pilot._post_mouse_events([events.MouseScrollDown], LogPane, offset=(5, 5))
        assert follows(pane)


async def test_paging_back_down_follows_again(log: Path) -> None:
    async with running(log) as (pane, pilot):
        await pilot.press("pageup", "pageup")
        assert not follows(pane)
        await pilot.press("pagedown", "pagedown", "pagedown")
        assert follows(pane)
        await pilot.press("g", "G")
        assert follows(pane)
        await pilot.press("home", "end")
        assert follows(pane)


async def test_the_scroll_bar_pauses(log: Path) -> None:
    async with running(log) as (pane, pilot):
        pane.scroll_to(y=20, animate=False)
        await pilot.pause()
        assert not follows(pane)
        assert text_rows(pane)[0].endswith("line 21")
        pane.scroll_to(y=pane.max_scroll_y, animate=False)
        await pilot.pause()
        assert follows(pane)


async def test_toggle_follow(log: Path) -> None:
    async with running(log) as (pane, pilot):
        pane.toggle_follow()
        grow(log, b"more\r\n")
        await auntil(lambda: pane.status.new_lines == 1)
        assert text_rows(pane)[-1].endswith("line 100")
        assert "1 new line ·" in screen(pane)[-1]
        pane.toggle_follow()
        await pilot.pause()
        assert text_rows(pane)[-1].endswith("more")


async def test_lines_are_marked_by_glyph_and_colour(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(
        b"fine\r\nFAILED tests/a.py::t\r\nerror: no\r\nwarning: hm\r\n"
        b'  File "a.py", line 3, in f\r\n\x1b[32mgreen\x1b[0m\r\n'
    )
    async with running(path) as (pane, _pilot):
        rows = text_rows(pane)
        assert [row[5] if len(row) > 5 else "" for row in rows[:6]] == [" ", "✗", "!", "▲", "›", " "]
        styles = [{str(segment.style.color) for segment in pane.render_line(y) if segment.style} for y in range(6)]
        assert styles[0] != styles[1]
        assert len({frozenset(style) for style in styles}) >= 5
        assert pane.status.failures == 1


async def test_failures_are_visited_in_both_directions(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    lines = [b"line %d\r\n" % number for number in range(1, 301)]
    for number in (50, 51, 150, 250):
        lines[number - 1] = b"E       assert %d\r\n" % number
    path.write_bytes(b"".join(lines))
    async with running(path) as (pane, pilot):
        assert pane.status.failures == 3
        for expected in (250, 150, 50, 250):
            pane.previous_failure()
            await pilot.pause()
            assert pane.status.cursor == expected
            assert any(f"assert {expected}" in row and "▸" in row for row in text_rows(pane))
        assert not follows(pane)
        for expected in (50, 150):
            pane.next_failure()
            assert pane.status.cursor == expected


async def test_failures_that_come_while_following(log: Path) -> None:
    async with running(log) as (pane, _pilot):
        grow(log, b"FAI")
        grow(log, b"LED tests/a.py::t\r\n" + numbered(50))
        await auntil(lambda: pane.status.failures == 1)
        pane.next_failure()
        assert pane.status.cursor == 101


async def test_search_goes_forward_back_and_around(log: Path) -> None:
    grow(log, b"the \x1b[1mNeed\x1b[0mle\r\n" + numbered(100, 101) + b"needle again\r\n")
    async with running(log) as (pane, pilot):
        await pilot.press("g")
        pane.find("needle")
        await auntil(lambda: pane.status.hits == 2 and pane.status.cursor == 101)
        assert "/needle  2 matches" in screen(pane)[-1]
        pane.find_next()
        await auntil(lambda: pane.status.cursor == 202)
        pane.find_next()
        await auntil(lambda: pane.status.cursor == 101)
        pane.find_previous()
        await auntil(lambda: pane.status.cursor == 202)
        pane.find_previous()
        await auntil(lambda: pane.status.cursor == 101)
        y = next(y for y, row in enumerate(text_rows(pane)) if "Needle" in row)
        matched = "".join(segment.text for segment in pane.render_line(y) if (segment.style and segment.style.underline)
                          or (segment.style and segment.style.bold and segment.text in "Needle"))  # fmt: skip
        assert matched == "Needle"
        pane.find("Needle")
        await auntil(lambda: pane.status.hits == 1)
        pane.find("")
        assert pane.status.query == ""


async def test_hits_go_on_counting_as_the_log_grows(log: Path) -> None:
    async with running(log) as (pane, _pilot):
        pane.find("line")
        await auntil(lambda: pane.status.hits == 100)
        grow(log, b"line x\r\nli")
        await auntil(lambda: pane.status.hits == 101)
        grow(log, b"ne")
        await auntil(lambda: pane.status.hits == 102)
        grow(log, b" and on\r\n")
        await auntil(lambda: pane.status.lines == 102)
        await auntil(lambda: known(pane) == log.stat().st_size)
        assert pane.status.hits == 102


async def test_a_search_that_finds_nothing_and_one_that_is_wrong(log: Path) -> None:
    async with running(log) as (pane, _pilot):
        pane.find("nowhere")
        await auntil(lambda: pane.status.hits == 0)
        assert "0 matches" in screen(pane)[-1]
        pane.find("(a+)+", regex=True)
        assert "repeat" in pane.status.problem
        pane.find(r"line 9\d$", regex=True)
        await auntil(lambda: pane.status.hits == 10)
        assert pane.status.problem == ""


async def test_jump_to_the_most_specific_pattern(log: Path) -> None:
    async with running(log) as (pane, pilot):
        pane.jump_to(["tests/nowhere.py:3", "", "line 42", "line"])
        await auntil(lambda: pane.status.cursor == 42)
        await pilot.pause()
        assert any("▸" in row and "line 42" in row for row in text_rows(pane))


async def test_go_to_line_is_clamped(log: Path) -> None:
    async with running(log) as (pane, _pilot):
        for asked, got in ((7, 7), (0, 1), (5000, 100)):
            pane.go_to_line(asked)
            assert pane.status.cursor == got


async def test_wrapping_shows_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(numbered(30) + b"abc " * 60 + b"end\r\n")
    async with running(path) as (pane, pilot):
        assert not text_rows(pane)[-1].endswith("end")
        pane.toggle_wrap()
        await pilot.pause()
        assert text_rows(pane)[-1].endswith("end")
        long = "".join(row[8:] for row in text_rows(pane) if "abc" in row)
        assert long.replace(" ", "") == "abc" * 60 + "end"
        await pilot.press("pageup")
        assert not follows(pane)
        await pilot.press("pagedown")
        assert follows(pane)
        pane.toggle_wrap()
        await pilot.pause()
        assert text_rows(pane)[0].endswith("line 21")


async def test_a_wrapped_line_taller_than_the_screen_can_be_scrolled(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"start\r\n" + b"".join(b"<%04d>" % number for number in range(400)) + b"\r\nend\r\n")
    async with running(path) as (pane, pilot):
        pane.toggle_wrap()
        await pilot.pause()
        seen = "".join(row[8:] for row in text_rows(pane))
        for _ in range(30):
            await pilot._post_mouse_events([events.MouseScrollUp], LogPane, offset=(5, 5))
            seen = "".join(row[8:] for row in text_rows(pane)) + seen
        assert {int(found) for found in re.findall(r"<(\d{4})>", seen)} >= set(range(0, 400, 9))
        assert text_rows(pane)[0].endswith("start")


async def test_numbers_can_be_switched_off(log: Path) -> None:
    async with running(log) as (pane, pilot):
        pane.toggle_numbers()
        await pilot.pause()
        assert text_rows(pane)[-1].strip() == "line 100"
        pane.toggle_numbers()
        await pilot.pause()
        assert text_rows(pane)[-1].split() == ["100", "line", "100"]


async def test_the_screen_shows_what_the_mouse_finds(tmp_path: Path) -> None:
    """Rows that are drawn know nothing of places in a line; those that the mouse asks about do."""
    path = tmp_path / "a.log"
    path.write_text("\x1b[31mred\x1b[0m and plain\n" + "x" * 200 + "\nERROR: bad\n")
    async with running(path) as (pane, _):
        pane.wrap = True
        drawn = pane.render_lines(pane.size.region)
        found = [pane.render_line(y) for y in range(pane.size.height)]
        assert [strip.text for strip in drawn] == [strip.text for strip in found]
        assert {strip.cell_length for strip in drawn} == {pane.size.width - 1}
        assert not any(segment.style.meta for strip in drawn for segment in strip if segment.style)
        places = [segment.style.meta.get("offset") for segment in found[1] if segment.style]
        assert (0, 1) in places
        assert "x" * 200 in "".join(row[8:] for row in (strip.text for strip in drawn[1:6]))


async def test_sideways(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"0123456789" * 20 + b"\r\n" + "漢字".encode() * 60 + b"\r\n")
    async with running(path) as (pane, pilot):
        await pilot.press("right")
        assert text_rows(pane)[0][8:].startswith("8901234567")
        assert pane.render_line(1).cell_length == pane.size.width - 1  # the last column is the scroll bar's
        await pilot.press(*["right"] * 20)
        assert text_rows(pane)[0].endswith("789")
        await pilot.press(*["left"] * 25)
        assert text_rows(pane)[0][8:].startswith("0123456789")


async def test_copy_takes_the_current_line_or_the_selection(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\r\n\x1b[31mtwo\x1b[0m \x1b]0;t\x07words\r\nthree\r\n")
    async with running(path) as (pane, pilot):
        assert pane.copy() == "three"
        pane.go_to_line(2)
        assert pane.copy() == "two words"
        assert pane.app.clipboard == "two words"
        await pilot.mouse_down(LogPane, offset=(9, 0))
        await pilot.hover(LogPane, offset=(11, 1))
        await pilot.mouse_up(LogPane, offset=(11, 1))
        await pilot.pause()
        assert pane.text_selection is not None
        assert pane.copy().startswith("ne\ntwo")


async def test_enter_and_double_click_open_places(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b'ok\r\n  File "src/a.py", line 7, in f\r\n')
    chosen: list[LogPane.LocationChosen] = []

    def note(message: Message) -> None:
        # The hook sees a message once for each node that it bubbles through.
        if isinstance(message, LogPane.LocationChosen) and message not in chosen:
            chosen.append(message)

    async with running(path, messages=note) as (pane, pilot):
        await pilot.press("enter")
        assert chosen == []
        pane.go_to_line(2)
        await pilot.press("enter")
        await auntil(lambda: [(message.path, message.line) for message in chosen] == [("src/a.py", 7)])
        await pilot.click(LogPane, offset=(12, 1), times=2)
        await auntil(lambda: len(chosen) == 2)


async def test_the_current_line_moves_and_scrolls(log: Path) -> None:
    async with running(log) as (pane, pilot):
        await pilot.press("up")
        assert pane.status.cursor == 89
        await pilot.press("up", "up", "down")
        assert pane.status.cursor == 88
        assert text_rows(pane)[0].endswith("line 87")
        await pilot.press("g", *["j"] * 3)
        assert pane.status.cursor is not None
        await pilot.press("G")
        assert pane.status.cursor is None


HOSTILE = (
    b"\x1b]0;owned\x07title\r\n\x1b[2J\x1b[Hclear\r\n\x9b31mC1\r\n\xc2\x9b31mC1 too\r\n\x1b]52;c;aGk=\x07clip\r\n"
    b"\x00\x01\x02\x07\x08bell\r\n\xe2\x80\xaebidi\r\n\xff\xfe\xfd\r\n[/x] [red]markup[/]\r\n\x1bPq#0\x1b\\sixel\r\n\x1b["
)


async def test_hostile_bytes_never_reach_the_screen(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(HOSTILE)
    async with running(path) as (pane, pilot):
        for _ in range(2):
            text = "\n".join(pane.render_line(y).text for y in range(pane.size.height))
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
            pane.toggle_wrap()
            await pilot.pause()
        assert "[/x] [red]markup[/]" in "\n".join(screen(pane))
        pane.find("[red]")
        await auntil(lambda: pane.status.hits == 1)


async def test_a_theme_changes_the_colours_while_following(log: Path) -> None:
    grow(log, b"FAILED \x1b[34mblue\x1b[0m\r\n")
    async with running(log) as (pane, pilot):
        before = [(segment.text, segment.style) for segment in pane.render_line(ROWS - 1)]
        pane.app.theme = "textual-light"
        await auntil(lambda: [(segment.text, segment.style) for segment in pane.render_line(ROWS - 1)] != before)
        await pilot.pause()
        light = [segment.style for segment in pane.render_line(ROWS - 1) if segment.text.startswith("blue")]
        dark = [style for text, style in before if text.startswith("blue")]
        assert light[0] is not None
        assert dark[0] is not None
        assert light[0].bgcolor != dark[0].bgcolor
        assert follows(pane)


async def test_truncation_while_paused_begins_anew(log: Path) -> None:
    async with running(log) as (pane, pilot):
        await pilot.press("g")
        pane.find("line")
        await auntil(lambda: pane.status.hits == 100)
        log.write_bytes(b"a new line\r\n")
        await auntil(lambda: pane.status.lines == 1)
        await pilot.pause()
        assert follows(pane)
        assert text_rows(pane)[0].endswith("a new line")
        await auntil(lambda: pane.status.hits == 1)


async def test_rotation_and_deletion(log: Path) -> None:
    async with running(log) as (pane, pilot):
        log.unlink()
        await auntil(lambda: pane.status.missing)
        assert "the file is gone" in screen(pane)[-1]
        assert text_rows(pane)[-1].endswith("line 100")
        log.write_bytes(b"back\r\n")
        await auntil(lambda: pane.status.lines == 1 and not pane.status.missing)
        await pilot.pause()
        assert text_rows(pane)[0].endswith("back")


async def test_what_is_said_without_lines(tmp_path: Path) -> None:
    path = tmp_path / "later.log"
    async with running(path, live=True) as (pane, pilot):
        await auntil(lambda: pane.status.missing)
        assert "No log at" in "\n".join(screen(pane))
        path.write_bytes(b"")
        await auntil(lambda: not pane.status.missing)
        await pilot.pause()
        assert "Waiting for output" in "\n".join(screen(pane))
        path.write_bytes(b"first\r\n")
        await auntil(lambda: pane.status.lines == 1)
        pane.show(tmp_path, live=True)
        await auntil(lambda: "not a regular file" in pane.status.problem)
        assert "is not a regular file" in " ".join(" ".join(text_rows(pane)).split())
        pane.empty = "Nothing [/] ran yet"
        pane.show(None)
        await pilot.pause()
        assert "Nothing [/] ran yet" in "\n".join(screen(pane))
        assert pane.status.path is None


async def test_showing_another_log_and_the_same_again(log: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.log"
    other.write_bytes(b"other\r\n")
    async with running(log) as (pane, pilot):
        await pilot.press("g")
        pane.show(log, live=False, title="ended")
        await pilot.pause()
        assert not follows(pane)
        assert (pane.status.title, pane.status.live) == ("ended", False)
        pane.show(str(other))
        await auntil(lambda: pane.status.lines == 1)
        assert follows(pane)
        assert "end of log" in screen(pane)[-1]


async def test_a_long_log_opens_at_its_end_before_it_is_indexed(tmp_path: Path) -> None:
    path = tmp_path / "big.log"
    path.write_bytes(numbered(400_000) + b"FAILED here\r\n")
    app = LogApp()
    seen: list[tuple[int, str]] = []
    async with app.run_test(size=(60, 20)) as pilot:
        pane = app.pane
        pane.show(path, live=True)
        feed = pane._feed
        assert feed is not None
        tell = feed._tell

        def note(news: object) -> None:
            tell(news)  # type: ignore[arg-type]
            seen.append((pane.status.percent, text_rows(pane)[-1]))

        feed._tell = note
        await auntil(lambda: pane.status.failures == 1)
        await pilot.pause()
        percent, last = seen[0]
        assert percent < 100
        assert last.split() == ["✗", "FAILED", "here"]
        assert text_rows(pane)[-1].split() == ["400001", "✗", "FAILED", "here"]
        assert pane.status.lines == 400_001


async def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(numbered(50_000))
    async with running(path) as (pane, pilot):
        await pilot.press("g")
        for _ in range(CACHED_LINES // ROWS + 10):
            pane.action_page_down()
            text_rows(pane)
        assert pane._painter.cached <= CACHED_LINES
        assert pane._feed is not None
        assert pane._feed.reader.index.table_size < 100
        assert pane._feed.reader.failures.kept == 0


async def test_a_hidden_pane_reads_nothing_and_catches_up(log: Path) -> None:
    async with running(log) as (pane, pilot):
        pane.display = False
        await auntil(lambda: not any(work.is_running for work in pane.workers if work.group == "log-read"))
        grow(log, numbered(10))
        await pilot.pause()
        assert pane.status.lines == 100
        pane.display = True
        await auntil(lambda: pane.status.lines == 110)


async def test_it_can_be_painted_once_more_after_its_removal(log: Path) -> None:
    """A frame may come between the end of a widget and the layout without it, also while the dashboard ends."""
    async with running(log) as (pane, pilot):
        region = pane.size.region
        await pane.remove()
        assert [strip.text for strip in pane.render_lines(region)] == [" " * region.width] * region.height
        await pilot.pause()


async def test_removal_closes_the_file(log: Path) -> None:
    async with running(log) as (pane, pilot):
        feed = pane._feed
        assert feed is not None
        await pane.remove()
        await auntil(lambda: feed.reader.index.pread(0, 1) == b"")
        await pilot.pause()


@pytest.mark.parametrize(
    ("text", "width"), [("", 5), ("abcdefgh", 3), ("漢字かな", 3), ("a漢b", 2), ("e\u0301" * 7, 4)]
)
def test_wrapping_keeps_every_character(text: str, width: int) -> None:
    from rich.cells import cell_len

    points = wrap_points(text, width)
    pieces = [text[start:end] for start, end in zip(points, [*points[1:], len(text)], strict=True)]
    assert "".join(pieces) == text
    assert all(cell_len(piece) <= width for piece in pieces)


def test_slices_by_cells() -> None:
    assert cell_slice("abcdef", 2, 3) == (2, 5)
    assert cell_slice("漢字かな", 2, 4) == (1, 3)
    assert cell_slice("漢字かな", 1, 4) == (1, 2)
    assert cell_slice("abc", 9, 4) == (3, 3)


async def test_reads_also_when_nobody_says_that_it_is_shown(log: Path) -> None:
    """A look at any region, between the pane's coming on screen and its layout, costs it Textual's event."""
    app = LogApp()
    async with app.run_test(size=(60, 20)) as pilot:
        pane = app.pane
        pane.display = False
        await pilot.pause()
        pane.show(log, live=False, title="job")
        pane.refresh()
        await pilot.pause()
        pane.display = True
        assert app.query_one(Static).region
        await auntil(lambda: pane.status.lines == 100)
