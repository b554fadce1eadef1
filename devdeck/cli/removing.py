"""rm, undo and trash."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from devdeck.cli import complete, output, plans, views
from devdeck.cli.options import removing_options
from devdeck.cli.verbs import Verbs
from devdeck.errors import DeckError, Refused
from devdeck.text import one_line

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.live import RemovalPlan
    from devdeck.model import Operation, Session, TrashEntry


@click.command(short_help="Remove a session (or `all`), into the trash.")
@click.argument("target", metavar="LABEL|all", shell_complete=complete.whole_labels_or_all)
@removing_options("rm all")
@output.with_deck
def rm(deck: Deck, target: str, force: bool, yes: bool, dry_run: bool, json: bool) -> None:
    """Remove a session (or `all`): its worktree, its own branch and its tmux session go to the trash.

    Refuses (exit status 4) where uncommitted work, or commits that exist nowhere else, would go; with --force that
    goes to the trash too. `devdeck undo` brings the last one back, `devdeck trash` lists all.
    """
    one = None if target.lower() == "all" else deck.sessions.find(target)
    remove_sessions(deck, one, workspaces=False, force=force, yes=yes, dry_run=dry_run, json=json)


def remove_sessions(
    deck: Deck, one: Session | None, *, workspaces: bool, force: bool, yes: bool, dry_run: bool, json: bool
) -> None:
    """Remove a session, or all of the deck's own, and print what was removed.

    Args:
        deck: The deck.
        one: The session; `None` means all, after a question.
        workspaces: All are all workspaces, and they are called so.
        force: Although they hold work that exists nowhere else.
        yes: Don't ask.
        dry_run: Only print what would be done.
        json: Print one document.

    Raises:
        DeckError: Something was not removed, or the answer was no.
    """
    noun = "workspace" if workspaces else "session"
    if one is not None:
        sessions = [one]
    else:
        sessions = [
            session
            for session in deck.sessions.all()
            if session.managed and session.parent is None and (session.members or not workspaces)
        ]
    asks = one is None and bool(sessions) and not yes
    looked = [deck.removing.plan(session) for session in sessions] if dry_run or asks else []
    if dry_run:
        _show_plans(looked, json, noun)
        return
    if asks:
        if not json:
            _show_all(looked, force)
        _ask("workspace rm all" if workspaces else "rm all", _question(looked, force, noun))
    if one is None:
        _remove_all(deck, sessions, force, json, noun)
    else:
        _report(deck, [deck.removing.remove(one, force=force)], (), json, noun)


def _show_all(looked: Sequence[RemovalPlan], force: bool) -> None:
    """All that would go, a line each with what is worth knowing; `--dry-run` has the steps."""
    for plan in looked:
        stays = bool(plan.forbidden or (plan.risks and not force))
        against = (plan.forbidden,) if plan.forbidden else plan.risks
        words = f"{'keeps' if stays else 'would remove'} {plan.session.label}  {plan.session.repository}"
        plans.show(words, (), warnings=against, notes=() if stays else plan.notes)


def _question(looked: Sequence[RemovalPlan], force: bool, noun: str) -> str:
    """What is asked: how many would go, and which stay because of their work.

    Raises:
        Refused: All would stay.
    """
    staying = [plan.session.label for plan in looked if plan.forbidden or (plan.risks and not force)]
    going = len(looked) - len(staying)
    if not going:
        raise Refused(f"no {noun} can go: all hold work that exists nowhere else", "--force removes them all the same")
    question = f"Remove {going} {noun}{'s' * (going != 1)}?"
    if not staying:
        return question
    labels = ", ".join(one_line(label) for label in staying)
    one = len(staying) == 1
    return f"{labels} {'stays' if one else 'stay'}, because of the work in {'it' if one else 'them'}. {question}"


def _ask(verb: str, question: str) -> None:
    """Ask; everything but a yes ends the verb with status 1."""
    if not os.isatty(0):
        raise DeckError(f"`{verb}` asks before it goes on", "add --yes", code="confirm")
    if not click.confirm(question, err=True):
        raise DeckError("nothing was done", code="aborted")


def _remove_all(deck: Deck, sessions: Sequence[Session], force: bool, json: bool, noun: str) -> None:
    removed, failed = [], []
    here = deck.sessions.here()
    # The one that this command runs in comes last: its terminal, and so this process, ends with it.
    for session in sorted(sessions, key=lambda session: session.id == here):
        try:
            removed.append(deck.removing.remove(session, force=force))
        except DeckError as error:
            failed.append((session, error))
    _report(deck, removed, failed, json, noun)
    if failed:
        words = "; ".join(error.message for _, error in failed)
        kind = Refused if any(isinstance(error, Refused) for _, error in failed) else DeckError
        raise kind(words, failed[0][1].hint)


def _report(
    deck: Deck, removed: Sequence[Operation], failed: Sequence[tuple[Session, DeckError]], json: bool, noun: str
) -> None:
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
        output.say(f"no {noun}s")


def _show_plans(looked: Sequence[RemovalPlan], json: bool, noun: str) -> None:
    if json:
        output.document({"plans": [_plan_view(plan) for plan in looked]})
        return
    for plan in looked:
        if plan.forbidden:
            output.say(f"can't remove {one_line(plan.session.label)}: {one_line(plan.forbidden)}")
            continue
        plans.show(f"would remove {plan.session.label}:", plan.steps, warnings=plan.risks, notes=plan.notes)
    if not looked:
        output.say(f"no {noun}s")


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
        plans.show(f"would take back: {operation.verb} {operation.label}", steps)
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
    from devdeck.removal.moving import size_words

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
            ("never" if entry.expires_at is None else f"in {_left(entry.expires_at - now)}", "dim"),
            (entry.id[:8], "dim"),
        ]
        for entry in entries
    ]
    output.table(("LABEL", "REPOSITORY", "AGE", "SIZE", "EXPIRES", "ID"), rows)


def _left(seconds: float) -> str:
    """Time that is left, in words; rounded to days, so that what was just removed has all of them before it."""
    days = round(seconds / 86400)
    return f"{days}d" if days >= 2 else output.age(max(0.0, seconds))


@trash.command()
@click.argument("name", shell_complete=complete.trash)
@output.json_option
@output.with_deck
def show(deck: Deck, name: str, json: bool) -> None:
    """What is kept of a removed session, and where it lies."""
    from devdeck.removal.moving import size_words

    entry = deck.trash.find(name)
    if json:
        output.document(entry_view(entry))
        return
    output.say(f"{output.styled(one_line(entry.session.label), 'bold')}  {entry.id}")
    output.say(f"removed {output.moment(entry.at)}, {size_words(entry.size)}")
    output.say(f"kept until {'it is dropped' if entry.expires_at is None else output.moment(entry.expires_at)}")
    if entry.folder is not None:
        output.say(f"folder: {one_line(entry.folder)}")
    for part in entry.parts:
        output.say(f"{one_line(part.member.repository)}: {output.from_home(one_line(part.member.worktree))}")
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
        plans.show(f"would bring back {plan.session.label}:", plan.steps)
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
    place = output.from_home(one_line(session.worktree))
    output.say(f"brought back {output.styled(one_line(session.label), 'bold')} in {place}")
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
