"""The main job, from the first session to coming back the next morning."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.git_support import run_git
from tests.journeys.world import DEVDECK, Terminal, World
from tests.support import until
from tests.tmux_support import tmux

pytestmark = pytest.mark.journey

SHOP = {
    "shop/__init__.py": "",
    "shop/prices.py": "def total(cents):\n    return sum(cents) + 1\n",
    "tests/test_prices.py": (
        "import os, time\n\nimport pytest\n\nfrom shop.prices import total\n\n\n"
        "@pytest.mark.parametrize('number', range(8))\ndef test_slow(number):\n"
        "    while number == 4 and not os.path.exists(os.environ['GO_ON']): time.sleep(0.01)\n\n\n"
        "def test_total():\n    assert total([1, 2]) == 3\n"
    ),
    "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['.']\n",
}


@pytest.fixture
def started(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three sessions in two repositories, made on the command line."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("GO_ON", str(world.folder / "go-on"))
    shop = world.repository("shop", SHOP)
    blog = world.repository("blog", {"README.md": "# A blog\n"})
    world.cli("start", "fix-total", cwd=shop)
    world.cli("start", "faster-cart", cwd=shop)
    world.cli("start", "new-post", "-p", str(blog))
    return world


def run_tests(dashboard: Terminal) -> None:
    """Run the selected session's tests and see them stream: the fifth of nine waits to be let go on."""
    dashboard.keys("t")
    dashboard.waits("a part of the results", lambda screen: "● 4/9" in screen and "✗" not in screen)
    Path(os.environ["GO_ON"]).touch()
    dashboard.shows("✗ failed", "1 failed", "8 passed")


def back_to_list(dashboard: Terminal) -> None:
    """Escape goes out one level at a time: first the source, then the detail."""
    dashboard.keys("Escape")
    dashboard.hides("▶")
    dashboard.keys("Escape")
    dashboard.shows("⏎ open")


def test_the_main_job(started: World) -> None:
    dashboard = started.dashboard()
    screen = dashboard.shows("fix-total", "faster-cart", "new-post", "shop", "blog", "3 sessions")
    left = "\n".join(line.partition("││")[0] for line in screen.splitlines()[1:])
    assert left.index("▾ blog") < left.index("new-post") < left.index("▾ shop") < left.index("fix-total")

    dashboard.selects("new-post")
    dashboard.keys("j", "j")
    dashboard.selects("fix-total")
    dashboard.keys("k")
    dashboard.selects("faster-cart")

    dashboard.keys("/")
    dashboard.type("post")
    dashboard.waits("only new-post", lambda screen: "faster-cart" not in screen and "1 of 3" in screen)
    dashboard.keys("Escape")
    dashboard.shows("faster-cart", "fix-total")
    dashboard.keys("/")
    dashboard.type("fixt")
    dashboard.waits("only fix-total", lambda screen: "faster-cart" not in screen and "1 of 3" in screen)
    dashboard.keys("Enter")
    dashboard.shows("⏎ open")
    dashboard.selects("fix-total")

    run_tests(dashboard)
    dashboard.keys("2")
    dashboard.shows("test_total", "assert 4 == 3", "test_slow[0]", "⏎ show")
    dashboard.keys("n")
    dashboard.selects("test_total")
    dashboard.keys("Enter")
    dashboard.shows("▌3 Logs", "assert total([1, 2]) == 3", "tests/test_prices.py:14")
    dashboard.waits("the failing place marked", lambda _: "▸" in dashboard.line("test_prices.py:14"))

    back_to_list(dashboard)
    dashboard.shows("▌3 Logs", "1 of 3")
    dashboard.keys("Enter")
    dashboard.attaches()
    assert started.visited() == [started.session("fix-total")["terminal"]["id"]]
    dashboard.type("pwd; echo 'here I' am\n")
    dashboard.shows("here I am", started.session("fix-total")["worktree"])
    dashboard.keys("C-b", "d")
    dashboard.shows("Sessions", "tests/test_prices.py:14", "▌3 Logs", "1 of 3", "⏎ open")
    dashboard.selects("fix-total")
    until(lambda: not started.visited())

    dashboard.keys("q")
    dashboard.ended(0)

    again = started.dashboard()
    again.shows("✗ 1/9")
    again.selects("new-post")
    again.keys("j", "j")
    again.selects("fix-total")
    again.keys("l")
    again.shows("assert total([1, 2]) == 3", "1 failed, 8 passed")
    again.keys("v")
    again.shows("exit 1, 1 failed", "test_total")
    again.keys("q")
    again.ended(0)
    assert started.session("fix-total")["tests"]["state"] == "failed"


