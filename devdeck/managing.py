"""Changing what a session is called, and making sessions that others made devdeck's own."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Container, Sequence
from pathlib import Path

import msgspec

from devdeck import discover
from devdeck.errors import Missing, NotFound, Refused, UsageError
from devdeck.git import refs
from devdeck.git import repository as repositories
from devdeck.git.process import git
from devdeck.git.repository import git_dir
from devdeck.git.status import operation
from devdeck.git.worktrees import list_worktrees
from devdeck.labels import free_label, why_not_label
from devdeck.model import Member, Session, SessionKind, Terminal
from devdeck.sessions import Sessions
from devdeck.steps.making import Reserve
from devdeck.steps.managing import (
    Adopt,
    ChangeRecord,
    MarkTerminal,
    RenameBranch,
    RenameTerminal,
    is_in,
    named_by_devdeck,
)
from devdeck.store import LabelTaken
from devdeck.transactions import Site, Step, Transactions, words_of

_ID = re.compile(r"[0-9a-f]{32}|found-[0-9a-f]{16}")


class ChangePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of a session would do."""

    session: Session
    """As it would be afterwards."""
    todo: tuple[Step, ...]
    """What would be done, in order."""
    warnings: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """In words, in order."""
        return words_of(self.todo)


class Managing:
    """Renames and adopts sessions. Synchronous."""

    def __init__(self, site: Site, transactions: Transactions, sessions: Sessions) -> None:
        self._site = site
        self._store = site.store
        self._transactions = transactions
        self._sessions = sessions

    # Rename

    def plan_rename(self, session: Session, label: str, *, keep_branch: bool = False) -> ChangePlan:
        """Check everything that `rename` needs, and say what it would do. Changes nothing.

        The branch goes along when devdeck made it and it is called as the session is; in a workspace, each member's.
        Worktrees stay where they are, so that running programs and editors keep their paths.

        Raises:
            UsageError: The label can't be used, or the session can't have another.
            LabelTaken: Another session has it.
            Refused: The branch can't be renamed now.
        """
        self._require_own(session)
        if label == session.label:
            raise UsageError(f"the session is called {label!r} already", "name another label")
        require_label(label)
        self._require_free(label)
        renamed, warnings, steps = [], [], []
        for place in session.places:
            move, why = (False, "") if keep_branch else self._branch_moves(session, place)
            if move:
                assert place.branch is not None
                self._require_movable(place, place.branch, label)
                steps.append(RenameBranch(repository_path=place.repository_path, old=place.branch, new=label))
                place = msgspec.structs.replace(place, branch=label)
            elif why:
                warnings.append(why)
            renamed.append(place)
        after = _with_places(msgspec.structs.replace(session, label=label), tuple(renamed))
        terminal = self._own_terminal(session)
        terminals: tuple[Step, ...] = ()
        if terminal is not None:
            terminals = (RenameTerminal(session=session, label=label),)
            if not named_by_devdeck(terminal, session, session.label):
                warnings.append(f"the tmux session {terminal.name} keeps its name, which devdeck did not give it")
        return ChangePlan(
            session=after,
            todo=(*steps, *terminals, ChangeRecord(before=session, after=after)),
            warnings=tuple(warnings),
        )

    def _require_own(self, session: Session) -> None:
        if session.parent is not None:
            workspace = session.label.rpartition(":")[0]
            raise UsageError(f"{session.label!r} belongs to a workspace", f"rename the workspace {workspace!r}")
        if not session.managed:
            raise UsageError(
                f"{session.label!r} was made by others", f"`devdeck adopt {session.worktree} -l LABEL` gives it a label"
            )

    def _require_free(self, label: str) -> None:
        if self._store.session(label) is not None or label in {it.label for it, _ in self._store.half_made()}:
            raise LabelTaken(f"a session {label!r} exists already", "choose another label")

    @staticmethod
    def _branch_moves(session: Session, place: Member) -> tuple[bool, str]:
        """Whether a place's branch is renamed too, and else why not, where that is worth telling."""
        branch = place.branch
        if branch is None or not Path(place.repository_path).is_dir():
            return False, ""
        if not place.managed_branch:
            return False, f"the branch {branch} of {place.repository} keeps its name: devdeck did not make it"
        if branch != session.label:
            return False, f"the branch {branch} of {place.repository} keeps its name: it is not the session's"
        if not refs.local_branch_exists(place.repository_path, branch):
            return False, f"the branch {branch} of {place.repository} is gone"
        return True, ""

    @staticmethod
    def _require_movable(place: Member, old: str, new: str) -> None:
        root = place.repository_path
        refs.require_branch_name(new)
        for worktree in list_worktrees(root):
            own = git_dir(worktree.path)
            held = worktree.branch == old or os.path.realpath(worktree.path) == place.worktree
            if held and own is not None and (word := operation(own)):
                raise Refused(
                    f"the branch {old!r} can't be renamed now: a {word} is in progress at {worktree.path}",
                    "finish or abort it, or use --keep-branch",
                )
            if worktree.branch == old and os.path.realpath(worktree.path) != place.worktree:
                raise Refused(
                    f"the branch {old!r} is checked out at {worktree.path} too", "use --keep-branch to leave it alone"
                )
        if in_the_way := _branch_in_the_way(root, old, new):
            where = refs.checked_out_at(root, in_the_way)
            raise Refused(
                f"the branch {old!r} can't be renamed to {new!r}: a branch {in_the_way!r} exists in {place.repository}"
                + (f", checked out at {where}" if where else ""),
                "choose another label, or use --keep-branch",
            )

    def _own_terminal(self, session: Session) -> Terminal | None:
        try:
            return self._site.terminals.own(session)
        except Missing:
            return None

    def rename(self, session: Session, label: str, *, keep_branch: bool = False) -> Session:
        """Give a session another label, with its tmux session and the branch that devdeck made for it.

        Returns:
            The session as it is now.

        Raises:
            DeckError: As `plan_rename`; or a step failed, and all is as it was.
        """
        plan = self.plan_rename(session, label, keep_branch=keep_branch)
        self._transactions.run("rename", session, plan.todo, undo=f"devdeck rename {label} {session.label}")
        return plan.session

    # Adopt

    def plan_adopt(self, target: str | Session, label: str | None = None) -> ChangePlan:
        """Check everything that `adopt` needs, and say what it would do. Changes nothing.

        Args:
            target: A session that others made; or any folder in its worktree, its label, or the name of a tmux session
                that was started in it.
            label: Its label; when `None` the one that it is listed under.

        Raises:
            NotFound: No worktree there.
            LabelTaken: It is one of devdeck's own already, or another session has the label.
            UsageError: The label can't be used, or it is a main worktree, which is never a session of its own.
        """
        terminals = self._terminals()
        place = self._place(target, terminals)
        root = self._require_linked(place)
        listed = self._listed(place, terminals)
        terminal = self._terminal_at(place, terminals)
        name = label or (listed.label if listed else None) or default_label(place)
        require_label(name)
        self._require_free(name)
        session = Session(
            id=_own_id(terminal) or discover.session_id_for(place),
            label=name,
            repository=repositories.repository_name(root),
            repository_path=root,
            worktree=place,
            branch=repositories.read_head(place)[0],
            created_at=time.time(),
        )
        return adoption(session, terminal)

    def adopt(self, target: str | Session, label: str | None = None) -> Session:
        """Make a worktree that others made one of devdeck's sessions, with the tmux session that was started in it.

        Its branch is never deleted with it.

        Raises:
            DeckError: As `plan_adopt`; or a step failed, and all is as it was.
        """
        plan = self.plan_adopt(target, label)
        self.carry_out(plan, "adopt")
        return plan.session

    def carry_out(self, plan: ChangePlan, verb: str) -> None:
        """Do what a plan says.

        Raises:
            DeckError: A step failed, and all is as it was.
        """
        self._transactions.run(verb, plan.session, plan.todo)

    def label_for(self, place: str, taken: Container[str]) -> str:
        """A label that can be used and that nobody has, near to the branch of the worktree at `place`."""
        repository = repositories.repository_name(repositories.main_root(place) or place)
        label, _ = free_label(default_label(place), repository, taken)
        return label

    def _terminals(self) -> tuple[Terminal, ...]:
        try:
            return self._site.terminals.all()
        except Missing:
            return ()

    def _place(self, target: str | Session, terminals: Sequence[Terminal]) -> str:
        """The top folder of the worktree that is meant."""
        if isinstance(target, Session):
            return target.worktree
        folder = repositories.resolved(target)
        if os.path.isdir(folder):
            place = repositories.worktree_root(folder)
            if place is None:
                raise NotFound(f"{folder} is in no git worktree", "`git worktree list` shows a repository's worktrees")
            return place
        for session in self._sessions.all(terminals):
            if session.label == target:
                return session.worktree
        for terminal in terminals:
            if terminal.name == target and (place := repositories.worktree_root(terminal.path)):
                return place
        raise NotFound(f"no folder, session or tmux session {target!r}", "`devdeck ls` lists what can be adopted")

    def _require_linked(self, place: str) -> str:
        """The main worktree of the repository whose linked worktree `place` is."""
        for session in self._store.sessions():
            if place == session.worktree or place in {member.worktree for member in session.places}:
                raise LabelTaken(f"{place} is the session {session.label!r} already", f"`devdeck open {session.label}`")
        root = repositories.main_root(place)
        if root is None:
            raise NotFound(f"{place} is no git worktree (any more)", "was it moved or removed?")
        if root == place:
            raise UsageError(
                f"{place} is the main worktree of its repository, which is never removed and so no session of its own",
                "it is listed while a tmux session runs in it; `git worktree add` makes one that can be adopted",
            )
        return root

    def _listed(self, place: str, terminals: Sequence[Terminal]) -> Session | None:
        return next((session for session in self._sessions.all(terminals) if session.worktree == place), None)

    def _terminal_at(self, place: str, terminals: Sequence[Terminal]) -> Terminal | None:
        """The oldest tmux session that was started in a worktree and belongs to no session."""
        ids = {session.id for session in self._store.sessions()}
        free = [
            terminal
            for terminal in terminals
            if terminal.devdeck_id not in ids and repositories.worktree_root(terminal.path) == place
        ]
        return min(free, key=lambda terminal: (terminal.created_at, terminal.id), default=None)


