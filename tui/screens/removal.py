"""The dialog before sessions are removed: what would be done, what would be lost, and only then the question."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from devdeck.errors import DeckError
from devdeck.live import LiveDeck, RemovalPlan
from devdeck.model import Operation, Session
from tui.actions import ACTIONS
from tui.screens.dialog import Choice, Dialog
from tui.widgets.line_view import LineView
from tui.widgets.rows import counted, path_hint
from tui.widgets.spans import Line, Span, Tone, by_words, clean, line, shorten, wrapped
from tui.wording import in_keys

AT_ONCE = 4
"""Plans that are asked for at the same time."""
LONGEST_WORD = 60
"""Cells of a folder or a branch in a step."""
TALL = 30
"""Rows of a screen that has room for empty lines."""


class PlanLines(LineView):
    """The plan; keys scroll it when it is longer than the screen."""

    HAS_CURSOR = False
    DEFAULT_CSS = """
    PlanLines { height: auto; max-height: 60vh; }
    """


class RemoveSessions(Dialog[tuple[Operation, ...]]):
    """Shows the plans and gives back what was removed. Where work would be lost, removing takes two explicit steps."""

    TITLE_TEXT = "Remove session"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "remove", "Remove", show=False),
        Binding("F", "arm", "Remove anyway", show=False),
        Binding("y", "force", "Yes", show=False),
        Binding("n,q", "cancel", "No", show=False),
    ]

    def __init__(self, deck: LiveDeck, sessions: Sequence[Session]) -> None:
        super().__init__()
        self._deck = deck
        self._sessions = tuple(sessions)
        self._plans: dict[str, RemovalPlan] = {}
        self._removed: list[Operation] = []
        self._looked = False
        self._armed = False
        self._busy = False

    def body(self) -> ComposeResult:
        """The plans."""
        yield PlanLines(id="removal-plan")

    def on_mount(self) -> None:
        """Ask for the plans."""
        if len(self._sessions) > 1:
            self.query_one("#dialog").border_title = f"Remove {len(self._sessions)} sessions"
        self.query_one(PlanLines).focus()
        self._show()
        self.run_worker(self._look(), exit_on_error=False, name="removal-plan")

    async def _look(self) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(session: Session) -> RemovalPlan:
            async with gate:
                try:
                    return await self._deck.plan_removal(session.id)
                except DeckError as error:
                    why = f"{error.message}; {in_keys(error.hint)}" if error.hint else error.message
                    return RemovalPlan(session=session, steps=(), risks=(), forbidden=why)

        found = await asyncio.gather(*map(ask, self._sessions))
        self._plans = {plan.session.id: plan for plan in found}
        self._looked = True
        self._show()

    # What is said

    def _show(self) -> None:
        view = self.query_one(PlanLines)
        if not self._looked:
            names = ", ".join(clean(it.label, 60) for it in self._sessions)
            lines: list[Line] = [(Span(names, Tone.STRONG),), (), (Span("… looking at what it holds", Tone.MUTED),)]
        elif len(self._sessions) == 1:
            lines = _whole(self._plans[self._sessions[0].id])
        else:
            lines = [part for it in self._sessions for part in _short(self._plans[it.id])]
        if self._allowed:
            lines += [(), _way_back(len(self._sessions))]
        if self.app.size.height < TALL:
            lines = [it for it in lines if it]
        width = view.view_width if view.size.width else 70
        view.put(tuple(part for it in lines for part in wrapped(by_words(it), width, _hang(it))))
        self._offer()

    @property
    def _allowed(self) -> tuple[RemovalPlan, ...]:
        return tuple(plan for plan in self._plans.values() if not plan.forbidden)

    @property
    def _safe(self) -> tuple[RemovalPlan, ...]:
        return tuple(plan for plan in self._allowed if not plan.risks)

    def _offer(self) -> None:
        allowed, safe = self._allowed, self._safe
        keep = Choice("esc", "keep it" if len(self._sessions) == 1 else "keep them", "cancel")
        risky = len(safe) < len(allowed)
        if not allowed:
            self.offer((Choice("esc", "close", "cancel"),))
        elif self._armed:
            self.offer((Choice("y", f"yes, remove {_them(allowed)} with this work", "force"), keep))
        elif not risky:
            self.offer((Choice("⏎", "remove" if len(allowed) == 1 else f"remove {_them(allowed)}", "remove"), keep))
        elif safe:
            words = f"remove the {len(safe)} without risk"
            self.offer((Choice("⏎", words, "remove"), keep, Choice("F", "all anyway …", "arm")))
        else:
            self.offer((keep, Choice("F", "remove anyway …", "arm")))

    # What is done

    def action_remove(self) -> None:
        """Remove that of which nothing would be lost."""
        if self._safe:
            self._start(self._safe)
        elif self._allowed:
            self.complain("kept: work would be lost", "F removes it anyway; commit or push to keep the work")

    def action_arm(self) -> None:
        """The first of two steps."""
        if len(self._safe) < len(self._allowed) and not self._busy:
            self._armed = True
            self.complain(f"y removes {_them(self._allowed)} together with the work above")
            self._offer()

    def action_force(self) -> None:
        """The second of two steps; without risks the only one."""
        if self._armed or len(self._safe) == len(self._allowed):
            self._start(self._allowed)

    def action_cancel(self) -> None:
        """Close, unless it is under way."""
        if self._busy:
            self.complain("… still removing", tone=Tone.MUTED)
        else:
            self.dismiss(tuple(self._removed) or None)

    def _start(self, plans: Sequence[RemovalPlan]) -> None:
        if not self._busy and plans:
            self._busy = True
            self.run_worker(self._remove(plans), exit_on_error=False, name="removal")

    async def _remove(self, plans: Sequence[RemovalPlan]) -> None:
        failed: list[DeckError] = []
        try:
            for number, plan in enumerate(plans, 1):
                count = f" {number} of {len(plans)}:" if len(plans) > 1 else ""
                self.complain(f"… removing{count} {clean(plan.session.label, 80)}", tone=Tone.MUTED)
                try:
                    self._removed.append(await self._deck.remove_session(plan.session.id, bool(plan.risks)))
                except DeckError as error:
                    failed.append(error)
                else:
                    self._sessions = tuple(it for it in self._sessions if it.id != plan.session.id)
        finally:
            self._busy = False
        self._armed = False
        if failed:
            self.complain(failed[0].message, failed[0].hint)
            await self._look()
        else:
            self.dismiss(tuple(self._removed))


def _them(plans: Sequence[RemovalPlan]) -> str:
    return "it" if len(plans) == 1 else f"all {len(plans)}"


def _place(session: Session) -> Line:
    return (Span(path_hint(session.worktree, os.path.expanduser("~")), Tone.MUTED),)


def _heading(session: Session) -> Line:
    repositories = f" · {counted(len(session.members), 'repository', 'repositories')}" if session.members else ""
    return (
        Span(clean(session.label, 120), Tone.STRONG),
        Span(f"  {clean(session.repository, 80)}{repositories}", Tone.MUTED),
    )


def _hang(row: Line) -> int:
    """How far what follows of a line is indented: to where its text begins behind number or dot."""
    mark = re.match(r"\d+\. |\s+\S ", row[0].text) if row else None
    return len(mark.group()) if mark else 4


def _items(words: Sequence[str], tone: Tone) -> list[Line]:
    return [(Span("  · ", Tone.MUTED), Span(clean(it, 400), tone)) for it in words]


def _steps(plan: RemovalPlan) -> list[str]:
    """The steps, those that come several times in a row as one, folders from home and cut to a line.

    The session's own folder stands above them already.
    """
    home = os.path.expanduser("~")
    found: list[str] = []
    for words, same in groupby(plan.steps):
        count = len(tuple(same))
        own = clean(plan.session.worktree, 600)
        each = ("its folder" if word == own else path_hint(word, home) for word in clean(words, 600).split(" "))
        told = " ".join(shorten(word, LONGEST_WORD, middle=True) for word in each)
        found.append(f"{told} ({count} times)" if count > 1 else told)
    return found


def _whole(plan: RemovalPlan) -> list[Line]:
    """The plan of one session: steps, risks, notes."""
    lines: list[Line] = [_heading(plan.session), _place(plan.session), ()]
    if plan.forbidden:
        return [*lines, line(Span("✗ It can't be removed: ", Tone.FAILED), Span(clean(plan.forbidden, 400)))]
    lines += [(Span(f"{number}. {step}"),) for number, step in enumerate(_steps(plan), 1)]
    if plan.risks:
        lines += [(), (Span("! This work exists nowhere else:", Tone.CONFLICT),), *_items(plan.risks, Tone.DIRTY)]
    else:
        lines += [(), (Span("✓ Nothing would be lost.", Tone.PASSED),)]
    if plan.notes:
        lines += [(), (Span("Good to know:", Tone.MUTED),), *_items(plan.notes, Tone.PLAIN)]
    return lines


def _short(plan: RemovalPlan) -> list[Line]:
    """The plan of one among many: only what stands against it."""
    lines: list[Line] = [_heading(plan.session)]
    if plan.forbidden:
        return [*lines, (Span("  ✗ stays: ", Tone.FAILED), Span(clean(plan.forbidden, 300)))]
    if not plan.risks:
        lines.append((Span("  ✓ nothing would be lost", Tone.PASSED),))
    lines += [(Span("  ! ", Tone.CONFLICT), Span(clean(risk, 300), Tone.DIRTY)) for risk in plan.risks]
    return lines + _items(plan.notes, Tone.MUTED)


def _way_back(count: int) -> Line:
    undo, trash = ACTIONS["session.undo"].key, ACTIONS["deck.trash"].key
    back = "it" if count == 1 else "the last one"
    return line(
        Span("↺ It all goes to the trash: ", Tone.MUTED),
        Span(undo, Tone.STRONG),
        Span(f" brings {back} back, ", Tone.MUTED),
        Span(trash, Tone.STRONG),
        Span(" shows all.", Tone.MUTED),
    )
