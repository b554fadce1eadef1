"""What would be lost with a worktree, before it is removed: in words, and as far as git can tell."""

from __future__ import annotations

import os
from pathlib import Path

from devdeck.git.refs import local_branch_exists, unique_commits
from devdeck.git.repository import git_dir
from devdeck.git.scratch import untracked
from devdeck.git.status import entries, operation, parse_status, require_worktree
from devdeck.git.trash import Where
from devdeck.model import GitFacts
from devdeck.text import one_line


def removal_risks(
    worktree: str, root: str, branch: str | None, *, branch_goes: bool, where: Where | None = None
) -> tuple[str, ...]:
    """What would be lost with a worktree and exists nowhere else, in words; empty when nothing would.

    Args:
        worktree: Top folder of the worktree.
        root: Main worktree of its repository.
        branch: The session's branch.
        branch_goes: Whether that branch would be deleted too.
        where: How git is asked, when the worktree's own pointer is broken.

    Raises:
        NotFound: There is no worktree (any more).
        DeckError: git failed or took too long, so that nothing can be said.
    """
    where = where or Where(worktree, require_worktree(worktree))
    risks, facts = _file_risks(where)
    risks += _state_risks(where.own)
    head = (facts.branch, facts.head)
    risks += _commit_risks(root, branch if branch_goes else None, head) + _nested_risks(where)
    return tuple(risks)


def vanished_risks(where: Where, root: str, branch: str | None, *, branch_goes: bool) -> tuple[str, ...]:
    """`removal_risks` for a worktree whose folder is gone, of which git's own files are still there."""
    risks = []
    head = where.git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False).text.strip() or None
    empty = where.git("mktree", input=b"").text.strip()
    staged = where.git("diff-index", "--cached", "--name-only", "-z", head or empty, timeout=60.0).stdout.count(b"\0")
    if staged:
        risks.append(f"{_count(staged, 'staged file')}")
    risks += _state_risks(where.own)
    on = where.git("symbolic-ref", "--quiet", "HEAD", check=False).text.strip() or None
    risks += _commit_risks(root, branch if branch_goes else None, (on, head))
    return tuple(risks)


def branch_risks(root: str, branch: str) -> tuple[str, ...]:
    """What would be lost with a branch that no worktree is about any more."""
    return tuple(_commit_risks(root, branch, (branch, None)))


def stashes(where: Where, branch: str) -> int:
    """How many stashes were made on a branch; they are the repository's and stay when a worktree goes."""
    # As `git stash list`, which wants a worktree.
    told = where.git("log", "--walk-reflogs", "--format=%gs", "refs/stash", "--", check=False, timeout=30.0)
    return sum(line.startswith((f"WIP on {branch}: ", f"On {branch}: ")) for line in told.text.splitlines())


def _state_risks(own: Path) -> list[str]:
    risks = []
    if word := operation(own):
        risks.append(f"a {word} is in progress" if word != "am" else "patches are being applied (git am)")
    if (own / "index.lock").exists():
        risks.append("another git is at work in it (index.lock)")
    if (own / "locked").exists() and (own / "commondir").exists():
        reason = one_line((own / "locked").read_text(errors="replace").strip(), limit=200)
        risks.append(f"the worktree is locked{': ' + reason if reason else ''}")
    return risks


def _file_risks(where: Where) -> tuple[list[str], GitFacts]:
    raw = where.git(
        "status", "--porcelain=v2", "--branch", "--no-ahead-behind", "--untracked-files=all",
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


def _commit_risks(root: str, going: str | None, head: tuple[str | None, str | None]) -> list[str]:
    """Commits that go with the branch, and those of a detached HEAD, given as (branch, object id)."""
    risks = []
    if going is not None and local_branch_exists(root, going):
        lost = unique_commits(root, f"refs/heads/{going}", excluding_branch=going)
        if lost:
            risks.append(f"{_count(lost, 'commit')} that only branch {one_line(going, limit=120)} has")
    if head[0] is None and head[1] is not None:
        lost = unique_commits(root, head[1])
        if lost:
            risks.append(f"{_count(lost, 'commit')} that only the detached HEAD has")
    return risks


def _nested_risks(where: Where) -> list[str]:
    """Repositories inside the worktree go with it; the hidden references have nothing of what is in them."""
    risks = []
    staged = where.git("ls-files", "-z", "--stage", timeout=60.0).stdout
    links = [os.fsdecode(line.partition(b"\t")[2]) for line in staged.split(b"\0") if line.startswith(b"160000 ")]
    submodules = [path for path in links if git_dir(Path(where.cwd, path)) is not None]
    if submodules:
        named = one_line(", ".join(submodules[:3]), limit=200)
        risks.append(f"{_count(len(submodules), 'submodule')} with commits and files of its own: {named}")
    nested = [path for path in untracked(where.cwd, where.env) if path.endswith("/")]
    if nested:
        named = one_line(", ".join(nested[:3]), limit=200)
        noun = "nested repository" if len(nested) == 1 else "nested repositories"
        risks.append(f"{len(nested)} {noun} with commits and files of its own: {named}")
    return risks


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
