"""Branches and commits by name. A name that comes from outside is resolved to an object id early.

Rules of names: git-check-ref-format(1), and beyond them what terminals, shells and options make dangerous.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

from devdeck.errors import DeckError, NotFound, Refused, UsageError
from devdeck.git.changing import change
from devdeck.git.process import git
from devdeck.git.repository import git_dir
from devdeck.git.worktrees import list_worktrees
from devdeck.text import one_line

_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_TOLD = re.compile(r"([0-9a-f]{40}(?:[0-9a-f]{24})?) [a-z]+")
_INVISIBLE = ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp")
MAX_NAME = 240
"""Longest branch name in bytes: each part becomes a file name, with `.lock` behind it."""


def check_branch_name(name: str) -> str:
    """Why a name can't be a branch's; empty when it can.

    git's own rules are asked of git; before that, names are refused that git allows or that git would take for
    something else: options, `@{-1}` and `-` (the branch before), white space and invisible characters of any script.

    Raises:
        Missing: git is not installed.
    """
    if reason := why_not_name(name):
        return reason
    if git("/", "check-ref-format", f"refs/heads/{name}", check=False).status != 0:
        return "git does not allow it as a branch name"
    return ""


def why_not_name(name: str) -> str:
    """What `check_branch_name` has against a name beyond git's own rules, which git tells when it makes the branch."""
    if not name:
        return "a branch name can't be empty"
    if name.startswith("-"):
        return "a branch name can't start with '-'"
    if name in ("HEAD", "@") or "@{" in name or name.startswith("refs/") or _OID.fullmatch(name.lower()):
        return f"{name!r} means something else to git"
    for character in name:
        if unicodedata.category(character) in _INVISIBLE:
            return f"a branch name can't contain the character U+{ord(character):04X}"
    if len(os.fsencode(name)) > MAX_NAME:
        return f"a branch name can't be longer than {MAX_NAME} bytes"
    return ""


def require_branch_name(name: str) -> None:
    """Let pass a name that a branch can have.

    Raises:
        UsageError: `check_branch_name` has a reason against it.
    """
    if reason := check_branch_name(name):
        raise UsageError(f"can't use {one_line(name, limit=120)!r} as a branch: {reason}")


def resolve_commit(root: str, ref: str) -> str:
    """The full object id of the commit that a branch, tag, abbreviated id or other revision means.

    Raises:
        NotFound: It means no commit, or there is no repository at `root`.
    """
    shown = one_line(ref, limit=120)
    if not _passable(ref):
        raise NotFound(f"no commit {shown!r}", "name a branch, a tag or a commit id")
    found = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", check=False)
    oid = found.text.strip()
    if found.status == 0 and _OID.fullmatch(oid):
        return oid
    # An error other than "no such revision" is git's to explain: a repository that is gone, or not to be trusted.
    git(root, "rev-parse", "--git-dir")
    if ref == "HEAD":
        raise NotFound("the repository has no commit yet", "make the first commit: `git commit --allow-empty -m start`")
    raise NotFound(f"no commit {shown!r} in {root}", "`git branch -a` and `git tag` list what there is")


def meant(root: str, *revisions: str) -> tuple[str | None, ...]:
    """The object ids that revisions mean, in their order, by one process; `None` for what means nothing.

    A full name of a branch that is not there can also mean a tag of that whole name, which only absurd repositories
    have: where something is found, `local_branch_exists` and `remote_branch` tell exactly.

    Args:
        root: Main worktree of the repository.
        revisions: Names without line breaks.

    Raises:
        NotFound: There is no repository at `root`.
    """
    asked = "".join(f"{revision}\n" for revision in revisions)
    told = git(root, "cat-file", "--batch-check=%(objectname) %(objecttype)", input=os.fsencode(asked)).text
    found = [_TOLD.fullmatch(line) for line in told.split("\n")[: len(revisions)]]
    return tuple(match[1] if match else None for match in found)


def is_object_id(text: str) -> bool:
    """Whether a text is a full object id (SHA-1 or SHA-256), whatever it may be the id of."""
    return _OID.fullmatch(text) is not None


