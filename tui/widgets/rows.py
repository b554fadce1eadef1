"""From the state of a session to the cells of its row: pure functions, no Textual.

Every state is told by a glyph and a word or number; the tone only repeats it. A fact that may be out of date is
muted and carries its age.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from devdeck.model import (
    Fact,
    GitFacts,
    Job,
    JobKind,
    JobState,
    RunState,
    Sample,
    SessionKind,
    SessionState,
    TestRun,
)
from tui.widgets.spans import Line, Span, Tone, clean, fit, line, marked, shorten, toned, width_of

GIT_STALE = 90.0
"""Seconds after which git facts are shown as stale."""
SAMPLE_STALE = 15.0
"""Seconds after which a CPU reading is shown as stale."""
SHELLS = frozenset({"bash", "zsh", "fish", "sh", "dash", "ksh", "nu", "tcsh", "csh", "pwsh", "xonsh", "elvish"})


SETTING_UP = frozenset({JobKind.INIT, JobKind.TEARDOWN})
"""Kinds of jobs that nobody started by hand, and that are therefore named with their kind."""


class Status(NamedTuple):
    """The one state that the glyph of a row tells."""

    name: str
    """A class name: `running`, `failed`, `attention`, `passed`, `idle`, `no-terminal` or `loading`."""
    glyph: str
    tone: Tone
    words: str
    """What it is, in words."""


class Columns(NamedTuple):
    """Widths of a row's columns in cells; 0 leaves the column out."""

    label: int
    branch: int
    git: int
    runs: int
    test: int
    cpu: int


