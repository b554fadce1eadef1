"""Git of a session: changed paths by kind, and the diff against HEAD with syntax colours."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.timer import Timer

from devdeck.live import LiveDeck
from devdeck.model import Fact, GitFacts
from tui.widgets import diff as diffs
from tui.widgets.framed import Bare
from tui.widgets.line_view import Facts, LineView, message_lines
from tui.widgets.overview import NAME_WIDTH, git_facts
from tui.widgets.spans import Ground, Line, Span, Tone, clean, line, shorten, wrapped
from tui.widgets.tab import SessionTab, beside

REFRESH = 1.0
"""Seconds between two looks at the diff, at least."""

_CONFLICTS = frozenset({"DD", "AU", "UD", "UA", "DU", "AA", "UU"})
_WORDS = {
    "M": "modified",
    "A": "added",
    "D": "deleted",
    "R": "renamed",
    "C": "copied",
    "T": "retyped",
    "U": "unmerged",
    "?": "new",
}
_KINDS = (("conflicts", "!", Tone.CONFLICT), ("staged", "+", Tone.ADDED), ("changed", "~", Tone.DIRTY),
          ("untracked", "?", Tone.DIRTY))  # fmt: skip


class PathRow(NamedTuple):
    """A row of the paths: a kind's heading, or a path."""

    kind: str
    path: str
    """Empty for a heading."""
    word: str


def path_rows(status: Sequence[tuple[str, str]]) -> tuple[PathRow, ...]:
    """Changed paths by kind: conflicts, staged, changed, untracked; a path that is staged and changed is in both.

    Args:
        status: Two-letter code as in `git status --short` (git-status(1), "Short Format"), and path.
    """
    found: dict[str, list[PathRow]] = {kind: [] for kind, _, _ in _KINDS}
    for code, path in status:
        if code in _CONFLICTS:
            found["conflicts"].append(PathRow("conflicts", path, "unmerged"))
        elif code.startswith("?"):
            found["untracked"].append(PathRow("untracked", path, "new"))
        else:
            for letter, kind in zip(code.ljust(2)[:2], ("staged", "changed"), strict=True):
                if letter not in " !.":
                    found[kind].append(PathRow(kind, path, _WORDS.get(letter, letter)))
    shown: list[PathRow] = []
    for kind, members in found.items():
        if members:
            shown += [PathRow(kind, "", str(len(members))), *members]
    return tuple(shown)


class PathList(LineView):
    """Changed paths."""

    class Moved(Message):
        """The cursor is on another path."""

        def __init__(self, path: str) -> None:
            super().__init__()
            self.path = path

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.paths: tuple[PathRow, ...] = ()
        self._told = ""

    def line_count(self) -> int:
        """Headings and paths."""
        return len(self.paths)

    def can_stop_at(self, row: int) -> bool:
        """Paths, not headings."""
        return 0 <= row < len(self.paths) and bool(self.paths[row].path)

    def line_at(self, row: int, width: int) -> Line:
        """A heading or a path."""
        it = self.paths[row]
        glyph, tone = next((glyph, tone) for kind, glyph, tone in _KINDS if kind == it.kind)
        if not it.path:
            return line(Span(f" {glyph}{it.word} {it.kind}", tone))
        mark = Span("▌" if row == self.cursor else " ", Tone.STRONG)
        word = Span(f" {it.word:<9} ", Tone.MUTED)
        return line(mark, word, Span(shorten(clean(it.path, 1000), max(4, width - 13), middle=True)))

    def show(self, paths: tuple[PathRow, ...]) -> None:
        """Show paths; the cursor stays on its path."""
        before = self.current
        self.paths = paths
        if not paths:
            self.cursor, self._told = -1, ""
        else:
            at = next((i for i, row in enumerate(paths) if row.path == before), -1) if before else -1
            self.cursor = at if at >= 0 else self.nearest_stop(0, 1)
        self.lines_changed()

    @property
    def current(self) -> str:
        """Path under the cursor; empty when there is none."""
        return self.paths[self.cursor].path if self.can_stop_at(self.cursor) else ""

    def watch_cursor(self, old: int, new: int) -> None:
        """Tell which path the cursor is on."""
        super().watch_cursor(old, new)
        path = self.current
        if path and path != self._told:
            self._told = path
            self.post_message(self.Moved(path))


