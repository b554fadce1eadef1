"""Small private files of the dashboard: read whole, replaced whole, readable by the user alone."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def read_text(path: Path, limit: int = 1 << 20) -> str:
    """Text of a file; empty when there is none or it can't be read. At most `limit` bytes of it."""
    try:
        with path.open("rb") as file:
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return ""


def replace_text(path: Path, text: str) -> None:
    """Replace a file in one step, mode 0600.

    Raises:
        OSError: It can't be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
