from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from tests.tmux_support import private_tmux


@pytest.fixture
def tmux_server(tmp_path: Path) -> Iterator[TmuxServer]:
    with private_tmux(tmp_path) as server:
        yield server


@pytest.fixture
def based_server(tmp_path: Path) -> Iterator[TmuxServer]:
    """Windows and panes counted from 1, as many people configure it."""
    with private_tmux(tmp_path, "set -g base-index 1\nset -g pane-base-index 1") as server:
        yield server
