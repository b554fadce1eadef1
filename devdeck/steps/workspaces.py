"""Steps that only a workspace has: its folder, its workspace file, its terminal."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from devdeck.errors import DeckError, Missing
from devdeck.model import Session
from devdeck.transactions import Site, Step
from devdeck.workspace import ide


def _one_window() -> bytes:
    from backends.tmux.windows import PaneShape, WindowShape
    from devdeck.terminal.layouts import Layout

    pane = PaneShape(directory=b"", active=True)
    return msgspec.json.encode(Layout(windows=(WindowShape(panes=(pane,), active=True),)))


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


class MakeWorkspaceTerminal(Step, frozen=True, kw_only=True, tag="make-workspace-terminal", tag_field="step"):
    """Start a tmux session in its folder."""

    session: Session
    windows: bool = False
    """Whether it gets a window for each repository beside the first one."""

    def words(self) -> str:
        """The terminal."""
        beside = ", with a window for each repository" if self.windows else ""
        return f"start a tmux session there{beside}"

    def do(self, site: Site) -> None:
        """Start it, unless it runs."""
        if site.terminals.own(self.session) is not None:
            return
        if self.windows:
            site.terminals.make(self.session)
        else:
            site.terminals.rebuild(self.session, _one_window())

    def undo(self, site: Site) -> None:
        """End it, and one that was not complete yet; without tmux there is none."""
        with suppress(Missing):
            for terminal in site.terminals.all():
                if terminal.devdeck_id.partition("~")[0] == self.session.id:
                    site.terminals.end(terminal)
