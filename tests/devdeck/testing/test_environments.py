"""Which Python is taken, and that no other takes its place in silence."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from devdeck.errors import DeckError, Missing
from devdeck.testing.environments import Environment, find_environment
from devdeck.testing.probe import ask, ask_interpreter
from tests.devdeck.testing.projects import make_venv, write
from tests.support import has_ended, until


def script(folder: Path, name: str, body: str) -> Path:
    """An executable shell script; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return folder


def find(worktree: Path, *path: Path, **environ: str) -> Environment:
    """The environment found with only these folders on PATH."""
    entries = os.pathsep.join(map(str, path))
    return find_environment(worktree, environ={"PATH": entries, "HOME": str(worktree), **environ})


def fails(worktree: Path, *path: Path) -> Missing:
    with pytest.raises(Missing) as caught:
        find(worktree, *path)
    return caught.value


@pytest.fixture
def worktree(tmp_path: Path) -> Path:
    (tmp_path / "worktree").mkdir()
    return tmp_path / "worktree"


@pytest.mark.parametrize("name", [".venv", "venv"])
def test_environment_in_the_worktree(worktree: Path, name: str) -> None:
    folder = make_venv(worktree / name)
    found = find(worktree, Path("/usr/bin"), VIRTUAL_ENV="/elsewhere")
    assert found.source == name
    assert found.python == (str(folder / "bin" / "python"),)
    assert found.env == {"VIRTUAL_ENV": str(folder), "PATH": f"{folder}/bin:/usr/bin"}
    assert "PYTHONHOME" in found.unset
    assert "VIRTUAL_ENV" not in found.unset
    version = ".".join(map(str, sys.version_info[:3]))
    assert found.shown == f"{name}: Python {version}, pytest {pytest.__version__}, {folder}/bin/python"


def test_environment_without_pytest_is_an_error_and_nothing_else_is_taken(worktree: Path, venv: Path) -> None:
    make_venv(worktree / ".venv", with_pytest=False)
    error = fails(worktree, venv / "bin")
    assert error.message.startswith(f"pytest is not installed in {worktree}/.venv/bin/python (Python ")
    assert error.hint == f"in {worktree}: .venv/bin/pip install pytest"


def test_broken_environment_is_an_error(worktree: Path, venv: Path) -> None:
    (worktree / ".venv" / "bin").mkdir(parents=True)
    (worktree / ".venv" / "bin" / "python").symlink_to("/no/such/python")
    error = fails(worktree, venv / "bin")
    assert error.message == f"{worktree}/.venv is broken: its bin/python does not exist"
    assert "python3 -m venv --clear .venv" in error.hint
    (worktree / ".venv" / "bin" / "python").unlink()
    script(worktree / ".venv" / "bin", "python", "echo bad luck >&2; exit 1")
    assert fails(worktree, venv / "bin").message.endswith("does not work as a Python: bad luck")


def test_a_folder_of_that_name_is_no_environment(worktree: Path, venv: Path) -> None:
    (worktree / "venv").mkdir()
    assert find(worktree, venv / "bin").source == "PATH"


def test_interpreter_on_path(worktree: Path, venv: Path) -> None:
    found = find(worktree, venv / "bin")
    assert found.source == "PATH"
    assert found.shown.startswith("PATH: Python ")
    assert found.env["VIRTUAL_ENV"] == str(venv)


def test_devdecks_own_environment_is_named(worktree: Path) -> None:
    if sys.prefix == sys.base_prefix:
        pytest.skip("these tests don't run in a virtual environment")
    assert find(worktree, Path(sys.prefix) / "bin").shown.endswith("(devdeck's own environment)")


def test_python_counts_when_python3_is_another_program(worktree: Path, tmp_path: Path, venv: Path) -> None:
    bare = make_venv(tmp_path / "bare", with_pytest=False)
    script(tmp_path / "one", "python3", f'exec {bare}/bin/python "$@"')
    script(tmp_path / "two", "python", f'exec {venv}/bin/python "$@"')
    found = find(worktree, tmp_path / "one", tmp_path / "two")
    assert found.python == (str(venv / "bin" / "python"),)
    error = fails(worktree, tmp_path / "one")
    assert "pytest is not installed" in error.message
    assert error.hint == f"in {worktree}: python3 -m venv .venv && .venv/bin/pip install pytest"


