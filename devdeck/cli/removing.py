"""rm, undo and trash."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from devdeck.cli import complete, output, views
from devdeck.cli.verbs import Verbs
from devdeck.errors import DeckError, Refused
from devdeck.text import one_line

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.live import RemovalPlan
    from devdeck.model import Operation, Session, TrashEntry


@click.command(short_help="Remove a session (or `all`), into the trash.")
@click.argument("target", shell_complete=complete.labels_or_all)
@click.option("-f", "--force", is_flag=True, help="Remove although it holds work that exists nowhere else.")
@click.option("-y", "--yes", is_flag=True, help="Answer the question of `rm all`.")
@output.dry_run_option
@output.json_option
@output.with_deck
def rm(deck: Deck, target: str, force: bool, yes: bool, dry_run: bool, json: bool) -> None:
    """Remove a session (or `all`): its worktree, its own branch and its tmux session go to the trash.

    Refuses (exit status 4) where uncommitted work, or commits that exist nowhere else, would go; with --force that
    goes to the trash too. `devdeck undo` brings the last one back, `devdeck trash` lists all.
    """
    everything = target.lower() == "all"
    if everything:
        sessions = [session for session in deck.sessions.all() if session.managed and session.parent is None]
    else:
        sessions = [deck.sessions.find(target)]
    if dry_run:
        _show_plans([deck.removing.plan(session) for session in sessions], json)
        return
    if everything and sessions and not yes:
        if not json:
            _show_plans([deck.removing.plan(session) for session in sessions], json)
        _ask("rm all", f"Remove {len(sessions)} sessions?")
    if everything:
        _remove_all(deck, sessions, force, json)
        return
    (session,) = sessions
    _report(deck, [deck.removing.remove(session, force=force)], (), json)


def _ask(verb: str, question: str) -> None:
    """Ask; everything but a yes ends the verb with status 1."""
    if not os.isatty(0):
        raise DeckError(f"`{verb}` asks before it goes on", "add --yes", code="confirm")
    if not click.confirm(question, err=True):
        raise DeckError("nothing was done", code="aborted")


def _remove_all(deck: Deck, sessions: Sequence[Session], force: bool, json: bool) -> None:
    removed, failed = [], []
    here = deck.sessions.here()
    # The one that this command runs in comes last: its terminal, and so this process, ends with it.
    for session in sorted(sessions, key=lambda session: session.id == here):
        try:
            removed.append(deck.removing.remove(session, force=force))
        except DeckError as error:
            failed.append((session, error))
    _report(deck, removed, failed, json)
    if failed:
        words = "; ".join(error.message for _, error in failed)
        kind = Refused if any(isinstance(error, Refused) for _, error in failed) else DeckError
        raise kind(words, failed[0][1].hint)


def _report(deck: Deck, removed: Sequence[Operation], failed: Sequence[tuple[Session, DeckError]], json: bool) -> None:
    removed_ids = {operation.id for operation in removed}
    for entry in deck.trash.entries():
        for path in (path for part in entry.parts for path in part.dropped if entry.id in removed_ids):
            output.note(f"devdeck: {one_line(path)} was over the limit of ignored files and is not kept")
    if json:
        output.document(
            {
                "removed": [views.operation_view(operation) for operation in removed],
                "failed": [
                    {"label": session.label, "code": error.code, "message": error.message, "hint": error.hint}
                    for session, error in failed
                ],
            }
        )
        return
    for operation in removed:
        output.say(f"removed {output.styled(one_line(operation.label), 'bold')}")
    if len(removed) == 1:
        output.say("  → devdeck undo")
    elif removed:
        output.say("  → devdeck trash")
    elif not failed:
        output.say("no sessions")


def _show_plans(plans: Sequence[RemovalPlan], json: bool) -> None:
    if json:
        output.document({"plans": [_plan_view(plan) for plan in plans]})
        return
    for plan in plans:
        if plan.forbidden:
            output.say(f"can't remove {one_line(plan.session.label)}: {one_line(plan.forbidden)}")
            continue
        output.say(f"would remove {one_line(plan.session.label)}:")
        for step in plan.steps:
            output.say(f"  - {one_line(step)}")
        for risk in plan.risks:
            output.say(f"  {output.styled('!', 'warn')} {one_line(risk)}")
        for note in plan.notes:
            output.say(f"    {output.styled(one_line(note), 'dim')}")
    if not plans:
        output.say("no sessions")


def _plan_view(plan: RemovalPlan) -> dict[str, Any]:
    return {
        "label": plan.session.label,
        "steps": list(plan.steps),
        "risks": list(plan.risks),
        "notes": list(plan.notes),
        "forbidden": plan.forbidden or None,
    }


@click.command(short_help="Take back the last change.")
@click.option("-f", "--force", is_flag=True, help="Also when the session that would go holds work by now.")
@output.dry_run_option
@output.json_option
@output.with_deck
def undo(deck: Deck, force: bool, dry_run: bool, json: bool) -> None:
    """Take back the last change: what was removed comes back, what was made goes to the trash.

    Once more takes back the change before it. Where work would go that exists nowhere else it refuses (exit status 4).
    """
    if dry_run:
        operation, steps = deck.history.plan_undo()
        if json:
            output.document({"operation": views.operation_view(operation), "plan": list(steps)})
            return
        output.say(f"would take back: {operation.verb} {one_line(operation.label)}")
        for step in steps:
            output.say(f"  - {one_line(step)}")
        return
    operation = deck.history.undo(force=force)
    if json:
        output.document({"undone": views.operation_view(operation)})
    else:
        output.say(f"took back: {operation.verb} {output.styled(one_line(operation.label), 'bold')}")


@click.group(cls=Verbs, invoke_without_command=True)
@output.json_option
@click.pass_context
def trash(ctx: click.Context, json: bool) -> None:
    """What was removed and can be brought back. Without a verb: the list.

    NAME is the label of a removed session (the one that was removed last, if several had it) or the start of its id.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_, json=json)


