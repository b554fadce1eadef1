"""Records as the JSON of the command-line contract (design, section 5). Keys are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devdeck.cli.output import iso
from devdeck.model import Fact, GitFacts, Job, Operation, Session, SessionState, Terminal, TestResult, TestRun


def state_view(state: SessionState, members: Sequence[SessionState] = ()) -> dict[str, Any]:
    """One entry of `ls --json`, from everything that is known of a session.

    A workspace is one entry: its counts are the sums over its repositories, its tests those of the repository that is
    worst off, and `members` has an entry for each, with the same shape of `git`, `jobs` and `tests`.
    """
    terminal = state.terminal
    view = session_view(state.session, terminal.value, state.git, len(state.running), state.run)
    if terminal.error:
        view["terminal"]["alive"] = None
    view["setup"]["state"] = _setup_state(state)
    view["members"] = [member_view(member) for member in members]
    return view


def member_view(state: SessionState) -> dict[str, Any]:
    """One repository of a workspace. It has no terminal of its own."""
    view = session_view(state.session, None, state.git, len(state.running), state.run)
    view["setup"]["state"] = _setup_state(state)
    wanted = ("id", "label", "repository", "repository_path", "worktree", "branch", "git", "jobs", "tests", "setup")
    return {key: view[key] for key in wanted}


def _setup_state(state: SessionState) -> str | None:
    """How setting a session up went the last time: `failed`, `running`, `done`; `None` when nothing was run for it."""
    if not state.initialization:
        return None
    if state.init_failed:
        return "failed"
    return "running" if any(job.running for job in state.initialization) else "done"


def session_view(
    session: Session,
    terminal: Terminal | None,
    git: Fact[GitFacts],
    running: int,
    run: TestRun | None,
) -> dict[str, Any]:
    """What is known of one session; `state_view` gives the whole entry."""
    facts = git.value
    return {
        "id": session.id,
        "label": session.label,
        "kind": str(session.kind),
        "managed": session.managed,
        "repository": session.repository,
        "repository_path": session.repository_path,
        "worktree": session.worktree,
        "branch": facts.branch if facts else session.branch,
        "backend": session.backend,
        "terminal": {
            "id": terminal.id if terminal else None,
            "name": terminal.name if terminal else None,
            "alive": terminal is not None,
        },
        "git": {
            "dirty": facts.dirty if facts else None,
            "staged": facts.staged if facts else None,
            "unstaged": facts.unstaged if facts else None,
            "untracked": facts.untracked if facts else None,
            "conflicts": facts.conflicts if facts else None,
            "ahead": facts.ahead if facts else None,
            "behind": facts.behind if facts else None,
            "upstream": facts.upstream if facts else None,
            "operation": facts.operation if facts else None,
            "error": git.error or None,
        },
        "jobs": {"running": running},
        "tests": {
            "state": str(run.state) if run else None,
            "passed": run.passed if run else None,
            "failed": run.failed + run.errors if run else None,
            "at": iso(run.ended_at or run.started_at) if run else None,
        },
        "setup": {"state": None},
        "created_at": iso(session.created_at),
        "members": [],
    }


def job_view(job: Job, label: str | None) -> dict[str, Any]:
    """One job."""
    return {
        "id": job.id,
        "session": label,
        "session_id": job.session_id,
        "kind": str(job.kind),
        "title": job.title,
        "argv": list(job.argv),
        "cwd": job.cwd,
        "state": str(job.state),
        "verdict": job.verdict,
        "exit_status": job.exit_status,
        "signal": job.signal,
        "stopped": job.stopped,
        "timed_out": job.timed_out,
        "skipped": job.skipped,
        "batch": job.batch or None,
        "reason": job.reason or None,
        "pid": job.pid,
        "log": job.log,
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "ended_at": iso(job.ended_at),
        "duration": job.duration,
    }


def run_view(run: TestRun) -> dict[str, Any]:
    """One test run."""
    return {
        "job": run.job_id,
        "runner": run.runner,
        "environment": run.environment,
        "state": str(run.state),
        "reason": run.reason,
        "passed": run.passed,
        "failed": run.failed,
        "errors": run.errors,
        "skipped": run.skipped,
        "total": run.total,
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
    }


def result_view(result: TestResult) -> dict[str, Any]:
    """One test result."""
    return {
        "id": result.id,
        "outcome": str(result.outcome),
        "duration": result.duration,
        "path": result.path,
        "line": result.line,
        "message": result.message or None,
        "frames": [
            {"path": frame.path, "line": frame.line, "message": frame.message or None} for frame in result.frames
        ],
        "detail": result.detail or None,
    }


def operation_view(operation: Operation) -> dict[str, Any]:
    """One entry of the operation log."""
    return {
        "id": operation.id,
        "verb": operation.verb,
        "label": operation.label,
        "state": str(operation.state),
        "detail": operation.detail,
        "undo": operation.undo or None,
        "started_at": iso(operation.started_at),
        "ended_at": iso(operation.ended_at),
    }
