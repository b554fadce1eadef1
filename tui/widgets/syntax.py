"""Syntax colours as tones, by pygments, bounded in size and loaded when first used."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from tui.widgets.spans import Line, Span, Tone, clean

if TYPE_CHECKING:
    from pygments.lexer import Lexer

MAX_CHARACTERS = 200_000
"""Longer texts stay plain."""
MAX_LINE = 2_000
"""Characters of a line that are shown."""
TAB = 4
"""Columns of a tab stop."""


def printable(text: str) -> str:
    """A line of a file made safe to print, with tabs kept as columns."""
    return clean(text[: MAX_LINE * 2].expandtabs(TAB), limit=MAX_LINE)


def highlight(path: str, lines: Sequence[str]) -> tuple[Line, ...]:
    """Colour consecutive lines of a file by the lexer for its name.

    Args:
        path: Where the lines come from; only the name counts.
        lines: Text, as the file has it.

    Returns:
        As many lines as were given, safe to print. Plain when no lexer fits or the text is too long.
    """
    safe = [printable(text) for text in lines]
    lexer = _lexer(os.path.basename(path))
    if lexer is None or sum(map(len, safe)) > MAX_CHARACTERS:
        return tuple((Span(text),) if text else () for text in safe)
    found: list[list[Span]] = [[]]
    for kind, text in lexer.get_tokens("\n".join(safe)):
        tone = _tone(str(kind))
        for number, part in enumerate(text.split("\n")):
            if number:
                found.append([])
            if part:
                found[-1].append(Span(part, tone))
    found += [[] for _ in range(len(safe) - len(found))]
    return tuple(tuple(spans) for spans in found[: len(safe)])


@lru_cache(maxsize=64)
def _lexer(name: str) -> Lexer | None:
    from pygments.lexers import get_lexer_for_filename
    from pygments.util import ClassNotFound

    try:
        return get_lexer_for_filename(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


@lru_cache(maxsize=256)
def _tone(kind: str) -> Tone:
    """The tone of a pygments token type, by its name such as `Token.Literal.String.Doc`."""
    for part, tone in (
        ("Comment", Tone.COMMENT),
        ("String", Tone.STRING),
        ("Number", Tone.NUMBER),
        ("Keyword", Tone.KEYWORD),
        ("Operator.Word", Tone.KEYWORD),
        ("Name.Function", Tone.NAME),
        ("Name.Class", Tone.NAME),
        ("Name.Decorator", Tone.NAME),
        ("Name.Tag", Tone.KEYWORD),
        ("Name.Attribute", Tone.NAME),
        ("Heading", Tone.NAME),
    ):
        if f".{part}" in kind:
            return tone
    return Tone.PLAIN
