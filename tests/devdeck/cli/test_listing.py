"""ls: what a row and an entry say of a session whose set-up failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from devdeck.deck import Deck
from devdeck.looking import look
from tests.devdeck.cli.program import Cli
from tests.devdeck.removal.removal_support import make_session
from tests.git_support import make_repository

FAILING = '[init]\ncommand = "exit 3"\n'


@pytest.fixture
def cli(tmux: TmuxServer, repository: Path) -> Cli:
    (repository / ".devdeck.toml").write_text(FAILING)
    return Cli(repository)


def test_a_set_up_that_failed_is_marked(cli: Cli, repository: Path) -> None:
    cli("config", "trust", "--yes")
    cli("start", "one")
    cli("init", "one", "--wait", status=1)
    (row,) = (line for line in cli("ls").stdout.splitlines() if line.startswith("one "))
    assert "✗ setup" in row
    (entry,) = cli.json("ls")["sessions"]
    assert entry["setup"] == {"state": "failed"}
    assert cli.json("status", "one")["session"]["setup"]["state"] == "failed"
    (repository / ".devdeck.toml").write_text('[init]\ncommand = "true"\n')
    cli("config", "trust", "--yes")
    cli("init", "one", "--wait")
    assert "✗" not in cli("ls", "--no-git").stdout
    assert cli.json("ls", "--no-git")["sessions"][0]["setup"] == {"state": "done"}


def test_a_workspace_is_set_up_as_one(cli: Cli, tmp_path: Path) -> None:
    """Its commands are one sequence, whichever repository they are of."""
    api = make_repository(tmp_path / "src" / "api")
    cli("config", "trust", "--yes")
    cli("workspace", "start", "ws", "-p", str(api.parent))
    cli("init", "ws", "--wait", status=1)
    rows = {line.split()[0]: line for line in cli("ls").stdout.splitlines()}
    assert "✗ setup" in rows["ws"]
    assert "setup" not in rows["ws:shop"] + rows["ws:api"]
    (entry,) = cli.json("ls")["sessions"]
    assert entry["setup"] == {"state": "failed"}
    assert [member["setup"] for member in entry["members"]] == [{"state": None}, {"state": None}]
    assert cli.json("status", "ws")["session"]["setup"]["jobs"][0]["title"].startswith("shop: ")


def test_set_ups_are_read_at_once(deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    rows = deck.store._rows

    def counted(sql: str, *arguments: object) -> object:
        asked.append(sql)
        return rows(sql, *arguments)

    def questions() -> int:
        asked.clear()
        look(deck, git=False)
        return len([sql for sql in asked if "FROM jobs" in sql])

    make_session(deck, repository, "one")
    monkeypatch.setattr(deck.store, "_rows", counted)
    few = questions()
    for label in ("two", "three", "four"):
        make_session(deck, repository, label)
    assert questions() == few
