"""One look at everything, for a face that does not stay: the records that a running deck keeps, read once.

One tmux process for all sessions; git is read for many worktrees at a time, a bounded number of them.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from devdeck import discover
from devdeck.errors import DeckError
from devdeck.model import Fact, GitFacts, Job, JobKind, RunState, Session, SessionKind, SessionState, Terminal, TestRun
from devdeck.workspace import members

if TYPE_CHECKING:
    from devdeck.deck import Deck

AT_ONCE = max(2, min(8, os.cpu_count() or 2))
"""Worktrees that git reads at the same time."""

RECENT = 20
"""Jobs of a session that are looked at beside those that run."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen."""

    states: tuple[SessionState, ...]
    """Of all sessions that were looked at, each workspace followed by its members."""
    problems: tuple[str, ...] = ()
    """What could not be asked, in words."""

    @property
    def whole(self) -> tuple[SessionState, ...]:
        """Without the members of workspaces: what a user counts as a session."""
        return tuple(state for state in self.states if state.session.parent is None)

    def members(self, workspace: SessionState) -> tuple[SessionState, ...]:
        """The members of a workspace, in their order; empty for any other session."""
        by_id = {state.session.id: state for state in self.states}
        return tuple(by_id[id_] for id_ in workspace.session.member_ids if id_ in by_id)


def look(
    deck: Deck,
    choose: Callable[[Session], bool] | None = None,
    *,
    git: bool = True,
    history: bool = False,
    panes: bool = True,
) -> Look:
    """Look at sessions.

    Args:
        deck: Whose.
        choose: Which; all when `None`. A workspace's members come with it.
        git: Ask git, which takes the most time.
        history: Take also the last jobs that have ended; without, only those of them that set sessions up.
        panes: Ask tmux what runs in each pane, and where.
    """
    problems: list[str] = []
    terminals: tuple[Terminal, ...] = ()
    try:
        terminals = deck.terminals.all(detail=panes)
    except DeckError as error:
        problems.append(error.message)
    sessions = deck.sessions.all(terminals)
    matched = discover.match_terminals(sessions, terminals)
    if choose is not None:
        chosen = {session.id for session in sessions if choose(session)}
        sessions = tuple(session for session in sessions if {session.id, session.parent} & chosen)
    jobs = _jobs(deck, history=history)
    runs = _runs(deck, {session.id for session in sessions})
    facts = git_facts(sessions) if git else {}
    now, why = time.time(), problems[0] if problems else ""
    states = {
        session.id: SessionState(
            session=session,
            git=facts.get(session.id, Fact()),
            terminal=Fact(error=why) if why else Fact(value=matched.get(session.id), at=now),
            jobs=tuple(jobs.get(session.id, ())),
            run=runs.get(session.id),
        )
        for session in sessions
    }
    return Look(states=tuple(_summed(state, states, asked=git) for state in states.values()), problems=tuple(problems))


def remember_windows(deck: Deck, seen: Look) -> None:
    """Keep the windows of the terminals that were seen, so that they can be brought back after a reboot.

    It is no reason for a listing to fail when that can't be done now.
    """
    with contextlib.suppress(DeckError):
        deck.terminals.remember_all(
            {s.session.id: s.terminal.value for s in seen.whole if s.session.managed and s.terminal.value is not None}
        )


def _summed(state: SessionState, states: dict[str, SessionState], *, asked: bool) -> SessionState:
    """A workspace with what is known of its members; any other session as it is."""
    parts = [states[id_] for id_ in state.session.member_ids]
    if not parts:
        return state
    jobs = [*state.jobs, *(job for part in parts for job in part.jobs)]
    return msgspec.structs.replace(
        state,
        git=members.git_of(state.session, [part.git for part in parts]) if asked else Fact(),
        jobs=members.jobs_of(jobs, RECENT),
        run=members.run_of([part.run for part in parts]),
    )


def _jobs(deck: Deck, *, history: bool) -> dict[str, list[Job]]:
    ended = deck.store.recent_jobs(RECENT) if history else deck.store.setup_jobs(RECENT)
    found = {job.id: job for job in (*ended, *deck.store.running_jobs())}
    jobs: dict[str, list[Job]] = {}
    for job in sorted(found.values(), key=lambda job: (job.created_at, job.id), reverse=True):
        now = deck.work.refresh(job)
        if now.running or history or now.kind is JobKind.INIT:
            jobs.setdefault(job.session_id, []).append(now)
    return jobs


def _runs(deck: Deck, wanted: Iterable[str]) -> dict[str, TestRun]:
    last = deck.store.last_runs()
    runs = {id_: last[id_] for id_ in wanted if id_ in last}
    for id_, run in runs.items():
        if run.state is RunState.RUNNING:
            from devdeck.runs import settle

            runs[id_] = settle(deck.store, deck.work.job(run.job_id), run)
    return runs


def git_facts(sessions: Sequence[Session]) -> dict[str, Fact[GitFacts]]:
    """Read the git facts of many worktrees, `AT_ONCE` at a time. Workspaces are passed over: they are no worktree."""
    from concurrent.futures import ThreadPoolExecutor

    from devdeck.git.status import status

    def ask(session: Session) -> tuple[str, Fact[GitFacts]]:
        try:
            return session.id, Fact(value=status(session.worktree), at=time.time())
        except DeckError as error:
            return session.id, Fact(error=error.message)

    worktrees = [session for session in sessions if session.kind is not SessionKind.WORKSPACE]
    with ThreadPoolExecutor(AT_ONCE, "devdeck-git") as pool:
        return dict(pool.map(ask, worktrees))
