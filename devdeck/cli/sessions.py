"""start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from devdeck.cli import complete, made, output
from devdeck.cli.options import making_options, path_option

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.start.starting import StartPlan


@click.command()
@click.argument("label")
@path_option
@click.option(
    "-b", "--base", metavar="REF", help="Where a new branch starts; HEAD by default.", shell_complete=complete.refs
)
@click.option("--with-changes", is_flag=True, help="Move the uncommitted changes of the worktree at PATH there.")
@making_options(offline="Ask no remote whether it has a branch LABEL.")
@output.with_deck
def start(
    deck: Deck,
    label: str,
    path: str,
    base: str | None,
    open_after: bool,
    with_changes: bool,
    offline: bool,
    trust: bool,
    in_pane: bool,
    dry_run: bool,
    json: bool,
) -> None:
    """Make a session: a branch, a worktree and a tmux session.

    An existing branch LABEL is used as it is; one that only a remote has is fetched and tracked.
    """

    def plan(trusted: bool) -> StartPlan:
        return deck.starting.plan(label, path, base, with_changes=with_changes, offline=offline, trust=trusted)

    if dry_run:
        made.show_plan("start", plan, trust=trust, json=json)
    else:
        made.carry_out(deck, plan, "start", trust=trust, in_pane=in_pane, open_after=open_after, json=json)
