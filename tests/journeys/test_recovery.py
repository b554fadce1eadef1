"""What was cut off, broken or lost comes back; and many at work at once lose nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.devdeck.killing import run_killed
from tests.git_support import run_git, write
from tests.journeys.world import DEVDECK, PATIENCE, Terminal, World
from tests.support import until
from tests.tmux_support import tmux

pytestmark = pytest.mark.journey


def says(dashboard: Terminal, command: str) -> None:
    """Enter a command on the command line of the dashboard."""
    dashboard.keys(":")
    dashboard.waits("a command line", lambda screen: screen.splitlines()[-1].strip() == ":")
    dashboard.type(command)
    dashboard.keys("Enter")


def windows(world: World) -> list[list[str]]:
    """Of each session of the deck: its windows' names and its panes' directories, in order."""
    form = "#{session_name}\t#{window_name}\t#{pane_current_path}\t#{pane_active}#{window_active}"
    lines = tmux(world.inner, "list-panes", "-a", "-F", form, check=False).splitlines()
    return sorted(line.split("\t") for line in lines)


def test_after_a_reboot(world: World) -> None:
    shop = world.repository("shop", {"docs/index.md": "# Docs\n", "src/shop.py": "pass\n"})
    for label in ("one", "two"):
        world.cli("start", label, cwd=shop)
    one, two = (Path(world.session(label)["worktree"]) for label in ("one", "two"))
    dashboard = world.dashboard()
    dashboard.selects("one")
    ids = [world.session(label)["terminal"]["id"] for label in ("one", "two")]
    tmux(world.inner, "new-window", "-d", "-t", f"{ids[0]}:", "-n", "docs", "-c", str(one / "docs"))
    tmux(world.inner, "split-window", "-d", "-t", f"{ids[0]}:docs", "-c", str(one / "src"))
    tmux(world.inner, "rename-window", "-t", f"{ids[1]}:", "main")
    tmux(world.inner, "split-window", "-h", "-t", f"{ids[1]}:main", "-c", str(two / "docs"))
    dashboard.shows("✓ alive · 2 windows")
    before = [
        ["shop-one", "docs", str(one / "docs"), "10"],
        ["shop-one", "docs", str(one / "src"), "00"],
        ["shop-one", "sh", str(one), "11"],
        ["shop-two", "main", str(two), "01"],
        ["shop-two", "main", str(two / "docs"), "11"],
    ]
    until(lambda: windows(world) == before)  # tmux learns names and folders of new processes late
    world.cli("ls")  # whoever looks at terminals remembers their windows

    tmux(world.inner, "kill-server")
    dashboard.shows("⊘ 2 terminals gone · :restore all", "⊘ none · enter brings it back")
    assert windows(world) == []
    says(dashboard, "restore all")
    dashboard.shows("2 terminals restored")
    dashboard.shows("✓ alive · 2 windows")
    dashboard.hides("terminals gone")
    until(lambda: windows(world) == before)
    world.cli("ls")

    tmux(world.inner, "kill-server")
    dashboard.shows("⊘ 2 terminals gone")
    opened = world.terminal(*DEVDECK, "open", "one")
    opened.waits("tmux", lambda screen: "docs" in screen.splitlines()[-1])
    opened.type("pwd; echo 'here I' am\n")
    opened.shows("here I am", str(one)[-60:])
    until(lambda: windows(world) == [line for line in before if line[0].endswith("one")])
    opened.keys("C-b", "d")
    opened.ended(0)
    dashboard.hides("terminals gone")
    dashboard.shows("✓ alive · 2 windows")
    dashboard.keys("q")
    dashboard.ended(0)


def test_killed_and_with_a_broken_store(world: World) -> None:
    shop = world.repository("shop", {"README.md": "# A shop\n"})
    world.cli("start", "old", cwd=shop)
    dashboard = world.dashboard()
    dashboard.selects("old")
    world.cli("doctor")

    assert run_killed(f"deck.starting.start('torn', {str(shop)!r})", "step-done", 1)
    found = world.cli("doctor", status=1)
    assert "torn" in found
    assert "devdeck doctor --fix" in found
    dashboard.selects("old")
    world.cli("doctor", "--fix")
    dashboard.hides("torn")
    assert run_git(shop, "branch", "--list", "torn") == ""
    world.cli("start", "torn", cwd=shop)
    dashboard.shows("torn", "2 sessions")

    worktree = Path(world.session("torn")["worktree"])
    write(worktree, {"notes.md": "precious\n"})
    dashboard.waits("the work", lambda _: "?1" in dashboard.line("torn"))
    assert run_killed("deck.removing.remove(deck.sessions.find('torn'), force=True)", "step-done", 2)
    assert "torn" in world.cli("doctor", status=1)
    world.cli("doctor", "--fix")
    dashboard.waits("the work again", lambda _: "?1" in dashboard.line("torn"))
    assert (worktree / "notes.md").read_text() == "precious\n"

    store = world.folder / "home" / ".local" / "share" / "devdeck" / "deck.sqlite3"
    store.write_bytes(b"not a database, but long enough to look like one\n" * 1000)
    complaint = world.complains("ls")
    assert "can't be used" in complaint
    assert "devdeck doctor --fix" in complaint
    assert str(store) in world.cli("doctor", status=1)
    world.cli("doctor", "--fix")
    assert {(entry["label"], entry["managed"]) for entry in world.json("ls")["sessions"]} == {
        ("torn", True),
        ("old", True),
    }
    world.cli("start", "newer", cwd=shop)
    dashboard.shows("newer", "3 sessions", "torn", "old", "✓ all up to date")
    dashboard.keys("q")
    dashboard.ended(0)


def test_two_dashboards_and_ten_command_lines(world: World) -> None:
    shop = world.repository("shop", {"README.md": "# A shop\n"})
    blog = world.repository("blog", {"README.md": "# A blog\n"})
    for label in ("gone", "kept", "was"):
        world.cli("start", label, cwd=shop)
    first, second = world.dashboard(), world.dashboard()
    first.shows("gone", "kept", "was", "3 sessions")
    second.shows("gone", "kept", "was", "3 sessions")
    at_once = [
        *(world.begin("start", f"s{number}", cwd=(shop, blog)[number % 2]) for number in range(4)),
        world.begin("rm", "gone"),
        world.begin("rename", "was", "is"),
        world.begin("run", "--wait", "kept", "--", "echo", "said"),
        world.begin("send", "kept", "echo typed"),
        world.begin("ls"),
        world.begin("status"),
    ]
    first.keys("n")
    first.shows("New session", "branches of")
    first.asks("fix-login")
    first.type("mine")
    first.shows("✓ branch mine")
    first.keys("Enter")
    first.hides("New session")
    first.selects("mine")
    ended = [(process.args, process.communicate(timeout=PATIENCE)[0], process.returncode) for process in at_once]
    assert [it for it in ended if it[2] != 0] == []
    labels = {"is", "kept", "mine", *(f"s{number}" for number in range(4))}
    for dashboard in (first, second):
        dashboard.shows(*labels, "7 sessions")
        dashboard.hides("gone", "○ was")
    assert {entry["label"] for entry in world.json("ls")["sessions"]} == labels
    assert all(entry["managed"] and entry["terminal"]["alive"] for entry in world.json("ls")["sessions"])
    assert len(tmux(world.inner, "list-sessions").splitlines()) == 7

    says(second, "go mine")
    second.selects("mine")
    second.keys("x")
    second.shows("Nothing would be lost")
    second.keys("Enter")
    second.hides("Remove session")
    first.hides("mine")
    first.shows("6 sessions")
    first.keys("U")
    first.shows("brought back mine")
    second.shows("mine", "7 sessions")
    assert {job["verdict"] for job in world.json("jobs", "kept")["jobs"]} == {"exit 0"}
    assert world.json("doctor")["fixable"] == 0
    for dashboard in (first, second):
        dashboard.keys("q")
        dashboard.ended(0)
