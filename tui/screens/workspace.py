"""The dialog that makes a session over several repositories of one folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import PurePath

from textual import events, on
from textual.app import ComposeResult
from textual.widgets import Input

from devdeck.errors import DeckError
from devdeck.live import BranchChoice, LiveDeck
from tui.screens.bases import BranchingMaker
from tui.screens.branches import branch_option
from tui.screens.dialog import Choice, labelled
from tui.screens.making import CANCEL, Order
from tui.widgets.field import Field
from tui.widgets.line_view import Facts
from tui.widgets.marks import Marks
from tui.widgets.picker import Option, PickField, PickList
from tui.widgets.rows import path_hint
from tui.widgets.spans import Line, Span, Tone, clean, fit, line

ASKED = 8
"""Repositories whose branches are compared; with more, what the first ones have in common is offered."""


class NewWorkspace(BranchingMaker):
    """Makes a workspace and gives back its id."""

    TITLE_TEXT = "New workspace"
    FIRST = "#workspace-label"
    DOING = "making a branch and a worktree in each repository"
    WHERE = "in each of them"
    DEFAULT_CSS = """
    NewWorkspace {
        & #workspace-note { margin: 0 0 1 14; }
        & PickList { height: 6; }
        &.-short Marks { max-height: 4; }
        &.-short PickList { height: 3; }
    }
    """

    def __init__(
        self,
        deck: LiveDeck,
        *,
        label: str = "",
        folder: str = "",
        repositories: Sequence[str] = (),
        base: str = "",
    ) -> None:
        """Fill it in as far as is known.

        Args:
            deck: Makes it.
            label: Of the new workspace.
            folder: Where its repositories lie; empty takes the one that holds most of those known.
            repositories: Names or paths of those that are wanted; empty marks all that are known in the folder.
            base: What is branched from.
        """
        super().__init__(deck)
        self._label, self._base = label, base
        self._wanted = tuple(repositories)
        self._folders = folders(self.known)
        self._folder = folder or (self._folders[0][0] if self._folders else "")
        self._shown_folder = ""
        self._here: tuple[tuple[str, str], ...] = ()
        self._common: tuple[BranchChoice, ...] | None = ()
        self._base_note: Line = ()

    def body(self) -> ComposeResult:
        """The fields."""
        yield labelled("Label", Field(self._label, placeholder="fix-login", id="workspace-label"))
        yield Facts(id="workspace-note")
        where = path_hint(self._folder, self.home) if self._folder else ""
        yield labelled("Folder", PickField(where, placeholder="~/src", id="workspace-folder"))
        yield labelled("Repositories", Marks(empty="every one that lies directly in it", id="workspace-marks"))
        yield labelled("Others", Field("", placeholder="names or paths, with commas between", id="workspace-others"))
        yield labelled("Branch from", PickField(self._base, placeholder="HEAD of each", id="workspace-base"))
        yield Facts(classes="heading")
        yield PickList()

    def on_mount(self) -> None:
        """Look into the folder."""
        self.base.none = "none of these"
        self.folder_field.offer(
            [
                Option(hint, hint, "", f"{count} known repositor{'y' if count == 1 else 'ies'}")
                for hint, count in ((path_hint(path, self.home), count) for path, count in self._folders)
            ]
        )
        self._look()
        unknown = [name for name in self._wanted if name not in {os.path.basename(path) for _, path in self._here}]
        self.query_one("#workspace-others", Field).value = ", ".join(unknown)
        self.list_for(self.base)
        self.offer(
            (
                Choice("⏎", "create", "submit"),
                Choice("tab", "next field", "tab"),
                Choice("space", "mark", "mark"),
                Choice("↑↓", "pick", "step(1)"),
                CANCEL,
            )
        )
        self._check()

    # Parts

    @property
    def label(self) -> str:
        """What it shall be called."""
        return self.query_one("#workspace-label", Field).value.strip()

    @property
    def folder_field(self) -> PickField:
        """The field of the folder."""
        return self.query_one("#workspace-folder", PickField)

    @property
    def folder(self) -> str:
        """The folder, absolute; empty without one."""
        typed = self.folder_field.value.strip()
        return os.path.abspath(os.path.expanduser(typed)) if typed else ""

    @property
    def base(self) -> PickField:
        """The field of what is branched from."""
        return self.query_one("#workspace-base", PickField)

    @property
    def marks(self) -> Marks:
        """The repositories."""
        return self.query_one(Marks)

    @property
    def marked_paths(self) -> tuple[str, ...]:
        """Paths of the known repositories that are marked."""
        return tuple(self._here[row][1] for row in self.marks.marked)

    @property
    def others(self) -> tuple[str, ...]:
        """What was typed beside them."""
        typed = self.query_one("#workspace-others", Field).value
        return tuple(text.strip() for text in typed.split(",") if text.strip())

    # What is known

    def _look(self) -> None:
        """Show the known repositories of the folder, all of them marked."""
        if self.folder == self._shown_folder:
            return
        self._shown_folder = self.folder
        self._here = tuple((name, path) for name, path in self.known if os.path.dirname(path) == self.folder)
        texts = [
            line(fit((Span(clean(name, 80), Tone.LABEL),), 24), "  ", Span(path_hint(path, self.home), Tone.MUTED))
            for name, path in self._here
        ]
        names = [os.path.basename(path) for _, path in self._here]
        wanted = [row for row, name in enumerate(names) if not self._wanted or name in self._wanted]
        self.marks.offer(texts, wanted)
        self._compare()

    def _compare(self) -> None:
        self._common = None
        self._show_common()
        self.run_worker(self._read(self.marked_paths), group="branches", exclusive=True, exit_on_error=False)

    async def _read(self, paths: Sequence[str]) -> None:
        try:
            found = await asyncio.gather(*(self.deck.branches(path) for path in paths[:ASKED]))
        except DeckError:
            found = []
        names = [{it.name for it in branches if it.kind != "tag"} for branches in found]
        self._common = tuple(it for it in found[0] if all(it.name in each for each in names)) if found else ()
        self._show_common()

    def places(self) -> Sequence[str]:
        """The known repositories that are marked, as far as their branches are compared."""
        return self.marked_paths[:ASKED]

    def choices(self) -> Sequence[BranchChoice]:
        """The branches that all of them have."""
        return self._common or ()

    def show_meant(self, note: Line) -> None:
        """Above the list, in place of its heading: rows are few here."""
        self._base_note = note

    def _show_common(self) -> None:
        now = self.deck.now()
        self.others_known()
        self.base.offer([branch_option(it, now, "") for it in self._common or ()])
        self.tell_meant()

    def heading_of(self, field: PickField) -> tuple[Line, str]:
        """Of folders or of branches."""
        if field is self.folder_field:
            return (Span("folders with known repositories", Tone.MUTED),), "none known yet: type the path of one"
        empty = "…" if self._common is None else "none: each starts from its own HEAD, or from the ref that is typed"
        return self._base_note or (Span("branches that all of them have", Tone.MUTED),), empty

    def _check(self) -> bool:
        label = self.label
        why = self.deck.check_label(label) if label else ""
        if why:
            note: Line = (Span(f"✗ {clean(why, 300)}", Tone.FAILED),)
        elif label:
            count = len(self.marked_paths) + len(self.others)
            many = "each repository" if not self._here and not self.others else f"{count} repositories"
            note = (Span(f"✓ branch {clean(label, 80)} in {'1 repository' if count == 1 else many}", Tone.PASSED),)
        else:
            note = (Span("names the branch in each repository, and the terminal", Tone.MUTED),)
        self.query_one("#workspace-note", Facts).put((note,))
        self.tell_meant()
        self.complain("")
        return bool(label) and not why

    # What the user does

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.typed_on()
        if event.input.id == "workspace-folder":
            self._look()
        if not self.busy:
            self._check()

    @on(Marks.Changed)
    def _marked(self, event: Marks.Changed) -> None:
        event.stop()
        self._compare()
        if not self.busy:
            self._check()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show what can be picked for the field."""
        if self.is_attached:
            self.list_for(self.folder_field if event.widget is self.folder_field else self.base)

    def action_mark(self) -> None:
        """To the repositories; there, mark one or take its mark away."""
        if self.marks.has_focus:
            self.marks.action_mark()
        else:
            self.set_focus(self.marks)

    # Making

    def ready(self) -> bool:
        """Whether label, folder and a repository are there."""
        if not self.label:
            self.complain("a label is missing", "it names the branch in each repository, and the terminal")
        elif not self.folder:
            self.complain("a folder is missing", "it is where the repositories lie")
        elif self._here and not self.marked_paths and not self.others:
            self.complain("no repository is marked", "space marks one; others can be typed")
        else:
            return self._check() and self.base_ready()
        return False

    def repositories_meant(self) -> Sequence[str]:
        """Those marked, and those typed."""
        return (*self.marked_paths, *(os.path.join(self.folder, os.path.expanduser(name)) for name in self.others))

    def order(self) -> Order:
        """The workspace as it is typed now."""
        label, folder, base = self.label, self.folder, self.meant().value or None
        repositories = (*(os.path.basename(path) for path in self.marked_paths), *self.others)
        return lambda: self.deck.start_workspace(label, folder, repositories, base)


def folders(known: Sequence[tuple[str, str]]) -> tuple[tuple[str, int], ...]:
    """Folders that hold known repositories and how many each, the one with most first."""
    counts: dict[str, int] = {}
    for _, path in known:
        parent = str(PurePath(path).parent)
        counts[parent] = counts.get(parent, 0) + 1
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
