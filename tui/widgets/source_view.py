"""A failure and the source around it: message, frames, and the lines of the file with the failing one marked."""

from __future__ import annotations

from collections.abc import Sequence

from devdeck.live import SourceView as Source
from devdeck.model import Frame, TestResult
from tui.widgets.line_view import LineView, message_lines
from tui.widgets.spans import Ground, Line, Span, Tone, clean, fit, line, width_of
from tui.widgets.syntax import highlight

MESSAGE_LINES = 12
"""Lines of a failure's message that are shown."""
PATH_CELLS = 48
"""Longest path above the source; a longer one loses its beginning."""
DETAIL_LINES = 40
"""Lines of the runner's own text that are shown when there is no source."""


class SourceView(LineView):
    """Shows one failure; the owner fetches the source."""

    HAS_CURSOR = False
    DEFAULT_CSS = """
    SourceView { overflow-x: auto; scrollbar-size-horizontal: 0; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.result: TestResult | None = None
        self.source: Source | None = None
        self._grounds: dict[int, Ground] = {}
        self._width = 0

    def show(
        self, result: TestResult, frames: Sequence[Frame], chosen: int, source: Source | None, note: str = ""
    ) -> None:
        """Show a failure.

        Args:
            result: The failure.
            frames: Its frames, the outermost first.
            chosen: Index of the frame whose source is shown; -1 when it is the test's own place.
            source: Lines around the place; `None` when there are none (yet).
            note: Said in place of the source, such as why there is none.
        """
        same = self.result is not None and result.id == self.result.id and source == self.source
        self.result, self.source = result, source
        lines = [line(Span(" ✗ ", Tone.FAILED), Span(clean(result.id, 600), Tone.STRONG))]
        for text in result.message.splitlines()[:MESSAGE_LINES]:
            lines.append((Span(f"   {clean(text, 2000)}", Tone.ERROR),))
        if frames:
            lines.append(())
            lines += [_frame_line(frame, index == chosen) for index, frame in enumerate(frames)]
        self._grounds = {}
        if source is not None:
            named = frames[chosen].path if 0 <= chosen < len(frames) else result.path or ""
            lines += [(), (Span(f" {_place(source, named)}", Tone.GROUP),)]
            self._grounds[len(lines) + source.line - source.first_line] = Ground.MARKED
            lines += _source_lines(source)
        else:
            lines += [(), (Span(f" {clean(note)}", Tone.MUTED),)] if note else []
            lines += [(Span(f" {clean(text, 2000)}"),) for text in result.detail.splitlines()[:DETAIL_LINES]]
        self._width = max(width_of(row) for row in lines) + 1
        self.put(tuple(lines))
        if not same:
            self.scroll_home(animate=False)
            self.call_after_refresh(self._reveal_marked)

    def _reveal_marked(self) -> None:
        """Have the failing line and a little of what follows on screen; the pane may have just got its size."""
        marked = next(iter(self._grounds), None)
        if marked is not None:
            self.reveal(min(marked + 2, self.line_count() - 1))

    def clear(self) -> None:
        """Show that nothing is chosen."""
        self.result = self.source = None
        self._grounds, self._width = {}, 0
        self.put(message_lines("No failure chosen", "Enter on a failure shows it here."))

    def ground_at(self, row: int) -> Ground:
        """The failing line stands out."""
        return self._grounds.get(row, Ground.NONE)

    def content_width(self) -> int:
        """The longest line."""
        return self._width


def _place(source: Source, named: str) -> str:
    """The path as the failure names it, else its end, which tells more than its beginning; and the line."""
    if named and source.path.endswith(f"/{named}"):
        return f"{clean(named, 400)}:{source.line}"
    path = clean(source.path, 600)
    return f"{path if len(path) <= PATH_CELLS else '…' + path[1 - PATH_CELLS :]}:{source.line}"


def _frame_line(frame: Frame, chosen: bool) -> Line:
    return line(
        Span(" ▶ " if chosen else "   ", Tone.STRONG),
        Span(f"{clean(frame.path, 400)}:{frame.line}", Tone.BRANCH if chosen else Tone.MUTED),
        Span(f"  {clean(frame.message.splitlines()[0], 300)}" if frame.message else "", Tone.MUTED),
    )


def _source_lines(source: Source) -> list[Line]:
    numbers = len(str(source.first_line + len(source.lines)))
    coloured = highlight(source.path, source.lines)
    found: list[Line] = []
    for offset, code in enumerate(coloured):
        number = source.first_line + offset
        here = number == source.line
        gutter = fit((Span(str(number), Tone.FAILED if here else Tone.MUTED),), numbers, right=True)
        found.append(line(Span(" ▶ " if here else "   ", Tone.FAILED), gutter, Span(" │ ", Tone.MUTED), code))
    return found
