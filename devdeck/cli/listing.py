"""ls."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import click

from devdeck.cli import output, views
from devdeck.errors import DeckError, Missing
from devdeck.model import Fact, GitFacts, RunState, Session, Terminal, TestRun

if TYPE_CHECKING:
    from devdeck.deck import Deck


@click.command()
@click.option("--no-git", is_flag=True, help="Leave out the git facts, which take the most time.")
@output.json_option
@output.with_deck
def ls(deck: Deck, no_git: bool, json: bool) -> None:
    """List the sessions of all repositories, with what is known of each."""
    from devdeck import discover
    from devdeck.runs import settle

    try:
        terminals = deck.terminals.all()
    except Missing as error:
        output.note(f"devdeck: {error.message}")
        terminals = ()
    sessions = deck.sessions.all(terminals)
    matched = discover.match_terminals(sessions, terminals)
    running: dict[str, int] = {}
    for job in deck.store.running_jobs():
        if deck.work.refresh(job).running:
            running[job.session_id] = running.get(job.session_id, 0) + 1
    runs = deck.store.last_runs()
    for id_, run in runs.items():
        if run.state is RunState.RUNNING:
            runs[id_] = settle(deck.store, deck.work.job(run.job_id), run)
    git = {} if no_git else git_facts(sessions)
    if json:
        entries = [
            views.session_view(s, matched.get(s.id), git.get(s.id, Fact()), running.get(s.id, 0), runs.get(s.id))
            for s in sessions
        ]
        output.document({"sessions": entries})
    elif not sessions:
        output.say("no sessions yet")
        output.say("  → devdeck start LABEL  in a repository makes one; devdeck demo shows what it looks like")
    else:
        rows = [
            _row(s, matched.get(s.id), git.get(s.id, Fact()), running.get(s.id, 0), runs.get(s.id)) for s in sessions
        ]
        output.table(("LABEL", "REPOSITORY", "BRANCH", "GIT", "RUNS", "TESTS", "TERMINAL"), rows)


def git_facts(sessions: tuple[Session, ...]) -> dict[str, Fact[GitFacts]]:
    """Read the git facts of many sessions, as many at once as there are cores."""
    from devdeck.git.status import status

    def look(session: Session) -> tuple[str, Fact[GitFacts]]:
        try:
            return session.id, Fact(value=status(session.worktree), at=time.time())
        except DeckError as error:
            return session.id, Fact(error=error.message)

    with ThreadPoolExecutor(max(2, min(8, os.cpu_count() or 2))) as pool:
        return dict(pool.map(look, sessions))


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


def _tests(run: TestRun | None) -> tuple[str, str]:
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


def _row(
    session: Session, terminal: Terminal | None, git: Fact[GitFacts], running: int, run: TestRun | None
) -> list[tuple[str, str]]:
    facts = git.value
    branch = (facts.branch or "(detached)") if facts else session.branch or "-"
    marks = git_marks(git)
    return [
        (session.label, "bold"),
        (session.repository, ""),
        (branch, "info"),
        (marks, "dim" if marks in ("clean", "-") else "bad" if facts is None or facts.conflicts else "warn"),
        (f"● {running}" if running else "-", "info" if running else "dim"),
        _tests(run),
        (f"{terminal.name}" if terminal else "none", "" if terminal else "dim"),
    ]
