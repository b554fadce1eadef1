"""JSON lines read while they are written: any chunking, bounded lines, garbage passed over."""

from __future__ import annotations

import json
from typing import Any

MAX_LINE = 4 * 1024 * 1024
"""Longest line that is read, in bytes; a longer one is passed over and counted as malformed."""


class RecordStream:
    """Cuts bytes into lines and lines into JSON objects."""

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self._max_line = max_line
        self._parts: list[bytes] = []
        self._size = 0
        self._skipping = False
        self.malformed = 0
        """Lines that were no JSON object, or too long."""

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The objects on the lines that these bytes complete, in order. An unfinished line is kept for later."""
        *complete, rest = data.split(b"\n")
        records = []
        for part in complete:
            self._keep(part)
            if not self._skipping and (record := self._parse(b"".join(self._parts))) is not None:
                records.append(record)
            self._parts, self._size, self._skipping = [], 0, False
        self._keep(rest)
        return records

    def _keep(self, part: bytes) -> None:
        if self._skipping or not part:
            return
        self._size += len(part)
        if self._size > self._max_line:
            self._skipping = True
            self._parts = []
            self.malformed += 1
        else:
            self._parts.append(part)

    def _parse(self, line: bytes) -> dict[str, Any] | None:
        if not line.strip():
            return None
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            return record
        self.malformed += 1
        return None
