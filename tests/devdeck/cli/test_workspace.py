"""`workspace …`, and what other verbs say of a workspace and its repositories. C29, C30, C35, C36."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from tests.devdeck.cli.program import Cli
from tests.devdeck.cli.test_contract import PASSING
from tests.git_support import commit, make_repository, run_git
from tests.support import until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "src"
    for name in ("api", "web"):
        make_repository(place / name, files={"a.py": "A = 1\n"})
    return place


@pytest.fixture
def cli(tmux: TmuxServer, home: Path, folder: Path) -> Cli:
    return Cli(folder)


def editor(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `name` on the path that writes down what it was given."""
    programs, said = folder / "programs", folder / f"{name}.said"
    programs.mkdir(exist_ok=True)
    (programs / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{said}.part" && mv "{said}.part" "{said}"\n')
    (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/local/bin:/usr/bin:/bin")
    return said


def test_start_ls_and_rm(cli: Cli, folder: Path) -> None:
    """C29, C35."""
    started = cli.json("workspace", "start", "cart")["session"]
    assert (started["label"], started["kind"], started["repository"]) == ("cart", "workspace", "src")
    (entry,) = cli.json("workspace", "ls")["sessions"]
    assert entry["terminal"]["alive"] is True
    assert (entry["branch"], entry["git"]["dirty"], entry["git"]["upstream"]) == ("cart", False, None)
    assert [member["label"] for member in entry["members"]] == ["cart:api", "cart:web"]
    for member in entry["members"]:
        assert set(member["git"]) == set(entry["git"])
        assert member["worktree"] == f"{entry['worktree']}/{member['repository']}"
    Path(entry["worktree"], "api", "new.txt").write_text("x")
    Path(entry["worktree"], "web", "a.py").write_text("A = 2\n")
    (entry,) = cli.json("ls")["sessions"]
    assert (entry["git"]["untracked"], entry["git"]["unstaged"], entry["git"]["dirty"]) == (1, 1, True)
    assert [member["git"]["dirty"] for member in entry["members"]] == [True, True]
    assert cli.error("workspace", "rm", "cart", status=4)["code"] == "refused"
    cli("workspace", "rm", "cart", "--force")
    assert cli.json("ls") == {"sessions": []}
    assert run_git(folder / "api", "branch", "--list", "cart") == ""


def test_a_workspace_is_one_row_with_its_repositories_below(cli: Cli) -> None:
    cli("workspace", "start", "cart")
    cli("start", "alone", "-p", "api")
    lines = cli("ls").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["LABEL", "alone", "cart", "cart:api", "cart:web"]
    assert lines[3].startswith("  cart:api  api")
    listed = [line.split()[0] for line in cli("workspace", "ls").stdout.splitlines()]
    assert listed == ["LABEL", "cart", "cart:api", "cart:web"]


def test_a_dry_run_changes_nothing(cli: Cli, folder: Path) -> None:
    plan = cli.json("workspace", "start", "cart", "--dry-run")
    assert [member["repository"] for member in plan["members"]] == ["api", "web"]
    assert sum("make the branch cart" in step for step in plan["plan"]) == 2
    assert "cart.code-workspace" in cli("workspace", "start", "cart", "--dry-run").stdout
    assert cli.json("ls") == {"sessions": []}
    assert run_git(folder / "api", "branch", "--list", "cart") == ""
    cli("workspace", "start", "cart")
    assert cli.json("workspace", "rm", "cart", "--dry-run")["plans"][0]["label"] == "cart"
    file = cli.json("workspace", "code", "cart", "--dry-run")["file"]
    assert Path(file).name == "cart.code-workspace"
    assert len(cli.json("ls")["sessions"]) == 1


def test_repositories_and_bases_by_option(cli: Cli, folder: Path, tmp_path: Path) -> None:
    """C29."""
    tools = make_repository(tmp_path / "other" / "tools", files={"t.txt": "1\n"})
    old = run_git(folder / "api", "rev-parse", "HEAD").strip()
    commit(folder / "api", {"new.txt": "1\n"})
    run_git(tools, "tag", "v1")
    commit(tools, {"new.txt": "1\n"})
    place = cli.json(
        "workspace", "start", "cart", "-r", f" api , {tools}", "--repos", "web,api",
        "-b", "main", "-b", f"api={old}", "-b", "tools=v1",
    )["session"]["worktree"]  # fmt: skip
    assert sorted(path.name for path in Path(place).iterdir()) == ["api", "cart.code-workspace", "tools", "web"]
    assert not Path(place, "api", "new.txt").exists()
    assert not Path(place, "tools", "new.txt").exists()
    assert cli.error("workspace", "start", "x", "-b", "shop=main", status=2)["code"] == "usage"
    assert "api: no commit 'v9'" in cli.error("workspace", "start", "x", "-b", "v9", status=3)["message"]


def test_other_verbs_know_the_repositories(cli: Cli, folder: Path) -> None:
    commit(folder / "api", {"tests/test_it.py": PASSING, "pytest.ini": "[pytest]\n"}, "tests")
    cli("workspace", "start", "cart")
    place = cli.json("ls")["sessions"][0]["worktree"]
    assert cli("run", "--wait", "cart:web", "--", "pwd").stdout == f"{place}/web\n"
    assert cli("run", "--wait", "cart", "--", "pwd").stdout == f"{place}\n"
    assert cli("logs", "cart:web").stdout == f"{place}/web\n"
    assert len(cli.json("jobs", "cart")["jobs"]) == 2
    assert cli.json("test", "cart:api")["run"]["passed"] == 2
    assert "cart:api" in cli.error("test", "cart", status=2)["hint"]
    (entry,) = cli.json("ls")["sessions"]
    assert [member["tests"]["state"] for member in entry["members"]] == ["passed", None]
    assert entry["tests"]["state"] is None
    assert cli.json("open", "cart:api")["attach"] == cli.json("open", "cart")["attach"]
    assert "cart:api" in cli.error("logs", "cart:shop", status=3)["hint"]


def test_shared_verbs_are_for_workspaces_alone(cli: Cli) -> None:
    """W27: `par workspace rm` of a plain session removes it."""
    cli("start", "alone", "-p", "api")
    for verb in ("rm", "open", "code"):
        assert "no workspace" in cli.error("workspace", verb, "alone", status=2)["message"]
    assert cli.error("workspace", "rm", "nobody", status=3)["code"] == "not-found"
    cli("workspace", "start", "cart")
    assert "attach-session" in cli.json("workspace", "open", "cart")["attach"]
    assert cli.error("workspace", "rm", "all", status=1)["code"] == "confirm"
    cli("workspace", "rm", "all", "--yes")
    assert [entry["label"] for entry in cli.json("ls")["sessions"]] == ["alone"]


def test_editors(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C30."""
    code, own = editor(folder, "code", monkeypatch), editor(folder, "my ed", monkeypatch)
    place = cli.json("workspace", "start", "feature/cart")["session"]["worktree"]
    file = Path(place, "feature-cart.code-workspace")
    assert [folder["name"] for folder in json.loads(file.read_bytes())["folders"]] == [
        "api (feature/cart)",
        "web (feature/cart)",
    ]
    file.unlink()
    assert cli.json("workspace", "code", "feature/cart")["file"] == str(file)
    until(code.exists)
    assert code.read_text() == f"{file}\n"
    assert file.is_file()
    cli("workspace", "edit", "feature/cart", "--editor", "'my ed' --new '$HOME'")
    until(own.exists)
    assert own.read_text() == f"--new\n$HOME\n{file}\n"
    missing = cli.error("workspace", "cursor", "feature/cart", status=5)
    assert missing["code"] == "editor-missing"


def test_hostile_repository_names(cli: Cli, folder: Path) -> None:
    """C20, C36."""
    for name in ("-rf", "$(touch pwned)", "#{pane_pid}", "caf\N{LATIN SMALL LETTER E WITH ACUTE} x", "a\nb"):
        make_repository(folder / name)
    session = cli.json("workspace", "start", "cart", "--windows")["session"]
    assert {member["repository"] for member in session["members"]} == {
        "-rf", "$(touch pwned)", "#{pane_pid}", "caf\N{LATIN SMALL LETTER E WITH ACUTE} x", "a-b", "api", "web",
    }  # fmt: skip
    for name in ("$(touch pwned)", "#{pane_pid}"):
        assert cli("run", "--wait", f"cart:{name}", "--", "pwd").stdout == f"{session['worktree']}/{name}\n"
    cli("workspace", "rm", "cart", "--force")
    assert cli.json("ls") == {"sessions": []}
    assert not list(folder.glob("**/pwned"))
