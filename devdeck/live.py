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
    DiffPart,
    HostSample,
    Job,
    JobKind,
    Operation,
    Sample,
    Session,
    TestResult,
    TrashEntry,
)
from devdeck.paths import Paths
from devdeck.state import DeckState, Subscriber


class Handoff(msgspec.Struct, frozen=True):
    """How to put the user into a session's terminal."""

    argv: tuple[str, ...]
    """What to run with the terminal handed over (dashboard suspended); empty when the switch has happened already."""
    notes: tuple[str, ...] = ()
    """What is worth telling first, such as a directory that was gone when the terminal was brought back."""


class RemovalPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What removing a session would do, and what stands against it."""

    session: Session
    steps: tuple[str, ...]
    """What would be done, in order, in words."""
    risks: tuple[str, ...]
    """Work that exists nowhere else; not empty means refused unless forced."""
    notes: tuple[str, ...] = ()
    """What is worth knowing and no reason against it: ignored files and their size, stashes that stay, what the trash
    does not keep."""
    forbidden: str = ""
    """Why it can't be removed, not even by force; empty when it can."""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """A session that is wanted."""

    label: str
    path: str
    """Any folder in the repository."""
    base: str | None = None
    """Where a new branch starts; HEAD when `None`."""
    with_changes: bool = False
    """Move the uncommitted changes of the worktree at `path` into the new session."""
    trust: bool = False
    """Trust the repository's configuration as it is now, and run what it sets up."""


class BranchChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A branch or tag that can be picked."""

    name: str
    """As it is given to `start` or `checkout`: `fix`, `origin/fix`, `v1.0`."""
    kind: str
    """`local`, `remote` or `tag`."""
    at: float
    """When its last commit was made."""
    subject: str
    """First line of that commit's message."""
    worktree: str | None = None
    """Where it is checked out."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a repository's configuration would do in a session."""

    file: str
    """Path of the configuration; empty when there is none."""
    include: tuple[str, ...] = ()
    """Patterns of files that would be copied or linked."""
    commands: tuple[str, ...] = ()
    """Commands that would run, in order, in words."""
    teardown: tuple[str, ...] = ()
    trusted: bool = False
    """Whether the user trusts the configuration as it is now; always true when it would do nothing."""
    digest: str = ""
    """Names the configuration's content; trusting exactly what was shown gives it back."""
    warnings: tuple[str, ...] = ()
    """What is odd in the configuration, each with file, line and column."""
    foreign: str = ""
    """What the session was made for, when that may be somebody else's code: then it is trusted for that session."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of text sent to one session."""

    session_id: str
    label: str
    sent: bool
    """Whether it was typed."""
    confirmed: bool = True
    """Whether the pane's program has taken it. False for what was sent and lies unread, and for what was not sent."""
    error: str = ""
    """Why it was not sent; or, of what was sent, why its end is not known."""
    hint: str = ""
    code: str = ""
    """The code of that error: `refused` for a pane that is not at a shell, `gone`, `timeout`, …"""
    may_force: bool = False
    """Whether it was refused for what runs in the pane, so that force would send it."""
    exit_status: int | None = None
    """Of the command sent, when it was waited for."""
    output: str = ""
    """What the command printed, when it was waited for."""


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
    on_notice: Callable[[str], None]
    """Set by the dashboard: told, on the event loop, what came up while something was done and was not in the way."""

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

    async def diff(self, session_id: str, path: str) -> tuple[DiffPart, ...]:
        """What is not committed of a path that `status_lines` named, staged and not apart; cancelling it ends git."""

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

    async def start_session(self, wanted: Start) -> Session:
        """Make a session: branch, worktree and terminal."""

    async def checkout(self, target: str, path: str, label: str | None = None, *, trust: bool = False) -> Session:
        """Make a session for something that exists: a branch, `remote/branch`, `user:branch`, `pr/7`, `#7`, a URL."""

    async def start_workspace(
        self, label: str, folder: str, repositories: Sequence[str] = (), base: str | None = None, *, trust: bool = False
    ) -> Session:
        """Make a session over several repositories: those named, else all that lie directly in `folder`."""

    async def branches(self, path: str) -> tuple[BranchChoice, ...]:
        """Branches and tags of a repository, those with the newest commits first, bounded; nothing is fetched."""

    async def find_commit(self, path: str, name: str) -> str:
        """The id of the commit that a branch, tag or other revision means in a repository; empty when it means none."""

    async def fetch(self, path: str) -> None:
        """Ask the remotes of a repository for news; bounded in time."""

    async def setup(self, path: str, session_id: str | None = None) -> Setup:
        """What the configuration of the repository at `path` would do in a new session, or in that one."""

    async def trust(self, path: str, digest: str, session_id: str | None = None) -> None:
        """Trust the configuration of the repository at `path`. Raises `Refused` when it is not `digest`'s any more.

        A session of somebody else's code needs that for itself.
        """

    async def initialize(self, session_id: str, *, trust: bool = False) -> tuple[Job, ...]:
        """Set a session up (again). Raises `Refused` when the configuration is not trusted and `trust` is not given."""

    async def rename(self, session_id: str, label: str) -> Session:
        """Give a session, its terminal, and the branch that devdeck made for it, another name."""

    async def adopt(self, session_id: str, label: str | None = None) -> Session:
        """Make a session that others made one of devdeck's own."""

    async def refresh(self, session_id: str) -> str:
        """Bring a session's branch up to its upstream or pull request, when that is a fast-forward; says what came."""

    async def restore_terminals(self, session_ids: Sequence[str]) -> tuple[str, ...]:
        """Bring back terminals that are gone, with windows, directories and layout; returns the labels brought back."""

    async def trash(self) -> tuple[TrashEntry, ...]:
        """Removed sessions that can be brought back, the newest first."""

    async def restore(self, entry_id: str, label: str | None = None) -> Session:
        """Bring a removed session back as it was, under another label if that is given."""

    async def drop(self, entry_id: str) -> None:
        """Delete a removed session for good."""

    async def undo(self) -> Operation:
        """Take back the last change that can be taken back; returns it."""

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

    async def send(self, session_ids: Sequence[str], text: str, *, force: bool = False) -> tuple[Delivery, ...]:
        """Type text and Enter into the sessions' active panes; a pane that is not at a shell refuses unless forced."""

    async def hand_off(self, session_id: str) -> Handoff:
        """Switch the user's tmux client to the session, or say what to run to attach; the visit is recorded first."""
