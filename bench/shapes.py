"""Box drawing, blocks and braille as shapes, so that lines and graphs are whole in whatever font a picture is shown.

All coordinates are pixels of a cell of `WIDTH` × `HEIGHT`; lines are one pixel wide and lie on whole pixels.
"""

from __future__ import annotations

WIDTH, HEIGHT = 9, 19
MIDDLE_X, MIDDLE_Y = WIDTH // 2, HEIGHT // 2
"""Left and upper edge of the pixel in the middle."""

UP, RIGHT, DOWN, LEFT = 1, 2, 4, 8
LINES = {
    "─": RIGHT | LEFT, "│": UP | DOWN, "┌": RIGHT | DOWN, "┐": LEFT | DOWN, "└": UP | RIGHT, "┘": UP | LEFT,
    "├": UP | RIGHT | DOWN, "┤": UP | LEFT | DOWN, "┬": LEFT | RIGHT | DOWN, "┴": LEFT | RIGHT | UP,
    "┼": UP | RIGHT | DOWN | LEFT, "╵": UP, "╶": RIGHT, "╷": DOWN, "╴": LEFT,
    "━": RIGHT | LEFT, "┃": UP | DOWN,
}  # fmt: skip
HEAVY = frozenset("━┃")
DASHED = {"╌": 2, "┄": 3, "┈": 4}
CORNERS = {"╭": (RIGHT, DOWN), "╮": (LEFT, DOWN), "╯": (LEFT, UP), "╰": (RIGHT, UP)}
QUADRANTS = {
    "▖": 4, "▗": 8, "▘": 1, "▙": 13, "▚": 9, "▛": 7, "▜": 11, "▝": 2, "▞": 6, "▟": 14,
}  # fmt: skip
"""Upper left 1, upper right 2, lower left 4, lower right 8."""
SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}
# Unicode numbers the dots of a cell 1 2 3 7 in the left column from above, 4 5 6 8 in the right.
DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))

Rectangle = tuple[float, float, float, float]
"""Left, top, width, height."""


def rectangles(character: str) -> list[Rectangle] | None:
    """The character as rectangles in its cell; `None` when it is none of these."""
    if character in LINES:
        return _lines(LINES[character], 2 if character in HEAVY else 1)
    if character in DASHED:
        count = DASHED[character]
        return [(WIDTH * (part + 0.25) / count, MIDDLE_Y, WIDTH / count / 2, 1) for part in range(count)]
    if "▀" <= character <= "▟" and character not in SHADES:
        return _block(character)
    if "\u2800" <= character <= "\u28ff":
        return _braille(ord(character) - 0x2800)
    return None


def _lines(arms: int, thick: int) -> list[Rectangle]:
    found: list[Rectangle] = []
    if arms & (LEFT | RIGHT):
        left = 0 if arms & LEFT else MIDDLE_X
        found.append((left, MIDDLE_Y, (WIDTH if arms & RIGHT else MIDDLE_X + 1) - left, thick))
    if arms & (UP | DOWN):
        top = 0 if arms & UP else MIDDLE_Y
        found.append((MIDDLE_X, top, thick, (HEIGHT if arms & DOWN else MIDDLE_Y + 1) - top))
    return found


def _block(character: str) -> list[Rectangle]:
    code = ord(character)
    if character == "▀":
        return [(0, 0, WIDTH, HEIGHT / 2)]
    if character == "▐":
        return [(WIDTH / 2, 0, WIDTH / 2, HEIGHT)]
    if character == "▔":
        return [(0, 0, WIDTH, HEIGHT / 8)]
    if character == "▕":
        return [(WIDTH * 7 / 8, 0, WIDTH / 8, HEIGHT)]
    if 0x2581 <= code <= 0x2588:
        height = HEIGHT * (code - 0x2580) / 8
        return [(0, HEIGHT - height, WIDTH, height)]
    if 0x2589 <= code <= 0x258F:
        return [(0, 0, WIDTH * (0x2590 - code) / 8, HEIGHT)]
    quarters = QUADRANTS[character]
    half_x, half_y = WIDTH / 2, HEIGHT / 2
    places = [(0.0, 0.0), (half_x, 0.0), (0.0, half_y), (half_x, half_y)]
    return [(x, y, half_x, half_y) for bit, (x, y) in enumerate(places) if quarters >> bit & 1]


def _braille(dots: int) -> list[Rectangle]:
    step_x, step_y, size = WIDTH / 2, HEIGHT / 4, 3.0
    return [
        (step_x * (column + 0.5) - size / 2, step_y * (row + 0.5) - size / 2, size, size)
        for bit, (column, row) in enumerate(DOTS)
        if dots >> bit & 1
    ]


def corner(character: str, left: float, top: float) -> str | None:
    """A rounded corner as an SVG path to be stroked, in a cell at that place; `None` when it is none."""
    if character not in CORNERS:
        return None
    sideways, upright = CORNERS[character]
    x, y, radius = left + MIDDLE_X + 0.5, top + MIDDLE_Y + 0.5, 4.0
    to_x = radius if sideways == RIGHT else -radius
    to_y = radius if upright == DOWN else -radius
    end_x = left + (WIDTH if sideways == RIGHT else 0)
    end_y = top + (HEIGHT if upright == DOWN else 0)
    return f"M{x:g} {end_y:g}V{y + to_y:g}Q{x:g} {y:g} {x + to_x:g} {y:g}H{end_x:g}"
