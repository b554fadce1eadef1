"""The last ten minutes of samples."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import Generic, Protocol, TypeVar


class Timed(Protocol):
    """Anything that says when it was taken."""

    @property
    def at(self) -> float:
        """UNIX seconds."""


T = TypeVar("T", bound=Timed)


class Ring(Generic[T]):
    """Samples in the order of their time, bounded by age and by count.

    Args:
        span: How far back it reaches from its newest sample, in seconds.
        capacity: How many samples it holds at most; the default has room for one a second.
    """

    def __init__(self, span: float = 600.0, capacity: int = 600) -> None:
        self.span = span
        self._samples: deque[T] = deque(maxlen=capacity)

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def last(self) -> T | None:
        """The newest sample."""
        return self._samples[-1] if self._samples else None

    def append(self, sample: T) -> None:
        """Add the newest sample and forget those older than the span.

        When the clock was set back, samples that now lie in the future, and one of the same time, are forgotten.
        """
        samples = self._samples
        while samples and samples[-1].at >= sample.at:
            samples.pop()
        samples.append(sample)
        horizon = sample.at - self.span
        while samples[0].at < horizon:
            samples.popleft()

    def view(self, since: float | None = None) -> tuple[T, ...]:
        """The samples taken at `since` (UNIX seconds) or later, the oldest first; all of them without `since`."""
        everything = tuple(self._samples)
        if since is None:
            return everything
        return everything[bisect_left(everything, since, key=lambda sample: sample.at) :]
