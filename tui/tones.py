"""The looks of tones and grounds, worked out from the theme's variables.

Not component classes: Textual matches the whole style sheet for each of them, in each widget, whenever one is styled
anew, which a change of focus already does; thirty of them cost more than drawing the widget.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from rich.style import Style
from textual.color import Color

from tui.widgets.spans import Ground, Tone


class Look(NamedTuple):
    """How a tone is drawn."""

    variable: str = ""
    """Theme variable of its colour; empty keeps that of the line."""
    attributes: str = ""
    """Words of a Rich style, such as `bold`."""
    under: str = ""
    """Theme variable of its background; empty keeps that of the line."""


TONES: Final[Mapping[str, Look]] = {
    Tone.PLAIN: Look(),
    Tone.STRONG: Look(attributes="bold"),
    Tone.MUTED: Look("deck-muted"),
    Tone.LABEL: Look("deck-label"),
    Tone.GROUP: Look("deck-group", "bold"),
    Tone.BRANCH: Look("deck-branch"),
    Tone.RUNNING: Look("deck-running"),
    Tone.PASSED: Look("deck-passed"),
    Tone.FAILED: Look("deck-failed", "bold"),
    Tone.ERROR: Look("deck-error"),
    Tone.STALE: Look("deck-stale", "italic"),
    Tone.DIRTY: Look("deck-dirty"),
    Tone.AHEAD: Look("deck-ahead"),
    Tone.BEHIND: Look("deck-behind"),
    Tone.CONFLICT: Look("deck-conflict", "bold"),
    Tone.CPU: Look("deck-cpu"),
    Tone.MEMORY: Look("deck-memory"),
    Tone.MATCH: Look("deck-label", "bold underline", "deck-match"),
    Tone.ADDED: Look("deck-added"),
    Tone.REMOVED: Look("deck-removed"),
    Tone.HUNK: Look("deck-hunk"),
    Tone.KEYWORD: Look("deck-keyword"),
    Tone.STRING: Look("deck-string"),
    Tone.NUMBER: Look("deck-number"),
    Tone.COMMENT: Look("deck-comment", "italic"),
    Tone.NAME: Look("deck-identifier"),
}

GROUNDS: Final[Mapping[str, tuple[str, float]]] = {
    Ground.ADDED: ("deck-added", 0.12),
    Ground.REMOVED: ("deck-removed", 0.12),
    Ground.MARKED: ("deck-failed", 0.22),
    Ground.HEADER: ("foreground", 0.06),
    "hover": ("foreground", 0.07),
    "cursor-blurred": ("deck-selection", 0.55),
    "cursor": ("deck-selection", 1.0),
}
"""Theme variable and share of its colour in the background, 0 to 1."""


def tone_style(tone: str, variables: Mapping[str, str]) -> Style:
    """The Rich style of a tone, to be laid over that of its line.

    Args:
        tone: A `Tone`.
        variables: The theme's variables, by name; those named here are opaque colours (`tui.theme.token_defaults`).
    """
    look = TONES[tone]
    style = Style.parse(look.attributes) if look.attributes else Style.null()
    colour = Color.parse(variables[look.variable]).rich_color if look.variable else None
    under = Color.parse(variables[look.under]).rich_color if look.under else None
    return style + Style(color=colour, bgcolor=under)


def ground_colour(ground: str, background: Color, variables: Mapping[str, str]) -> Color:
    """The colour under a whole line.

    Args:
        ground: A key of `GROUNDS`, or `Ground.NONE`.
        background: The widget's own background, opaque.
        variables: As for `tone_style`.
    """
    if ground == Ground.NONE:
        return background
    variable, share = GROUNDS[ground]
    return background.blend(Color.parse(variables[variable]), share, alpha=1.0)