def age(seconds: float | None) -> str:
    """An age in at most four cells: `now`, `42s`, `7m`, `3h`, `12d`; empty when unknown."""
    if seconds is None:
        return ""
    if seconds < 1:
        return "now"
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "m"), (86400, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // size)}{unit}"
    return f"{min(999, int(seconds // 86400))}d"


def ago(seconds: float | None) -> str:
    """An age in words: `just now`, `42s ago`; empty when unknown."""
    text = age(seconds)
    return "just now" if text == "now" else f"{text} ago" if text else ""


def span_of_time(seconds: float | None) -> str:
    """A duration: `0.42 s`, `12.3 s`, `4m 05s`, `2h 07m`; empty when unknown."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m {rest:02}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02}m"


def is_stale(fact: Fact[Any], now: float, limit: float = GIT_STALE) -> bool:
    """Whether a fact's value may be out of date: the last look failed, or was too long ago."""
    seconds = fact.age(now)
    return seconds is not None and (bool(fact.error) or seconds > limit)


def status(state: SessionState) -> Status:
    """The state that matters most now: what runs, then what needs somebody, then how it ended."""
    running = state.running
    if running:
        return Status("running", "●", Tone.RUNNING, f"running {job_name(running[0])}")
    git, run = state.git.value, state.run
    if git is not None and git.conflicts:
        return Status("attention", "!", Tone.CONFLICT, counted(git.conflicts, "conflict"))
    if run is not None and run.state in (RunState.FAILED, RunState.ERROR):
        return Status("failed", "✗", Tone.FAILED, f"tests {run.state}")
    last = state.jobs[0] if state.jobs else None
    if last is not None and last.state is JobState.LOST:
        return Status("attention", "!", Tone.ERROR, f"{job_name(last)} lost")
    if (unset := state.failed_initialization) is not None:
        return Status("failed", "✗", Tone.FAILED, f"{job_name(unset)}: {unset.verdict}")
    if last is not None and last.failed:
        return Status("failed", "✗", Tone.FAILED, f"{job_name(last)}: {last.verdict}")
    if state.git.error and git is None:
        return Status("attention", "!", Tone.ERROR, "git can't be read")
    if state.terminal.value is None and state.terminal.at is not None:
        return Status("no-terminal", "⊘", Tone.MUTED, "no terminal")
    if run is not None and run.state is RunState.PASSED:
        return Status("passed", "✓", Tone.PASSED, "tests passed")
    if state.terminal.at is None and state.git.at is None:
        return Status("loading", "…", Tone.MUTED, "reading")
    return Status("idle", "○", Tone.MUTED, "idle")


def counted(count: int, word: str, many: str = "") -> str:
    """A count with its word: `1 conflict`, `2 conflicts`."""
    return f"{count} {word if count == 1 else many or word + 's'}"


def command_name(job: Job) -> str:
    """What to call a job's command: its title, else the line given to a shell, else the name of its program."""
    program = os.path.basename(job.argv[0]) if job.argv else ""
    script = job.argv[2] if program in SHELLS and len(job.argv) > 2 and job.argv[1].startswith("-") else ""
    return clean(job.title or script or program, 60) or str(job.kind)


def job_name(job: Job) -> str:
    """What to call a job: its command, after `init` or `teardown` when it is one of those."""
    name = command_name(job)
    return f"{job.kind} {name}" if job.kind in SETTING_UP and name != job.kind else name


def name_of(state: SessionState) -> str:
    """What a session's row calls it: its label; for a member of a workspace the repository."""
    session = state.session
    return clean(session.repository if session.parent is not None else session.label)


def branch_of(state: SessionState) -> str:
    """The branch checked out now, else the one the session was made with; a short id when HEAD is detached."""
    git = state.git.value
    if git is None or (git.branch is None and state.session.kind is SessionKind.WORKSPACE):
        return clean(state.session.branch or "", 200)
    if git.branch is None:
        return f"@{git.head[:8]}" if git.head else "(no commit)"
    return clean(git.branch, 200)


def told_branch(state: SessionState) -> str:
    """The branch, where it is not the label again (for a member: that of its workspace)."""
    branch, session = branch_of(state), state.session
    label = session.label.removesuffix(f":{session.repository}") if session.parent is not None else session.label
    return "" if branch == clean(label) else branch


def git_counts(git: GitFacts) -> Line:
    """Counts as marks: `+staged ~changed ?untracked !conflicts ↑ahead ↓behind`; only those that are not zero."""
    marks = (
        ("!", git.conflicts, Tone.CONFLICT),
        ("+", git.staged, Tone.ADDED),
        ("~", git.unstaged, Tone.DIRTY),
        ("?", git.untracked, Tone.DIRTY),
        ("↑", git.ahead or 0, Tone.AHEAD),
        ("↓", git.behind or 0, Tone.BEHIND),
    )
    spans: list[Span] = []
    for glyph, count, tone in marks:
        if count:
            if spans:
                spans.append(Span(" "))
            spans.append(Span(f"{glyph}{short_count(count)}", tone))
    return tuple(spans)


def tight(cell: Line, width: int) -> Line:
    """The cell as it is when it fits, else without the spaces between its marks."""
    return cell if width_of(cell) <= width else tuple(span for span in cell if span.text.strip())


def short_count(count: int) -> str:
    """A count in at most four cells: `42`, `9999`, `12k`."""
    return str(count) if count < 10_000 else f"{min(999, count // 1000)}k"


def git_cell(state: SessionState, now: float) -> Line:
    """Git marks with the operation in progress and, when stale, the age; `…` while unknown, `git?` when unreadable."""
    fact = state.git
    if fact.value is None:
        return (Span("git?", Tone.ERROR),) if fact.error else (Span("…", Tone.MUTED),)
    marks = git_counts(fact.value)
    if fact.value.operation:
        marks = line(Span(clean(fact.value.operation, 12) + " ", Tone.CONFLICT), marks)
    if is_stale(fact, now):
        return line(toned(marks, Tone.STALE) or Span("clean", Tone.STALE), " ", Span(age(fact.age(now)), Tone.STALE))
    return marks


def runs_cell(state: SessionState, now: float) -> Line:
    """What runs: the newest job and for how long, else the program in the terminal when it is not a shell.

    Before it, `init ✗` when setting the session up failed.
    """
    running = state.running
    unset = Span("init ✗", Tone.FAILED) if state.init_failed else Span("")
    if running:
        job = running[0]
        since = age(now - job.started_at) if job.started_at is not None else ""
        more = f" +{len(running) - 1}" if len(running) > 1 else ""
        return line(
            unset,
            " " if unset.text else "",
            Span(shorten(job_name(job), 12) + more, Tone.RUNNING),
            Span(f" {since}" if since else "", Tone.MUTED),
        )
    if unset.text:
        return (unset,)
    pane = state.terminal.value.active_pane if state.terminal.value is not None else None
    if pane is None or pane.dead or pane.command.lstrip("-") in SHELLS:
        return ()
    return (Span(shorten(clean(pane.command, 40), 14), Tone.MUTED),)


def test_cell(run: TestRun | None) -> Line:
    """The last test run: `✓ 120`, `✗ 3/120`, `✗ error`, `● 40/120`, `– stopped`; empty when there was none."""
    if run is None:
        return ()
    done = run.passed + run.failed + run.errors + run.skipped
    bad = run.failed + run.errors
    total = short_count(run.total if run.total is not None else done)
    if run.state is RunState.RUNNING:
        tone = Tone.FAILED if bad else Tone.RUNNING
        return (Span(f"✗ {short_count(bad)} ● {total}" if bad else f"● {short_count(done)}/{total}", tone),)
    if run.state is RunState.PASSED:
        return (Span(f"✓ {short_count(run.passed)}", Tone.PASSED),)
    if run.state is RunState.FAILED:
        return (Span(f"✗ {short_count(bad)}/{total}", Tone.FAILED),)
    if run.state is RunState.ERROR:
        return (Span("✗ error", Tone.ERROR),)
    return (Span("– none" if run.state is RunState.NO_TESTS else "– stopped", Tone.MUTED),)


def cpu_cell(sample: Sample | None, now: float) -> Line:
    """CPU in percent of one core; a reading that is too old carries its age instead of its colour."""
    if sample is None:
        return ()
    if now - sample.at > SAMPLE_STALE:
        return (Span(age(now - sample.at), Tone.STALE),)
    return (Span(f"{sample.cpu:.0f}%", Tone.CPU if sample.cpu >= 0.5 else Tone.MUTED),)


def wanted(state: SessionState, now: float) -> Columns:
    """How wide each column of a session would like to be, capped; for the label, without its repository."""
    return Columns(
        label=min(40, width_of((*stem(state), Span(name_of(state)), *repositories(state)))),
        branch=min(40, width_of((Span(told_branch(state)),))),
        git=min(22, width_of(git_cell(state, now))),
        runs=min(18, width_of(runs_cell(state, now))),
        test=min(9, width_of(test_cell(state.run))),
        cpu=5 if state.sample is not None else 0,
    )


def stem(state: SessionState, *, opened: bool = False, last: bool = False) -> Line:
    """What stands before a name to show what belongs together: an arrow for a workspace, a branch for a member."""
    if state.session.parent is not None:
        return (Span("  └ " if last else "  ├ ", Tone.MUTED),)
    return (Span("▾ " if opened else "▸ ", Tone.MUTED),) if state.session.kind is SessionKind.WORKSPACE else ()


def repositories(state: SessionState) -> Line:
    """How many repositories a workspace has; nothing for any other session."""
    if state.session.kind is not SessionKind.WORKSPACE:
        return ()
    return (Span(f"  {counted(len(state.session.members), 'repo')}", Tone.MUTED),)


GUTTER = 4
"""Cells before the label: the selection, the mark, the glyph, and a space."""
LABEL_LEAST = 12
BRANCH_LEAST = 12
GIT_NARROW = 12
"""Cells that git marks get at most in a narrow list, where they are written without the spaces between them."""
TAIL_LEAST = 8
"""Cells for which it is worth cutting what stands behind a name; with less it is left out."""


def plan(width: int, want: Columns) -> Columns:
    """Share a row's width: label, git marks and tests always; then CPU, what runs and branch as they fit."""
    room = width - GUTTER - 1
    least = min(want.label, LABEL_LEAST)

    def take(size: int) -> int:
        nonlocal room
        if size == 0 or room - least < size + 2:
            return 0
        room -= size + 2
        return size

    test = take(want.test)
    wide = width >= 56
    marks = want.git if wide else min(want.git, GIT_NARROW)
    git = take(marks) or take(min(marks, max(0, room - least - 2)))
    if wide:
        least = min(want.label, 24)
    cpu = take(want.cpu) if wide else 0
    runs = take(want.runs) if wide else 0
    branch = 0
    if wide and want.branch:
        branch = take(min(want.branch, max(0, room - want.label - 2)))
        if branch < min(want.branch, BRANCH_LEAST):
            room += branch + 2 if branch else 0
            branch = 0
    return Columns(label=max(1, room), branch=branch, git=git, runs=runs, test=test, cpu=cpu)


class Emphasis(NamedTuple):
    """Which characters of label, branch and repository a filter matched."""

    label: frozenset[int] = frozenset()
    branch: frozenset[int] = frozenset()
    repository: frozenset[int] = frozenset()


class Dress(NamedTuple):
    """How a row is shown, apart from what is known of its session."""

    selected: bool = False
    marked: bool = False
    with_repository: bool = False
    opened: bool = False
    """Whether the members of a workspace are shown below it."""
    last: bool = False
    """Whether it is the last member of its workspace."""
    emphasis: Emphasis = Emphasis()


PLAIN_DRESS = Dress()


def session_row(
    state: SessionState, columns: Columns, now: float, dress: Dress = PLAIN_DRESS, seen: Status | None = None
) -> Line:
    """The row of one session, every column exactly as wide as planned.

    Args:
        state: What is known of it; of a workspace with what is known of its members.
        columns: Widths, from `plan`.
        now: UNIX seconds, for ages.
        dress: How it is shown.
        seen: The status that its glyph tells; its own when `None`.
    """
    it = seen or status(state)
    branch = told_branch(state)
    short = shorten(branch, columns.branch, middle=True)
    columns_of: tuple[tuple[int, bool, Callable[[], Line]], ...] = (
        (columns.branch, False, lambda: marked(short, dress.emphasis.branch if short == branch else (), Tone.BRANCH)),
        (columns.git, False, lambda: tight(git_cell(state, now), columns.git)),
        (columns.runs, False, lambda: runs_cell(state, now)),
        (columns.test, True, lambda: test_cell(state.run)),
        (columns.cpu, True, lambda: cpu_cell(state.sample, now)),
    )
    cells = [(width, right, cell()) for width, right, cell in columns_of if width]
    name, tails = _label(state, columns, now, dress)
    room, wanted_room = columns.label, width_of(name) + sum(width_of(tail[0]) for tail in tails)
    while cells and not cells[0][2] and room < wanted_room:
        room += cells.pop(0)[0] + 2
    gutter = (
        Span("▌" if dress.selected else " ", Tone.STRONG),
        Span("◆" if dress.marked else " ", Tone.STRONG),
        Span(it.glyph, it.tone),
        Span(" "),
    )
    rest = (part for width, right, cell in cells for part in ("  ", fit(cell, width, right=right)))
    return line(gutter, fit(with_tails(name, tails, room), room), *rest, " ")


def with_tails(name: Line, tails: Iterable[tuple[Line, ...]], width: int) -> Line:
    """A name with what stands behind it as far as there is room.

    Of each tail the first form that fits, else a good part of its last form, else nothing.
    """
    label = name
    for forms in tails:
        room = width - width_of(label)
        cut = fit(forms[-1], room) if room >= TAIL_LEAST else ()
        label = line(label, next((form for form in forms if width_of(form) <= room), cut))
    return label


def _label(
    state: SessionState, columns: Columns, now: float, dress: Dress
) -> tuple[Line, tuple[tuple[Line, ...], ...]]:
    """The name, and what has no column of its own and stands behind it, the most wanted first, each in its forms."""
    tone = Tone.PLAIN if state.session.parent is not None else Tone.LABEL
    name = line(stem(state, opened=dress.opened, last=dress.last), marked(name_of(state), dress.emphasis.label, tone))
    tails: list[tuple[Line, ...]] = []
    if not columns.runs and (state.running or state.init_failed):
        tails.append((line("  ", runs_cell(state, now)),))
    if many := repositories(state):
        tails.append((many, (Span(f" ×{len(state.session.members)}", Tone.MUTED),)))
    if dress.with_repository and state.session.parent is None:
        repository = marked(clean(state.session.repository, 24), dress.emphasis.repository, Tone.MUTED)
        tails.append((line("  ", repository),))
    branch = told_branch(state)
    if branch and not columns.branch:
        tails.append((line("  ", Span(branch, Tone.BRANCH)),))
    return name, tuple(tails)


def path_hint(path: str, home: str) -> str:
    """A folder as a person would write it: `~` for home."""
    if home and (path == home or path.startswith(home.rstrip("/") + "/")):
        path = "~" + path[len(home.rstrip("/")) :]
    return clean(path)


def group_row(
    name: str,
    hint: str,
    count: int,
    width: int,
    *,
    collapsed: bool = False,
    selected: bool = False,
    marks: int = 0,
    troubled: int = 0,
    emphasis: frozenset[int] = frozenset(),
) -> Line:
    """The header of a repository: name, where it is, how many sessions; collapsed also how many are marked or bad."""
    right = line(
        Span(f"◆ {marks}  " if collapsed and marks else "", Tone.STRONG),
        Span(f"! {troubled}  " if collapsed and troubled else "", Tone.CONFLICT),
        Span(f"{count} ", Tone.MUTED),
    )
    left = line(
        Span("▌" if selected else " ", Tone.STRONG),
        Span("▸ " if collapsed else "▾ ", Tone.MUTED),
        marked(clean(name, 80), emphasis, Tone.GROUP),
    )
    room = width - width_of(left) - width_of(right) - 3
    if hint and room >= 8:
        left = line(left, "  ", Span(shorten(hint, room, middle=True), Tone.MUTED))
    return line(fit(left, max(1, width - width_of(right))), right)
