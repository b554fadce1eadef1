"""The deck: the façade that every face calls. A face holds no rule of its own."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from devdeck.errors import DeckError
from devdeck.history import History
from devdeck.managing import Managing
from devdeck.paths import Paths
from devdeck.removing import Removing
from devdeck.sessions import Sessions
from devdeck.setup import Setups
from devdeck.starting import Starting
from devdeck.store import Store
from devdeck.terminals import Terminals
from devdeck.transactions import Site, Transactions
from devdeck.trash import Retention, Trash
from devdeck.work import Work
from devdeck.workspaces import Workspaces

if TYPE_CHECKING:
    from backends.tmux.server import TmuxServer
    from devdeck.config import Config
    from devdeck.importing import Importing


class Deck:
    """One deck: a store, a tmux server, and everything that can be done with them.

    Synchronous: the command line calls it directly, the dashboard in threads. Every change of the world is checked
    first and journaled before and after.

    Attributes:
        terminals: The tmux sessions: going there, typing into them.
        work: What runs: commands and tests.
        sessions: Which sessions there are.
        transactions: Changes in steps: what was cut off, and how it is settled.
        setups: What repositories set up in new sessions, and trust in it.
        starting: Making sessions.
        workspaces: Making those over several repositories.
        removing: Removing them.
        trash: What was removed, and how it comes back.
        history: Taking back the last change.
        managing: Renaming them, and taking over what others made.
    """

    def __init__(self, paths: Paths, store: Store, tmux: TmuxServer) -> None:
        self.paths = paths
        self.store = store
        self.terminals = Terminals(store, tmux)
        self.work = Work(paths, store, self.terminals)
        self.sessions = Sessions(store, self.terminals)
        site = Site(paths, store, self.terminals, self.work)
        self.transactions = Transactions(site)
        self.setups = Setups(site)
        self.starting = Starting(site, self.transactions, self.setups, lambda: self.config.start)
        self.workspaces = Workspaces(site, self.setups, self.starting)
        self.trash = Trash(site, self.transactions, self._retention)
        self.removing = Removing(site, self.transactions, self.setups, self.trash)
        self.history = History(site, self.transactions, self.removing, self.trash)
        self.managing = Managing(site, self.transactions, self.sessions)

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
        from devdeck.config import Config

        return Config.load(self.paths)

    def _retention(self) -> Retention:
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
