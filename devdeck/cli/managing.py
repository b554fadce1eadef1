"""rename, adopt and import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from devdeck.cli import complete, output, views

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.managing import ChangePlan
    from devdeck.model import Session


@click.command()
@click.argument("old", shell_complete=complete.labels)
@click.argument("new")
@click.option("--keep-branch", is_flag=True, help="Leave the branch as it is called.")
@output.dry_run_option
@output.json_option
@output.with_deck
def rename(deck: Deck, old: str, new: str, keep_branch: bool, dry_run: bool, json: bool) -> None:
    """Give a session another label, with its tmux session and the branch that devdeck made for it.

    The worktree stays in the folder where it is, so that running programs and editors keep their paths. A workspace
    is renamed with the branches of all its repositories.
    """
    session = deck.sessions.find(old)
    plan = deck.managing.plan_rename(session, new, keep_branch=keep_branch)
    if dry_run:
        _show(plan, f"would rename {old}:", json)
        return
    renamed = deck.managing.rename(session, new, keep_branch=keep_branch)
    _warn(plan)
    if json:
        output.document({"session": _view(deck, renamed)})
    else:
        output.say(f"{old} is now {output.styled(renamed.label, 'bold')}")


@click.command()
@click.argument("path", shell_complete=complete.adoptable)
@click.option("-l", "--label", help="Its label; by default the one that `devdeck ls` shows.")
@output.dry_run_option
@output.json_option
@output.with_deck
def adopt(deck: Deck, path: str, label: str | None, dry_run: bool, json: bool) -> None:
    """Make a worktree that others made one of devdeck's sessions, with the tmux session that runs in it.

    PATH is any folder in the worktree; the label that `devdeck ls` shows for it, and the name of a tmux session that
    was started in it, are understood too. Its branch is never deleted with it.
    """
    plan = deck.managing.plan_adopt(path, label)
    if dry_run:
        _show(plan, f"would adopt {plan.session.worktree}:", json)
        return
    deck.managing.carry_out(plan, "adopt")
    if json:
        output.document({"session": _view(deck, plan.session)})
    else:
        output.say(f"adopted {plan.session.worktree} as {output.styled(plan.session.label, 'bold')}")


def _show(plan: ChangePlan, title: str, json: bool) -> None:
    if json:
        output.document({"plan": list(plan.steps), "label": plan.session.label, "warnings": list(plan.warnings)})
        return
    output.say(title)
    for step in plan.steps:
        output.say(f"  - {step}")
    for warning in plan.warnings:
        output.say(f"  ! {warning}")


def _warn(plan: ChangePlan) -> None:
    for warning in plan.warnings:
        output.note(f"devdeck: {warning}")


def _view(deck: Deck, session: Session) -> dict[str, object]:
    from devdeck.errors import DeckError, Missing
    from devdeck.git.status import status
    from devdeck.model import Fact, GitFacts

    try:
        facts: Fact[GitFacts] = Fact(value=status(session.worktree))
    except DeckError as error:
        facts = Fact(error=error.message)
    try:
        terminal = deck.terminals.of(session)
    except Missing:
        terminal = None
    return views.session_view(session, terminal, facts, 0, None)
