"""The smallest Textual programs of their kind: what devdeck is held against.

`python bench/floor.py min`, `clock` or `table ROWS`.
"""

from __future__ import annotations

import sys
import time
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import DataTable, Footer, Header, Static


class Floor(App[None]):
    """A header, one line of text, a footer."""

    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit", "Quit")]
    ENABLE_COMMAND_PALETTE = False

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static("the floor is here", id="line")
        yield Footer()


class Clock(Floor):
    """The same, with one line that changes every second."""

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tell)

    def _tell(self) -> None:
        self.query_one("#line", Static).update(time.strftime("the floor is here at %H:%M:%S"))


class Table(Floor):
    """A table with a cursor, of as many rows as there are sessions."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        yield Header()
        yield DataTable[str](cursor_type="row")
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("session", "branch", "git", "tests", "CPU")
        for number in range(self._rows):
            table.add_row(f"work-{number:03}", f"feature/{number:03}", "~1 ?1", "✓ 12", f"{number % 7}%")


def main(arguments: list[str]) -> None:
    """Run one of them: `min`, `clock` or `table ROWS`."""
    kind = arguments[0]
    app = Table(int(arguments[1])) if kind == "table" else {"min": Floor, "clock": Clock}[kind]()
    app.run()


if __name__ == "__main__":
    main(sys.argv[1:])
