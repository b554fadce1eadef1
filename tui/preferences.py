"""What the dashboard remembers of how it is used: the theme and the order of the sessions."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tui.private_file import read_text, replace_text


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """Choices that survive a restart."""

    theme: str = ""
    sort: str = ""


def load(path: Path) -> Preferences:
    """Read the file; without one, or when it is not ours, the defaults."""
    try:
        return msgspec.json.decode(read_text(path) or "{}", type=Preferences)
    except msgspec.DecodeError:
        return Preferences()


def save(path: Path, preferences: Preferences) -> None:
    """Replace the file.

    Raises:
        OSError: It can't be written.
    """
    replace_text(path, msgspec.json.encode(preferences).decode())
