"""Steps that carry out a repository's configuration: trust it, bring files into a worktree."""

from __future__ import annotations

import os

from devdeck.initialization import including
from devdeck.initialization.repo_config import Include, include_words
from devdeck.transactions import Site, Step


class Trust(Step, frozen=True, kw_only=True, tag="trust", tag_field="step"):
    """Remember that the user trusts a configuration of exactly this content."""

    file: str
    repository_path: str
    digests: tuple[str, ...]
    """Of the content, and of the content in one session; see `devdeck.initialization.trust`."""

    def words(self) -> str:
        """The file."""
        return f"trust {self.file} as it is now"

    def do(self, site: Site) -> None:
        """Remember it. It stays so when what follows fails: it was the user's word."""
        for digest in self.digests:
            site.store.trust(digest, self.repository_path)


class IncludeFiles(Step, frozen=True, kw_only=True, tag="include-files", tag_field="step"):
    """Copy or link files of the main worktree into a new one."""

    repository_path: str
    worktree: str
    include: tuple[Include, ...]
    key: str
    """Names this act in the worktree's list of what was included."""
    limits: including.Limits = including.LIMITS

    def words(self) -> str:
        """The patterns."""
        return f"{', '.join(include_words(each) for each in self.include)} from {self.repository_path}"

    def do(self, site: Site) -> None:
        """Bring them. What is there already stays as it is.

        Raises:
            Refused: A link leads out of the repository.
            DeckError: It is too much, or a file can't be read or written.
        """
        including.include(self.repository_path, self.worktree, self.include, key=self.key, limits=self.limits)

    def undo(self, site: Site) -> None:
        """Remove those that were brought and not changed since; what was changed stays in the worktree."""
        if os.path.isdir(self.worktree):
            including.take_back(self.worktree, key=self.key)
