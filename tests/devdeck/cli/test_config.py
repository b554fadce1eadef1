"""config and init, as a user types them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from devdeck.cli.main import main
from tests.devdeck.cli.program import Done, Program, on_terminal
from tests.support import until

TEXT = "[init]\ninclude = '.env'\n[[init.command]]\nname = 'deps'\nrun = 'echo $DEVDECK_LABEL; exit 0'\n"


class InProcess(Program):
    """The program in this process."""

    def __init__(self, repository: Path, capture: pytest.CaptureFixture[str]) -> None:
        super().__init__(repository)
        self._capture = capture

    def __call__(self, *arguments: str, status: int = 0) -> Done:
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        done = Done(*self._capture.readouterr())
        assert ended.value.code == status, (arguments, ended.value.code, *done)
        return done


@pytest.fixture
def cli(
    tmux: TmuxServer, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> InProcess:
    monkeypatch.chdir(repository)
    monkeypatch.setattr("devdeck.cli.asking.is_terminal", lambda: False)
    (repository / ".env").write_text("KEY=1")
    (repository / ".devdeck.toml").write_text(TEXT)
    return InProcess(repository, capsys)


def test_show_says_values_sources_and_trust(cli: InProcess, home: Path) -> None:
    """C35."""
    (home / ".config" / "devdeck").mkdir(parents=True)
    (home / ".config" / "devdeck" / "config.toml").write_text("[trash]\nkeep_days = 3\n")
    shown = cli.json("config", "show")
    settings = {each["name"]: (each["value"], each["source"]) for each in shown["settings"]}
    assert settings["trash.keep_days"] == (3.0, f"{home}/.config/devdeck/config.toml:2")
    assert settings["start.offline"] == (False, "default")
    assert shown["repository"] == {
        "path": str(cli.repository),
        "file": f"{cli.repository}/.devdeck.toml",
        "trusted": False,
        "include": ["copy .env"],
        "commands": ["deps: echo $DEVDECK_LABEL; exit 0"],
        "teardown": [],
        "warnings": [],
    }
    text = cli("config").stdout
    assert "trash.keep_days" in text
    assert "not trusted" in text


def test_paths_and_schemas(cli: InProcess, home: Path) -> None:
    found = cli.json("config", "path")
    assert found["user"] == f"{home}/.config/devdeck/config.toml"
    assert found["repository"] == f"{cli.repository}/.devdeck.toml"
    assert "Include" in json.loads(cli("config", "schema").stdout)["$defs"]
    assert "TrashSettings" in cli.json("config", "schema", "user")["$defs"]


def test_check_names_the_place_and_exits_with_2(cli: InProcess, home: Path) -> None:
    assert cli.json("config", "check") == {"files": [f"{cli.repository}/.devdeck.toml"], "warnings": []}
    (cli.repository / ".devdeck.toml").write_text("[init]\ninclude = 3\n")
    error = cli.error("config", "check", status=2)
    assert error["code"] == "config"
    assert error["message"] == (
        f"{cli.repository}/.devdeck.toml:2:11: found the number 3, expected a list or text for init.include"
    )
    assert cli.error("start", "one", status=2)["code"] == "config"
    assert cli.json("ls")["sessions"] == []
    (cli.repository / ".devdeck.toml").write_text("[init]\ninclude = '*.nothing'\n")
    assert "matches nothing" in cli.json("config", "check")["warnings"][0]
    (home / ".config" / "devdeck").mkdir(parents=True)
    (home / ".config" / "devdeck" / "config.toml").write_text("x\n")
    assert "config.toml:1:2: no TOML" in cli.error("config", "check", status=2)["message"]


def test_trust_asks_and_distrust_forgets(cli: InProcess) -> None:
    assert cli.error("config", "trust", status=4)["code"] == "confirm"
    assert cli.json("config", "trust", "--dry-run")["trusted"] is False
    assert cli.json("config", "trust", "--yes")["trusted"] is True
    assert cli.json("config", "show")["repository"]["trusted"] is True
    assert cli.json("config", "distrust", "--dry-run")["forgotten"] == 0
    assert cli.json("config", "distrust")["forgotten"] == 1
    assert cli.json("config", "show")["repository"]["trusted"] is False


def test_init_needs_trust_then_sets_up(cli: InProcess) -> None:
    """P13, W32, C35."""
    cli("start", "one")
    worktree = Path(cli.json("ls")["sessions"][0]["worktree"])
    assert not (worktree / ".env").exists()
    error = cli.error("init", "one", status=4)
    assert error["code"] == "untrusted"
    assert "--trust" in error["hint"]
    plan = cli.json("init", "one", "--trust", "--dry-run")["plan"]
    assert plan == [
        f"trust {cli.repository}/.devdeck.toml as it is now",
        f"copy .env from {cli.repository}",
        f"run deps: echo $DEVDECK_LABEL; exit 0 in {worktree}",
    ]
    assert not (worktree / ".env").exists()
    assert cli.error("init", "one", status=4)["code"] == "untrusted"
    done = cli.json("init", "one", "--trust", "--wait")
    assert [(job["title"], job["kind"], job["exit_status"]) for job in done["jobs"]] == [("deps", "init", 0)]
    assert Path(done["jobs"][0]["log"]).read_text().strip() == "one"
    assert (worktree / ".env").read_text() == "KEY=1"
    assert cli.error("init", "nobody", status=3)["code"] == "not-found"


def test_init_that_fails_exits_with_1(cli: InProcess) -> None:
    (cli.repository / ".devdeck.toml").write_text("[init]\ncommand = ['echo oh no; false', 'true']\n")
    cli("config", "trust", "--yes")
    cli("start", "one")
    until(lambda: not any(job["state"] in ("starting", "running") for job in cli.json("jobs")["jobs"]))
    done = cli("init", "one", "--wait", status=1)
    assert "oh no" in done.stdout
    assert "exit 1" in done.stdout
    assert "skipped (not run: echo oh no; false failed)" in done.stdout


def test_on_a_terminal_trust_is_asked_for_with_all_that_would_run(cli: InProcess) -> None:
    hidden = "echo \x1b[2K harmless" + " " * 300 + "; touch hidden"
    (cli.repository / ".par.yaml").write_text(
        json.dumps({"initialization": {"commands": [hidden, "first line\nsecond \x1b]0;x\x07line"]}})
    )
    (cli.repository / ".devdeck.toml").unlink()
    cli("start", "one")
    status, shown = on_terminal(cli, "n\n", "init", "one")
    assert status == 4
    assert "; touch hidden" in shown.replace("\r\n", "").replace("\n", "")
    assert "\\x1b[2K harmless" in shown
    assert "\x1b[2K" not in shown
    assert "\x1b]0;" not in shown
    assert "      first line" in shown
    assert "      second \\x1b]0;x\\x07line" in shown
    (cli.repository / ".par.yaml").write_text("initialization: {commands: ['true']}")
    status, shown = on_terminal(cli, "y\n", "init", "one", "--wait")
    assert status == 0, shown
    assert cli.json("config", "show")["repository"]["trusted"] is True


def test_init_in_the_pane(cli: InProcess) -> None:
    """P13."""
    (cli.repository / ".devdeck.toml").write_text("[init]\ncommand = 'touch typed'\n")
    cli("start", "one")
    worktree = Path(cli.json("ls")["sessions"][0]["worktree"])

    def typed() -> bool:
        with contextlib.suppress(SystemExit):  # refused until the shell in the pane has started
            main(["init", "one", "--trust", "--in-pane"])
        return (worktree / "typed").exists()

    until(typed, timeout=60, every=0.2)
    assert cli.json("jobs")["jobs"] == []


def test_start_asks_before_anything_of_the_repository_happens(cli: InProcess) -> None:
    """C19, P13."""
    status, shown = on_terminal(cli, "n\n", "start", "one")
    assert status == 0, shown
    assert "echo $DEVDECK_LABEL" in shown
    assert "is not trusted" in shown
    (one,) = cli.json("ls")["sessions"]
    assert not (Path(one["worktree"]) / ".env").exists()
    status, shown = on_terminal(cli, "y\n", "start", "two")
    assert status == 0, shown
    assert "is not trusted" not in shown
    two = next(each for each in cli.json("ls")["sessions"] if each["label"] == "two")
    assert (Path(two["worktree"]) / ".env").read_text() == "KEY=1"
    until(lambda: any(job["verdict"] == "exit 0" for job in cli.json("jobs", "two")["jobs"]))
    cli("start", "three")  # trusted now: nobody is asked
    three = next(each for each in cli.json("ls")["sessions"] if each["label"] == "three")
    assert (Path(three["worktree"]) / ".env").exists()
    (cli.repository / ".devdeck.toml").write_text(TEXT + "# another byte\n")
    assert "is not trusted" in cli("start", "four").stderr


def test_start_types_into_the_pane_when_told_to(cli: InProcess, tmux: TmuxServer) -> None:
    (cli.repository / ".devdeck.toml").write_text("[init]\ncommand = 'echo typed into $DEVDECK_LABEL'\n")
    cli("start", "one", "--trust", "--in-pane")
    assert cli.json("jobs", "one")["jobs"] == []
    (terminal,) = tmux.terminals()
    until(lambda: "typed into one" in tmux.capture(terminal.panes[0].id, escapes=False))
