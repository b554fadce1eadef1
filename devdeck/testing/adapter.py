"""What devdeck asks of a test runner: whether a repository uses it, how to start it, how to read its events.

An adapter never runs tests itself. It says what to run; a job runs it; the runner's events arrive in a file in the
job's folder, and the adapter's reader turns the bytes of that file into results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

import msgspec

from devdeck.model import TestResult

EVENTS = "events.jsonl"
"""Name of the event file in a job's folder."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Why a repository is taken to use a runner."""

    reason: str
    """What was found, such as `pytest.ini`."""
    confidence: float
    """0 to 1: 1 when the repository configures the runner, less when it is guessed from file names."""


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to run the tests."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    """Set on top of the environment of the session's terminal."""
    unset: tuple[str, ...] = ()
    """Variables taken out of that environment."""
    environment: str
    """Where the runner comes from and which one it is, to be shown."""
    evidence: Evidence
    """Why this runner."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What the events say of the run as a whole, so far."""

    started: bool = False
    """Whether the runner said that its session began."""
    finished: bool = False
    """Whether the runner said that its session ended, by whatever way."""
    collected: int | None = None
    """How many different tests are to run; `None` while unknown."""
    reported: int = 0
    """How many different tests have an outcome."""
    collection_errors: int = 0
    """Files or folders whose tests could not be collected."""
    exit_status: int | None = None
    """Exit status that the runner announced; `None` before it did."""
    problem: str = ""
    """One line on an error of the runner itself; empty without one."""
    malformed: int = 0
    """Lines that could not be read as events."""


class EventReader(Protocol):
    """Turns the bytes of an event file into results, piece by piece.

    However the bytes are cut into pieces, the results are the same. Bytes that are no event are counted and
    passed over.
    """

    def feed(self, data: bytes) -> tuple[TestResult, ...]:
        """Take the next bytes; returns the results that became known or changed, in order.

        A result replaces an earlier one of the same id. A test that runs now has the outcome `RUNNING`.
        """

    @property
    def totals(self) -> Totals:
        """What is known of the whole run."""


class TestAdapter(Protocol):
    """One test runner."""

    __test__: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Stable name, recorded with each run, such as `pytest`."""

    @property
    def signs(self) -> str:
        """What `detect` looks for, in words, for the message that nothing was found."""

    def detect(self, worktree: Path) -> Evidence | None:
        """Why this repository uses the runner; `None` when nothing says so. Reads files, runs nothing."""

    def plan(self, worktree: Path, *, events: Path, selection: Sequence[str] = ()) -> RunPlan:
        """How to run the tests of a worktree.

        Args:
            worktree: Folder to run in, absolute.
            events: File that the runner's events shall go to, absolute; it need not exist.
            selection: The runner's own ids, or paths relative to `worktree`; everything when empty.

        Raises:
            UsageError: Something in `selection` can't be an id.
            Missing: The environment that the repository asks for is not there, or lacks the runner.
        """

    def reader(self) -> EventReader:
        """A new reader for the events of one run."""
