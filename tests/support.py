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


def until(condition: Callable[[], T], timeout: float = 20.0, every: float = 0.01) -> T:
    """Call `condition` until it returns something true; that is returned. Fails the test at the deadline."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {condition}")
        time.sleep(every)


async def auntil(condition: Callable[[], T], timeout: float = 20.0, every: float = 0.01) -> T:
    """`until` for asynchronous tests: lets the event loop run in between."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {condition}")
        await asyncio.sleep(every)
