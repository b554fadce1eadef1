from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from devdeck.deck import Deck
from devdeck.paths import Paths
from devdeck.store import Store
from tests.git_support import isolate, make_repository
from tests.tmux_support import private_tmux


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for everything that devdeck, git and tmux read."""
    folder = tmp_path / "home"
    isolate(monkeypatch, folder)
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("TMUX", "TMUX_PANE", "DEVDECK_SESSION", "DEVDECK_LABEL", "DEVDECK_TMUX_SOCKET", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHELL", "/bin/sh")
    return folder


@pytest.fixture
def tmux(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TmuxServer]:
    """A tmux server of its own, which `DEVDECK_TMUX_SOCKET` names."""
    with private_tmux(tmp_path) as server:
        monkeypatch.setenv("DEVDECK_TMUX_SOCKET", str(server.socket_path))
        yield server


@pytest.fixture
def deck(home: Path, tmux: TmuxServer) -> Iterator[Deck]:
    """A deck over real git and real tmux, both private."""
    paths = Paths.from_environment()
    paths.ensure()
    store = Store(paths.database)
    yield Deck(paths, store, tmux)
    store.close()


@pytest.fixture
def repository(home: Path, tmp_path: Path) -> Path:
    """A small repository with a commit on `main`."""
    return make_repository(tmp_path / "src" / "shop", files={"README.md": "shop\n", "a.py": "A = 1\n"})
