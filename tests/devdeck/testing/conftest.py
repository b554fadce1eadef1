from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.devdeck.testing.projects import make_venv, write


@pytest.fixture(scope="session")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with pytest, shared by the projects of this folder."""
    return make_venv(tmp_path_factory.mktemp("environment") / ".venv")


@pytest.fixture
def project(tmp_path: Path, venv: Path) -> Callable[[Mapping[str, str]], Path]:
    """Makes a project with `.venv` in a fresh folder."""

    def make(files: Mapping[str, str]) -> Path:
        root = write(tmp_path / "project", files)
        (root / ".venv").symlink_to(venv)
        return root

    return make
