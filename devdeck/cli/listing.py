"""Sessions as a list: read, told as a table or as the contract's document. Loads no click: `ls` does without."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from devdeck.cli import output, views
from devdeck.model import Fact, GitFacts, RunState, SessionState, TestRun
from devdeck.text import one_line

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.looking import Look

HEADINGS = ("LABEL", "REPOSITORY", "BRANCH", "GIT", "RUNS", "TESTS", "TERMINAL")


def list_all(deck: Deck, *, git: bool, json: bool) -> None:
    """Print all sessions: what `ls` does.

    Args:
        deck: Whose.
        git: With the git facts, which take the most time.
        json: As the contract's document.
    """
    from devdeck.looking import look, remember_windows

    seen = look(deck, git=git, panes=not json)  # what a table is made of is remembered
    show(seen, json, empty="no sessions yet", start="start LABEL  in a repository makes one")
    if not json:
        tell_cut_off(deck)
        remember_windows(deck, seen)


def tell_cut_off(deck: Deck) -> None:
    """Say which changes were cut off, and how they are settled: nobody looks for them of their own accord."""
    found = [f"{operation.verb} {operation.label}" for operation in deck.transactions.cut_off()]
    if found:
        output.note(f"devdeck: cut off: {one_line(', '.join(found))}")
        output.note("  → devdeck doctor --fix")


def show(seen: Look, json: bool, *, empty: str, start: str) -> None:
    """Print sessions, as a table or as the contract's document."""
    for problem in seen.problems:
        output.note(f"devdeck: {problem}")
    if json:
        output.document({"sessions": [views.state_view(state, seen.members(state)) for state in seen.whole]})
    elif not seen.states:
        output.say(empty)
        output.say(f"  → devdeck {start}; devdeck demo shows what it looks like")
    else:
        output.table(HEADINGS, [row(state) for state in seen.states])


def git_marks(fact: Fact[GitFacts]) -> str:
    """Counts as marks: `+` staged, `~` unstaged, `?` untracked, `!` conflicts, `↑` ahead, `↓` behind; `clean`."""
    facts = fact.value
    if facts is None:
        return "error" if fact.error else "-"
    marks = [
        f"{mark}{count}"
        for mark, count in (
            ("+", facts.staged),
            ("~", facts.unstaged),
            ("?", facts.untracked),
            ("!", facts.conflicts),
            ("↑", facts.ahead),
            ("↓", facts.behind),
        )
        if count
    ]
    return " ".join([*([facts.operation] if facts.operation else []), *marks]) or "clean"


def git_style(fact: Fact[GitFacts]) -> str:
    """The style of `git_marks`."""
    marks = git_marks(fact)
    if marks in ("clean", "-"):
        return "dim"
    return "bad" if fact.value is None or fact.value.conflicts else "warn"


def runs_marks(state: SessionState) -> tuple[str, str]:
    """What runs, and whether setting the session up failed, and the style of it: `● 2`, `✗ setup`, `-`."""
    running = f"● {len(state.running)}" if state.running else ""
    if state.init_failed:
        return f"✗ setup {running}".rstrip(), "bad"
    return (running, "info") if running else ("-", "dim")


def tests_marks(run: TestRun | None) -> tuple[str, str]:
    """How the tests stand, and the style of it: `✓ 12 5m`, `✗ 1/12 5m`, `● 3/12`."""
    if run is None:
        return "-", "dim"
    failed = run.failed + run.errors
    when = output.age(time.time() - run.ended_at) if run.ended_at else ""
    words = {
        RunState.PASSED: (f"✓ {run.passed} {when}", "good"),
        RunState.FAILED: (f"✗ {failed}/{failed + run.passed} {when}", "bad"),
        RunState.RUNNING: (f"● {run.passed}/{run.total or '?'}", "info"),
    }
    return words.get(run.state, (f"! {run.state} {when}", "warn"))


def branch_of(state: SessionState) -> str:
    """The branch that is checked out, else the one that the session was made with."""
    facts = state.git.value
    return (facts.branch or "(detached)") if facts else state.session.branch or "-"


def row(state: SessionState) -> Sequence[tuple[str, str]]:
    """One row of the table: a session, or a repository of a workspace."""
    session, terminal = state.session, state.terminal.value
    count = len(session.members)
    member = session.parent is not None
    where = terminal.name if terminal else "?" if state.terminal.error else "none"
    return [
        (f"  {session.label}" if member else session.label, "" if member else "bold"),
        (f"{count} repositor{'y' if count == 1 else 'ies'}" if count else session.repository, ""),
        (branch_of(state), "info"),
        (git_marks(state.git), git_style(state.git)),
        runs_marks(state),
        tests_marks(state.run),
        ("" if member else where, "" if terminal else "dim"),
    ]
