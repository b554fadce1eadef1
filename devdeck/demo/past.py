"""What happened in the demo's repositories before it began, as a stream for `git fast-import`.

The format is that of git-fast-import(1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from devdeck.demo import texts

DAY = 86400.0
MAIN = "refs/heads/main"


class Past(NamedTuple):
    """A commit of long ago."""

    message: str
    author: str
    days: float
    """How long ago."""
    paths: tuple[str, ...] = ()
    """Files and folders of the repository that it brings."""
    ref: str = MAIN
    """Where it is; another name than `MAIN` gets one commit on top of that."""
    edits: Mapping[str, tuple[str, str]] = {}
    """By path: a text that the file holds once, and what it is replaced by."""
    tag: str = ""


HISTORY: Mapping[str, tuple[Past, ...]] = {
    "storefront": (
        Past("a cart and its prices", "Mina", 41, (".gitignore", "README.md", "pyproject.toml", "storefront/")),
        Past("tests for the cart and its prices", "Jo", 12, ("Makefile", "tests/"), tag="v1.4.0"),
        Past("new worktrees get a catalogue", "Mina", 5, (".devdeck.toml", "tools/")),
        Past(
            "vouchers, as far as they go",
            "Jo",
            3,
            ref="refs/heads/vouchers",
            edits={"README.md": ("a small shop.\n", "a small shop. Vouchers come with the next release.\n")},
        ),
        Past(
            "cart: gift wrapping",
            "Ada",
            0.2,
            ref="refs/pull/7/head",
            edits={
                "storefront/cart.py": ("    def total(", texts.GIFT_WRAP + "    def total("),
                "tests/test_cart.py": ("\n\n@pytest.mark.skip(", texts.GIFT_WRAP_TEST + "\n\n@pytest.mark.skip("),
            },
        ),
    ),
    "weather-api": (
        Past("stations and their readings", "Jo", 30, (".gitignore", "README.md", "pyproject.toml", "weather/")),
        Past("readings that no planet has are refused", "Sam", 9, ("tests/",)),
    ),
    "tilegame": (
        Past("boxes fall", "Sam", 63, (".gitignore", "README.md", "pyproject.toml", "tilegame/")),
        Past("boxes bounce", "Ada", 20, ("tests/",)),
    ),
}
"""By repository, the oldest first; together they bring every file."""


def stream(history: Iterable[Past], files: Mapping[str, str], now: float) -> bytes:
    """The commits as `git fast-import` reads them.

    Args:
        history: Which, the oldest first.
        files: Text by path.
        now: The time from which `Past.days` count back, in UNIX seconds.
    """
    return b"".join(_commit(past, files, now) for past in history)


def _commit(past: Past, files: Mapping[str, str], now: float) -> bytes:
    who = f"{past.author} <{past.author.lower()}@example.invalid> {now - past.days * DAY:.0f} +0000"
    head = f"commit {past.ref}\nauthor {who}\ncommitter {who}\n".encode()
    onto = b"" if past.ref == MAIN else f"from {MAIN}\n".encode()
    brought = {path: text for path, text in files.items() if path.startswith(past.paths)}
    brought |= {path: edited(files[path], old, new) for path, (old, new) in past.edits.items()}
    changes = b"".join(f"M 644 inline {path}\n".encode() + _data(text) for path, text in sorted(brought.items()))
    tag = f"reset refs/tags/{past.tag}\nfrom {past.ref}\n\n".encode() if past.tag else b""
    return head + _data(past.message) + onto + changes + tag


def _data(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n%s\n" % (len(content), content)


def edited(text: str, old: str, new: str) -> str:
    """A text with a part of it replaced.

    Raises:
        ValueError: It does not hold the part exactly once.
    """
    if text.count(old) != 1:
        raise ValueError(f"not once in the text that the demo wants to change: {old!r}")
    return text.replace(old, new)
