"""What tmux's error messages mean, as typed errors."""

from __future__ import annotations

import re

from backends.base import BackendError, TargetGone, ToolMissing

INSTALL_HINT = "Install tmux 3.2 or newer with your package manager, for instance `apt install tmux`."

_NO_SERVER = re.compile(
    r"no server running on|error connecting to .*\((No such file or directory|Connection refused)\)|lost server"
    r"|server exited"
)
_GONE = re.compile(
    r"can't find (session|window|pane|client)|no such (session|window)|no current (session|client|target)"
)


def missing_tool() -> ToolMissing:
    """The error for a machine without tmux."""
    return ToolMissing("tmux is not installed, or not on PATH", INSTALL_HINT)


def means_no_server(message: str) -> bool:
    """Whether tmux said that there is no server to talk to (or that it went away just now)."""
    return _NO_SERVER.search(message) is not None


def failure(what: str, message: str) -> BackendError:
    """Turn what tmux printed into an error to raise.

    Args:
        what: The tmux command that failed, such as `kill-window`.
        message: What tmux printed on its standard error, or in an error reply.

    Returns:
        `TargetGone` when the target, or the whole server, is not there; `BackendError` otherwise.
    """
    message = " ".join(message.split())[:500] or "no reason given"
    if _GONE.search(message) or means_no_server(message):
        return TargetGone(f"tmux {what}: {message}")
    if "Permission denied" in message:
        return BackendError(f"tmux {what}: {message}", "The tmux socket belongs to another user.")
    return BackendError(f"tmux {what}: {message}")
