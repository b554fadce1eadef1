"""Before something is removed: what would be lost, and a copy of it in hidden references.

The copy is made with a copy of the index, so that the user's index, HEAD, branch, stash and reflogs stay as they are;
no hook runs. References under `refs/devdeck/` are seen by `git log --all` and `git push --mirror`, not by clone, fetch
or `push --all`. To get work back: `git worktree add PATH refs/devdeck/trash/<key>/worktree`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from devdeck.errors import UsageError
from devdeck.git.process import git
from devdeck.git.refs import local_branch_exists, unique_commits
from devdeck.git.repository import git_dir
from devdeck.git.scratch import scratch_index, untracked
from devdeck.git.status import entries, operation, parse_status, require_worktree
from devdeck.model import GitFacts
from devdeck.text import one_line

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_TIMEOUT = 300.0
_IDENTITY = {
    "GIT_AUTHOR_NAME": "devdeck", "GIT_AUTHOR_EMAIL": "devdeck@localhost",
    "GIT_COMMITTER_NAME": "devdeck", "GIT_COMMITTER_EMAIL": "devdeck@localhost",
}  # fmt: skip
_OTHER_HEADS = (
    "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "ORIG_HEAD",
    "rebase-merge/orig-head", "rebase-merge/onto", "rebase-apply/orig-head", "rebase-apply/onto",
)  # fmt: skip
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def save(worktree: str, *, key: str, branch: str | None) -> tuple[str, ...]:
    """Keep everything that git can see of a worktree: tracked and untracked files, the index, commits.

    Not kept: ignored files, what is inside nested repositories and submodules beside the commit they are at, empty
    folders. Paths in conflict are kept as they are in the worktree, with the commits that the conflict is between.

    Args:
        worktree: Top folder of the worktree.
        key: Names the copy: letters, digits, `-` and `_`; must be new.
        branch: Branch whose tip to keep too; `None` for none.

    Returns:
        The references made: of `refs/devdeck/trash/<key>/` `branch` (its tip), `index` (a commit of what was staged)
        and `worktree` (a commit of all files; its parents are HEAD, the index and what was being merged).

    Raises:
        UsageError: The key can't be used.
        NotFound: There is no worktree (any more).
        DeckError: git failed, for instance on an unreadable file or an existing key. Nothing was made then.
    """
    if not _KEY.fullmatch(key):
        raise UsageError(f"{key!r} can't name a copy in the trash")
    own = require_worktree(worktree)
    head = _commit_of(worktree, "HEAD")
    index = _commit(worktree, _index_tree(worktree, own), head, "index")
    files = _commit(
        worktree, _worktree_tree(worktree, own), list(dict.fromkeys([*head, index, *_heads(worktree, own)])), "worktree"
    )
    refs = {"index": index, "worktree": files}
    if branch is not None and (tip := _commit_of(worktree, f"refs/heads/{branch}")):
        refs["branch"] = tip[0]
    return _create(worktree, key, refs)


def save_branch(root: str, *, key: str, branch: str) -> tuple[str, ...]:
    """Keep the tip of a branch whose worktree is gone already; as `save`, with `branch` alone."""
    if not _KEY.fullmatch(key):
        raise UsageError(f"{key!r} can't name a copy in the trash")
    tip = _commit_of(root, f"refs/heads/{branch}")
    return _create(root, key, {"branch": tip[0]}) if tip else ()


def _create(folder: str, key: str, refs: dict[str, str]) -> tuple[str, ...]:
    names = {f"refs/devdeck/trash/{key}/{name}": oid for name, oid in sorted(refs.items())}
    orders = "".join(f"create {name}\0{oid}\0" for name, oid in names.items())
    git(folder, "update-ref", "-z", "--stdin", input=orders.encode())
    return tuple(names)


def _commit_of(folder: str, revision: str) -> list[str]:
    found = git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", check=False)
    return [found.text.strip()] if found.status == 0 else []


def _heads(worktree: str, own: Path) -> list[str]:
    """Commits that an operation in progress is about."""
    oids: list[str] = []
    for name in _OTHER_HEADS:
        try:
            oids += (own / name).read_text(errors="replace").split()  # MERGE_HEAD holds one a line
        except OSError:
            continue
    return [commit for oid in oids if _OID.fullmatch(oid) for commit in _commit_of(worktree, oid)]


def _index_tree(worktree: str, own: Path) -> str:
    """Tree of what is staged; paths in conflict, of which a tree can't hold the sides, are left out."""
    with scratch_index(own) as env:
        unmerged = git(worktree, "ls-files", "-z", "--unmerged", env=env, timeout=_TIMEOUT).stdout
        paths = {line.partition(b"\t")[2] for line in unmerged.split(b"\0") if line}
        if paths:
            git(
                worktree, "-c", "core.splitIndex=false", "update-index", "-z", "--force-remove", "--stdin",
                env=env, input=b"\0".join(sorted(paths)) + b"\0", timeout=_TIMEOUT,
            )  # fmt: skip
        return git(worktree, "write-tree", env=env, timeout=_TIMEOUT).text.strip()


