"""Steps that bring a removed session back from the trash, beside `devdeck.steps.removing.Move`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from devdeck.errors import DeckError, Missing, NotFound
from devdeck.git import admin as admins
from devdeck.git import refs, trash
from devdeck.model import OperationState, Session, TrashEntry
from devdeck.removal import keeping
from devdeck.removal.moving import delete_tree
from devdeck.transactions import Site, Step


class RequireEntry(Step, frozen=True, kw_only=True, tag="require-entry", tag_field="step"):
    """Make sure, now that no other change of the session can begin, that the entry is still in the trash."""

    entry_id: str
    label: str

    def do(self, site: Site) -> None:
        """Look.

        Raises:
            NotFound: Another devdeck brought it back, or deleted it.
        """
        if self.entry_id not in {entry.id for entry in site.store.trash()}:
            raise NotFound(f"{self.label!r} is not in the trash any more", "`devdeck trash` lists what there is")


class BringBranch(Step, frozen=True, kw_only=True, tag="bring-branch", tag_field="step"):
    """Make a branch again that was deleted with the session."""

    root: str
    branch: str
    oid: str
    folder: str | None = None
    """Where its reflog and settings are kept."""

    def words(self) -> str:
        """The branch and its commit."""
        return f"make the branch {self.branch} at {self.oid[:10]}"

    def do(self, site: Site) -> None:
        """Make it, with its reflog and settings."""
        keeping.bring_branch(self.root, self.branch, self.oid, Path(self.folder) if self.folder else None)

    def undo(self, site: Site) -> None:
        """Delete it again, if it is still at that commit; what the trash has of it stays there."""
        if not Path(self.root).is_dir() or not refs.local_branch_exists(self.root, self.branch):
            return
        if refs.checked_out_at(self.root, self.branch):
            return
        if refs.resolve_commit(self.root, f"refs/heads/{self.branch}") == self.oid:
            refs.delete_branch(self.root, self.branch, expected_oid=self.oid)


class SwitchHead(Step, frozen=True, kw_only=True, tag="switch-head", tag_field="step"):
    """Put another branch of the same commit in the place of the one that the worktree was on."""

    admin: str
    """Git's folder about the worktree, in the trash."""
    before: str
    after: str

    def words(self) -> str:
        """Which branch."""
        return f"put the worktree on {self.after}, because {self.before} is in use or has moved"

    def do(self, site: Site) -> None:
        """Write HEAD, and the name that a rebase in progress goes by."""
        self._write(self.before, self.after)

    def undo(self, site: Site) -> None:
        """Write the old name."""
        self._write(self.after, self.before)

    def _write(self, old: str, new: str) -> None:
        for name, start in (("HEAD", "ref: "), ("rebase-merge/head-name", ""), ("rebase-apply/head-name", "")):
            file = Path(self.admin, name)
            if file.is_file() and file.read_text(errors="surrogateescape").strip() == f"{start}refs/heads/{old}":
                file.write_text(f"{start}refs/heads/{new}\n", errors="surrogateescape")


class Repoint(Step, frozen=True, kw_only=True, tag="repoint", tag_field="step"):
    """Make worktree and git's folder about it point to each other, after one of them came to another place."""

    admin: str
    worktree: str
    admin_before: str
    worktree_before: str

    def words(self) -> str:
        """What it does."""
        return f"make {self.worktree} and its repository point to each other"

    def do(self, site: Site) -> None:
        """Write the pointers, those of submodules too."""
        admins.repoint(Path(self.admin), Path(self.worktree))

    def undo(self, site: Site) -> None:
        """Write them as they were."""
        if Path(self.admin, "gitdir").is_file() and Path(self.worktree, ".git").is_file():
            admins.repoint(
                Path(self.admin),
                Path(self.worktree),
                to_admin=Path(self.admin_before),
                to_worktree=Path(self.worktree_before),
            )


class BringTerminal(Step, frozen=True, kw_only=True, tag="bring-terminal", tag_field="step"):
    """Start the session's tmux session, with the windows that it had."""

    session: Session
    layout: bytes

    def words(self) -> str:
        """The terminal."""
        return "start its tmux session with the windows that it had"

    def do(self, site: Site) -> None:
        """Start it, unless it runs, tmux is missing, or there is no folder to start it in."""
        with suppress(Missing):
            if Path(self.session.worktree).is_dir() and site.terminals.own(self.session) is None:
                site.terminals.rebuild(self.session, self.layout)

    def undo(self, site: Site) -> None:
        """End it."""
        with suppress(Missing):
            terminal = site.terminals.own(self.session)
            if terminal is not None:
                site.terminals.end(terminal)


class ClearTrash(Step, frozen=True, kw_only=True, tag="clear-trash", tag_field="step"):
    """Take what was brought back off the trash's list, with its hidden references."""

    entry: TrashEntry
    roots: tuple[str | None, ...]
    """The repository of each part; `None` where it is not needed."""

    def do(self, site: Site) -> None:
        """Take it off the list. What is left in its folder are notes."""
        for number, root in enumerate(self.roots):
            if root is not None:
                trash.forget(root, f"{self.entry.id}/{number}")
        try:
            delete_tree(str(keeping.folder_of(site.paths, self.entry.id)))
        except OSError as error:
            raise DeckError(f"can't delete {error.filename}: {error.strerror}", "check its permissions") from error
        site.store.forget_trash(self.entry.id)
        removal = site.store.operation(self.entry.id)
        if removal is not None and removal.state is OperationState.DONE:
            site.store.finish(removal, OperationState.UNDONE, removal.detail)
