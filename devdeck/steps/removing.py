"""Steps that remove a session: everything of it moves into the trash, from where it can be brought back."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from devdeck.errors import DeckError, Missing
from devdeck.git import refs, repository, trash
from devdeck.model import Session, TrashEntry
from devdeck.removal import keeping
from devdeck.removal.moving import delete_tree, measure, move, move_back
from devdeck.transactions import Site, Step


class OpenTrash(Step, frozen=True, kw_only=True, tag="open-trash", tag_field="step"):
    """Make the folders that everything moves into."""

    folders: tuple[str, ...]

    def do(self, site: Site) -> None:
        """Make them, readable by the user alone."""
        site.paths.trash.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in self.folders:
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)

    def undo(self, site: Site) -> None:
        """Remove them; one that still holds something else than notes about a branch stays."""
        for folder in reversed(self.folders):
            for name in ("branch.log", "branch.json"):
                Path(folder, name).unlink(missing_ok=True)
            with suppress(OSError):
                Path(folder).rmdir()


class StopJobs(Step, frozen=True, kw_only=True, tag="stop-jobs", tag_field="step"):
    """Stop what runs in the session."""

    sessions: tuple[str, ...]
    """Ids of the session and of its members."""
    titles: tuple[str, ...]

    def words(self) -> str:
        """What is stopped."""
        return "stop " + ", ".join(self.titles) if self.titles else ""

    def do(self, site: Site) -> None:
        """Stop them; what has been stopped stays so when the removal is taken back."""
        for job in site.store.running_jobs():
            if job.session_id in self.sessions:
                site.work.stop(job)


class KeepObjects(Step, frozen=True, kw_only=True, tag="keep-objects", tag_field="step"):
    """Make hidden references, so that git's garbage collection takes nothing that the trash needs."""

    root: str
    worktree: str
    admin: str | None
    branch: str | None
    key: str
    strict: bool

    def words(self) -> str:
        """What is kept."""
        return "keep its commits and files in hidden references"

    def do(self, site: Site) -> None:
        """Make them."""
        keeping.keep_objects(
            self.root,
            self.worktree,
            Path(self.admin) if self.admin else None,
            self.branch,
            self.key,
            strict=self.strict,
        )

    def undo(self, site: Site) -> None:
        """Drop them."""
        if Path(self.root).is_dir():
            trash.forget(self.root, self.key)


class Move(Step, frozen=True, kw_only=True, tag="move", tag_field="step"):
    """Move a folder into the trash, or out of it."""

    source: str
    target: str
    key: str
    into_trash: bool
    what: str = ""
    """In words; empty for what nobody needs to read."""

    def words(self) -> str:
        """What is moved where."""
        return self.what

    def do(self, site: Site) -> None:
        """Move it."""
        move(self.source, self.target, self.key)
        keeping.tidy(self.source)

    def undo(self, site: Site) -> None:
        """Move it back."""
        move_back(self.source, self.target, self.key, ours=self.into_trash)
        keeping.tidy(self.target)


class DropBranch(Step, frozen=True, kw_only=True, tag="drop-branch", tag_field="step"):
    """Delete the branch that devdeck made; its commits, reflog and settings are kept."""

    root: str
    branch: str
    key: str
    folder: str

    def words(self) -> str:
        """The branch."""
        return f"delete the branch {self.branch}"

    def do(self, site: Site) -> None:
        """Delete it, if it is still where it was when it was kept."""
        oid = trash.kept(self.root, self.key).get("branch")
        if oid is not None:
            keeping.drop_branch(self.root, self.branch, oid, Path(self.folder))

    def undo(self, site: Site) -> None:
        """Make it again; one that went on meanwhile was never deleted."""
        if not Path(self.root).is_dir():
            return
        oid = trash.kept(self.root, self.key).get("branch")
        now = _tip(self.root, self.branch)
        if oid is not None and now in (None, oid):
            keeping.bring_branch(self.root, self.branch, oid, Path(self.folder))


def _tip(root: str, branch: str) -> str | None:
    if not refs.local_branch_exists(root, branch):
        return None
    return refs.resolve_commit(root, f"refs/heads/{branch}")


