"""The test results of a session, live: verdict, tree with failures first, and the chosen failure with its source."""

from __future__ import annotations

import os
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.timer import Timer

from devdeck.live import LiveDeck
from devdeck.live import SourceView as Source
from devdeck.model import Frame, RunState, TestResult, TestRun
from tui.widgets.framed import Bare
from tui.widgets.line_view import Facts, message_lines
from tui.widgets.result_list import ResultList
from tui.widgets.result_tree import BAD, ResultTree
from tui.widgets.run_header import header_lines
from tui.widgets.source_view import SourceView
from tui.widgets.spans import Line, Span, Tone
from tui.widgets.tab import SessionTab, beside

REFRESH = 0.3
"""Seconds between two looks at the results of a running run."""
TRIES = 6
"""Frames that are tried for source, the innermost first."""


class TestsTab(SessionTab):
    """Results of the last test run; see the module's description."""

    __test__ = False
    BINDING_GROUP_TITLE = "Tests"
    DEFAULT_CSS = """
    TestsTab {
        & #tests-panes { width: 1fr; height: 1fr; layout: vertical; }
        & #tests-source { display: none; border-top: solid $deck-border; }
        & #tests-source:focus { border-top: solid $deck-border-focus; }
        &.-chosen #tests-source { display: block; height: 3fr; }
        &.-chosen #tests-list { height: 2fr; }
        &.-chosen.-beside #tests-panes { layout: horizontal; }
        &.-chosen.-beside #tests-list { width: 2fr; height: 1fr; }
        &.-chosen.-beside #tests-source {
            width: 3fr; height: 1fr; border-top: none; border-left: solid $deck-border;
        }
        &.-chosen.-beside #tests-source:focus { border-left: solid $deck-border-focus; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "Edit at the failure", show=False),
        Binding("n", "next_failure", "Next failure", show=False),
        Binding("p,N", "prev_failure", "Previous failure", show=False),
        Binding("F", "failed_only", "Failures only", show=False),
        Binding("right_square_bracket", "frame(1)", "Next frame", show=False),
        Binding("left_square_bracket", "frame(-1)", "Previous frame", show=False),
        Binding("escape", "close", "Close failure", show=False),
    ]

    class FailureChosen(Message):
        """A failure was chosen: its lines in the log are wanted."""

        def __init__(self, control: TestsTab, result: TestResult) -> None:
            super().__init__()
            self.tests_tab = control
            self.result = result

        @property
        def control(self) -> TestsTab:
            """The tab."""
            return self.tests_tab

    class EditRequested(Message):
        """The editor is wanted at a place."""

        def __init__(self, control: TestsTab, path: str, line: int) -> None:
            super().__init__()
            self.tests_tab = control
            self.path = path
            """Absolute path."""
            self.line = line

        @property
        def control(self) -> TestsTab:
            """The tab."""
            return self.tests_tab

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._tree = ResultTree()
        self._job_id: str | None = None
        self._asked: TestRun | None = None
        self._due: Timer | None = None
        self._problem: tuple[str, str] | None = None
        self._loaded = False
        self._chosen: TestResult | None = None
        self._frame = -1

    def compose(self) -> ComposeResult:
        """Header, tree, and the chosen failure."""
        yield Facts(id="tests-facts")
        with Bare(id="tests-panes"):
            yield ResultList(self._tree, id="tests-list")
            yield SourceView(id="tests-source")

    @property
    def view(self) -> ResultList:
        """The rows."""
        return self.query_one("#tests-list", ResultList)

    @property
    def chosen(self) -> TestResult | None:
        """The failure that is shown with its source."""
        return self._chosen

    # State in

    def apply(self, session_changed: bool) -> None:
        """Show the verdict at once; look at the results when they may have changed."""
        run = self.state.run if self.state is not None else None
        job_id = run.job_id if run is not None else None
        if session_changed or job_id != self._job_id:
            self._start_over(job_id)
        if run is not None and run != self._asked and self._due is None:
            if self._asked is not None and run.state is RunState.RUNNING:
                self._due = self.set_timer(REFRESH, self._look, name="tests-look")
            else:
                self._look()
        self._show_all()

    def _start_over(self, job_id: str | None) -> None:
        self._tree = ResultTree()
        failed_only = self.view.results.failed_only
        self._tree.failed_only = failed_only
        self.view.results = self._tree
        self.view.cursor = -1
        self._job_id, self._asked, self._loaded, self._problem = job_id, None, False, None
        self._stop_due()
        self.action_close()

    def hidden(self) -> None:
        """Stop timers; what was asked is asked again when shown."""
        self._stop_due()
        self._asked = None

    def ages(self) -> None:
        """Show how long the run takes, or how old it is."""
        self.render_header()

    def _stop_due(self) -> None:
        if self._due is not None:
            self._due.stop()
            self._due = None

    def _look(self) -> None:
        self._due = None
        run = self.state.run if self.state is not None else None
        if run is None:
            return
        self._asked = run
        job_id = run.job_id

        async def ask(deck: LiveDeck, session_id: str) -> tuple[str, tuple[TestResult, ...]]:
            return job_id, await deck.results(job_id)

        self.fetch("tests", ask, self._use)

    def _use(self, answer: tuple[str, tuple[TestResult, ...]]) -> None:
        job_id, results = answer
        if job_id != self._job_id:
            return
        self._loaded, self._problem = True, None
        view = self.view
        at = self._tree.rows[view.cursor] if view.can_stop_at(view.cursor) else None
        if self._tree.update(results) and at is not None:
            view.set_reactive(ResultList.cursor, self._tree.row_of(at.path, at.result.id if at.result else None))
        elif at is None and self._tree.rows:
            failures = self._tree.failures()
            view.cursor = failures[0] if failures else 0
        self._show_all()
        run = self.state.run if self.state is not None else None
        if self.shown and run is not None and run != self._asked and self._due is None:
            self._due = self.set_timer(REFRESH, self._look, name="tests-look")

    def problem(self, message: str, hint: str) -> None:
        """Show it where the results would be."""
        self._problem = (message, hint)
        self._show_all()

    # Drawing

    def _show_all(self) -> None:
        self.render_header()
        view = self.view
        if not self._tree.rows:
            view.empty = self._empty()
        view.update_tree()

    def _empty(self) -> tuple[Line, ...]:
        run = self.state.run if self.state is not None else None
        if self.state is None:
            return message_lines("No session selected")
        if self._problem is not None:
            return message_lines(f"✗ {self._problem[0]}", self._problem[1], tone=Tone.ERROR)
        if run is None:
            return (
                *message_lines("Never run"),
                (),
                (Span(" Press "), Span("t", Tone.STRONG), Span(" to run this session's tests.")),
            )
        if self._tree.failed_only and self._tree.total:
            return message_lines("No failures", "F shows all results again.")
        if run.state is RunState.RUNNING or not self._loaded:
            return message_lines("… waiting for the first result" if self._loaded else "… reading results")
        if run.state is RunState.ERROR:
            words = run.reason or "the run ended without results"
            return message_lines(f"✗ error: {words}", "The log (l) says why.", tone=Tone.ERROR)
        if run.state is RunState.NO_TESTS:
            return message_lines("No tests were found", run.reason, f"by {run.runner} in {run.environment}")
        return message_lines("No results", run.reason)

    def render_header(self) -> None:
        """Show verdict, counts, evidence, environment and duration, as of now."""
        run = self.state.run if self.state is not None else None
        facts = self.query_one("#tests-facts", Facts)
        facts.put(header_lines(run, self.now(), facts.view_width, self._tree.failed_only))

    def on_resize(self, event: events.Resize) -> None:
        """Put the failure beside the tree when there is room, or none below it."""
        self.set_class(beside(event.size), "-beside")

    # Failures

    def on_result_list_chosen(self, event: ResultList.Chosen) -> None:
        """Show a failure and say that its log lines are wanted."""
        event.stop()
        if event.result.outcome in BAD:
            self._choose(event.result)
            self.post_message(self.FailureChosen(self, event.result))

    def on_result_list_moved(self, event: ResultList.Moved) -> None:
        """With a failure shown, the one under the cursor is shown instead."""
        event.stop()
        current = self.view.current
        if self._chosen is not None and current is not None and current.outcome in BAD and current != self._chosen:
            self._choose(current)

    def _choose(self, result: TestResult) -> None:
        self._chosen = result
        self._frame = -1
        self.add_class("-chosen")
        self._show_source(None, "… reading source")
        self._fetch_source(range(len(result.frames) - 1, max(-1, len(result.frames) - 1 - TRIES), -1))
        self.call_after_refresh(lambda: self.view.reveal(max(0, self.view.cursor)))

    def _fetch_source(self, frames: range) -> None:
        result = self._chosen
        if result is None:
            return
        places = [(index, result.frames[index].path, result.frames[index].line) for index in frames]
        if result.path and result.line and len(frames) != 1:
            places.append((-1, result.path, result.line))

        async def ask(deck: LiveDeck, session_id: str) -> tuple[int, Source | None]:
            for index, path, number in places:
                source = await deck.source(session_id, self._from_run(path), number)
                if source is not None:
                    return index, source
            return (places[0][0] if places else -1), None

        def use(answer: tuple[int, Source | None]) -> None:
            if self._chosen is result:
                self._frame, source = answer
                self._show_source(source, "The source is not in this worktree.")

        self.fetch("tests-source", ask, use)

    def _show_source(self, source: Source | None, note: str) -> None:
        if self._chosen is not None:
            view = self.query_one("#tests-source", SourceView)
            view.show(self._chosen, self._chosen.frames, self._frame, source, note)

    def _from_run(self, path: str) -> str:
        """A path as the runner said it, made absolute by the run's directory."""
        if self.state is None:
            return path
        folder = next((job.cwd for job in self.state.jobs if job.id == self._job_id), self.state.session.worktree)
        return os.path.normpath(os.path.join(folder, path))

    def next_failure(self) -> None:
        """Cursor to the next failure, from the last to the first."""
        self._jump(1)

    def prev_failure(self) -> None:
        """Cursor to the previous failure, from the first to the last."""
        self._jump(-1)

    def _jump(self, direction: int) -> None:
        failures, at = self._tree.failures(), self.view.cursor
        if not failures:
            return
        later = [row for row in failures if (row > at if direction > 0 else row < at)]
        if direction > 0:
            self.view.cursor = later[0] if later else failures[0]
        else:
            self.view.cursor = later[-1] if later else failures[-1]

    def toggle_failed_only(self) -> None:
        """Show only failures, or everything again."""
        view = self.view
        at = self._tree.rows[view.cursor] if view.can_stop_at(view.cursor) else None
        self._tree.failed_only = not self._tree.failed_only
        self._tree.flatten()
        view.cursor = self._tree.row_of(at.path, at.result.id if at.result else None) if at is not None else -1
        if view.cursor < 0 and self._tree.rows:
            view.cursor = 0
        self._show_all()

    def action_next_failure(self) -> None:
        """See `next_failure`."""
        self.next_failure()

    def action_prev_failure(self) -> None:
        """See `prev_failure`."""
        self.prev_failure()

    def action_failed_only(self) -> None:
        """See `toggle_failed_only`."""
        self.toggle_failed_only()

    def action_close(self) -> None:
        """Close the failure."""
        self._chosen = None
        self.remove_class("-chosen")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape goes on to the screen when no failure is open."""
        return self._chosen is not None if action in ("close", "frame") else True

    def action_frame(self, step: int) -> None:
        """Show the source at the next or previous frame of the failure."""
        if self._chosen is None or not self._chosen.frames:
            return
        count = len(self._chosen.frames)
        at = self._frame if self._frame >= 0 else count - 1
        self._frame = min(max(0, at + step), count - 1)
        self._fetch_source(range(self._frame, self._frame + 1))

    def action_edit(self) -> None:
        """Ask for the editor at the source shown, else at the test under the cursor."""
        source = self.query_one("#tests-source", SourceView).source if self._chosen is not None else None
        if source is not None:
            self.post_message(self.EditRequested(self, source.path, source.line))
            return
        result = self._chosen or self.view.current
        place = place_of(result) if result is not None else None
        if place is not None:
            self.post_message(self.EditRequested(self, self._from_run(place.path), place.line))


def place_of(result: TestResult) -> Frame | None:
    """Where to look for a result: its last frame, else the test itself; `None` when neither is known."""
    if result.frames:
        return result.frames[-1]
    return Frame(path=result.path, line=result.line or 1) if result.path else None
