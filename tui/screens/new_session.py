"""The dialog that makes a session: label, repository, and what to branch from."""

from __future__ import annotations

import os
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Input, Label

from devdeck.errors import DeckError
from devdeck.live import LiveDeck, Start
from tui.screens.dialog import Choice, Dialog
from tui.widgets.line_view import LineView
from tui.widgets.rows import path_hint
from tui.widgets.spans import Line, Span, Tone, clean, fit, line, shorten


class Repositories(LineView):
    """Known repositories, one a row."""

    DEFAULT_CSS = """
    Repositories { height: auto; max-height: 7; min-height: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "Create", show=False)]

    class Submitted(Message):
        """Enter."""

    def __init__(self, known: tuple[tuple[str, str], ...], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._known = known
        self._home = os.path.expanduser("~")

    def line_count(self) -> int:
        """One a repository."""
        return len(self._known) or 1

    def can_stop_at(self, row: int) -> bool:
        """Any repository."""
        return row < len(self._known)

    def line_at(self, row: int, width: int) -> Line:
        """Name and path."""
        if not self._known:
            return (Span("none known yet: give a path below", Tone.MUTED),)
        name, path = self._known[row]
        mark = Span("● " if row == self.cursor else "○ ", Tone.RUNNING if row == self.cursor else Tone.MUTED)
        room = max(8, width - 26)
        hint = shorten(path_hint(path, self._home), room, middle=True)
        return line(mark, fit((Span(clean(name, 80), Tone.LABEL),), 22), "  ", Span(hint, Tone.MUTED))

    @property
    def chosen(self) -> str:
        """Path of the repository under the cursor; empty without one."""
        return self._known[self.cursor][1] if 0 <= self.cursor < len(self._known) else ""

    def action_submit(self) -> None:
        """Ask to create."""
        self.post_message(self.Submitted())


class NewSession(Dialog[str]):
    """Makes a session and gives back its id; what was typed stays when it can't be made."""

    TITLE_TEXT = "New session"
    DEFAULT_CSS = """
    NewSession {
        & Label { color: $deck-muted; }
        & #new-repositories { margin-bottom: 1; }
        & #new-label { margin-bottom: 1; }
        & #new-path { margin-bottom: 1; }
    }
    """

    def __init__(self, deck: LiveDeck, *, label: str = "", path: str = "", base: str = "") -> None:
        super().__init__()
        self._deck = deck
        self._label, self._path, self._base = label, path, base
        self._known = deck.repositories()
        self._busy = False

    def body(self) -> ComposeResult:
        """The fields."""
        listed = any(path == self._path for _, path in self._known)
        yield Label("Label, also the name of its branch", markup=False)
        yield Input(self._label, placeholder="fix-login", id="new-label", select_on_focus=False)
        yield Label("Repository", markup=False)
        with Container(id="new-where"):
            yield Repositories(self._known, id="new-repositories")
        yield Label("or the path of another one", markup=False)
        yield Input(
            "" if listed else self._path,
            placeholder="~/src/project",
            id="new-path",
            select_on_focus=False,
        )
        yield Label("Branch from (optional)", markup=False)
        yield Input(self._base, placeholder="the repository's default branch", id="new-base", select_on_focus=False)

    def on_mount(self) -> None:
        """Put the cursor on the repository that was meant."""
        self.query_one("#new-where", Container).styles.height = "auto"
        rows = self.query_one(Repositories)
        rows.lines_changed()
        rows.can_focus = bool(self._known)
        if self._known:
            paths = [path for _, path in self._known]
            rows.cursor = paths.index(self._path) if self._path in paths else 0
        self.offer((Choice("⏎", "create", "create"), Choice("tab", "next field", "app.focus_next"), _CANCEL))
        self._check()

    @property
    def path(self) -> str:
        """The repository wanted: the path typed, else the one chosen."""
        typed = self.query_one("#new-path", Input).value.strip()
        return os.path.abspath(os.path.expanduser(typed)) if typed else self.query_one(Repositories).chosen

    def _check(self) -> bool:
        label = self.query_one("#new-label", Input).value.strip()
        if not label:
            self.complain("a label names the branch, the worktree and the terminal", tone=Tone.MUTED)
            return False
        why = self._deck.check_label(label)
        if why:
            self.complain(why)
        else:
            self.complain(f"✓ branch {label}", tone=Tone.PASSED)
        return not why

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what can't be used."""
        event.stop()
        if event.input.id == "new-label" and self.query("#dialog-error"):
            self._check()

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Create."""
        event.stop()
        self.action_create()

    def on_repositories_submitted(self, event: Repositories.Submitted) -> None:
        """Create."""
        event.stop()
        self.action_create()

    def action_create(self) -> None:
        """Make the session, unless something is missing."""
        if self._busy or not self._check():
            return
        if not self.path:
            self.complain("no repository chosen", "choose one, or give the path of a folder in one")
            return
        self._busy = True
        self.complain("… making branch, worktree and terminal", tone=Tone.MUTED)
        self.run_worker(self._create(), exit_on_error=False, name="new-session")

    async def _create(self) -> None:
        label = self.query_one("#new-label", Input).value.strip()
        base = self.query_one("#new-base", Input).value.strip() or None
        try:
            made = await self._deck.start_session(Start(label=label, path=self.path, base=base))
        except DeckError as error:
            self.complain(error.message, error.hint)
            return
        finally:
            self._busy = False
        self.dismiss(made.id)


_CANCEL = Choice("esc", "cancel", "cancel")
