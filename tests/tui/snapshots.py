"""Pictures of the app as SVG text, compared with committed ones.

`DEVDECK_UPDATE_SNAPSHOTS=1` writes them instead. On a mismatch the new picture is left in `__snapshots__/new/`
(ignored by git), to be looked at beside the committed one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from textual.app import App


class Snapshots:
    """The pictures of one test."""

    def __init__(self, folder: Path, test: str) -> None:
        self._folder = folder
        self._test = re.sub(r"[^A-Za-z0-9_.-]+", "-", test).strip("-")

    def check(self, app: App[Any], name: str = "") -> None:
        """Compare the app as it is now."""
        found = app.export_screenshot(title="devdeck", simplify=True)
        file = f"{self._test}{f'-{name}' if name else ''}.svg"
        wanted = self._folder / file
        if os.environ.get("DEVDECK_UPDATE_SNAPSHOTS"):
            self._folder.mkdir(exist_ok=True)
            wanted.write_text(found, encoding="utf-8")
            return
        if wanted.is_file() and wanted.read_text(encoding="utf-8") == found:
            return
        new = self._folder / "new" / file
        new.parent.mkdir(parents=True, exist_ok=True)
        (new.parent / ".gitignore").write_text("*\n")
        new.write_text(found, encoding="utf-8")
        state = "differs from" if wanted.is_file() else "has no"
        pytest.fail(
            f"the screen {state} {wanted.relative_to(self._folder.parent)}: look at {new}, and if it is as it should be, "
            "run the test again with DEVDECK_UPDATE_SNAPSHOTS=1"
        )
