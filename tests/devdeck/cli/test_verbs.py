"""Every verb keeps the contract: `--json` with declared shapes, `--dry-run` where it changes things, missing programs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from backends.tmux.server import TmuxServer
from devdeck.cli.main import _run
from tests.devdeck.cli import shapes
from tests.devdeck.cli.test_manual import commands
from tests.git_support import commit, make_repository, run_git
from tests.support import until

INTERACTIVE = {"demo"}
"""Verbs that are nothing but a full screen."""
READING = {
    "ls", "status", "jobs", "logs", "completion", "help", "trash list", "trash show", "workspace ls", "workspace list",
    "config show", "config path", "config check", "config schema",
}  # fmt: skip
"""Verbs that change nothing."""

Json = Callable[..., tuple[int, Any]]


def leaves() -> list[tuple[str, click.Command]]:
    return [(path, command) for path, command in commands() if not isinstance(command, click.Group)]


@pytest.mark.parametrize(("path", "command"), leaves(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_verb_has_json_and_where_it_changes_things_dry_run(path: str, command: click.Command) -> None:
    """C35."""
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert ("--json" in flags) == (path not in INTERACTIVE)
    assert ("--dry-run" in flags) == (path not in READING | INTERACTIVE)


@pytest.fixture
def run(capsysbinary: pytest.CaptureFixture[bytes]) -> Json:
    """Runs a verb with `--json` in this process: status, and the document (the error's, when it failed)."""

    def call(*arguments: str, with_json: bool = True) -> tuple[int, Any]:
        status = _run([*arguments, *(["--json"] if with_json else [])])
        out, err = capsysbinary.readouterr()
        if out:
            return status, json.loads(out)
        line = err.decode().strip().splitlines()[-1]
        return status, json.loads(line)["error"]

    return call


@pytest.fixture
def place(tmux: TmuxServer, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patient: None) -> Path:
    """The current folder: a repository with tests; beside it a second one, a worktree made by hand, par's registry."""
    files = {"tests/test_it.py": "def test_one():\n    pass\n", "pytest.ini": "[pytest]\n"}
    commit(repository, {**files, ".gitignore": "__pycache__/\n.pytest_cache/\n"}, "tests")
    run_git(repository, "branch", "there")
    make_repository(tmp_path / "src" / "api")
    run_git(repository, "worktree", "add", "-q", "-b", "theirs", str(tmp_path / "by-hand"))
    (tmp_path / "par").mkdir()
    (tmp_path / "par" / "global_state.json").write_text('{"sessions": {"gone": {"worktree_path": "/gone"}}}')
    (tmp_path / "bin").mkdir()
    for editor in ("code", "cursor", "myedit"):
        (tmp_path / "bin" / editor).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / editor).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(repository)
    return tmp_path


SCENE: list[tuple[str, type]] = [
    ("start one --dry-run", shapes.StartPlan),
    ("start one", shapes.OneSession),
    ("checkout there --dry-run", shapes.StartPlan),
    ("checkout there", shapes.OneSession),
    ("ls", shapes.Sessions),
    ("status one", shapes.OneSession),
    ("status --all", shapes.Summary),
    ("open one --dry-run", shapes.OpenPlan),
    ("open one", shapes.Opened),
    ("refresh there --dry-run", shapes.LabelPlan),
    ("refresh there", shapes.Came),
    ("send one true --dry-run", shapes.Sent),
    ("send one true --wait 20", shapes.Sent),
    ("run --dry-run --json one -- sleep 600", shapes.CommandPlan),
    ("run --json one -- sleep 600", shapes.OneJob),
    ("stop one --dry-run", shapes.Jobs),
    ("stop one", shapes.Jobs),
    ("test one --dry-run", shapes.CommandPlan),
    ("test one", shapes.Tested),
    ("jobs", shapes.Jobs),
    ("logs one", shapes.Log),
    ("rename one uno --dry-run", shapes.ChangePlan),
    ("rename one uno", shapes.OneSession),
    ("adopt {place}/by-hand --dry-run", shapes.ChangePlan),
    ("adopt {place}/by-hand", shapes.OneSession),
    ("import par --from {place}/par --dry-run", shapes.Import),
    ("import par --from {place}/par", shapes.Import),
    ("init uno --dry-run", shapes.Plan),
    ("init uno", shapes.Jobs),
    ("config show", shapes.Settings),
    ("config path", shapes.ConfigPath),
    ("config check", shapes.Checked),
    ("config schema", dict),
    ("config trust --dry-run", shapes.Trusted),
    ("config trust --yes", shapes.Trusted),
    ("config distrust --dry-run", shapes.Distrusted),
    ("config distrust", shapes.Distrusted),
    ("restore --all --dry-run", shapes.TerminalPlans),
    ("restore --all", shapes.TerminalsRestored),
    ("control-center --tmux --dry-run", shapes.Centre),
    ("control-center --tmux", shapes.Centre),
    ("workspace start ws -p {place}/src --dry-run", shapes.WorkspacePlan),
    ("workspace start ws -p {place}/src", shapes.OneSession),
    ("workspace ls", shapes.Sessions),
    ("workspace open ws --dry-run", shapes.OpenPlan),
    ("workspace open ws", shapes.Opened),
    ("workspace code ws --dry-run", shapes.Edited),
    ("workspace code ws", shapes.Edited),
    ("workspace cursor ws --dry-run", shapes.Edited),
    ("workspace cursor ws", shapes.Edited),
    ("workspace edit ws --editor myedit --dry-run", shapes.Edited),
    ("workspace edit ws --editor myedit", shapes.Edited),
    ("workspace rm ws --dry-run", shapes.RemovalPlans),
    ("workspace rm ws", shapes.Removed),
    ("rm uno --dry-run", shapes.RemovalPlans),
    ("rm uno", shapes.Removed),
    ("undo --dry-run", shapes.UndoPlan),
    ("undo", shapes.Undone),
    ("rm uno --force", shapes.Removed),
    ("trash", shapes.Trash),
    ("trash list", shapes.Trash),
    ("trash show uno", shapes.TrashView),
    ("trash restore uno --dry-run", shapes.RestorePlan),
    ("trash restore uno", shapes.Restored),
    ("trash drop ws --dry-run", shapes.Dropped),
    ("trash drop ws", shapes.Dropped),
    ("trash empty --dry-run", shapes.Dropped),
    ("trash empty --yes", shapes.Dropped),
    ("doctor --fix --dry-run", shapes.Examined),
    ("doctor", shapes.Examined),
    ("completion bash", shapes.Script),
    ("help rm", shapes.Help),
]
"""What a user does, one after another, and the shape of each document."""