def _passable(name: str) -> bool:
    """Whether a name of something that may exist can be given to git at all; stricter rules are for new names."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return bool(name) and "\0" not in name and not name.startswith("-")


def _ref_oid(root: str, name: str) -> str | None:
    """The object id of exactly this reference (a full name), or `None`."""
    shown = git(root, "show-ref", "--verify", "--hash", "--", name, check=False)
    oid = shown.text.strip()
    if shown.status == 0 and _OID.fullmatch(oid):
        return oid
    if "not a valid ref" not in shown.stderr:
        git(root, "rev-parse", "--git-dir")  # raises where it is the repository that is missing
    return None


def local_branch_exists(root: str, branch: str) -> bool:
    """Whether there is a local branch of exactly this name.

    Raises:
        NotFound: There is no repository at `root`.
    """
    return _passable(branch) and _ref_oid(root, f"refs/heads/{branch}") is not None


def remote_branch(root: str, name: str) -> str | None:
    """The remote-tracking branch that a name means, such as `origin/x`; nothing is fetched.

    As `git switch` guesses: the one remote that has it; of several the one that `checkout.defaultRemote` names, else
    `origin`; `None` when there is none, or when several have it and none of them is preferred.

    Raises:
        NotFound: There is no repository at `root`.
    """
    if not _passable(name):
        return None
    having = [
        remote
        for remote in git(root, "remote").text.splitlines()
        if remote and _ref_oid(root, f"refs/remotes/{remote}/{name}")
    ]
    if len(having) > 1:
        preferred = git(root, "config", "--get", "checkout.defaultRemote", check=False).text.strip() or "origin"
        having = [remote for remote in having if remote == preferred]
    return f"{having[0]}/{name}" if having else None


def checked_out_at(root: str, branch: str) -> str | None:
    """The worktree that has a branch checked out, or is rebasing or bisecting it; `None` when none does.

    Raises:
        NotFound: There is no repository at `root`.
    """
    for worktree in list_worktrees(root):
        if worktree.branch == branch:
            return worktree.path
        own = git_dir(worktree.path) if worktree.detached else None
        if own is not None and branch in _held(own):
            return worktree.path
    return None


def _held(own: Path) -> set[str]:
    names = set()
    for file in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
        try:
            names.add(os.fsdecode((own / file).read_bytes()).strip().removeprefix("refs/heads/"))
        except OSError:
            continue
    return names


def delete_branch(root: str, branch: str, *, expected_oid: str) -> None:
    """Delete a local branch, with its upstream setting, if it still is where the caller last saw it.

    Args:
        root: Main worktree of the repository.
        branch: Its name.
        expected_oid: Full object id that it must point to.

    Raises:
        Refused: It is checked out somewhere, or has moved meanwhile.
        NotFound: There is no such branch, or no repository at `root`.
    """
    if not _passable(branch):
        raise NotFound(f"no branch {one_line(branch, limit=120)!r} in {root}")
    if not _OID.fullmatch(expected_oid):
        raise UsageError(f"{expected_oid!r} is no full object id")
    if place := checked_out_at(root, branch):
        raise Refused(f"branch {branch!r} is in use at {place}", "remove that worktree first")
    name = f"refs/heads/{branch}"
    oid = _ref_oid(root, name)
    if oid is None:
        raise NotFound(f"no branch {branch!r} in {root}")
    if oid != expected_oid:
        raise Refused(f"branch {branch!r} has new commits since it was looked at", "look again, then decide")
    try:
        # git compares and deletes in one step.
        change(root, "update-ref", "-d", name, expected_oid)
    except DeckError as error:
        if _ref_oid(root, name) in (None, expected_oid):
            raise
        raise Refused(f"branch {branch!r} has new commits since it was looked at", "look again, then decide") from error
    if git(root, "config", "--local", "--get-regexp", f"^branch\\.{re.escape(branch)}\\.", check=False).stdout:
        change(root, "config", "--local", "--remove-section", f"branch.{branch}")


def unique_commits(root: str, ref_or_oid: str, *, excluding_branch: str | None = None) -> int:
    """How many commits would be lost with a branch: reachable from it and from no other branch, remote or tag.

    Args:
        root: Main worktree of the repository.
        ref_or_oid: Where to start.
        excluding_branch: Local branch that does not count as keeping them; `None` when every branch does.

    Raises:
        NotFound: `ref_or_oid` means no commit.
    """
    oid = resolve_commit(root, ref_or_oid)
    exclude = (f"--exclude={excluding_branch}",) if excluding_branch else ()
    counted = git(
        root, "rev-list", "--count", oid, "--not", *exclude, "--branches", "--remotes", "--tags", "--", timeout=30.0
    )
    return int(counted.stdout)


def commit_of(root: str, name: str) -> str | None:
    """The object id that a reference of exactly this full name points to; `None` when there is none."""
    return _ref_oid(root, name) if _passable(name) else None
