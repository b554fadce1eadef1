"""The dialog that makes a session: label, repository, and what to branch from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from devdeck.live import BranchChoice, LiveDeck, Start
from devdeck.model import GitFacts, SessionState
from tui.screens.bases import BranchingMaker
from tui.screens.branches import Chosen, repository_options, repository_path, repository_value
from tui.screens.dialog import Choice, labelled
from tui.screens.making import CANCEL, Order, SetupLine
from tui.widgets.field import Field
from tui.widgets.line_view import Facts
from tui.widgets.marks import Marks
from tui.widgets.picker import PickField, PickList
from tui.widgets.rows import path_hint
from tui.widgets.spans import Line, Span, Tone, clean, line


class NewSession(BranchingMaker):
    """Makes a session and gives back its id."""

    TITLE_TEXT = "New session"
    FIRST = "#new-label"
    DEFAULT_CSS = """
    NewSession {
        & #new-note { margin: 0 0 1 14; }
        & #new-base-note { margin: 0 0 0 14; }
        &.-short .heading { margin-top: 0; }
        & #new-changes { height: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "changes", "Move changes", show=False, priority=True),
        Binding("ctrl+o", "checkout", "Check out instead", show=False, priority=True),
    ]

    def __init__(
        self, deck: LiveDeck, *, label: str = "", path: str = "", base: str = "", selected: SessionState | None = None
    ) -> None:
        """Fill it in as far as is known.

        Args:
            deck: Makes it.
            label: Of the new session.
            path: Of its repository.
            base: What it branches from.
            selected: The session whose uncommitted changes may be moved into the new one.
        """
        super().__init__(deck)
        self._label, self._base = label, base
        self._path = path or (self.known[0][1] if self.known else "")
        self._from = selected
        self._chosen = Chosen(self, deck, self._learned)

    def body(self) -> ComposeResult:
        """The fields."""
        yield labelled("Label", Field(self._label, placeholder="fix-login", id="new-label"))
        yield Facts(id="new-note")
        where = repository_value(self._path, self.known)
        yield labelled("Repository", PickField(where, placeholder="~/src/project", id="new-repository"))
        yield labelled("Branch from", PickField(self._base, placeholder="HEAD of the repository", id="new-base"))
        yield Facts(id="new-base-note")
        yield Facts(classes="heading")
        yield PickList()
        yield labelled("Sets up", SetupLine(), classes="after")
        yield labelled("Changes", Marks(id="new-changes"), classes="changes")

    def on_mount(self) -> None:
        """Look at the repository that is meant."""
        self.base.none = "none of these"
        self.repository.offer(repository_options(self.known, self.home))
        self._chosen.look_at(self.path)
        self.list_for(self.base)
        self._show_changes()
        self._check()

    # Parts

    @property
    def label(self) -> str:
        """What it shall be called."""
        return self.query_one("#new-label", Field).value.strip()

    @property
    def repository(self) -> PickField:
        """The field of the repository."""
        return self.query_one("#new-repository", PickField)

    @property
    def base(self) -> PickField:
        """The field of what is branched from."""
        return self.query_one("#new-base", PickField)

    @property
    def path(self) -> str:
        """Path of the repository wanted; empty without one."""
        return repository_path(self.repository.value, self.known)

    @property
    def changes(self) -> Marks:
        """The box for moving uncommitted changes."""
        return self.query_one("#new-changes", Marks)

    # What is known

    def _learned(self) -> None:
        if not self.is_attached:
            return
        self.others_known()
        self.base.offer(self._chosen.options(self.home))
        if self.list.field is self.base:
            self.list_for(self.base)
        self.tell_setup(self._chosen.setup, self._chosen.setup_problem)
        if not self.busy:
            self._check()

    def heading_of(self, field: PickField) -> tuple[Line, str]:
        """Of branches or of repositories."""
        if field is self.base:
            empty = "" if self._chosen.problem else "…" if self._chosen.branches is None else "no branches yet"
            return self._chosen.heading(), empty
        return (Span("known repositories", Tone.MUTED),), "none known yet: type the path of one"

    def _show_changes(self) -> None:
        state = self._from
        git = state.git.value if state is not None else None
        fits = state is not None and state.session.repository_path == self.path and not state.session.members
        shown = bool(fits and git is not None and git.dirty)
        if shown != bool(self.changes.line_count()):
            words = line(
                Span("move those of ", Tone.MUTED),
                Span(clean(state.session.label, 60) if state is not None else "", Tone.LABEL),
                Span(f" here · {_count(git)}" if git is not None else "", Tone.MUTED),
            )
            self.changes.offer((words,) if shown else (), ())
        self.query_one(".changes").display = shown
        more = [Choice("^t", "move changes", "changes")] if shown else []
        more += [Choice("^o", "check out", "checkout")] if self._existing() is not None else []
        tab = [Choice("tab", "next field", "tab")] if len(more) < 2 else []  # there is room for five
        self.offer((Choice("⏎", "create", "submit"), Choice("↑↓", "pick", "step(1)"), *tab, *more, CANCEL))

    def _existing(self) -> BranchChoice | None:
        """The branch that is there already and is meant, by the label or else by what is branched from."""
        if found := self._chosen.branch(self.label):
            return found
        base = self._chosen.branch(self.base.value.strip())
        return base if base is not None and not self.label else None

    def _check(self) -> bool:
        label = self.label
        why = self.deck.check_label(label) if label else ""
        self.query_one("#new-note", Facts).put((self._note(label, why),))
        self.tell_meant()
        self._show_changes()
        if not label or why:
            return False
        if not self.path:
            self.complain("no repository chosen", "choose one, or type the path of a folder in one")
            return False
        self.complain("")
        return True

    def _note(self, label: str, why: str) -> Line:
        if not label:
            return (Span("names the branch, the worktree and the terminal", Tone.MUTED),)
        if why:
            return (Span(f"✗ {clean(why, 300)}", Tone.FAILED),)
        found = self._chosen.branch(label)
        if found is None:
            return (Span(f"✓ branch {clean(label, 120)}", Tone.PASSED),)
        name = clean(found.name, 80)
        if found.worktree is not None:
            return (Span(f"! {name} is checked out in {path_hint(found.worktree, self.home)}", Tone.CONFLICT),)
        unused = "the base is not used" if self.base.value.strip() else "no new branch is made"
        return (Span(f"! {name} exists: {unused}", Tone.DIRTY),)

    def places(self) -> Sequence[str]:
        """The repository."""
        return (self.path,) if self.path else ()

    def choices(self) -> Sequence[BranchChoice]:
        """Its branches and tags."""
        return self._chosen.branches or ()

    def show_meant(self, note: Line) -> None:
        """Below the field."""
        self.query_one("#new-base-note", Facts).put((note,))

    # What the user does

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.typed_on()
        if event.input.id == "new-repository":
            self._chosen.look_at(self.path, typed=self.repository.picked < 0)
        if not self.busy:
            self._check()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show what can be picked for the field."""
        if self.is_attached:
            self.list_for(self.repository if event.widget is self.repository else self.base)

    def action_changes(self) -> None:
        """Move the uncommitted changes too, or leave them."""
        self.changes.toggle(0)

    def action_checkout(self) -> None:
        """Work on the branch that is there, instead of making one."""
        found = self._existing()
        if found is None or self.busy:
            return
        from tui.screens.checkout import Checkout

        self.hand_over(Checkout(self.deck, target=found.name, path=self.path))

    # Making

    def ready(self) -> bool:
        """Whether label and repository are there."""
        if not self.label:
            self.complain("a label is missing", "it names the branch, the worktree and the terminal")
            return False
        return self._check() and self.base_ready()

    def repositories_meant(self) -> Sequence[str]:
        """The one."""
        return (self.path,)

    def order(self) -> Order:
        """The session as it is typed now."""
        moving = bool(self.changes.marked) and self._from is not None
        label, base = self.label, self.meant().value or None
        path = self._from.session.worktree if moving and self._from is not None else self.path

        wanted = Start(label=label, path=path, base=base, with_changes=moving)
        return lambda: self.deck.start_session(wanted)


def _count(git: GitFacts) -> str:
    count = git.staged + git.unstaged + git.untracked + git.conflicts
    return f"{count} file{'' if count == 1 else 's'}"
