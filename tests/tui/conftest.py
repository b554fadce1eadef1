"""What tests of screens share: a frozen environment, a deck in memory, and pictures that are compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tui.fake import FakeDeck, deck_with
from tests.tui.rest import wait_for_rest
from tests.tui.snapshots import Snapshots
from tui.app import DeckApp


@pytest.fixture(autouse=True)
def frozen_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's environment reaches a screen."""
    for name in ("NO_COLOR", "VISUAL", "EDITOR", "TMUX", "TEXTUAL_THEME", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/dev")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")


@pytest.fixture(autouse=True)
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test goes on when the dashboard has done what it was told, on a machine of any speed."""
    wait_for_rest(monkeypatch)
    monkeypatch.setattr(DeckApp, "NOTIFICATION_TIMEOUT", 600)  # what was said stands, however long the test takes


@pytest.fixture
def make_deck(tmp_path: Path) -> Callable[..., FakeDeck]:
    """Makes a deck with so many sessions."""

    def make(sessions: int = 7, *, read_only: bool = False) -> FakeDeck:
        return deck_with(tmp_path, sessions, read_only=read_only)

    return make


@pytest.fixture
def snapshots(request: pytest.FixtureRequest) -> Snapshots:
    """Compares pictures of the app with the committed ones."""
    return Snapshots(Path(request.node.path).parent / "__snapshots__", request.node.name)