@trash.command(name="list")
@output.json_option
@output.with_deck
def list_(deck: Deck, json: bool) -> None:
    """What is in the trash, the newest first."""
    from devdeck.moving import size_words

    entries = deck.trash.entries()
    if json:
        output.document({"trash": [entry_view(entry) for entry in entries]})
        return
    if not entries:
        output.say("the trash is empty")
        return
    now = time.time()
    rows = [
        [
            (entry.session.label, "bold"),
            (entry.session.repository, ""),
            (output.age(now - entry.at), ""),
            (size_words(entry.size), ""),
            ("never" if entry.expires_at is None else f"in {output.age(max(0.0, entry.expires_at - now))}", "dim"),
            (entry.id[:8], "dim"),
        ]
        for entry in entries
    ]
    output.table(("LABEL", "REPOSITORY", "AGE", "SIZE", "EXPIRES", "ID"), rows)


@trash.command()
@click.argument("name", shell_complete=complete.trash)
@output.json_option
@output.with_deck
def show(deck: Deck, name: str, json: bool) -> None:
    """What is kept of a removed session, and where it lies."""
    from devdeck.moving import size_words

    entry = deck.trash.find(name)
    if json:
        output.document(entry_view(entry))
        return
    output.say(f"{output.styled(one_line(entry.session.label), 'bold')}  {entry.id}")
    output.say(f"removed {output.iso(entry.at)}, {size_words(entry.size)}")
    output.say(f"kept until {output.iso(entry.expires_at) or 'it is dropped'}")
    if entry.folder is not None:
        output.say(f"folder: {one_line(entry.folder)}")
    for part in entry.parts:
        output.say(f"{one_line(part.member.repository)}: {one_line(part.member.worktree)}")
        if part.folder is not None:
            output.say(f"  files: {one_line(part.folder)}")
        if part.branch_tip is not None:
            output.say(f"  branch: {one_line(part.member.branch or '')} at {part.branch_tip[:10]}")
        for reference in part.refs:
            output.say(f"  {reference}")
        for path in part.dropped:
            output.say(f"  not kept: {one_line(path)}")


