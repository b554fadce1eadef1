"""What dialogs know of the repository that is chosen in them: its branches, and what would be set up in a session."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textual.screen import Screen
from textual.timer import Timer

from devdeck.errors import DeckError
from devdeck.live import BranchChoice, LiveDeck, Setup
from tui.widgets import rows
from tui.widgets.picker import Option
from tui.widgets.spans import Line, Span, Tone, clean, line

PATIENCE = 0.3
"""Seconds without a key after which a path that is typed is looked at."""
TONES = {"local": Tone.LABEL, "remote": Tone.BRANCH, "tag": Tone.GROUP}


class Chosen:
    """Asks for branches and setup of the repository chosen, and for news of its remotes. Nothing waits for it.

    Attributes:
        path: The repository's path; empty when none is chosen.
        branches: What is known of its branches; `None` while they are being read.
        setup: What its configuration would do; `None` while unknown.
        note: What else is to be said of the branches: `fetching`, `offline`.
        problem: Why the branches can't be read.
        setup_problem: Why the configuration can't be read.
    """

    def __init__(self, screen: Screen[Any], deck: LiveDeck, changed: Callable[[], None]) -> None:
        self._screen = screen
        self._deck = deck
        self._changed = changed
        self._timer: Timer | None = None
        self._fetched: set[str] = set()
        self.path = ""
        self.forget()

    def forget(self) -> None:
        """Know nothing yet."""
        self.branches: tuple[BranchChoice, ...] | None = None
        self.setup: Setup | None = None
        self.note = self.problem = self.setup_problem = ""

    def look_at(self, path: str, *, typed: bool = False) -> None:
        """Take another repository.

        Args:
            path: Any folder in it; empty for none.
            typed: Whether the path is being typed, so that it is looked at only when no more keys come.
        """
        if path == self.path:
            return
        self.path = path
        self.forget()
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if typed:
            self._timer = self._screen.set_timer(PATIENCE, self._start)
        else:
            self._start()
        self._changed()

    def _start(self) -> None:
        if self.path:
            self._screen.run_worker(self._read(self.path), group="chosen", exclusive=True, exit_on_error=False)

    async def _read(self, path: str) -> None:
        try:
            self.branches = await self._deck.branches(path)
        except DeckError as error:
            self.problem = error.message
            self._changed()
            return
        self._changed()
        try:
            self.setup = await self._deck.setup(path)
        except DeckError as error:
            self.setup_problem = error.message
        self._changed()
        await self._news(path)

    async def _news(self, path: str) -> None:
        if path in self._fetched:
            return
        self.note = "… fetching"
        self._changed()
        try:
            await self._deck.fetch(path)
            self._fetched.add(path)
            self.branches = await self._deck.branches(path)
            self.note = ""
        except DeckError:
            self.note = "offline: as last fetched"
        self._changed()

    def branch(self, name: str) -> BranchChoice | None:
        """The branch of a name, a local one first; a remote one is also found without its remote's name."""
        if not name:
            return None
        found = [it for it in self.branches or () if it.kind != "tag"]
        local = next((it for it in found if it.name == name), None)
        return local or next((it for it in found if it.kind == "remote" and it.name.partition("/")[2] == name), None)

    def heading(self) -> Line:
        """What the list of branches says above itself."""
        if not self.path:
            return (Span("branches", Tone.MUTED), Span(" · choose a repository first", Tone.MUTED))
        count = len(self.branches) if self.branches is not None else 0
        name = clean(os.path.basename(self.path) or self.path, 40)
        spans = [Span("branches of ", Tone.MUTED), Span(name, Tone.GROUP)]
        if self.problem:
            return line(spans, Span(f" · ✗ {clean(self.problem, 200)}", Tone.DIRTY))
        if self.branches is None:
            return line(spans, Span(" …", Tone.MUTED))
        return line(spans, Span(f" · {count}", Tone.MUTED), Span(f" · {self.note}" if self.note else "", Tone.MUTED))

    def options(self, home: str, *, tags: bool = True) -> tuple[Option, ...]:
        """The branches as they are picked, the newest first."""
        now = self._deck.now()
        sessions = {state.session.worktree: state.session.label for state in self._deck.state.sessions.values()}
        return tuple(
            branch_option(it, now, _note(it, home, sessions)) for it in self.branches or () if tags or it.kind != "tag"
        )


def branch_option(branch: BranchChoice, now: float, note: str) -> Option:
    """A branch as it is picked: its name, its age and what it was last about."""
    return Option(
        branch.name,
        clean(branch.name, 120),
        rows.age(now - branch.at),
        clean(branch.subject, 200),
        note,
        TONES.get(branch.kind, Tone.LABEL),
    )


def _note(branch: BranchChoice, home: str, sessions: Mapping[str, str]) -> str:
    """Where it is checked out: the session's label, else the folder."""
    if branch.worktree is not None:
        label = sessions.get(branch.worktree)
        return f"in session {clean(label, 60)}" if label else f"in {rows.path_hint(branch.worktree, home)}"
    return "" if branch.kind == "local" else branch.kind


def repository_options(known: Sequence[tuple[str, str]], home: str) -> tuple[Option, ...]:
    """Known repositories as they are picked: by name, or by path where two have one name."""
    names = [name for name, _ in known]
    return tuple(
        Option(name if names.count(name) == 1 else path, clean(name, 80), "", rows.path_hint(path, home))
        for name, path in known
    )


def repository_path(typed: str, known: Sequence[tuple[str, str]]) -> str:
    """The path that was meant: of a known repository by its name, else the path typed, made absolute."""
    text = typed.strip()
    if not text:
        return ""
    named = [path for name, path in known if name == text]
    return named[0] if len(named) == 1 else os.path.abspath(os.path.expanduser(text))


def repository_value(path: str, known: Sequence[tuple[str, str]]) -> str:
    """What a field holds for a repository: its name where that is enough, else its path."""
    names = [name for name, _ in known]
    return next((name for name, at in known if at == path and names.count(name) == 1), path)


def setup_words(setup: Setup, width: int) -> Line:
    """What would be set up, in one line: patterns, commands, and whether they are trusted."""
    parts = [clean(text, 60) for text in (*setup.include, *setup.commands)]
    if not parts:
        name = os.path.basename(setup.file)
        why = f"{clean(name, 40)} names nothing" if name else "the repository has no .devdeck.toml"
        return (Span(f"nothing: {why}", Tone.MUTED),)
    trust = Span(" · trusted", Tone.PASSED) if setup.trusted else Span(" · not trusted", Tone.DIRTY)
    words = ", ".join(parts)
    if len(words) > max(12, width - len(trust.text)):
        counts = (_many(len(setup.include), "file pattern"), _many(len(setup.commands), "command"))
        words = ", ".join(text for text in counts if text)
    return line(Span(words), trust)


def _many(count: int, noun: str) -> str:
    return rows.counted(count, noun) if count else ""
