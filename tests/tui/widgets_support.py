"""A small application and a deck in memory for tests of single widgets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from textual.app import App, ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from devdeck.live import LiveDeck, SourceView
from devdeck.model import (
    Commit,
    DiffPart,
    Fact,
    GitFacts,
    Job,
    JobKind,
    JobState,
    Operation,
    Pane,
    RunState,
    Sample,
    Session,
    SessionState,
    Terminal,
    TestResult,
    TestRun,
)
from devdeck.state import DeckState
from tui.theme import DEFAULT_THEME, load_themes, token_defaults

NOW = 1_000_000.0

HOSTILE = (
    "feat/[/x]",
    "[@click=app.bell]x[/]",
    "[bold red]no[/] [link=http://x]y[/link]",
    "\x1b[31mred\x1b[0m \x1b]0;owned\x07 \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31mC1 \x9d0;x\x9c \x90q\x9c",
    "bidi \u202eabc\u202c \u2066x\u2069 \u200f",
    "new\nline\r\nand\ttab\x0b\x0c\x07\x00",
    "n" * 500,
    "漢字とかな/ブランチ",
    "👩‍👩‍👧‍👦🚀 e\u0301 ✌️",
    "\ud800 surrogate \udcff",
    "",
)


class MiniDeck:
    """The part of a live deck that the tabs ask, answered from plain attributes; counts the questions."""

    def __init__(self) -> None:
        self.state = DeckState(loaded=True)
        self.clock = NOW
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.commits_answer: tuple[Commit, ...] = ()
        self.operations_answer: tuple[Operation, ...] = ()
        self.results_answer: tuple[TestResult, ...] = ()
        self.status_answer: tuple[tuple[str, str], ...] = ()
        self.gate: Callable[[str], Awaitable[None]] | None = None
        """Awaited before a diff is given."""
        self.diff_answer: dict[str, tuple[DiffPart, ...]] = {}
        self.capture_answer: tuple[str, ...] = ()
        self.sources: dict[str, SourceView] = {}

    def now(self) -> float:
        return self.clock

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.error is not None:
            raise self.error

    async def commits(self, session_id: str, limit: int = 10) -> tuple[Commit, ...]:
        self._ask("commits")
        return self.commits_answer[:limit]

    async def operations(self, session_id: str | None, limit: int = 10) -> tuple[Operation, ...]:
        self._ask("operations")
        return self.operations_answer[:limit]

    async def results(self, job_id: str) -> tuple[TestResult, ...]:
        self._ask("results")
        return self.results_answer

    async def status_lines(self, session_id: str) -> tuple[tuple[str, str], ...]:
        self._ask("status")
        return self.status_answer

    async def diff(self, session_id: str, path: str) -> tuple[DiffPart, ...]:
        self._ask(f"diff {path}")
        if self.gate is not None:
            await self.gate(path)
        return self.diff_answer.get(path, ())

    async def capture(self, session_id: str) -> tuple[str, ...]:
        self._ask("capture")
        return self.capture_answer

    async def source(self, session_id: str, path: str, line: int, context: int = 8) -> SourceView | None:
        self._ask(f"source {path}:{line}")
        return self.sources.get(path)

    @property
    def live(self) -> LiveDeck:
        """Itself, as what the tabs expect."""
        return cast(LiveDeck, self)


class WidgetApp(App[None]):
    """Shows one widget and keeps the messages that bubble up to it."""

    def __init__(self, widget: Widget, width: str = "1fr") -> None:
        super().__init__()
        self.subject = widget
        for theme in load_themes()[0].values():
            self.register_theme(theme.textual)
        self.theme = DEFAULT_THEME
        self.belled = False
        widget.styles.width = width

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return token_defaults(self.current_theme)

    def compose(self) -> ComposeResult:
        yield self.subject

    async def action_bell(self) -> None:
        self.belled = True


def session(id_: str, label: str = "", repository: str = "deck", **fields: Any) -> Session:
    values: dict[str, Any] = {
        "id": id_,
        "label": label or id_,
        "repository": repository,
        "repository_path": f"/src/{repository}",
        "worktree": f"/trees/{id_}",
    }
    return Session(**{**values, **fields})


def seen(value: Any, at: float = NOW, error: str = "") -> Fact[Any]:
    return Fact(value=value, at=at, error=error)


def git(branch: str | None = "main", **fields: Any) -> Fact[GitFacts]:
    return seen(GitFacts(branch=branch, head="a" * 40, **fields))


def pane(**fields: Any) -> Pane:
    values: dict[str, Any] = {
        "id": "%1", "window_id": "@1", "window_index": 1, "window_name": "zsh", "active": True, "dead": False,
        "pid": 10, "command": "zsh", "path": "/work", "title": "", "width": 80, "height": 24,
    }  # fmt: skip
    return Pane(**{**values, **fields})


def terminal(*panes: Pane, activity_at: float = NOW) -> Fact[Terminal]:
    return seen(Terminal(id="$1", name="x", path="/work", panes=panes or (pane(),), activity_at=activity_at))


def state(id_: str = "a", label: str = "", repository: str = "deck", **fields: Any) -> SessionState:
    values: dict[str, Any] = {"git": git(), "terminal": terminal()}
    return SessionState(session=session(id_, label, repository), **{**values, **fields})


def job(id_: str = "j1", **fields: Any) -> Job:
    values: dict[str, Any] = {
        "id": id_, "session_id": "a", "kind": JobKind.TEST, "argv": ("pytest", "-q"), "cwd": "/trees/a",
        "directory": "/jobs/j1", "created_at": NOW - 60, "started_at": NOW - 60, "state": JobState.RUNNING,
    }  # fmt: skip
    return Job(**{**values, **fields})


def run(verdict: RunState = RunState.PASSED, **fields: Any) -> TestRun:
    values: dict[str, Any] = {
        "job_id": "j1", "session_id": "a", "runner": "pytest", "environment": ".venv/bin/python 3.11",
        "state": verdict, "started_at": NOW - 20, "ended_at": None if verdict is RunState.RUNNING else NOW - 12,
    }  # fmt: skip
    return TestRun(**{**values, **fields})


def sample(cpu: float = 12.0, at: float = NOW) -> Sample:
    return Sample(at=at, cpu=cpu, memory=300_000_000, processes=4)


def deck_state(*states: SessionState, loaded: bool = True) -> DeckState:
    sessions: Mapping[str, SessionState] = MappingProxyType({each.session.id: each for each in states})
    return DeckState(sessions=sessions, loaded=loaded)


def strips(widget: Widget) -> list[Strip]:
    """What a widget draws, a strip a row."""
    height = widget.scrollable_content_region.height
    return [widget.render_line(y) for y in range(height)]


def text_of(widget: Widget) -> str:
    """What a widget and everything in it says."""
    parts = [strip.text.rstrip() for strip in strips(widget)] if not widget.children else []
    for child in widget.children:
        if child.display:
            parts.append(text_of(child))
    return "\n".join(parts)


def line_views(widget: Widget) -> Iterable[Widget]:
    from tui.widgets.line_view import LineView

    return [widget] if isinstance(widget, LineView) else list(widget.query(LineView))


def assert_safe(widget: Widget) -> None:
    """No control character, no link and no action in what a widget draws, and every row as wide as its view."""
    for view in line_views(widget):
        if not view.display or not view.size:
            continue
        for strip in strips(view):
            assert strip.cell_length == view.scrollable_content_region.width, strip.text
            for segment in strip:
                assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in segment.text), repr(segment.text)
                assert not any(c in segment.text for c in "\u202e\u2066\u200f\u2028"), repr(segment.text)
                assert segment.style is None or not segment.style.link
                assert segment.style is None or not segment.style.meta


def failure(id_: str, path: str = "tests/test_a.py", **fields: Any) -> TestResult:
    from devdeck.model import Frame, Outcome

    values: dict[str, Any] = {
        "outcome": Outcome.FAILED, "path": path, "line": 7, "message": "assert 1 == 2",
        "frames": (Frame(path=path, line=7, message="AssertionError"),),
    }  # fmt: skip
    return TestResult(id=f"{path}::{id_}", **{**values, **fields})


def passed(id_: str, path: str = "tests/test_a.py", **fields: Any) -> TestResult:
    from devdeck.model import Outcome

    return TestResult(id=f"{path}::{id_}", outcome=fields.pop("outcome", Outcome.PASSED), path=path, **fields)


def messages(log: Sequence[object], kind: type[Any]) -> list[Any]:
    """The messages of one kind, each once (a hook sees a message again at each widget that it bubbles to)."""
    return list({id(message): message for message in log if isinstance(message, kind)}.values())
