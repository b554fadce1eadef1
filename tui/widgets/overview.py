"""The overview of a session: every fact with its evidence and age, last commits, last operations."""

from __future__ import annotations

import os
from collections.abc import Sequence

from textual.app import ComposeResult

from devdeck.live import LiveDeck
from devdeck.model import (
    Commit,
    GitFacts,
    Job,
    Operation,
    OperationState,
    RunState,
    SessionKind,
    SessionState,
    Terminal,
    TestRun,
)
from tui.actions import ACTIONS
from tui.widgets import rows
from tui.widgets.line_view import LineView, message_lines
from tui.widgets.plot import format_value
from tui.widgets.session_order import status_of
from tui.widgets.spans import Line, Span, Tone, by_words, clean, fit, line, shorten, width_of, wrapped
from tui.widgets.tab import SessionTab

REST = 0.12
"""Seconds that a selection must rest before commits and operations are asked for."""
LONGEST_DETAIL = 80
"""Cells of an operation's words."""
NAME_WIDTH = 10
"""Cells of the column with the names of facts."""

_OPERATIONS = {
    OperationState.PLANNED: ("…", Tone.MUTED),
    OperationState.DOING: ("●", Tone.RUNNING),
    OperationState.DONE: ("✓", Tone.PASSED),
    OperationState.FAILED: ("✗", Tone.FAILED),
    OperationState.UNDONE: ("↺", Tone.MUTED),
}
RUN_GLYPHS = {
    RunState.RUNNING: ("●", Tone.RUNNING),
    RunState.PASSED: ("✓", Tone.PASSED),
    RunState.FAILED: ("✗", Tone.FAILED),
    RunState.ERROR: ("✗", Tone.ERROR),
    RunState.NO_TESTS: ("–", Tone.MUTED),
    RunState.STOPPED: ("–", Tone.MUTED),
}
"""For each verdict: glyph and tone."""


def fact(name: str, *values: Span | str | Line) -> Line:
    """A line `name   value`."""
    return line(fit((Span(f" {name}", Tone.MUTED),), NAME_WIDTH), " ", *values)


def heading(text: str) -> tuple[Line, ...]:
    """An empty line and a heading."""
    return ((), (Span(f" {text}", Tone.GROUP),))


def aged(text: str, seconds: float | None) -> Line:
    """` · text` of an age, muted; empty when the age is unknown."""
    words = rows.ago(seconds)
    return (Span(f" · {text}{words}", Tone.MUTED),) if words else ()


def git_facts(state: SessionState, now: float) -> list[Line]:
    """Branch and changes, with what is wrong when git can't be read."""
    known = state.git
    git = known.value
    if git is None:
        if known.error:
            return [fact("git", Span("✗ ", Tone.ERROR), Span(clean(known.error), Tone.ERROR))]
        return [fact("git", Span("… reading", Tone.MUTED))]
    stale: Line = ()
    if rows.is_stale(known, now):
        stale = (Span(f" · stale, seen {rows.ago(known.age(now))}", Tone.STALE),)
    found = [
        fact("branch", Span(rows.branch_of(state), Tone.BRANCH), _upstream(git)),
        fact("changes", _changes(git), stale or aged("", known.age(now))),
    ]
    if git.operation:
        found.append(fact("", Span(f"! {clean(git.operation, 20)} in progress", Tone.CONFLICT)))
    if known.error:
        found.append(fact("", Span("✗ ", Tone.ERROR), Span(clean(known.error), Tone.ERROR)))
    return found


def _upstream(git: GitFacts) -> Line:
    if git.upstream is None:
        return (Span(" · no upstream", Tone.MUTED),)
    name = Span(f" → {clean(git.upstream, 80)}", Tone.MUTED)
    if git.ahead is None or git.behind is None:
        return (name, Span(" · gone", Tone.STALE))
    if not git.ahead and not git.behind:
        return (name, Span(" · in step", Tone.MUTED))
    return line(
        name,
        Span(f" · ↑{git.ahead} ahead" if git.ahead else "", Tone.AHEAD),
        Span(f" · ↓{git.behind} behind" if git.behind else "", Tone.BEHIND),
    )


