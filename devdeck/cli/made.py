"""What start and checkout print, and the way into a session that was just made."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from devdeck.cli import output, views
from devdeck.errors import DeckError
from devdeck.model import Fact, Session

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.live import Handoff
    from devdeck.starting import StartPlan


def show_plan(verb: str, plan: StartPlan, *, json: bool) -> None:
    """Print what a plan would do."""
    session = plan.session
    if json:
        output.document(
            {
                "plan": list(plan.steps),
                "label": session.label,
                "branch": session.branch,
                "worktree": session.worktree,
                "warnings": list(plan.warnings),
                "trust": list(plan.trust),
            }
        )
        return
    output.say(f"would {verb} {session.label}:")
    for step in plan.steps:
        output.say(f"  - {step}")
    for warning in plan.warnings:
        output.say(f"  ! {warning}")


def carry_out(deck: Deck, plan: StartPlan, verb: str, *, open_after: bool, json: bool) -> None:
    """Make the session of a plan, print it, and go there if that is wanted. Warnings go to stderr."""
    warnings: list[str] = []
    session = deck.starting.carry_out(plan, verb, warn=warnings.append)
    if json:
        output.document({"session": _view(deck, session), "warnings": warnings})
    else:
        for warning in warnings:
            output.note(f"devdeck: {warning}")
        done = "checked out" if verb == "checkout" else "started"
        output.say(f"{done} {output.styled(session.label, 'bold')} in {session.worktree}")
        if not open_after:
            output.say(f"  → devdeck open {shlex.quote(session.label)}")
    if open_after:
        go(deck, deck.terminals.hand_off(session))


def _view(deck: Deck, session: Session) -> dict[str, object]:
    from devdeck.git.status import status

    facts = Fact(value=status(session.worktree))
    return views.session_view(session, deck.terminals.of(session), facts, 0, None)


def go(deck: Deck, handoff: Handoff) -> None:
    """Attach by becoming tmux; where the client was switched there is nothing left to do.

    Raises:
        DeckError: There is no terminal to attach.
    """
    if handoff.argv:
        if not os.isatty(0):
            raise DeckError("can't attach: standard input is no terminal", "run it in a terminal, or use `devdeck`")
        deck.close()
        os.execvp(handoff.argv[0], handoff.argv)
