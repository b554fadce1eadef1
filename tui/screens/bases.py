"""What a new branch would start from, as it is typed: a branch, a tag, any revision, or what the list offers for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from textual.screen import Screen
from textual.timer import Timer

from devdeck.errors import DeckError
from devdeck.live import BranchChoice, LiveDeck
from tui.widgets import rows
from tui.widgets.picker import Found
from tui.widgets.spans import Line, Span, Tone, clean, line

PATIENCE = 0.1
"""Seconds without a key after which git is asked what a text means."""
MOST = 64
"""Answers that are kept."""
CANT_TELL = "?"
"""In place of a commit, when git could not be asked: then the text is taken as it is."""
_KINDS = {"local": "branch", "remote": "remote branch", "tag": "tag"}


class Meant(NamedTuple):
    """What a text stands for."""

    value: str
    """What to branch from; empty for HEAD."""
    note: Line
    row: int = -1
    """Of the option that is taken for the text; -1 when the text is itself something."""
    pending: bool = False
    """Whether git is still asked."""
    problem: str = ""
    """Why there is nothing to branch from."""


def meant(text: str, branch: BranchChoice | None, commit: str | None, found: Sequence[Found], now: float) -> Meant:
    """What a text stands for: itself if there is such a thing, else the first option whose name it matches.

    Args:
        text: As typed; empty for HEAD.
        branch: The branch or tag of exactly that name.
        commit: What git says that it means: empty for nothing, `CANT_TELL`; `None` while it is asked.
        found: The options that match.
        now: UNIX seconds.
    """
    if not text:
        return Meant("", ())
    if branch is not None:
        return Meant(
            text, (Span(f"✓ {_KINDS.get(branch.kind, branch.kind)}, {rows.ago(now - branch.at)}", Tone.PASSED),)
        )
    if commit is None:
        return Meant(text, (Span("… looking for it", Tone.MUTED),), pending=True)
    if commit == CANT_TELL:
        return Meant(text, (Span("taken as it is", Tone.MUTED),))
    if commit:
        return Meant(text, (Span(f"✓ commit {commit[:10]}", Tone.PASSED),))
    row = next((row for row, it in enumerate(found) if it.name), -1)
    if row >= 0:
        name = clean(found[row].option.name, 80)
        rest = " · ↑↓ picks another" if len(found) > 1 else ""
        return Meant(found[row].option.value, line(Span(f"→ takes {name}", Tone.DIRTY), Span(rest, Tone.MUTED)), row)
    problem = f"no branch, tag or commit {clean(text, 60)!r} here"
    return Meant("", (Span(f"✗ {problem}", Tone.FAILED),), problem=problem)


class BaseLook:
    """Asks the deck what texts mean, when no more keys come, and keeps the answers. `changed` is called for each."""

    def __init__(self, screen: Screen[Any], deck: LiveDeck, changed: Callable[[], None]) -> None:
        self._screen = screen
        self._deck = deck
        self._changed = changed
        self._known: dict[tuple[str, str], str] = {}
        self._asked: tuple[str, str] | None = None
        self._timer: Timer | None = None

    def forget(self) -> None:
        """What there is may be something else now."""
        self._known.clear()
        self._asked = None

    def look_up(self, path: str, text: str) -> str | None:
        """The commit that a text means in the repository at `path`, empty for none; `None` until git has told."""
        key = (path, text)
        if key not in self._known and key != self._asked:
            self._asked = key
            if self._timer is not None:
                self._timer.stop()
            self._timer = self._screen.set_timer(PATIENCE, self._start)
        return self._known.get(key)

    def _start(self) -> None:
        if self._asked is not None:
            self._screen.run_worker(self._ask(self._asked), group="base", exclusive=True, exit_on_error=False)

    async def _ask(self, key: tuple[str, str]) -> None:
        try:
            commit = await self._deck.find_commit(*key)
        except DeckError:
            commit = CANT_TELL
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = commit
        self._changed()
