"""Where backend errors become deck errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from backends.base import BackendError, BackendTimeout, TargetGone, ToolMissing
from devdeck.errors import DeckError, Missing, NotFound


@contextmanager
def translated() -> Iterator[None]:
    """Turn a backend's error into the deck's, with the same words and the contract's exit status.

    Raises:
        Missing: For `ToolMissing`.
        NotFound: For `TargetGone`.
        DeckError: For every other `BackendError`.
    """
    try:
        yield
    except ToolMissing as error:
        raise Missing(error.message, error.hint) from error
    except TargetGone as error:
        raise NotFound(error.message, error.hint, code="gone") from error
    except BackendTimeout as error:
        raise DeckError(error.message, error.hint, code="timeout") from error
    except BackendError as error:
        raise DeckError(error.message, error.hint, code="backend") from error
