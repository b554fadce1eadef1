"""What a demo leaves behind, seen from outside."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psutil

MARK = "DEVDECK_DEMO"


def marked(folder: str | os.PathLike[str]) -> list[str]:
    """Processes that carry the mark of the demo in `folder`, described."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == os.fspath(folder):
                found.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
        except psutil.Error:
            continue
    return found


def sweepers(folder: str | os.PathLike[str]) -> list[int]:
    """Sweepers that wait for the end of the demo in `folder`, or clean up after it."""
    found = []
    for process in psutil.process_iter():
        try:
            arguments = process.cmdline()
        except psutil.Error:
            continue
        if arguments[-1:] == [os.fspath(folder)] and any(word.endswith("sweeper.py") for word in arguments):
            found.append(process.pid)
    return found


def gone(folder: str | os.PathLike[str]) -> bool:
    """Whether nothing is left of the demo in `folder`: no process of it, no sweeper, no file."""
    return not os.path.lexists(folder) and not marked(folder) and not sweepers(folder)


def folders(parent: str | os.PathLike[str] | None = None) -> set[Path]:
    """Folders of demos that exist."""
    return set(Path(parent or tempfile.gettempdir()).glob("devdeck-demo-*"))
