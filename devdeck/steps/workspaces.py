"""Steps that only a workspace has: its folder, its workspace file, a window for each repository."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from devdeck import ide
from devdeck.errors import DeckError
from devdeck.model import Session
from devdeck.transactions import Site, Step


class MakeFolder(Step, frozen=True, kw_only=True, tag="make-folder", tag_field="step"):
    """Make the folder that holds the worktrees."""

    folder: str

    def words(self) -> str:
        """The folder."""
        return f"make the folder {self.folder}"

    def do(self, site: Site) -> None:
        """Make it.

        Raises:
            DeckError: There is something already, which is somebody else's; or it can't be made.
        """
        folder = Path(self.folder)
        try:
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise DeckError(f"can't make {folder}: {error.strerror}", "try again, or choose another label") from error

    def undo(self, site: Site) -> None:
        """Remove it, unless something was put there."""
        with suppress(OSError):
            Path(self.folder).rmdir()


class WriteWorkspaceFile(Step, frozen=True, kw_only=True, tag="write-workspace-file", tag_field="step"):
    """Write the file that editors open the workspace by."""

    session: Session

    def words(self) -> str:
        """The file."""
        return f"write {ide.file_name(self.session.label)} for editors"

    def do(self, site: Site) -> None:
        """Write it."""
        ide.write(self.session)

    def undo(self, site: Site) -> None:
        """Delete it, unless somebody has changed it."""
        ide.discard(self.session)
