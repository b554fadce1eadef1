"""The typed errors that every backend raises.

A caller never sees a bare `OSError` or a foreign library's exception: the backend catches those at its
boundary and raises one of these, with what happened and what to do about it.
"""

from __future__ import annotations


class BackendError(Exception):
    """A backend could not do what it was asked.

    Attributes:
        message: What failed, in one sentence, with the thing it failed on.
        hint: What the user can do about it; empty when nothing useful can be said.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ToolMissing(BackendError):
    """A program or daemon that the backend needs is not installed or not running."""


class BackendTimeout(BackendError):
    """A call to the backend took longer than its time-out; its outcome is unknown."""


class TargetGone(BackendError):
    """The session, window, pane or container that was addressed does not exist any more."""
