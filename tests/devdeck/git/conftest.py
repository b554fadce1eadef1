from pathlib import Path

import pytest

from tests import git_support


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    git_support.isolate(monkeypatch, tmp_path / "home")
