from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from tests import git_support
from tests.devdeck.hostile.calling import Cli
from tests.devdeck.hostile.recorder import UNRECORDED, Recorder
from tests.devdeck.hostile.watching import Watch


@pytest.fixture
def recorder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """git, tmux and the canary of these tests first on the PATH."""
    recorder = Recorder(tmp_path / "recorder")
    for name, value in recorder.environment.items():
        monkeypatch.setenv(name, value)
    environment = git_support.environment
    monkeypatch.setattr(git_support, "environment", lambda: {**environment(), **UNRECORDED})
    monkeypatch.setenv("PATH", f"{recorder.folder}{os.pathsep}{os.environ['PATH']}")
    return recorder


@pytest.fixture
def tmux(recorder: Recorder, tmux: TmuxServer) -> TmuxServer:
    """As everywhere, started through the recorder."""
    return tmux


@pytest.fixture(autouse=True)
def watch(recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Fails the test when a string was run, stood where an option could be, or reached something outside."""
    watch = Watch(tmp_path, recorder, monkeypatch)
    yield watch
    watch.ends()


@pytest.fixture
def cli(tmux: TmuxServer, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line, in this very process."""
    return Cli(capsys)
