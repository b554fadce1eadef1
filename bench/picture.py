"""A screen of the dashboard as a picture: SVG that needs no font from elsewhere, and PNG made from it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from rich.cells import cell_len
from rich.color import Color, blend_rgb
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from bench.shapes import HEIGHT, SHADES, WIDTH, corner, rectangles

FONTS = "'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace"
SIZE = 15
"""Font size in pixels: characters of most monospaced fonts are then as wide as a cell."""
BASELINE = 14.5
PAD = 12
DIM = 0.45

_WORDS = re.compile(r"\S+(?: \S+)*")


class Look(NamedTuple):
    """How text is drawn."""

    colour: str
    bold: bool
    italic: bool


class Picture:
    """Collects what a screen shows and writes it as SVG."""

    def __init__(self, rows: Sequence[Iterable[Segment]], columns: int, theme: TerminalTheme, background: str) -> None:
        """Read a screen.

        Args:
            rows: Styled text, a row each.
            columns: Width of the screen in cells.
            theme: What the sixteen colours of terminals and the defaults are.
            background: Colour behind it all, as `#rrggbb`.
        """
        self._theme = theme
        self._background = background
        self._columns, self._rows = columns, len(rows)
        self._behind: list[str] = []
        self._filled: defaultdict[str, list[str]] = defaultdict(list)
        self._stroked: defaultdict[str, list[str]] = defaultdict(list)
        self._texts: defaultdict[Look, list[str]] = defaultdict(list)
        for y, row in enumerate(rows):
            x = 0
            for segment in row:
                if not segment.control:
                    x = self._segment(x, y, segment.text, segment.style or Style.null())

    def _colours(self, style: Style) -> tuple[str, str]:
        front = (style.color or Color.default()).get_truecolor(self._theme)
        back = (style.bgcolor or Color.default()).get_truecolor(self._theme, foreground=False)
        if style.reverse:
            front, back = back, front
        if style.dim:
            front = blend_rgb(front, back, DIM)
        return front.hex, back.hex

    def _segment(self, x: int, y: int, text: str, style: Style) -> int:
        front, back = self._colours(style)
        width = cell_len(text)
        left, top = x * WIDTH, y * HEIGHT
        if back != self._background:
            self._behind.append(f'<rect x="{left}" y="{top}" width="{width * WIDTH}" height="{HEIGHT}" fill="{back}"/>')
        look = Look(front, bool(style.bold), bool(style.italic))
        if style.underline or style.strike:
            line_y = top + (HEIGHT - 2 if style.underline else HEIGHT // 2)
            self._fill(front, left, line_y, width * WIDTH, 1)
        plain, start = "", x
        for character in text:
            cells = cell_len(character)
            if _is_letter(character):
                plain += character
            else:
                self._words(plain, start, y, look)
                plain, start = "", x + cells
                if not self._shape(character, x, y, front, back) and not character.isspace():
                    self._symbol(character, x, y, cells, look)
            x += cells
        self._words(plain, start, y, look)
        return x

    def _shape(self, character: str, x: int, y: int, colour: str, behind: str) -> bool:
        """Draw a character that is a shape; says whether it is one."""
        left, top = x * WIDTH, y * HEIGHT
        if character in SHADES:
            mixed = blend_rgb(_triplet(behind), _triplet(colour), SHADES[character])
            self._fill(mixed.hex, left, top, WIDTH, HEIGHT)
            return True
        path = corner(character, left, top)
        if path is not None:
            self._stroked[colour].append(path)
            return True
        found = rectangles(character)
        for dx, dy, width, height in found or ():
            self._fill(colour, left + dx, top + dy, width, height)
        return found is not None

    def _fill(self, colour: str, x: float, y: float, width: float, height: float) -> None:
        parts = self._filled[colour]
        tail = f"h{width:g}v{height:g}h-{width:g}z"
        parts.append(f"M{x:g} {y:g}{tail}")

    def _words(self, text: str, x: int, y: int, look: Look) -> None:
        """Text without symbols, cut at double spaces and made as wide as its cells whatever the font."""
        for found in _WORDS.finditer(text):
            word, left = found.group(), (x + found.start()) * WIDTH
            length = f' textLength="{len(word) * WIDTH}"' if len(word) > 1 else ""
            self._texts[look].append(f'<text x="{left}" y="{y * HEIGHT + BASELINE:g}"{length}>{escape(word)}</text>')

    def _symbol(self, character: str, x: int, y: int, cells: int, look: Look) -> None:
        """A character that may come from another font, in the middle of its cells."""
        middle = (x + cells / 2) * WIDTH
        self._texts[look].append(
            f'<text x="{middle:g}" y="{y * HEIGHT + BASELINE:g}" text-anchor="middle">{escape(character)}</text>'
        )

    def svg(self, title: str) -> str:
        """The picture as SVG, with a title for those who can't see it."""
        width, height = self._columns * WIDTH, self._rows * HEIGHT
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + 2 * PAD} {height + 2 * PAD}" '
            f'width="{width + 2 * PAD}" height="{height + 2 * PAD}" role="img" aria-label={quoteattr(title)}>',
            f"<title>{escape(title)}</title>",
            f'<rect width="100%" height="100%" rx="8" fill="{self._background}"/>',
            f'<g transform="translate({PAD} {PAD})" font-family="{FONTS}" font-size="{SIZE}" '
            'style="white-space: pre" xml:space="preserve">',
            '<g shape-rendering="crispEdges">',
            *self._behind,
            "</g>",
            *(f'<path fill="{colour}" d="{"".join(found)}"/>' for colour, found in self._filled.items()),
            *(f'<path fill="none" stroke="{colour}" d="{"".join(found)}"/>' for colour, found in self._stroked.items()),
        ]
        for look, texts in self._texts.items():
            weight = ' font-weight="bold"' if look.bold else ""
            slant = ' font-style="italic"' if look.italic else ""
            parts += [f'<g fill="{look.colour}"{weight}{slant}>', *texts, "</g>"]
        return "\n".join([*parts, "</g>", "</svg>", ""])


def _triplet(colour: str) -> ColorTriplet:
    return Color.parse(colour).get_truecolor()


def _is_letter(character: str) -> bool:
    """Whether every monospaced font has it, as wide as all others."""
    return character < "\u0250" and character.isprintable()


def png(svg: str, scale: float) -> bytes:
    """The picture as PNG.

    Args:
        svg: The picture.
        scale: Pixels for each of its units.

    Raises:
        RuntimeError: There is no font to draw letters with.
    """
    import resvg_py

    def draw(text: str, zoom: float) -> bytes:
        return bytes(resvg_py.svg_to_bytes(svg_string=text, zoom=zoom, monospace_family="DejaVu Sans Mono"))

    probe = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="30"><g font-family="{}">{}</g></svg>'
    if draw(probe.format(FONTS, '<text y="20">M</text>'), 1) == draw(probe.format(FONTS, ""), 1):
        raise RuntimeError("no monospaced font is installed: apt-get install fonts-dejavu-core")
    return draw(svg, scale)
