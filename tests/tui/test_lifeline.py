from __future__ import annotations

import io
import os
import pty
import sys
import threading
from collections.abc import Iterator

import pytest

from tui import lifeline
from tui.lifeline import Lifeline, terminal_gone


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Standard input is a terminal; the other end of it, open."""
    master, slave = pty.openpty()
    stdin = io.TextIOWrapper(io.FileIO(slave, "r+"), write_through=True)
    monkeypatch.setattr(sys, "__stdin__", stdin)
    yield master
    stdin.close()


def test_a_terminal_is_gone_when_its_other_end_is_closed(terminal: int) -> None:
    assert sys.__stdin__ is not None
    assert not terminal_gone(sys.__stdin__.fileno())
    os.close(terminal)
    assert terminal_gone(sys.__stdin__.fileno())


def test_an_orderly_end_is_asked_for_and_then_it_ends_for_sure(terminal: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ended = threading.Event(), threading.Event()
    statuses: list[int] = []

    def end_process(status: int) -> None:
        statuses.append(status)
        ended.set()

    monkeypatch.setattr(lifeline, "EVERY", 0.01)
    monkeypatch.setattr(lifeline, "GRACE", 0.05)
    monkeypatch.setattr(os, "_exit", end_process)
    Lifeline(asked.set).hold()
    os.close(terminal)
    assert asked.wait(20)
    assert ended.wait(20)
    assert statuses == [129]


def test_let_go_it_does_nothing(terminal: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()
    monkeypatch.setattr(lifeline, "EVERY", 0.01)
    line = Lifeline(asked.set)
    line.hold()
    line.let_go()
    line._thread.join(20)
    os.close(terminal)
    assert not line._thread.is_alive()
    assert not asked.is_set()