def _own_id(terminal: Terminal | None) -> str:
    """The id that a devdeck marked a tmux session with; empty when there is none that a devdeck gives."""
    mark = terminal.devdeck_id if terminal else ""
    return mark if _ID.fullmatch(mark) else ""


def adoption(session: Session, terminal: Terminal | None) -> ChangePlan:
    """What makes a session that exists already one of devdeck's own."""
    marking: tuple[Step, ...] = ()
    if terminal is not None and is_in(terminal, session):
        marking = (MarkTerminal(session=session, terminal_id=terminal.id, name=terminal.name, was=terminal.devdeck_id),)
    return ChangePlan(session=session, todo=(Reserve(session=session), *marking, Adopt(session=session)))


def require_label(label: str) -> None:
    """Let pass what a session can be called.

    Raises:
        UsageError: It can't.
    """
    if reason := why_not_label(label):
        raise UsageError(f"can't use the label {label!r}: {reason}", "letters, digits, - _ . and / are fine")


def default_label(place: str) -> str:
    """A label for a worktree: its branch, else its folder's name."""
    branch = repositories.read_head(place)[0]
    return branch or Path(place).name


def _with_places(session: Session, places: tuple[Member, ...]) -> Session:
    if session.kind is SessionKind.WORKSPACE:
        return msgspec.structs.replace(session, members=places)
    return msgspec.structs.replace(session, branch=places[0].branch)


def _branch_in_the_way(root: str, old: str, new: str) -> str | None:
    """A branch that keeps another from getting a name: of that name, below it, or one of the folders above it.

    References are files: `fix` and `fix/login` can't both be branches (gitrepository-layout(5)).
    """
    below = git(root, "for-each-ref", "--format=%(refname:lstrip=2)", "--", f"refs/heads/{new}").text.split("\n")
    parts = new.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts))]
    found = [*filter(None, below), *(name for name in above if refs.local_branch_exists(root, name))]
    return next((name for name in found if name != old), None)
