"""Steps that move uncommitted work from one worktree into a new one.

In order, with others in between: it is kept in hidden references; copied into the new worktree; taken out of the old
one; the references go. Cut off anywhere, every byte is in one of the worktrees, and `undo` puts it back where it was.
"""

from __future__ import annotations

from contextlib import suppress

from devdeck.errors import DeckError
from devdeck.git import changes
from devdeck.git.process import git
from devdeck.git.repository import git_dir
from devdeck.transactions import Site, Step

PREFIX = "refs/devdeck/moving/"
"""Where work is kept while it is moved: `<key>/index` and `<key>/files`."""


class _Move(Step, frozen=True, kw_only=True):
    source: str
    """The worktree that the work is in."""
    destination: str
    """The new worktree."""
    work: changes.Changes
    key: str
    """Names what is kept: the session's id."""

    def _names(self) -> dict[str, str]:
        return {f"{PREFIX}{self.key}/index": self.work.index, f"{PREFIX}{self.key}/files": self.work.files}

    def _forget(self) -> None:
        if git_dir(self.source) is not None:
            orders = "".join(f"delete {name}\0\0" for name in self._names())
            git(self.source, "update-ref", "-z", "--stdin", input=orders.encode())


class KeepChanges(_Move, frozen=True, kw_only=True, tag="keep-changes", tag_field="step"):
    """Keep what is uncommitted in hidden references."""

    def do(self, site: Site) -> None:
        """Make them.

        Raises:
            DeckError: The worktree was changed since it was looked at.
        """
        changes.require_same(self.source, self.work)
        orders = "".join(f"update {name}\0{oid}\0\0" for name, oid in self._names().items())
        git(self.source, "update-ref", "-z", "--stdin", input=orders.encode())

    def undo(self, site: Site) -> None:
        """Delete them, if the work is back where it was; otherwise they stay."""
        with suppress(DeckError):
            if git_dir(self.source) is not None and changes.look(self.source) == self.work:
                self._forget()


class PutChanges(_Move, frozen=True, kw_only=True, tag="put-changes", tag_field="step"):
    """Copy it into the new worktree, staged apart from unstaged."""

    def do(self, site: Site) -> None:
        """Copy it.

        Raises:
            DeckError: The worktree was changed since it was looked at, or a file can't be copied.
        """
        changes.put(self.source, self.destination, self.work)

    def undo(self, site: Site) -> None:
        """Take it out of the new worktree, as far as the old one has it."""
        changes.put_back(self.source, self.destination, self.work)


class TakeChanges(_Move, frozen=True, kw_only=True, tag="take-changes", tag_field="step"):
    """Take it out of the old worktree."""

    def words(self) -> str:
        """From where."""
        return f"move the uncommitted changes of {self.source} there"

    def do(self, site: Site) -> None:
        """Take it, file by file, each compared with its copy first.

        Raises:
            DeckError: Somebody writes to it meanwhile.
        """
        changes.take(self.source, self.destination, self.work)

    def undo(self, site: Site) -> None:
        """Give it back."""
        changes.give_back(self.source, self.destination, self.work)


class ForgetChanges(_Move, frozen=True, kw_only=True, tag="forget-changes", tag_field="step"):
    """Delete the hidden references: the work is in the new worktree."""

    def do(self, site: Site) -> None:
        """Delete them."""
        self._forget()

    def undo(self, site: Site) -> None:
        """Nothing: the other steps take the work back without them."""
