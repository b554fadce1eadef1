"""Writes the table of keys for the documentation: `python -m tui.keys docs/keys.md`, or `make keys`."""

from __future__ import annotations

import sys
from pathlib import Path

from tui.actions import keys_markdown

INTRODUCTION = """# Keys

Made by `make keys` from the actions of the dashboard (`tui/actions.py`), from which the footer, the help and the
palette are made as well. A key that does nothing now says why when it is pressed.

"""


def document() -> str:
    """The whole page."""
    return INTRODUCTION + keys_markdown().strip() + "\n"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document())