def _changes(git: GitFacts) -> Line:
    parts = (
        ("!", git.conflicts, "conflict" if git.conflicts == 1 else "conflicts", Tone.CONFLICT),
        ("+", git.staged, "staged", Tone.ADDED),
        ("~", git.unstaged, "changed", Tone.DIRTY),
        ("?", git.untracked, "untracked", Tone.DIRTY),
    )
    spans = [Span(f"{glyph}{count} {word}", tone) for glyph, count, word, tone in parts if count]
    if not spans:
        return (Span("clean", Tone.PLAIN),)
    return line(*(part for span in spans for part in (span, "  ")))[:-1]


def test_fact(run: TestRun | None, now: float, width: int) -> Line:
    """The last test run, with its age, and its evidence unless that is too much for `width` and there are counts."""
    if run is None:
        return fact("tests", Span("never run", Tone.MUTED), Span(" · t runs them", Tone.MUTED))
    glyph, tone = RUN_GLYPHS[run.state]
    counts = [(run.failed, "failed"), (run.errors, "errors"), (run.passed, "passed"), (run.skipped, "skipped")]
    known = [f"{count} {word}" for count, word in counts if count]
    words = ", ".join(known)
    reason = ", ".join(part for part in clean(run.reason, 120).split(", ") if part not in known)
    total = f" of {run.total}" if run.total is not None and words else ""
    verdict = {RunState.NO_TESTS: "no tests"}.get(run.state, str(run.state))
    seconds = now - run.ended_at if run.ended_at is not None else None
    evidence = (Span(f" · {reason}" if reason else "", Tone.MUTED),)
    head = fact("tests", Span(f"{glyph} {verdict}", tone), Span(f" · {words}{total}" if words else ""))
    age = aged("", seconds)
    whole = line(head, evidence, age)
    return whole if not words or width_of(whole) <= width else line(head, age)


def members_test_fact(states: Sequence[SessionState]) -> Line:
    """The last test runs in the repositories of a workspace, which has none of its own."""
    found = [line(rows.test_cell(it.run), Span(f" in {rows.name_of(it)}", Tone.MUTED)) for it in states if it.run]
    if not found:
        return test_fact(None, 0.0, 0)
    return fact("tests", *[part for each in found for part in (*each, Span(" · ", Tone.MUTED))][:-1])


def terminal_fact(state: SessionState, now: float) -> Line:
    """Whether there is a terminal, how many windows it has, who looks at it, what is in front."""
    known = state.terminal
    terminal: Terminal | None = known.value
    if terminal is None:
        if known.error:
            return fact("terminal", Span("✗ ", Tone.ERROR), Span(clean(known.error), Tone.ERROR))
        if known.at is None:
            return fact("terminal", Span("… reading", Tone.MUTED))
        if state.session.parent is not None:
            return fact("terminal", Span("that of its workspace", Tone.MUTED))
        return fact("terminal", Span("⊘ none", Tone.MUTED), Span(" · enter brings it back", Tone.MUTED))
    windows = len({pane.window_id for pane in terminal.panes})
    pane = terminal.active_pane
    front = f" · {clean(pane.command, 40)}{' (ended)' if pane.dead else ''}" if pane is not None else ""
    stale = f" · stale, {rows.ago(known.age(now))}" if known.error else ""
    return fact(
        "terminal",
        Span("✓ alive", Tone.PASSED),
        Span(f" · {windows} {'window' if windows == 1 else 'windows'}"),
        Span(f" · {terminal.attached} attached" if terminal.attached else " · detached", Tone.MUTED),
        Span(front, Tone.MUTED),
        Span(stale, Tone.STALE),
    )


