"""`devdeck demo` in a real terminal: alive soon, and gone without a trace however it ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.demo_support import folders, gone, marked
from tests.git_support import run_git
from tests.journeys.world import DEVDECK, Terminal, World
from tests.support import has_ended, until
from tests.tmux_support import tmux

pytestmark = pytest.mark.journey

LABELS = ("checkout-flow", "fix-rounding", "pr-7", "load-soak", "cache-layer", "merge-physics", "rainy-day-sale")


@pytest.fixture
def place(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files of its own, near the root: sockets have short names."""
    parent = world.outer.socket_path.parent / "tmp"
    parent.mkdir()
    monkeypatch.setenv("TMPDIR", str(parent))
    yield parent
    assert not list(parent.iterdir())


def opened(world: World, place: Path) -> tuple[Terminal, psutil.Process, Path]:
    """A demo with all its sessions, its process and its folder."""
    terminal = world.dashboard("demo")
    terminal.shows(*LABELS, "7 sessions")
    (folder,) = folders(place)
    return terminal, terminal.devdeck(), folder


def users_own(world: World) -> dict[str, int]:
    home = world.folder / "home"
    return {str(path): path.lstat().st_mtime_ns for path in home.rglob("*")}


def sees_tests_run(terminal: Terminal, folder: Path) -> None:
    """Run tests again, which wait to be let go on: those of the start may have ended before anybody looked."""
    listed = run_git(folder / "home" / "src" / "storefront", "worktree", "list", "--porcelain").splitlines()
    worktree = next(Path(line.split()[1]) for line in listed if line.endswith("/checkout-flow"))
    go_on = folder / "go-on"
    (worktree / "conftest.py").write_text(
        f"import os, time\nwhile not os.path.exists({str(go_on)!r}):\n    time.sleep(0.01)\n"
    )
    terminal.keys("/")
    terminal.type("checkout")
    terminal.shows("1 of 7")
    terminal.keys("Enter")
    terminal.selects("checkout-flow")
    terminal.shows("⏎ open")
    terminal.keys("t")
    terminal.waits("tests that run", lambda _: "● " in terminal.line("checkout-flow"))
    go_on.touch()
    terminal.waits("passed tests", lambda _: "✓ 25" in terminal.line("checkout-flow"))
    terminal.keys("Escape")
    terminal.shows("load-soak", "7 sessions")


def test_a_visit(world: World, place: Path) -> None:
    before = users_own(world)
    terminal, _, folder = opened(world, place)
    terminal.waits("a job that runs", lambda _: "● " in terminal.line("load-soak"))
    terminal.waits("failed tests", lambda _: "✗ 5/26" in terminal.line("fix-rounding"))
    terminal.waits("passed tests", lambda _: "✓ 25" in terminal.line("checkout-flow"))
    terminal.waits("a conflict", lambda _: "!1" in terminal.line("merge-physics"))
    terminal.waits("unpushed commits", lambda _: "↑2" in terminal.line("cache-layer"))
    terminal.selects("rainy-day-sale")
    sees_tests_run(terminal, folder)
    terminal.keys("G")
    terminal.selects("load-soak")
    terminal.keys("l")
    terminal.shows("GET /stations/", "/ search")
    terminal.hides("⏎ open")  # the log has the keys now; Escape sent too early would become one key with the Enter
    terminal.keys("Escape")
    terminal.shows("⏎ open")
    terminal.keys("Enter")
    terminal.attaches()
    terminal.type("pwd; echo $HOME\n")
    terminal.shows(str(folder / "home"))
    terminal.keys("C-b", "d")
    terminal.shows("Sessions", *LABELS)
    terminal.hides("wind-idea")
    terminal.keys("X")
    terminal.shows("Trash", "wind-idea")
    terminal.keys("Escape")
    terminal.hides("wind-idea")
    terminal.keys("U")
    terminal.shows("wind-idea", "8 sessions")
    terminal.keys("q")
    terminal.ended(0)
    assert gone(folder)
    assert users_own(world) == before
    assert not world.inner.socket_path.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_killed(world: World, place: Path, number: signal.Signals) -> None:
    _, process, folder = opened(world, place)
    process.send_signal(number)
    until(lambda: has_ended(process.pid))
    until(lambda: gone(folder))


def test_the_terminal_is_closed(world: World, place: Path) -> None:
    terminal, process, folder = opened(world, place)
    tmux(world.outer, "kill-session", "-t", terminal.pane)
    until(lambda: gone(folder))
    until(lambda: has_ended(process.pid))


def test_killed_while_it_is_made(world: World, place: Path) -> None:
    terminal = world.terminal(*DEVDECK, "demo")
    folder = until(lambda: folders(place)).pop()
    until(lambda: marked(folder))
    terminal.devdeck().kill()
    until(lambda: gone(folder))


def test_left_while_it_is_made(world: World, place: Path) -> None:
    terminal = world.dashboard("demo")
    terminal.keys("q")
    terminal.ended(0)


def test_a_demo_that_crashes(world: World, place: Path) -> None:
    """A bug in the screen: the error is told, and nothing stays."""
    script = (
        "import tui.screens.main as main\n"
        "def boom(self): raise RuntimeError('a bug in the screen')\n"
        "main.MainScreen._tick = boom\n"
        "from devdeck.cli.main import main as run\n"
        "run(['demo'])\n"
    )
    terminal = world.terminal(sys.executable, "-c", script)
    terminal.waits("an error", lambda screen: "a bug in the screen" in screen)
    terminal.ended(1)
    until(lambda: not folders(place))
