"""Results of a test run as a tree of files and tests, failures first, flattened to rows; no Textual.

Results come in one by one; the tree is told the whole list each time and takes up only what is new or changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len

from devdeck.model import Outcome, TestResult
from tui.widgets.rows import span_of_time
from tui.widgets.spans import Line, Span, Tone, clean, fit, line, shorten, width_of

NARROW = 40
"""Cells below which there is room for little but names."""
OPEN_ALL_UP_TO = 200
"""With more results than this, files in which all is well start closed."""

BAD = frozenset({Outcome.FAILED, Outcome.ERROR})
_ORDER = {
    Outcome.FAILED: 0,
    Outcome.ERROR: 0,
    Outcome.RUNNING: 1,
    Outcome.XPASSED: 2,
    Outcome.PASSED: 3,
    Outcome.XFAILED: 4,
    Outcome.SKIPPED: 5,
}
GLYPHS = {
    Outcome.PASSED: ("✓", Tone.PASSED, ""),
    Outcome.FAILED: ("✗", Tone.FAILED, "failed"),
    Outcome.ERROR: ("✗", Tone.ERROR, "error"),
    Outcome.SKIPPED: ("–", Tone.MUTED, "skipped"),
    Outcome.XFAILED: ("✓", Tone.MUTED, "failed as expected"),
    Outcome.XPASSED: ("!", Tone.DIRTY, "passed unexpectedly"),
    Outcome.RUNNING: ("●", Tone.RUNNING, "running"),
}
"""For each outcome: glyph, tone, and the word for it (none for what is as it should be)."""


class Row(NamedTuple):
    """One row of the tree: a file, or a test in it."""

    path: str
    result: TestResult | None
    """`None` for a file."""


class _File:
    def __init__(self, path: str, number: int) -> None:
        self.path = path
        self.number = number
        self.results: dict[str, TestResult] = {}
        self.counts: dict[Outcome, int] = {}
        self._sorted: list[Row] | None = None

    def take(self, result: TestResult) -> None:
        before = self.results.get(result.id)
        if before is not None:
            self.counts[before.outcome] -= 1
        self.results[result.id] = result
        self.counts[result.outcome] = self.counts.get(result.outcome, 0) + 1
        self._sorted = None

    @property
    def bad(self) -> int:
        return self.counts.get(Outcome.FAILED, 0) + self.counts.get(Outcome.ERROR, 0)

    @property
    def rank(self) -> tuple[int, int]:
        """Order among files: failing, then running, then as they came."""
        return (0 if self.bad else 1 if self.counts.get(Outcome.RUNNING, 0) else 2, self.number)

    def rows(self) -> list[Row]:
        """Tests, failures first, else in the order in which they came."""
        if self._sorted is None:
            found = sorted(self.results.values(), key=lambda result: _ORDER[result.outcome])
            self._sorted = [Row(self.path, result) for result in found]
        return self._sorted


def file_of(result: TestResult) -> str:
    """The file (or group) that a result belongs to: its id up to `::`, else its path, which may be where it failed."""
    file, separator, _ = result.id.partition("::")
    return (file if separator else result.path or file) or "(no file)"


class ResultTree:
    """Files and tests of one run."""

    def __init__(self) -> None:
        self.failed_only = False
        self._files: dict[str, _File] = {}
        self._homes: dict[str, str] = {}
        self._taken: Sequence[TestResult] = ()
        self._folded: dict[str, bool] = {}
        self.rows: list[Row] = []

    @property
    def total(self) -> int:
        """Results in the tree."""
        return len(self._homes)

    def update(self, results: Sequence[TestResult]) -> bool:
        """Take up results that are new or changed; returns whether there were any.

        A list that does not begin like the one before is another run: the tree starts over.
        """
        old = self._taken
        if len(results) < len(old) or (old and results[0].id != old[0].id):
            self._files.clear()
            self._homes.clear()
            old = ()
        fresh = [result for index, result in enumerate(results) if index >= len(old) or result != old[index]]
        self._taken = results
        for result in fresh:
            path = self._homes.setdefault(result.id, file_of(result))
            if path not in self._files:
                self._files[path] = _File(path, len(self._files))
            self._files[path].take(result)
        if fresh or not results:
            self.flatten()
        return bool(fresh)

    def flatten(self) -> None:
        """Work out the rows anew."""
        rows: list[Row] = []
        for file in sorted(self._files.values(), key=lambda file: file.rank):
            if self.failed_only and not file.bad:
                continue
            rows.append(Row(file.path, None))
            if not self.is_open(file.path):
                continue
            tests = file.rows()
            rows += [row for row in tests if row.result and row.result.outcome in BAD] if self.failed_only else tests
        self.rows = rows

    def is_open(self, path: str) -> bool:
        """Whether a file's tests are shown."""
        folded = self._folded.get(path)
        if folded is not None:
            return not folded
        return self.failed_only or self.total <= OPEN_ALL_UP_TO or self._files[path].rank[0] < 2

    def toggle(self, path: str) -> None:
        """Open or close a file."""
        if path in self._files:
            self._folded[path] = self.is_open(path)
            self.flatten()

    def failures(self) -> list[int]:
        """Rows that are failures."""
        return [index for index, row in enumerate(self.rows) if row.result and row.result.outcome in BAD]

    def row_of(self, path: str, result_id: str | None) -> int:
        """The row of a test, else of its file, else -1."""
        file_row = -1
        for index, row in enumerate(self.rows):
            if row.path == path:
                if row.result is None:
                    file_row = index
                    if result_id is None:
                        return index
                elif row.result.id == result_id:
                    return index
        return file_row

    def line(self, index: int, width: int, *, selected: bool) -> Line:
        """What a row says, exactly `width` cells wide."""
        row = self.rows[index]
        mark = Span("▌" if selected else " ", Tone.STRONG)
        if row.result is None:
            return self._file_line(row.path, width, mark)
        return _test_line(row.result, row.path, width, mark)

    def _file_line(self, path: str, width: int, mark: Span) -> Line:
        counts = self._files[path].counts
        bad = self._files[path].bad
        running = counts.get(Outcome.RUNNING, 0)
        passed, skipped = counts.get(Outcome.PASSED, 0), counts.get(Outcome.SKIPPED, 0)
        wide = width >= NARROW
        right = line(
            Span(f"✗ {bad}{' failed' if wide else ''}  " if bad else "", Tone.FAILED),
            Span(f"● {running}{' running' if wide else ''}  " if running else "", Tone.RUNNING),
            Span(f"✓ {passed}  " if passed else "", Tone.PASSED),
            Span(f"– {skipped}  " if skipped else "", Tone.MUTED),
        )
        arrow = Span(" ▾ " if self.is_open(path) else " ▸ ", Tone.MUTED)
        room = max(4, width - width_of(right) - 4)
        whole = clean(path)
        told = whole if cell_len(whole) < room else whole.rpartition("/")[2]
        name = Span(shorten(told, room - 1, middle=True), Tone.GROUP)
        return fit(line(mark, arrow, fit((name,), room), right), width)


