"""The dialog that makes a session for something that exists: a branch, a pull request, somebody's fork."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events, on
from textual.app import ComposeResult
from textual.widgets import Input

from devdeck.errors import UsageError
from devdeck.live import LiveDeck
from devdeck.start import targets
from tui.screens.branches import Chosen, repository_options, repository_path, repository_value
from tui.screens.dialog import Choice, labelled
from tui.screens.making import CANCEL, Maker, Order, SetupLine
from tui.widgets.field import Field
from tui.widgets.line_view import Facts
from tui.widgets.picker import PickField, PickList
from tui.widgets.spans import Line, Span, Tone, clean

FORMS = "branch · remote/branch · user:branch · pr/7 · #7 · URL"


class Checkout(Maker):
    """Makes a session for a target and gives back its id. What it means here, the deck finds out."""

    TITLE_TEXT = "Check out"
    FIRST = "#checkout-target"
    DOING = "fetching, and making worktree and terminal"
    DEFAULT_CSS = """
    Checkout {
        & #checkout-note { margin: 0 0 1 14; }
    }
    """

    def __init__(self, deck: LiveDeck, *, target: str = "", path: str = "", label: str = "") -> None:
        """Fill it in as far as is known.

        Args:
            deck: Makes it.
            target: What is checked out.
            path: Of its repository.
            label: Of the new session; derived by the deck when empty.
        """
        super().__init__(deck)
        self._target, self._label = target, label
        self._path = path or (self.known[0][1] if self.known else "")
        self._chosen = Chosen(self, deck, self._learned)

    def body(self) -> ComposeResult:
        """The fields."""
        yield labelled("Target", PickField(self._target, placeholder="pr/7", id="checkout-target"))
        yield Facts(id="checkout-note")
        where = repository_value(self._path, self.known)
        yield labelled("Repository", PickField(where, placeholder="~/src/project", id="checkout-repository"))
        yield labelled("Label", Field(self._label, placeholder="from the target", id="checkout-label"))
        yield Facts(classes="heading")
        yield PickList()
        yield labelled("Sets up", SetupLine(), classes="after")

    def on_mount(self) -> None:
        """Look at the repository that is meant."""
        self.repository.offer(repository_options(self.known, self.home))
        self._chosen.look_at(self.path)
        self.list_for(self.target)
        self.offer(
            (
                Choice("⏎", "check out", "submit"),
                Choice("↑↓", "pick", "step(1)"),
                Choice("tab", "next field", "tab"),
                CANCEL,
            )
        )
        self._check()

    @property
    def target(self) -> PickField:
        """The field of what is checked out."""
        return self.query_one("#checkout-target", PickField)

    @property
    def repository(self) -> PickField:
        """The field of the repository."""
        return self.query_one("#checkout-repository", PickField)

    @property
    def label(self) -> str:
        """What the session shall be called; empty leaves it to the deck."""
        return self.query_one("#checkout-label", Field).value.strip()

    @property
    def path(self) -> str:
        """Path of the repository wanted; empty without one."""
        return repository_path(self.repository.value, self.known)

    def _learned(self) -> None:
        if not self.is_attached:
            return
        self.target.offer(self._chosen.options(self.home, tags=False))
        if self.list.field is self.target:
            self.list_for(self.target)
        self._tell()

    def heading_of(self, field: PickField) -> tuple[Line, str]:
        """Of branches or of repositories."""
        if field is self.target:
            empty = "" if self._chosen.problem else "…" if self._chosen.branches is None else "no branches yet"
            return self._chosen.heading(), empty
        return (Span("known repositories", Tone.MUTED),), "none known yet: type the path of one"

    def _check(self) -> bool:
        label = self.label
        why = self.deck.check_label(label) if label else ""
        asked = requested(self.target.value)
        note: Line = (Span(f"✓ {asked}", Tone.PASSED),) if asked else (Span(FORMS, Tone.MUTED),)
        self._tell()
        self.query_one("#checkout-note", Facts).put((note,))
        self.complain(clean(why, 300))
        return not why

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.id == "checkout-repository":
            self._chosen.look_at(self.path, typed=self.repository.picked < 0)
        if not self.busy:
            self._check()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show what can be picked for the field."""
        if self.is_attached:
            self.list_for(self.repository if event.widget is self.repository else self.target)

    def ready(self) -> bool:
        """Whether target and repository are there."""
        if not self.target.value.strip():
            self.complain("a target is missing", FORMS)
        elif not self.path:
            self.complain("no repository chosen", "choose one, or type the path of a folder in one")
        else:
            return self._check()
        return False

    def _tell(self) -> None:
        foreign = bool(requested(self.target.value))
        self.tell_setup(self._chosen.setup, self._chosen.setup_problem, foreign=foreign)

    def repositories_meant(self) -> Sequence[str]:
        """The one; none for what may be somebody else's code, in which nothing is set up before that is asked for."""
        return () if requested(self.target.value) else (self.path,)

    def order(self) -> Order:
        """The session as it is typed now."""
        target, path, label = self.target.value.strip(), self.path, self.label or None
        return lambda: self.deck.checkout(target, path, label)


def requested(text: str) -> str:
    """What of somebody else's a target asks for, in words; empty when it is a branch, or nothing yet."""
    try:
        wanted = targets.parse(text)
    except UsageError:
        return ""
    if isinstance(wanted, targets.Request):
        return f"{'merge' if wanted.merge else 'pull'} request {wanted.number}"
    if isinstance(wanted, targets.Fork):
        return f"branch {clean(wanted.branch, 60)} of {clean(wanted.owner, 60)}'s fork"
    return ""
