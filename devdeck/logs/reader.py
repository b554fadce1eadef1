"""One log being read: its index, and its failures behind it, advanced in bounded slices by whoever owns the thread."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from devdeck.logs.failures import FailureScan
from devdeck.logs.index import CHUNK, Change, ChangeKind, LogIndex

INDEX_SLICE = 16 * 1024 * 1024
"""Bytes indexed in one `LogReader.advance`: some 10 ms."""
SCAN_SLICE = 2 * 1024 * 1024
"""Bytes scanned for failures in one `LogReader.advance`: some 15 ms."""


class Progress(msgspec.Struct, frozen=True):
    """How far a log was read."""

    change: Change
    indexed: int
    """Bytes in the index."""
    scanned: int
    """Bytes read for failures."""
    failures: int
    """Runs of failing lines found so far."""
    generation: int
    """Raised whenever the file was truncated, rewritten or replaced."""

    @property
    def complete(self) -> bool:
        """Whether lines and failures of the whole file are known."""
        return self.change.complete and self.scanned >= self.indexed

    @property
    def percent(self) -> int:
        """How much of the file is indexed, 0 to 100."""
        return 100 if self.change.complete or not self.change.size else 100 * self.indexed // self.change.size


class LogReader:
    """A log file with its index and its failures.

    `advance` may be called from any thread, one call at a time gets through. Reading is for any thread at any time.

    Args:
        path: The log; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.index = LogIndex(path)
        self.failures = FailureScan()
        self._generation = 0
        self._advancing = threading.Lock()
        self._closed = threading.Event()

    def advance(self, index_bytes: int = INDEX_SLICE, scan_bytes: int = SCAN_SLICE) -> Progress:
        """Index what is new, at most `index_bytes`; with the index complete, scan at most `scan_bytes` for failures.

        Raises:
            DeckError: The file can't be read.
        """
        with self._advancing:
            if self._closed.is_set():
                return self._progress(Change(ChangeKind.GONE, True, 0, 0))
            try:
                change = self.index.poll(index_bytes)
                if self.index.generation != self._generation:
                    self._generation = self.index.generation
                    self.failures.reset()
                if change.complete:
                    self._scan(scan_bytes)
                return self._progress(change)
            finally:
                if self._closed.is_set():
                    self.index.close()

    def _scan(self, budget: int) -> None:
        while budget > 0:
            chunk = self.index.pread(self.failures.fed, min(CHUNK, self.index.indexed - self.failures.fed))
            if not chunk:
                return
            self.failures.feed(chunk)
            budget -= len(chunk)

    def _progress(self, change: Change) -> Progress:
        return Progress(change, self.index.indexed, self.failures.fed, self.failures.count, self._generation)

    def close(self) -> None:
        """Close the file, at once or when the slice under way ends. Never blocks; reading gives nothing afterwards."""
        self._closed.set()
        if self._advancing.acquire(blocking=False):
            try:
                self.index.close()
            finally:
                self._advancing.release()
