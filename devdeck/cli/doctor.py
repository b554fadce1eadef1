"""doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from devdeck.cli import output

if TYPE_CHECKING:
    from devdeck.deck import Deck

MARKS = {"ok": ("✓ ok", "good"), "warn": ("! warn", "warn"), "fail": ("✗ FAIL", "bad")}


@click.command()
@click.option("--fix", "fix_", is_flag=True, help="Settle what can be settled without a question.")
@output.json_option
@output.with_deck
def doctor(deck: Deck, fix_: bool, json: bool) -> int:
    """Check what devdeck needs, and say what to do about what it lacks. Exit 1 when something does not work."""
    from devdeck import doctor as checks

    done = checks.fix(deck) if fix_ else ()
    findings = checks.examine(deck)
    if json:
        output.document({"findings": list(findings), "fixed": list(done)})
    else:
        for line in done:
            output.say(f"fixed: {line}")
        rows = [[MARKS[found.state], (found.name, "bold"), (found.evidence, "")] for found in findings]
        output.table(("", "WHAT", "FOUND"), rows)
        for found in findings:
            if found.fix:
                output.say(f"  → {found.name}: {found.fix}")
    return 1 if any(found.state == "fail" for found in findings) else 0
