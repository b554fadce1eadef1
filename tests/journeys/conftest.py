from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.git_support import isolate
from tests.journeys.world import World
from tests.journeys.world import world as make_world


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A journey takes half a minute and waits patiently: on a loaded machine it takes as long as it takes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A user's world: home, repositories, deck, terminals, all private."""
    isolate(monkeypatch, tmp_path / "home")
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in (
        *("TMUX", "TMUX_PANE", "DEVDECK_SESSION", "DEVDECK_LABEL"),
        *("NO_COLOR", "EDITOR", "VISUAL", "COLUMNS", "LINES"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHELL", "/bin/sh")
    monkeypatch.setenv("ENV", "")
    monkeypatch.setenv("PS1", "$ ")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("DEVDECK_TMUX_SOCKET", "")
    with make_world(tmp_path) as made:
        yield made
