"""What a check says, and how checks are run: beside each other, each bounded in time, none hiding another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from devdeck.errors import DeckError

if TYPE_CHECKING:
    from devdeck.deck import Deck

PATIENCE = 6.0
"""Seconds after which nobody waits for a check any more."""


REPOSITORIES = 100
"""Most repositories that are looked into."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    state: str
    """`ok`, `warn` (something works less well) or `fail` (something does not work)."""
    evidence: str
    fix: str = ""
    """What to do; empty when all is well."""
    fixable: bool = False
    """Whether `doctor --fix` settles it."""


class Problem(msgspec.Struct, frozen=True):
    """A finding that can be settled without a question."""

    finding: Finding
    settle: Callable[[], str]
    """Settles it; returns what was done, in words. Looks again first: the world may have changed."""


def problem(name: str, evidence: str, does: str, settle: Callable[[], str], *, state: str = "warn") -> Problem:
    """A finding that can be settled without a question.

    Args:
        name: What it is called.
        evidence: What was seen, and where.
        does: What `devdeck doctor --fix` does about it, as words that go on from that.
        settle: As of `Problem`.
        state: As of `Finding`.
    """
    fix = f"devdeck doctor --fix {does}"
    return Problem(Finding(name=name, state=state, evidence=evidence, fix=fix, fixable=True), settle)


def roots(deck: Deck) -> tuple[str, ...]:
    """Main worktrees of all repositories that the deck knows and that are there, bounded."""
    known = {path for _, path in deck.store.repositories()}
    known |= {place.repository_path for session in deck.store.sessions() for place in session.places}
    return tuple(root for root in sorted(known) if Path(root).is_dir())[:REPOSITORIES]


Check = Callable[["Deck"], Iterable[Finding | Problem]]


def look(deck: Deck, checks: Sequence[Check], patience: float = PATIENCE) -> tuple[Finding, ...]:
    """What all checks find, in their order. One that fails, or takes too long, is a finding itself."""
    results: dict[int, list[Finding]] = {}

    def run(number: int, check: Check) -> None:
        found = results[number] = []
        try:
            for result in check(deck):
                found.append(result.finding if isinstance(result, Problem) else result)
        except Exception as error:  # noqa: BLE001  a check that breaks must not hide the others
            found.append(_broken(check, error))

    threads = [
        threading.Thread(target=run, args=(number, check), name=f"doctor-{_name(check)}", daemon=True)
        for number, check in enumerate(checks)
    ]
    deadline = time.monotonic() + patience
    for thread in threads:
        thread.start()
    findings: list[Finding] = []
    for number, thread in enumerate(threads):
        thread.join(max(0.0, deadline - time.monotonic()))
        findings += results.get(number, ())
        if thread.is_alive():
            findings.append(
                Finding(
                    name=_name(checks[number]),
                    state="warn",
                    evidence=f"no answer within {patience:g} s",
                    fix="look again when the machine is less busy",
                )
            )
    return tuple(findings)


def settle(deck: Deck, checks: Sequence[Check]) -> tuple[str, ...]:
    """Settle what can be, check by check, so that each sees what those before it did; returns what was done."""
    done: list[str] = []
    for check in checks:
        try:
            problems = [result for result in check(deck) if isinstance(result, Problem)]
        except Exception as error:  # noqa: BLE001  as above
            done.append(f"{_name(check)}: could not look: {_words(error)}")
            continue
        for problem in problems:
            try:
                done.append(problem.settle())
            except Exception as error:  # noqa: BLE001  as above
                done.append(f"{problem.finding.name}: not settled: {_words(error)}")
    return tuple(filter(None, done))


def _broken(check: Check, error: Exception) -> Finding:
    hint = error.hint if isinstance(error, DeckError) else ""
    return Finding(
        name=_name(check), state="warn", evidence=_words(error), fix=hint or "the other findings do not depend on it"
    )


def _words(error: Exception) -> str:
    return error.message if isinstance(error, DeckError) else f"{type(error).__name__}: {error}"[:300]


def _name(check: Check) -> str:
    return getattr(check, "__name__", "check").replace("_", " ").strip()
