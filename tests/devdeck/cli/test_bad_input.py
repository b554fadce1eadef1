"""What verbs say of input that they can't use: what, where and what to do, with the exit status of the contract."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from devdeck.cli import output
from devdeck.deck import Deck
from tests.devdeck.cli.program import Cli, on_terminal
from tests.devdeck.cli.test_manual import commands
from tests.devdeck.removal.removal_support import make_session
from tests.git_support import make_repository


@pytest.fixture
def cli(deck: Deck, repository: Path) -> Cli:
    make_session(deck, repository, "one")
    return Cli(repository)


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        ("start two -p ''", 2, "it is empty"),
        ("checkout main -p ' '", 2, "it is empty"),
        ("workspace start two -p ''", 2, "it is empty"),
        ("workspace start two --editor ''", 2, "it is empty"),
        ("workspace edit one --editor ''", 2, "it is empty"),
        ("config check -p ''", 2, "it is empty"),
        ("adopt ''", 2, "it is empty"),
        ("import par --from ''", 2, "it is empty"),
        ("start ''", 2, "a label can't be empty"),
        ("rename one ''", 2, "a label can't be empty"),
        ("checkout ''", 2, "nothing to check out"),
        ("open ''", 3, "no session ''"),
        ("jobs ''", 3, "no session ''"),
        ("stop ''", 3, "no session or job ''"),
        ("rm ''", 3, "no session ''"),
        ("trash show ''", 3, "nothing in the trash is called ''"),
        ("run one --dry-run true", 2, "a command can't begin with '--dry-run'"),
        ("run one -- -x", 2, "a command can't begin with '-x'"),
        ("restore", 2, "which terminals?"),
        ("restore one --all", 2, "either LABEL or --all"),
        ("control-center --dry-run", 2, "the dashboard has no --dry-run and no --json"),
        ("config show -p nowhere", 3, "no folder nowhere"),
        ("config check -p nowhere", 3, "no folder nowhere"),
        ("config path -p nowhere", 3, "no folder nowhere"),
        ("start two -p README.md", 3, "no folder README.md"),
    ],
)
def test_bad_input_is_told_and_does_nothing(cli: Cli, line: str, status: int, words: str) -> None:
    """C35."""
    error = cli.error(*_split(line), status=status)
    assert words in error["message"]
    assert error["hint"]
    assert [session["label"] for session in cli.json("ls", "--no-git")["sessions"]] == ["one"]
    assert cli.json("jobs") == {"jobs": []}


def _split(line: str) -> list[str]:
    """The words, with `--json` before what is not devdeck's own."""
    words = shlex.split(line)
    return [words[0], "--json", *words[1:]] if words[0] == "run" else words


def test_groups_do_something_without_a_verb(cli: Cli, tmp_path: Path) -> None:
    """The list, or what is shown: nobody is sent away with a page of help."""
    assert cli("workspace").stdout == cli("workspace", "ls").stdout
    assert cli.json("workspace") == {"sessions": []}
    assert cli.json("config") == cli.json("config", "show")
    assert cli.json("trash") == {"trash": []}
    groups = [path for path, command in commands() if path and hasattr(command, "list_commands")]
    assert set(groups) == {"workspace", "config", "trash"}


def test_outside_of_a_repository_config_says_so(cli: Cli, tmp_path: Path) -> None:
    place = str(tmp_path)
    assert f"{place} is in no git repository" in cli("config", "show", "-p", place).stdout
    assert cli("config", "check", "-p", place).stdout.startswith(f"{place} is in no git repository\n")
    assert cli.json("config", "show", "-p", place)["repository"] is None


def test_jobs_that_run_are_found_behind_many_that_ended(cli: Cli, deck: Deck) -> None:
    session = deck.sessions.find("one")
    running = deck.work.run(session, ["sleep", "600"])
    done = deck.work.run(session, ["true"])
    assert [job["id"] for job in cli.json("jobs", "-n", "1")["jobs"]] == [done.id]
    assert [job["id"] for job in cli.json("jobs", "--running", "-n", "1")["jobs"]] == [running.id]
    deck.work.stop(running)


def test_a_broken_configuration_says_where_and_what_to_do(cli: Cli, home: Path, repository: Path) -> None:
    (repository / ".devdeck.toml").write_text("[init\n")
    error = cli.error("start", "two", status=2)
    assert error["message"].startswith(f"{repository}/.devdeck.toml:1:")
    assert "devdeck config schema" in error["hint"]
    settings = home / ".config" / "devdeck" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[trash]\nkeep_days = 'x'\n")
    error = cli.error("trash", status=2)
    assert error["message"] == f"{settings}:2:13: found the text 'x', expected a number for trash.keep_days"
    assert "devdeck config schema user" in error["hint"]
    report = cli.json("doctor", status=1)["findings"]
    found = {finding["name"]: finding for finding in report}
    assert (found["settings"]["state"], found["set-up"]["state"]) == ("fail", "warn")
    assert found["settings"]["evidence"] == error["message"]
    assert str(repository) in found["set-up"]["fix"]


@pytest.mark.parametrize("name", ["shop", "my shop"])
def test_the_advice_about_trust_works_as_it_is_printed(deck: Deck, home: Path, name: str) -> None:
    """The command is cut out of what a person sees, and typed in another folder."""
    repository = make_repository(home / "src" / name)
    (repository / ".devdeck.toml").write_text('[init]\ncommand = "true"\n')
    cli = Cli(repository)
    planned = cli("start", "two", "--dry-run").stdout
    assert "would be done until `devdeck config trust" in " ".join(planned.split())
    assert "init" not in planned.partition("!")[2]
    warned = cli("start", "two").stderr
    advice = warned.split("`")[1::2]
    assert [shlex.split(command)[1] for command in advice] == ["config", "init"]
    assert planned.split("`")[1] == advice[0]
    cli.repository = home
    trusting, setting_up = (_typed(command, home) for command in advice)
    assert on_terminal(cli, "y\n", *trusting)[0] == 0
    cli(*setting_up, "--wait")
    assert "trusted already" in cli(*trusting).stdout


def _typed(command: str, home: Path) -> list[str]:
    """The arguments that a shell makes of a command: a bare `~` is the home folder, a quoted one is not."""
    assert "'~" not in command
    words = shlex.split(command)
    return [word.replace("~/", f"{home}/", 1) if word.startswith("~/") else word for word in words][1:]


def test_quoted_paths_of_commands_keep_their_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert output.from_home("in '/home/ada/my shop' and /home/ada/x") == "in '~/my shop' and ~/x"
    assert output.from_home("do `ls '/home/ada/my shop'` in /home/ada") == "do `ls '/home/ada/my shop'` in ~"
    assert output.from_home("do `ls -p /home/ada/x`") == "do `ls -p ~/x`"