class DiffView(LineView):
    """The diff; keys scroll it."""

    HAS_CURSOR = False
    DEFAULT_CSS = """
    DiffView { overflow-x: auto; scrollbar-size-horizontal: 0; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.diff = diffs.Diff((), (), 1)
        self.coloured: dict[int, Line] = {}
        self.said: tuple[Line, ...] = ()
        self._width = 0

    def show(self, diff: diffs.Diff) -> None:
        """Show a diff, plain for now."""
        self.diff, self.coloured, self.said = diff, {}, ()
        longest = max((cell_len(row.text[: diffs.MAX_ROWS]) for row in diff.rows), default=0)
        self._width = min(longest, 4_000) + diff.number_width + 5
        self.lines_changed()

    def say(self, lines: tuple[Line, ...]) -> None:
        """Show a message in place of a diff."""
        self.diff, self.coloured, self.said, self._width = diffs.Diff((), (), 1), {}, lines, 0
        self.lines_changed()

    def line_count(self) -> int:
        """Rows of the diff, or of the message."""
        return len(self.diff.rows) or len(self.said)

    def line_at(self, row: int, width: int) -> Line:
        """A row of the diff."""
        if not self.diff.rows:
            return self.said[row]
        return diffs.row_line(self.diff, row, width, self.coloured)

    def ground_at(self, row: int) -> Ground:
        """Tint of added and removed lines and of file headers."""
        return diffs.row_ground(self.diff.rows[row]) if self.diff.rows else Ground.NONE

    def content_width(self) -> int:
        """The longest line."""
        return self._width

    def go_to(self, path: str) -> bool:
        """Scroll to a file; returns whether the diff has it."""
        file = next((file for file in self.diff.files if file.path == path), None)
        if file is not None:
            self.scroll_to(y=file.row, x=0, animate=False)
        return file is not None


class GitTab(SessionTab):
    """Status and diff of the selected session."""

    BINDING_GROUP_TITLE = "Git"
    DEFAULT_CSS = """
    GitTab {
        & #git-panes { width: 1fr; height: 1fr; layout: vertical; }
        & #git-paths { height: auto; max-height: 35%; }
        & #git-diff { height: 1fr; border-top: solid $deck-border; }
        & #git-diff:focus { border-top: solid $deck-border-focus; }
        &.-beside #git-panes { layout: horizontal; }
        &.-beside #git-paths { width: 36; height: 1fr; max-height: 100%; }
        &.-beside #git-diff { border-top: none; border-left: solid $deck-border; }
        &.-beside #git-diff:focus { border-left: solid $deck-border-focus; }
        &.-none #git-paths { display: none; }
        &.-none #git-diff { border: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "file(1)", "Next file", show=False),
        Binding("p,N", "file(-1)", "Previous file", show=False),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._asked: Fact[GitFacts] | None = None
        self._text: str | None = None
        self._due: Timer | None = None

    def compose(self) -> ComposeResult:
        """Facts, paths, diff."""
        yield Facts(id="git-facts")
        with Bare(id="git-panes"):
            yield PathList(id="git-paths")
            yield DiffView(id="git-diff")

    @property
    def paths(self) -> PathList:
        """Changed paths."""
        return self.query_one("#git-paths", PathList)

    @property
    def view(self) -> DiffView:
        """The diff."""
        return self.query_one("#git-diff", DiffView)

    def apply(self, session_changed: bool) -> None:
        """Show the facts at once; ask for status and diff when git was looked at anew."""
        if session_changed:
            self._asked = self._text = None
            self._show_paths(())
            self.view.scroll_home(animate=False)
            self.view.say(message_lines("… reading git") if self.state else message_lines("No session selected"))
        self.render_facts()
        if self.state is None or self.state.git == self._asked or self._due is not None:
            return
        if self._asked is None:
            self._look()
        else:
            self._due = self.set_timer(REFRESH, self._look, name="git-look")

    def hidden(self) -> None:
        """Stop the timer; git is asked again when shown."""
        if self._due is not None:
            self._due.stop()
        self._due = self._asked = None

    def ages(self) -> None:
        """Show the age of the facts."""
        self.render_facts()

    def _look(self) -> None:
        self._due = None
        if self.state is None:
            return
        self._asked = self.state.git
        if self.state.session.members:
            self.view.say(message_lines("Each repository has changes of its own", "→ in the list opens the workspace."))
            return

        async def ask(deck: LiveDeck, session_id: str) -> tuple[Sequence[tuple[str, str]], str, diffs.Diff | None]:
            status, text = await asyncio.gather(deck.status_lines(session_id), deck.diff(session_id))
            return status, text, None if text == self._text else await asyncio.to_thread(diffs.parse, text)

        self.fetch("git", ask, self._use)

    def _use(self, answer: tuple[Sequence[tuple[str, str]], str, diffs.Diff | None]) -> None:
        status, text, diff = answer
        self._text = text
        self._show_paths(path_rows(status))
        if diff is None:
            return
        if diff.rows:
            self.view.show(diff)
            self._colour_later(diff)
        elif status:
            self.view.say(message_lines("No diff against HEAD", "Only new files, which git does not follow yet."))
        else:
            self.view.say(message_lines("✓ Clean", "Nothing differs from HEAD.", tone=Tone.PASSED))

    def _colour_later(self, diff: diffs.Diff) -> None:
        async def work() -> None:
            coloured = await asyncio.to_thread(diffs.colour, diff)
            if self.view.diff is diff:
                self.view.coloured = coloured
                self.view.lines_changed()

        self.begin("git-colour", work)

    def problem(self, message: str, hint: str) -> None:
        """Show it in place of the diff."""
        self._text = None
        self._show_paths(())
        self.view.say(message_lines(f"✗ {message}", hint, tone=Tone.ERROR))

    def _show_paths(self, paths: tuple[PathRow, ...]) -> None:
        self.set_class(not paths, "-none")
        self.paths.show(paths)

    def render_facts(self) -> None:
        """Show branch and counts, as of now."""
        facts = self.query_one("#git-facts", Facts)
        lines = git_facts(self.state, self.now()) if self.state is not None else []
        indent, width = NAME_WIDTH + 1, facts.view_width
        facts.put((*(part for row in lines for part in wrapped(row, width, indent)), ()) if lines else ())

    def on_resize(self, event: events.Resize) -> None:
        """Put the paths beside the diff when there is room, or none above it."""
        self.set_class(beside(event.size), "-beside")

    def on_path_list_moved(self, event: PathList.Moved) -> None:
        """Scroll the diff to the path."""
        event.stop()
        # After the layout that new paths or a new diff ask for: before it the view may not scroll that far.
        self.call_after_refresh(self.view.go_to, event.path)

    def action_file(self, step: int) -> None:
        """To the next or previous changed path."""
        self.paths.move(step)
