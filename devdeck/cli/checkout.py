"""checkout and refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from devdeck.cli import complete, made, output, plans, waiting
from devdeck.cli.options import making_options, path_option

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.start.starting import StartPlan


@click.command(short_help="Make a session for a branch or pull request that exists.")
@click.argument("target", shell_complete=complete.checkout_targets)
@path_option
@click.option("-l", "--label", metavar="LABEL", help="The session's label; made from TARGET by default.")
@making_options(offline="Ask no remote: only what is known here.")
@output.with_deck
def checkout(
    deck: Deck,
    target: str,
    path: str,
    label: str | None,
    open_after: bool,
    offline: bool,
    trust: bool,
    in_pane: bool,
    dry_run: bool,
    json: bool,
) -> None:
    """Make a session for something that exists: a branch, or a pull request (on GitLab, a merge request).

    TARGET is BRANCH, REMOTE/BRANCH, OWNER:BRANCH (the fork is added as a remote), pr/7, '#7', 7, mr/7, '!7', or the
    URL of a request or branch on GitHub, GitLab, Gitea or Forgejo. A request is on a branch of its own, which
    `devdeck refresh` or `git pull` brings up to date.
    """

    def plan(trusted: bool) -> StartPlan:
        return deck.starting.plan_checkout(target, path, label, offline=offline, trust=trusted)

    if dry_run:
        made.show_plan("checkout", plan, trust=trust, json=json)
    else:
        made.carry_out(deck, plan, "checkout", trust=trust, in_pane=in_pane, open_after=open_after, json=json)


@click.command(short_help="Bring a branch up to its upstream or pull request.")
@click.argument("label", shell_complete=complete.labels)
@output.dry_run_option
@output.json_option
@output.with_deck
def refresh(deck: Deck, label: str, dry_run: bool, json: bool) -> None:
    """Bring a session's branch up to its upstream or pull request.

    Fetches that and fast-forwards. Refuses (exit status 4) over uncommitted changes, and fails (1) when both sides have
    commits that the other lacks.
    """
    session = deck.sessions.find(label)
    if dry_run:
        steps = deck.starting.plan_refresh(session)
        if json:
            output.document({"plan": list(steps), "label": session.label})
        else:
            plans.show(f"would refresh {session.label}:", steps)
        return
    with waiting.told(json=json):
        came = deck.starting.refresh(session)
    if json:
        output.document({"label": session.label, "came": came})
    else:
        output.say(came)