def _worktree_tree(worktree: str, own: Path) -> str:
    """Tree of all files of the worktree that are not ignored."""
    with scratch_index(own) as env:
        nested = [path for path in untracked(worktree, env, _TIMEOUT) if path.endswith("/")]
        without = "".join(f":(top,exclude,literal){path.rstrip('/')}\0" for path in nested)
        git(
            worktree, "-c", "core.splitIndex=false", "add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul",
            env=env, input=b":(top)\0" + os.fsencode(without), timeout=_TIMEOUT,
        )  # fmt: skip
        return git(worktree, "write-tree", env=env, timeout=_TIMEOUT).text.strip()


def _commit(worktree: str, tree: str, parents: list[str], what: str) -> str:
    arguments = [part for parent in parents for part in ("-p", parent)]
    return git(
        worktree, "commit-tree", *arguments, tree, env=_IDENTITY, input=f"devdeck trash: {what}\n".encode()
    ).text.strip()


def removal_risks(worktree: str, root: str, branch: str | None, *, branch_goes: bool) -> tuple[str, ...]:
    """What would be lost with a worktree and exists nowhere else, in words; empty when nothing would.

    Args:
        worktree: Top folder of the worktree.
        root: Main worktree of its repository.
        branch: The session's branch.
        branch_goes: Whether that branch would be deleted too.

    Raises:
        NotFound: There is no worktree (any more).
        DeckError: git failed or took too long, so that nothing can be said.
    """
    own = require_worktree(worktree)
    risks, facts = _file_risks(worktree)
    if word := operation(own):
        risks.append(f"a {word} is in progress" if word != "am" else "patches are being applied (git am)")
    risks += _commit_risks(root, branch if branch_goes else None, facts)
    risks += _nested_risks(worktree)
    if (own / "locked").exists() and (own / "commondir").exists():
        reason = one_line((own / "locked").read_text(errors="replace").strip(), limit=200)
        risks.append(f"the worktree is locked{': ' + reason if reason else ''}")
    return tuple(risks)


def _file_risks(worktree: str) -> tuple[list[str], GitFacts]:
    raw = git(
        worktree, "status", "--porcelain=v2", "--branch", "--no-ahead-behind", "--untracked-files=all",
        "--ignore-submodules=none", "-z", timeout=60.0,
    ).stdout  # fmt: skip
    changed = conflicts = new = 0
    for code, _ in entries(raw):
        changed += code not in ("??", "!!") and not code.startswith("U:")
        conflicts += code.startswith("U:")
        new += code == "??"
    risks = []
    if changed:
        risks.append(f"{_count(changed, 'file')} with uncommitted changes")
    if conflicts:
        risks.append(f"{_count(conflicts, 'file')} in conflict")
    if new:
        risks.append(f"{_count(new, 'untracked file')}")
    return risks, parse_status(raw)


def _commit_risks(root: str, going: str | None, facts: GitFacts) -> list[str]:
    risks = []
    if going is not None and local_branch_exists(root, going):
        lost = unique_commits(root, f"refs/heads/{going}", excluding_branch=going)
        if lost:
            risks.append(
                f"{_count(lost, 'commit')} of branch {one_line(going, limit=120)} exist{_s(lost)} nowhere else"
            )
    if facts.branch is None and facts.head is not None:
        lost = unique_commits(root, facts.head)
        if lost:
            risks.append(f"{_count(lost, 'commit')} of the detached HEAD exist{_s(lost)} nowhere else")
    return risks


def _nested_risks(worktree: str) -> list[str]:
    """Repositories inside the worktree go with it, and no copy is made of what is in them."""
    risks = []
    staged = git(worktree, "ls-files", "-z", "--stage", timeout=60.0).stdout
    links = [os.fsdecode(line.partition(b"\t")[2]) for line in staged.split(b"\0") if line.startswith(b"160000 ")]
    submodules = [path for path in links if git_dir(Path(worktree, path)) is not None]
    if submodules:
        named = one_line(", ".join(submodules[:3]), limit=200)
        risks.append(f"{_count(len(submodules), 'submodule')} with commits and files of its own, never copied: {named}")
    nested = [path for path in untracked(worktree) if path.endswith("/")]
    if nested:
        named = one_line(", ".join(nested[:3]), limit=200)
        noun = "nested repository" if len(nested) == 1 else "nested repositories"
        risks.append(f"{len(nested)} {noun}, never copied; move it out to keep it: {named}")
    return risks


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _s(number: int) -> str:
    return "s" if number == 1 else ""
