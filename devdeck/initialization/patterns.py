"""Patterns of files in a tree: `*`, `?` and `[abc]` within a name, `**` for any number of folders.

As in a shell, names that begin with a dot are matched only by a pattern that has one there. Links are never followed,
and `.git` never matches.
"""

from __future__ import annotations

import fnmatch
import re

_MAGIC = re.compile(r"[*?[]")
_LONGEST = 4096
_MOST_STARS = 8


def is_git_name(name: str) -> bool:
    """Whether a name is git's own, also where the file system does not tell upper from lower case."""
    return name.lower() == ".git"


def parts_of(pattern: str) -> tuple[str, ...]:
    """A pattern's names, without `.` and empty ones."""
    return tuple(part for part in pattern.split("/") if part not in ("", "."))


def why_not_pattern(pattern: str) -> str:
    """Why a pattern can't be used (`… leads out of the repository`); empty when it can."""
    if "\0" in pattern:
        return "holds a NUL character"
    if pattern.startswith(("/", "~/")) or pattern == "~":
        return "is no relative path"
    parts = parts_of(pattern)
    if not parts:
        return "is the whole repository" if pattern.strip() else "is empty"
    if ".." in parts:
        return "leads out of the repository"
    if any(is_git_name(part) for part in parts):
        return "is git's own"
    if len(pattern) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if parts.count("**") > _MOST_STARS:
        return f"has more than {_MOST_STARS} times **"
    return ""


def is_literal(part: str) -> bool:
    """Whether one name of a pattern matches only itself."""
    return not _MAGIC.search(part)


def matches(part: str, name: str) -> bool:
    """Whether one name of a pattern (not `**`) matches a file's name."""
    if is_git_name(name):
        return False
    if is_literal(part):
        return part == name
    if name.startswith(".") and not part.startswith("."):
        return False
    return fnmatch.fnmatchcase(name, part)
