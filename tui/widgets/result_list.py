"""The list of test results: the rows of a `ResultTree` with a cursor."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from devdeck.model import TestResult
from tui.widgets.line_view import LineView
from tui.widgets.result_tree import ResultTree
from tui.widgets.spans import Line


class ResultList(LineView):
    """The rows of a `ResultTree`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Show failure", show=False),
        Binding("space", "toggle_file", "Open or close file", show=False),
    ]

    class Moved(Message):
        """The cursor is on another row."""

    class Chosen(Message):
        """Enter or a double click on a test."""

        def __init__(self, result: TestResult) -> None:
            super().__init__()
            self.result = result

    def __init__(self, results: ResultTree, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.results = results
        self.empty: tuple[Line, ...] = ()

    def line_count(self) -> int:
        """Rows of the tree, or of what is said without one."""
        return len(self.results.rows) or len(self.empty)

    def can_stop_at(self, row: int) -> bool:
        """Rows of the tree."""
        return 0 <= row < len(self.results.rows)

    def line_at(self, row: int, width: int) -> Line:
        """A row of the tree."""
        if not self.results.rows:
            return self.empty[row]
        return self.results.line(row, width, selected=row == self.cursor)

    def update_tree(self) -> None:
        """The tree changed: the cursor stays on its test."""
        self.lines_changed()

    def watch_cursor(self, old: int, new: int) -> None:
        """Tell that the cursor moved."""
        super().watch_cursor(old, new)
        self.post_message(self.Moved())

    @property
    def current(self) -> TestResult | None:
        """The test under the cursor."""
        return self.results.rows[self.cursor].result if self.can_stop_at(self.cursor) else None

    def action_choose(self) -> None:
        """Show a test, or open or close a file."""
        if not self.can_stop_at(self.cursor):
            return
        if self.current is None:
            self.action_toggle_file()
        else:
            self.post_message(self.Chosen(self.current))

    def action_toggle_file(self) -> None:
        """Open or close the file of the row under the cursor."""
        if self.can_stop_at(self.cursor):
            path = self.results.rows[self.cursor].path
            self.results.toggle(path)
            self.cursor = self.results.row_of(path, None)
            self.lines_changed()

    def clicked(self, row: int, times: int) -> None:
        """A file opens or closes; a test is shown."""
        if not self.can_stop_at(row):
            return
        if self.results.rows[row].result is None:
            self.action_toggle_file()
        else:
            self.action_choose()
