"""Steps that make a session: its label, its worktrees, its terminal, its record."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from devdeck.errors import Missing, Refused
from devdeck.git import admin as admins
from devdeck.git import fetching, halfway, refs, remotes, repository, status, worktrees
from devdeck.git.forge import without_secret
from devdeck.model import Session, TrashEntry
from devdeck.text import one_line
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
        """Give it back. When it was never taken, a session of this id is somebody else's, and made."""
        site.store.give_back(self.session.id)


class AddRemote(Step, frozen=True, kw_only=True, tag="add-remote", tag_field="step"):
    """Add a remote: somebody's fork."""

    repository_path: str
    name: str
    url: str

    def words(self) -> str:
        """The remote and its URL, without a secret in it."""
        return f"add the remote {self.name} ({one_line(without_secret(self.url), limit=200)})"

    def do(self, site: Site) -> None:
        """Add it, unless it is there.

        Raises:
            UsageError: Another remote has that name.
        """
        remotes.add_remote(self.repository_path, self.name, self.url)

    def undo(self, site: Site) -> None:
        """Remove it with what is known of it, unless a branch follows it."""
        if Path(self.repository_path).is_dir():
            remotes.remove_remote(self.repository_path, self.name, self.url)


class AddWorktree(Step, frozen=True, kw_only=True, tag="add-worktree", tag_field="step"):
    """Make a worktree, and its branch when that is new."""

    repository_path: str
    worktree: str
    branch: str
    create: bool
    """Whether the branch is new."""
    start: str | None = None
    """Object id that a new branch starts at."""
    follow: tuple[str, str] | None = None
    """What a new branch follows: (remote, full name there), such as `origin` and `refs/heads/x`."""
    fetch: bool = False
    """Whether that must be fetched first."""
    key: str = ""
    """Names what is set aside should it have to be: the session's id."""

    @property
    def upstream(self) -> str:
        """What a new branch will track, as it is shown: `origin/x`, `origin/pull/7/head`; empty for nothing."""
        return _short(*self.follow) if self.create and self.follow is not None else ""

    def words(self) -> str:
        """The branch and the worktree."""
        if not self.create:
            return f"add the worktree {self.worktree} on the branch {self.branch}"
        origin = (self.start or "HEAD")[:10]
        words = ""
        if self.upstream:
            origin = f"{self.upstream}, tracking it"
            words = f"fetch {self.upstream}; " if self.fetch else ""
        return f"{words}make the branch {self.branch} from {origin}; add the worktree {self.worktree}"

    def do(self, site: Site) -> None:
        """Make both.

        Raises:
            UsageError: Something is in the worktree's place.
            NotFound: The remote has no such branch any more.
            DeckError: git failed.
        """
        root = self.repository_path
        if self._made():
            return
        if self.fetch and self.follow is not None:
            remote, ref = self.follow
            fetching.fetch_ref(root, remote, ref, remotes.tracking_ref(remote, ref))
        worktrees.add_worktree(root, self.worktree, branch=self.branch, create=self.create, start=self.start)
        if self.create and self.follow is not None:
            remotes.follow(root, self.branch, *self.follow)

    def _made(self) -> bool:
        """Whether it is there already, whole, from an attempt that was cut off afterwards."""
        admin = self._admin()
        return admin is not None and not halfway.is_half_made(admin) and Path(self.worktree, ".git").is_file()

    def _admin(self) -> Path | None:
        """Git's folder about the worktree, when it is ours: on our branch, or not yet on any."""
        common = repository.common_dir(self.repository_path)
        admin = admins.admin_of(common, self.worktree) if common is not None else None
        if admin is None or halfway.branch_of(admin) == self.branch or halfway.is_half_made(admin):
            return admin
        return None

    def undo(self, site: Site) -> None:
        """Remove the worktree; set it aside in the trash when it holds work. A branch with new commits stays.

        Raises:
            DeckError: It can't be removed, or not be set aside.
        """
        root = self.repository_path
        if not Path(root).is_dir():
            return
        halfway.stop_git_at(self.worktree)
        admin = self._admin()
        if admin is not None and self._holds_work(admin):
            self._set_aside(site)
        elif admin is not None:
            halfway.discard(root, self.worktree)
        else:
            with suppress(OSError):
                os.rmdir(self.worktree)  # made for git, which did not come to it; not empty means not ours
        self._delete_branch()

    def _holds_work(self, admin: Path) -> bool:
        if not Path(self.worktree).is_dir():
            return False
        root, branch = self.repository_path, f"refs/heads/{self.branch}"
        whole = not halfway.is_half_made(admin) and Path(self.worktree, ".git").is_file()
        if whole and (status.operation(admin) or status.has_anything(self.worktree)):
            return True
        if not refs.local_branch_exists(root, self.branch):
            return any(child.name != ".git" for child in Path(self.worktree).iterdir())
        return halfway.holds_more(root, self.worktree, refs.resolve_commit(root, branch))

    def _set_aside(self, site: Site) -> None:
        from devdeck.removal import keeping

        key = f"start-{self.key or hashlib.sha256(os.fsencode(self.worktree)).hexdigest()[:16]}"
        part = keeping.set_aside(site.paths, self.repository_path, self.worktree, key, branch=self.branch)
        name = repository.repository_name(self.repository_path)
        session = Session(
            id=self.key or key,
            label=self.branch,
            repository=name,
            repository_path=self.repository_path,
            worktree=self.worktree,
            branch=self.branch,
            managed_branch=self.create,
            base=self.start,
        )
        site.store.save_trash(TrashEntry(id=key, session=session, at=time.time(), parts=(part,)))

    def _delete_branch(self) -> None:
        root = self.repository_path
        if not (self.create and self.start and refs.local_branch_exists(root, self.branch)):
            return
        with suppress(Refused):  # in use elsewhere, or with commits made since: it is somebody's now
            refs.delete_branch(root, self.branch, expected_oid=self.start)


def _short(remote: str, ref: str) -> str:
    return f"{remote}/{ref.removeprefix('refs/heads/').removeprefix('refs/')}"


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
        """End it; without tmux there is none."""
        with suppress(Missing):
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
        """It is not made any more; `Reserve`, which comes before, gives its label back."""
        site.store.unmake(self.session.id)
