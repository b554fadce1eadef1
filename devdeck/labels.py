"""Labels: what a session may be called.

A label is also a branch name, so it obeys git's rules for reference names (git-check-ref-format(1)); beyond them it is
refused what would be taken for an option, a wildcard target or invisible text.
"""

from __future__ import annotations

import re
import unicodedata

RESERVED = frozenset({"all", "-", "@", "HEAD", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD"})
"""Words that verbs use for something else, or that git does."""

MAX_BYTES = 120
"""Longest label in UTF-8 bytes: it becomes a folder name, a tmux name and a branch."""

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")


def why_not_label(label: str) -> str:
    """Say why a label can't be used; empty when it can.

    Args:
        label: What the user typed.
    """
    if not label:
        return "a label can't be empty"
    if label.lower() == "all" or label in RESERVED:
        return f"{label!r} is reserved"
    if len(label.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return f"a label can't be longer than {MAX_BYTES} bytes"
    if label.startswith("-"):
        return "a label can't start with '-'"
    if match := _FORBIDDEN.search(label):
        character = match.group()
        return "a label can't contain " + ("white space" if character.isspace() else repr(character))
    for character in label:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"):
            return f"a label can't contain the invisible character U+{ord(character):04X}"
    return _why_not_reference(label)


def _why_not_reference(name: str) -> str:
    for sequence in ("..", "@{", "//"):
        if sequence in name:
            return f"a label can't contain {sequence!r}"
    if name.startswith("/") or name.endswith("/"):
        return "a label can't start or end with '/'"
    if name.endswith("."):
        return "a label can't end with '.'"
    for part in name.split("/"):
        if part.startswith("."):
            return "no part of a label can start with '.'"
        if part.endswith(".lock"):
            return "no part of a label can end with '.lock'"
    return ""


def folder_name(label: str) -> str:
    """A folder name for a label: slashes become dashes, so that worktrees never nest."""
    return label.replace("/", "-")
