"""Where devdeck keeps things, by the XDG base directory rules (https://specifications.freedesktop.org/basedir)."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from devdeck.places import config_folder, data_folder, state_folder


class Paths(msgspec.Struct, frozen=True):
    """The folders of one deck. Made private (mode 0700) when first used."""

    data: Path
    """Worktrees and the store: `$XDG_DATA_HOME/devdeck`."""
    config: Path
    """What the user writes: `$XDG_CONFIG_HOME/devdeck`."""
    state: Path
    """Logs and histories: `$XDG_STATE_HOME/devdeck`."""

    @classmethod
    def from_environment(cls) -> Paths:
        """Read `XDG_DATA_HOME`, `XDG_CONFIG_HOME` and `XDG_STATE_HOME`; relative values are ignored."""
        return cls(data=Path(data_folder()), config=Path(config_folder()), state=Path(state_folder()))

    def free_folder(self, name: str, key: str, label: str) -> Path:
        """A folder for worktrees in which nothing is yet, not made.

        Args:
            name: What they are of, for people: a repository, or the folder of several.
            key: What tells it from others of that name.
            label: The session's label.

        Raises:
            DeckError: A hundred of them are taken.
        """
        from devdeck.errors import DeckError
        from devdeck.labels import folder_name, printable

        parent = self.worktrees / f"{printable(name)}-{key}"
        for suffix in ("", *(f"~{number}" for number in range(2, 100))):
            folder = parent / (folder_name(label) + suffix)
            if not os.path.lexists(folder):
                return folder
        raise DeckError(f"no free folder for {label!r} in {parent}", "remove what others left there")

    @property
    def database(self) -> Path:
        """The store's file."""
        return self.data / "deck.sqlite3"

    @property
    def worktrees(self) -> Path:
        """Parent of all worktrees that devdeck makes."""
        return self.data / "worktrees"

    @property
    def trash(self) -> Path:
        """Parent of what was removed, one folder an operation."""
        return self.data / "trash"

    @property
    def jobs(self) -> Path:
        """Parent of the job folders, one folder a job."""
        return self.state / "jobs"

    @property
    def log(self) -> Path:
        """Devdeck's own diagnostic log."""
        return self.state / "devdeck.log"

    @property
    def themes(self) -> Path:
        """The user's own themes."""
        return self.config / "themes"

    def ensure(self) -> None:
        """Make the data and state folders, readable by the user alone.

        Raises:
            OSError: A folder can't be made.
        """
        for folder in (self.data, self.state, self.worktrees, self.jobs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
