"""The deck: every change of the world goes through here, checked first and journaled before and after.

Synchronous: the command line calls it directly, the dashboard in threads. A face holds no rule of its own.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from devdeck import discover
from devdeck.boundary import translated
from devdeck.errors import DeckError, Missing, NotFound, Refused, UsageError
from devdeck.git import refs, repository, trash, worktrees
from devdeck.jobs import lifecycle
from devdeck.jobs.files import runner_argv
from devdeck.jobs.shell import shell_argv
from devdeck.jobs.tasks import find_task
from devdeck.labels import folder_name, why_not_label
from devdeck.live import Handoff, RemovalPlan
from devdeck.model import Job, JobKind, Operation, OperationState, RunState, Session, Terminal, TestRun
from devdeck.paths import Paths
from devdeck.store import LabelTaken, Store

if TYPE_CHECKING:
    from backends.tmux.server import TmuxServer
    from devdeck.runs import RunFollower
    from devdeck.testing.adapter import RunPlan

JOBS_KEPT = 50
"""Ended jobs kept for a session; older ones go with their logs when a new one starts."""


class Deck:
    """One deck: a store, a tmux server, and everything that can be done with them."""

    def __init__(self, paths: Paths, store: Store, tmux: TmuxServer) -> None:
        self.paths = paths
        self.store = store
        self.tmux = tmux

    @classmethod
    def open(cls, paths: Paths | None = None) -> Deck:
        """Open the user's deck, making its folders and its store when they are not there.

        Raises:
            DeckError: The folders or the store can't be used.
        """
        from backends.tmux.server import TmuxServer

        paths = paths or Paths.from_environment()
        try:
            paths.ensure()
        except OSError as error:
            raise DeckError(
                f"can't make {error.filename}: {error.strerror}", "check its permissions, or set XDG_DATA_HOME"
            ) from error
        return cls(paths, Store(paths.database), TmuxServer.from_environment())

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    # Looking

    def terminals(self) -> tuple[Terminal, ...]:
        """What the tmux server has; empty when none runs.

        Raises:
            Missing: tmux is not installed.
        """
        with translated():
            return self.tmux.terminals()

    def sessions(self, terminals: Sequence[Terminal] | None = None) -> tuple[Session, ...]:
        """All sessions, made and found. `terminals` saves asking tmux again."""
        if terminals is None:
            try:
                terminals = self.terminals()
            except Missing:
                terminals = ()
        return discover.find_sessions(self.store.sessions(), self.store.repositories(), terminals)

    def session(self, label: str) -> Session:
        """The session of exactly this label.

        Raises:
            NotFound: There is none; similar labels are named.
        """
        made = self.store.session(label)
        if made is not None:
            return made
        sessions = self.sessions()
        for session in sessions:
            if session.label == label:
                return session
        import difflib

        near = difflib.get_close_matches(label, [session.label for session in sessions], n=3, cutoff=0.6)
        hint = "did you mean " + " or ".join(near) + "?" if near else "`devdeck ls` lists them"
        raise NotFound(f"no session {label!r}", hint)

    def previous(self, here: str | None) -> Session:
        """The session visited last that is not `here` (a session id)."""
        sessions = {session.id: session for session in self.sessions()}
        for id_ in self.store.visited():
            if id_ in sessions and id_ != here:
                return sessions[id_]
        raise NotFound("no session was open before", "open one with `devdeck open LABEL`")

    def here(self) -> str | None:
        """Id of the session that this process runs in, by `DEVDECK_SESSION`; `None` outside."""
        return os.environ.get("DEVDECK_SESSION") or None

    def terminal(self, session: Session) -> Terminal | None:
        """The session's tmux session, or `None` when it has none now."""
        return discover.match_terminals([session], self.terminals()).get(session.id)

    # Starting a session

    def plan_start(self, label: str, path: str, base: str | None) -> StartPlan:
        """Check everything that `start` needs, and say what it would do. Changes nothing.

        Args:
            label: The new session's label, and the name of its branch.
            path: Any folder in the repository.
            base: Where a new branch starts; HEAD of the repository when `None`. With a branch that exists, unused.

        Raises:
            UsageError: The label can't be used.
            LabelTaken: It is in use.
            NotFound: No repository at `path`, or no such base.
            Refused: The branch is checked out elsewhere.
        """
        if reason := why_not_label(label):
            raise UsageError(f"can't use the label {label!r}: {reason}", "letters, digits, - _ . and / are fine")
        if self.store.session(label) is not None:
            raise LabelTaken(f"a session {label!r} exists already", f"open it with `devdeck open {label}`")
        repo = repository.find_repository(path)
        local = refs.local_branch_exists(repo.root, label)
        if local and (place := refs.checked_out_at(repo.root, label)):
            raise Refused(
                f"branch {label!r} is checked out at {place}",
                "choose another label, or work there: it is listed by `devdeck ls`",
            )
        remote = None if local or base is not None else refs.remote_branch(repo.root, label)
        start = None if local or remote else refs.resolve_commit(repo.root, base or "HEAD")
        warning = f"branch {label!r} exists, so --base {base} is not used" if local and base is not None else ""
        return StartPlan(
            session=Session(
                id=uuid.uuid4().hex,
                label=label,
                repository=repo.name,
                repository_path=repo.root,
                worktree=str(self._free_folder(repo, label)),
                branch=label,
                managed_branch=not local,
                base=start,
                created_at=time.time(),
            ),
            remote=remote,
            warning=warning,
        )

    def _free_folder(self, repo: repository.Repository, label: str) -> Path:
        parent = self.paths.worktrees / f"{repo.name}-{repo.id}"
        for suffix in ("", *(f"~{number}" for number in range(2, 100))):
            folder = parent / (folder_name(label) + suffix)
            if not folder.exists():
                return folder
        raise DeckError(f"no free folder for {label!r} in {parent}", "remove what others left there")

    def start(self, label: str, path: str, base: str | None = None) -> Session:
        """Make a session: branch, worktree, tmux session. When a step fails, those before it are undone.

        Raises:
            DeckError: As `plan_start`; or a step failed, and nothing is left of it.
        """
        with translated():
            self.tmux.version()  # no tmux, no start: found out before anything is made
        plan = self.plan_start(label, path, base)
        session = plan.session
        self.store.reserve(session, os.getpid())
        operation = self.store.begin(
            "start", session_id=session.id, label=label, detail="; ".join(plan.steps), pid=os.getpid()
        )
        with ExitStack() as undo:
            undo.callback(self.store.forget_session, session.id)
            try:
                with translated():
                    self._make(plan, undo)
                self.store.save_session(session)
                self.store.know_repository(session.repository_path, session.repository)
            except BaseException as error:
                self.store.finish(operation, OperationState.FAILED, f"{error or type(error).__name__}; undone")
                raise
            undo.pop_all()
        self.store.finish(operation, OperationState.DONE, plan.steps[0], undo=f"devdeck rm {label}")
        return session

    def _make(self, plan: StartPlan, undo: ExitStack) -> None:
        session = plan.session
        Path(session.worktree).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        undo.callback(self._unmake_worktree, plan)
        worktrees.add_worktree(
            session.repository_path,
            session.worktree,
            branch=session.label,
            create=session.managed_branch,
            start=plan.remote or session.base,
            track=plan.remote is not None,
        )
        terminal = self._new_terminal(session)
        undo.callback(self.tmux.kill_session, terminal.id)

    def _unmake_worktree(self, plan: StartPlan) -> None:
        session = plan.session
        if Path(session.worktree).exists():
            worktrees.remove_worktree(session.repository_path, session.worktree, force=True)
        tip = plan.session.base
        if (
            session.managed_branch
            and tip is not None
            and refs.local_branch_exists(session.repository_path, session.label)
        ):
            refs.delete_branch(session.repository_path, session.label, expected_oid=tip)

    def _new_terminal(self, session: Session) -> Terminal:
        return self.tmux.new_session(
            name=f"{session.repository}-{folder_name(session.label)}",
            cwd=session.worktree,
            devdeck_id=session.id,
            env={"DEVDECK_SESSION": session.id, "DEVDECK_LABEL": session.label},
        )

    def ensure_terminal(self, session: Session) -> Terminal:
        """The session's tmux session, made anew when it is gone.

        Raises:
            NotFound: The worktree is gone, so there is nothing to open.
        """
        terminal = self.terminal(session)
        if terminal is not None:
            return terminal
        if not Path(session.worktree).is_dir():
            raise NotFound(
                f"the worktree of {session.label!r} is gone: {session.worktree}",
                f"`git worktree prune` and `devdeck rm {session.label}` tidy up",
            )
        with translated():
            return self._new_terminal(session)

    # Going there

    def hand_off(self, session: Session) -> Handoff:
        """Go to a session's terminal: switch the client when inside the same tmux server, else say how to attach.

        The visit is recorded first, so that `open -` works however the user comes back.
        """
        terminal = self.ensure_terminal(session)
        self.store.visit(session.id)
        with translated():
            if self.tmux.inside():
                self.tmux.switch_client(terminal.id)
                return Handoff(())
            return Handoff(tuple(self.tmux.attach_argv(terminal.id)))

    def send(self, session: Session, text: str) -> None:
        """Type text and Enter into the session's active pane.

        Raises:
            NotFound: The session has no terminal, or only ended jobs in view.
        """
        terminal = self.terminal(session)
        pane = terminal.active_pane if terminal else None
        if terminal is None or pane is None:
            raise NotFound(f"{session.label!r} has no terminal to send to", f"`devdeck open {session.label}` makes it")
        if pane.dead:
            live = [other for other in terminal.panes if not other.dead]
            if not live:
                raise NotFound(
                    f"every pane of {session.label!r} has ended", f"`devdeck open {session.label}` shows them"
                )
            pane = live[0]
        operation = self.store.begin("send", session_id=session.id, label=session.label, detail=text, pid=os.getpid())
        self._finishing(operation, lambda: self.tmux.send_text(pane.id, text))

    def _finishing(self, operation: Operation, act: Callable[[], object], undo: str = "") -> Operation:
        try:
            with translated():
                act()
        except BaseException as error:
            self.store.finish(operation, OperationState.FAILED, f"{error or type(error).__name__}")
            raise
        return self.store.finish(operation, OperationState.DONE, operation.detail, undo)

    # Removing a session

    def plan_remove(self, session: Session) -> RemovalPlan:
        """What removing a session would do, and which work it would take that exists nowhere else."""
        if session.worktree == session.repository_path:
            return RemovalPlan(
                session=session,
                steps=(),
                risks=("it is the repository's main worktree, which devdeck never removes",),
            )
        steps: list[str] = []
        risks: list[str] = []
        running = [job for job in self.jobs(session) if job.running]
        for job in running:
            steps.append(f"stop {job.title or job.kind} ({' '.join(job.argv)[:60]})")
            risks.append(f"a job is running: {job.title or job.kind}")
        if Path(session.worktree).is_dir():
            risks += trash.removal_risks(
                session.worktree, session.repository_path, session.branch, branch_goes=session.managed_branch
            )
            steps.append(f"remove the worktree {session.worktree}")
        else:
            steps.append(f"forget the worktree {session.worktree}, which is gone")
        if session.managed_branch:
            steps.append(f"delete the branch {session.branch}")
        elif session.branch:
            steps.append(f"keep the branch {session.branch}")
        steps.append("end its tmux session")
        return RemovalPlan(session=session, steps=tuple(steps), risks=tuple(risks))

    def remove(self, session: Session, *, force: bool = False) -> Operation:
        """Remove a session: its jobs, worktree, own branch and tmux session, in that order.

        With `force` everything that git can see goes to hidden refs first, named in the operation's `undo`.

        Raises:
            Refused: Work would be lost (the risks are named) and `force` is not given, or it is a main worktree.
        """
        plan = self.plan_remove(session)
        if session.worktree == session.repository_path:
            raise Refused(f"{session.label!r} can't be removed: {plan.risks[0]}", "end its tmux session with tmux")
        if plan.risks and not force:
            raise Refused(
                f"{session.label!r} holds work that would be lost: " + "; ".join(plan.risks),
                f"commit and push it, or use `devdeck rm {session.label} --force`, which keeps a copy in hidden refs",
            )
        terminal = self._terminal_if_any(session)
        operation = self.store.begin(
            "remove", session_id=session.id, label=session.label, detail="; ".join(plan.steps), pid=os.getpid()
        )
        try:
            with translated():
                undo = self._take_apart(session, operation, keep=bool(plan.risks))
        except BaseException as error:
            self.store.finish(operation, OperationState.FAILED, f"{error or type(error).__name__}")
            raise
        operation = self.store.finish(operation, OperationState.DONE, operation.detail, undo)
        if terminal is not None:
            # Last, and after the journal: the caller may live in it.
            with translated():
                self.tmux.kill_session(terminal.id)
        return operation

    def _terminal_if_any(self, session: Session) -> Terminal | None:
        try:
            return self.terminal(session)
        except Missing:
            return None

    def _take_apart(self, session: Session, operation: Operation, *, keep: bool) -> str:
        for job in self.jobs(session):
            if job.running:
                self.store.save_job(lifecycle.stop(job))
        undo = ""
        exists = Path(session.worktree).is_dir()
        if keep and exists:
            saved = trash.save(session.worktree, key=operation.id, branch=session.branch)
            undo = "kept as " + " ".join(saved)
        if exists:
            worktrees.remove_worktree(session.repository_path, session.worktree, force=keep)
        elif Path(session.repository_path).is_dir():
            worktrees.prune(session.repository_path)
        if session.managed_branch and session.branch and Path(session.repository_path).is_dir():
            self._delete_branch(session.repository_path, session.branch)
        self.store.forget_session(session.id)
        return undo

    def _delete_branch(self, root: str, branch: str) -> None:
        if refs.local_branch_exists(root, branch) and not refs.checked_out_at(root, branch):
            refs.delete_branch(root, branch, expected_oid=refs.resolve_commit(root, f"refs/heads/{branch}"))

    # Jobs

    def jobs(self, session: Session | None = None, limit: int = JOBS_KEPT) -> tuple[Job, ...]:
        """Jobs of a session, or of all, newest first, as they stand now; what has ended meanwhile is recorded."""
        return tuple(self.refresh(job) for job in self.store.jobs(session.id if session else None, limit))

    def job(self, job_id: str) -> Job:
        """One job as it stands now.

        Raises:
            NotFound: No job has this id.
        """
        return self.refresh(self.store.job(job_id))

    def refresh(self, job: Job) -> Job:
        """The job as its files and processes say it stands now; its end is recorded in the store."""
        if not job.running:
            return job
        now = lifecycle.refresh(job)
        if now != job:
            self.store.save_job(now)
        return now

    def run(
        self,
        session: Session,
        argv: Sequence[str],
        *,
        kind: JobKind = JobKind.RUN,
        env: Mapping[str, str] | None = None,
        unset: Sequence[str] = (),
        title: str = "",
    ) -> Job:
        """Start a command in a window of the session. It goes on without this process.

        Args:
            session: Where.
            argv: The command, executed without a shell.
            kind: What it is for; ended windows of the same kind make room.
            env: Added to the environment of the session's terminal.
            unset: Names removed from it.
            title: How to call it; the command's first word when empty.

        Raises:
            DeckError: It can't be started.
        """
        terminal = self.ensure_terminal(session)
        title = title or Path(argv[0] if argv else "").name
        job = lifecycle.prepare(
            self.paths.jobs,
            session_id=session.id,
            kind=kind,
            argv=argv,
            cwd=session.worktree,
            env=env or {},
            unset=unset,
            title=title,
        )
        return self._launch(session, terminal, job)

    def _launch(self, session: Session, terminal: Terminal, job: Job) -> Job:
        operation = self.store.begin(
            str(job.kind), session_id=session.id, label=session.label, detail=" ".join(job.argv)[:500], pid=os.getpid()
        )
        self.store.save_job(job)
        try:
            with translated():
                self._clear_ended_windows(terminal, job.kind)
                window, pane = self.tmux.new_window(
                    terminal.id,
                    name=str(job.kind),
                    cwd=session.worktree,
                    argv=runner_argv(job.directory),
                    env={"DEVDECK_SESSION": session.id, "DEVDECK_JOB": job.id},
                    job_id=job.id,
                )
        except BaseException as error:
            self.store.forget_jobs((job.id,))
            self.store.finish(operation, OperationState.FAILED, f"{error or type(error).__name__}")
            raise
        job = msgspec.structs.replace(job, window_id=window, pane_id=pane)
        self.store.save_job(job)
        self.store.finish(operation, OperationState.DONE, operation.detail)
        self._prune_jobs(session)
        return job

    def _clear_ended_windows(self, terminal: Terminal, kind: JobKind) -> None:
        for pane in terminal.panes:
            if pane.dead and pane.job_id and pane.window_name == str(kind):
                self.tmux.kill_window(pane.window_id)

    def _prune_jobs(self, session: Session) -> None:
        old = [job for job in self.store.jobs(session.id, limit=JOBS_KEPT * 4)[JOBS_KEPT:] if not job.running]
        if old:
            self.store.forget_jobs(tuple(job.id for job in old))
            for job in old:
                lifecycle.discard(job)

    def run_shell(self, session: Session, line: str, kind: JobKind = JobKind.SHELL) -> Job:
        """Start a line of shell in the session, with the user's shell."""
        if not line.strip():
            raise UsageError("no command to run", "for example `$ make`")
        return self.run(session, shell_argv(line), kind=kind, title=line.strip().split()[0][:40])

    def run_task(self, session: Session, kind: JobKind) -> Job:
        """Start the repository's own lint or build command, found by evidence; or its tests."""
        if kind is JobKind.TEST:
            return self.test(session)
        task = find_task(Path(session.worktree), kind)
        return self.run(session, task.argv, kind=kind, title=str(kind))

    def stop(self, job: Job) -> Job:
        """Stop a job with its whole process group; returns it as it ended."""
        job = self.refresh(job)
        if not job.running and not lifecycle.survivors(job):
            return job
        session = next((session for session in self.store.sessions() if session.id == job.session_id), None)
        operation = self.store.begin(
            "stop",
            session_id=job.session_id,
            label=session.label if session else "",
            detail=f"stop {job.title or job.kind}",
            pid=os.getpid(),
        )
        ended: list[Job] = []
        self._finishing(operation, lambda: ended.append(lifecycle.stop(job)))
        self.store.save_job(ended[0])
        return ended[0]

    # Tests

    def plan_test(self, session: Session, selection: Sequence[str] = ()) -> RunPlan:
        """How the session's tests would be run.

        Args:
            session: Whose tests.
            selection: The runner's own ids or paths; everything when empty.

        Raises:
            NotFound: No test runner is known for this repository.
            Missing: Its environment lacks the runner.
        """
        from devdeck.testing.registry import choose

        worktree = Path(session.worktree)
        adapter, _ = choose(worktree)
        return adapter.plan(worktree, selection=selection)

    def test(self, session: Session, selection: Sequence[str] = ()) -> Job:
        """Run the session's tests with the runner that the repository uses, in its own environment.

        Raises:
            DeckError: As `plan_test` and `run`.
        """
        plan = self.plan_test(session, selection)
        terminal = self.ensure_terminal(session)
        job = lifecycle.prepare(
            self.paths.jobs,
            session_id=session.id,
            kind=JobKind.TEST,
            argv=plan.argv,
            cwd=session.worktree,
            env=plan.env,
            unset=plan.unset,
            title=plan.runner,
        )
        run = TestRun(
            job_id=job.id,
            session_id=session.id,
            runner=plan.runner,
            environment=plan.environment,
            state=RunState.RUNNING,
            reason="starting",
            started_at=job.created_at,
        )
        self.store.save_run(run, job.created_at)
        return self._launch(session, terminal, job)

    def follow_run(self, job: Job) -> RunFollower:
        """A follower of the job's test run.

        Raises:
            NotFound: The job is no test run.
        """
        from devdeck.runs import follow

        follower = follow(self.store, job)
        if follower is None:
            raise NotFound(f"job {job.id} is no test run", "`devdeck jobs` lists them")
        return follower


class StartPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What starting a session would do."""

    session: Session
    remote: str | None
    """Remote branch that the new branch starts from and tracks."""
    warning: str = ""

    @property
    def steps(self) -> tuple[str, ...]:
        """In words, in order."""
        session = self.session
        if not session.managed_branch:
            branch = f"use the branch {session.label}"
        elif self.remote:
            branch = f"make the branch {session.label} from {self.remote}, tracking it"
        else:
            branch = f"make the branch {session.label} from {(session.base or 'HEAD')[:10]}"
        return (branch, f"add the worktree {session.worktree}", "start a tmux session there")
