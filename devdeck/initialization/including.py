"""Files of the main worktree that a new worktree gets too: found by patterns, copied, cloned or linked.

Nothing is read or written outside of the two trees. Folders are opened one name at a time and never through a link,
so neither a link in the main worktree nor one that a branch brought into the new worktree leads anywhere else. What is
in the new worktree already is never replaced. What was put there is written down beforehand, in git's own folder of
the worktree, so that it can be taken back after a kill; what was changed since is left.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from devdeck.errors import DeckError
from devdeck.git.repository import git_dir
from devdeck.initialization.inclusion.copying import Copy
from devdeck.initialization.inclusion.look import LIMITS, Limits, Look
from devdeck.initialization.inclusion.manifest import MANIFEST, Manifest, remove, remove_temporary
from devdeck.initialization.inclusion.trees import descend_path
from devdeck.initialization.patterns import is_literal, parts_of
from devdeck.initialization.repo_config import Include

__all__ = ["LIMITS", "Limits", "Survey", "exists", "include", "notes", "survey", "take_back"]


class Survey(msgspec.Struct, frozen=True):
    """What including would bring."""

    files: int
    size: int
    """Bytes."""
    warnings: tuple[str, ...] = ()
    """Patterns that match nothing, and what can't be included."""


def survey(source: str, includes: Sequence[Include], *, worktree: str = "", limits: Limits = LIMITS) -> Survey:
    """What including would bring, and whether it may. Changes nothing.

    Args:
        source: Main worktree.
        includes: What is wanted.
        worktree: The new worktree, never included in itself; it need not exist.
        limits: How much is allowed.

    Raises:
        Refused: A link leads out of the repository; it is named.
        DeckError: It is more than allowed, or can't be read.
    """
    look = Look(source, worktree, limits)
    look.go(includes)
    return Survey(look.files, look.size, tuple(look.notes))


def include(source: str, worktree: str, includes: Sequence[Include], *, key: str, limits: Limits = LIMITS) -> None:
    """Bring files into a worktree. May be called again after it was cut off. See `notes` for what was left out.

    Args:
        source: Main worktree.
        worktree: The new worktree; what is there already stays as it is.
        includes: What is wanted.
        key: Name of this act, for `take_back`.
        limits: How much is allowed.

    Raises:
        Refused: A link leads out of the repository; it is named.
        DeckError: It is more than allowed, or reading or writing failed.
    """
    if os.path.realpath(source) == os.path.realpath(worktree) or not os.path.isdir(source):
        return
    with Manifest.open(worktree, key) as manifest:
        for entry in manifest.entries():
            remove_temporary(worktree, entry)
        with Copy(source, worktree, limits, manifest) as copy:
            copy.go(includes)
            copy.finish()


def notes(worktree: str) -> tuple[str, ...]:
    """What the last act of including left out of a worktree, and why; empty when there was none."""
    own = git_dir(worktree)
    if own is None or not (own / MANIFEST).exists():
        return ()
    with Manifest.open(worktree, "") as manifest:
        entries = manifest.all_entries()
    last = next((entry["key"] for entry in reversed(entries) if entry["is"] != "undone"), None)
    return tuple(str(entry["path"]) for entry in entries if entry["key"] == last and entry["is"] == "note")


def take_back(worktree: str, *, key: str) -> tuple[str, ...]:
    """Remove what an act of including brought into a worktree, as far as it is unchanged.

    Returns:
        What was changed since, and is left, relative to the worktree.
    """
    own = git_dir(worktree)
    if own is None or not (own / MANIFEST).exists():
        return ()
    changed = []
    with Manifest.open(worktree, key) as manifest:
        for entry in reversed(manifest.entries()):
            remove_temporary(worktree, entry)
            if not remove(worktree, entry):
                changed.append(str(entry["path"]))
        manifest.close_key()
    return tuple(changed)


def exists(root: str, pattern: str) -> bool:
    """Whether something in a worktree has this path, or matches this pattern; through links only without a pattern."""
    parts = parts_of(pattern)
    if all(is_literal(part) for part in parts):
        return os.path.exists(os.path.join(root, *parts))
    look = Look(root, "", LIMITS)
    try:
        with descend_path(root, ()) as folder:
            return next(look.match(folder, parts, ()), None) is not None
    except (OSError, DeckError):
        return False
