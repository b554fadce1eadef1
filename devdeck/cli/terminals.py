"""open, restore and control-center."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from devdeck.cli import complete, output, plans
from devdeck.cli.going import go
from devdeck.errors import DeckError, NotFound, UsageError

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.model import Session
    from devdeck.terminal.centre import Shown


@click.command(name="open")
@click.argument("label", required=False, shell_complete=complete.labels_or_last)
@output.dry_run_option
@output.json_option
@output.with_deck
def open_(deck: Deck, label: str | None, dry_run: bool, json: bool) -> None:
    """Go to a session's terminal; `-` is the one before.

    Without LABEL: the session of the current folder, else the one visited last. Inside tmux the client is switched,
    outside tmux attaches. A terminal that is gone comes back with its windows and directories. A repository of a
    workspace, `WORKSPACE:REPOSITORY`, is a window of the workspace's terminal.
    """
    session = _target(deck, label)
    if dry_run:
        steps = deck.terminals.plan_hand_off(session)
        if json:
            output.document({"session": session.label, "plan": list(steps)})
        else:
            plans.show(f"would open {session.label}:", steps)
        return
    handoff = deck.terminals.hand_off(session)
    if json:
        output.document(
            {
                "session": session.label,
                "switched": not handoff.argv,
                "attach": list(handoff.argv) or None,
                "notes": list(handoff.notes),
            }
        )
        return
    go(deck, handoff)


def _target(deck: Deck, label: str | None) -> Session:
    if label == "-":
        return _before(deck)
    if label is not None:
        return deck.sessions.find(label)
    return deck.sessions.at(Path.cwd()) or deck.sessions.previous(None)


def _before(deck: Deck) -> Session:
    """The session before the one that the user is in, or outside of all was in last: asked again it goes back."""
    here = deck.sessions.here()
    last = deck.sessions.previous(here)
    if here is not None:
        return last
    try:
        return deck.sessions.previous(last.id)
    except NotFound:
        return last


@click.command(short_help="Bring back terminals that are gone, as after a reboot.")
@click.argument("labels", metavar="[LABEL]...", nargs=-1, shell_complete=complete.labels)
@click.option("--all", "everything", is_flag=True, help="All sessions of the deck.")
@output.dry_run_option
@output.json_option
@output.with_deck
def restore(deck: Deck, labels: tuple[str, ...], everything: bool, dry_run: bool, json: bool) -> None:
    """Bring back terminals that are gone, after a reboot for example: windows, directories and layout.

    Nothing is run in them but the shell.
    """
    if everything and labels:
        raise UsageError("either LABEL or --all", "`devdeck restore --help` says more")
    if not (everything or labels):
        raise UsageError("which terminals?", "name sessions, or say --all")
    sessions = (
        deck.store.sessions() if everything else tuple(dict.fromkeys(deck.sessions.find(label) for label in labels))
    )
    if dry_run:
        _plan_restore(deck, sessions, json)
        return
    report = deck.terminals.restore_all(sessions)
    if json:
        output.document(
            {
                "terminals": [
                    {
                        "label": each.session.label,
                        "restored": each.made,
                        "alive": each.terminal is not None,
                        "missing": list(each.missing),
                        "error": each.error.message if each.error else None,
                    }
                    for each in report
                ]
            }
        )
    else:
        for each in report:
            if each.error:
                output.say(f"not restored: {each.session.label}: {each.error.message}")
            else:
                output.say(f"{'restored' if each.made else 'alive already:'} {each.session.label}")
            for place in each.missing:
                output.say(f"  ! {place} is gone; its pane is in the worktree")
        if not report:
            output.say("no sessions")
    failed = [each for each in report if each.error]
    if len(report) == 1 and failed and failed[0].error is not None:
        raise failed[0].error
    if failed:
        raise DeckError(f"not restored: {', '.join(each.session.label for each in failed)}")


def _plan_restore(deck: Deck, sessions: tuple[Session, ...], json: bool) -> None:
    planned: list[tuple[str, str, str | None]] = []
    for session in sessions:
        try:
            planned.append((session.label, deck.terminals.plan_restore(session), None))
        except DeckError as failure:
            planned.append((session.label, "", failure.message))
    if json:
        output.document({"plans": [{"label": label, "step": step or None, "error": e} for label, step, e in planned]})
        return
    for label, step, error in planned:
        if step:
            plans.show(f"would restore {label}:", (step,))
        else:
            output.say(f"not restored: {label}: {error}" if error else f"alive already: {label}")
    if not planned:
        output.say("no sessions")


@click.command(name="control-center", short_help="Open the dashboard, or a tmux session of all sessions.")
@click.option("--tmux", is_flag=True, help="As a tmux session with a window for each session, linked to the real one.")
@click.option("--read-only", is_flag=True, help="Forbid every change in the dashboard.")
@output.dry_run_option
@output.json_option
def control_center(tmux: bool, read_only: bool, dry_run: bool, json: bool) -> int:
    """Open the dashboard; with --tmux, all sessions as the windows of one tmux session.

    Windows that you open in that session yourself stay, and windows of sessions that are gone leave it.
    """
    if not tmux:
        if dry_run or json:
            raise UsageError(
                "the dashboard has no --dry-run and no --json", "add --tmux, which has both, or use `devdeck ls --json`"
            )
        from devdeck.cli.dashboard import show

        return show(read_only=read_only)
    if read_only:
        raise UsageError("--read-only is for the dashboard", "leave out --tmux")
    from devdeck.deck import Deck

    with contextlib.closing(Deck.open()) as deck:
        _gather(deck, dry_run=dry_run, json=json)
    return 0


def _gather(deck: Deck, *, dry_run: bool, json: bool) -> None:
    from devdeck.terminal import centre

    deck.terminals.require()
    sessions = deck.sessions.all()
    if dry_run:
        chosen = centre.wanted(sessions)
        names = centre.named(chosen)
        if json:
            output.document({"windows": [{"label": each.label, "name": names[each.id]} for each in chosen]})
        for each in () if json else chosen:
            output.say(f"would show {each.label} as the window {names[each.id]}")
        return
    gathered = centre.gather(deck.terminals, sessions, Path.home())
    if not gathered.id:
        if json:
            output.document({"session": None, "windows": [], "dropped": [], "switched": False, "attach": None})
        else:
            output.say("no sessions")
        return
    handoff = centre.hand_off(deck.terminals, gathered)
    if json:
        output.document(
            {
                "session": gathered.id,
                "windows": [_window_view(each) for each in gathered.shown],
                "dropped": list(gathered.dropped),
                "switched": not handoff.argv,
                "attach": list(handoff.argv) or None,
            }
        )
        return
    go(deck, handoff)


def _window_view(each: Shown) -> dict[str, object]:
    return {
        "label": each.session.label,
        "window": each.window or None,
        "name": each.name,
        "added": each.added,
        "error": each.error.message if each.error else None,
    }
