"""Labels: what a session may be called.

A label is also a branch name, so it obeys git's rules for reference names (git-check-ref-format(1)); beyond them it is
refused what would be taken for an option, a wildcard target or invisible text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from devdeck.text import one_line

RESERVED = frozenset({"all", "-", "@", "HEAD", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD"})
"""Words that verbs use for something else, or that git does."""

MAX_BYTES = 120
"""Longest label in UTF-8 bytes: it becomes a folder name, a tmux name and a branch."""

_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks that show nothing (Unicode, `Default_Ignorable_Code_Point`)."""
_OID = re.compile(r"[0-9A-Fa-f]{40}(?:[0-9A-Fa-f]{24})?")
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
        invisible = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp")
        if invisible or character in _BLANK:
            return f"a label can't contain the invisible character U+{ord(character):04X}"
    return _why_not_reference(label)


def _why_not_reference(name: str) -> str:
    for sequence in ("..", "@{", "//"):
        if sequence in name:
            return f"a label can't contain {sequence!r}"
    if name.startswith("/") or name.endswith("/"):
        return "a label can't start or end with '/'"
    if name.startswith("refs/"):
        return "a label can't start with 'refs/', which means something else to git"
    if _OID.fullmatch(name):
        return "a label can't look like the id of a commit"
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


def printable(name: str) -> str:
    """A name as a folder's: typed and shown, where a control character would be in the way."""
    return "".join(character if character.isprintable() else "-" for character in name)


def free_label(label: str, repository: str, taken: Container[str]) -> tuple[str, tuple[str, ...]]:
    """A label that can be used and is free, near to one that may not be, and what was changed about it, in words."""
    mended = mend(label)
    shown = one_line(label, limit=200)
    told = () if mended == label else (f"the label {shown!r} can't be used here, so it is {mended!r}",)
    if mended not in taken:
        return mended, told
    stem = mend(f"{mended}-{repository}")
    found = next(name for number in range(1, 10_000) if (name := f"{stem[: MAX_BYTES - 5]}-{number}") not in taken)
    return found, (*told, f"a session {mended!r} exists, so it is {found!r}")


def mend(label: str) -> str:
    """A label that obeys the rules (`devdeck.labels`), near to one that may not."""
    if not why_not_label(label):
        return label
    text = "".join(character if character.isprintable() else "-" for character in label)
    text = re.sub(r"[\s~^:?*\[\\]+", "-", text)
    text = re.sub(r"\.{2,}", ".", text).replace("@{", "@-")
    parts = [part.strip(".").removesuffix(".lock").strip(".") for part in text.split("/")]
    text = "/".join(part for part in parts if part).lstrip("-")
    while len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        text = text[:-1].rstrip("./")
    return next(
        (name for name in (text, f"{text}-1", re.sub(r"[^\w/-]", "-", text, flags=re.ASCII).strip("-/"))
         if name and not why_not_label(name)),
        "session",
    )  # fmt: skip
