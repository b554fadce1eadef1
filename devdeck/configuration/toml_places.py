"""Where in a TOML file each key and value stands, which the standard library's parser does not tell.

Reads text that `tomllib` has accepted already, so it looks at structure only (https://toml.io/en/v1.0.0).
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]
"""Keys and list indexes from the top of a document."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""(?!")))*"""' r"|'''(?:[^']|'(?!''(?!')))*'''" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")


class Scan:
    """One pass over a text.

    Attributes:
        values: Offset in the text of each value, by its path; tables stand where their header does.
        keys: Offset of each key, by the path of its value.
    """

    def __init__(self, text: str) -> None:
        self.values: dict[Path, int] = {}
        self.keys: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._counts: dict[Path, int] = {}
        self._document()

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found.group()

    def _is(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _document(self) -> None:
        table: Path = ()
        while self._skip(_BLANK) is not None and self._at < len(self._text):
            if self._is("["):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        """`[a.b]` or `[[a.b]]`; returns the path of the table that it opens."""
        start = self._at
        several = self._is("[[")
        self._at += 2 if several else 1
        names = self._key()
        self._skip(_SPACE)
        self._at += 2 if several else 1
        path: Path = ()
        for name, _ in names[:-1]:
            path = self._last((*path, name))
            self.values.setdefault(path, start)
        name, place = names[-1]
        path = (*path, name)
        self.keys.setdefault(path, place)
        if several:
            self.values.setdefault(path, start)
            self._counts[path] = self._counts.get(path, -1) + 1
            path = self._last(path)
        self.values[path] = start
        return path

    def _last(self, path: Path) -> Path:
        """A table's path, or that of the newest one in a list of tables."""
        return (*path, self._counts[path]) if path in self._counts else path

    def _key(self) -> list[tuple[str, int]]:
        """A dotted key: each name with its offset."""
        names = []
        while True:
            self._skip(_SPACE)
            start = self._at
            quoted = self._skip(_STRING)
            name = str(tomllib.loads(f"x = {quoted}")["x"]) if quoted else self._skip(_BARE)
            names.append((name, start))
            self._skip(_SPACE)
            if not self._is("."):
                return names
            self._at += 1

    def _pair(self, table: Path) -> None:
        path = table
        for name, place in self._key():
            path = (*path, name)
            self.keys.setdefault(path, place)
            self.values.setdefault(path, place)
        self._at += 1  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        self.values[path] = self._at
        if self._is("["):
            self._items(path, "]")
        elif self._is("{"):
            self._items(path, "}")
        elif not self._skip(_STRING):
            self._skip(_SCALAR)

    def _items(self, path: Path, end: str) -> None:
        """The inside of a list, or of a table on one line."""
        self._at += 1
        number = 0
        while self._skip(_BLANK) is not None and self._at < len(self._text) and not self._is(end):
            if end == "]":
                self._value((*path, number))
                number += 1
            else:
                self._pair(path)
            self._skip(_BLANK)
            if self._is(","):
                self._at += 1
        self._at += 1
