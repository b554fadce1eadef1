"""What was typed on the command line, kept over restarts: bounded, without repeats, readable by the user alone."""

from __future__ import annotations

from pathlib import Path

from tui.private_file import read_text, replace_text

LIMIT = 500
"""Most lines that are kept."""


class History:
    """Lines with their mode sign first (`:open api`, `$ make`), the newest last.

    `load` and `save` touch the disk: call them in a thread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[str] = []
        self._new: list[str] = []

    @property
    def lines(self) -> tuple[str, ...]:
        """All lines, the newest last."""
        return tuple(self._lines)

    def of(self, mode: str) -> tuple[str, ...]:
        """Lines of one mode without its sign, the newest last."""
        return tuple(line[1:] for line in self._lines if line[:1] == mode)

    def add(self, mode: str, line: str) -> None:
        """Keep a line; an equal older one is dropped. Lines that are empty or start with a space are not kept."""
        if not line.strip() or line.startswith(" ") or "\n" in line:
            return
        entry = mode + line.rstrip()
        self._lines = _bounded([*self._lines, entry])
        self._new.append(entry)

    def load(self) -> None:
        """Read the file; lines added before come after those read."""
        self._lines = _bounded([*self._read(), *self._new])

    def save(self) -> None:
        """Add new lines to the file as it is now: another dashboard may have written since.

        Raises:
            OSError: It can't be written.
        """
        new, self._new = self._new, []
        if new:
            replace_text(self._path, "".join(f"{line}\n" for line in _bounded([*self._read(), *new])))

    def _read(self) -> list[str]:
        return [line for line in read_text(self._path).splitlines() if line]


def _bounded(lines: list[str]) -> list[str]:
    newest = list(dict.fromkeys(reversed(lines)))[:LIMIT]
    return newest[::-1]