def setup_fact(state: SessionState) -> tuple[Line, ...]:
    """That setting the session up failed, and where to see why; nothing while all is well."""
    job = state.failed_initialization
    if job is None:
        return ()
    why = f" · {clean(job.reason, 200)}" if job.reason else ""
    told = by_words((Span(f"✗ init failed: {rows.command_name(job)} · {job.verdict}{why}", Tone.FAILED),))
    keys = line(
        Span(ACTIONS["tab.logs"].key, Tone.STRONG),
        Span(" shows its log", Tone.MUTED),
        Span(" · ", Tone.MUTED),
        Span(ACTIONS["session.init"].key, Tone.STRONG),
        Span(" sets it up again", Tone.MUTED),
    )
    return (fact("setup", told), fact("", keys))


def member_lines(states: Sequence[SessionState], now: float) -> list[Line]:
    """The repositories of a workspace: glyph, name, changes, tests, what runs, and the branch where it is another."""
    table = [
        (
            line(Span(f" {it.glyph} ", it.tone), Span(shorten(rows.name_of(state), 30), Tone.LABEL)),
            rows.git_cell(state, now) or line(Span("clean", Tone.MUTED)),
            rows.test_cell(state.run),
            rows.runs_cell(state, now) if state.running or state.init_failed else (),
            line(Span(rows.told_branch(state), Tone.BRANCH)),
        )
        for state in states
        for it in (rows.status(state),)
    ]
    widths = [max(map(width_of, column)) for column in zip(*table, strict=True)]
    used = [number for number, width in enumerate(widths) if width]
    return [line(*(part for at in used for part in (*fit(row[at], widths[at]), Span("  ")))) for row in table]


def job_line(job: Job, now: float, whose: str = "") -> Line:
    """A job: its verdict as glyph and words, its name, how long it took and how long ago.

    Args:
        job: The job.
        now: UNIX seconds.
        whose: The repository that it runs in, for the jobs of a workspace.
    """
    place = Span(f" in {whose}" if whose else "", Tone.MUTED)
    if job.running:
        since = now - job.started_at if job.started_at is not None else None
        words = f"for {rows.span_of_time(since)}" if since is not None else str(job.state)
        return fact(
            str(job.kind),
            Span("● ", Tone.RUNNING),
            Span(rows.command_name(job)),
            place,
            Span(f" · running {words}", Tone.RUNNING),
        )
    bad = job.failed or (not job.stopped and job.exit_status is None)
    took = f" · {rows.span_of_time(job.duration)}" if job.duration is not None else ""
    return fact(
        str(job.kind),
        Span("✗ " if bad else "– " if job.stopped else "✓ ", Tone.FAILED if bad else Tone.MUTED),
        Span(rows.command_name(job)),
        place,
        Span(f" · {job.verdict}", Tone.FAILED if bad else Tone.MUTED),
        Span(f" · {clean(job.reason, 120)}" if job.reason else "", Tone.ERROR),
        Span(took, Tone.MUTED),
        aged("", now - job.ended_at if job.ended_at is not None else None),
    )


def usage_fact(state: SessionState, now: float) -> Line:
    """CPU, memory and processes, or that nothing is known of them."""
    sample = state.sample
    if sample is None:
        return fact("uses", Span("…", Tone.MUTED))
    old = now - sample.at > rows.SAMPLE_STALE
    return fact(
        "uses",
        Span(f"{sample.cpu:.0f}% CPU", Tone.STALE if old else Tone.CPU),
        Span(f" · {format_value(sample.memory, 'bytes')}", Tone.STALE if old else Tone.MEMORY),
        Span(f" · {sample.processes} process{'es' if sample.processes != 1 else ''}", Tone.MUTED),
        Span(f" · stale, {rows.ago(now - sample.at)}" if old else "", Tone.STALE),
    )


