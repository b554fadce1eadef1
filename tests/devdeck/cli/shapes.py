"""The JSON documents of the command line, declared: which keys each has, and of what type.

Scripts rely on them: keys are only ever added. A key that is not declared here is no part of the contract yet.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Time = str | None
"""ISO 8601 with an offset."""


class TerminalView(msgspec.Struct):
    id: str | None
    name: str | None
    alive: bool


class GitView(msgspec.Struct):
    dirty: bool | None
    staged: int | None
    unstaged: int | None
    untracked: int | None
    conflicts: int | None
    ahead: int | None
    behind: int | None
    upstream: str | None
    operation: str | None
    error: str | None


class Running(msgspec.Struct):
    running: int


class Tests(msgspec.Struct):
    __test__ = False
    state: str | None
    passed: int | None
    failed: int | None
    at: Time


class Setup(msgspec.Struct):
    state: Literal["failed", "running", "done"] | None


class SessionView(msgspec.Struct):
    id: str
    label: str
    kind: Literal["session", "checkout", "workspace"]
    managed: bool
    repository: str
    repository_path: str
    worktree: str
    branch: str | None
    backend: str
    terminal: TerminalView
    git: GitView
    jobs: Running
    tests: Tests
    setup: Setup
    created_at: Time


class OneSession(msgspec.Struct):
    session: SessionView


class Sessions(msgspec.Struct):
    sessions: list[SessionView]


class Summary(msgspec.Struct):
    summary: dict[str, int]


class Plan(msgspec.Struct):
    plan: list[str]


class StartPlan(Plan):
    label: str
    branch: str
    worktree: str
    upstream: str | None
    warnings: list[str]


class ChangePlan(Plan):
    label: str
    warnings: list[str]


class CommandPlan(Plan):
    argv: list[str]
    cwd: str


class LabelPlan(Plan):
    label: str


class Came(msgspec.Struct):
    label: str
    came: str


class Opened(msgspec.Struct):
    session: str
    switched: bool
    attach: list[str] | None


class OpenPlan(Plan):
    session: str


class Target(msgspec.Struct):
    label: str
    sent: bool
    exit_status: int | None
    output: str | None
    error: str | None


class Sent(msgspec.Struct):
    dry_run: bool
    targets: list[Target]


class JobView(msgspec.Struct):
    id: str
    session: str | None
    session_id: str
    kind: str
    title: str
    argv: list[str]
    cwd: str
    state: Literal["starting", "running", "ended", "lost"]
    verdict: str
    exit_status: int | None
    signal: int | None
    stopped: bool
    reason: str | None
    pid: int | None
    log: str
    created_at: Time
    started_at: Time
    ended_at: Time
    duration: float | None


class OneJob(msgspec.Struct):
    job: JobView


class Jobs(msgspec.Struct):
    jobs: list[JobView]


class RunView(msgspec.Struct):
    job: str
    runner: str
    environment: str
    state: Literal["running", "passed", "failed", "error", "no-tests", "stopped"]
    reason: str
    passed: int
    failed: int
    errors: int
    skipped: int
    total: int | None
    started_at: Time
    ended_at: Time


class ResultView(msgspec.Struct):
    id: str
    outcome: str
    duration: float
    path: str | None
    line: int | None
    message: str | None
    frames: list[dict[str, Any]]
    detail: str | None


class Tested(msgspec.Struct):
    run: RunView
    job: JobView
    results: list[ResultView]


class Log(msgspec.Struct):
    job: str
    path: str
    state: str
    lines: list[str]


class OperationView(msgspec.Struct):
    id: str
    verb: str
    label: str
    state: Literal["planned", "doing", "done", "failed", "undone"]
    detail: str
    undo: str | None
    started_at: Time
    ended_at: Time


class Failure(msgspec.Struct):
    label: str
    code: str
    message: str
    hint: str


class Removed(msgspec.Struct):
    removed: list[OperationView]


class RemovalPlanView(msgspec.Struct):
    label: str
    steps: list[str]
    risks: list[str]
    notes: list[str]
    forbidden: str | None


class RemovalPlans(msgspec.Struct):
    plans: list[RemovalPlanView]


class UndoPlan(Plan):
    operation: OperationView


class Undone(msgspec.Struct):
    undone: OperationView


class TrashView(msgspec.Struct):
    id: str
    label: str
    kind: str
    repository: str
    worktree: str
    branch: str | None
    size: int
    removed_at: Time
    expires_at: Time
    parts: list[dict[str, Any]]


class Trash(msgspec.Struct):
    trash: list[TrashView]


class Dropped(msgspec.Struct):
    dropped: list[TrashView]
    dry_run: bool


class Restored(msgspec.Struct):
    label: str
    worktree: str
    branch: str | None


class RestorePlan(Plan):
    label: str
    worktree: str


class TerminalRestored(msgspec.Struct):
    label: str
    restored: bool
    alive: bool
    error: str | None


class TerminalsRestored(msgspec.Struct):
    terminals: list[TerminalRestored]


class TerminalPlan(msgspec.Struct):
    label: str
    step: str | None
    error: str | None


class TerminalPlans(msgspec.Struct):
    plans: list[TerminalPlan]


class Imported(msgspec.Struct):
    label: str
    kind: str
    worktree: str
    plan: list[str]
    warnings: list[str]


class NotImported(msgspec.Struct):
    label: str
    file: str
    reason: str
    known: bool


class Import(msgspec.Struct):
    dry_run: bool
    folder: str
    imported: list[Imported]
    skipped: list[NotImported]
    errors: list[str]


class FindingView(msgspec.Struct):
    name: str
    state: Literal["ok", "warn", "fail"]
    evidence: str
    fix: str
    fixable: bool


class Examined(msgspec.Struct):
    findings: list[FindingView]
    fixed: list[str]
    fixable: int
    dry_run: bool


class Script(msgspec.Struct):
    shell: str
    script: str
    install: str


class Help(msgspec.Struct):
    command: str
    help: str
    arguments: list[dict[str, Any]]
    options: list[dict[str, Any]]
    commands: list[str]


class Settings(msgspec.Struct):
    settings: list[dict[str, Any]]
    repository: dict[str, Any] | None


class ConfigPath(msgspec.Struct):
    user: str
    user_exists: bool
    repository: str | None


class Checked(msgspec.Struct):
    files: list[str]
    warnings: list[str]


class Trusted(msgspec.Struct):
    file: str
    dry_run: bool


class Distrusted(msgspec.Struct):
    path: str
    forgotten: int
    dry_run: bool


class Centre(msgspec.Struct):
    windows: list[dict[str, Any]]


class Edited(msgspec.Struct):
    file: str


class WorkspacePlan(Plan):
    label: str
    worktree: str
    members: list[dict[str, Any]]
    warnings: list[str]
