"""The contract for scripts: one JSON document, errors on stderr, exit statuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backends.tmux.server import TmuxServer
from devdeck.cli.main import _run
from tests.devdeck.cli.program import Cli
from tests.git_support import commit, make_repository
from tests.support import until

PASSING = "def test_one():\n    pass\n\n\ndef test_two():\n    assert True\n"
FAILING = "def test_good():\n    pass\n\n\ndef test_bad():\n    value = 41\n    assert value == 42\n"


@pytest.fixture
def cli(tmux: TmuxServer, repository: Path) -> Cli:
    commit(
        repository,
        {"tests/test_it.py": PASSING, "pytest.ini": "[pytest]\n", ".gitignore": "__pycache__/\n.pytest_cache/\n"},
        "tests",
    )
    return Cli(repository)


def test_ls_says_what_the_contract_promises(cli: Cli) -> None:
    assert cli.json("ls") == {"sessions": []}
    cli("start", "one")
    (entry,) = cli.json("ls")["sessions"]
    promised = {
        "label",
        "kind",
        "repository",
        "repository_path",
        "worktree",
        "branch",
        "backend",
        "terminal",
        "git",
        "jobs",
        "tests",
        "created_at",
    }
    assert promised <= set(entry)
    assert set(entry["terminal"]) >= {"id", "name", "alive"}
    assert set(entry["git"]) >= {"dirty", "staged", "unstaged", "untracked", "conflicts", "ahead", "behind", "upstream"}
    assert (entry["label"], entry["kind"], entry["branch"], entry["backend"]) == ("one", "session", "one", "local")
    assert entry["terminal"]["alive"] is True
    assert entry["git"]["dirty"] is False
    assert entry["git"]["ahead"] is None
    assert entry["tests"] == {"state": None, "passed": None, "failed": None, "at": None}
    assert entry["created_at"][-6] in "+-"
    Path(entry["worktree"], "new.txt").write_text("x")
    assert cli.json("ls")["sessions"][0]["git"]["untracked"] == 1


def test_exit_statuses(cli: Cli) -> None:
    assert cli.error("start", "all", status=2)["code"] == "usage"
    assert cli.error("nonsense", status=2)["code"] == "usage"
    assert cli.error("open", "nobody", status=3)["code"] == "not-found"
    cli("start", "one")
    assert cli.error("start", "one", status=1)["code"] == "exists"
    worktree = Path(cli.json("ls")["sessions"][0]["worktree"])
    (worktree / "a.py").write_text("changed\n")
    refused = cli.error("rm", "one", status=4)
    assert refused["code"] == "refused"
    assert "--force" in refused["hint"]
    assert worktree.is_dir()
    removed = cli.json("rm", "one", "--force")["removed"]
    assert "refs/devdeck/trash/" in removed[0]["undo"]
    assert cli.json("ls") == {"sessions": []}


def test_without_tmux_the_status_is_5(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "git").symlink_to("/usr/bin/git")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tools))
        assert cli.error("start", "one", status=5)["code"] == "missing"
    assert cli.json("ls") == {"sessions": []}


def test_a_dry_run_changes_nothing(cli: Cli) -> None:
    plan = cli.json("start", "one", "--dry-run")
    assert any("branch one" in step for step in plan["plan"])
    assert cli.json("ls") == {"sessions": []}
    cli("start", "one")
    assert cli.json("rm", "one", "--dry-run")["plans"][0]["risks"] == []
    cli("send", "--dry-run", "one", "echo")
    assert "pytest" in " ".join(cli.json("test", "one", "--dry-run")["argv"])
    assert len(cli.json("ls")["sessions"]) == 1
    assert cli.json("jobs") == {"jobs": []}


def test_run_returns_at_once_and_keeps_everything(cli: Cli) -> None:
    cli("start", "one")
    cli("run", "one", "--", "sh", "-c", "printf 'a\\033[31mred\\033[0m\\n'; echo $1; exit 3", "x", "--json")

    def ended() -> Any:
        (job,) = cli.json("jobs", "one")["jobs"]
        return job if job["state"] == "ended" else None

    job = until(ended)
    assert (job["exit_status"], job["signal"], job["session"], job["kind"]) == (3, None, "one", "run")
    assert job["argv"][-1] == "--json"
    assert cli("logs", "one").stdout == "ared\n--json\n"
    assert cli.json("logs", job["id"])["lines"] == ["ared", "--json"]
    assert cli("logs", "one", "-n", "1").stdout == "--json\n"
    assert b"\x1b[31m" in Path(job["log"]).read_bytes()


def test_run_can_wait_for_the_end(cli: Cli) -> None:
    cli("start", "one")
    assert cli("run", "--wait", "one", "--", "echo", "hello").stdout == "hello\n"
    cli("run", "--wait", "one", "--", "false", status=1)


def test_logs_follow_until_the_end(cli: Cli) -> None:
    cli("start", "one")
    cli("run", "one", "--", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done; printf end")
    assert cli("logs", "one", "-f").stdout == "1\n2\n3\nend\n"


def test_stop_ends_the_whole_group(cli: Cli) -> None:
    cli("start", "one")
    cli("run", "one", "--", "sh", "-c", "sleep 1000 & echo $!; wait")
    pid = int(until(lambda: cli("logs", "one").stdout.strip()))
    (job,) = cli.json("stop", "one")["jobs"]
    assert job["stopped"] is True
    assert job["verdict"] == "stopped"
    assert not Path(f"/proc/{pid}/exe").exists()
    assert cli.error("stop", "one", status=3)["code"] == "not-found"


def test_tests_that_pass(cli: Cli) -> None:
    cli("start", "one")
    report = cli.json("test", "one")
    assert (report["run"]["state"], report["run"]["passed"], report["run"]["failed"]) == ("passed", 2, 0)
    assert report["run"]["environment"]
    assert [result["outcome"] for result in report["results"]] == ["passed", "passed"]
    tests = cli.json("ls")["sessions"][0]["tests"]
    assert (tests["state"], tests["passed"], tests["failed"]) == ("passed", 2, 0)


def test_tests_that_fail_say_where(cli: Cli, repository: Path) -> None:
    commit(repository, {"tests/test_it.py": FAILING}, "broken")
    cli("start", "one")
    report = cli.json("test", "one", status=1)
    assert report["run"]["state"] == "failed"
    bad = next(result for result in report["results"] if result["outcome"] == "failed")
    assert (bad["path"], bad["line"]) == ("tests/test_it.py", 7)
    assert "41 == 42" in bad["message"]
    assert bad["frames"][-1]["line"] == 7
    shown = cli("test", "one", "tests/test_it.py::test_bad", status=1).stdout
    assert "✗ FAILED  tests/test_it.py::test_bad  tests/test_it.py:7" in shown
    assert "test_good" not in shown


def test_no_tests_is_not_green(cli: Cli, repository: Path) -> None:
    commit(repository, {"tests/test_it.py": "\n"}, "empty")
    cli("start", "one")
    assert cli.json("test", "one", status=1)["run"]["state"] == "no-tests"


def test_interrupting_test_leaves_the_run_going(cli: Cli, repository: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    waiting = f"def test_long():\n    while not pathlib.Path({str(gate)!r}).exists():\n        time.sleep(0.02)\n"
    commit(repository, {"tests/test_it.py": f"import pathlib, time\n\n\n{waiting}"}, "slow")
    cli("start", "one")
    process = subprocess.Popen(
        [sys.executable, "-m", "devdeck", "test", "one"], cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until(lambda: [job for job in cli.json("jobs")["jobs"] if job["state"] == "running"])
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    gate.touch()
    until(lambda: cli.json("ls")["sessions"][0]["tests"]["state"] == "passed", timeout=40)


def test_send_types_literally(cli: Cli, tmp_path: Path) -> None:
    cli("start", "one")
    target = tmp_path / "sent.txt"
    cli("send", "one", f"printf '%s' 'Enter; $HOME' > {target};")
    until(lambda: target.exists() and target.read_text() == "Enter; $HOME")
    assert cli.error("send", "nobody", "ls", status=3)["code"] == "not-found"
    report = cli.json("send", "all", "true")
    assert [(each["label"], each["sent"], each["error"]) for each in report["targets"]] == [("one", True, None)]


def test_open_needs_a_terminal_but_records_the_visit(cli: Cli) -> None:
    cli("start", "one")
    cli("start", "two")
    cli("open", "one", status=1)
    answer = cli.json("open", "two")
    assert answer["switched"] is False
    assert "attach-session" in answer["attach"]
    assert cli.json("open", "-")["session"] == "one"


def test_rm_all_asks(cli: Cli) -> None:
    cli("start", "one")
    cli("start", "two")
    assert cli.error("rm", "all", status=1)["code"] == "confirm"
    assert len(cli.json("ls")["sessions"]) == 2
    cli("rm", "all", "--yes")
    assert cli.json("ls") == {"sessions": []}


def test_doctor_reports_findings_as_data(cli: Cli, patient: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    states = {found["name"]: found["state"] for found in report["findings"]}
    assert states["git"] == states["tmux"] == states["store"] == "ok"
    assert set(states.values()) <= {"ok", "warn"}


def test_the_dashboard_needs_a_terminal(cli: Cli) -> None:
    assert "needs a terminal" in cli(status=2).stderr


def test_version_and_help_load_no_heavy_module(cli: Cli) -> None:
    script = (
        "import sys\nfrom devdeck.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'textual', 'git', 'libtmux', 'docker', 'watchfiles', 'psutil'} & set(sys.modules)), file=sys.stderr)"
    )
    for arguments in (["--version"], ["--help"], ["ls"], ["ls", "--json"], ["jobs"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], cwd=cli.repository, capture_output=True, text=True, timeout=60
        )
        assert done.stderr == "[]\n", arguments


def test_ls_is_the_same_with_and_without_click(cli: Cli) -> None:
    cli("start", "one")
    script = (
        "import sys\nfrom devdeck.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print({'click', 'devdeck.runs', 'concurrent.futures'} & set(sys.modules), file=sys.stderr)\n"
        "import typing_extensions"
    )
    for arguments in (["ls", "--no-git"], ["list", "--json", "--no-git"]):
        quick = subprocess.run(
            [sys.executable, "-c", script, *arguments], cwd=cli.repository, capture_output=True, text=True, timeout=60
        )
        assert quick.stderr == "set()\n"
        assert quick.stdout == cli(*arguments, "--").stdout  # what ends the options, click reads
        assert "one" in quick.stdout


def test_a_closed_pipe_is_no_error(cli: Cli) -> None:
    cli("start", "one")
    cli("run", "--wait", "one", "--", "seq", "1", "200000")
    command = f"{sys.executable} -m devdeck logs one | head -n 1"
    done = subprocess.run(
        ["sh", "-c", command], cwd=cli.repository, capture_output=True, text=True, timeout=60, env=dict(os.environ)
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_two_repositories_share_labels_globally(cli: Cli, tmp_path: Path) -> None:
    other = make_repository(tmp_path / "src" / "other")
    cli("start", "one")
    assert cli.error("start", "one", "-p", str(other), status=1)["code"] == "exists"
    cli("start", "two", "-p", str(other))
    assert {(s["label"], s["repository"]) for s in cli.json("ls")["sessions"]} == {("one", "shop"), ("two", "other")}
