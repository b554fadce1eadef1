"""Fuzzy matching for the filter: the letters of each word, in order, somewhere in one of the fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_SEPARATORS = frozenset("/-_. :")


class Match(NamedTuple):
    """How well a query matches, and where."""

    score: float
    """Higher is better; comparable between matches of the same query."""
    positions: tuple[frozenset[int], ...]
    """For each field, indices of the characters that matched."""


def match_word(word: str, text: str) -> tuple[float, tuple[int, ...]] | None:
    """Match one word against one text, case ignored.

    A substring is worth more than letters with gaps, and the start of a part more than the middle of one.

    Returns:
        Score and matched indices, or `None` when the letters don't occur in order.
    """
    folded, low = word.casefold(), text.lower()
    at = low.find(folded)
    if at >= 0:
        start = at == 0 or low[at - 1] in _SEPARATORS
        return 100.0 + (50.0 if start else 0.0) + len(word) / max(1, len(text)), tuple(range(at, at + len(folded)))
    positions: list[int] = []
    score, index = 0.0, 0
    for letter in folded:
        index = low.find(letter, index)
        if index < 0:
            return None
        if index == 0 or low[index - 1] in _SEPARATORS:
            score += 4.0
        elif positions and positions[-1] == index - 1:
            score += 3.0
        positions.append(index)
        index += 1
    spread = positions[-1] - positions[0] + 1
    return score + 20.0 * len(positions) / spread, tuple(positions)


def match(query: str, fields: Sequence[str]) -> Match | None:
    """Match every word of `query` against the best of `fields` for it; earlier fields win a tie.

    Returns:
        The match, or `None` when a word matches no field. An empty query matches everything with score 0.
    """
    total = 0.0
    found: list[set[int]] = [set() for _ in fields]
    for word in query.split():
        best: tuple[float, int, tuple[int, ...]] | None = None
        for number, text in enumerate(fields):
            hit = match_word(word, text)
            if hit is not None and (best is None or hit[0] > best[0]):
                best = (hit[0], number, hit[1])
        if best is None:
            return None
        total += best[0]
        found[best[1]].update(best[2])
    return Match(total, tuple(frozenset(positions) for positions in found))
