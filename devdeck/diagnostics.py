"""devdeck's own log: a rotating file, never the terminal, which belongs to the dashboard."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

MEGABYTE = 1 << 20


def log_to_file(path: Path) -> None:
    """Send warnings and errors to a file of at most 1 MiB, with one predecessor kept; readable by the user alone.

    A folder that can't be written to is no reason not to start: then nothing is logged.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        handler: logging.Handler = logging.handlers.RotatingFileHandler(path, maxBytes=MEGABYTE, backupCount=1)
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
