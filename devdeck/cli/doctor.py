"""doctor."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from devdeck.cli import output

if TYPE_CHECKING:
    from devdeck.doctor import Finding

MARKS = {"ok": ("✓ ok", "good"), "warn": ("! warn", "warn"), "fail": ("✗ FAIL", "bad")}


@click.command(short_help="Check what devdeck needs, and settle what was cut off.")
@click.option("--fix", "fix_", is_flag=True, help="Settle what can be settled without a question.")
@output.dry_run_option
@output.json_option
def doctor(fix_: bool, dry_run: bool, json: bool) -> int:
    """Check what devdeck needs, and say what to do about what it lacks. Exit 1 when something does not work.

    It works without a usable store, too: `--fix` then moves the store aside, brings the newest copy back, and adopts
    what git and tmux have beyond it. With `--dry-run` it says what `--fix` would settle.
    """
    findings, done = _look(fix=fix_ and not dry_run)
    fixable = [found for found in findings if found.fixable]
    if json:
        output.document({"findings": list(findings), "fixed": list(done), "fixable": len(fixable), "dry_run": dry_run})
    elif dry_run:
        output.say("would settle:" if fixable else "nothing to settle")
        for found in fixable:
            output.say(f"  - {found.name}: {found.evidence}")
    else:
        for line in done:
            output.say(f"fixed: {line}")
        _show(findings)
    return 1 if any(found.state == "fail" for found in findings) else 0


def _look(*, fix: bool) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """What is found, after settling what can be settled when that is wanted, and what was done."""
    from devdeck import doctor as checks
    from devdeck.deck import Deck
    from devdeck.doctor import recovery
    from devdeck.errors import DeckError
    from devdeck.paths import Paths

    paths = Paths.from_environment()
    done: tuple[str, ...] = ()
    try:
        deck = Deck.open(paths)
        damage = deck.store.damage()
        if damage:
            deck.close()
            raise DeckError(damage, code="store")
    except DeckError as error:
        if not fix or error.code != "store":
            return recovery.examine(paths, error), ()
        done = recovery.recover(paths)
        deck = Deck.open(paths)
    with closing(deck):
        if fix:
            done = (*done, *checks.fix(deck))
        return checks.examine(deck), done


def _show(findings: tuple[Finding, ...]) -> None:
    rows = [[MARKS[found.state], (found.name, "bold"), (found.evidence, "")] for found in findings]
    output.table(("", "WHAT", "FOUND"), rows)
    for found in findings:
        if found.fix:
            output.say(f"  → {found.name}: {found.fix}")
