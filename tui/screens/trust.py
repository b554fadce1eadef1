"""The question whether a repository's configuration may run what it says: all of it is shown, exactly as it stands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from rich.cells import cell_len
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from devdeck.live import LiveDeck, Setup
from devdeck.text import one_line
from tui.screens.dialog import Choice, Dialog
from tui.widgets.line_view import Facts, LineView
from tui.widgets.spans import Line, Span, Tone, clean, line

Answer = Literal["trust", "without"]
LIMIT = 20_000
"""Characters of one pattern or command that are shown; more of it is no command that a person can judge."""


class TrustLines(LineView, can_focus=False):
    """What the configuration says."""

    HAS_CURSOR = False
    DEFAULT_CSS = """
    TrustLines { height: auto; max-height: 16; }
    """


class Trust(Dialog[Answer]):
    """Shows what would be done, and gives back what the user decided; `None` when nothing is to be done at all."""

    TITLE_TEXT = "Trust this configuration?"
    DEFAULT_CSS = """
    Trust {
        & #dialog { width: 92; }
        &.-short TrustLines { max-height: 9; }
    }
    """
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012  no ClassVar in the base
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "answer('trust')", "Trust", show=False),
        Binding("w", "answer('without')", "Without", show=False),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("pagedown", "scroll(8)", "Page down", show=False),
        Binding("pageup", "scroll(-8)", "Page up", show=False),
    ]

    def __init__(self, setups: Sequence[Setup], *, without: str = "make it without") -> None:
        """Show a question.

        Args:
            setups: What is not trusted yet, one a repository.
            without: Words for going on without it; empty when that means nothing.
        """
        super().__init__()
        self._setups = tuple(setups)
        self._without = without
        self._shown = False

    def body(self) -> ComposeResult:
        """Where it stands, and what it says."""
        yield Facts(id="trust-about")
        yield TrustLines(id="trust-lines")

    def on_mount(self) -> None:
        """Show it; only then keys are answers, and are offered."""
        foreign = next((setup.foreign for setup in self._setups if setup.foreign), "")
        theirs: tuple[Line, ...] = (
            (Span(f"! {clean(foreign, 60)} may be somebody else's code.", Tone.CONFLICT),),
            (Span("  Commands run what its branch says, and it can read what is copied.", Tone.DIRTY),),
            (),
        )
        self.query_one("#trust-about", Facts).put(
            (
                *(theirs if foreign else ()),
                (Span("This runs with your rights, as if you had typed it.", Tone.STRONG),),
                (Span("It is asked again when the file changes.", Tone.MUTED),),
                (),
            )
        )
        self.call_after_refresh(self._write)

    def _write(self) -> None:
        lines = self.query_one(TrustLines)
        # While it is empty it has no size; what stands above it is as wide.
        room = lines.view_width if lines.size else self.query_one("#trust-about", Facts).size.width - 2
        lines.put(tuple(it for setup in self._setups for it in setup_lines(setup, max(40, room) - 1)))
        self.call_after_refresh(self._stands)

    def _stands(self) -> None:
        self._shown = True
        choices = [Choice("t", "trust it and set up", "answer('trust')")]
        if self._without:
            choices.append(Choice("w", self._without, "answer('without')"))
        self.offer((*choices, Choice("↑↓", "scroll", "scroll(8)"), Choice("esc", "cancel", "cancel")))

    def post_message(self, message: Message) -> bool:
        """A key that was typed before the question could be read is no answer to it."""
        if isinstance(message, events.Key) and not self._shown:
            return False
        return super().post_message(message)

    def on_resize(self) -> None:
        """Break the lines for the new width."""
        self.call_after_refresh(self._write)

    def action_scroll(self, lines: int) -> None:
        """Scroll what it says."""
        self.query_one(TrustLines).scroll_relative(y=lines, animate=False)

    def action_answer(self, answer: Answer) -> None:
        """Give the answer back."""
        if answer == "trust" or self._without:
            self.dismiss(answer)


def setup_lines(setup: Setup, width: int) -> list[Line]:
    """A configuration in full: its file, the patterns and the commands, none of them cut."""
    home = os.path.expanduser("~").rstrip("/")
    file = "~" + setup.file.removeprefix(home) if setup.file.startswith(f"{home}/") else setup.file
    lines: list[Line] = _item("", file, width, Tone.BRANCH)
    for warning in setup.warnings:
        lines += _item("! ", warning, width, Tone.DIRTY)
    parts = (
        ("copies or links into the session", setup.include, False),
        ("runs, in this order", setup.commands, True),
        ("runs before the session is removed", setup.teardown, True),
    )
    for title, texts, numbered in parts:
        if texts:
            lines.append((Span(title, Tone.MUTED),))
        for number, text in enumerate(texts, 1):
            lines += _item(f"{number:>3}. " if numbered else "   · ", text, width)
    return [*lines, ()]


def _item(mark: str, text: str, width: int, plain: Tone = Tone.PLAIN) -> list[Line]:
    rows: list[list[Span]] = [[Span(mark, Tone.MUTED)]]
    room = width - cell_len(mark)
    for character, tone in _exact(text[:LIMIT], plain):
        size = cell_len(character)
        if size > room or character == "\n":
            rows.append([Span(" " * cell_len(mark), Tone.MUTED)])
            room = width - cell_len(mark)
        if character != "\n":
            last = rows[-1][-1]
            if last.tone is tone and len(rows[-1]) > 1:
                rows[-1][-1] = Span(last.text + character, tone)
            else:
                rows[-1].append(Span(character, tone))
            room -= size
    if len(text) > LIMIT:
        rows.append([Span(f"{' ' * cell_len(mark)}… and {len(text) - LIMIT} more characters", Tone.CONFLICT)])
    return [line(*row) for row in rows]


def _exact(text: str, plain: Tone) -> list[tuple[str, Tone]]:
    """Characters as they can be shown: those that a terminal would obey or hide are spelled out, in another colour."""
    found: list[tuple[str, Tone]] = []
    for character in text:
        if character == "\n" or (character.isprintable() and one_line(character) == character and cell_len(character)):
            found.append((character, plain))
        else:
            found += [(part, Tone.CONFLICT) for part in ascii(character)[1:-1]]
    return found


async def allowed(
    app: App[Any],
    deck: LiveDeck,
    paths: Sequence[str],
    session_id: str | None = None,
    *,
    without: str = "make it without",
) -> bool:
    """Ask about configurations that would do something and are not trusted; from a worker only.

    What is trusted is what was shown: a file that changes meanwhile is refused by the deck.

    Args:
        app: Shows the question.
        deck: Knows the configurations.
        paths: Repositories whose configuration counts.
        session_id: The session that it is for, when that is there.
        without: Words for going on without it; empty when that means nothing.

    Returns:
        Whether to go on.

    Raises:
        DeckError: A configuration can't be read, or it changed while it was shown.
    """
    setups = {path: await deck.setup(path, session_id) for path in dict.fromkeys(paths)}
    asked = {path: setup for path, setup in setups.items() if not setup.trusted}
    if not asked:
        return True
    answer = await app.push_screen_wait(Trust(tuple(asked.values()), without=without))
    if answer == "trust":
        for path, setup in asked.items():
            await deck.trust(path, setup.digest, session_id)
    return answer is not None
