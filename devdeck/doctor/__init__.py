"""What devdeck needs and how it finds it: findings as data, each with its evidence and what to do.

A check is a generator: of findings, and of problems that can be settled without a question. `recovery` is for a store
that can't even be opened.
"""

from __future__ import annotations

from devdeck.deck import Deck
from devdeck.doctor import engine, leftovers, machine, ports
from devdeck.doctor.findings import Check, Finding, Problem, look, settle

__all__ = ["CHECKS", "Check", "Finding", "Problem", "examine", "fix"]

CHECKS: tuple[Check, ...] = (
    machine.devdeck,
    machine.store,
    machine.settings,
    machine.git,
    machine.tmux,
    machine.terminal,
    engine.docker,
    machine.editor,
    machine.disk,
    *leftovers.CHECKS,
    ports.ports,
    machine.slow_git,
)
"""In the order in which they are shown, and settled."""


def examine(deck: Deck) -> tuple[Finding, ...]:
    """Look at everything. Changes nothing; each look is bounded in time, and none that fails hides another."""
    return look(deck, CHECKS)


def fix(deck: Deck) -> tuple[str, ...]:
    """Settle what can be settled without a question; returns what was done, in words."""
    return settle(deck, leftovers.CHECKS)