def commit_line(commit: Commit, now: float, width: int) -> Line:
    """A commit: short id, subject, author, age."""
    seen = f"  {rows.age(now - commit.at)}"
    author = f"  {shorten(clean(commit.author, 60), 16)}" if width >= 64 else ""
    tail = line(Span(author, Tone.MUTED), Span(seen.rjust(6), Tone.MUTED))
    head = line(Span(f" {clean(commit.oid)[:8]}  ", Tone.BRANCH))
    room = max(4, width - width_of(head) - width_of(tail) - 1)
    return line(head, fit((Span(clean(commit.subject, 300)),), room), tail)


def brief(detail: str) -> str:
    """What was done, short enough for a line: programs by their names, folders from home, the rest cut."""
    home = os.path.expanduser("~")
    first, *rest = clean(detail, 600).split(" ")
    words = (os.path.basename(first) or first, *(rows.path_hint(word, home) for word in rest))
    return shorten(" ".join(words), LONGEST_DETAIL)


def operation_line(operation: Operation, now: float, width: int) -> Line:
    """An operation: state, verb, detail, how to undo it, age."""
    glyph, tone = _OPERATIONS[operation.state]
    tail = Span(f"  {rows.age(now - operation.started_at)}".rjust(6), Tone.MUTED)
    words = brief(operation.detail) or clean(operation.label, 80)
    body = line(
        Span(f" {glyph} {operation.state:<8}", tone),
        Span(f"{clean(operation.verb, 16):<9} "),
        Span(words, Tone.MUTED),
        Span(f"  undo: {clean(operation.undo, 200)}" if operation.undo else "", Tone.MUTED),
    )
    return line(fit(body, max(8, width - width_of((tail,)) - 1)), tail)