@trash.command(short_help="Bring a removed session back as it was.")
@click.argument("name", shell_complete=complete.trash)
@click.option("--as", "label", metavar="LABEL", help="Another label, where its own (or its folder or branch) is taken.")
@output.dry_run_option
@output.json_option
@output.with_deck
def restore(deck: Deck, name: str, label: str | None, dry_run: bool, json: bool) -> None:
    """Bring a removed session back: worktree, branch, index, terminal, everything as it was."""
    entry = deck.trash.find(name)
    if dry_run:
        plan = deck.trash.plan_restore(entry, label)
        if json:
            output.document({"label": plan.session.label, "worktree": plan.session.worktree, "plan": list(plan.steps)})
            return
        output.say(f"would bring back {one_line(plan.session.label)}:")
        for step in plan.steps:
            output.say(f"  - {one_line(step)}")
        return
    session = deck.trash.restore(entry, label)
    lost = [path for part in entry.parts for path in part.dropped]
    if json:
        output.document(
            {
                "label": session.label,
                "worktree": session.worktree,
                "branch": session.branch,
                "not_kept": lost,
            }
        )
        return
    output.say(f"brought back {output.styled(one_line(session.label), 'bold')} in {one_line(session.worktree)}")
    for path in lost:
        output.note(f"devdeck: {one_line(path)} was over the limit of ignored files and is not kept")
    output.say(f"  → devdeck open {shlex.quote(session.label)}")


@trash.command()
@click.argument("name", shell_complete=complete.trash)
@output.dry_run_option
@output.json_option
@output.with_deck
def drop(deck: Deck, name: str, dry_run: bool, json: bool) -> None:
    """Delete a removed session for good."""
    entry = deck.trash.find(name)
    if not dry_run:
        deck.trash.drop(entry)
    _dropped([entry], dry_run, json)


@trash.command()
@click.option("-y", "--yes", is_flag=True, help="Answer the question.")
@output.dry_run_option
@output.json_option
@output.with_deck
def empty(deck: Deck, yes: bool, dry_run: bool, json: bool) -> None:
    """Delete everything in the trash for good."""
    entries = deck.trash.entries()
    if entries and not yes and not dry_run:
        _ask("trash empty", f"Delete {len(entries)} removed sessions for good?")
    failed: list[DeckError] = []
    dropped = []
    for entry in entries:
        try:
            if not dry_run:
                deck.trash.drop(entry)
            dropped.append(entry)
        except DeckError as error:
            failed.append(error)
    _dropped(dropped, dry_run, json)
    if failed:
        raise DeckError("; ".join(error.message for error in failed), failed[0].hint)


def _dropped(entries: Sequence[TrashEntry], dry_run: bool, json: bool) -> None:
    if json:
        output.document({"dropped": [entry_view(entry) for entry in entries], "dry_run": dry_run})
        return
    verb = "would delete" if dry_run else "deleted"
    for entry in entries:
        output.say(f"{verb} {one_line(entry.session.label)} ({entry.id[:8]}) for good")
    if not entries:
        output.say("the trash is empty")


def entry_view(entry: TrashEntry) -> dict[str, Any]:
    """One entry of `trash --json`."""
    session = entry.session
    return {
        "id": entry.id,
        "label": session.label,
        "kind": str(session.kind),
        "repository": session.repository,
        "repository_path": session.repository_path,
        "worktree": session.worktree,
        "branch": session.branch,
        "size": entry.size,
        "removed_at": output.iso(entry.at),
        "expires_at": output.iso(entry.expires_at),
        "folder": entry.folder,
        "parts": [
            {
                "repository": part.member.repository,
                "repository_path": part.member.repository_path,
                "worktree": part.member.worktree,
                "branch": part.member.branch,
                "branch_tip": part.branch_tip,
                "folder": part.folder,
                "git_folder": part.admin,
                "refs": list(part.refs),
                "not_kept": list(part.dropped),
            }
            for part in entry.parts
        ],
    }
