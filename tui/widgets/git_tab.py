"""Git of a session: changed paths by kind, and what differs in the one under the cursor, with syntax colours."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from devdeck.errors import DeckError
from devdeck.model import DiffPart, Fact, GitFacts
from tui.widgets import diff as diffs
from tui.widgets.framed import Bare
from tui.widgets.line_view import Facts, LineView, message_lines
from tui.widgets.overview import NAME_WIDTH, git_facts
from tui.widgets.spans import Ground, Line, Span, Tone, clean, line, shorten, width_of, wrapped
from tui.widgets.tab import SessionTab, beside

REFRESH = 1.0
"""Seconds between two looks at git, at least."""
REST = 0.06
"""Seconds that the cursor must rest on a path before its diff is asked for."""
PATIENCE = 0.3
"""Seconds for which the diff before stays on screen while another one is read."""
SMALL = 400
"""Rows of a diff that is coloured before it is shown; a longer one is shown plain first."""

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


PARTS = {"conflicts": "conflict", "staged": "staged", "changed": "not staged", "untracked": "new"}
"""What the diff calls each kind of change."""


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
        """The cursor is on another path, or on the same one among changes of another kind."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.paths: tuple[PathRow, ...] = ()
        self._told: PathRow | None = None

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
        """Show paths; the cursor stays on its path, or where it was when that is gone. That is not told as a move."""
        before, row = self.current, self.cursor
        self.paths = paths
        at = self._again(before, row) if paths else -1
        self._told = paths[at] if at >= 0 else None
        self.cursor = at
        self.lines_changed()

    def _again(self, before: PathRow | None, row: int) -> int:
        if before is None:
            return self.nearest_stop(0, 1)
        same = [at for at, it in enumerate(self.paths) if it.path == before.path]
        if same:
            return next((at for at in same if self.paths[at].kind == before.kind), same[0])
        at = self.nearest_stop(min(row, len(self.paths) - 1), 1)
        return at if at >= 0 else self.nearest_stop(len(self.paths) - 1, -1)

    @property
    def current(self) -> PathRow | None:
        """The row under the cursor; `None` when there is none."""
        return self.paths[self.cursor] if self.can_stop_at(self.cursor) else None

    def watch_cursor(self, old: int, new: int) -> None:
        """Tell when the cursor is on another path."""
        super().watch_cursor(old, new)
        row = self.current
        if row is not None and row != self._told:
            self._told = row
            self.post_message(self.Moved())


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

    def show(self, diff: diffs.Diff, coloured: dict[int, Line]) -> None:
        """Show a diff, with the colours that are known."""
        self.diff, self.coloured, self.said = diff, coloured, ()
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

    def _draw(self, spans: Line, ground: str, scroll_x: int, width: int) -> Strip:
        """A row that goes on behind the right edge says so."""
        strip = super()._draw(spans, ground, scroll_x, width)
        if width_of(spans) - scroll_x <= width:
            return strip
        more = Segment("…", self.ground_style(ground) + self.style_of(Tone.MUTED))
        return Strip([*strip.crop(0, width - 1), more], width)


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
        self._shown: tuple[PathRow, tuple[DiffPart, ...]] | None = None
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
            self._asked = None
            self._show_paths(())
            self._say(message_lines("… reading git") if self.state else message_lines("No session selected"))
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
            self._say(message_lines("Each repository has changes of its own", "→ in the list opens the workspace."))
            return
        self.fetch("git", lambda deck, session_id: deck.status_lines(session_id), self._use)

    def _use(self, status: Sequence[tuple[str, str]]) -> None:
        self._show_paths(path_rows(status))
        if self.paths.current is None:
            self.workers.cancel_group(self, "git-diff")
            self._say(message_lines("✓ Clean", "Nothing differs from HEAD.", tone=Tone.PASSED))
        else:
            self._follow(0.0)

    def _follow(self, rest: float) -> None:
        """Show what differs in the path under the cursor, when the cursor has rested there; what was asked before ends.

        The diff before stays until the new one is there, or until that has kept the user waiting.
        """
        row, deck, session_id = self.paths.current, self.deck, self.session_id
        if row is None or deck is None or session_id is None:
            return
        wanted, asked, session = row, deck, session_id

        async def work() -> None:
            await asyncio.sleep(rest)
            reading = asyncio.ensure_future(asked.diff(session, wanted.path))
            try:
                done, _ = await asyncio.wait({reading}, timeout=PATIENCE)
                if not done and (self._shown is None or self._shown[0] != wanted):
                    self._say(message_lines(f"… reading {clean(wanted.path, 300)}"))
                await self._show_diff(wanted, await reading)
            except DeckError as error:
                self._say(message_lines(f"✗ {error.message}", error.hint, tone=Tone.ERROR))
            finally:
                reading.cancel()

        self.begin("git-diff", work)

    async def _show_diff(self, row: PathRow, parts: tuple[DiffPart, ...]) -> None:
        """Show a path's parts, that of the row first."""
        if self._shown == (row, parts):
            return
        ordered = sorted(parts, key=lambda part: part.kind != row.kind)
        diff = await asyncio.to_thread(_read, ordered)
        small = len(diff.rows) <= SMALL
        coloured = await asyncio.to_thread(diffs.colour, diff) if small else {}
        if self._shown is None or self._shown[0] != row:
            self.view.scroll_to(0, 0, animate=False)
        self._shown = (row, parts)
        if not diff.rows:
            self.view.say(message_lines("Nothing differs here any more"))
            return
        self.view.show(diff, coloured)
        if not small:
            self.view.coloured = await asyncio.to_thread(diffs.colour, diff)
            self.view.lines_changed()

    def _say(self, lines: tuple[Line, ...]) -> None:
        """A message in place of a diff."""
        self._shown = None
        self.view.scroll_to(0, 0, animate=False)
        self.view.say(lines)

    def problem(self, message: str, hint: str) -> None:
        """Show it in place of the diff."""
        self._show_paths(())
        self._say(message_lines(f"✗ {message}", hint, tone=Tone.ERROR))

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
        """The diff follows."""
        event.stop()
        self._follow(REST)

    def action_file(self, step: int) -> None:
        """To the next or previous changed path."""
        self.paths.move(step)


def _read(parts: Sequence[DiffPart]) -> diffs.Diff:
    return diffs.joined((PARTS.get(part.kind, part.kind), diffs.parse(part.text), part.note) for part in parts)
