"""Files that git ignores: how much there is of them, and what the trash does not keep of it."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from devdeck.git import scratch
from devdeck.git.trash import Where
from devdeck.removal.moving import measure, size_words
from devdeck.text import one_line

SECONDS = 2.0
"""Longest time that measuring takes in one worktree."""
ENTRIES = 300_000
"""Most files and folders that are looked at in one of its ignored folders."""

REMADE = frozenset({
    "node_modules", "bower_components", ".venv", "venv", "__pycache__", ".tox", ".nox", ".mypy_cache", ".pytest_cache",
    ".ruff_cache", ".hypothesis", ".eggs", "target", "build", "dist", "out", ".next", ".nuxt", ".turbo", ".gradle",
    ".cache", ".parcel-cache", ".bundle", "Pods", "DerivedData", ".terraform", "coverage", "htmlcov", ".build",
    "_build", "deps", ".svelte-kit", ".angular", ".dart_tool", ".stack-work", "dist-newstyle", "zig-cache",
})  # fmt: skip
"""Names of folders that a tool makes again from what git has."""


class Ignored(msgspec.Struct, frozen=True):
    """One ignored file or folder."""

    path: str
    """Relative to the worktree."""
    size: int
    """Bytes, as `measure` counts them; at least that much when it was not looked at completely."""
    remade: bool
    """Whether a tool makes it again."""
    droppable: bool
    """Whether all of it was looked at, there is no repository in it, and its name can be written down."""

    def words(self) -> str:
        """Its name and size."""
        return f"{one_line(self.path.rstrip('/'), limit=80)} {size_words(self.size)}"


def look(where: Where) -> tuple[Ignored, ...]:
    """What git ignores in a worktree, the largest first. Bounded in time.

    Raises:
        DeckError: git failed.
    """
    deadline = time.monotonic() + SECONDS
    found = []
    for path in scratch.ignored(where.cwd, where.env):
        place = Path(where.cwd, path)
        extent = measure(str(place), entries=ENTRIES, seconds=max(0.0, deadline - time.monotonic()))
        remade = place.is_dir() and (place.name in REMADE or (place / "CACHEDIR.TAG").is_file())
        sure = extent.complete and not extent.repository and path.isprintable()
        found.append(Ignored(path, extent.size, remade, sure))
    return tuple(sorted(found, key=lambda item: (-item.size, item.path)))


def over(found: tuple[Ignored, ...], limit: int | None) -> tuple[Ignored, ...]:
    """What is not kept, the largest first, until the rest is within the limit (bytes; `None` for none).

    What tools make again goes before anything else.
    """
    if limit is None:
        return ()
    total = sum(item.size for item in found)
    going = []
    for item in sorted(found, key=lambda item: (not item.remade, -item.size)):
        if total <= limit:
            break
        if item.droppable:
            going.append(item)
            total -= item.size
    return tuple(going)


def words(found: tuple[Ignored, ...], shown: int = 4) -> str:
    """The largest of them, and how much all are; empty when there is none."""
    if not found:
        return ""
    named = ", ".join(item.words() for item in found[:shown])
    rest = f" and {len(found) - shown} more, {size_words(sum(item.size for item in found))} in all"
    return named + (rest if len(found) > shown else "")
