"""What the user wants done, as workers: told in the status bar while under way, their errors in a toast."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from textual.app import App

from devdeck.errors import DeckError
from devdeck.live import LiveDeck
from devdeck.model import Job, JobKind, Operation
from tui import editor, handoff
from tui.widgets.spans import clean
from tui.wording import in_keys

_log = logging.getLogger(__name__)


class Intents:
    """Asks the deck. Knows no widget; `on_busy` is called when what is under way changes."""

    def __init__(self, app: App[Any], deck: LiveDeck) -> None:
        self._app = app
        self._deck = deck
        self._busy: dict[int, str] = {}
        self._number = 0
        self._selections: dict[str, tuple[str, ...]] = {}
        self.on_busy: Callable[[], None] = lambda: None

    @property
    def busy(self) -> tuple[str, ...]:
        """What is under way, in words, the oldest first."""
        return tuple(self._busy.values())

    def spawn(self, words: str, work: Callable[[], Coroutine[Any, Any, None]], *, group: str = "intent") -> None:
        """Do something in a worker of the app.

        Args:
            words: What it is, for the status bar.
            work: The work; `DeckError`s are shown, others are shown and logged. None ends the dashboard.
            group: Group of the worker.
        """
        self._app.run_worker(self._guarded(words, work), group=group, name=group, exit_on_error=False)

    async def _guarded(self, words: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._number += 1
        number = self._number
        self._busy[number] = words
        self.on_busy()
        try:
            await work()
        except DeckError as error:
            self.tell_error(error)
        except Exception as error:  # noqa: BLE001  a bug in one intent must not end the dashboard
            _log.exception("intent failed: %s", words)
            self.toast(f"{type(error).__name__}: {error}", f"{words} failed; the log has the details", "error")
        finally:
            del self._busy[number]
            self.on_busy()

    def toast(self, title: str, text: str = "", severity: str = "information") -> None:
        """Say something in a corner for a while. Foreign text is safe."""
        level: Any = severity
        body, head = (text, title) if text else (title, "")
        self._app.notify(clean(body, 400), title=clean(head, 200), severity=level, markup=False)

    def tell_error(self, error: DeckError) -> None:
        """Show an error with what to do about it."""
        self.toast(error.message, in_keys(error.hint), "error")

    def _label(self, session_id: str) -> str:
        state = self._deck.state.sessions.get(session_id)
        return state.session.label if state is not None else "a session"

    def test(self, session_id: str, selection: Sequence[str] = ()) -> None:
        """Run tests."""
        self._selections[session_id] = tuple(selection)

        async def work() -> None:
            await self._deck.test(session_id, selection)

        self.spawn(f"starting tests of {self._label(session_id)}", work)

    def task(self, session_id: str, kind: JobKind) -> None:
        """Run the repository's own lint or build command, or the tests."""
        if kind is JobKind.TEST:
            self.test(session_id)
            return

        async def work() -> None:
            await self._deck.run_task(session_id, kind)

        self.spawn(f"starting {kind} of {self._label(session_id)}", work)

    def shell(self, session_id: str, text: str) -> None:
        """Run a line of shell."""

        async def work() -> None:
            await self._deck.run_shell(session_id, text)

        self.spawn(f"starting {text}", work)

    def run(self, session_id: str, argv: Sequence[str], kind: JobKind = JobKind.RUN) -> None:
        """Run a command."""

        async def work() -> None:
            await self._deck.run(session_id, argv, kind)

        self.spawn(f"starting {argv[0]}", work)

    def again(self, session_id: str, job: Job) -> None:
        """Start a job's command again, in the way in which that kind of job is started."""
        if job.kind is JobKind.TEST:
            self.test(session_id, self._selections.get(session_id, ()))
        elif job.kind in (JobKind.LINT, JobKind.BUILD):
            self.task(session_id, job.kind)
        else:
            self.run(session_id, job.argv, job.kind)

    def stop(self, job: Job) -> None:
        """Stop a job."""

        async def work() -> None:
            await self._deck.stop_job(job.id)

        self.spawn(f"stopping {job.title or job.argv[0]}", work)

    def adopt(self, session_ids: Sequence[str], label: str | None = None) -> None:
        """Make sessions of others devdeck's own, each for itself."""

        async def one(session_id: str) -> None:
            made = await self._deck.adopt(session_id, label)
            self.toast(f"adopted {made.label}")

        for session_id in session_ids:
            self.spawn(f"adopting {self._label(session_id)}", partial(one, session_id))

    def refresh(self, session_ids: Sequence[str]) -> None:
        """Bring branches up to what they follow."""

        async def one(session_id: str) -> None:
            came = await self._deck.refresh(session_id)
            self.toast(self._label(session_id), came or "nothing new")

        for session_id in session_ids:
            self.spawn(f"refreshing {self._label(session_id)}", partial(one, session_id))

    def restore_terminals(self, session_ids: Sequence[str]) -> None:
        """Bring back terminals that are gone."""

        async def work() -> None:
            labels = await self._deck.restore_terminals(session_ids)
            count = f"{len(labels)} terminal{'' if len(labels) == 1 else 's'}"
            self.toast(f"{count} restored" if labels else "no terminal was missing", ", ".join(labels))

        many = f"{len(session_ids)} terminals"
        what = f"the terminal of {self._label(session_ids[0])}" if len(session_ids) == 1 else many
        self.spawn(f"restoring {what}", work)

    def undo(self, undone: Callable[[Operation], None]) -> None:
        """Take back the last change; `undone` is told which it was."""

        async def work() -> None:
            undone(await self._deck.undo())

        self.spawn("taking back the last change", work)

    def open(self, session_id: str) -> None:
        """Go to the session's terminal."""

        async def work() -> None:
            handed = await self._deck.hand_off(session_id)
            for note in handed.notes:
                self.toast(note, "", "warning")
            if handed.argv:
                await self._away(handed.argv, None, self._label(session_id))

        self.spawn(f"opening {self._label(session_id)}", work, group="hand-over")

    def edit(self, path: str, line: int | None, folder: str) -> None:
        """Open the editor."""

        async def work() -> None:
            try:
                argv = editor.command(path, line, os.environ)
            except ValueError as error:
                raise DeckError(f"can't open the editor: {error}", "look at $VISUAL and $EDITOR") from error
            await self._away(argv, folder, argv[0])

        self.spawn("editing", work, group="hand-over")

    def edit_source(self, session_id: str, path: str, line: int, folder: str) -> None:
        """Open the editor at a place that a log named; only files in the session's worktree are opened."""
        wanted = os.path.normpath(os.path.join(folder, path))

        async def work() -> None:
            found = await self._deck.source(session_id, wanted, line)
            if found is None:
                raise DeckError(f"{path} is not a file of this session", "only files in its worktree are opened")
            await self._away(editor.command(found.path, line, os.environ), None, "the editor")

        self.spawn(f"looking for {path}", work, group="edit")

    async def _away(self, argv: Sequence[str], folder: str | None, what: str) -> None:
        self._deck.set_active(False)
        try:
            status = await handoff.hand_over(self._app, argv, cwd=folder)
        finally:
            self._deck.set_active(True)
        if status != 0:
            self.toast(f"{what} ended with status {status}", " ".join(argv), "warning")
