"""Steps that make a session: its label, its worktrees, its terminal, its record."""

from __future__ import annotations

from pathlib import Path

from devdeck.git import refs, worktrees
from devdeck.model import Session
from devdeck.transactions import Site, Step


class Reserve(Step, frozen=True, kw_only=True, tag="reserve", tag_field="step"):
    """Take the label, so that nobody else makes a session of it meanwhile."""

    session: Session

    def do(self, site: Site) -> None:
        """Take it.

        Raises:
            LabelTaken: It is in use.
        """
        if self.session.id not in {session.id for session, _ in site.store.half_made()}:
            site.store.reserve(self.session)

    def undo(self, site: Site) -> None:
        """Give it back."""
        site.store.forget_session(self.session.id)


class AddWorktree(Step, frozen=True, kw_only=True, tag="add-worktree", tag_field="step"):
    """Make a worktree, and its branch when that is new."""

    repository_path: str
    worktree: str
    branch: str
    create: bool
    """Whether the branch is new."""
    start: str | None = None
    """Object id that a new branch starts at."""
    remote: str | None = None
    """Remote-tracking branch that a new branch starts at and tracks, such as `origin/x`."""

    def words(self) -> str:
        """The branch and the worktree."""
        if not self.create:
            return f"add the worktree {self.worktree} on the branch {self.branch}"
        origin = f"{self.remote}, tracking it" if self.remote else (self.start or "HEAD")[:10]
        return f"make the branch {self.branch} from {origin}; add the worktree {self.worktree}"

    def do(self, site: Site) -> None:
        """Make both; nothing is left of them when it fails."""
        Path(self.worktree).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        worktrees.add_worktree(
            self.repository_path,
            self.worktree,
            branch=self.branch,
            create=self.create,
            start=self.remote or self.start,
            track=self.remote is not None,
        )

    def undo(self, site: Site) -> None:
        """Remove the worktree when nothing was changed in it, and the branch when no commit was made on it.

        Raises:
            DeckError: There is work in it.
        """
        if not Path(self.repository_path).is_dir():
            return
        if Path(self.worktree).exists():
            worktrees.remove_worktree(self.repository_path, self.worktree)
        else:
            worktrees.prune(self.repository_path)
        if self.create and self.start and refs.local_branch_exists(self.repository_path, self.branch):
            refs.delete_branch(self.repository_path, self.branch, expected_oid=self.start)


class MakeTerminal(Step, frozen=True, kw_only=True, tag="make-terminal", tag_field="step"):
    """Start a tmux session for it."""

    session: Session

    def words(self) -> str:
        """The terminal."""
        return "start a tmux session there"

    def do(self, site: Site) -> None:
        """Start it, unless it runs."""
        if site.terminals.own(self.session) is None:
            site.terminals.make(self.session)

    def undo(self, site: Site) -> None:
        """End it."""
        terminal = site.terminals.own(self.session)
        if terminal is not None:
            site.terminals.end(terminal)


class Record(Step, frozen=True, kw_only=True, tag="record", tag_field="step"):
    """Write the session into the store, ready for use."""

    session: Session

    def do(self, site: Site) -> None:
        """Write it, and remember its repositories."""
        site.store.save_session(self.session)
        for place in self.session.places:
            site.store.know_repository(place.repository_path, place.repository)

    def undo(self, site: Site) -> None:
        """Nothing: `Reserve`, which comes before, forgets the session."""
