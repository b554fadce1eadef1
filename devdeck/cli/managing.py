"""rename, adopt and import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from devdeck.cli import complete, output, plans, views
from devdeck.cli.options import filled
from devdeck.text import one_line

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.importing import Import
    from devdeck.managing import ChangePlan
    from devdeck.model import Session


@click.command(short_help="Give a session another label.")
@click.argument("old", shell_complete=complete.whole_labels)
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


@click.command(short_help="Make a worktree that others made a session of the deck.")
@click.argument("path", shell_complete=complete.adoptable, callback=filled)
@click.option("-l", "--label", metavar="LABEL", help="Its label; by default the one that `devdeck ls` shows.")
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
        _show(plan, f"would adopt {output.from_home(plan.session.worktree)}:", json)
        return
    deck.managing.carry_out(plan, "adopt")
    if json:
        output.document({"session": _view(deck, plan.session)})
    else:
        output.say(f"adopted {output.from_home(plan.session.worktree)} as {output.styled(plan.session.label, 'bold')}")


@click.command(name="import", short_help="Take over the sessions and workspaces of par.")
@click.argument("program", type=click.Choice(["par"]))
@click.option(
    "--from", "folder", metavar="DIR", help="Folder of its registries; $XDG_DATA_HOME/par by default.",
    shell_complete=complete.folders, callback=filled,
)  # fmt: skip
@output.dry_run_option
@output.json_option
@output.with_deck
def import_(deck: Deck, program: str, folder: str | None, dry_run: bool, json: bool) -> int:
    """Make the sessions and workspaces of par devdeck's own, with their tmux sessions. Nothing of par's is changed.

    par can be used on, and importing again brings what came since. Exit 1 when something could not be read.
    """
    came = deck.importing.plan(folder) if dry_run else deck.importing.run(folder)
    if json:
        output.document(_import_view(came, dry_run))
        return 1 if came.errors else 0
    for plan in came.plans:
        output.say(f"{'would import' if dry_run else 'imported'} {plan.session.label}  {plan.session.worktree}")
        for warning in plan.warnings:
            output.say(f"  ! {warning}")
    for skipped in came.skipped:
        output.say(f"skipped {one_line(skipped.label)}: {skipped.reason}")
    if not came.plans and not came.skipped and not came.errors:
        output.say("par has no sessions")
    for error in came.errors:
        output.note(f"devdeck: {error}")
    return 1 if came.errors else 0


def _import_view(came: Import, dry_run: bool) -> dict[str, object]:
    imported = [
        {
            "label": plan.session.label,
            "kind": str(plan.session.kind),
            "worktree": plan.session.worktree,
            "plan": list(plan.steps),
            "warnings": list(plan.warnings),
        }
        for plan in came.plans
    ]
    skipped = [{"label": it.label, "file": it.file, "reason": it.reason, "known": it.known} for it in came.skipped]
    return {
        "dry_run": dry_run,
        "folder": came.folder,
        "imported": imported,
        "skipped": skipped,
        "errors": list(came.errors),
    }


def _show(plan: ChangePlan, title: str, json: bool) -> None:
    if json:
        output.document({"plan": list(plan.steps), "label": plan.session.label, "warnings": list(plan.warnings)})
        return
    plans.show(title, plan.steps, warnings=plan.warnings)


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