def test_hint_says_what_the_repository_lists(worktree: Path, tmp_path: Path) -> None:
    bare = make_venv(tmp_path / "bare", with_pytest=False)
    write(worktree, {"requirements-dev.txt": "pytest-cov\npytest>=8\n"})
    assert fails(worktree, bare / "bin").hint.endswith(".venv/bin/pip install -r requirements-dev.txt")
    (worktree / "requirements-dev.txt").unlink()
    write(worktree, {"pyproject.toml": "[project]\nname = 'x'\n"})
    assert fails(worktree, bare / "bin").hint.endswith(".venv/bin/pip install -e . pytest")


def test_no_python_at_all(worktree: Path, tmp_path: Path) -> None:
    assert fails(worktree, tmp_path / "empty").message.startswith("there is no python3 on PATH")


def test_relative_entries_of_path_are_passed_over(worktree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(worktree, "python3", "touch ran")
    monkeypatch.chdir(worktree)
    with pytest.raises(Missing):
        find_environment(worktree, environ={"PATH": ".::"})
    assert not (worktree / "ran").exists()


def test_asking_runs_no_code_of_the_repository(worktree: Path, venv: Path) -> None:
    trap = "open('ran', 'w').close()\n"
    names = ("pytest", "json", "sitecustomize", "usercustomize", "importlib", "sys", "os")
    write(worktree, {f"{name}.py": trap for name in names})
    write(worktree, {"pytest/__init__.py": trap})
    assert find(worktree, venv / "bin").source == "PATH"
    assert not (worktree / "ran").exists()


def test_old_pythons_are_refused(worktree: Path, tmp_path: Path) -> None:
    body = """echo 'devdeck-probe [[3, 6, 15], "/usr/bin/python3.6", null, null]'"""
    error = fails(worktree, script(tmp_path / "old", "python3", body))
    assert "(Python 3.6.15) is too old" in error.message


def test_an_interpreter_that_hangs_is_killed_with_its_children(
    worktree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = worktree / "child"
    python = (
        script(tmp_path / "slow", "python3", "sleep 600 & echo $! > child.new; mv child.new child; wait") / "python3"
    )

    class Started(subprocess.Popen[bytes]):
        """Its time begins to count when it has its child, however slow the machine is."""

        def wait(self, timeout: float | None = None) -> int:
            until(child.exists)
            return super().wait(timeout)

    with monkeypatch.context() as patch:
        patch.setattr("devdeck.testing.probe.subprocess.Popen", Started)
        with pytest.raises(DeckError, match="no answer within") as caught:
            ask_interpreter(str(python), "pytest", cwd=worktree, env={"PATH": os.environ["PATH"]}, timeout=0.1)
    assert caught.value.code == "timeout"
    pid = int(child.read_text())
    until(lambda: has_ended(pid))


def test_output_that_does_not_end_is_bounded(worktree: Path) -> None:
    answer = ask([sys.executable, "-c", "print('x' * 1_000_000)"], cwd=worktree, env={})
    assert len(answer.stdout) == 64 * 1024


UV = {"pyproject.toml": "[project]\nname = 'x'\n[tool.uv]\n", "uv.lock": '[[package]]\nname = "pytest"\n'}


def test_uv_makes_the_environment_that_is_missing(worktree: Path, tmp_path: Path) -> None:
    tools = script(tmp_path / "tools", "uv", "exit 1")
    write(worktree, UV)
    found = find(worktree, tools)
    assert found.source == "uv"
    assert found.python == (f"{tools}/uv", "run", "--", "python")
    assert found.shown == f"uv.lock: uv run, .venv will be made ({tools}/uv)"
    assert "VIRTUAL_ENV" in found.unset


def test_uv_keeps_its_own_environment_in_step_and_leaves_others_alone(worktree: Path, tmp_path: Path) -> None:
    tools = script(tmp_path / "tools", "uv", "exit 1")
    write(worktree, UV)
    folder = make_venv(worktree / ".venv")
    assert find(worktree, tools).source == ".venv"
    with (folder / "pyvenv.cfg").open("a") as stream:
        stream.write("uv = 0.5.0\n")
    assert find(worktree, tools).source == "uv"
    assert find(worktree, tmp_path).source == ".venv"
    (worktree / "uv.lock").unlink()
    assert find(worktree, tools).source == ".venv"


def test_uv_without_uv_or_without_pytest(worktree: Path, tmp_path: Path, venv: Path) -> None:
    write(worktree, UV)
    assert "uses uv (uv.lock), and uv is not on PATH" in fails(worktree, venv / "bin").message
    (worktree / "uv.lock").write_text('[[package]]\nname = "pytest-cov"\n')
    tools = script(tmp_path / "tools", "uv", "exit 1")
    assert fails(worktree, tools).hint == "uv add --dev pytest"


TOOLS: Mapping[str, tuple[Mapping[str, str], str, str]] = {
    "poetry": (
        {"pyproject.toml": "[tool.poetry]\n"},
        '[ "$1 $2 $3" = "env info --executable" ] || exit 9\necho {python}',
        "poetry install",
    ),
    "hatch": (
        {
            "pyproject.toml": """\
                [tool.hatch.envs.lint]
                dependencies = ["ruff"]
                [tool.hatch.envs.test]
                dependencies = ["pytest>=8"]
                """
        },
        '[ "$2 $3 $4" = "env find test" ] || exit 9\necho {folder}',
        "hatch env create test",
    ),
    "pipenv": (
        {"Pipfile": ""},
        '[ "$1" = "--py" ] || exit 9\necho Courtesy notice\necho {python}',
        "pipenv install --dev",
    ),
}


@pytest.mark.parametrize("name", TOOLS)
def test_environment_of_a_tool(worktree: Path, tmp_path: Path, venv: Path, name: str) -> None:
    files, body, create = TOOLS[name]
    write(worktree, files)
    error = fails(worktree, venv / "bin")
    assert f"uses {name} (" in error.message
    assert f"{name} is not on PATH" in error.message
    tools = script(tmp_path / "tools", name, body.format(python=venv / "bin" / "python", folder=venv))
    found = find(worktree, tools, VIRTUAL_ENV="/active")
    assert (found.source, found.python) == (name, (str(venv / "bin" / "python"),))
    assert found.shown.startswith(f"{name} (")
    script(tools, name, "echo no such environment; exit 1")
    error = fails(worktree, tools, venv / "bin")
    assert error.message.startswith(f"{name} has made no environment for {worktree} yet (")
    assert error.hint == f"in {worktree}: {create}"
    script(tools, name, body.format(python="/no/such/python", folder="/no/such"))
    assert "has made no environment" in fails(worktree, tools, venv / "bin").message


def test_pdm_notes_its_interpreter(worktree: Path, venv: Path) -> None:
    write(worktree, {"pdm.lock": ""})
    assert fails(worktree, venv / "bin").hint == f"in {worktree}: pdm install"
    write(worktree, {".pdm-python": str(venv / "bin" / "python") + "\n"})
    assert find(worktree, Path("/nowhere")).source == "pdm"


def test_environment_that_tox_made(worktree: Path, venv: Path) -> None:
    write(worktree, {"tox.ini": "[tox]\nenv_list = py\n[testenv]\ncommands = pytest\n"})
    assert find(worktree, venv / "bin").shown.startswith("PATH, as tox has made no environment yet: ")
    made = make_venv(worktree / ".tox" / "py")
    make_venv(worktree / ".tox" / "lint", with_pytest=False)
    assert find(worktree, venv / "bin").source == "PATH"
    (site,) = made.glob("lib/python*/site-packages")
    (site / "pytest").symlink_to(Path(pytest.__file__).parent)
    found = find(worktree, venv / "bin")
    assert (found.source, found.python) == ("tox", (str(made / "bin" / "python"),))
