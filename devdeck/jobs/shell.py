"""The user's shell, for command lines that the user typed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from devdeck.errors import UsageError

_NO_SHELLS = frozenset({"nologin", "false", "true"})


def shell_argv(line: str) -> tuple[str, ...]:
    """The command that has the user's shell run a line.

    `$SHELL` is used when it is an absolute path to an executable file, else `/bin/sh`.

    Raises:
        UsageError: The line is empty or holds a NUL byte.
    """
    if not line.strip():
        raise UsageError("there is no command to run", "type one after `$`")
    if "\0" in line:
        raise UsageError("the command line holds a NUL byte, which no process can be given")
    # For sh, the line is an operand and not the value of -c: one that starts with - or + would be an option.
    return (_shell(), "-c", f" {line}" if line[0] in "-+" else line)


def _shell() -> str:
    shell = os.environ.get("SHELL", "")
    if not shell.startswith("/") or "\0" in shell or Path(shell).name in _NO_SHELLS:
        return "/bin/sh"
    try:
        usable = stat.S_ISREG(Path(shell).stat().st_mode) and os.access(shell, os.X_OK)
    except OSError:
        usable = False
    return shell if usable else "/bin/sh"
