"""The deck: the façade that every face calls. A face holds no rule of its own."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from devdeck.errors import DeckError
from devdeck.paths import Paths
from devdeck.sessions import Sessions
from devdeck.store import Store
from devdeck.terminal.terminals import Terminals
from devdeck.transactions import Site, Transactions
from devdeck.work import Work

if TYPE_CHECKING:
    from backends.tmux.server import TmuxServer
    from devdeck.configuration.config import Config
    from devdeck.importing import Importing
    from devdeck.initialization.setup import Setups
    from devdeck.managing import Managing
    from devdeck.removal.history import History
    from devdeck.removal.removing import Removing
    from devdeck.removal.trash import Retention, Trash
    from devdeck.start.starting import Starting
    from devdeck.workspace.workspaces import Workspaces


class Deck:
    """One deck: a store, a tmux server, and everything that can be done with them.

    Synchronous: the command line calls it directly, the dashboard in threads. Every change of the world is checked
    first and journaled before and after. What only some verbs need is loaded when it is used.

    Attributes:
        terminals: The tmux sessions: going there, typing into them.
        work: What runs: commands and tests.
        sessions: Which sessions there are.
        transactions: Changes in steps: what was cut off, and how it is settled.
    """

    def __init__(self, paths: Paths, store: Store, tmux: TmuxServer) -> None:
        self.paths = paths
        self.store = store
        self.terminals = Terminals(store, tmux)
        self.work = Work(paths, store, self.terminals)
        self.sessions = Sessions(store, self.terminals)
        self._site = Site(paths, store, self.terminals, self.work)
        self.transactions = Transactions(self._site)

    @cached_property
    def setups(self) -> Setups:
        """What repositories set up in new sessions, and trust in it."""
        from devdeck.initialization.setup import Setups

        return Setups(self._site)

    @cached_property
    def starting(self) -> Starting:
        """Making sessions."""
        from devdeck.start.starting import Starting

        return Starting(self._site, self.transactions, self.setups, lambda: self.config.start)

    @cached_property
    def workspaces(self) -> Workspaces:
        """Making sessions over several repositories."""
        from devdeck.workspace.workspaces import Workspaces

        return Workspaces(self._site, self.setups, self.starting)

    @cached_property
    def trash(self) -> Trash:
        """What was removed, and how it comes back."""
        from devdeck.removal.trash import Trash

        return Trash(self._site, self.transactions, self._retention)

    @cached_property
    def removing(self) -> Removing:
        """Removing sessions."""
        from devdeck.removal.removing import Removing

        return Removing(self._site, self.transactions, self.setups, self.trash)

    @cached_property
    def history(self) -> History:
        """Taking back the last change."""
        from devdeck.removal.history import History

        return History(self._site, self.transactions, self.removing, self.trash)

    @cached_property
    def managing(self) -> Managing:
        """Renaming sessions, and taking over what others made."""
        from devdeck.managing import Managing

        return Managing(self._site, self.transactions, self.sessions)

    @cached_property
    def importing(self) -> Importing:
        """Taking over what par made; loaded when it is used."""
        from devdeck.importing import Importing

        return Importing(self.store, self.terminals, self.managing)

    @cached_property
    def config(self) -> Config:
        """The user's settings, read once.

        Raises:
            ConfigError: `config.toml` is not what it should be.
        """
        from devdeck.configuration.config import Config

        return Config.load(self.paths)

    def _retention(self) -> Retention:
        from devdeck.removal.trash import Retention

        config = self.config
        return Retention(
            keep_days=config.trash.keep_days or None, max_size=config.trash_size, ignored_limit=config.ignored_limit
        )

    @classmethod
    def open(cls, paths: Paths | None = None) -> Deck:
        """Open the user's deck, making its folders and its store when they are not there.

        Raises:
            DeckError: The folders or the store can't be used.
        """
        from backends.tmux.server import TmuxServer

        paths = paths or Paths.from_environment()
        try:
            paths.ensure()
        except OSError as error:
            raise DeckError(
                f"can't make {error.filename}: {error.strerror}", "check its permissions, or set XDG_DATA_HOME"
            ) from error
        return cls(paths, Store(paths.database), TmuxServer.from_environment())

    def close(self) -> None:
        """Close the store."""
        self.store.close()
