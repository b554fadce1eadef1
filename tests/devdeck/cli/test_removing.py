"""rm, undo and trash as commands (C27, C35)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from backends.tmux.server import TmuxServer
from devdeck.deck import Deck
from tests.devdeck.cli.program import Cli, on_terminal
from tests.devdeck.removal.removal_support import hidden, make_session
from tests.git_support import make_repository, write


@pytest.fixture
def cli(tmux: TmuxServer, repository: Path) -> Cli:
    return Cli(repository)


def test_rm_all_asks(cli: Cli, deck: Deck, repository: Path) -> None:
    """C27."""
    for label in ("one", "two"):
        make_session(deck, repository, label)
    assert cli.error("rm", "all", status=1)["code"] == "confirm"
    for answer in ("n\n", "\n"):
        status, said = on_terminal(cli, answer, "rm", "all")
        assert status == 1
        assert "would remove one" in said
        assert "Remove 2 sessions?" in said
        assert "nothing was done" in said
    assert on_terminal(cli, "\x03", "rm", "all")[0] == 130
    assert len(deck.store.sessions()) == 2
    assert len(cli.json("rm", "all", "--dry-run")["plans"]) == 2
    status, said = on_terminal(cli, "y\n", "rm", "all")
    assert status == 0, said
    assert deck.store.sessions() == ()
    assert cli("rm", "all", "--yes").stdout == "no sessions\n"


def test_tables_fit_the_terminal(cli: Cli, deck: Deck, repository: Path) -> None:
    """Where there is a terminal: what is piped is never cut."""
    label = "a-long-label-" + "of-many-words-" * 5 + "日本"
    for each in (label, "short"):
        make_session(deck, repository, each)
    status, said = on_terminal(cli, "", "ls")
    assert status == 0
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in said.splitlines()]
    assert len(lines) == 3
    assert all(cell_len(line) <= 80 for line in lines)
    assert re.search(r"^a-long-label.*….*日本 ", lines[1])
    assert lines[2].startswith("short ")
    assert label in cli("ls").stdout


def test_rm_all_says_what_stays(cli: Cli, deck: Deck, repository: Path) -> None:
    """C27."""
    for label in ("one", "two"):
        make_session(deck, repository, label)
    write(Path(deck.sessions.find("two").worktree), {"notes.md": "precious\n"})
    status, said = on_terminal(cli, "n\n", "rm", "all")
    assert "two stays, because of the work in it. Remove 1 session?" in said
    assert "Remove 2 sessions?" in on_terminal(cli, "n\n", "rm", "all", "--force")[1]
    assert on_terminal(cli, "\x03", "rm", "all")[1].endswith("\r\ndevdeck: interrupted\r\n")
    write(Path(deck.sessions.find("one").worktree), {"notes.md": "precious\n"})
    status, said = on_terminal(cli, "", "rm", "all")
    assert status == 4
    assert "no session can go" in said
    assert len(deck.store.sessions()) == 2


def test_plans_tell_folders_from_home_and_what_comes_again_once(cli: Cli, home: Path, tmp_path: Path) -> None:
    for name in ("api", "web"):
        make_repository(tmp_path / "code" / name)
    cli("workspace", "start", "both", "-p", str(tmp_path / "code"))
    said = cli("workspace", "rm", "both", "--dry-run").stdout
    assert "  - keep its commits and files in hidden references (2 times)\n" in said
    assert "  - delete the branch both (2 times)\n" in said
    assert f"{home}/" not in said
    assert "~/" in said
    assert cli("workspace", "rm", "both").stdout == "removed both\n  → devdeck undo\n"
    row = cli("trash").stdout.splitlines()[1].split()
    assert row[-3:-1] == ["in", "30d"]
    assert cli("workspace", "rm", "all", "--yes").stdout == "no workspaces\n"


def test_rm_all_goes_on_past_what_it_refuses(cli: Cli, deck: Deck, repository: Path) -> None:
    """C27."""
    for label in ("a", "b", "c"):
        make_session(deck, repository, label)
    write(Path(deck.sessions.find("b").worktree), {"notes.md": "precious\n"})
    done = cli("rm", "all", "--yes", "--json", status=4)
    assert [session.label for session in deck.store.sessions()] == ["b"]
    assert '"refused"' in done.stdout
    assert "1 untracked file" in done.stderr
    assert [entry["label"] for entry in cli.json("rm", "all", "--yes", "--force")["removed"]] == ["b"]


def test_undo_and_trash(cli: Cli, deck: Deck, repository: Path) -> None:
    """C26, C35."""
    session = make_session(deck, repository, "one")
    place = Path(session.worktree)
    write(place, {"notes.md": "precious\n"})
    assert cli("trash").stdout == "the trash is empty\n"
    refused = cli.error("rm", "one", status=4)
    assert "1 untracked file" in refused["message"]
    assert "devdeck undo" in cli("rm", "one", "--force").stdout
    (entry,) = cli.json("trash")["trash"]
    assert cli.json("trash", "list") == cli.json("trash")
    assert {"id", "label", "repository", "size", "removed_at", "expires_at", "parts"} <= set(entry)
    assert cli.json("trash", "show", "one") == entry
    assert entry["parts"][0]["folder"] in cli("trash", "show", entry["id"][:10]).stdout
    listing = cli("trash").stdout.splitlines()
    assert listing[0].split() == ["LABEL", "REPOSITORY", "AGE", "SIZE", "EXPIRES", "ID"]
    assert listing[1].split()[:2] == ["one", "shop"]
    assert listing[1].split()[-3:] == ["in", "30d", entry["id"][:8]]
    plan = cli.json("undo", "--dry-run")
    assert plan["operation"]["verb"] == "remove"
    assert any("bring back" in step for step in plan["plan"])
    assert cli.json("trash", "restore", "one", "--dry-run")["plan"] == plan["plan"]
    assert not place.exists()
    undone = cli.json("undo")["undone"]
    assert (undone["verb"], undone["label"], undone["state"]) == ("remove", "one", "undone")
    assert (place / "notes.md").read_text() == "precious\n"
    assert cli.error("undo", status=3)["code"] == "not-found"
    cli("rm", "one", "--force")
    make_session(deck, repository, "one")
    assert cli.error("undo", status=1)["code"] == "exists"
    assert "--as LABEL" in cli.error("trash", "restore", "one", status=1)["hint"]
    assert cli.json("trash", "restore", "one", "--as", "two")["label"] == "two"
    assert cli.error("trash", "restore", "one", status=3)["code"] == "not-found"


def test_dropping_and_emptying(cli: Cli, deck: Deck, repository: Path) -> None:
    for label in ("one", "two", "three"):
        make_session(deck, repository, label)
        cli("rm", label)
    assert cli.json("trash", "drop", "one", "--dry-run")["dropped"][0]["label"] == "one"
    assert len(deck.trash.entries()) == 3
    cli("trash", "drop", "one")
    assert {entry.session.label for entry in deck.trash.entries()} == {"two", "three"}
    assert cli.error("trash", "empty", status=1)["code"] == "confirm"
    assert on_terminal(cli, "n\n", "trash", "empty")[0] == 1
    assert len(cli.json("trash", "empty", "--dry-run")["dropped"]) == 2
    assert len(deck.trash.entries()) == 2
    assert len(cli.json("trash", "empty", "--yes")["dropped"]) == 2
    assert deck.trash.entries() == ()
    assert hidden(repository) == ""
    assert cli.json("trash", "empty") == {"dropped": [], "dry_run": False}


def test_the_trash_keeps_what_the_configuration_says(cli: Cli, deck: Deck, repository: Path) -> None:
    deck.paths.config.mkdir(parents=True)
    (deck.paths.config / "config.toml").write_text("[trash]\nkeep_days = 0\nmax_size = 1\n")
    for label in ("one", "two"):
        make_session(deck, repository, label)
        cli("rm", label)
    (entry,) = cli.json("trash")["trash"]
    assert (entry["label"], entry["expires_at"]) == ("two", None)
