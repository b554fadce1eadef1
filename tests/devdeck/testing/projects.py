"""Real small projects and real runs of their tests, for the tests beside this file."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent

import msgspec

from devdeck.model import Job, JobKind, JobState, TestResult, TestRun
from devdeck.testing.adapter import EVENTS, RunPlan
from devdeck.testing.pytest_adapter import PytestAdapter
from devdeck.testing.pytest_reader import PytestReader
from devdeck.testing.reconcile import summarise


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Make a project of these files; returns its folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return root


def make_venv(folder: Path, *, with_pytest: bool = True) -> Path:
    """A real virtual environment that sees the running interpreter's packages when it shall have pytest."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    if with_pytest:
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "running.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def job(**fields: object) -> Job:
    """A test job that has ended with exit status 0, with these fields changed."""
    base = Job(
        id="j", session_id="s", kind=JobKind.TEST, argv=("pytest",), cwd="/w", directory="/d", created_at=1.0,
        started_at=2.0, ended_at=3.0, exit_status=0, state=JobState.ENDED,
    )  # fmt: skip
    return msgspec.structs.replace(base, **fields)


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has ended."""

    job: Job
    run: TestRun
    results: dict[str, TestResult]
    events: Path
    output: bytes

    def outcome(self, name: str) -> str:
        """Outcome of the one test whose id ends so."""
        (found,) = [str(result.outcome) for id_, result in self.results.items() if id_.endswith(name)]
        return found

    def result(self, name: str) -> TestResult:
        """The one result whose id ends so."""
        (found,) = [result for id_, result in self.results.items() if id_.endswith(name)]
        return found


def environment_of(plan: RunPlan, **more: str) -> dict[str, str]:
    """The environment that a job would give to the plan's command."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    kept = {name: value for name, value in kept.items() if name not in plan.unset}
    # The plugins of this suite's own environment are no part of the projects.
    return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **plan.env, **more}


def run(project: Path, folder: Path, selection: Sequence[str] = (), options: Sequence[str] = (), **env: str) -> Ran:
    """Run a project's tests as a job would, and judge the run."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = PytestAdapter().plan(project, events=folder / EVENTS, selection=selection)
    done = subprocess.run(
        [*plan.argv, "-p", "no:cacheprovider", *options],
        cwd=project,
        env=environment_of(plan, **env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=100,
        check=False,
    )
    code = done.returncode
    ended = job(exit_status=code if code >= 0 else None, signal=-code if code < 0 else None, directory=str(folder))
    reader = PytestReader()
    events = folder / EVENTS
    found = reader.feed(events.read_bytes()) if events.exists() else ()
    results = {result.id: result for result in found}
    summary = summarise(ended, results.values(), reader.totals, environment=plan.environment, runner="pytest")
    return Ran(job=ended, run=summary, results=results, events=events, output=done.stdout)