def test_the_documents_have_their_declared_shapes(place: Path, run: Json, repository: Path) -> None:
    """C35."""
    (repository / ".par.yaml").write_text("initialization:\n  include: []\n  commands: []\n")
    run_git(repository, "branch", "--set-upstream-to=main", "there")
    for line, shape in SCENE:
        arguments = [word.replace("{place}", str(place)) for word in line.split()]
        status, document = run(*arguments, with_json="--json" not in arguments)
        assert status == 0, (line, document)
        try:
            msgspec.convert(document, shape, strict=True)
        except msgspec.ValidationError as error:
            raise AssertionError(f"devdeck {line}: {error}: {document}") from error
        if line.startswith("open one") and "--dry" not in line:
            until(lambda: run("ls")[1]["sessions"][0]["terminal"]["alive"])


def test_every_verb_is_in_the_scene() -> None:
    """C35: a new verb comes with the shape of its document, and of its plan."""
    played = {
        (path, "--dry-run" in line.split())
        for line, _ in SCENE
        for path, _ in leaves()
        if line.split()[: len(path.split())] == path.split()
    }
    for path, command in leaves():
        if path in INTERACTIVE or command.hidden:
            continue
        assert (path, False) in played or (path, True) in played, path
        if path not in READING:
            assert (path, True) in played, f"{path} --dry-run"


def test_a_plan_changes_nothing(place: Path, run: Json, repository: Path) -> None:
    """C35."""
    run("start", "one")
    before = run("ls", "--no-git")[1], run_git(repository, "for-each-ref"), run_git(repository, "worktree", "list")
    for line in (
        "start two", "checkout there", "open one", "send one true", "test one", "rename one uno", "rm one", "undo",
        "adopt {place}/by-hand", "import par --from {place}/par", "restore --all", "control-center --tmux",
        "workspace start ws -p {place}/src", "doctor --fix", "init one",
    ):  # fmt: skip
        arguments = [word.replace("{place}", str(place)) for word in line.split()]
        assert run(*arguments, "--dry-run")[0] == 0, line
    after = run("ls", "--no-git")[1], run_git(repository, "for-each-ref"), run_git(repository, "worktree", "list")
    assert after == before


# Missing programs

ALONE = ("ls", "jobs", "trash list", "completion bash", "help rm", "status --all")
"""What works with neither git nor tmux."""
NEED_GIT = (
    "start two", "checkout there", "rename one uno", "refresh one", "config path", "undo --dry-run", "workspace start ws -p {place}/src",
)  # fmt: skip
NEED_TMUX = (
    "start two", "checkout there", "workspace start ws -p {place}/src", "send one true", "open one",
    "control-center --tmux", "run --json one -- true",
)  # fmt: skip


def only(place: Path, *names: str) -> str:
    """A PATH with nothing but these programs."""
    folder = place / ("only-" + "-".join(names))
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return str(folder)


@pytest.mark.parametrize(
    ("there", "works", "fails"),
    [((), ALONE, {*NEED_GIT, *NEED_TMUX}), (("tmux", "sh"), ALONE, NEED_GIT), (("git", "sh"), ALONE, NEED_TMUX)],
    ids=["neither", "no git", "no tmux"],
)
def test_what_needs_a_missing_program_says_which(
    place: Path, run: Json, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], works: object, fails: object
) -> None:
    """C37."""
    run("start", "one")
    missing = {"git", "tmux"} - set(there)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", only(place, *there))
        assert isinstance(works, tuple)
        for line in works:
            assert run(*line.split())[0] == 0, line
        assert isinstance(fails, set | tuple)
        for line in sorted(fails):
            arguments = [word.replace("{place}", str(place)) for word in line.split()]
            status, error = run(*arguments, with_json="--json" not in arguments)
            assert status == 5, (line, error)
            assert any(name in error["message"] for name in missing), (line, error)
            assert error["hint"]
        status, report = run("doctor")
        assert status == 1
        assert missing == {found["name"] for found in report["findings"] if found["state"] == "fail"}
    assert [session["label"] for session in run("ls", "--no-git")[1]["sessions"]] == ["one", "theirs"]
