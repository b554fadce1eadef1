"""The screen at any size, in any terminal, with any theme; and the ways to say what is wanted."""

from __future__ import annotations

import re

import pytest

from tests.journeys.world import DEVDECK, Terminal, World
from tests.support import until

pytestmark = pytest.mark.journey


@pytest.fixture
def two(world: World) -> World:
    """Two sessions."""
    shop = world.repository("shop", {"README.md": "# A shop\n", "Makefile": "lint:\n\t@echo linted by make\n"})
    world.cli("start", "one", cwd=shop)
    world.cli("start", "two", cwd=shop)
    return world


def fits(dashboard: Terminal, columns: int, rows: int) -> None:
    """Wait until the frame reaches all edges, the tabs are there, and the last row has the keys."""

    def whole(screen: str) -> bool:
        lines = screen.splitlines()
        return (
            len(lines) == rows
            and len(lines[0]) == columns
            and lines[0].startswith("╭─ Sessions")
            and lines[0].endswith("╮")
            and "quit" in lines[-1]
            and "1 Overview" in screen
            and "5 Terminal" in screen
        )

    dashboard.waits(f"a whole screen of {columns}x{rows}", whole)


def test_resized(two: World) -> None:
    dashboard = two.dashboard()
    dashboard.selects("one")
    dashboard.keys("j")
    dashboard.selects("two")
    for columns, rows in [(80, 24), (120, 40), (200, 60), (80, 24), (120, 40)]:
        dashboard.resize(columns, rows)
        fits(dashboard, columns, rows)
        dashboard.selects("two")
    dashboard.resize(20, 5)
    dashboard.resize(120, 40)
    fits(dashboard, 120, 40)
    dashboard.keys("q")
    dashboard.ended(0)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_every_tab(two: World, size: tuple[int, int]) -> None:
    dashboard = two.dashboard(columns=size[0], rows=size[1])
    dashboard.selects("one")
    for key, tab, text in [
        ("2", "Tests", "Never run"),
        ("3", "Logs", "Nothing has run here yet"),
        ("4", "Git", "Nothing differs from HEAD"),
        ("5", "Terminal", "enter opens it"),
        ("1", "Overview", "never run · t runs them"),
    ]:
        dashboard.keys(key)
        dashboard.shows(f"▌{key} {tab}", text)
    dashboard.keys("q")
    dashboard.ended(0)


def ask(dashboard: Terminal, sign: str, text: str) -> None:
    """Open a line at the bottom, type and enter it."""
    dashboard.type(sign)
    dashboard.waits("a line to type in", lambda screen: screen.splitlines()[-1].strip() == sign)
    dashboard.type(text)
    dashboard.keys("Enter")


def test_commands_tasks_and_shell(two: World) -> None:
    dashboard = two.dashboard()
    dashboard.selects("one")
    ask(dashboard, "$", "echo shell $((40 + 2)); pwd")
    dashboard.keys("l")
    dashboard.shows("shell 42", two.session("one")["worktree"][:30])
    ask(dashboard, "!", "lint")
    dashboard.shows("linted by make")
    ask(dashboard, ":", "nonsense")
    dashboard.shows("✗", "nonsense")
    dashboard.keys("Escape")
    dashboard.hides("nonsense")
    ask(dashboard, ":", "open two")
    dashboard.attaches()
    dashboard.type("echo in $DEVDECK_LABEL\n")
    dashboard.shows("in two")
    dashboard.keys("C-b", "d")
    dashboard.shows("Sessions")
    dashboard.keys("q")
    dashboard.ended(0)
    ended = [("lint", "exit 0"), ("shell", "exit 0")]
    until(lambda: sorted((job["kind"], job["verdict"]) for job in two.json("jobs", "one")["jobs"]) == ended)


def background(dashboard: Terminal) -> str:
    """Colour behind the first cell."""
    found = re.search(r"\x1b\[48;2;(\d+;\d+;\d+)m", dashboard.screen(colours=True))
    return found[1] if found else ""


def test_palette_help_and_themes(two: World) -> None:
    dashboard = two.dashboard()
    dashboard.selects("one")
    dark = background(dashboard)
    dashboard.keys("?")
    dashboard.shows("Help", "New session", "esc close")
    dashboard.keys("Escape")
    dashboard.hides("esc close")

    dashboard.keys("C-p")
    dashboard.asks("Find an action, session, repository, job or theme…")
    dashboard.type("two")
    dashboard.shows("Go to two")
    dashboard.keys("Escape")
    dashboard.hides("Go to two")

    dashboard.keys("C-p")
    dashboard.asks("Find an action, session, repository, job or theme…")
    dashboard.type("devdeck-light")
    dashboard.shows("Theme: devdeck-light")
    dashboard.hides("Help")
    dashboard.keys("Enter")
    dashboard.waits("a light background", lambda _: bright(background(dashboard)) > bright(dark) + 300)
    dashboard.hides("Theme: devdeck-light")
    dashboard.keys("q")
    dashboard.ended(0)

    again = two.dashboard()
    again.waits("the light theme again", lambda _: bright(background(again)) > bright(dark) + 300)
    ask(again, ":", "theme devdeck-dark")
    again.waits("the dark theme", lambda _: background(again) == dark)
    again.keys("q")
    again.ended(0)


def bright(colour: str) -> int:
    """Sum of red, green and blue."""
    return sum(map(int, colour.split(";"))) if colour else 0


def test_no_color(two: World) -> None:
    dashboard = two.terminal("env", "NO_COLOR=1", *DEVDECK)
    dashboard.shows("one", "two", "1 Overview")
    screen = dashboard.screen(colours=True)
    colours = re.findall(r"\x1b\[(?:3|4)8;2;(\d+);(\d+);(\d+)m", screen)
    assert all(red == green == blue for red, green, blue in colours)
    assert not re.search(r"\x1b\[(?:[\d;]*;)?(?:3|4|9|10)[0-7]m", screen)
    dashboard.selects("one")
    dashboard.keys("q")
    dashboard.ended(0)


@pytest.mark.parametrize("name", ["xterm", "vt100", "linux"])
def test_simple_terminals(two: World, name: str) -> None:
    """Whatever the terminal says it is: all is there, and it ends as it should."""
    dashboard = two.terminal("env", "-u", "COLORTERM", f"TERM={name}", *DEVDECK)
    dashboard.shows("one", "two", "1 Overview")
    dashboard.keys("j")
    dashboard.selects("two")
    dashboard.keys("q")
    dashboard.ended(0)


def test_a_terminal_that_cannot_show_it(two: World) -> None:
    terminal = two.terminal("env", "TERM=dumb", *DEVDECK)
    assert "use another terminal" in terminal.ended(2)


def test_read_only(two: World) -> None:
    dashboard = two.dashboard("--read-only")
    dashboard.shows("read-only")
    dashboard.selects("one")
    for key in ("t", "n", "Enter", "x"):
        dashboard.hides("this dashboard is read-only")  # what was said of the key before
        dashboard.keys(key)
        dashboard.shows("this dashboard is read-only")
    dashboard.keys("q")
    dashboard.ended(0)
    assert two.json("jobs") == {"jobs": []}
