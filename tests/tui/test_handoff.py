from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Static

from devdeck.errors import DeckError, Missing
from tests.tui.rest import auntil
from tui import handoff


class Small(App[None]):
    ticks = 0
    suspended = 0
    resumed = 0

    def compose(self) -> ComposeResult:
        yield Static("small", id="small")

    def on_mount(self) -> None:
        self.set_interval(0.01, self.tick)

    def tick(self) -> None:
        self.ticks += 1
        # The app's own timers go on for a moment after its widgets are gone.
        for small in self.query("#small").results(Static):
            small.update(str(self.ticks))

    @contextmanager
    def suspend(self) -> Iterator[None]:
        """As the framework's: no `finally`, so an exception inside never resumes."""
        self.suspended += 1
        yield
        self.resumed += 1


@pytest.fixture
def real_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The headless driver can't suspend; pretend that it can."""
    monkeypatch.setattr(handoff, "why_not", lambda app: "")


async def test_refuses_where_there_is_no_terminal() -> None:
    async with Small().run_test() as pilot:
        with pytest.raises(DeckError, match="can't be handed over"):
            await handoff.hand_over(pilot.app, ("true",))


@pytest.mark.usefixtures("real_terminal")
async def test_the_loop_goes_on_and_nothing_is_painted() -> None:
    app = Small()
    async with app.run_test() as pilot:
        painted: list[Any] = []
        before = app.ticks
        code = "import time; time.sleep(0.3)"
        task = asyncio.create_task(handoff.hand_over(app, (sys.executable, "-c", code)))
        await auntil(lambda: app.suspended)
        app._display = lambda *args: painted.append(args)  # type: ignore[method-assign]
        status = await task
        assert status == 0
        assert app.ticks > before + 3
        assert not painted
        assert (app.suspended, app.resumed) == (1, 1)
        await pilot.pause()


@pytest.mark.usefixtures("real_terminal")
@pytest.mark.parametrize(
    ("argv", "error"),
    [(("/nonexistent/editor",), Missing), (("/",), DeckError)],
)
async def test_a_program_that_can_not_start_leaves_the_dashboard_resumed(
    argv: tuple[str, ...], error: type[Exception]
) -> None:
    app = Small()
    async with app.run_test():
        with pytest.raises(error):
            await handoff.hand_over(app, argv)
        assert (app.suspended, app.resumed) == (1, 1)
        assert app._batch_count == 0


@pytest.mark.usefixtures("real_terminal")
async def test_status_and_signals_are_told_and_interrupts_are_the_childs() -> None:
    app = Small()
    async with app.run_test():
        before = signal.getsignal(signal.SIGINT)
        assert await handoff.hand_over(app, ("sh", "-c", "exit 3")) == 3
        assert await handoff.hand_over(app, ("sh", "-c", "kill -INT $PPID; kill -TERM $$")) == -signal.SIGTERM
        assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.usefixtures("real_terminal")
async def test_cancelling_ends_the_child_and_resumes() -> None:
    app = Small()
    async with app.run_test():
        task = asyncio.create_task(handoff.hand_over(app, ("sleep", "60")))
        await auntil(lambda: app.suspended)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert app.resumed == 1
