"""A unified diff as rows that can be drawn: files, hunks, numbered lines; bounded, no Textual."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from tui.widgets.spans import Ground, Line, Span, Tone, clean, fit, line, shorten, width_of
from tui.widgets.syntax import highlight, printable

MAX_ROWS = 20_000
"""Rows that are kept; a note says what was cut."""
PART_TONES = {"conflict": Tone.CONFLICT, "staged": Tone.ADDED, "not staged": Tone.DIRTY, "new": Tone.DIRTY}
MAX_COLOURED = 6_000
"""Rows that get syntax colours."""


class Kind(StrEnum):
    """What a row of a diff is."""

    FILE = "file"
    HUNK = "hunk"
    CONTEXT = "context"
    ADDED = "added"
    REMOVED = "removed"
    NOTE = "note"


class DiffRow(NamedTuple):
    """One row."""

    kind: Kind
    text: str
    """Without the sign; for a file, its path."""
    number: int | None = None
    """Line number on the new side, on the old side for a removed line."""
    file: int = -1
    """Index of the file in `Diff.files`."""


class DiffFile(NamedTuple):
    """A file of the diff."""

    path: str
    row: int
    """Row of its header."""
    added: int
    removed: int
    part: str = ""
    """What part of the changes it belongs to, such as `staged`; empty where there is only one."""


class Diff(NamedTuple):
    """A parsed diff."""

    rows: tuple[DiffRow, ...]
    files: tuple[DiffFile, ...]
    number_width: int


_HUNK = re.compile(r"^(@@+) (?:-(\d+)(?:,(\d+))? )+\+(\d+)(?:,(\d+))? @@+ ?(.*)$")
_BINARY = re.compile(r"^Binary files .* differ$|^GIT binary patch$")
_ESCAPED = re.compile(rb"\\([0-7]{3}|.)")
_CONTROL = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def unquote(path: str) -> str:
    """A path as git prints it, with C-style quotes undone (`core.quotePath`, git-config(1))."""
    if not (len(path) >= 2 and path.startswith('"') and path.endswith('"')):
        return path

    def undo(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return bytes([int(code, 8) & 255]) if len(code) == 3 else _CONTROL.get(code, code)

    raw = _ESCAPED.sub(undo, path[1:-1].encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "replace")


def _side(text: str) -> str | None:
    path = unquote(text.split("\t", 1)[0] if not text.startswith('"') else text.rstrip("\t"))
    return None if path == "/dev/null" else path[2:] if path[:2] in ("a/", "b/", "i/", "w/", "c/", "o/") else path


class _Parser:
    def __init__(self) -> None:
        self.rows: list[DiffRow] = []
        self.files: list[DiffFile] = []
        self.parents = 1
        self.old = self.new = 0
        self.left: int | None = None
        """Lines of the hunk still to come (both sides); `None` outside a hunk."""

    def file(self, header: str) -> None:
        self.left = None
        words = header.split(" ", 2)[2] if header.count(" ") >= 2 else header
        if header.startswith("diff --git "):
            half = (len(words) - 1) // 2
            words = _side(words[half + 1 :]) or words
        self.files.append(DiffFile(unquote(words), len(self.rows), 0, 0))
        self.add(Kind.FILE, unquote(words))

    def add(self, kind: Kind, text: str, number: int | None = None) -> None:
        self.rows.append(DiffRow(kind, text, number, len(self.files) - 1))

    def rename(self, path: str | None) -> None:
        if path and self.files:
            file = self.files[-1] = self.files[-1]._replace(path=path)
            self.rows[file.row] = self.rows[file.row]._replace(text=path)

    def outside(self, text: str) -> None:
        hunk = _HUNK.match(text)
        if hunk is not None:
            self.parents = len(hunk[1]) - 1
            self.old, self.new = int(hunk[2]), int(hunk[4])
            self.left = int(hunk[3] or 1) + int(hunk[5] or 1)
            self.add(Kind.HUNK, text)
        elif text.startswith(("diff --git ", "diff --cc ", "diff --combined ")):
            self.file(text)
        elif text.startswith("--- ") or text.startswith("+++ "):
            self.rename(_side(text[4:]))
        elif _BINARY.match(text):
            self.add(Kind.NOTE, "binary: there are no lines to show")
        elif text and not text.startswith("index "):
            self.add(Kind.NOTE, text)

    def inside(self, text: str) -> None:
        signs, rest = text[: self.parents], text[self.parents :]
        if "+" in signs:
            self.add(Kind.ADDED, rest, self.new)
            self.new += 1
            self.count(added=1)
            spent = 1
        elif "-" in signs:
            self.add(Kind.REMOVED, rest, self.old)
            self.old += 1
            self.count(removed=1)
            spent = 1
        else:
            self.add(Kind.CONTEXT, rest, self.new)
            self.old, self.new = self.old + 1, self.new + 1
            spent = 2
        if self.left is not None and self.parents == 1:
            self.left -= spent

    def count(self, added: int = 0, removed: int = 0) -> None:
        if self.files:
            file = self.files[-1]
            self.files[-1] = file._replace(added=file.added + added, removed=file.removed + removed)

    def take(self, text: str) -> None:
        if text.startswith("\\ "):
            self.add(Kind.NOTE, text[2:])
            return
        ended = self.left is None or self.left <= 0
        if self.parents > 1 and text.startswith(("diff --", "@@@")):
            ended = True
        if ended or text[:1] not in " +-":
            self.outside(text)
        else:
            self.inside(text)


def parse(text: str) -> Diff:
    """Read a unified (or combined) diff as git prints it. Never fails: what is not understood becomes a note."""
    parser = _Parser()
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    for number, row in enumerate(lines):
        if len(parser.rows) >= MAX_ROWS:
            parser.add(Kind.NOTE, f"… {len(lines) - number} more lines are not shown")
            break
        parser.take(row)
    largest = max((row.number or 0 for row in parser.rows), default=0)
    return Diff(tuple(parser.rows), tuple(parser.files), len(str(largest)))


def joined(parts: Iterable[tuple[str, Diff, str]]) -> Diff:
    """Diffs one after the other.

    Args:
        parts: For each what its files' headers say of it, the diff, and a note for its end; empty for none.
    """
    rows: list[DiffRow] = []
    files: list[DiffFile] = []
    width = 1
    for name, diff, note in parts:
        top, first = len(rows), len(files)
        files += (file._replace(row=file.row + top, part=name) for file in diff.files)
        rows += (row._replace(file=row.file + first) if row.file >= 0 else row for row in diff.rows)
        if note:
            rows.append(DiffRow(Kind.NOTE, f"… {note}", None, len(files) - 1))
        width = max(width, diff.number_width)
    return Diff(tuple(rows), tuple(files), width)


def _sections(diff: Diff) -> Iterator[tuple[str, list[int]]]:
    """Hunks: path, and the indices of their rows of code."""
    current: list[int] = []
    path = ""
    for index, row in enumerate(diff.rows):
        if row.kind in (Kind.FILE, Kind.HUNK):
            if current:
                yield path, current
            current = []
            path = diff.files[row.file].path if row.file >= 0 else ""
        elif row.kind is not Kind.NOTE:
            current.append(index)
    if current:
        yield path, current


def colour(diff: Diff) -> dict[int, Line]:
    """Syntax colours of the rows of code, by row. Each hunk is read as two texts: as it was and as it is."""
    found: dict[int, Line] = {}
    for path, indices in _sections(diff):
        if len(found) > MAX_COLOURED or len(indices) > MAX_COLOURED:
            break
        for gone in (Kind.ADDED, Kind.REMOVED):
            side = [index for index in indices if diff.rows[index].kind is not gone]
            found.update(zip(side, highlight(path, [diff.rows[index].text for index in side]), strict=True))
    return found


def row_line(diff: Diff, index: int, width: int, coloured: dict[int, Line]) -> Line:
    """What a row of the diff says."""
    row = diff.rows[index]
    if row.kind is Kind.FILE:
        file = diff.files[row.file]
        counts = line(
            Span(f"  +{file.added}" if file.added else "", Tone.ADDED),
            Span(f"  -{file.removed}" if file.removed else "", Tone.REMOVED),
        )
        part = Span(f"{file.part}  " if file.part else "", PART_TONES.get(file.part, Tone.MUTED))
        room = max(8, width - width_of((part, *counts)) - 2)
        return line(" ", part, Span(shorten(clean(file.path), room, middle=True), Tone.GROUP), counts)
    if row.kind is Kind.HUNK:
        return (Span(f" {clean(row.text)}", Tone.HUNK),)
    if row.kind is Kind.NOTE:
        return (Span(f" {clean(row.text)}", Tone.MUTED),)
    sign, tone = {
        Kind.ADDED: ("+", Tone.ADDED),
        Kind.REMOVED: ("-", Tone.REMOVED),
    }.get(row.kind, (" ", Tone.MUTED))
    gutter = fit((Span(str(row.number), tone),), diff.number_width, right=True)
    code = coloured.get(index)
    if code is None:
        code = (Span(printable(row.text)),)
    return line(" ", gutter, Span(f" {sign} ", tone), code)


def row_ground(row: DiffRow) -> Ground:
    """What lies under a row."""
    return {Kind.ADDED: Ground.ADDED, Kind.REMOVED: Ground.REMOVED, Kind.FILE: Ground.HEADER}.get(row.kind, Ground.NONE)
