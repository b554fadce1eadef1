"""`status`: one session in full, or a summary of all. C35."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from devdeck.errors import NotFound
from devdeck.git.status import status
from tests.devdeck.cli.program import Cli
from tests.devdeck.cli.test_contract import FAILING
from tests.devdeck.killing import run_killed
from tests.git_support import commit, make_repository, run_git
from tests.support import until


@pytest.fixture
def cli(tmux: TmuxServer, repository: Path) -> Cli:
    commit(
        repository,
        {"tests/test_it.py": FAILING, "pytest.ini": "[pytest]\n", ".gitignore": "__pycache__/\n.pytest_cache/\n"},
    )
    return Cli(repository)


def test_one_session_in_full(cli: Cli, repository: Path) -> None:
    cli("start", "one")
    place = Path(cli.json("ls")["sessions"][0]["worktree"])
    (place / "new.txt").write_text("x")
    (place / "a.py").write_text("A = 2\n")
    run_git(place, "add", "a.py")
    (place / "a.py").write_text("A = 3\n")
    cli("test", "one", status=1)
    cli("run", "one", "--", "sleep", "600")
    session = cli.json("status", "one")["session"]
    assert (session["label"], session["kind"], session["members"]) == ("one", "session", [])
    assert (session["git"]["staged"], session["git"]["unstaged"], session["git"]["untracked"]) == (1, 1, 1)
    assert session["changed_files"] == 2
    assert [job["argv"] for job in session["jobs"]["now"]] == [["sleep", "600"]]
    assert (session["tests"]["state"], session["tests"]["run"]["failed"]) == ("failed", 1)
    assert session["setup"] == {"state": None, "jobs": []}
    assert {window["name"] for window in session["terminal"]["windows"]} >= {"run", "test"}
    assert session["attention"][0].startswith("tests failed")
    cli.repository = place
    shown = cli("status").stdout
    assert cli.json("status")["session"]["label"] == "one"
    for words in (
        "one  session in shop",
        "branch      one  no upstream",
        "changes     2 files: 1 staged, 1 not staged, 1 untracked",
        "running     ● sleep 600",
        "tests       ✗ failed",
        "attention   ! tests failed",
    ):
        assert words in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if str(repository.parent) not in line and "~" not in line)


def test_upstreams(cli: Cli, repository: Path, tmp_path: Path) -> None:
    make_repository(tmp_path / "remote.git", bare=True)
    run_git(repository, "remote", "add", "origin", str(tmp_path / "remote.git"))
    cli("start", "one", "--offline")
    place = Path(cli.json("ls")["sessions"][0]["worktree"])
    run_git(place, "push", "-q", "-u", "origin", "one")
    assert "branch      one → origin/one  up to date" in cli("status", "one").stdout
    commit(place, {"b.py": "B = 1\n"})
    assert "branch      one → origin/one  ↑1" in cli("status", "one").stdout
    assert "changes     none" in cli("status", "one").stdout
    run_git(place, "update-ref", "-d", "refs/remotes/origin/one")
    assert "branch      one → origin/one  gone" in cli("status", "one").stdout


def test_a_workspace_in_full(cli: Cli, tmp_path: Path) -> None:
    for name in ("api", "web-shop"):
        make_repository(tmp_path / "both" / name)
    cli("workspace", "start", "cart", "-p", str(tmp_path / "both"))
    place = Path(cli.json("ls")["sessions"][0]["worktree"])
    (place / "web-shop" / "new.txt").write_text("x")
    session = cli.json("status", "cart")["session"]
    assert (session["changed_files"], session["git"]["untracked"]) == (1, 1)
    assert [member["git"]["untracked"] for member in session["members"]] == [0, 1]
    shown = cli("status", "cart").stdout
    assert "    api       clean\n    web-shop  ?1\n" in shown
    member = cli("status", "cart:web-shop").stdout
    assert member.startswith("cart:web-shop  session in web-shop\n")
    cli.repository = place / "web-shop"
    assert cli.json("status")["session"]["label"] == "cart:web-shop"


def test_what_was_cut_off_is_told_where_one_looks(cli: Cli, repository: Path) -> None:
    """C15."""
    assert run_killed(f"deck.starting.start('cut', {str(repository)!r})", "step-done")
    for verb in ("ls", "status"):
        told = cli(verb).stderr
        assert told == "devdeck: cut off: start cut\n  → devdeck doctor --fix\n"
        assert cli(verb, "--json").stderr == ""
    cli("doctor", "--fix")
    assert cli("ls").stderr == ""


def test_a_repository_that_moved_is_named_with_what_mends_it(cli: Cli, repository: Path, tmp_path: Path) -> None:
    """W23."""
    cli("start", "one")
    place = cli.json("ls")["sessions"][0]["worktree"]
    repository.rename(tmp_path / "moved")
    cli.repository = tmp_path / "moved"
    assert f"the repository of the worktree {place} is gone" in cli("status", "one").stdout
    with pytest.raises(NotFound) as caught:
        status(place)
    assert f"`git worktree repair {place}`" in caught.value.hint
    run_git(tmp_path / "moved", "worktree", "repair", place)
    assert not status(place).dirty


def test_a_summary_of_all(cli: Cli, repository: Path, tmp_path: Path) -> None:
    assert cli.json("status") == {
        "summary": dict.fromkeys(
            (
                "sessions",
                "workspaces",
                "repositories",
                "running",
                "running_jobs",
                "failing",
                "dirty",
                "unknown",
                "attention",
            ),
            0,
        ),
        "attention": [],
    }
    cli("start", "one")
    cli("start", "two")
    place = Path(cli.json("ls")["sessions"][0]["worktree"])
    (place / "new.txt").write_text("x")
    cli("run", "two", "--", "sleep", "600")
    cli("run", "--wait", "one", "--", "false", status=1)
    until(lambda: cli.json("status")["summary"]["running"] == 1)
    found = cli.json("status")
    assert found["summary"]["sessions"] == 2
    assert found["summary"]["dirty"] == 1
    assert found["attention"] == [{"label": "one", "reasons": ["false: exit 1"]}]
    cli.repository = place
    shown = cli("status", "--all").stdout
    assert shown.startswith("2 sessions in 1 repository\n")
    for words in ("●   1 running, 1 job\n", "~   1 with uncommitted changes\n", "!   1 in need of attention\n"):
        assert words in shown
    assert "      one  false: exit 1\n" in shown


def test_wrong_usage(cli: Cli) -> None:
    assert cli.error("status", "nobody", status=3)["code"] == "not-found"
    assert cli.error("status", "x", "--all", status=2)["code"] == "usage"
