"""What is not committed of one file, the staged part and the rest apart; for the event loop, ended by cancelling it."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from devdeck.git.history import NEW_FILES
from devdeck.git.process import git_async
from devdeck.git.scratch import scratch_index
from devdeck.git.status import entries, require_worktree
from devdeck.model import DiffPart

LIMIT = 2_000_000
"""Bytes of a part's diff that are kept."""
LARGEST = 8 * 2**20
"""Bytes of a file above which git does not compare it line by line, but says that it differs."""
SHORT = 10.0
"""Seconds for a call that reads the index alone."""

_BINARY = re.compile(r"^Binary files .* differ$", re.MULTILINE)
_LITERAL = {"GIT_LITERAL_PATHSPECS": "1"}
_DIFF = (
    "-c", "core.splitIndex=false", "-c", f"core.bigFileThreshold={LARGEST}", "diff", "--patch", "--no-ext-diff",
    "--no-textconv", "--no-color", "--submodule=short", "--src-prefix=a/", "--dst-prefix=b/",
)  # fmt: skip


async def file_diff(worktree: str, path: str, timeout: float = 20.0) -> tuple[DiffPart, ...]:
    """The parts in which a path differs from HEAD, the staged one first; nothing when it does not (any more).

    No external diff, text converter, pager or colour. New files are shown whole, of a new folder up to `NEW_FILES` of
    them. Whatever is longer than `LIMIT` is cut.

    Args:
        worktree: Top folder of the worktree.
        path: As `devdeck.git.status.changes` names it: relative to `worktree`, a new folder with a `/` behind.
        timeout: Seconds for each call of git.

    Raises:
        NotFound: There is no worktree (any more).
        DeckError: git failed or took too long.
    """
    own = await asyncio.to_thread(require_worktree, worktree)
    code = await _code(worktree, path, timeout)
    if code == "??":
        return await _new(worktree, own, path, timeout)
    if code.startswith("U:"):
        return (await _part("conflicts", worktree, timeout, await _ours(worktree), "--", path),)
    parts = []
    if code[:1] not in ("", " "):
        paths = await _with_origin(worktree, path, timeout)
        parts.append(await _part("staged", worktree, timeout, "--cached", "--find-renames", "--", *paths))
    if code[1:] not in ("", " "):
        parts.append(await _part("changed", worktree, timeout, "--", path))
    return tuple(part for part in parts if part.text)


async def _code(worktree: str, path: str, timeout: float) -> str:
    """The path's code as `entries` gives it; empty when nothing differs."""
    raw = await git_async(
        worktree, "status", "--porcelain=v2", "--untracked-files=normal", "--no-renames", "-z", "--", path,
        timeout=timeout, env=_LITERAL, limit=LIMIT,
    )  # fmt: skip
    found = {name: code for code, name in entries(raw.stdout)}
    if path in found:
        return found[path]
    return "??" if path.endswith("/") and "??" in found.values() else ""


async def _ours(worktree: str) -> str:
    head = await git_async(worktree, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", timeout=SHORT, check=False)
    if head.status == 0:
        return head.text.strip()
    return (await git_async(worktree, "hash-object", "-t", "tree", "--stdin", timeout=SHORT, input=b"")).text.strip()


async def _with_origin(worktree: str, path: str, timeout: float) -> tuple[str, ...]:
    """The path, and if it was renamed or copied in the index also where it was: of one alone git sees no rename."""
    known = await git_async(
        worktree, "ls-tree", "-z", "--name-only", await _ours(worktree), "--", path, timeout=SHORT, env=_LITERAL
    )
    if known.stdout:
        return (path,)
    raw = await git_async(
        worktree, "diff", "--cached", "--no-ext-diff", "--find-renames", "--name-status", "--diff-filter=R", "-z", "--",
        timeout=timeout, limit=LIMIT,
    )  # fmt: skip
    fields = iter(raw.stdout.split(b"\0"))
    for _, old, new in zip(fields, fields, fields, strict=False):
        if os.fsdecode(new) == path:
            return (os.fsdecode(old), path)
    return (path,)


async def _new(worktree: str, own: Path, path: str, timeout: float) -> tuple[DiffPart, ...]:
    """What git does not follow yet, as if it were to be added."""
    raw = await git_async(
        worktree, "ls-files", "-z", "--others", "--exclude-standard", "--", path, timeout=timeout, env=_LITERAL
    )
    paths = [name for name in raw.stdout.split(b"\0") if name]
    shown = [name for name in paths if not name.endswith(b"/")][:NEW_FILES]
    if not paths:
        return ()
    with ExitStack() as stack:
        env = {**await asyncio.to_thread(stack.enter_context, scratch_index(own)), **_LITERAL}
        if shown:
            await git_async(
                worktree, "-c", "core.splitIndex=false", "add", "--intent-to-add", "--ignore-errors",
                "--pathspec-from-file=-", "--pathspec-file-nul", check=False, timeout=timeout, env=env,
                input=b"\0".join(shown),
            )  # fmt: skip
        part = await _part("untracked", worktree, timeout, "--", *map(os.fsdecode, shown), env=env)
    left = len(paths) - len(shown)
    inside = path.endswith("/") and not shown
    more = "a repository of its own" if inside else f"{left:,} more new files are not shown" if left else ""
    return (DiffPart(kind=part.kind, text=part.text, note=part.note or more),)


async def _part(kind: str, worktree: str, timeout: float, *args: str, env: Mapping[str, str] | None = None) -> DiffPart:
    """The diff that `args` ask for; the paths come last, behind `--`."""
    paths = args[args.index("--") + 1 :]
    if not paths:
        return DiffPart(kind=kind, text="")
    output = await git_async(worktree, *_DIFF, *args, timeout=timeout, env={**_LITERAL, **(env or {})}, limit=LIMIT)
    text = output.stdout.decode("utf-8", "replace")
    if len(paths) == 1 and await asyncio.to_thread(_large, Path(worktree, paths[0])):
        text = _BINARY.sub(f"larger than {LARGEST // 2**20} MiB: not compared line by line", text)
    if not output.cut:
        return DiffPart(kind=kind, text=text)
    return DiffPart(kind=kind, text=text[: text.rfind("\n") + 1], note=f"cut after {LIMIT // 1_000_000} MB")


def _large(path: Path) -> bool:
    try:
        return path.lstat().st_size > LARGEST
    except OSError:
        return False
