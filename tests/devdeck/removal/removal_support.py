"""Sessions to remove, and everything that must be the same when they are back."""

from __future__ import annotations

import hashlib
import os
import stat
import time
import uuid
from pathlib import Path

from devdeck.deck import Deck
from devdeck.git import worktrees
from devdeck.git.repository import git_dir
from devdeck.model import Session
from tests.git_support import run_git


def make_session(deck: Deck, repository: Path, label: str, *, managed_branch: bool = True) -> Session:
    """A session as devdeck makes it: branch, worktree, terminal and record."""
    name = f"{repository.name}-{hashlib.sha256(os.fsencode(repository)).hexdigest()[:8]}"
    worktree = deck.paths.worktrees / name / label.replace("/", "-")
    worktree.parent.mkdir(parents=True, exist_ok=True)
    if not managed_branch:
        run_git(repository, "branch", label)
    worktrees.add_worktree(str(repository), str(worktree), branch=label, create=managed_branch)
    session = Session(
        id=uuid.uuid4().hex,
        label=label,
        repository=repository.name,
        repository_path=str(repository),
        worktree=str(worktree),
        branch=label,
        managed_branch=managed_branch,
        base=run_git(repository, "rev-parse", "HEAD").strip(),
        created_at=time.time(),
    )
    deck.terminals.make(session)
    deck.store.save_session(session)
    deck.store.know_repository(str(repository), repository.name)
    return session


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything in a folder: path → kind and mode, time stamp, content. Links are not followed."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        facts = path.lstat()
        content: object = None
        if stat.S_ISLNK(facts.st_mode):
            content = os.readlink(path)
        elif stat.S_ISREG(facts.st_mode):
            content = path.read_bytes()
        # git touches a shared index whenever it reads it, so that it does not expire.
        touched = None if path.name.startswith("sharedindex.") else facts.st_mtime_ns
        found[str(path.relative_to(folder))] = (facts.st_mode, touched, content)
    return found


def world(session: Session) -> dict[str, object]:
    """What of a session must be the same when it is back, by name."""
    seen: dict[str, object] = {"session": session}
    for number, place in enumerate(session.places):
        root, worktree = Path(place.repository_path), Path(place.worktree)
        own = git_dir(worktree)
        seen[f"{number} files"] = tree(worktree)
        seen[f"{number} admin"] = tree(own) if own is not None else None
        seen[f"{number} status"] = run_git(worktree, "--no-optional-locks", "status", "--porcelain=v2", "--branch")
        seen[f"{number} refs"] = run_git(root, "for-each-ref")
        seen[f"{number} stashes"] = run_git(root, "log", "-g", "--format=%gd %gs %H", "refs/stash", "--", check=False)
        common = git_dir(root)
        assert common is not None
        log = common / "logs/refs/heads" / (place.branch or "")
        seen[f"{number} reflog"] = (log.stat().st_mtime_ns, log.read_bytes()) if log.is_file() else None
        seen[f"{number} settings"] = run_git(root, "config", "--local", "--list")
        seen[f"{number} worktrees"] = run_git(root, "worktree", "list", "--porcelain")
    return seen


def differences(now: dict[str, object], before: dict[str, object]) -> list[object]:
    """What is not as it was, in a form that a failing test can print."""
    found: list[object] = []
    for name, old in before.items():
        new = now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += [(name, key, new.get(key), old.get(key)) for key in {*old, *new} if new.get(key) != old.get(key)]
        elif new != old:
            found.append((name, new, old))
    return found


def gc(repository: Path) -> None:
    """Take away everything that git does not know to be needed."""
    run_git(repository, "worktree", "prune", "--expire=now")
    run_git(repository, "reflog", "expire", "--expire=now", "--expire-unreachable=now", "main", "HEAD", check=False)
    # Commits of tests are years old; the time after which a reflog forgets them is not what is tested.
    keep = ("-c", "gc.reflogExpire=never", "-c", "gc.reflogExpireUnreachable=never")
    run_git(repository, *keep, "gc", "-q", "--prune=now")


def fsck(repository: Path) -> None:
    """Fail when something is broken or missing in a repository."""
    told = run_git(repository, "fsck", "--full", "--strict", "--no-dangling")
    assert told.strip() == ""


def branches(repository: Path) -> set[str]:
    return set(run_git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads").split())


def listed(repository: Path) -> list[str]:
    """Paths of the worktrees that git lists."""
    lines = run_git(repository, "worktree", "list", "--porcelain").splitlines()
    return [line.removeprefix("worktree ") for line in lines if line.startswith("worktree ")]


def hidden(repository: Path) -> str:
    """The hidden references that there are."""
    return run_git(repository, "for-each-ref", "refs/devdeck")
