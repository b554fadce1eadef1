"""Steps that change what a session is called, and whose it is."""

from __future__ import annotations

import os

from devdeck.errors import DeckError, NotFound
from devdeck.git import refs
from devdeck.git import repository as repositories
from devdeck.git.changing import change
from devdeck.labels import folder_name
from devdeck.model import Session, SessionKind, Terminal
from devdeck.steps.making import Record
from devdeck.transactions import Site, Step

_NAMES_TRIED = 100


class RenameBranch(Step, frozen=True, kw_only=True, tag="rename-branch", tag_field="step"):
    """Give a branch another name, with its upstream, its reflog and the HEAD of the worktree that has it."""

    repository_path: str
    old: str
    new: str

    def words(self) -> str:
        """Both names."""
        return f"rename the branch {self.old} to {self.new}"

    def do(self, site: Site) -> None:
        """Rename it, unless that was done."""
        self._move(self.old, self.new)

    def undo(self, site: Site) -> None:
        """Give it the old name back, when the old one is gone and the new one is there."""
        self._move(self.new, self.old)

    def _move(self, here: str, there: str) -> None:
        if refs.local_branch_exists(self.repository_path, here):
            if refs.local_branch_exists(self.repository_path, there):
                if here == self.new:
                    return  # the branch was never renamed: the other one was in the way
                raise DeckError(f"a branch {there!r} exists already", "choose another label", code="branch-exists")
            change(self.repository_path, "branch", "-m", "--", here, there)
        elif here == self.old and not refs.local_branch_exists(self.repository_path, there):
            raise NotFound(f"no branch {here!r} in {self.repository_path}", "`--keep-branch` leaves branches alone")


class RenameTerminal(Step, frozen=True, kw_only=True, tag="rename-terminal", tag_field="step"):
    """Give a session's tmux session, which devdeck named, the name for another label."""

    session: Session
    """The session with the old label."""
    label: str
    """The new one."""

    def words(self) -> str:
        """That it is renamed."""
        return "rename its tmux session"

    def do(self, site: Site) -> None:
        """Rename it, unless the user gave it a name of their own."""
        self._rename(site, self.session.label, self.label)

    def undo(self, site: Site) -> None:
        """Name it as before."""
        self._rename(site, self.label, self.session.label)

    def _rename(self, site: Site, here: str, there: str) -> None:
        terminal = site.terminals.own(self.session)
        if terminal is None:
            return
        if named_by_devdeck(terminal, self.session, here):
            taken = {other.name for other in site.terminals.all() if other.id != terminal.id}
            base = terminal_name(self.session, there)
            names = (base, *(f"{base}-{number}" for number in range(2, _NAMES_TRIED)))
            free = next((name for name in names if name not in taken), None)
            if free is None:
                raise DeckError(f"there are a hundred tmux sessions named like {base} already", "choose another label")
            site.terminals.tmux.rename_session(terminal.id, free)
        site.terminals.tmux.mark(terminal.id, self.session.id, {"DEVDECK_LABEL": there})


def terminal_name(session: Session, label: str) -> str:
    """The name that devdeck gives to the tmux session of a session with this label."""
    from backends.tmux.formats import session_name

    return session_name(f"{session.repository}-{folder_name(label)}")


def named_by_devdeck(terminal: Terminal, session: Session, label: str) -> bool:
    """Whether a tmux session has the name that devdeck gives for this label, also with a number behind it."""
    base = terminal_name(session, label)
    tail = terminal.name.removeprefix(base)
    return terminal.name.startswith(base) and (not tail or (tail[0] == "-" and tail[1:].isdigit()))


class ChangeRecord(Step, frozen=True, kw_only=True, tag="change-record", tag_field="step"):
    """Change what the store says of a session. Last, because from here on the others see it."""

    before: Session
    after: Session

    def words(self) -> str:
        """The labels, when they differ."""
        same = self.before.label == self.after.label
        return "" if same else f"call the session {self.after.label} instead of {self.before.label}"

    def do(self, site: Site) -> None:
        """Write it."""
        site.store.change_session(self.after)

    def undo(self, site: Site) -> None:
        """Write what was there, unless the session is gone."""
        if any(session.id == self.before.id for session in site.store.sessions()):
            site.store.change_session(self.before)


class MarkTerminal(Step, frozen=True, kw_only=True, tag="mark-terminal", tag_field="step"):
    """Make a tmux session that others made the session's own."""

    session: Session
    terminal_id: str
    name: str
    """For display."""
    was: str = ""
    """Its `@devdeck_id` before."""

    def words(self) -> str:
        """Which."""
        return f"take over the tmux session {self.name}"

    def do(self, site: Site) -> None:
        """Mark it; one that has ended meanwhile, or belongs to another session now, is left alone."""
        terminal = self._terminal(site)
        if terminal is not None and terminal.devdeck_id in (self.was, ""):
            self._mark(site, self.session.id, self.session.id, self.session.label)

    def undo(self, site: Site) -> None:
        """Mark it as it was."""
        terminal = self._terminal(site)
        if terminal is not None and terminal.devdeck_id == self.session.id:
            self._mark(site, self.was, self.was or None, self.session.label if self.was else None)

    def _terminal(self, site: Site) -> Terminal | None:
        """The tmux session, told from a later one that got the same number by where it was started."""
        return next(
            (
                terminal
                for terminal in site.terminals.all()
                if terminal.id == self.terminal_id and is_in(terminal, self.session)
            ),
            None,
        )

    def _mark(self, site: Site, mark: str, id_: str | None, label: str | None) -> None:
        site.terminals.tmux.mark(self.terminal_id, mark, {"DEVDECK_SESSION": id_, "DEVDECK_LABEL": label})


def is_in(terminal: Terminal, session: Session) -> bool:
    """Whether a tmux session was started in a session's worktree, or in the folder of a workspace."""
    if session.kind is SessionKind.WORKSPACE:
        return os.path.realpath(terminal.path) == session.worktree
    return repositories.worktree_root(terminal.path) == session.worktree


class Adopt(Record, frozen=True, kw_only=True, tag="adopt", tag_field="step"):
    """As `Record`, in other words."""

    def words(self) -> str:
        """What it is from now on."""
        what = "workspace" if self.session.kind is SessionKind.WORKSPACE else "session"
        return f"list {self.session.worktree} as the {what} {self.session.label}"
