"""The dialog before a session is removed: what would be done, what would be lost, and only then the question."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from devdeck.errors import DeckError
from devdeck.live import LiveDeck, RemovalPlan
from devdeck.model import Operation, Session
from tui.screens.dialog import Choice, Dialog
from tui.widgets.line_view import Facts
from tui.widgets.spans import Line, Span, Tone, clean

_CANCEL = Choice("esc", "keep it", "cancel")


class RemoveSession(Dialog[Operation]):
    """Shows the plan. Where work would be lost, removing takes two explicit steps."""

    TITLE_TEXT = "Remove session"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "remove", "Remove", show=False),
        Binding("F", "arm", "Remove anyway", show=False),
        Binding("y", "force", "Yes", show=False),
        Binding("n,q", "cancel", "No", show=False),
    ]

    def __init__(self, deck: LiveDeck, session: Session) -> None:
        super().__init__()
        self._deck = deck
        self._session = session
        self._plan: RemovalPlan | None = None
        self._armed = False
        self._busy = False

    def body(self) -> ComposeResult:
        """The plan."""
        yield Facts(id="removal-plan")

    def on_mount(self) -> None:
        """Ask for the plan."""
        self._show()
        self.offer((_CANCEL,))
        self.run_worker(self._look(), exit_on_error=False, name="removal-plan")

    async def _look(self) -> None:
        try:
            self._plan = await self._deck.plan_removal(self._session.id)
        except DeckError as error:
            self.complain(error.message, error.hint)
            return
        self._show()

    def _show(self) -> None:
        plan = self._plan
        lines: list[Line] = [(Span(clean(self._session.label, 120), Tone.STRONG),)]
        lines.append((Span(clean(self._session.worktree, 200), Tone.MUTED),))
        lines.append(())
        if plan is None:
            lines.append((Span("… looking at what it holds", Tone.MUTED),))
        else:
            lines += [(Span(f"{number}. {clean(step, 200)}"),) for number, step in enumerate(plan.steps, 1)]
            lines += self._risks(plan)
            self._offer(plan)
        self.query_one("#removal-plan", Facts).put(tuple(lines))

    def _risks(self, plan: RemovalPlan) -> list[Line]:
        if not plan.risks:
            return [(), (Span("✓ Nothing would be lost.", Tone.PASSED),)]
        lines: list[Line] = [(), (Span("! This work exists nowhere else:", Tone.CONFLICT),)]
        return lines + [(Span(f"  · {clean(risk, 200)}", Tone.DIRTY),) for risk in plan.risks]

    def _offer(self, plan: RemovalPlan) -> None:
        if not plan.risks:
            self.offer((Choice("⏎", "remove", "remove"), _CANCEL))
        elif self._armed:
            self.offer((Choice("y", "yes, remove it with this work", "force"), _CANCEL))
        else:
            self.offer((_CANCEL, Choice("F", "remove anyway …", "arm")))

    def action_remove(self) -> None:
        """Remove, when nothing would be lost."""
        if self._plan is None:
            return
        if self._plan.risks:
            self.complain("kept: work would be lost", "F removes it anyway; commit or push to keep the work")
            return
        self._start(force=False)

    def action_arm(self) -> None:
        """The first of two steps."""
        if self._plan is not None and self._plan.risks:
            self._armed = True
            self.complain("y removes it together with the work above", "esc keeps it")
            self._offer(self._plan)

    def action_force(self) -> None:
        """The second of two steps; without risks the only one."""
        if self._plan is None:
            return
        if not self._plan.risks:
            self._start(force=False)
        elif self._armed:
            self._start(force=True)

    def _start(self, *, force: bool) -> None:
        if not self._busy:
            self._busy = True
            self.complain("… removing", tone=Tone.MUTED)
            self.run_worker(self._remove(force), exit_on_error=False, name="removal")

    async def _remove(self, force: bool) -> None:
        try:
            operation = await self._deck.remove_session(self._session.id, force)
        except DeckError as error:
            self.complain(error.message, error.hint)
            self._armed = False
            await self._look()
            return
        finally:
            self._busy = False
        self.dismiss(operation)
