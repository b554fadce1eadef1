"""checkout, refresh, and the flags of start, as scripts use them."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from tests.devdeck.cli.program import Cli
from tests.devdeck.remote_support import publish, push
from tests.git_support import commit, run_git


@pytest.fixture
def cli(tmux: TmuxServer, repository: Path) -> Cli:
    return Cli(repository)


def test_checkout_and_refresh(cli: Cli, repository: Path, tmp_path: Path) -> None:
    """C21, C35."""
    bare = publish(repository, tmp_path / "origin.git")
    push(bare, "refs/pull/7/head", tmp_path / "scratch", {"x": "1\n"})
    plan = cli.json("checkout", "#7", "--dry-run")
    assert (plan["label"], plan["branch"], plan["warnings"]) == ("pr-7", "pr-7", [])
    assert plan["plan"][0].startswith("fetch origin/pull/7/head; make the branch pr-7")
    assert cli("checkout", "#7", "--dry-run").stdout.startswith("would check out pr-7:\n  - fetch origin")
    assert cli.json("ls") == {"sessions": []}
    made = cli.json("checkout", "https://github.com/ada/shop/pull/7", "-l", "review")
    assert (made["session"]["label"], made["session"]["kind"], made["session"]["branch"]) == (
        "review",
        "checkout",
        "review",
    )
    assert cli.json("refresh", "review") == {"label": "review", "came": "review is up to date with origin/pull/7/head"}
    push(bare, "refs/pull/7/head", tmp_path / "scratch", {"x": "2\n"}, start="refs/pull/7/head")
    assert "fast-forward review" in cli.json("refresh", "review", "--dry-run")["plan"][0]
    assert "1 commit came from origin/pull/7/head" in cli("refresh", "review").stdout
    place = Path(made["session"]["worktree"])
    commit(place, {"mine": "1\n"})
    push(bare, "refs/pull/7/head", tmp_path / "scratch", {"x": "3\n"}, start="refs/pull/7/head")
    assert cli.error("refresh", "review", status=1)["code"] == "diverged"
    run_git(place, "reset", "-q", "--hard", "HEAD~1")
    (place / "a.py").write_text("changed\n")
    assert cli.error("refresh", "review", status=4)["code"] == "refused"
    assert cli("checkout", "pr/7").stdout.startswith("checked out pr-7 in ")


def test_what_a_branch_tracks_is_said_when_it_is_made(cli: Cli, repository: Path, tmp_path: Path) -> None:
    """C06."""
    bare = publish(repository, tmp_path / "origin.git")
    push(bare, "refs/heads/topic", tmp_path / "scratch", {"x": "1\n"})
    assert "from origin/topic, tracking it" in cli("start", "topic", "--dry-run").stdout
    assert cli.json("start", "topic", "--dry-run")["upstream"] == "origin/topic"
    assert cli.json("start", "own", "--dry-run")["upstream"] is None
    (member,) = cli.json("workspace", "start", "topic", "-p", "..", "--dry-run")["members"]
    assert member["upstream"] == "origin/topic"
    assert cli("start", "topic").stdout.splitlines()[1:] == [
        "  the branch topic tracks origin/topic",
        "  → devdeck open topic",
    ]
    assert cli.json("ls")["sessions"][0]["git"]["upstream"] == "origin/topic"
    assert "tracks" not in cli("start", "own").stdout


def test_exit_statuses_of_checkout(cli: Cli, repository: Path, tmp_path: Path) -> None:
    publish(repository, tmp_path / "origin.git")
    assert cli.error("checkout", "pr/9", status=3)["code"] == "not-found"
    assert cli.error("checkout", "nothing", "--offline", status=3)["code"] == "not-found"
    assert cli.error("checkout", "a b", status=2)["code"] == "usage"
    assert cli.error("checkout", "main", status=4)["code"] == "refused"
    other = cli.error("checkout", "https://github.com/eve/shop/pull/7", status=1)
    assert other["code"] == "other-repository"
    assert "git remote add eve" in other["hint"]


def test_start_with_changes(cli: Cli, repository: Path) -> None:
    (repository / "a.py").write_text("A = 2\n")
    assert any("uncommitted" in step for step in cli.json("start", "one", "--with-changes", "--dry-run")["plan"])
    assert (repository / "a.py").read_text() == "A = 2\n"
    session = cli.json("create", "one", "--with-changes", "--offline")["session"]
    assert session["git"]["unstaged"] == 1
    assert (Path(session["worktree"]) / "a.py").read_text() == "A = 2\n"
    assert run_git(repository, "status", "--porcelain") == ""


def test_warnings_are_beside_the_result(cli: Cli, repository: Path, tmp_path: Path) -> None:
    """C05, C08, C02."""
    run_git(repository, "remote", "add", "gone", str(tmp_path / "nothing"))
    made = cli.json("start", "one", "-b", "main")
    assert "gone does not say" in made["warnings"][0]
    run_git(repository, "branch", "two")
    done = cli("create", "two", "-b", "main")
    assert "--base main is not used" in done.stderr
    assert done.stdout.startswith("started two in ")
