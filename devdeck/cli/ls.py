"""ls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from devdeck.cli import listing, output

if TYPE_CHECKING:
    from devdeck.deck import Deck


@click.command(short_help="List all sessions, with what is known of each.")
@click.option("--no-git", is_flag=True, help="Leave out the git facts, which take the most time.")
@output.json_option
@output.with_deck
def ls(deck: Deck, no_git: bool, json: bool) -> None:
    """List the sessions of all repositories, with what is known of each.

    A workspace has its repositories below it, each under the label that other verbs know it by.

    GIT counts: + staged, ~ not staged, ? untracked, ! in conflict, ↑ ahead and ↓ behind of the upstream. RUNS counts
    jobs under way, and says where setting up failed; `devdeck status LABEL` says why. TESTS is the last run: passed, or
    failed of all, and how long ago.
    """
    listing.list_all(deck, git=not no_git, json=json)
