"""Somebody who used par yesterday, and types today what they always typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.devdeck.test_importing import Par, tree
from tests.git_support import commit, make_repository, run_git
from tests.journeys.world import DEVDECK, Terminal, World
from tests.support import until
from tests.tmux_support import tmux

pytestmark = pytest.mark.journey


def par(world: World, *arguments: str) -> Terminal:
    """Type a command at a terminal."""
    return world.terminal(*DEVDECK, *arguments)


def goes_to(world: World, label: str, *arguments: str) -> None:
    """A command at a terminal that attaches to a session; detaches again."""
    terminal = par(world, *arguments)
    id_ = world.session(label)["terminal"]["id"]
    until(lambda: world.visited() == [id_])
    terminal.attaches()
    said = " ".join(arguments)  # the same session is visited twice
    terminal.type(f"echo {said} in $DEVDECK_LABEL\n")
    terminal.shows(f"{said} in {label}")
    terminal.keys("C-b", "d")
    terminal.ended(0)


def pane(world: World, label: str) -> list[str]:
    """The lines that the active pane of a session shows."""
    id_ = world.session(label)["terminal"]["id"]
    return tmux(world.inner, "capture-pane", "-p", "-t", f"{id_}:").splitlines()


def test_every_command_of_par(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """P1."""
    shop = world.repository("shop", {"README.md": "# A shop\n"})
    old = run_git(shop, "rev-parse", "HEAD").strip()
    remote = make_repository(world.folder / "remote.git", bare=True)
    run_git(shop, "remote", "add", "origin", str(remote))
    run_git(shop, "tag", "v1")
    asked = commit(shop, {"asked.md": "please\n"})
    run_git(shop, "push", "-q", "origin", f"{asked}:refs/pull/7/head")
    team = world.folder / "src" / "team"
    for name in ("api", "web"):
        make_repository(team / name)

    assert world.cli("-v") == world.cli("--version")
    world.cli("create", "fix", cwd=shop)
    world.cli("start", "from-tag", "-p", str(shop), "-b", "v1")
    world.cli("checkout", "pr/7", "-p", str(shop), "-l", "review")
    assert run_git(world.session("from-tag")["worktree"], "rev-parse", "HEAD").strip() == old
    assert run_git(world.session("review")["worktree"], "rev-parse", "HEAD").strip() == asked
    world.cli("workspace", "start", "release", "-p", str(team), "-r", "api,web")
    assert [Path(member["repository_path"]).name for member in world.session("release")["members"]] == ["api", "web"]
    listed = world.cli("ls")
    assert all(label in listed for label in ("fix", "from-tag", "review", "release"))
    assert "release" in world.cli("workspace", "ls")
    assert "review" not in world.cli("workspace", "ls")

    goes_to(world, "fix", "open", "fix")
    goes_to(world, "review", "o", "review")
    goes_to(world, "fix", "open", "-")
    goes_to(world, "release", "workspace", "open", "release")
    tools = world.folder / "tools"
    tools.mkdir()
    for editor in ("code", "cursor"):
        (tools / editor).write_text(f'#!/bin/sh\necho "$0 $@" >> {world.folder}/edited\n')
        (tools / editor).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    world.cli("workspace", "code", "release")
    world.cli("workspace", "cursor", "release")
    edited = [line.split() for line in until(lambda: lines(world.folder / "edited", 2))]
    assert [Path(it[0]).name for it in edited] == ["code", "cursor"]
    assert all(it[-1].endswith("release.code-workspace") and Path(it[-1]).is_file() for it in edited)

    world.cli("send", "fix", "echo", "only", "$((40", "+", "2))")
    until(lambda: "only 42" in pane(world, "fix"))
    world.cli("send", "all", "echo every one")
    for label in ("fix", "from-tag", "review", "release"):
        until(lambda label=label: "every one" in pane(world, label))  # type: ignore[misc]
    assert "only 42" not in pane(world, "review")

    centre = par(world, "control-center", "--tmux")
    centre.waits("all windows", lambda screen: all(it in screen.splitlines()[-1] for it in ("fix", "review")))
    centre.keys("C-b", "d")
    centre.ended(0)
    assert len(tmux(world.inner, "list-windows", "-t", "=control-center:").splitlines()) == 4

    assert "is no workspace" in world.complains("workspace", "rm", "fix", status=2)
    world.cli("workspace", "rm", "release")
    world.cli("rm", "from-tag")
    assert {entry["label"] for entry in world.json("ls")["sessions"]} == {"fix", "review"}
    for answer, status in (("n", 1), ("y", 0)):
        asking = par(world, "rm", "all")
        asking.shows("Remove 2 sessions?", "[y/N]")
        asking.keys(answer, "Enter")
        asking.ended(status)
        assert len(world.json("ls")["sessions"]) == (2 if status else 0)
    assert run_git(shop, "worktree", "list").count("\n") == 1
    assert run_git(shop, "branch", "--list", "fix", "from-tag") == ""
    world.cli("undo")
    assert len(world.json("ls")["sessions"]) == 1


def lines(path: Path, count: int) -> list[str]:
    """The lines of a file; none as long as there are fewer than that."""
    found = path.read_text().splitlines() if path.exists() else []
    return found if len(found) >= count else []


def test_what_par_made_is_taken_over(world: World) -> None:
    """C32, C33."""
    shop = world.repository("shop", {"README.md": "# A shop\n"})
    api, web = (world.repository(name, {"README.md": f"# {name}\n"}) for name in ("api", "web"))
    theirs = Par(world.folder / "home" / ".local" / "share" / "par", world.inner)
    fix = theirs.start(shop, "fix")
    theirs.checkout(shop, "pr-7", "HEAD")
    theirs.workspace(shop.parent, "release", api, web)
    (fix / "notes.md").write_text("precious\n")
    tmux(world.inner, "send-keys", "-t", f"={theirs.sessions['fix']['tmux_session_name']}:", "echo from par", "Enter")
    before = tree(theirs.data)

    world.cli("import", "par", "--dry-run")
    assert not any(entry["managed"] for entry in world.json("ls")["sessions"])
    world.cli("import", "par")
    assert tree(theirs.data) == before
    sessions = {entry["label"]: entry for entry in world.json("ls")["sessions"]}
    assert set(sessions) >= {"fix", "pr-7", "release"}
    assert all(sessions[label]["managed"] and sessions[label]["terminal"]["alive"] for label in ("fix", "pr-7"))
    until(lambda: "from par" in pane(world, "fix"))

    dashboard = world.dashboard()
    dashboard.shows("fix", "pr-7", "▸ release  2 repos", "3 sessions")
    theirs.start(shop, "later")  # par goes on being used
    dashboard.shows("later", "4 sessions")
    theirs.remove("later")
    dashboard.shows("3 sessions")
    dashboard.hides("later")
    assert "untracked" in world.complains("rm", "fix", status=4)
    world.cli("rm", "fix", "-f")
    dashboard.shows("2 sessions")
    assert not fix.exists()
    world.cli("undo")
    dashboard.shows("fix", "3 sessions")
    assert (fix / "notes.md").read_text() == "precious\n"
    dashboard.keys("q")
    dashboard.ended(0)
