"""What a repository's configuration sets up in a new session, and whether the user trusts it to."""

from __future__ import annotations

from devdeck.live import Setup
from devdeck.model import Job, Session
from devdeck.transactions import Site, Step


class Setups:
    """See the module. Synchronous."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def look(self, path: str) -> Setup:
        """What the configuration of the repository at `path` would do. Changes nothing.

        Raises:
            UsageError: The configuration can't be read; names file, line, what was found and what was expected.
        """
        return Setup(file="", trusted=True)

    def trust(self, path: str) -> None:
        """Trust the configuration of the repository at `path` as it is now."""

    def steps(self, session: Session, *, trust: bool = False) -> tuple[Step, ...]:
        """Steps that belong between the worktrees and the terminal of a new session: files to copy or link.

        Args:
            session: The session as it will be; all its places count.
            trust: Plan as if the configuration were trusted; nothing is remembered.

        Raises:
            UsageError: As `look`, so that nothing is created over a broken configuration.
        """
        return ()

    def launch(self, session: Session) -> tuple[Job, ...]:
        """Start the trusted configuration's commands in a session that is made. They are jobs and go on by themselves.

        Returns:
            The jobs; empty when there is nothing to do or it is not trusted.
        """
        return ()

    def tear_down(self, session: Session) -> None:
        """Run the trusted configuration's teardown commands, one after another, and wait for them.

        Raises:
            DeckError: One failed; the rest did not run.
        """
