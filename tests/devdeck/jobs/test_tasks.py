from __future__ import annotations

import json
from pathlib import Path

import pytest

from devdeck.errors import NotFound, UsageError
from devdeck.jobs.tasks import find_task
from devdeck.model import JobKind

LINT, BUILD = JobKind.LINT, JobKind.BUILD

MAKEFILE = """\
.PHONY: lint build-all
lintflags := -x
build:=out
lint2: ; echo
define body
build: not a rule
endef
all lint \\
  check: dep
\tbuild: recipe
"""
PACKAGE = json.dumps({"scripts": {"lint": "eslint .", "build": "tsc"}})


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if "bin" in path.parts:
            path.chmod(0o755)


@pytest.mark.parametrize(
    ("files", "kind", "argv"),
    [
        ({"Makefile": MAKEFILE}, LINT, ("make", "lint")),
        ({"Makefile": MAKEFILE}, BUILD, None),
        ({"Makefile": "build: a\n\tx"}, BUILD, ("make", "build")),
        ({"Makefile": "build:: a\n"}, BUILD, ("make", "build")),
        ({"GNUmakefile": "x:\n", "Makefile": "build:\n"}, BUILD, None),
        ({"justfile": "set shell := ['sh']\nlint *args='': dep\n  x\n"}, LINT, ("just", "lint")),
        ({"justfile": "@lint:\n  x\n"}, LINT, ("just", "lint")),
        ({"justfile": "lint := 'x'\nlint-all:\n  x\n  lint:\n"}, LINT, None),
        ({"justfile": "alias build := compile\n"}, BUILD, ("just", "build")),
        ({"Taskfile.yml": "version: '3'\ntasks:\n  # x\n  lint:\n    cmds: [a]\n"}, LINT, ("task", "lint")),
        ({"Taskfile.yml": "vars:\n  lint: 1\ntasks:\n  a:\n    lint: 1\nbuild:\n"}, LINT, None),
        ({"package.json": PACKAGE}, LINT, ("npm", "run", "lint")),
        ({"package.json": PACKAGE, "pnpm-lock.yaml": ""}, BUILD, ("pnpm", "run", "build")),
        ({"package.json": PACKAGE, "yarn.lock": ""}, BUILD, ("yarn", "run", "build")),
        ({"package.json": PACKAGE, "bun.lock": ""}, BUILD, ("bun", "run", "build")),
        ({"package.json": '{"packageManager": "yarn@4", "scripts": {"lint": "x"}}'}, LINT, ("yarn", "run", "lint")),
        ({"package.json": '{"scripts": ["lint"]}'}, LINT, None),
        ({"package.json": '{"scripts": {"lint": 1}}'}, LINT, None),
        ({"package.json": "[1]"}, LINT, None),
        ({".pre-commit-config.yaml": ""}, LINT, ("pre-commit", "run", "--all-files")),
        ({".pre-commit-config.yaml": ""}, BUILD, None),
        ({"pyproject.toml": "[tool.ruff]\n"}, LINT, ("ruff", "check")),
        ({"pyproject.toml": "[tool.ruff.lint]\n", "uv.lock": ""}, LINT, ("uv", "run", "ruff", "check")),
        ({"ruff.toml": ""}, LINT, ("ruff", "check")),
        ({"pyproject.toml": "[tool.black]\n"}, LINT, None),
        ({"pyproject.toml": "[build-system]\n", "uv.lock": ""}, BUILD, ("uv", "build")),
        ({"pyproject.toml": "[build-system]\n"}, BUILD, None),
        ({"Cargo.toml": ""}, LINT, ("cargo", "clippy")),
        ({"Cargo.toml": ""}, BUILD, ("cargo", "build")),
        ({"go.mod": ""}, LINT, ("go", "vet", "./...")),
        ({"go.mod": ""}, BUILD, ("go", "build", "./...")),
        ({"Makefile": "lint:\n", "package.json": PACKAGE, "go.mod": ""}, LINT, ("make", "lint")),
        ({"Makefile": "test:\n", "package.json": PACKAGE, "go.mod": ""}, LINT, ("npm", "run", "lint")),
        ({}, LINT, None),
    ],
)
def test_the_command_follows_the_evidence(
    tmp_path: Path, files: dict[str, str], kind: JobKind, argv: tuple[str, ...] | None
) -> None:
    write(tmp_path, files)
    if argv is None:
        with pytest.raises(NotFound) as caught:
            find_task(tmp_path, kind)
        assert "Makefile" in caught.value.hint
        assert kind in caught.value.message
    else:
        task = find_task(tmp_path, kind)
        assert task.argv == argv
        assert any(Path(name).name in task.evidence for name in files)


def test_the_environment_of_the_worktree_comes_first(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "[tool.ruff]\n", "uv.lock": "", ".venv/bin/ruff": "#!/bin/sh\n"})
    assert find_task(tmp_path, LINT).argv == (str(tmp_path / ".venv/bin/ruff"), "check")


def test_an_unreadable_file_is_said_and_does_not_hide_the_rest(tmp_path: Path) -> None:
    write(tmp_path, {"package.json": "{", "pyproject.toml": "= \x1b[31m", "Makefile": "x" * 2_000_000})
    with pytest.raises(NotFound) as caught:
        find_task(tmp_path, LINT)
    assert "package.json" in caught.value.hint
    assert "pyproject.toml" in caught.value.hint
    assert "Makefile is longer" in caught.value.hint
    write(tmp_path, {"go.mod": ""})
    assert find_task(tmp_path, LINT).argv[0] == "go"


def test_nothing_of_the_repository_is_run(tmp_path: Path) -> None:
    write(tmp_path, {"Makefile": "X := $(shell touch ran)\nlint:\n\ttouch ran\n"})
    find_task(tmp_path, LINT)
    assert not (tmp_path / "ran").exists()


def test_only_lint_and_build_can_be_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        find_task(tmp_path, JobKind.TEST)
