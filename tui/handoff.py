"""Handing the terminal to another program and taking it back, whatever happens meanwhile.

Textual 8.2 must neither paint while it is suspended (its writer thread is stopped, and the queue in front of it fills
and blocks the event loop) nor leave the suspension by an exception (it would never resume). Both are seen to here.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from textual.app import App

from devdeck.errors import DeckError, Missing


def why_not(app: App[Any]) -> str:
    """Why the terminal can't be handed over; empty when it can."""
    driver = app._driver
    if driver is None or not driver.can_suspend:
        return "this terminal can't be handed over (no real terminal)"
    return ""


async def hand_over(
    app: App[Any], argv: Sequence[str], *, cwd: str | None = None, environment: Mapping[str, str] | None = None
) -> int:
    """Run a program with the terminal; the event loop goes on, nothing is painted, then everything is painted anew.

    Args:
        app: The running app.
        argv: Program and arguments, no shell.
        cwd: Where to run it.
        environment: Instead of the app's own.

    Returns:
        The program's exit status; negative for a signal.

    Raises:
        DeckError: The terminal can't be handed over, or the program could not be started.
    """
    if reason := why_not(app):
        raise DeckError(reason, "open it from another terminal: devdeck open")
    failure: BaseException | None = None
    status = 0
    with app.suspend(), app.batch_update(), _interrupts_are_the_childs():
        try:
            status = await _run(argv, cwd, environment)
        except BaseException as error:  # noqa: BLE001  an exception here would leave the terminal suspended
            failure = error
    app.refresh(layout=True)
    if isinstance(failure, FileNotFoundError) and failure.filename == argv[0]:
        raise Missing(f"{argv[0]} is not installed", "set $EDITOR or $VISUAL, or install it") from failure
    if isinstance(failure, OSError):
        raise DeckError(f"{argv[0]} could not be started: {failure}") from failure
    if failure is not None:
        raise failure
    return status


async def _run(argv: Sequence[str], cwd: str | None, environment: Mapping[str, str] | None) -> int:
    child = await asyncio.create_subprocess_exec(
        *argv, cwd=cwd, env=dict(environment) if environment is not None else dict(os.environ)
    )
    try:
        return await child.wait()
    except asyncio.CancelledError:
        child.terminate()
        await child.wait()
        raise


def _ignore(number: int, frame: FrameType | None) -> None:
    """Leave the interrupt to the program in the foreground, which gets it too."""


@contextmanager
def _interrupts_are_the_childs() -> Iterator[None]:
    """While another program has the terminal, ctrl+c is meant for it.

    A handler and not SIG_IGN, which the program would inherit.
    """
    try:
        before = signal.signal(signal.SIGINT, _ignore)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
