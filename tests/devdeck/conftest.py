from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.tmux.server import TmuxServer
from devdeck.deck import Deck
from devdeck.doctor import findings, leftovers
from devdeck.git import fetching
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
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remotes and the checks of doctor have time where nobody says how long they have: the machine may be slow."""
    ask = fetching.ask

    def patiently(*arguments: Any, timeout: float = fetching.ASK_TIMEOUT, **options: Any) -> dict[str, fetching.Answer]:
        return ask(*arguments, timeout=60.0 if timeout == fetching.ASK_TIMEOUT else timeout, **options)

    monkeypatch.setattr(fetching, "ask", patiently)
    monkeypatch.setattr(findings.look, "__defaults__", (60.0,))
    monkeypatch.setattr(leftovers, "_GIT_TIMEOUT", 60.0)


@pytest.fixture
def deck(home: Path, tmux: TmuxServer, patient: None) -> Iterator[Deck]:
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
