"""status."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from devdeck.cli import complete, output, views
from devdeck.cli.listing import branch_of, git_marks, git_style, tell_cut_off, tests_marks
from devdeck.model import Job, RunState, SessionKind, SessionState, Terminal

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.looking import Look

KEY = 10
"""Cells of the column of names."""

Cell = tuple[str, str]


@click.command(short_help="Say how a session stands, or what needs attention.")
@click.argument("label", required=False, shell_complete=complete.labels)
@click.option("-a", "--all", "everything", is_flag=True, help="Sum up all sessions, also inside of one.")
@output.json_option
@output.with_deck
def status(deck: Deck, label: str | None, everything: bool, json: bool) -> None:
    """Say how a session stands: where it is, what was changed, what runs, how its tests and its setup went.

    Without LABEL: the session of the current folder; outside of any, a summary of all, with what needs attention.
    """
    from devdeck.looking import look, remember_windows

    if label is not None and everything:
        raise click.UsageError("either LABEL or --all")
    session = deck.sessions.find(label) if label is not None else None if everything else deck.sessions.at(Path.cwd())
    if session is None:
        seen = look(deck, history=True)
        _summary(seen, json)
        if not json:
            tell_cut_off(deck)
            remember_windows(deck, seen)
        return
    seen = look(deck, lambda each: each.id == session.id, history=True)
    state = next((state for state in seen.states if state.session.id == session.id), SessionState(session=session))
    members = seen.members(state)
    changed = _changed_files(state, members)
    if json:
        output.document({"session": _document(state, members, changed)})
        return
    for problem in seen.problems:
        output.note(f"devdeck: {problem}")
    _show(state, members, changed)
    remember_windows(deck, seen)


def _changed_files(state: SessionState, members: Sequence[SessionState]) -> int | None:
    """How many paths differ from HEAD, in all worktrees together; `None` when one of them can't be read."""
    from devdeck.errors import DeckError
    from devdeck.git.status import changes

    try:
        return sum(len(changes(place.session.worktree)) for place in members or (state,))
    except DeckError:
        return None


# One session


def _document(state: SessionState, members: Sequence[SessionState], changed: int | None) -> dict[str, Any]:
    from devdeck.attention import troubles

    terminal = state.terminal.value
    setup = state.initialization
    view = views.state_view(state, members)
    view["changed_files"] = changed
    view["terminal"]["attached"] = terminal.attached if terminal else None
    view["terminal"]["windows"] = _windows(terminal) if terminal else []
    view["jobs"]["now"] = [views.job_view(job, state.session.label) for job in state.running]
    view["tests"]["run"] = views.run_view(state.run) if state.run else None
    view["setup"]["jobs"] = [views.job_view(job, state.session.label) for job in setup]
    view["attention"] = list(troubles(state, members))
    return view


def _windows(terminal: Terminal) -> list[dict[str, Any]]:
    windows: dict[str, dict[str, Any]] = {}
    for pane in terminal.panes:
        window = windows.setdefault(
            pane.window_id,
            {
                "id": pane.window_id,
                "index": pane.window_index,
                "name": pane.window_name,
                "panes": 0,
                "command": pane.command,
                "dead": True,
            },
        )
        window["panes"] += 1
        window["dead"] = window["dead"] and pane.dead
        if pane.active:
            window["command"] = pane.command
    return sorted(windows.values(), key=lambda window: int(window["index"]))


def _show(state: SessionState, members: Sequence[SessionState], changed: int | None) -> None:
    from devdeck.attention import troubles

    session = state.session
    kind = str(session.kind) + ("" if session.managed else ", made by others")
    _line("", [(session.label, "bold"), (f"  {kind} in {session.repository}", "dim")])
    _line("folder" if members else "worktree", [(output.from_home(session.worktree), "")])
    if session.parent is None and not members:
        _line("repository", [(output.from_home(session.repository_path), "")])
    _line("branch", _branch(state))
    _line("changes", _changes(state, changed))
    for part in members:
        _member(part, max(len(each.session.repository) for each in members))
    _line("terminal", _terminal(state))
    names = {part.session.id: f"{part.session.repository}: " for part in members}
    for job in state.running:
        what = names.get(job.session_id, "") + _job(job)
        _line("running", [("● ", "info"), (what, ""), (f"  {_since(job.created_at)}  {job.id}", "dim")])
    if not members:
        _line("tests", _tests(state))
    if state.initialization:
        _line("setup", _setup(state))
    if session.created_at is not None:
        _line("made", [(_since(session.created_at), "")])
    for words in troubles(state, members):
        _line("attention", [(f"! {words}", "bad")])


def _line(key: str, cells: Sequence[Cell]) -> None:
    from devdeck.text import one_line

    text = "".join(output.styled(one_line(text), style) for text, style in cells)
    output.say(f"{output.styled(f'  {key:<{KEY}}  ', 'dim')}{text}" if key else text)


def _since(at: float | None) -> str:
    return f"{output.age(max(0.0, time.time() - at))} ago" if at is not None else "-"


def _branch(state: SessionState) -> list[Cell]:
    facts = state.git.value
    cells = [(branch_of(state), "info")]
    if facts is None or state.session.kind is SessionKind.WORKSPACE:
        return cells
    if facts.upstream is None:
        return [*cells, ("  no upstream", "dim")]
    cells.append((f" → {facts.upstream}", ""))
    if facts.ahead is None:
        return [*cells, ("  gone", "warn")]
    marks = " ".join(f"{mark}{count}" for mark, count in (("↑", facts.ahead), ("↓", facts.behind)) if count)
    return [*cells, (f"  {marks or 'up to date'}", "warn" if marks else "dim")]


