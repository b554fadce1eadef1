"""The errors that the deck raises, each with a code, a hint and the exit status of the contract.

Exit status: 1 the operation failed, 2 wrong usage, 3 not found, 4 refused to protect work,
5 a needed program or daemon is missing (design, section 5).
"""

from __future__ import annotations


class DeckError(Exception):
    """Something that was asked of the deck did not happen.

    Attributes:
        message: What failed and on what, one sentence, no trailing stop needed.
        hint: What to do about it; may be empty.
        code: A stable kebab-case word for scripts.
        status: Process exit status.
    """

    code = "failed"
    status = 1

    def __init__(self, message: str, hint: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code


class UsageError(DeckError):
    """The arguments can't be used as they are (exit status 2)."""

    code = "usage"
    status = 2


class NotFound(DeckError):
    """No session, job, repository or reference of that name (exit status 3)."""

    code = "not-found"
    status = 3


class Refused(DeckError):
    """Refused to protect work; `--force` overrides (exit status 4)."""

    code = "refused"
    status = 4


class Missing(DeckError):
    """A needed program or daemon is not there (exit status 5)."""

    code = "missing"
    status = 5
