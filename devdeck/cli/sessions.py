"""start and rm."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from devdeck.cli import made, output, views
from devdeck.cli.going import go as _go  # noqa: F401 - for the verbs of workspaces
from devdeck.errors import DeckError, Refused

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.live import RemovalPlan


@click.command()
@click.argument("label")
@click.option("-p", "--path", default=".", help="Any folder in the repository; the current one by default.")
@click.option("-b", "--base", metavar="REF", help="Where a new branch starts; HEAD by default.")
@click.option("--open", "open_after", is_flag=True, help="Go to the session's terminal afterwards.")
@click.option("--with-changes", is_flag=True, help="Move the uncommitted changes of the worktree at PATH there.")
@click.option("--offline", is_flag=True, help="Ask no remote whether it has a branch LABEL.")
@click.option("--trust", is_flag=True, help="Trust the repository's configuration as it is now.")
@output.dry_run_option
@output.json_option
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
    dry_run: bool,
    json: bool,
) -> None:
    """Make a session: a branch, a worktree and a tmux session.

    An existing branch LABEL is used as it is; one that only a remote has is fetched and tracked.
    """
    if not dry_run:
        deck.terminals.require()  # no tmux, no start: found out before anything is made
    plan = deck.starting.plan(label, path, base, with_changes=with_changes, offline=offline, trust=trust)
    if dry_run:
        made.show_plan("start", plan, json=json)
    else:
        made.carry_out(deck, plan, "start", open_after=open_after, json=json)


def _steps(title: str, steps: tuple[str, ...], warnings: tuple[str, ...] = ()) -> None:
    output.say(title)
    for step in steps:
        output.say(f"  - {step}")
    for warning in warnings:
        output.say(f"  ! {warning}")


@click.command()
@click.argument("target")
@click.option("-f", "--force", is_flag=True, help="Remove although work would go; a copy is kept in hidden refs.")
@click.option("-y", "--yes", is_flag=True, help="Answer the question of `rm all`.")
@output.dry_run_option
@output.json_option
@output.with_deck
def rm(deck: Deck, target: str, force: bool, yes: bool, dry_run: bool, json: bool) -> None:
    """Remove a session (or `all`): its worktree, its own branch and its tmux session.

    Refuses (exit status 4) where uncommitted work, or commits that exist nowhere else, would go.
    """
    everything = target.lower() == "all"
    sessions = [s for s in deck.sessions.all() if s.managed] if everything else [deck.sessions.find(target)]
    plans = [deck.removing.plan(session) for session in sessions]
    if dry_run:
        _show_plans(plans, json)
        return
    if everything and not yes and sessions:
        if not json:
            _show_plans(plans, json)
        if not os.isatty(0):
            raise DeckError("`rm all` asks before it removes", "add --yes", code="confirm")
        click.confirm(f"Remove {len(sessions)} sessions?", abort=True, err=True)
    removed, refused = [], []
    for session in sessions:
        try:
            removed.append(deck.removing.remove(session, force=force))
        except Refused as error:
            if not everything:
                raise
            refused.append(error)
    if json:
        output.document({"removed": [views.operation_view(operation) for operation in removed]})
    else:
        for operation in removed:
            output.say(f"removed {operation.label}")
            if operation.undo:
                output.say(f"  {operation.undo}")
        if not sessions:
            output.say("no sessions")
    if refused:
        raise Refused("; ".join(error.message for error in refused), refused[0].hint)


def _show_plans(plans: list[RemovalPlan], json: bool) -> None:
    if json:
        output.document(
            {"plans": [{"label": p.session.label, "steps": list(p.steps), "risks": list(p.risks)} for p in plans]}
        )
        return
    for plan in plans:
        _steps(f"would remove {plan.session.label}:", plan.steps)
        for risk in plan.risks:
            output.say(f"  ! {risk}")
    if not plans:
        output.say("no sessions")
