"""What a dashboard may ask of a running deck: the whole border between tui/ and devdeck/.

`devdeck.running.RunningDeck` is the real one. Tests of the screens use one in memory that obeys the same contract.
Every coroutine raises `devdeck.errors.DeckError` with a message and a hint when it can't do what was asked; none of
them blocks the event loop; all are bounded in time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from devdeck.model import (
    Commit,
    HostSample,
    Job,
    JobKind,
    Operation,
    Sample,
    Session,
    TestResult,
)
from devdeck.paths import Paths
from devdeck.state import DeckState, Subscriber


class Handoff(msgspec.Struct, frozen=True):
    """How to put the user into a session's terminal."""

    argv: tuple[str, ...]
    """What to run with the terminal handed over (dashboard suspended); empty when the switch has happened already."""


class RemovalPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What removing a session would do, and what stands against it."""

    session: Session
    steps: tuple[str, ...]
    """What would be done, in order, in words."""
    risks: tuple[str, ...]
    """Work that exists nowhere else; not empty means refused unless forced."""


class SourceView(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of a source file around a place."""

    path: str
    """Absolute path."""
    first_line: int
    """Number of the first line in `lines`, from 1."""
    line: int
    """The line that was asked for."""
    lines: tuple[str, ...]


class LiveDeck(Protocol):
    """A running deck: the current state, details on demand, and intents."""

    paths: Paths
    read_only: bool

    @property
    def state(self) -> DeckState:
        """The current snapshot; cheap, read it as often as wanted."""

    def now(self) -> float:
        """UNIX seconds by the deck's clock (a test may hold it still)."""

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Be told of each change, on the event loop; returns a function that ends it."""

    async def start(self) -> None:
        """Start the collectors. Returns at once; facts arrive by and by."""

    async def stop(self) -> None:
        """Stop everything that this object started. Jobs and terminals go on."""

    def look_at(self, selected: str | None, visible: Sequence[str]) -> None:
        """Say which session is selected and which rows are on screen: their facts come first and fresher."""

    def set_active(self, active: bool) -> None:
        """Say whether the dashboard is being looked at; collectors slow down when it is not."""

    # Details, fetched when a tab shows them

    async def commits(self, session_id: str, limit: int = 10) -> tuple[Commit, ...]:
        """The last commits of the session's HEAD, newest first."""

    async def diff(self, session_id: str) -> str:
        """Uncommitted changes against HEAD as a unified diff (bounded; a last line says when it was cut)."""

    async def status_lines(self, session_id: str) -> tuple[tuple[str, str], ...]:
        """Changed paths: (two-letter code as in `git status --short`, path), in git's order, bounded."""

    async def operations(self, session_id: str | None, limit: int = 10) -> tuple[Operation, ...]:
        """The last operations of a session, or of all, newest first."""

    async def results(self, job_id: str) -> tuple[TestResult, ...]:
        """Results of a test run so far, in the order in which they came."""

    async def source(self, session_id: str, path: str, line: int, context: int = 8) -> SourceView | None:
        """Source around a place; `None` when no such file lies in the session's worktree."""

    async def capture(self, session_id: str) -> tuple[str, ...]:
        """The screen of the session's active pane, a string a row, SGR colours kept; empty without a terminal."""

    def samples(self, session_id: str) -> Sequence[Sample]:
        """CPU and memory of the last ten minutes, oldest first."""

    def host_samples(self) -> Sequence[HostSample]:
        """The host's last ten minutes, oldest first."""

    # Intents

    async def start_session(self, label: str, path: str, base: str | None = None) -> Session:
        """Make a session: branch, worktree and terminal. `path` is any folder in the repository."""

    def repositories(self) -> tuple[tuple[str, str], ...]:
        """Known repositories: (name, path of the main worktree), by name."""

    def check_label(self, label: str) -> str:
        """Why a label can't be used; empty when it can."""

    async def plan_removal(self, session_id: str) -> RemovalPlan:
        """What removing would do, without doing it."""

    async def remove_session(self, session_id: str, force: bool = False) -> Operation:
        """Remove a session. Raises `Refused` when work would be lost and `force` is not given."""

    async def run(self, session_id: str, argv: Sequence[str], kind: JobKind = JobKind.RUN) -> Job:
        """Start a command in the session; it outlives the dashboard."""

    async def run_shell(self, session_id: str, line: str, kind: JobKind = JobKind.SHELL) -> Job:
        """Start a line of shell in the session, with the user's shell."""

    async def run_task(self, session_id: str, kind: JobKind) -> Job:
        """Start the repository's own lint or build command (as found by evidence), or its tests."""

    async def test(self, session_id: str, selection: Sequence[str] = ()) -> Job:
        """Run the session's tests (all, or a selection by the runner's ids)."""

    async def stop_job(self, job_id: str) -> None:
        """Stop a job with its whole process group; returns when it has ended."""

    async def send(self, session_id: str, text: str) -> None:
        """Type text and Enter into the session's active pane."""

    async def hand_off(self, session_id: str) -> Handoff:
        """Switch the user's tmux client to the session, or say what to run to attach; the visit is recorded first."""
