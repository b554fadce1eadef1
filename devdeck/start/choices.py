"""The branches and tags that the dashboard offers to be picked."""

from __future__ import annotations

import re

from devdeck.git.process import git
from devdeck.live import BranchChoice

MAX_CHOICES = 500
"""Most branches and tags offered to be picked."""
_KINDS = {"heads": "local", "remotes": "remote", "tags": "tag"}
_REQUESTS = re.compile(r"refs/remotes/.+/(?:pull|merge-requests)/[0-9]+/head")
_FIELDS = ("refname", "symref", "creatordate:unix", "contents:subject", "worktreepath")


def choices(root: str, timeout: float = 10.0) -> tuple[BranchChoice, ...]:
    """Branches and tags that can be picked, those with the newest commits first, at most `MAX_CHOICES`.

    Symbolic references, such as `origin/HEAD`, and what was fetched of pull requests are left out.

    Raises:
        NotFound: There is no repository at `root`.
        DeckError: git failed, or took longer than `timeout` seconds.
    """
    raw = git(
        root, "for-each-ref", "--sort=-creatordate", f"--count={2 * MAX_CHOICES}",
        f"--format={''.join(f'%({field})%00' for field in _FIELDS)}",
        "refs/heads", "refs/remotes", "refs/tags", timeout=timeout,
    ).text  # fmt: skip
    fields = raw.split("\0")
    found = []
    for start in range(0, len(fields) - len(_FIELDS), len(_FIELDS)):
        name, symbolic, at, subject, worktree = fields[start : start + len(_FIELDS)]
        name = name.removeprefix("\n")
        kind = _KINDS.get(name.split("/")[1])
        if symbolic or kind is None or _REQUESTS.fullmatch(name):
            continue
        found.append(
            BranchChoice(
                name=name.split("/", 2)[2],
                kind=kind,
                at=float(at or 0),
                subject=subject,
                worktree=worktree or None,
            )
        )
    return tuple(found[:MAX_CHOICES])
