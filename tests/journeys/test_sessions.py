"""The life of sessions in the dashboard: made, renamed, removed, brought back, spoken to, set up."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.git_support import commit, make_repository, run_git, write
from tests.journeys.world import Terminal, World
from tests.support import until
from tests.tmux_support import tmux

pytestmark = pytest.mark.journey

WORK: dict[str, str | bytes] = {"notes.md": "untracked\n", "shop.py": "staged\n", "debug.log": b"ignored\0bytes\n"}


def at_work(worktree: Path) -> None:
    """Leave work of every kind: staged, untracked, ignored."""
    write(worktree, WORK)
    run_git(worktree, "add", "shop.py")


def held(worktree: Path) -> tuple[dict[str, bytes], str]:
    """The files of the work, and what git says of all of it."""
    files = {name: (worktree / name).read_bytes() for name in WORK}
    return files, run_git(worktree, "status", "--porcelain", "--ignored")


def removes(dashboard: Terminal, label: str) -> None:
    """Remove the selected session, which holds work, by its two steps."""
    dashboard.keys("x")
    dashboard.shows("Remove session", "This work exists nowhere else", "remove anyway")
    dashboard.keys("Enter")
    dashboard.shows("kept: work would be lost")
    dashboard.keys("F")
    dashboard.shows("yes, remove it with this work")
    dashboard.keys("y")
    dashboard.hides("Remove session")
    dashboard.shows(f"removed {label} · U brings it back")


def test_made_renamed_removed_and_brought_back(world: World) -> None:
    shop = world.repository("shop", {"shop.py": "print('shop')\n", ".gitignore": "*.log\n"})
    run_git(shop, "branch", "release")
    commit(shop, {"shop.py": "print('newer')\n"})
    remote = make_repository(world.folder / "remote.git", bare=True)
    run_git(shop, "remote", "add", "origin", str(remote))
    run_git(shop, "checkout", "-q", "-b", "theirs")
    asked = commit(shop, {"asked.md": "please\n"}, "what is asked for")
    run_git(shop, "push", "-q", "origin", "main", f"{asked}:refs/pull/7/head")
    run_git(shop, "checkout", "-q", "main")
    run_git(shop, "branch", "-q", "-D", "theirs")
    world.cli("start", "first", cwd=shop)
    dashboard = world.dashboard()
    dashboard.selects("first")

    dashboard.keys("n")
    dashboard.shows("New session", "branches of shop")
    dashboard.asks("fix-login")
    dashboard.type("faster")
    dashboard.shows("✓ branch faster")
    dashboard.keys("Tab", "Tab")
    dashboard.asks("HEAD of the repository")
    dashboard.type("rel")
    dashboard.waits("only release", lambda screen: "release" in screen and "  main " not in screen)
    dashboard.keys("Down")
    dashboard.shows("● release")
    dashboard.keys("Enter")
    dashboard.hides("New session")
    dashboard.selects("faster")
    worktree = Path(world.session("faster")["worktree"])
    assert run_git(worktree, "rev-parse", "HEAD") == run_git(shop, "rev-parse", "release")

    dashboard.keys("C")
    dashboard.shows("Check out", "branches of shop", "from the target")
    dashboard.type("pr/7")
    dashboard.keys("Enter")
    dashboard.hides("Check out")
    dashboard.selects("pr-7")
    assert run_git(world.session("pr-7")["worktree"], "rev-parse", "HEAD").strip() == asked

    dashboard.keys("R")
    dashboard.shows("Rename session")
    dashboard.keys("C-u")
    dashboard.type("review")
    dashboard.shows("review", "its terminal is renamed too")
    dashboard.keys("Enter")
    dashboard.hides("Rename session")
    dashboard.shows("renamed pr-7")
    dashboard.selects("review")

    at_work(worktree)
    before = held(worktree)
    dashboard.keys("k")
    dashboard.waits("the work", lambda _: "+1 ?1" in dashboard.line("faster"))
    dashboard.keys("Home")
    dashboard.selects("faster")
    removes(dashboard, "faster")
    dashboard.shows("2 sessions")
    assert not worktree.exists()
    dashboard.keys("U")
    dashboard.shows("brought back faster")
    dashboard.shows("3 sessions")
    dashboard.selects("faster")
    assert held(worktree) == before

    removes(dashboard, "faster")
    dashboard.shows("2 sessions")
    world.cli("start", "faster", cwd=shop)
    dashboard.shows("3 sessions")
    dashboard.keys("X")
    dashboard.shows("Trash", "delete for good")
    dashboard.keys("Enter")
    dashboard.shows("under which name?")
    dashboard.type("-again")
    dashboard.shows("faster-again")
    dashboard.keys("Enter")
    dashboard.shows("✓ faster-again is back")
    dashboard.keys("Escape")
    dashboard.hides("Trash")
    dashboard.selects("faster-again")
    assert held(Path(world.session("faster-again")["worktree"])) == before
    assert world.session("faster")["worktree"] != world.session("faster-again")["worktree"]
    dashboard.keys("q")
    dashboard.ended(0)


def test_a_workspace(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    world.repository("api", {"test_api.py": "def test_api():\n    assert True\n", "pytest.ini": "[pytest]\n"})
    web = world.repository("web", {"index.html": "<p>hello\n"})
    dashboard = world.dashboard()
    dashboard.shows("No sessions yet")
    world.cli("workspace", "start", "release", "-p", str(web.parent))
    dashboard.shows("▸ release  2 repos", "1 session")
    dashboard.selects("release")
    dashboard.keys("Right")
    dashboard.shows("▾ release  2 repos", "├ api", "└ web")
    dashboard.keys("j")
    dashboard.selects("api")
    dashboard.keys("t")
    dashboard.waits("a passed test", lambda _: "✓ 1" in dashboard.line("├ api"))
    dashboard.keys("o")
    dashboard.shows("▌1 Overview", "⏎ open")
    worktrees = [Path(member["worktree"]) for member in world.session("release")["members"]]
    assert all((worktree / ".git").is_file() for worktree in worktrees)

    world.cli("rm", "release")
    dashboard.hides("release")
    assert not any(worktree.exists() for worktree in worktrees)
    world.cli("undo")
    dashboard.shows("release  2 repos")
    dashboard.selects("release")
    assert all((worktree / ".git").is_file() for worktree in worktrees)
    assert world.session("release")["terminal"]["alive"] is True
    dashboard.keys("q")
    dashboard.ended(0)


def pane(world: World, label: str) -> str:
    """What the active pane of a session shows."""
    return tmux(world.inner, "capture-pane", "-p", "-t", f"{world.session(label)['terminal']['id']}:")


def test_text_for_those_that_are_marked(world: World) -> None:
    shop = world.repository("shop", {"README.md": "# A shop\n"})
    for label in ("one", "three", "two"):
        world.cli("start", label, cwd=shop)
    world.cli("send", "two", "cat")
    dashboard = world.dashboard(columns=160)
    dashboard.selects("one")
    dashboard.waits("cat", lambda _: "cat" in dashboard.line("two"))
    dashboard.keys("Space")
    dashboard.selects("three")
    dashboard.shows("◆ 1 marked")
    dashboard.keys("j")
    dashboard.selects("two")
    dashboard.keys("Space")
    dashboard.shows("◆ 2 marked")
    dashboard.keys("S")
    dashboard.shows("Send text", "● marked 2", "one, two", "sh in 1", "cat in 1")
    dashboard.asks("typed into the pane, followed by Enter")
    dashboard.type("echo 'both; of' them")
    dashboard.keys("Enter")
    dashboard.shows("Not sent everywhere", "sent to 1 of 2", "✗ two", "send anyway to two")
    until(lambda: "both; of them" in pane(world, "one").splitlines())
    assert "both" not in pane(world, "two")
    dashboard.keys("F")
    dashboard.hides("Not sent everywhere")
    dashboard.shows("sent to two")
    until(lambda: pane(world, "two").splitlines().count("echo 'both; of' them") == 2)  # the echo, and what cat says
    assert "both" not in pane(world, "three")
    assert pane(world, "one").count("both; of them") == 1
    dashboard.keys("u")
    dashboard.hides("marked")
    dashboard.keys("q")
    dashboard.ended(0)


def test_set_up_failing_and_mended(world: World) -> None:
    config = "[init]\ncommand = ['echo first of [two]', '{}']\n"
    shop = world.repository("shop", {".devdeck.toml": config.format("ls no-such-file")})
    dashboard = world.dashboard(columns=160)
    dashboard.shows("No sessions yet")
    dashboard.keys("n")
    dashboard.shows("New session")
    dashboard.asks("fix-login")
    dashboard.type("work")
    dashboard.shows("✓ branch work")
    dashboard.keys("Tab")
    dashboard.asks("~/src/project")
    dashboard.type(str(shop))
    dashboard.shows("ls no-such-file · not trusted")
    dashboard.keys("Enter")
    dashboard.shows(
        "Trust this configuration?", "1. echo first of [two]", "2. ls no-such-file", "t trust it and set up"
    )
    assert world.json("ls") == {"sessions": []}
    dashboard.keys("t")
    dashboard.hides("New session", "Trust this")
    dashboard.selects("work")
    dashboard.shows("init ✗", "init failed: ls no-such-file · exit 2")
    dashboard.keys("l")
    dashboard.shows("cannot access 'no-such-file'", "✓ init echo first", "/ search")
    dashboard.hides("⏎ open")
    dashboard.keys("Escape")
    dashboard.shows("⏎ open")

    (shop / ".devdeck.toml").write_text(config.format("pwd"))
    dashboard.keys("I")
    dashboard.shows("Trust this configuration?", "2. pwd", "t trust it and set up")
    dashboard.keys("t")
    dashboard.hides("Trust this")
    dashboard.shows("2 commands started")
    ended = ["exit 0", "exit 0", "exit 0", "exit 2"]
    until(lambda: sorted(job["verdict"] for job in world.json("jobs", "work")["jobs"]) == ended)
    dashboard.shows("▌ ○ work", "▌✓ init pwd")
    dashboard.hides("init ✗", "init failed")
    dashboard.keys("q")
    dashboard.ended(0)