class RecordTrash(Step, frozen=True, kw_only=True, tag="record-trash", tag_field="step"):
    """List it in the trash."""

    entry: TrashEntry

    def do(self, site: Site) -> None:
        """List it, with its size and what was kept."""
        entry, parts = self.entry, []
        for number, part in enumerate(entry.parts):
            root = part.member.repository_path
            names = keeping.refs_of(root, f"{entry.id}/{number}")
            kept = trash.kept(root, f"{entry.id}/{number}") if names else {}
            gone = part.member.branch is not None and bool(names) and _is_gone(root, part.member.branch)
            parts.append(msgspec.structs.replace(part, refs=names, branch_tip=kept.get("branch") if gone else None))
        size = measure(str(keeping.folder_of(site.paths, entry.id))).size
        site.store.save_trash(msgspec.structs.replace(entry, parts=tuple(parts), size=size))

    def undo(self, site: Site) -> None:
        """Take it off the list."""
        site.store.forget_trash(self.entry.id)


def _is_gone(root: str, branch: str) -> bool:
    return repository.common_dir(root) is not None and not refs.local_branch_exists(root, branch)


class DropIgnored(Step, frozen=True, kw_only=True, tag="drop-ignored", tag_field="step"):
    """Delete ignored files over the limit. What it deletes can't be brought back, so it comes after everything else."""

    entry_id: str
    paths: tuple[str, ...]
    """Where they are in the trash."""
    what: str

    def words(self) -> str:
        """Which, and how large."""
        return self.what

    def do(self, site: Site) -> None:
        """Delete them. What can't be deleted stays, and counts."""
        for path in self.paths:
            with suppress(OSError):
                delete_tree(path)
        for entry in site.store.trash():
            if entry.id == self.entry_id and self.paths:
                size = measure(str(keeping.folder_of(site.paths, entry.id))).size
                site.store.save_trash(msgspec.structs.replace(entry, size=size))


class Forget(Step, frozen=True, kw_only=True, tag="forget", tag_field="step"):
    """Drop the record of the session."""

    session: Session
    recorded: bool

    def do(self, site: Site) -> None:
        """Drop it."""
        site.store.forget_session(self.session.id)

    def undo(self, site: Site) -> None:
        """Write it again."""
        if self.recorded:
            site.store.save_session(self.session)


class EndTerminal(Step, frozen=True, kw_only=True, tag="end-terminal", tag_field="step"):
    """End the session's tmux session."""

    terminal_id: str
    created_at: float

    def words(self) -> str:
        """The terminal."""
        return "end its tmux session"

    def do(self, site: Site) -> None:
        """End it, unless it has ended; another one that got its number since is left alone.

        One that this very process lives in is left too: it is ended when the journal has been written.
        """
        with suppress(Missing):
            for terminal in site.terminals.all():
                if (terminal.id, terminal.created_at) == (self.terminal_id, self.created_at):
                    if os.environ.get("TMUX_PANE") in {pane.id for pane in terminal.panes}:
                        return
                    site.terminals.end(terminal)


class DropEntry(Step, frozen=True, kw_only=True, tag="drop-entry", tag_field="step"):
    """Delete a removed session for good. There is no way back, so it is always finished."""

    entry: TrashEntry

    def words(self) -> str:
        """What is deleted."""
        return f"delete {self.entry.session.label} from the trash for good"

    def do(self, site: Site) -> None:
        """Delete it: from the list first, so that nobody restores half of it."""
        site.store.forget_trash(self.entry.id)
        for number, part in enumerate(self.entry.parts):
            if part.refs:
                root = keeping.root_of(site.store, part, f"{self.entry.id}/{number}")
                if root is not None:
                    trash.forget(root, f"{self.entry.id}/{number}")
        try:
            delete_tree(str(keeping.folder_of(site.paths, self.entry.id)))
        except OSError as error:
            raise DeckError(f"can't delete {error.filename}: {error.strerror}", "check its permissions") from error
        self._forget_jobs(site)

    def _forget_jobs(self, site: Site) -> None:
        """Drop the session's jobs and their logs, unless there is a session (or another entry) that they belong to."""
        session = self.entry.session
        others = {other.session.id for other in site.store.trash()} | {other.id for other in site.store.sessions()}
        if session.id in others:
            return
        for id_ in (session.id, *(member.id for member in session.member_sessions())):
            old = [job for job in site.store.jobs(id_, limit=1000) if not job.running]
            for job in old:
                delete_tree(str(site.paths.jobs / job.id))
            site.store.forget_jobs(tuple(job.id for job in old))
