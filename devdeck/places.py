"""The folders of the XDG base directory rules, as text and without any import that costs time.

https://specifications.freedesktop.org/basedir; relative values of the variables are ignored, as it says.
"""

from __future__ import annotations

import os


def _folder(variable: str, fallback: str) -> str:
    value = os.environ.get(variable, "")
    return f"{value if value.startswith('/') else os.path.expanduser('~/' + fallback)}/devdeck"


def data_folder() -> str:
    """Worktrees and the store: `$XDG_DATA_HOME/devdeck`."""
    return _folder("XDG_DATA_HOME", ".local/share")


def config_folder() -> str:
    """What the user writes: `$XDG_CONFIG_HOME/devdeck`."""
    return _folder("XDG_CONFIG_HOME", ".config")


def state_folder() -> str:
    """Logs and histories: `$XDG_STATE_HOME/devdeck`."""
    return _folder("XDG_STATE_HOME", ".local/state")
