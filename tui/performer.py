"""What each action of the registry does: one table from ids to deeds, for keys, clicks, palette and commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from textual.app import App

from devdeck.live import LiveDeck
from devdeck.model import Job, JobKind, SessionState
from tui.actions import ACTIONS, Context
from tui.command_line import Command
from tui.dialogs import Dialogs
from tui.intents import Intents
from tui.keeping import Keeping
from tui.screens.detail import TABS, DetailPane
from tui.widgets.session_list import SessionList
from tui.widgets.session_order import SORTS, Sort


class Stage(Protocol):
    """What a performer needs of the screen."""

    @property
    def sessions(self) -> SessionList:
        """The list."""

    @property
    def detail(self) -> DetailPane:
        """The detail."""

    def context(self) -> Context:
        """What decides now which actions are enabled."""

    def open_command_bar(self, mode: str, text: str = "") -> None:
        """Show the line at the bottom."""

    def toggle_zoom(self) -> None:
        """Give the detail the whole screen, or take it back."""

    def go_back(self) -> None:
        """One level out."""

    def step_focus(self, towards: int) -> None:
        """Move the focus to another pane."""

    def set_theme(self, name: str) -> None:
        """Change the theme and remember it."""

    def set_sort(self, order: Sort) -> None:
        """Change the order of the sessions and remember it."""


GLANCED = frozenset({"overview", "terminal"})
"""Tabs to look at while moving through the sessions: showing one leaves the keys to the list."""


class Performer:
    """Performs actions by id, and commands of the command line."""

    def __init__(self, app: App[Any], deck: LiveDeck, intents: Intents, stage: Stage) -> None:
        self._app = app
        self._deck = deck
        self._intents = intents
        self._stage = stage
        self.keeping = Keeping(app, deck, intents, self.select_when_known)
        self.dialogs = Dialogs(app, deck, intents, stage.context, self.select_when_known)
        self.table: dict[str, Callable[[str], None]] = {
            "session.open": intents.open,
            "terminal.open": intents.open,
            "session.new": lambda _: self.dialogs.new_session(),
            "session.checkout": lambda _: self.dialogs.checkout(),
            "session.workspace": lambda _: self.dialogs.workspace(),
            "session.rename": lambda id_: self.dialogs.rename(id_),
            "session.init": lambda id_: self.dialogs.initialize(id_),
            "session.remove": lambda id_: self.keeping.remove((id_,)),
            "session.undo": lambda _: self.keeping.undo(),
            "session.adopt": lambda id_: self.keeping.adopt((id_,)),
            "session.refresh": lambda id_: self.keeping.refresh((id_,)),
            "session.restore": lambda id_: self.keeping.restore((id_,)),
            "session.restore-all": lambda _: self.keeping.restore_all(),
            "mark.toggle": lambda _: stage.sessions.toggle_mark(),
            "mark.all": lambda _: stage.sessions.mark_all(),
            "mark.clear": lambda _: stage.sessions.clear_marks(),
            "session.send": lambda id_: self._send(id_),
            "view.next-session": lambda _: stage.sessions.move(1),
            "view.previous-session": lambda _: stage.sessions.move(-1),
            "session.copy": self._copy,
            "run.test": self._test,
            "run.stop": self._stop,
            "run.again": self._again,
            "run.task": lambda _: stage.open_command_bar("!"),
            "run.shell": lambda _: stage.open_command_bar("$"),
            "run.lint": lambda id_: self._task(id_, JobKind.LINT),
            "run.build": lambda id_: self._task(id_, JobKind.BUILD),
            **{f"tab.{name}": self._tab(name) for name in TABS},
            "view.next-tab": lambda _: stage.detail.step(1),
            "view.previous-tab": lambda _: stage.detail.step(-1),
            "view.zoom": lambda _: stage.toggle_zoom(),
            "view.focus": lambda _: stage.step_focus(1),
            "view.focus-back": lambda _: stage.step_focus(-1),
            "view.back": lambda _: stage.go_back(),
            "view.filter": lambda _: stage.open_command_bar("/", stage.sessions.filter_text),
            "view.sort": lambda _: self._sort(),
            "view.follow": lambda _: self._follow(),
            "view.failure": lambda _: self._next_failure(),
            "view.edit": self._edit,
            "tests.next": lambda _: self._tests().next_failure(),
            "tests.previous": lambda _: self._tests().prev_failure(),
            "tests.failed-only": lambda _: self._tests().toggle_failed_only(),
            "logs.search": lambda _: stage.open_command_bar("/"),
            "logs.next": lambda _: self._logs().next_place(),
            "logs.previous": lambda _: self._logs().previous_place(),
            "logs.older": lambda _: self._logs().step(1),
            "logs.newer": lambda _: self._logs().step(-1),
            "logs.wrap": lambda _: self._logs().pane.toggle_wrap(),
            "logs.numbers": lambda _: self._logs().pane.toggle_numbers(),
            "logs.copy": lambda _: self._copy_log(),
            "git.next": lambda _: self._git().action_file(1),
            "git.previous": lambda _: self._git().action_file(-1),
            "deck.help": lambda _: self._help(),
            "deck.palette": lambda _: self._palette(),
            "deck.command": lambda _: stage.open_command_bar(":"),
            "deck.trash": lambda _: self.keeping.trash(),
            "deck.theme": lambda _: self._themes(),
            "deck.quit": lambda _: self.quit(),
        }
        self.many: dict[str, Callable[[tuple[str, ...]], None]] = {
            "session.remove": self.keeping.remove,
            "session.adopt": self.keeping.adopt,
            "session.refresh": self.keeping.refresh,
            "session.restore": self.keeping.restore,
            "run.test": self._test_many,
        }
        """Actions that are done to all marked sessions at once."""

    def perform(self, id_: str, session_id: str | None = None) -> bool:
        """Do an action, or say why it can't be done now.

        Args:
            id_: Id of the action.
            session_id: The session meant; `None` means the selected one.

        Returns:
            Whether it was enabled.
        """
        action = ACTIONS[id_]
        context = self._stage.context()
        if session_id is not None:
            context = context._replace(selected=self._deck.state.sessions.get(session_id), marked=())
        if why := action.enabled(context):
            self._intents.toast(action.title, why, "warning")
            return False
        if context.marked and id_ in self.many:
            self.many[id_](tuple(state.session.id for state in context.marked))
            return True
        target = context.selected.session.id if context.selected is not None else ""
        self.table[id_](target)
        return True

    # Tabs, imported when first shown

    def _tab(self, name: str) -> Callable[[str], None]:
        def show(session_id: str) -> None:
            if session_id and session_id != self._stage.sessions.selected:
                self._stage.sessions.select(session_id)
            self._stage.detail.show(name, refocus=False)
            if name in GLANCED:
                self._stage.sessions.focus()
            else:
                self._stage.detail.focus_content()

        return show

    def _tests(self) -> Any:
        self._stage.detail.show("tests")
        return self._stage.detail.tab("tests")

    def _logs(self) -> Any:
        self._stage.detail.show("logs")
        return self._stage.detail.tab("logs")

    def _git(self) -> Any:
        self._stage.detail.show("git")
        return self._stage.detail.tab("git")

    # Sessions

    def _state(self, session_id: str) -> SessionState:
        return self._deck.state.sessions[session_id]

    def select_when_known(self, session_id: str) -> None:
        """Select a session that was just made: now, or as soon as the list knows it."""
        self._stage.sessions.set_filter("")
        self._stage.sessions.show(self._deck.state, self._deck.now())
        self._stage.sessions.select(session_id)
        self._stage.sessions.focus()

    def _send(self, session_id: str) -> None:
        selected = self._stage.sessions.selected
        self.dialogs.send(session_id if session_id != (selected or "") else None)

    def _copy(self, session_id: str) -> None:
        worktree = self._state(session_id).session.worktree
        self._app.copy_to_clipboard(worktree)
        self._intents.toast("copied", worktree)

    def _copy_log(self) -> None:
        text = self._logs().pane.copy()
        count = len(text.splitlines())
        self._intents.toast(f"copied {count} line{'' if count == 1 else 's'}" if text else "nothing to copy")

    def _edit(self, session_id: str) -> None:
        name = self._stage.detail.current
        if name == "logs" and self._logs().action_edit():
            return
        if name == "tests" and self._stage.context().scope == "tests":
            self._tests().action_edit()
            return
        worktree = self._state(session_id).session.worktree
        self._intents.edit(worktree, None, worktree)

    # Jobs

    def _test(self, session_id: str) -> None:
        if self._state(session_id).session.members:
            self._test_many((session_id,))
        else:
            self.run_tests(session_id, ())

    def _test_many(self, session_ids: tuple[str, ...]) -> None:
        """Run the tests of each; those of a workspace are its repositories'."""
        states = self._deck.state.sessions
        parts = ((id_ for id_ in states[it].session.member_ids if id_ in states) for it in session_ids)
        each = (part or (it,) for it, part in zip(session_ids, map(tuple, parts), strict=True))
        for session_id in dict.fromkeys(id_ for few in each for id_ in few):
            self._intents.test(session_id)

    def run_tests(self, session_id: str, selection: tuple[str, ...]) -> None:
        """Run tests and have them in view."""
        self._intents.test(session_id, selection)
        if self._stage.detail.current != "logs":
            self._in_view("tests", session_id)

    def _task(self, session_id: str, kind: JobKind) -> None:
        self._intents.task(session_id, kind)
        self._in_view("tests" if kind is JobKind.TEST else "logs", session_id)

    def _in_view(self, tab: str, session_id: str) -> None:
        if session_id == self._stage.sessions.selected:
            self._stage.detail.show(tab)

    def _stop(self, session_id: str) -> None:
        running = self._state(session_id).running
        shown = self._stage.context().job
        job: Job = next((it for it in running if shown is not None and it.id == shown.id), running[0])
        self._intents.stop(job)

    def _again(self, session_id: str) -> None:
        job = self._state(session_id).jobs[0]
        self._intents.again(session_id, job)
        self._in_view("tests" if job.kind is JobKind.TEST else "logs", session_id)

    # View

    def _sort(self) -> None:
        order = SORTS[(SORTS.index(self._stage.sessions.sort) + 1) % len(SORTS)]
        self._stage.set_sort(order)
        self._intents.toast(f"sorted by {order}")

    def _follow(self) -> None:
        shown = self._stage.detail.current == "logs"
        logs = self._logs()
        if shown and logs.pane.following:
            logs.pane.toggle_follow()
        else:
            logs.follow()
        self._stage.detail.focus_content()

    def _next_failure(self) -> None:
        if self._stage.detail.current == "logs":
            self._logs().pane.next_failure()
        else:
            self._tab("tests")("")
            self._app.call_after_refresh(self._tests().next_failure)

    def _help(self) -> None:
        from tui.screens.help import Help

        self._app.push_screen(Help(ACTIONS, self._stage.context()))

    def _palette(self) -> None:
        from tui.palette import open_palette

        open_palette(self._app, self)

    def _themes(self) -> None:
        from tui.palette import open_themes

        open_themes(self._app, self)

    def quit(self) -> None:
        """Leave; says afterwards what goes on."""
        running = [job for state in self._deck.state.sessions.values() for job in state.running]
        words = ""
        if running:
            count = "1 job goes on" if len(running) == 1 else f"{len(running)} jobs go on"
            words = f"devdeck: {count}; `devdeck jobs` lists them"
        self._app.exit(0, message=words or None)

    # The command line

    def execute(self, command: Command) -> None:
        """Do what a line asked for."""
        if command.verb in ACTIONS:
            self.perform(command.verb, command.session_id)
            return
        special: dict[str, Callable[[Command], None]] = {
            "task": lambda it: self._gated("run.task", it, lambda id_: self._task(id_, JobKind(it.words[0]))),
            "shell": lambda it: self._gated("run.shell", it, lambda id_: self._shell(id_, it.text)),
            "run": lambda it: self._gated("run.shell", it, lambda id_: self._run(id_, it.words)),
            "test": lambda it: self._gated("run.test", it, lambda id_: self.run_tests(id_, it.words)),
            "send": lambda it: self._gated("session.send", it, lambda _: self._send_now(it)),
            "start": lambda it: self._gated(
                "session.new", it, lambda _: self.dialogs.start_now(it.text, it.path, it.base)
            ),
            "checkout": lambda it: self._gated(
                "session.checkout", it, lambda _: self.dialogs.checkout_now(it.text, it.path, it.label)
            ),
            "workspace": lambda it: self._gated(
                "session.workspace",
                it,
                lambda _: self.dialogs.workspace(it.text, it.path, it.words, it.base or ""),
            ),
            "rename": lambda it: self._gated("session.rename", it, lambda id_: self.dialogs.rename_now(id_, it.text)),
            "restore": self._restore_named,
            "mark": self._mark,
            "go": lambda it: self.go(it.session_id or ""),
            "filter": lambda it: self._stage.sessions.set_filter(it.text),
            "sort": self._sort_by,
            "theme": lambda it: self._stage.set_theme(it.words[0]),
        }
        special[command.verb](command)

    def _gated(self, action: str, command: Command, do: Callable[[str], None]) -> None:
        context = self._stage.context()
        if command.session_id is not None:
            context = context._replace(selected=self._deck.state.sessions.get(command.session_id))
        if why := ACTIONS[action].enabled(context):
            self._intents.toast(ACTIONS[action].title, why, "warning")
        else:
            do(context.selected.session.id if context.selected is not None else "")

    def _shell(self, session_id: str, text: str) -> None:
        self._intents.shell(session_id, text)
        self._in_view("logs", session_id)

    def _run(self, session_id: str, argv: tuple[str, ...]) -> None:
        self._intents.run(session_id, argv)
        self._in_view("logs", session_id)

    def _send_now(self, command: Command) -> None:
        self.dialogs.send_now(command.session_id, command.words[0] if command.words else "", command.text)

    def go(self, session_id: str) -> None:
        """Select a session; a filter that hides it is taken off."""
        if not self._stage.sessions.select(session_id):
            self._stage.sessions.set_filter("")
            self._stage.sessions.select(session_id)
        self._stage.sessions.focus()

    def _restore_named(self, command: Command) -> None:
        self.perform("session.restore-all" if command.words else "session.restore", command.session_id)

    def _mark(self, command: Command) -> None:
        sessions = self._stage.sessions
        if command.words:
            sessions.mark_all()
        elif command.session_id is not None:
            sessions.mark(command.session_id)
        else:
            sessions.toggle_mark()

    def _sort_by(self, command: Command) -> None:
        order = next((it for it in SORTS if it in command.words), None)
        if order is not None:
            self._stage.set_sort(order)
        else:
            self._sort()

    # For the palette

    @property
    def app(self) -> App[Any]:
        """The app."""
        return self._app

    @property
    def deck(self) -> LiveDeck:
        """The deck."""
        return self._deck

    @property
    def stage(self) -> Stage:
        """The screen."""
        return self._stage

    def show_job(self, session_id: str, job_id: str) -> None:
        """Show the log of a job."""
        self.go(session_id)
        self._logs().choose(job_id)
        self._stage.detail.focus_content()
