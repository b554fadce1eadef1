"""pytest: found by its configuration, run in the repository's environment, read through devdeck's own plugin."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar

from devdeck.errors import UsageError
from devdeck.testing.adapter import Evidence, RunPlan
from devdeck.testing.environments import find_environment
from devdeck.testing.project import is_requirement, mentions, read_ini, read_text, read_toml, table
from devdeck.testing.pytest_reader import PytestReader

PLUGIN = "devdeck_pytest_reporter"
"""Module name of the plugin in the folder `plugin/`."""

VARIABLE = "DEVDECK_PYTEST_EVENTS"
"""Tells the plugin where to write."""

MAX_LOOKED_AT = 5000
"""Folder entries looked at in search of test files."""

_SKIPPED = frozenset({"node_modules", "site-packages", "venv", "build", "dist", "target", "vendor"})


class PytestAdapter:
    """See `devdeck.testing.adapter.TestAdapter`."""

    __test__: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """`pytest`."""
        return "pytest"

    @property
    def signs(self) -> str:
        """What `detect` looks for."""
        return (
            "pytest.ini, [tool.pytest] in pyproject.toml, [pytest] in tox.ini, [tool:pytest] in setup.cfg, "
            "conftest.py, pytest among the dependencies, files named test_*.py or *_test.py"
        )

    def detect(self, worktree: Path) -> Evidence | None:
        """Why this repository uses pytest; `None` when nothing says so."""
        for reasons, confidence in ((_configured, 1.0), (_conftest, 0.9), (_required, 0.8), (_named, 0.6)):
            reason = next(reasons(worktree), None)
            if reason is not None:
                return Evidence(reason=reason, confidence=confidence)
        return None

    def plan(self, worktree: Path, *, events: Path, selection: Sequence[str] = ()) -> RunPlan:
        """How to run pytest on a worktree.

        Colours are left to pytest, which sees a terminal: `--color` is unknown to it when a repository turns its
        terminal reporter off.

        Raises:
            UsageError: A selected id is empty or begins with `-` or `@`, as options and files of options do.
            Missing: The environment that the repository asks for is not there, or lacks pytest.
        """
        for id_ in selection:
            if not id_ or id_[0] in "-@" or "\0" in id_:
                raise UsageError(
                    f"can't select {id_!r}: pytest would not take it as a test",
                    "select a path or an id such as tests/test_a.py::test_b",
                )
        environment = find_environment(worktree, module="pytest")
        folder = str(Path(__file__).parent / "plugin")
        path = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH", ""))))
        return RunPlan(
            argv=(*environment.python, "-m", "pytest", "-p", PLUGIN, *selection),
            env={**environment.env, "PYTHONPATH": path, VARIABLE: str(events), "PYTHONUNBUFFERED": "1"},
            unset=environment.unset,
            environment=environment.shown,
            evidence=self.detect(worktree) or Evidence(reason="it was asked for", confidence=1.0),
        )

    def reader(self) -> PytestReader:
        """A new reader for the events of one run."""
        return PytestReader()


def _configured(worktree: Path) -> Iterator[str]:
    for name in ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"):
        if (worktree / name).is_file():
            yield name
    if table(read_toml(worktree / "pyproject.toml"), "tool", "pytest") is not None:
        yield "[tool.pytest] in pyproject.toml"
    if "pytest" in read_ini(worktree / "tox.ini"):
        yield "[pytest] in tox.ini"
    if "tool:pytest" in read_ini(worktree / "setup.cfg"):
        yield "[tool:pytest] in setup.cfg"


def _conftest(worktree: Path) -> Iterator[str]:
    for name in ("conftest.py", "tests/conftest.py", "test/conftest.py"):
        if (worktree / name).is_file():
            yield name


def _required(worktree: Path) -> Iterator[str]:
    document = read_toml(worktree / "pyproject.toml")
    for place in (("project",), ("dependency-groups",), ("tool", "poetry"), ("tool", "uv"), ("tool", "hatch", "envs")):
        if mentions(table(document, *place), "pytest"):
            yield f"pytest in [{'.'.join(place)}] of pyproject.toml"
    files = [worktree / "Pipfile", *sorted(islice(worktree.glob("*requirements*.txt"), 50))]
    for path in [*files, *sorted(islice((worktree / "requirements").glob("*.txt"), 50))]:
        if any(is_requirement(line, "pytest") for line in read_text(path).splitlines()):
            yield f"pytest in {path.relative_to(worktree)}"


def _named(worktree: Path) -> Iterator[str]:
    """Test files by name: at the root, and anywhere below the usual folders."""
    budget = MAX_LOOKED_AT
    for top, deep in (
        (worktree, False),
        (worktree / "tests", True),
        (worktree / "test", True),
        (worktree / "src", True),
    ):
        for folder, folders, files in os.walk(top):
            folders[:] = sorted(name for name in folders if deep and name not in _SKIPPED and name[0] != ".")
            budget -= len(files) + len(folders) + 1
            if budget < 0:
                return
            for name in sorted(files):
                if name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py")):
                    yield str((Path(folder) / name).relative_to(worktree))