def test_inside_the_decks_own_tmux(started: World) -> None:
    """From a pane of the same server going to a session switches the client; the dashboard goes on behind it."""
    tmux(started.inner, "set-option", "-g", "status", "off")
    tmux(started.inner, "set-option", "-g", "escape-time", "0")
    home = started.terminal(*DEVDECK, server=started.inner)
    viewer = started.terminal("env", "-u", "TMUX", *started.inner.attach_argv(home.ask("#{session_id}"))[5:])
    viewer.shows("fix-total", "faster-cart", "new-post")
    viewer.selects("new-post")
    viewer.keys("j", "j")
    viewer.selects("fix-total")
    viewer.keys("Enter")
    viewer.hides("Sessions")
    target = started.session("fix-total")["terminal"]["id"]
    until(lambda: started.visited() == [target])
    viewer.type("echo 'switched' over\n")
    viewer.shows("switched over")
    assert home.ask("#{pane_dead}") == "0"
    home.shows("fix-total")
    viewer.keys("C-b", "L")
    viewer.shows("Sessions")
    viewer.selects("fix-total")
    viewer.keys("q")
    viewer.ended(0)


def test_editing_at_the_failing_line(started: World, tmp_path: Path) -> None:
    note = tmp_path / "edited"
    editor = tmp_path / "my tools" / "vim"
    editor.parent.mkdir()
    editor.write_text(f'#!/bin/sh\necho "$@" > {note}\necho EDITING\nread line\n')
    editor.chmod(0o755)
    os.environ["EDITOR"] = f"'{editor}'"
    try:
        dashboard = started.dashboard()
    finally:
        del os.environ["EDITOR"]
    dashboard.selects("new-post")
    dashboard.keys("j", "j")
    dashboard.selects("fix-total")
    run_tests(dashboard)
    dashboard.keys("2")
    dashboard.shows("test_total", "test_slow[0]", "⏎ show")
    dashboard.keys("n")
    dashboard.selects("test_total")
    dashboard.keys("e")
    dashboard.shows("EDITING")
    assert note.read_text().startswith("+14 ")
    assert note.read_text().endswith("fix-total/tests/test_prices.py\n")
    dashboard.keys("Enter")
    dashboard.shows("Sessions", "test_total", "quit")
    dashboard.keys("q")
    dashboard.ended(0)


def test_what_others_do_shows(started: World) -> None:
    dashboard = started.dashboard()
    dashboard.shows("fix-total", "3 sessions")
    started.cli("start", "from-elsewhere", "-p", str(started.folder / "src" / "blog"))
    dashboard.shows("from-elsewhere", "4 sessions")
    worktree = Path(started.session("from-elsewhere")["worktree"])
    (worktree / "new.txt").write_text("x")
    dashboard.waits("an untracked file", lambda _: "?1" in dashboard.line("from-elsewhere"))
    run_git(worktree, "add", "new.txt")
    dashboard.waits("a staged file", lambda _: "+1" in dashboard.line("from-elsewhere"))
    place = started.folder / "by-hand"
    run_git(started.folder / "src" / "blog", "worktree", "add", "-q", "-b", "by-hand", str(place))
    dashboard.shows("by-hand", "5 sessions")
    tmux(started.inner, "new-session", "-d", "-s", "plain", "-c", str(started.folder / "src" / "shop"))
    dashboard.shows("6 sessions")
    tmux(started.inner, "kill-session", "-t", "=plain")
    started.cli("rm", "from-elsewhere", "--force")
    run_git(started.folder / "src" / "blog", "worktree", "remove", str(place))
    dashboard.hides("from-elsewhere", "by-hand")
    dashboard.shows("3 sessions")
    dashboard.keys("q")
    dashboard.ended(0)
