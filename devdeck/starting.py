"""Making a session: everything is checked first, then done in steps that are taken back when one of them fails."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import msgspec

from devdeck.errors import DeckError, Refused, UsageError
from devdeck.git import refs, repository
from devdeck.labels import folder_name, why_not_label
from devdeck.model import Session
from devdeck.setup import Setups
from devdeck.steps.making import AddWorktree, MakeTerminal, Record, Reserve
from devdeck.store import LabelTaken
from devdeck.transactions import Site, Step, Transactions, words_of


class StartPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What starting a session would do."""

    session: Session
    todo: tuple[Step, ...]
    """What would be done, in order."""
    warnings: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """In words, in order."""
        return words_of(self.todo)


class Starting:
    """Plans and starts sessions. Synchronous."""

    def __init__(self, site: Site, transactions: Transactions, setups: Setups) -> None:
        self._site = site
        self._setups = setups
        self._paths = site.paths
        self._store = site.store
        self._transactions = transactions

    def plan(self, label: str, path: str, base: str | None) -> StartPlan:
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
        session = Session(
            id=uuid.uuid4().hex,
            label=label,
            repository=repo.name,
            repository_path=repo.root,
            worktree=str(self._free_folder(repo, label)),
            branch=label,
            managed_branch=not local,
            base=start or (refs.resolve_commit(repo.root, f"refs/remotes/{remote}") if remote else None),
            created_at=time.time(),
        )
        ignored = local and base is not None
        return StartPlan(
            session=session,
            todo=self._steps(session, remote),
            warnings=(f"branch {label!r} exists, so --base {base} is not used",) if ignored else (),
        )

    def _steps(self, session: Session, remote: str | None) -> tuple[Step, ...]:
        return (
            Reserve(session=session),
            AddWorktree(
                repository_path=session.repository_path,
                worktree=session.worktree,
                branch=session.label,
                create=session.managed_branch,
                start=session.base,
                remote=remote,
            ),
            *self._setups.steps(session),
            MakeTerminal(session=session),
            Record(session=session),
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
            DeckError: As `plan`; or a step failed, and nothing is left of it.
        """
        self._site.terminals.require()  # no tmux, no start: found out before anything is made
        return self.carry_out(self.plan(label, path, base))

    def carry_out(self, plan: StartPlan, verb: str = "start") -> Session:
        """Do what a plan says.

        Raises:
            DeckError: A step failed, and nothing is left of it.
        """
        self._transactions.run(verb, plan.session, plan.todo, undo=f"devdeck rm {plan.session.label}")
        self._setups.launch(plan.session)
        return plan.session
