"""Helpers that every test may use: waiting for conditions, never for time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

import psutil

T = TypeVar("T")


def has_ended(pid: int) -> bool:
    """Whether a process runs no more, also where nobody has waited for it yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Clock:
    """Stands in for the module `time` in a module under test, so that a test decides when time passes.

    Time-outs then neither pass too early on a slow machine nor have to be waited for.

    Args:
        over: As soon as this holds, a thousand seconds have passed.
        by_sleep: Whether what is slept passes, and passes at once.
    """

    def __init__(self, over: Callable[[], bool] | None = None, *, by_sleep: bool = False) -> None:
        self.now = 0.0
        self._over = over
        self._by_sleep = by_sleep

    def monotonic(self) -> float:
        return self.now + (1000.0 if self._over is not None and self._over() else 0.0)

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        if self._by_sleep:
            self.now += seconds
        else:
            time.sleep(seconds)


def until(condition: Callable[[], T], timeout: float = 60.0, every: float = 0.01) -> T:
    """Call `condition` until it returns something true; that is returned. Fails the test at the deadline."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {condition}")
        time.sleep(every)


async def auntil(condition: Callable[[], T], timeout: float = 60.0, every: float = 0.01) -> T:
    """`until` for asynchronous tests: lets the event loop run in between."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {condition}")
        await asyncio.sleep(every)
