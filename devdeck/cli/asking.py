"""Asking the user for trust: everything that would be run or copied is shown first, as it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from devdeck.cli import output
from devdeck.errors import Refused

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.initialization.repo_config import Command, RepoConfig
    from devdeck.model import Session


def is_terminal() -> bool:
    """Whether there is somebody to ask: standard input and error are a terminal."""
    return os.isatty(0) and sys.stderr.isatty()


def lines(config: RepoConfig) -> list[str]:
    """All that a configuration would do, for a person to read: nothing in it is cut, hidden or able to hide others."""
    from devdeck.initialization.repo_config import include_words, visible

    shown = [f"{visible(config.file)}:"]
    for each in config.include:
        shown.append(f"  - {include_words(each)}, from {visible(config.repository_path)}")
    for title, commands in (("run", config.commands), ("before it is removed, run", config.teardown)):
        for command in commands:
            shown += _command(title, command)
    return shown


def _command(title: str, command: Command) -> list[str]:
    from devdeck.initialization.repo_config import visible, words

    if isinstance(command.run, str) and "\n" in command.run.strip():
        script = [visible(line) for line in command.run.strip().split("\n")]
        return [f"  - {title} {visible(command.name)}".rstrip() + ":", *(f"      {line}" for line in script)]
    return [f"  - {title} {words(command)}"]


def ask(deck: Deck, configs: Sequence[RepoConfig], session: Session | None = None) -> None:
    """Show what configurations would do, and trust exactly that (in a session) when the user says so.

    Raises:
        Refused: The user does not, or a file was changed meanwhile.
    """
    from devdeck.initialization.repo_config import visible
    from devdeck.initialization.trust import digest, is_foreign

    for config in configs:
        for line in lines(config):
            output.note(line)
    if session is not None and is_foreign(session):
        output.note(f"{visible(session.target)} may be somebody else's code, which these commands would run.")
    if not click.confirm("Trust this?", default=False, err=True):
        raise Refused("not trusted, so nothing was done", code="untrusted")
    for config in configs:
        deck.setups.trust(config.repository_path, digest=digest(config), session=session)


def offer(deck: Deck, session: Session) -> bool:
    """Ask for trust in what a new session would set up, where there is somebody to ask; a no is no error.

    Args:
        deck: The deck.
        session: The session as it would be.

    Returns:
        Whether the user said yes just now; a plan that was made before does not know of it.

    Raises:
        Refused: A file was changed while it was shown.
    """
    untrusted = [each for each in deck.setups.configs(session) if not deck.setups.is_trusted(each, session)]
    if not untrusted or not is_terminal():
        return False
    try:
        ask(deck, untrusted, session)
    except Refused as error:
        if error.code != "untrusted":
            raise
        return False
    return True
