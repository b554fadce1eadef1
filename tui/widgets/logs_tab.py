"""The logs of a session: a strip of its jobs with their verdicts, and the log of the one chosen."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from devdeck.live import LiveDeck
from devdeck.live import SourceView as Source
from devdeck.model import Job, JobState, TestResult
from tui.widgets import rows
from tui.widgets.bar import Bar, Part
from tui.widgets.line_view import LineView, message_lines
from tui.widgets.log_pane import LogPane
from tui.widgets.source_view import SourceView
from tui.widgets.spans import Line, Span, Tone, line, shorten
from tui.widgets.tab import SessionTab

MOST_JOBS = 12
"""Jobs in the strip."""


class Words(LineView):
    """What is said where there is no log; takes the focus, so that the tab's keys work."""

    HAS_CURSOR = False


class LogsTab(SessionTab):
    """Shows the newest job unless an older one is chosen; a job that starts is shown at once.

    Where setting the session up failed, that log comes first.
    """

    BINDING_GROUP_TITLE = "Logs"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close_source", "Close the source", show=False)]
    DEFAULT_CSS = """
    LogsTab {
        & #logs-nothing { height: 1fr; }
        & LogPane { height: 1fr; display: none; }
        & #logs-jobs { display: none; }
        & #logs-source { height: 40%; min-height: 6; display: none; border-top: solid $deck-border; }
        &.-some.-source #logs-source { display: block; }
        &.-some LogPane { display: block; }
        &.-some #logs-jobs { display: block; }
        &.-some #logs-nothing { display: none; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._chosen: str | None = None
        self._newest: str | None = None
        self._on_screen: tuple[str, bool] | None = None
        self._wanted: tuple[str, TestResult] | None = None
        self._source_of: str | None = None

    def compose(self) -> ComposeResult:
        """Jobs, log, and what is said without any."""
        yield Bar(id="logs-jobs")
        yield LogPane(id="logs-pane")
        yield SourceView(id="logs-source")
        yield Words(id="logs-nothing")

    @property
    def pane(self) -> LogPane:
        """The log."""
        return self.query_one("#logs-pane", LogPane)

    @property
    def job(self) -> Job | None:
        """The job whose log is wanted: the chosen one, else the newest."""
        jobs = self.state.jobs if self.state is not None else ()
        return next((job for job in jobs if job.id == self._chosen), jobs[0] if jobs else None)

    def apply(self, session_changed: bool) -> None:
        """Show the job; a new one takes over."""
        jobs = self.state.jobs if self.state is not None else ()
        newest = jobs[0].id if jobs else None
        if session_changed or newest != self._newest:
            wanted = self._wanted[0] if self._wanted is not None else None
            first = self._broken() if session_changed else None
            self._chosen = wanted if any(job.id == wanted for job in jobs) else first
        self._newest = newest
        self._draw()

    def _broken(self) -> str | None:
        """The job that failed to set the session up, to be seen first unless something runs."""
        if self.state is None or self.state.running or self.state.failed_initialization is None:
            return None
        return self.state.failed_initialization.id

    def _draw(self) -> None:
        job = self.job
        if job is None or self._source_of != job.id:
            self.remove_class("-source")
        self.set_class(job is not None, "-some")
        if job is None:
            self._on_screen = None
            self.query_one("#logs-nothing", Words).put(self._nothing())
            return
        self._draw_jobs(job)
        self.pane.empty = silence(job)
        if self._on_screen != (job.id, job.running):
            self._on_screen = (job.id, job.running)
            self.pane.show(job.log, title=f"{rows.job_name(job)} · {job.verdict}", live=job.running)
        if self._wanted is not None and self._wanted[0] == job.id:
            result, self._wanted = self._wanted[1], None
            self.pane.jump_to(patterns_of(result), below=headings_of(result))
            self._show_source(result, job.cwd)

    def _nothing(self) -> tuple[Line, ...]:
        if self.state is None:
            return message_lines("No session selected")
        return (
            *message_lines("Nothing has run here yet"),
            (),
            (Span(" "), Span("t", Tone.STRONG), Span(" runs the tests, ", Tone.MUTED)),
            (Span(" "), Span("$", Tone.STRONG), Span(" any shell command.", Tone.MUTED)),
        )

    def _draw_jobs(self, chosen: Job) -> None:
        assert self.state is not None
        jobs = self.state.jobs
        at = jobs.index(chosen)
        first = max(0, min(at - 2, len(jobs) - MOST_JOBS))
        parts = [Part(job_chip(job, job is chosen, self.now()), job.id) for job in jobs[first : first + MOST_JOBS]]
        if first:
            parts.insert(0, Part((Span(f" +{first} newer ", Tone.MUTED),), jobs[first - 1].id))
        self.query_one("#logs-jobs", Bar).say(parts)

    def on_bar_pressed(self, event: Bar.Pressed) -> None:
        """A job was clicked."""
        event.stop()
        self.choose(event.target)

    def choose(self, job_id: str) -> None:
        """Show the log of a job of this session."""
        self._chosen = job_id
        if self.shown and self.is_mounted:
            self._draw()

    def step(self, towards: int) -> None:
        """Show the job before (1) or after (-1)."""
        jobs = self.state.jobs if self.state is not None else ()
        job = self.job
        if job is not None:
            self.choose(jobs[min(max(0, jobs.index(job) + towards), len(jobs) - 1)].id)

    def show_failure(self, job_id: str, result: TestResult) -> None:
        """Show where a test failed, now or as soon as the tab is shown."""
        self._chosen, self._wanted, self._source_of = job_id, (job_id, result), job_id
        if self.shown and self.is_mounted:
            self._draw()

    def _show_source(self, result: TestResult, folder: str) -> None:
        """The source around the failure, below its lines in the log; the innermost place that is in the worktree."""
        found = [(index, frame.path, frame.line) for index, frame in reversed(list(enumerate(result.frames)))]
        if result.path and result.line:
            found.append((-1, result.path, result.line))
        places = [(index, os.path.normpath(os.path.join(folder, path)), line) for index, path, line in found]

        async def ask(deck: LiveDeck, session_id: str) -> tuple[int, Source | None]:
            for index, path, number in places:
                source = await deck.source(session_id, path, number)
                if source is not None:
                    return index, source
            return -1, None

        def use(answer: tuple[int, Source | None]) -> None:
            index, source = answer
            view = self.query_one("#logs-source", SourceView)
            view.show(result, result.frames, index, source, "The source is not in this worktree.")
            self.add_class("-source")

        self.fetch("logs-source", ask, use)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape goes on to the screen when no source is open."""
        return self.has_class("-source") if action == "close_source" else True

    def action_close_source(self) -> None:
        """The log alone again."""
        self.remove_class("-source")

    def search(self, text: str) -> None:
        """Find text in the log; empty ends the search."""
        self.pane.find(text)

    def next_place(self) -> None:
        """To the next match, or without a search to the next failing line."""
        if self.pane.status.query:
            self.pane.find_next()
        else:
            self.pane.next_failure()

    def previous_place(self) -> None:
        """To the match before, or without a search to the failing line before."""
        if self.pane.status.query:
            self.pane.find_previous()
        else:
            self.pane.previous_failure()

    def follow(self) -> None:
        """Stay at the end, now or as soon as there is a log on screen."""
        if self.is_mounted and self.job is not None:
            self.pane.follow()

    def action_edit(self) -> bool:
        """Ask for the place that the current line names; returns whether there is a current line."""
        self.pane.action_open()
        return self.pane.status.cursor is not None

    def hidden(self) -> None:
        """Nothing to stop: the pane sees that it is hidden."""

    def problem(self, message: str, hint: str) -> None:
        """Show it where the log would be."""
        self.remove_class("-some")
        self.query_one("#logs-nothing", Words).put(message_lines(f"✗ {message}", hint, tone=Tone.ERROR))


