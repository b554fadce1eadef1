"""What start and checkout print, and the way into a session that was just made."""

from __future__ import annotations

import contextlib
import importlib
import shlex
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from devdeck.cli import asking, output, plans, views, waiting
from devdeck.cli.going import go
from devdeck.model import Fact, Session

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.start.starting import StartPlan

    MakePlan = Callable[[bool], StartPlan]


def show_plan(verb: str, make_plan: MakePlan, *, trust: bool, json: bool) -> None:
    """Print what `start` or `checkout` would do."""
    with waiting.told(json=json):
        plan = make_plan(trust)
    session = plan.session
    if json:
        output.document(
            {
                "plan": list(plan.steps),
                "label": session.label,
                "branch": session.branch,
                "worktree": session.worktree,
                "upstream": plan.upstreams.get(session.worktree),
                "warnings": list(plan.warnings),
            }
        )
        return
    words = "check out" if verb == "checkout" else verb
    plans.show(f"would {words} {session.label}:", plan.steps, warnings=plan.warnings)


def carry_out(
    deck: Deck, make_plan: MakePlan, verb: str, *, trust: bool, in_pane: bool, open_after: bool, json: bool
) -> None:
    """Make the session of a plan, print it, and go there if that is wanted. Warnings go to stderr.

    Args:
        deck: The deck.
        make_plan: Makes the plan, given whether the repository's configuration is trusted. Where it is not, and there
            is somebody to ask, the user is asked, and the plan made again.
        verb: `start` or `checkout`.
        trust: Trust it without a question.
        in_pane: Type the commands that set the session up into its pane.
        open_after: Go there.
        json: Print one document, ask nothing.
    """
    made = make(deck, make_plan, verb, trust=trust, in_pane=in_pane, json=json)
    session = made.session
    if json:
        output.document({"session": _view(deck, session), "warnings": made.warnings})
    else:
        done = "checked out" if verb == "checkout" else "started"
        place = output.from_home(session.worktree)
        tell(made, f"{done} {output.styled(session.label, 'bold')} in {place}", open_after=open_after)
    if open_after:
        go(deck, deck.terminals.hand_off(session))


class Made(NamedTuple):
    """A session that was just made."""

    session: Session
    plan: StartPlan
    warnings: list[str]


def make(deck: Deck, make_plan: MakePlan, verb: str, *, trust: bool, in_pane: bool, json: bool) -> Made:
    """Make the session of a plan, and print what there is to warn of; the parameters are those of `carry_out`."""
    _load_ahead()
    deck.terminals.require()  # no tmux, no session: found out before anything is made
    plan = _trusted_plan(deck, make_plan, trust=trust, json=json)
    warnings: list[str] = []
    with waiting.told(json=json):
        session = deck.starting.carry_out(plan, verb, warn=warnings.append, in_pane=in_pane or None)
    for warning in () if json else warnings:
        output.note(f"devdeck: {output.from_home(warning)}")
    return Made(session, plan, warnings)


def tell(made: Made, words: str, *, open_after: bool) -> None:
    """Print what was made, what its branches track and, where nobody is taken there, how to get there."""
    output.say(words)
    for line in made.plan.tracking:
        output.say(f"  {line}")
    if not open_after:
        output.say(f"  → devdeck open {shlex.quote(made.session.label)}")


def _load_ahead() -> None:
    """Load the library that makes terminals in a thread, while git and tmux are waited for.

    Where it can't be loaded, whoever needs it finds that out again, and says so.
    """

    def load() -> None:
        with contextlib.suppress(ImportError):
            importlib.import_module("backends.tmux.making")

    threading.Thread(target=load, name="devdeck-load").start()


def _trusted_plan(deck: Deck, make_plan: MakePlan, *, trust: bool, json: bool) -> StartPlan:
    """A plan that sets up what is trusted, after asking the user for trust where there is somebody to ask."""
    with waiting.told(json=json):
        plan = make_plan(trust)
    if json or trust or not asking.offer(deck, plan.session):
        return plan
    with waiting.told(json=json):
        return make_plan(False)  # what was shown is trusted now


def _view(deck: Deck, session: Session) -> dict[str, object]:
    from devdeck.git.status import status

    facts = Fact(value=status(session.worktree))
    return views.session_view(session, deck.terminals.of(session), facts, 0, None)
