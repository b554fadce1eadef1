"""The frozen records that every room speaks.

Times are UNIX seconds (float), sizes are bytes, CPU is percent of one core. `None` means unknown, never a guess.
Text in records is as the world said it; `devdeck.text.one_line` makes it safe where it is shown.
"""

from __future__ import annotations

import signal as signals
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from backends.tmux.records import Pane, Terminal

__all__ = [
    "Commit", "Fact", "Frame", "GitFacts", "Health", "HostSample", "Job", "JobKind", "JobState", "Member",
    "Operation", "OperationState", "Outcome", "Pane", "RunState", "Sample", "Session", "SessionKind", "SessionState",
    "Terminal", "TestResult", "TestRun", "TrashEntry", "TrashPart",
]  # fmt: skip

T = TypeVar("T")

BATCH_GAP = 10.0
"""Seconds between the starts of two jobs after which they don't belong to one batch of commands any more."""


class Fact(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Something that a collector saw, with its age and, when looking failed, why.

    A failed look keeps the last good value beside the error, so that the screen can show it as stale.
    """

    value: T | None = None
    """The last value seen; `None` when nothing was seen yet."""
    at: float | None = None
    """When `value` was seen."""
    error: str = ""
    """Why the last look failed; empty when it succeeded."""

    def age(self, now: float) -> float | None:
        """Seconds since the value was seen; `None` when there is no value."""
        return None if self.at is None else max(0.0, now - self.at)


class SessionKind(StrEnum):
    """How a session came to be."""

    SESSION = "session"
    CHECKOUT = "checkout"
    WORKSPACE = "workspace"


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One repository's part of a session: a branch in a worktree."""

    repository: str
    """Name of the repository; in a workspace unique among its members."""
    repository_path: str
    """Main worktree of the repository, resolved."""
    worktree: str
    branch: str | None = None
    managed_branch: bool = False
    """Whether devdeck made the branch (and so removes it with the session)."""
    base: str | None = None
    """Commit that the branch was made from, when devdeck made it."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One line of work: a label, a repository, a branch, a worktree, a terminal.

    A workspace (kind `workspace`) has `members`; its `repository` is the name of the folder that its repositories
    were found in, `repository_path` that folder, and `worktree` the folder that holds the worktrees of its members.
    It is no git worktree itself. Each member is a session too, derived and never stored: `parent` is the workspace's
    id, its label is `<workspace>:<repository>`, and it has no terminal of its own.
    """

    id: str
    """Stable id. For a session that was found and not made, derived from what it was found by."""
    label: str
    kind: SessionKind = SessionKind.SESSION
    repository: str
    """Name of the repository (its folder's name)."""
    repository_path: str
    """Main worktree of the repository, resolved."""
    worktree: str
    """Where the work is done, resolved."""
    branch: str | None = None
    """Branch checked out when the session was made; `GitFacts.branch` says what is checked out now."""
    managed: bool = True
    """False for a worktree or tmux session that others made and devdeck only shows."""
    managed_branch: bool = False
    """Whether devdeck made the branch (and so removes it with the session)."""
    base: str | None = None
    """Commit that the branch was made from, when devdeck made it."""
    backend: str = "local"
    created_at: float | None = None
    target: str = ""
    """What a checkout was asked for, such as `pr/7`."""
    members: tuple[Member, ...] = ()
    """The repositories of a workspace; empty for any other session."""
    parent: str | None = None
    """Id of the workspace that this is a member of."""

    @property
    def places(self) -> tuple[Member, ...]:
        """Where its work is: the members of a workspace, else the one worktree that it has."""
        if self.kind is SessionKind.WORKSPACE:
            return self.members
        return (
            Member(
                repository=self.repository,
                repository_path=self.repository_path,
                worktree=self.worktree,
                branch=self.branch,
                managed_branch=self.managed_branch,
                base=self.base,
            ),
        )

    @property
    def member_ids(self) -> tuple[str, ...]:
        """Ids of the sessions that `member_sessions` gives."""
        return tuple(f"{self.id}.{member.repository}" for member in self.members)

    def member_sessions(self) -> tuple[Session, ...]:
        """The members of a workspace as sessions; empty for any other session."""
        return tuple(
            Session(
                id=f"{self.id}.{member.repository}",
                label=f"{self.label}:{member.repository}",
                kind=SessionKind.SESSION,
                repository=member.repository,
                repository_path=member.repository_path,
                worktree=member.worktree,
                branch=member.branch,
                managed_branch=member.managed_branch,
                base=member.base,
                backend=self.backend,
                created_at=self.created_at,
                parent=self.id,
            )
            for member in self.members
        )


class GitFacts(msgspec.Struct, frozen=True, kw_only=True):
    """State of one worktree (`git status --porcelain=v2 --branch`)."""

    branch: str | None
    """Branch checked out; `None` when HEAD is detached."""
    head: str | None
    """Full object id of HEAD; `None` before the first commit."""
    upstream: str | None = None
    ahead: int | None = None
    """Commits that the upstream lacks; `None` without an upstream or when it is gone."""
    behind: int | None = None
    staged: int = 0
    unstaged: int = 0
    untracked: int = 0
    conflicts: int = 0
    operation: str | None = None
    """`merge`, `rebase`, `am`, `cherry-pick`, `revert`, `bisect` when one is in progress."""

    @property
    def dirty(self) -> bool:
        """Whether the worktree or the index differs from HEAD, or holds untracked files."""
        return bool(self.staged or self.unstaged or self.untracked or self.conflicts)


class DiffPart(msgspec.Struct, frozen=True, kw_only=True):
    """What is not committed of one path, of one kind."""

    kind: str
    """`conflicts` (against HEAD), `staged` (index against HEAD), `changed` (files against the index) or `untracked`."""
    text: str
    """A unified diff, bounded."""
    note: str = ""
    """What it leaves out and why; empty when it is whole."""


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """One commit, as a log shows it."""

    oid: str
    subject: str
    author: str
    at: float


class JobKind(StrEnum):
    """What a job was started for."""

    RUN = "run"
    TEST = "test"
    LINT = "lint"
    BUILD = "build"
    SHELL = "shell"
    INIT = "init"
    """A command of the repository's configuration that sets a new session up."""
    TEARDOWN = "teardown"
    """A command of the repository's configuration that runs before a session is removed."""


class JobState(StrEnum):
    """Where a job is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"
    LOST = "lost"
    """Its runner is gone and left no result, for instance after SIGKILL or a reboot."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One command that the deck runs for a session."""

    id: str
    session_id: str
    kind: JobKind
    argv: tuple[str, ...]
    cwd: str
    directory: str
    """Folder of the job: `spec.json`, `output.log`, `started.json`, `result.json`, `events.jsonl`."""
    created_at: float
    state: JobState = JobState.STARTING
    pid: int | None = None
    """Process id (and process group) of the command."""
    runner_pid: int | None = None
    started_at: float | None = None
    ended_at: float | None = None
    exit_status: int | None = None
    """0 to 255; `None` while running, when lost, and when a signal ended the command."""
    signal: int | None = None
    """Number of the signal that ended the command."""
    stopped: bool = False
    """Whether it ended because somebody asked for it, or because its time was up."""
    timed_out: bool = False
    """Whether it was stopped because its time was up."""
    skipped: bool = False
    """Whether it was left out of its sequence: its condition did not hold, or one before it failed."""
    reason: str = ""
    """Why it could not be started, was left out or stopped, or how it was lost."""
    batch: str = ""
    """Id of the first job of the sequence that it was started with; empty when it was started alone."""
    window_id: str | None = None
    pane_id: str | None = None
    title: str = ""

    @property
    def log(self) -> str:
        """Path of the log file, the command's bytes as its terminal received them."""
        return f"{self.directory}/output.log"

    @property
    def running(self) -> bool:
        """Whether the command may still write to its log."""
        return self.state in (JobState.STARTING, JobState.RUNNING)

    @property
    def failed(self) -> bool:
        """Whether it ended not well, by itself or because its time was up; not when it was stopped on request."""
        if self.state is not JobState.ENDED or self.skipped:
            return False
        return self.timed_out or (not self.stopped and (self.exit_status != 0 or self.signal is not None))

    @property
    def duration(self) -> float | None:
        """Seconds from start to end; `None` when either is unknown."""
        if self.started_at is None or self.ended_at is None:
            return None
        return max(0.0, self.ended_at - self.started_at)

    @property
    def verdict(self) -> str:
        """How it stands, in words: `running`, `exit 1`, `SIGKILL`, `stopped`, `timed out`, `skipped`, `lost`."""
        if self.state is not JobState.ENDED:
            return str(self.state)
        if self.skipped or self.timed_out:
            return "skipped" if self.skipped else "timed out"
        if self.stopped:
            return "stopped"
        if self.signal is not None:
            try:
                return signals.Signals(self.signal).name
            except ValueError:
                return f"signal {self.signal}"
        if self.exit_status is None:
            return "not started"
        return f"exit {self.exit_status}"


class Outcome(StrEnum):
    """Outcome of one test."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    RUNNING = "running"


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One place in source code that a failure went through."""

    path: str
    """As the runner said it: absolute, or relative to the run's directory."""
    line: int
    """Counted from 1."""
    message: str = ""


class TestResult(msgspec.Struct, frozen=True, kw_only=True):
    """Result of one test in one run."""

    __test__ = False  # pytest would collect it by its name

    id: str
    """The runner's own id, such as `tests/test_a.py::test_b[1]`."""
    outcome: Outcome
    duration: float = 0.0
    """Seconds, set-up and teardown included."""
    path: str | None = None
    """File of the test, relative to the run's directory."""
    line: int | None = None
    """Line of the test, or of the failure when it failed, counted from 1."""
    message: str = ""
    frames: tuple[Frame, ...] = ()
    """Frames of the failure, the outermost first."""
    detail: str = ""
    """The failure as the runner prints it, cut to a bounded size."""


class RunState(StrEnum):
    """Verdict of a test run, results and exit status reconciled."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    NO_TESTS = "no-tests"
    STOPPED = "stopped"


class TestRun(msgspec.Struct, frozen=True, kw_only=True):
    """A job whose output is also read as test results. Its id is the job's id."""

    __test__ = False

    job_id: str
    session_id: str
    runner: str
    """Name of the adapter, such as `pytest`."""
    environment: str
    """Where the interpreter came from, and which one it is."""
    state: RunState
    reason: str = ""
    """The evidence for the state, such as `exit 1, 3 failed`."""
    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    total: int | None = None
    """Tests collected; `None` while unknown."""
    started_at: float | None = None
    ended_at: float | None = None


class Sample(msgspec.Struct, frozen=True):
    """What the processes of one session use."""

    at: float
    cpu: float
    """Percent of one core, over the time since the sample before."""
    memory: int
    """Bytes (`Sample.memory` is RSS unless the sampler says PSS)."""
    processes: int


class HostSample(msgspec.Struct, frozen=True):
    """What the whole machine uses."""

    at: float
    cpu: float
    """Percent of all cores, 0 to 100."""
    memory_used: int
    memory_total: int
    load: float
    """One-minute load average."""


class OperationState(StrEnum):
    """Where a journaled change is."""

    PLANNED = "planned"
    DOING = "doing"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One change of the world made through the deck."""

    id: str
    verb: str
    """`start`, `remove`, `run`, `test`, `stop`, `send`, …"""
    session_id: str | None
    label: str
    state: OperationState
    detail: str = ""
    """What was planned, done or went wrong, in words."""
    undo: str = ""
    """How to get back what it took away, in words; empty when it took nothing."""
    started_at: float
    ended_at: float | None = None


class TrashPart(msgspec.Struct, frozen=True, kw_only=True):
    """What was kept of one worktree and its branch."""

    member: Member
    folder: str | None = None
    """Where the worktree's folder is kept, with everything that was in it; `None` when there was none any more."""
    admin: str | None = None
    """Where git's own files about the worktree are kept (HEAD, index, reflog, a merge or rebase in progress)."""
    admin_origin: str | None = None
    """Where they were: `<common dir>/worktrees/<name>`."""
    refs: tuple[str, ...] = ()
    """Hidden references that keep the objects from git's garbage collection, full names."""
    branch_tip: str | None = None
    """Object id that the deleted branch pointed to; `None` when the branch was not deleted."""
    dropped: tuple[str, ...] = ()
    """Ignored files and folders over the limit that were not kept, relative to the worktree."""


class TrashEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A removed session that can be brought back."""

    id: str
    """Id of the operation that removed it."""
    session: Session
    at: float
    size: int = 0
    """Bytes in its files (`devdeck.removal.moving.measure`), git's own about it among them."""
    parts: tuple[TrashPart, ...] = ()
    folder: str | None = None
    """Where the folder of a workspace is kept, with the worktrees that lie in it and what lies beside them."""
    recorded: bool = True
    """Whether the store had it; false for what was found and not made."""
    terminal: bool = False
    """Whether it had a terminal."""
    layout: bytes = b""
    """The windows of its terminal, encoded by `devdeck.terminal.layouts`; empty when it had none."""
    expires_at: float | None = None
    """When it will be deleted for good; `None` when that is not known or never happens by itself."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a collector is doing."""

    state: str
    """`starting`, `ok`, `stale` or `error`."""
    message: str = ""
    hint: str = ""
    at: float | None = None


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known now of one session."""

    session: Session
    git: Fact[GitFacts] = Fact()
    terminal: Fact[Terminal] = Fact()
    """`value` is `None` with `at` set when the session has no tmux session."""
    jobs: tuple[Job, ...] = ()
    """Newest first, bounded."""
    run: TestRun | None = None
    """The last test run."""
    sample: Sample | None = None

    @property
    def running(self) -> tuple[Job, ...]:
        """Jobs that have not ended."""
        return tuple(job for job in self.jobs if job.running)

    @property
    def initialization(self) -> tuple[Job, ...]:
        """The newest batch of jobs that set the session up, the newest first; empty when there is none.

        Jobs of one sequence are a batch (`Job.batch`). Those without one go back from the newest until they lie more
        than `BATCH_GAP` apart or a command comes again.
        """
        batch: list[Job] = []
        for job in self.jobs:
            if job.kind is not JobKind.INIT:
                continue
            if batch and batch[0].batch:
                batch += [job] if job.batch == batch[0].batch else []
                continue
            again = any((job.argv, job.cwd) == (later.argv, later.cwd) for later in batch)
            if batch and (again or batch[-1].created_at - job.created_at > BATCH_GAP):
                break
            batch.append(job)
        return tuple(batch)

    @property
    def failed_initialization(self) -> Job | None:
        """The first job of the newest batch that failed or was lost; `None` when none did."""
        bad = [job for job in self.initialization if job.failed or job.state is JobState.LOST]
        return bad[-1] if bad else None

    @property
    def init_failed(self) -> bool:
        """Whether setting the session up failed when it was last done."""
        return self.failed_initialization is not None
