"""What runs in sessions: commands, tests, tasks. Each is a job that outlives this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from devdeck import discover
from devdeck.errors import NotFound, UsageError
from devdeck.journal import Journal
from devdeck.model import Job, JobKind, JobState, RunState, Session, Terminal, TestRun
from devdeck.paths import Paths
from devdeck.store import Store
from devdeck.terminal.terminals import Terminals

if TYPE_CHECKING:
    from devdeck.runs import RunFollower
    from devdeck.testing.adapter import RunPlan

JOBS_KEPT = 50
"""Ended jobs kept for a session; older ones go with their logs when a new one starts."""


class Work:
    """See the module. Synchronous."""

    def __init__(self, paths: Paths, store: Store, terminals: Terminals) -> None:
        self._paths = paths
        self._store = store
        self._terminals = terminals
        self._journal = Journal(store)

    def jobs(self, session: Session | None = None, limit: int = JOBS_KEPT) -> tuple[Job, ...]:
        """Jobs of a session, or of all, newest first, as they stand now; what has ended meanwhile is recorded.

        A workspace has its members' jobs too.
        """
        if session is None or not session.members:
            return tuple(self.refresh(job) for job in self._store.jobs(session.id if session else None, limit))
        every = [job for id_ in (session.id, *session.member_ids) for job in self._store.jobs(id_, limit)]
        every.sort(key=lambda job: (job.created_at, job.id), reverse=True)
        return tuple(self.refresh(job) for job in every[:limit])

    def job(self, job_id: str) -> Job:
        """One job as it stands now.

        Raises:
            NotFound: No job has this id.
        """
        return self.refresh(self._store.job(job_id))

    def refresh(self, job: Job) -> Job:
        """The job as its files and processes say it stands now; its end is recorded in the store."""
        if not job.running:
            return job
        from devdeck.jobs import lifecycle

        now = lifecycle.refresh(job)
        if now != job:
            self._store.save_job(now)
        return now

    def run(
        self,
        session: Session,
        argv: Sequence[str],
        *,
        kind: JobKind = JobKind.RUN,
        env: Mapping[str, str | None] | None = None,
        title: str = "",
    ) -> Job:
        """Start a command in a window of the session. It goes on without this process.

        Args:
            session: Where.
            argv: The command, executed without a shell.
            kind: What it is for; ended windows of the same kind make room.
            env: Variables to set, or with `None` to remove, on top of the environment of the session's terminal.
            title: How to call it; the command's first word when empty.

        Raises:
            DeckError: It can't be started.
        """
        from devdeck.jobs import lifecycle

        terminal = self._terminals.ensure(session)
        job = lifecycle.prepare(
            self._paths.jobs,
            session_id=session.id,
            kind=kind,
            argv=argv,
            cwd=session.worktree,
            env=env,
            title=title or Path(argv[0] if argv else "").name,
        )
        return self._launch(session, terminal, job)

    def _launch(self, session: Session, terminal: Terminal, job: Job) -> Job:
        from devdeck.jobs.files import runner_argv

        self._store.save_job(job)
        try:
            with self._journal.change(str(job.kind), session, " ".join(job.argv)[:500]):
                self._clear_ended_windows(terminal, job.kind)
                window, pane = self._terminals.tmux.new_window(
                    terminal.id,
                    name=str(job.kind),
                    cwd=session.worktree,
                    argv=runner_argv(job.directory),
                    env={"DEVDECK_SESSION": session.id, "DEVDECK_JOB": job.id},
                    job_id=job.id,
                )
        except BaseException:
            self._store.forget_jobs((job.id,))
            raise
        job = msgspec.structs.replace(job, window_id=window, pane_id=pane)
        self._store.save_job(job)
        self.prune(session)
        return job

    def _clear_ended_windows(self, terminal: Terminal, kind: JobKind) -> None:
        for pane in terminal.panes:
            if pane.dead and pane.job_id and pane.window_name == str(kind):
                self._terminals.tmux.kill_window(pane.window_id)

    def prune(self, session: Session) -> None:
        """Drop all but the newest jobs of a session, with their logs; none that runs."""
        old = [job for job in self._store.jobs(session.id, limit=JOBS_KEPT * 4)[JOBS_KEPT:] if not job.running]
        if old:
            import shutil

            self._store.forget_jobs(tuple(job.id for job in old))
            for job in old:
                shutil.rmtree(self._paths.jobs / job.id, ignore_errors=True)

    def run_shell(self, session: Session, line: str, kind: JobKind = JobKind.SHELL) -> Job:
        """Start a line of shell in the session, with the user's shell."""
        if not line.strip():
            raise UsageError("no command to run", "for example `$ make`")
        from devdeck.jobs.shell import shell_argv

        return self.run(session, shell_argv(line), kind=kind, title=line.strip().split()[0][:40])

    def run_task(self, session: Session, kind: JobKind) -> Job:
        """Start the repository's own lint or build command, found by evidence; or its tests."""
        if kind is JobKind.TEST:
            return self.test(session)
        from devdeck.jobs.tasks import find_task

        task = find_task(Path(session.worktree), kind)
        return self.run(session, task.argv, kind=kind, title=str(kind))

    def stop(self, job: Job) -> Job:
        """Stop a job with its whole process group; returns it as it ended."""
        job = self.refresh(job)
        if job.state is JobState.ENDED:
            return job
        from devdeck.jobs import lifecycle

        session = self._session_of(job)
        with self._journal.change("stop", session, f"stop {job.title or job.kind}"):
            ended = lifecycle.stop(job)
        self._store.save_job(ended)
        return ended

    def _session_of(self, job: Job) -> Session:
        for session in discover.with_members(self._store.sessions()):
            if session.id == job.session_id:
                return session
        place = job.cwd
        return Session(id=job.session_id, label="", repository="", repository_path=place, worktree=place, managed=False)

    # Tests

    def plan_test(self, session: Session, selection: Sequence[str] = (), job_id: str = "") -> tuple[str, RunPlan]:
        """How the session's tests would be run.

        Args:
            session: Whose tests.
            selection: The runner's own ids or paths; everything when empty.
            job_id: The job that will run them.

        Returns:
            The runner's name and the plan.

        Raises:
            UsageError: The session is a workspace; each of its members has tests of its own.
            NotFound: No test runner is known for this repository.
            Missing: Its environment lacks the runner.
        """
        from devdeck.testing.adapter import EVENTS
        from devdeck.testing.registry import choose

        if session.members:
            members = " or ".join(f"`devdeck test {member.label}`" for member in session.member_sessions())
            raise UsageError(
                f"{session.label!r} is a workspace: its tests are its repositories'", f"for example {members}"
            )
        worktree = Path(session.worktree)
        adapter, _ = choose(worktree)
        events = self._paths.jobs / (job_id or "JOB") / EVENTS
        return adapter.name, adapter.plan(worktree, events=events, selection=selection)

    def test(self, session: Session, selection: Sequence[str] = ()) -> Job:
        """Run the session's tests with the runner that the repository uses, in its own environment.

        Raises:
            DeckError: As `plan_test` and `run`.
        """
        from devdeck.jobs import lifecycle

        job_id = lifecycle.new_job_id()
        runner, plan = self.plan_test(session, selection, job_id)
        terminal = self._terminals.ensure(session)
        job = lifecycle.prepare(
            self._paths.jobs,
            session_id=session.id,
            kind=JobKind.TEST,
            argv=plan.argv,
            cwd=session.worktree,
            env={**plan.env, **dict.fromkeys(plan.unset)},
            title=runner,
            job_id=job_id,
        )
        run = TestRun(
            job_id=job.id,
            session_id=session.id,
            runner=runner,
            environment=plan.environment,
            state=RunState.RUNNING,
            reason="starting",
            started_at=job.created_at,
        )
        self._store.save_run(run, job.created_at)
        return self._launch(session, terminal, job)

    def follow_run(self, job: Job) -> RunFollower:
        """A follower of the job's test run.

        Raises:
            NotFound: The job is no test run.
        """
        from devdeck.runs import follow

        follower = follow(self._store, job)
        if follower is None:
            raise NotFound(f"job {job.id} is no test run", "`devdeck jobs` lists them")
        return follower
