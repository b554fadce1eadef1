"""Finding the runner, the plan for a run, and the choice among runners."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from devdeck.errors import NotFound, UsageError
from devdeck.testing.adapter import EVENTS, EventReader, TestAdapter
from devdeck.testing.project import is_requirement, mentions, read_ini, read_text, read_toml
from devdeck.testing.pytest_adapter import PytestAdapter
from devdeck.testing.registry import adapter_named, choose
from devdeck.testing.results import read_results
from tests.devdeck.testing.projects import run, write

Make = Callable[[Mapping[str, str]], Path]


@pytest.mark.parametrize(
    ("files", "reason", "confidence"),
    [
        ({"pytest.ini": ""}, "pytest.ini", 1.0),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, "[tool.pytest] in pyproject.toml", 1.0),
        ({"tox.ini": "[pytest]\n"}, "[pytest] in tox.ini", 1.0),
        ({"setup.cfg": "[tool:pytest]\n"}, "[tool:pytest] in setup.cfg", 1.0),
        ({"tests/conftest.py": ""}, "tests/conftest.py", 0.9),
        (
            {"pyproject.toml": "[dependency-groups]\ndev = ['PyTest >= 8', {include-group = 'x'}]\n"},
            "pytest in [dependency-groups] of pyproject.toml",
            0.8,
        ),
        (
            {"pyproject.toml": "[tool.poetry.group.dev.dependencies]\npytest = '^8'\n"},
            "pytest in [tool.poetry] of pyproject.toml",
            0.8,
        ),
        ({"requirements/dev.txt": "-r a.txt\npytest[x]==8\n"}, "pytest in requirements/dev.txt", 0.8),
        ({"Pipfile": '[dev-packages]\npytest = "*"\n'}, "pytest in Pipfile", 0.8),
        ({"tests/unit/test_a.py": ""}, "tests/unit/test_a.py", 0.6),
        ({"a_test.py": ""}, "a_test.py", 0.6),
    ],
)
def test_evidence(tmp_path: Path, files: Mapping[str, str], reason: str, confidence: float) -> None:
    evidence = PytestAdapter().detect(write(tmp_path, files))
    assert evidence is not None
    assert (evidence.reason, evidence.confidence) == (reason, confidence)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"main.py": "", "tests/data.txt": ""},
        {"requirements.txt": "pytest-cov\n"},
        {"tox.ini": "[tox]\n"},
        {"tests/node_modules/test_a.py": "", "tests/.hidden/test_a.py": ""},
        {"pyproject.toml": "not [toml", "setup.cfg": "neither\x00", "tox.ini": "[["},
    ],
)
def test_no_evidence(tmp_path: Path, files: Mapping[str, str]) -> None:
    assert PytestAdapter().detect(write(tmp_path, files)) is None


def test_choice(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no tests that devdeck can run") as caught:
        choose(tmp_path)
    assert "conftest.py" in caught.value.hint
    with pytest.raises(NotFound, match="no test runner is called 'nose'") as caught:
        choose(tmp_path, "nose")
    assert caught.value.hint == "known: pytest"
    adapter, evidence = choose(tmp_path, "pytest")
    assert (adapter.name, evidence.reason) == ("pytest", "it was asked for")
    adapter, evidence = choose(write(tmp_path, {"pytest.ini": ""}))
    assert (adapter.name, evidence.reason) == ("pytest", "pytest.ini")
    assert adapter_named("pytest") is adapter


def test_the_contract_is_fulfilled() -> None:
    adapter: TestAdapter = PytestAdapter()
    reader: EventReader = adapter.reader()
    assert reader.feed(b"") == ()
    assert reader.totals.malformed == 0


def test_plan(project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/of/the/user")
    root = project({"pytest.ini": "[pytest]\n"})
    plan = PytestAdapter().plan(root, events=tmp_path / EVENTS, selection=["test_a.py::test_b[--x]"])
    assert plan.argv[0] == str(root / ".venv" / "bin" / "python")
    assert plan.argv[1:] == ("-m", "pytest", "-p", "devdeck_pytest_reporter", "test_a.py::test_b[--x]")
    assert plan.env["DEVDECK_PYTEST_EVENTS"] == str(tmp_path / EVENTS)
    assert plan.env["PYTHONUNBUFFERED"] == "1"
    plugin, _, users = plan.env["PYTHONPATH"].partition(os.pathsep)
    assert (Path(plugin) / "devdeck_pytest_reporter.py").is_file()
    assert users == "/of/the/user"
    assert plan.environment.startswith(".venv: Python 3")
    assert plan.evidence.reason == "pytest.ini"


@pytest.mark.parametrize("id_", ["-x", "--rootdir=/", "@options", "", "a\0b"])
def test_ids_that_would_be_options_are_refused(tmp_path: Path, id_: str) -> None:
    with pytest.raises(UsageError, match="can't select"):
        PytestAdapter().plan(tmp_path, events=tmp_path / EVENTS, selection=["test_a.py", id_])


def test_selected_tests_alone_are_run(project: Make, tmp_path: Path) -> None:
    files = {
        "test_a.py": """\
            import pytest
            @pytest.mark.parametrize("value", ["a::b", "[/x]", "é", "a b", "$(x)"])
            def test_a(value): pass
            """
    }
    root = project(files)
    every = list(run(root, tmp_path / "all").results)
    assert len(every) == 5
    assert list(run(root, tmp_path / "some", every[1:4]).results) == every[1:4]


def test_no_events_yet(tmp_path: Path) -> None:
    assert read_results(tmp_path, PytestAdapter()) == ()


def test_requirements() -> None:
    assert is_requirement("pytest", "pytest")
    assert is_requirement("  PyTest[extra] >= 7 ; python_version > '3'", "pytest")
    assert not is_requirement("pytest-cov", "pytest")
    assert not is_requirement("# pytest", "pytest")
    assert mentions({"a": [{"b": ["x", "pytest~=8"]}]}, "pytest")
    assert not mentions({"a": [1, None, "pytest_cov"]}, "pytest")


def test_files_that_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    assert read_text(tmp_path / "pipe") == ""
    assert read_toml(tmp_path / "folder") == {}
    assert read_ini(tmp_path / "missing") == frozenset()
