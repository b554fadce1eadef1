"""The sessions of a deck: which there are, making one, removing one."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from devdeck import discover
from devdeck.errors import DeckError, Missing, NotFound, Refused, UsageError
from devdeck.git import refs, repository, trash, worktrees
from devdeck.journal import Journal
from devdeck.labels import folder_name, why_not_label
from devdeck.live import RemovalPlan
from devdeck.model import Operation, Session, Terminal
from devdeck.paths import Paths
from devdeck.store import LabelTaken, Store
from devdeck.terminals import Terminals
from devdeck.work import Work


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


class Sessions:
    """See the module. Synchronous; every change is journaled, and a failed one is taken back."""

    def __init__(self, paths: Paths, store: Store, terminals: Terminals, work: Work) -> None:
        self._paths = paths
        self._store = store
        self._terminals = terminals
        self._work = work
        self._journal = Journal(store)

    def all(self, terminals: Sequence[Terminal] | None = None) -> tuple[Session, ...]:
        """All sessions, made and found. `terminals` saves asking tmux again."""
        if terminals is None:
            try:
                terminals = self._terminals.all()
            except Missing:
                terminals = ()
        return discover.find_sessions(self._store.sessions(), self._store.repositories(), terminals)

    def find(self, label: str) -> Session:
        """The session of exactly this label.

        Raises:
            NotFound: There is none; similar labels are named.
        """
        made = self._store.session(label)
        if made is not None:
            return made
        sessions = self.all()
        for session in sessions:
            if session.label == label:
                return session
        import difflib

        near = difflib.get_close_matches(label, [session.label for session in sessions], n=3, cutoff=0.6)
        hint = "did you mean " + " or ".join(near) + "?" if near else "`devdeck ls` lists them"
        raise NotFound(f"no session {label!r}", hint)

    def previous(self, here: str | None) -> Session:
        """The session visited last that is not `here` (a session id)."""
        sessions = {session.id: session for session in self.all()}
        for id_ in self._store.visited():
            if id_ in sessions and id_ != here:
                return sessions[id_]
        raise NotFound("no session was open before", "open one with `devdeck open LABEL`")

    def here(self) -> str | None:
        """Id of the session that this process runs in, by `DEVDECK_SESSION`; `None` outside."""
        return os.environ.get("DEVDECK_SESSION") or None

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
        if self._store.session(label) is not None:
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
        parent = self._paths.worktrees / f"{repo.name}-{repo.id}"
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
        self._terminals.require()  # no tmux, no start: found out before anything is made
        plan = self.plan_start(label, path, base)
        session = plan.session
        self._store.reserve(session, os.getpid())
        with ExitStack() as undo, self._journal.change("start", session, "; ".join(plan.steps)) as entry:
            undo.callback(self._store.forget_session, session.id)
            self._make(plan, undo)
            self._store.save_session(session)
            self._store.know_repository(session.repository_path, session.repository)
            entry.undo = f"devdeck rm {label}"
            undo.pop_all()
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
        terminal = self._terminals.make(session)
        undo.callback(self._terminals.end, terminal)

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
        running = [job for job in self._work.jobs(session) if job.running]
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
            risks += self._branch_risks(session)
        if session.managed_branch:
            steps.append(f"delete the branch {session.branch}")
        elif session.branch:
            steps.append(f"keep the branch {session.branch}")
        steps.append("end its tmux session")
        return RemovalPlan(session=session, steps=tuple(steps), risks=tuple(risks))

    def _branch_risks(self, session: Session) -> list[str]:
        """Commits that go with the branch of a session whose worktree is gone already."""
        root, branch = session.repository_path, session.branch
        if not (session.managed_branch and branch and Path(root).is_dir() and refs.local_branch_exists(root, branch)):
            return []
        commits = refs.unique_commits(root, f"refs/heads/{branch}", excluding_branch=branch)
        return [f"{commits} commits of {branch} exist nowhere else"] if commits else []

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
        terminal: Terminal | None = None
        with suppress(Missing):
            terminal = self._terminals.of(session)
        with self._journal.change("remove", session, "; ".join(plan.steps)) as entry:
            entry.undo = self._take_apart(session, entry.operation.id, keep=bool(plan.risks))
        if terminal is not None:
            # Last, and after the journal: the caller may live in it.
            self._terminals.end(terminal)
        return entry.operation

    def _take_apart(self, session: Session, key: str, *, keep: bool) -> str:
        for job in self._work.jobs(session):
            if job.running:
                self._work.stop(job)
        undo = ""
        exists = Path(session.worktree).is_dir()
        if keep and exists:
            saved = trash.save(session.worktree, key=key, branch=session.branch)
            undo = "kept as " + " ".join(saved)
        elif keep and session.branch:
            undo = "kept as " + " ".join(trash.save_branch(session.repository_path, key=key, branch=session.branch))
        if exists:
            worktrees.remove_worktree(session.repository_path, session.worktree, force=keep)
        elif Path(session.repository_path).is_dir():
            worktrees.prune(session.repository_path)
        if session.managed_branch and session.branch and Path(session.repository_path).is_dir():
            self._delete_branch(session.repository_path, session.branch)
        self._store.forget_session(session.id)
        return undo

    def _delete_branch(self, root: str, branch: str) -> None:
        if refs.local_branch_exists(root, branch) and not refs.checked_out_at(root, branch):
            refs.delete_branch(root, branch, expected_oid=refs.resolve_commit(root, f"refs/heads/{branch}"))