def _changes(state: SessionState, changed: int | None) -> list[Cell]:
    facts = state.git.value
    if facts is None:
        return [(state.git.error or "unknown", "bad" if state.git.error else "dim")]
    counts = (
        (facts.staged, "staged"),
        (facts.unstaged, "not staged"),
        (facts.untracked, "untracked"),
        (facts.conflicts, "in conflict"),
    )
    parts = [f"{count} {words}" for count, words in counts if count]
    if facts.operation:
        parts.append(f"{facts.operation} under way")
    if not parts:
        return [("none", "dim")]
    files = "" if changed is None else f"{changed} file{'s' * (changed != 1)}: "
    return [(files + ", ".join(parts), "bad" if facts.conflicts else "warn")]


def _member(part: SessionState, width: int) -> None:
    cells: list[Cell] = [(f"{part.session.repository:<{width}}", "")]
    if part.git.value is not None and part.git.value.branch != part.session.branch:
        cells.append((f"  {branch_of(part)}", "info"))
    cells.append((f"  {git_marks(part.git)}", git_style(part.git)))
    if part.run is not None:
        words, style = tests_marks(part.run)
        cells.append((f"  tests {words}", style))
    _line("", [("    ", ""), *cells])


def _terminal(state: SessionState) -> list[Cell]:
    terminal = state.terminal.value
    if terminal is None:
        return [(state.terminal.error or "none", "dim")]
    names = ", ".join(window["name"] + (" (ended)" if window["dead"] else "") for window in _windows(terminal))
    attached = f", attached by {terminal.attached}" if terminal.attached else ""
    return [(terminal.name, ""), (f"  {names}{attached}", "dim")]


def _job(job: Job) -> str:
    words = " ".join(job.argv)
    return words if len(words) <= 48 else words[:47] + "…"


def _tests(state: SessionState) -> list[Cell]:
    run = state.run
    if run is None:
        return [("never run", "dim")]
    mark, style = {
        RunState.PASSED: ("✓", "good"),
        RunState.FAILED: ("✗", "bad"),
        RunState.ERROR: ("✗", "bad"),
        RunState.RUNNING: ("●", "info"),
    }.get(run.state, ("!", "warn"))
    when = _since(run.ended_at or run.started_at)
    return [(f"{mark} {run.state}", style), (f"  {run.reason}" if run.reason else "", ""), (f"  {when}", "dim")]


def _setup(state: SessionState) -> list[Cell]:
    jobs = state.initialization
    bad = state.failed_initialization
    if bad is not None:
        return [(f"✗ {bad.title}: {bad.verdict}", "bad"), (f"  devdeck logs {bad.id}", "dim")]
    done = sum(not job.running for job in jobs)
    if done < len(jobs):
        return [(f"● {done} of {len(jobs)} commands done", "info")]
    return [(f"✓ {done} command{'s' * (done != 1)}", "good"), (f"  {_since(jobs[0].ended_at)}", "dim")]


# All sessions


def _summary(seen: Look, json: bool) -> None:
    from devdeck.attention import is_failing, troubles

    whole = seen.whole
    needing = [(state, found) for state in whole if (found := troubles(state, seen.members(state)))]
    dirty = [state.git.value.dirty if state.git.value else None for state in whole]
    counts = {
        "sessions": len(whole),
        "workspaces": sum(state.session.kind is SessionKind.WORKSPACE for state in whole),
        "repositories": len({place.repository_path for state in whole for place in state.session.places}),
        "running": sum(bool(state.running) for state in whole),
        "running_jobs": sum(len(state.running) for state in whole),
        "failing": sum(is_failing(state) for state in whole),
        "dirty": sum(each is True for each in dirty),
        "unknown": sum(each is None for each in dirty),
        "attention": len(needing),
    }
    if json:
        reasons_of = [{"label": state.session.label, "reasons": list(reasons)} for state, reasons in needing]
        output.document({"summary": counts, "attention": reasons_of})
        return
    for problem in seen.problems:
        output.note(f"devdeck: {problem}")
    for cells in _summary_lines(counts):
        _line("", cells)
    width = max((len(state.session.label) for state, _ in needing), default=0)
    for state, reasons in needing:
        for number, reason in enumerate(reasons):
            name = state.session.label if number == 0 else ""
            _line("", [(f"      {name:<{width}}", "bold"), (f"  {reason}", "")])


def _summary_lines(counts: dict[str, int]) -> Iterator[list[Cell]]:
    def of(count: int, one: str, many: str) -> str:
        return f"{count} {one if count == 1 else many}"

    total = of(counts["sessions"], "session", "sessions")
    if counts["workspaces"]:
        total += f" ({of(counts['workspaces'], 'workspace', 'workspaces')})"
    yield [(total, "bold"), (f" in {of(counts['repositories'], 'repository', 'repositories')}", "")]
    jobs = of(counts["running_jobs"], "job", "jobs")
    rows = (
        ("●", "running", "info", f"running, {jobs}" if counts["running"] else "running"),
        ("✗", "failing", "bad", "failing"),
        ("~", "dirty", "warn", "with uncommitted changes"),
        ("?", "unknown", "warn", "that git can't tell about"),
        ("!", "attention", "bad", "in need of attention"),
    )
    for mark, key, style, words in rows:
        count = counts[key]
        if count or key != "unknown":
            yield [(f"  {mark} {count:>3}", style if count else "dim"), (f" {words}", "" if count else "dim")]
