"""Removing a session: what would go is shown first, and is kept."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from devdeck.errors import Missing, Refused
from devdeck.git import refs, trash, worktrees
from devdeck.journal import Journal
from devdeck.live import RemovalPlan
from devdeck.model import Operation, Session, Terminal
from devdeck.setup import Setups
from devdeck.transactions import Site, Transactions


class Removing:
    """Plans and removes sessions. Synchronous."""

    def __init__(self, site: Site, transactions: Transactions, setups: Setups) -> None:
        self._site = site
        self._setups = setups
        self._store = site.store
        self._terminals = site.terminals
        self._work = site.work
        self._transactions = transactions
        self._journal = Journal(site.store)

    def plan(self, session: Session) -> RemovalPlan:
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
        plan = self.plan(session)
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