class OverviewTab(SessionTab):
    """Facts of the selected session; see the module's description."""

    BINDING_GROUP_TITLE = "Overview"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._commits: tuple[Commit, ...] | None = None
        self._operations: tuple[Operation, ...] | None = None
        self._problem: tuple[str, str] | None = None
        self._asked: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """One list of lines."""
        yield OverviewLines(id="overview-lines")

    def on_mount(self) -> None:
        """A scrollbar that comes or goes leaves the lines another width."""
        self.watch(self.query_one(OverviewLines), "show_vertical_scrollbar", self._width_changed, init=False)

    def _width_changed(self) -> None:
        self.call_after_refresh(self._reapply)

    def apply(self, session_changed: bool) -> None:
        """Show the facts at once; ask for commits and operations when they may have changed."""
        if session_changed:
            self._commits = self._operations = self._problem = None
            self._asked = ()
            self.query_one(OverviewLines).scroll_home(animate=False)
        state = self.state
        if state is not None:
            head = state.git.value.head if state.git.value is not None else None
            jobs = tuple((job.id, job.state) for job in state.jobs[:8])
            asked = (state.session.id, head, jobs, state.session)
            if asked != self._asked:
                self._asked = asked
                self.fetch("overview", self._ask, self._use, rest=REST)
        self.render_facts()

    def hidden(self) -> None:
        """Ask again when shown."""
        self._asked = ()

    def ages(self) -> None:
        """Show all ages as of now."""
        self.render_facts()

    @staticmethod
    async def _ask(deck: LiveDeck, session_id: str) -> tuple[tuple[Commit, ...], tuple[Operation, ...]]:
        state = deck.state.sessions.get(session_id)
        whole = state is not None and state.session.kind is SessionKind.WORKSPACE
        commits = () if whole else await deck.commits(session_id, 10)
        return commits, await deck.operations(session_id, 8)

    def _use(self, answer: tuple[tuple[Commit, ...], tuple[Operation, ...]]) -> None:
        self._commits, self._operations = answer
        self._problem = None
        self.render_facts()

    def problem(self, message: str, hint: str) -> None:
        """Show it where the commits would be."""
        self._problem = (message, hint)
        self.render_facts()

    def render_facts(self) -> None:
        """Show everything as of now."""
        view = self.query_one(OverviewLines)
        view.put(tuple(self._lines(view.view_width)))

    def _lines(self, width: int) -> list[Line]:
        state, now = self.state, self.now()
        if state is None:
            return list(message_lines("No session selected"))
        lines = [self._title(state), *self._warnings(), ()]
        members = self._members(state)
        tested = members_test_fact(members) if members else test_fact(state.run, now, width)
        facts = [*setup_fact(state), *git_facts(state, now), tested]
        if state.run is not None and state.run.environment:
            facts.append(fact("", Span(f"{clean(state.run.runner)} in {clean(state.run.environment)}", Tone.MUTED)))
        facts += [terminal_fact(state, now), usage_fact(state, now), *self._places(state, width)]
        if members:
            facts += [*heading("Repositories"), *member_lines(members, now)]
        if state.jobs:
            whose = {it.session.id: rows.name_of(it) for it in members}
            facts += [*heading("Jobs"), *(job_line(job, now, whose.get(job.session_id, "")) for job in state.jobs[:5])]
        lines += [part for row in facts for part in wrapped(row, width, NAME_WIDTH + 1)]
        return lines + self._details(now, width)

    def _members(self, state: SessionState) -> tuple[SessionState, ...]:
        sessions = self.deck.state.sessions if self.deck is not None else {}
        return tuple(sessions[id_] for id_ in state.session.member_ids if id_ in sessions)

    def _title(self, state: SessionState) -> Line:
        it = status_of(state, self._members(state))
        name = (Span(f" {clean(state.session.label)}", Tone.STRONG), Span(f"  {it.glyph} {clean(it.words)}", it.tone))
        adopt = f"  · found, not made by devdeck · {ACTIONS['session.adopt'].key} adopts it"
        return line(name, Span("" if state.session.managed else adopt, Tone.MUTED))

    def _places(self, state: SessionState, width: int) -> list[Line]:
        session, room = state.session, max(8, width - NAME_WIDTH - 1)
        home = os.path.expanduser("~")
        lines = [fact("worktree", Span(shorten(rows.path_hint(session.worktree, home), room, middle=True)))]
        if session.kind is SessionKind.CHECKOUT and session.target:
            news = f" · {ACTIONS['session.refresh'].key} brings its news"
            lines.insert(0, fact("target", Span(clean(session.target, 200), Tone.BRANCH), Span(news, Tone.MUTED)))
        if session.repository_path != session.worktree:
            where = shorten(rows.path_hint(session.repository_path, home), room, middle=True)
            lines.append(fact("repo", Span(where, Tone.MUTED)))
        return lines

    def _warnings(self) -> list[Line]:
        if self.deck is None:
            return []
        lines: list[Line] = []
        for name, health in sorted(self.deck.state.collectors.items()):
            if health.state not in ("stale", "error"):
                continue
            glyph, tone = ("✗", Tone.ERROR) if health.state == "error" else ("!", Tone.STALE)
            words = clean(health.message, 300)
            lines.append(line(Span(f" {glyph} {clean(name, 20)} {health.state}: {words}", tone)))
            if health.hint:
                lines.append((Span(f"   {clean(health.hint, 300)}", Tone.MUTED),))
        return lines

    def _details(self, now: float, width: int) -> list[Line]:
        if self._problem is not None:
            message, hint = self._problem
            return [*heading("Commits"), (Span(f" ✗ {clean(message)}", Tone.ERROR),), (Span(f"   {clean(hint)}"),)]
        if self._commits is None or self._operations is None:
            return [*heading("Commits"), (Span(" … reading", Tone.MUTED),)]
        lines: list[Line] = []
        if self.state is None or not self.state.session.members:
            lines += heading("Commits")
            lines += [commit_line(commit, now, width) for commit in self._commits]
            if not self._commits:
                lines.append((Span(" no commit yet", Tone.MUTED),))
        lines += heading("Operations")
        lines += [operation_line(operation, now, width) for operation in self._operations]
        if not self._operations:
            lines.append((Span(" none through devdeck yet", Tone.MUTED),))
        return lines


class OverviewLines(LineView):
    """The overview's lines; keys scroll them."""

    HAS_CURSOR = False