def _test_line(result: TestResult, path: str, width: int, mark: Span) -> Line:
    glyph, tone, word = GLYPHS[result.outcome]
    name = clean(result.id.removeprefix(f"{path}::"), 600)
    if width < NARROW:
        return _narrow_test_line(result.outcome, name, width, mark)
    took = span_of_time(result.duration) if result.duration >= 0.005 else ""
    right = line(Span(f" {word}" if word else "", tone), Span(f" {took} ".rjust(9) if width >= 48 else "", Tone.MUTED))
    message = clean(result.message.strip().split("\n", 1)[0], 400) if result.outcome in BAD else ""
    bad = result.outcome in BAD
    body = line(
        Span(shorten(name, max(12, width // 2), middle=True) if message else name, Tone.LABEL if bad else Tone.PLAIN),
        Span(f"  {message}" if message else "", Tone.MUTED),
    )
    room = max(4, width - width_of(right) - 7)
    return fit(line(mark, "   ", Span(f"{glyph} ", tone), fit(body, room), right), width)


def _narrow_test_line(outcome: Outcome, name: str, width: int, mark: Span) -> Line:
    """All the room is for the name, both ends of which tell tests apart; that one failed, its cross says alone."""
    glyph, tone, word = GLYPHS[outcome]
    right = (Span(f" {word}" if word and outcome is not Outcome.FAILED else "", tone),)
    room = max(4, width - width_of(right) - 7)
    told = Span(shorten(name, room, middle=True), Tone.LABEL if outcome in BAD else Tone.PLAIN)
    return fit(line(mark, "   ", Span(f"{glyph} ", tone), fit((told,), room), right), width)
