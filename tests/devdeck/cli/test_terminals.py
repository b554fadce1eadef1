"""send, open, restore and control-center as scripts see them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devdeck.cli.main import main
from devdeck.deck import Deck
from tests.devdeck.cli.program import Cli
from tests.devdeck.terminal.terminal_support import (
    at_prompt,
    made,
    made_workspace,
    shown,
    started_in_pane,
    terminal_of,
    time_is_over_when_printed,
)
from tests.git_support import make_repository
from tests.support import until
from tests.tmux_support import kill_server, tmux


@pytest.fixture
def cli(deck: Deck, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return Cli(repository)


def ready(deck: Deck, repository: Path, *labels: str) -> list[str]:
    """Sessions at their prompts; gives back their panes."""
    panes = []
    for label in labels:
        panes.append(terminal_of(deck, made(deck, repository, label)).panes[0].id)
    for pane in panes:
        at_prompt(deck, pane)
    return panes


@pytest.mark.parametrize(
    "text", [["echo", "a;"], ["Enter"], ["--", "-x"], ["printf '%s' 'é $HOME'"], ["ls", "-h", "-la"]]
)
def test_send_takes_text_in_all_its_forms(cli: Cli, deck: Deck, repository: Path, text: list[str]) -> None:
    """C25."""
    (pane,) = ready(deck, repository, "one")
    assert cli("send", "one", *text).stdout == "sent to one\n"
    until(lambda: " ".join(text).removeprefix("-- ") in shown(deck, pane))


def test_send_to_several_and_to_all(cli: Cli, deck: Deck, repository: Path, tmp_path: Path) -> None:
    """C25."""
    panes = ready(deck, repository, "one", "two", "three", "a,b")
    made_workspace(deck, "ws", make_repository(tmp_path / "src" / "api"), terminal=False)
    report = cli.json("send", "one,two", "true")["targets"]
    assert report == [
        {
            "label": label,
            "sent": True,
            "confirmed": True,
            "exit_status": None,
            "output": None,
            "error": None,
            "code": None,
            "hint": None,
        }
        for label in ("one", "two")
    ]
    assert [each["label"] for each in cli.json("send", "a,b", "true")["targets"]] == ["a,b"]
    assert [each["label"] for each in cli.json("send", "one,one", "true")["targets"]] == ["one"]
    cli.error("send", "one,,two", "true", status=2)
    assert cli.error("send", "one,nobody", "echo not-typed", status=3)["code"] == "not-found"
    assert "not-typed" not in shown(deck, panes[0])
    deck.store.forget_session(deck.sessions.find("ws").id)
    started_in_pane(deck, panes[1], tmp_path, "cat")
    done = cli("send", "ALL", "echo", "to-all", status=1)
    assert sorted(done.stdout.splitlines()) == [
        "not sent to two: 'two' is not at a shell: cat runs there",
        "sent to a,b",
        "sent to one",
        "sent to three",
    ]
    assert "not sent to two" in done.stderr
    assert "to-all" not in shown(deck, panes[1])


def test_all_is_what_the_deck_made_and_no_member(cli: Cli, deck: Deck, repository: Path, tmp_path: Path) -> None:
    made(deck, repository, "one")
    made_workspace(deck, "ws", *(make_repository(tmp_path / "src" / name) for name in ("api", "web")))
    deck.terminals.tmux.new_session(name="mine", cwd=repository, devdeck_id="")
    assert {session.label for session in deck.sessions.all()} == {"one", "ws", "ws:api", "ws:web", "shop"}
    planned = cli.json("send", "all", "--dry-run", "true")
    assert planned["dry_run"] is True
    assert sorted(each["label"] for each in planned["targets"]) == ["one", "ws"]
    assert cli("send", "--dry-run", "ws:api,one", "true").stdout == "would send to ws:api\nwould send to one\n"


def test_a_refusal_is_status_4_and_can_be_forced(cli: Cli, deck: Deck, repository: Path, tmp_path: Path) -> None:
    """C25."""
    panes = ready(deck, repository, "one", "two")
    for pane in panes:
        started_in_pane(deck, pane, tmp_path, "cat")
    error = cli.error("send", "one", "ls", status=4)
    assert (error["code"], "--force" in error["hint"]) == ("refused", True)
    cli("send", "one,two", "ls", status=4)
    assert cli.json("send", "--force", "one", "typed")["targets"][0]["confirmed"] is True
    until(lambda: "typed" in shown(deck, panes[0]))


def test_sent_and_not_taken_is_told_apart(cli: Cli, deck: Deck, repository: Path, tmp_path: Path) -> None:
    (pane,) = ready(deck, repository, "one")
    started_in_pane(deck, pane, tmp_path, "exec sleep 1000")
    assert "not confirmed" in cli("send", "--force", "one", "x").stdout


def test_wait_gives_status_and_output(cli: Cli, deck: Deck, repository: Path) -> None:
    ready(deck, repository, "one", "two")
    assert cli("send", "one", "echo hello", "--wait").stdout == "hello\n"
    done = cli("send", "--wait", "30", "one", "echo before; false", status=1)
    assert (done.stdout, "exit 1 in one" in done.stderr) == ("before\n", True)
    (entry,) = cli.json("send", "one", "--wait=30", "echo x; (exit 3)", status=1)["targets"]
    assert (entry["exit_status"], entry["output"], entry["sent"]) == (3, "x\n", True)
    done = cli("send", "one,two", "--wait", "echo $DEVDECK_LABEL")
    assert done.stdout == "── one: exit 0\none\n── two: exit 0\ntwo\n"


def test_wait_ends_before_the_command(
    cli: Cli, deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ready(deck, repository, "one")
    with monkeypatch.context() as patch:
        time_is_over_when_printed(patch, b"begun\r\n")
        with pytest.raises(SystemExit) as ended:
            main(["send", "one", "--wait=1", "echo begun; sleep 1000"])
    done = capsys.readouterr()
    assert (ended.value.code, done.out) == (1, "begun\n")
    assert "still running after 1 s" in done.err
    assert cli.error("send", "one", "--wait", "ls", status=4)["code"] == "refused"


def test_what_comes_after_two_dashes_is_the_command(cli: Cli, deck: Deck, repository: Path) -> None:
    (pane,) = ready(deck, repository, "one")
    cli("send", "one", "--", "echo", "--wait", "--json", "--force")
    until(lambda: "--wait --json --force" in shown(deck, pane).splitlines())


def test_an_interrupt_leaves_the_command_going(cli: Cli, deck: Deck, repository: Path, tmp_path: Path) -> None:
    (pane,) = ready(deck, repository, "one")
    mark, go = tmp_path / "mark", tmp_path / "go"
    command = f"touch {mark}; until [ -e {go} ]; do sleep 0.01; done; echo finished"
    process = subprocess.Popen(
        [sys.executable, "-m", "devdeck", "send", "one", "--wait", command],
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until(mark.exists)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    go.touch()
    until(lambda: "finished" in shown(deck, pane).splitlines())


def test_open_without_a_terminal(cli: Cli, deck: Deck, repository: Path) -> None:
    """C23, C24."""
    for label in ("one", "two"):
        made(deck, repository, label)
    assert cli.json("open", "one", "--dry-run") == {"session": "one", "plan": ["attach to its tmux session"]}
    assert deck.store.visited() == ()
    cli("open", "one", status=1)
    answer = cli.json("o", "two")
    assert (answer["session"], answer["switched"], answer["notes"]) == ("two", False, [])
    assert [cli.json("open", "-")["session"] for _ in range(3)] == ["one", "two", "one"]
    assert cli.json("open")["session"] == "one"
    deck.store.forget_session(deck.sessions.find("two").id)
    shutil.rmtree(deck.sessions.find("one").worktree)
    kill_server(deck.terminals.tmux)
    error = cli.error("open", "one", status=3)
    assert error["code"] == "worktree-gone"
    assert "devdeck rm one" in error["hint"]


def test_open_in_a_worktree_means_its_session(deck: Deck, repository: Path, tmp_path: Path) -> None:
    made(deck, repository, "one")
    workspace = made_workspace(deck, "ws", *(make_repository(tmp_path / "src" / name) for name in ("api", "web")))
    inside = Path(workspace.members[1].worktree) / "deep"
    inside.mkdir()
    assert Cli(inside).json("open")["session"] == "ws:web"
    assert Cli(Path(workspace.worktree)).json("open")["session"] == "ws"


def test_restore_one_several_and_all(cli: Cli, deck: Deck, repository: Path) -> None:
    sessions = [made(deck, repository, label) for label in ("one", "two", "three")]
    tmux(deck.terminals.tmux, "split-window", "-t", terminal_of(deck, sessions[0]).panes[0].id)
    for session in sessions:
        deck.terminals.ensure(session)
    kill_server(deck.terminals.tmux)
    cli.error("restore", status=2)
    cli.error("restore", "--all", "one", status=2)
    plans = cli.json("restore", "--all", "--dry-run")["plans"]
    assert {plan["label"]: plan["step"] for plan in plans} == {
        "one": "start its tmux session with 1 window, 2 panes",
        "two": "start its tmux session with 1 window, 1 pane",
        "three": "start its tmux session with 1 window, 1 pane",
    }
    assert deck.terminals.all() == ()
    assert cli("restore", "one").stdout == "restored one\n"
    assert len(terminal_of(deck, sessions[0]).panes) == 2
    shutil.rmtree(sessions[2].worktree)
    done = cli("restore", "--all", status=1)
    assert "not restored: three" in done.stderr
    assert {line.split(":")[0] for line in done.stdout.splitlines()} == {
        "alive already",
        "restored two",
        "not restored",
    }
    assert cli.error("restore", "three", "--dry-run", "--nonsense", status=2)["code"] == "usage"


def test_control_center_as_data(cli: Cli, deck: Deck, repository: Path) -> None:
    """C31."""
    assert cli.json("control-center", "--tmux")["session"] is None
    assert cli("control-center", "--tmux").stdout == "no sessions\n"
    made(deck, repository, "one")
    assert cli.json("control-center", "--tmux", "--dry-run") == {"windows": [{"label": "one", "name": "one"}]}
    assert tmux(deck.terminals.tmux, "list-sessions", "-F", "#{session_name}").split() == ["shop-one"]
    answer = cli.json("control-center", "--tmux")
    assert [(each["label"], each["name"], each["added"]) for each in answer["windows"]] == [("one", "one", True)]
    assert answer["attach"][-1] == answer["session"]
    assert [each["label"] for each in cli.json("ls")["sessions"]] == ["one"]
    assert "needs a terminal" in cli("control-center", status=2).stderr
    cli.error("control-center", "--tmux", "--read-only", status=2)
    cli.error("control-center", status=2)


def test_without_tmux_the_status_is_5(cli: Cli, deck: Deck, repository: Path, tmp_path: Path) -> None:
    """C37."""
    made(deck, repository, "one")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "git").symlink_to(shutil.which("git") or "")
    for arguments in (["send", "one", "ls"], ["open", "one"], ["restore", "one"], ["control-center", "--tmux"]):
        done = subprocess.run(
            [sys.executable, "-m", "devdeck", *arguments],
            cwd=repository,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PATH": str(tools)},
        )
        assert (done.returncode, "tmux is not installed" in done.stderr) == (5, True), (arguments, done.stderr)
