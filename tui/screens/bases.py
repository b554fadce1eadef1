"""What a new branch would start from, as it is typed: a branch, a tag, any revision, or what the list offers for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from textual.screen import Screen
from textual.timer import Timer

from devdeck.errors import DeckError
from devdeck.live import BranchChoice, LiveDeck
from tui.screens.making import Maker
from tui.widgets import rows
from tui.widgets.picker import Found, PickField
from tui.widgets.spans import Line, Span, Tone, clean, line

PATIENCE = 0.1
"""Seconds without a key after which git is asked what a text means."""
Key = tuple[tuple[str, ...], str]
"""Paths of repositories, and what is looked for in them."""
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


def meant(
    text: str, branch: BranchChoice | None, commit: str | None, found: Sequence[Found], now: float, where: str = "here"
) -> Meant:
    """What a text stands for: itself if there is such a thing, else the first option whose name it matches.

    Args:
        text: As typed; empty for HEAD.
        branch: The branch or tag of exactly that name.
        commit: What git says that it means: empty for nothing, `CANT_TELL`; `None` while it is asked.
        found: The options that match.
        now: UNIX seconds.
        where: What to call where it was looked for.
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
    problem = f"no branch, tag or commit {clean(text, 60)!r} {where}"
    return Meant("", (Span(f"✗ {problem}", Tone.FAILED),), problem=problem)


class BaseLook:
    """Asks the deck what texts mean, when no more keys come, and keeps the answers. `changed` is called for each."""

    def __init__(self, screen: Screen[Any], deck: LiveDeck, changed: Callable[[], None]) -> None:
        self._screen = screen
        self._deck = deck
        self._changed = changed
        self._known: dict[Key, str] = {}
        self._asked: Key | None = None
        self._timer: Timer | None = None

    def forget(self) -> None:
        """What there is may be something else now."""
        self._known.clear()
        self._asked = None

    def look_up(self, paths: Sequence[str], text: str) -> str | None:
        """The commit that a text means in a repository; `None` until git has told.

        Of several repositories it is that of the first, and empty as soon as it means nothing in one of them.
        """
        key = (tuple(paths), text)
        if key not in self._known and key != self._asked:
            self._asked = key
            if self._timer is not None:
                self._timer.stop()
            self._timer = self._screen.set_timer(PATIENCE, self._start)
        return self._known.get(key)

    def _start(self) -> None:
        if self._asked is not None:
            self._screen.run_worker(self._ask(self._asked), group="base", exclusive=True, exit_on_error=False)

    async def _ask(self, key: Key) -> None:
        paths, text = key
        try:
            commits = await asyncio.gather(*(self._deck.find_commit(path, text) for path in paths))
            commit = commits[0] if commits and all(commits) else "" if commits else CANT_TELL
        except DeckError:
            commit = CANT_TELL
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = commit
        self._changed()


class BranchingMaker(Maker):
    """A dialog with a field for what is branched from. It says what would be taken, before that is taken."""

    WHERE: ClassVar[str] = "here"

    def __init__(self, deck: LiveDeck) -> None:
        super().__init__(deck)
        self._looker = BaseLook(self, deck, self._looked_up)
        self._waits = False

    @property
    def base(self) -> PickField:
        """The field."""
        raise NotImplementedError

    def places(self) -> Sequence[str]:
        """Paths of the repositories that must have it."""
        raise NotImplementedError

    def choices(self) -> Sequence[BranchChoice]:
        """The branches and tags that are offered."""
        raise NotImplementedError

    def show_meant(self, note: Line) -> None:
        """Say what would be taken."""
        raise NotImplementedError

    def meant(self) -> Meant:
        """What would be branched from, as the base is typed now; looked up when only git can tell."""
        text = self.base.value.strip()
        branch = next((it for it in self.choices() if it.name == text), None)
        commit = "" if not text or branch is not None else self._looker.look_up(self.places(), text)
        return meant(text, branch, commit, self.base.found, self.deck.now(), self.WHERE)

    def tell_meant(self) -> None:
        """Say what would be taken, and mark it in the list."""
        found = self.meant()
        self.base.taking = found.row
        self.show_meant(found.note)
        if self.list.field is self.base:
            self.list_for(self.base)

    def typed_on(self) -> None:
        """What waits for git is not wanted any more."""
        self._waits = False

    def others_known(self) -> None:
        """There are other branches now: git is to be asked anew."""
        self._looker.forget()

    def _looked_up(self) -> None:
        """Git has told what the base is; who pressed enter meanwhile need not do so again."""
        if not self.is_attached:
            return
        self.tell_meant()
        if self._waits and not self.busy:
            self._waits = False
            self.submit()

    def base_ready(self) -> bool:
        """Whether there is something to branch from; else it is said why not, or waited for."""
        base = self.meant()
        if base.pending:
            self._waits = True
            self.complain("… looking for the base", tone=Tone.MUTED)
        elif base.problem:
            self.complain(base.problem, "↑↓ picks one; empty is HEAD")
        return not base.pending and not base.problem