def job_chip(job: Job, shown: bool, now: float) -> Line:
    """A job in the strip: `✗ pytest exit 1 2m`."""
    if job.running:
        glyph, tone, words = "●", Tone.RUNNING, rows.age(now - (job.started_at or job.created_at))
    else:
        bad = job.failed or job.state is JobState.LOST
        glyph, tone = ("✗", Tone.FAILED) if bad else ("–", Tone.MUTED) if job.stopped else ("✓", Tone.PASSED)
        words = f"{job.verdict} {rows.age(now - (job.ended_at or job.created_at))}"
    name = shorten(rows.job_name(job), 18)
    return line(
        Span("▌" if shown else " ", Tone.RUNNING),
        Span(glyph, tone),
        " ",
        Span(name, Tone.STRONG if shown else Tone.MUTED),
        Span(f" {words}" if words else "", Tone.MUTED),
        " ",
    )


def silence(job: Job) -> str:
    """What is said in place of the log of a job that printed nothing."""
    if job.running:
        return "No output yet"
    took = f" · after {rows.span_of_time(job.duration)}" if job.duration is not None else ""
    why = f" · {job.reason}" if job.reason else ""
    if job.state is JobState.LOST:
        return f"No output, and how it ended is not known{why}"
    if job.skipped or job.started_at is None:
        return f"No output: it was {'skipped' if job.skipped else 'not started'}{why}"
    return f"Ended without output · {job.verdict}{took}{why}"


def headings_of(result: TestResult) -> Sequence[str]:
    """How the log heads the failure of a test; pytest underlines its name, such as `_ TestCart.test_total _`."""
    name = ".".join(result.id.split("::")[1:])
    return (f"_ {name} _",) if name else (f"_ ERROR collecting {result.id} _",)


def patterns_of(result: TestResult) -> Sequence[str]:
    """What to look for in the log of a failed test, the surest first: places of its frames, its name, its message."""
    places = [f"{frame.path}:{frame.line}" for frame in reversed(result.frames)]
    if result.path and result.line:
        places.append(f"{result.path}:{result.line}")
    name = re.split(r"::|\s", result.id)[-1]
    first = result.message.strip().splitlines()[:1]
    wanted = [*places, f"__ {name} __", result.id, *(f"E   {text}" for text in first), *first]
    return tuple(dict.fromkeys(text for text in wanted if text.strip()))
