"""Lines of a log as rows of the screen: gutter, colours of the log itself, marks, matches, selection, wrapping."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip

from devdeck.logs.index import Line
from devdeck.logs.marks import Mark, classify
from devdeck.logs.search import Query
from tui.ansi import TERMINAL_PALETTE, Rendered, parse

CACHED_LINES = 512
CUT = " … cut here"

GLYPHS = {Mark.NONE: " ", Mark.FRAME: "›", Mark.WARNING: "▲", Mark.ERROR: "!", Mark.FAILURE: "✗"}
"""What stands beside a marked line, so that no state is told by colour alone."""

Run = tuple[int, int, Style]


class Look(msgspec.Struct, frozen=True):
    """Everything but the line itself that decides how a line looks."""

    width: int
    """Cells of the whole row."""
    x: int = 0
    """Cells scrolled to the right; 0 when wrapping."""
    wrap: bool = False
    digits: int = 0
    """Width of the line numbers; 0 when they are off."""
    cursor: bool = False
    selection: tuple[int, int] | None = None
    """Selected characters of the line; an end of -1 means its end."""
    query: Query | None = None
    places: bool = False
    """Whether each piece of text knows its place in the line, for the mouse; what goes to the screen need not."""

    @property
    def gutter(self) -> int:
        """Cells before the text."""
        return 4 + (self.digits + 1 if self.digits else 0)

    @property
    def text_width(self) -> int:
        """Cells for the text, at least 1."""
        return max(1, self.width - self.gutter)


class RowPainter:
    """Turns lines into strips and keeps a bounded number of them.

    Args:
        style_of: Gives the style of a name such as `failure` (component class `log--failure`).
        shown: What the terminal makes of a style, such as one without colours; see `LogView`.
    """

    def __init__(self, style_of: Callable[[str], Style], shown: Callable[[Style], Style] | None = None) -> None:
        self._style_of = style_of
        self._shown = shown
        self._styles: dict[str, Style] = {}
        self._shown_styles: LRUCache[Style, Style] = LRUCache(512)
        self._palette: Sequence[str] = TERMINAL_PALETTE
        self._rows: LRUCache[tuple[int, Look], list[Strip]] = LRUCache(CACHED_LINES)

    @property
    def cached(self) -> int:
        """Lines in the cache."""
        return len(self._rows)

    def clear(self, palette: Sequence[str] | None = None) -> None:
        """Forget everything drawn: the lines or the theme are others now."""
        self._rows.clear()
        self._styles.clear()
        self._shown_styles.clear()
        self._palette = palette or self._palette

    def style(self, name: str) -> Style:
        """Style of a component, looked up once."""
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self._style_of(name)
        return style

    def blank(self, width: int) -> Strip:
        """An empty row."""
        return Strip.blank(width, self.shown(self.style("base")))

    def shown(self, style: Style) -> Style:
        """What goes to the screen instead of a style."""
        if self._shown is None:
            return style
        found = self._shown_styles.get(style)
        if found is None:
            found = self._shown_styles[style] = self._shown(style)
        return found

    def text(self, line: Line) -> str:
        """The text of a line as it is drawn, a note about its cut end included."""
        return parse(line.data)[0].text + (CUT if line.cut else "")

    def rows(self, line: Line, position: int, look: Look) -> list[Strip]:
        """The rows of one line: one, or when wrapping as many as it needs.

        Args:
            line: The line.
            position: What selection offsets call it: its number, or its place in the tail.
            look: How it is drawn.
        """
        key = (position, look)
        kept = self._rows.get(key)
        if kept is not None:
            return kept
        rows = self._draw(line, position, look)
        if line.terminated and line.number is not None:
            self._rows.set(key, rows)
        return rows

    def row_count(self, line: Line, look: Look) -> int:
        """How many rows a line needs."""
        return len(wrap_points(self.text(line), look.text_width)) if look.wrap else 1

    def _draw(self, line: Line, position: int, look: Look) -> list[Strip]:
        rendered, _ = parse(line.data, self._palette)
        mark = classify(line.data)
        base = self.style("base") if mark is Mark.NONE else self.style(mark.name.lower())
        if look.cursor:
            base += self.style("cursor")
        text, runs = self._runs(rendered, base, look)
        if line.cut:
            runs.append((len(text), len(text) + len(CUT), base + self.style("number")))
            text += CUT
        if look.wrap:
            points = wrap_points(text, look.text_width)
            pieces = [*zip(points, [*points[1:], len(text)], strict=True)]
        else:
            pieces = [cell_slice(text, look.x, look.text_width)]
        strips, ascii_only = [], text.isascii()
        for index, (start, end) in enumerate(pieces):
            segments = self._gutter(line, mark, look, base, index == 0)
            used = sum(len(piece.text) for piece in segments)
            segments += cut_runs(text, runs, start, end, position if look.places else None)
            used += end - start if ascii_only else cell_len(text[start:end])
            if used < look.width:
                segments.append(Segment(" " * (look.width - used), base))
            if not look.places:
                shown = self.shown
                segments = [Segment(words, shown(style or base)) for words, style, _ in segments]
            strip = Strip(segments, max(used, look.width))
            strips.append(strip if used <= look.width else strip.crop(0, look.width))
        return strips

    def _runs(self, rendered: Rendered, base: Style, look: Look) -> tuple[str, list[Run]]:
        text = rendered.text
        runs: list[Run] = [(0, len(text), base)] if text else []
        for start, end, style in rendered.spans:
            runs = overlay(runs, start, end, style)
        if look.query is not None:
            style = self.style("match-current" if look.cursor else "match")
            for start, end in look.query.spans(text):
                runs = overlay(runs, start, end, style)
        if look.selection is not None:
            start, end = look.selection
            runs = overlay(runs, start, len(text) if end == -1 else end, self.style("selection"))
        return text, runs

    def _gutter(self, line: Line, mark: Mark, look: Look, base: Style, first: bool) -> list[Segment]:
        number = base + self.style("number")
        if look.cursor:
            number += self.style("cursor")
        pointer = "▸" if look.cursor and first else " "
        shown = str(line.number + 1) if first and line.number is not None else ""
        prefix = shown.rjust(look.digits) + " " if look.digits else ""
        glyph = GLYPHS[mark] if first else " "
        marked = base + self.style("glyph")
        return [Segment(pointer, marked), Segment(prefix, number), Segment(f"{glyph}  ", marked)]


def overlay(runs: list[Run], start: int, end: int, style: Style) -> list[Run]:
    """Lay a style over the characters from `start` to `end`; runs cover the text without gaps or overlaps."""
    result: list[Run] = []
    for first, last, below in runs:
        if last <= start or first >= end:
            result.append((first, last, below))
            continue
        if first < start:
            result.append((first, start, below))
        result.append((max(first, start), min(last, end), below + style))
        if last > end:
            result.append((end, last, below))
    return result


def cut_runs(text: str, runs: list[Run], start: int, end: int, position: int | None) -> list[Segment]:
    """Segments of the characters from `start` to `end`, each with its offset for the selection by mouse.

    Offsets are what `Strip.apply_offsets` gives; here they cost no strip more (a strip makes seven caches). Without a
    `position` there are none: each is another style, to be put together and written out by itself.
    """
    segments = []
    for first, last, style in runs:
        if first < end and last > start:
            begin = max(first, start)
            if position is not None:
                style += Style.from_meta({"offset": (begin, position)})
            segments.append(Segment(text[begin : min(last, end)], style))
    return segments


def wrap_points(text: str, width: int) -> list[int]:
    """Where the rows of a wrapped text start, in characters; `[0]` for an empty text."""
    if text.isascii():
        return list(range(0, len(text), width)) or [0]
    points = [0]
    used = 0
    for index, character in enumerate(text):
        cells = get_character_cell_size(character)
        if used + cells > width and used:
            points.append(index)
            used = 0
        used += cells
    return points


def cell_slice(text: str, x: int, width: int) -> tuple[int, int]:
    """The characters that lie wholly within the cells from `x` to `x + width`."""
    if text.isascii():
        return min(x, len(text)), min(x + width, len(text))
    start = end = None
    used = 0
    for index, character in enumerate(text):
        if start is None and used >= x:
            start = index
        used += get_character_cell_size(character)
        if used > x + width:
            end = index
            break
    end = len(text) if end is None else end
    return min(end if start is None else start, end), end
