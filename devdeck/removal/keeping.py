"""Putting a worktree away and bringing it back: its folder, git's own folder about it, its branch.

In the trash an operation has a folder `<data>/trash/<key>/` with one numbered folder for each worktree:

    worktree/      the worktree's folder, moved
    admin/         git's own folder about it, moved (HEAD, index, reflog, an operation in progress, submodules)
    branch.log     the reflog of the branch that was deleted
    branch.json    its settings, such as the upstream

Hidden references `refs/devdeck/trash/<key>/<number>/` in the repository keep the objects. Every function may be called
again after it was cut off.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from devdeck import records
from devdeck.errors import DeckError, Refused
from devdeck.git import admin as admins
from devdeck.git import refs, repository, trash
from devdeck.git.changing import change
from devdeck.git.process import git
from devdeck.git.trash import Where
from devdeck.model import Member, TrashPart
from devdeck.paths import Paths
from devdeck.removal.moving import move, move_back
from devdeck.store import Store


def folder_of(paths: Paths, key: str, number: int | None = None) -> Path:
    """The trash folder of an operation, or of one of its worktrees."""
    return paths.trash / key if number is None else paths.trash / key / str(number)


def where_of(root: str, worktree: str, admin: Path) -> Where:
    """How git is asked about a worktree, also when it is gone or does not point to git's folder any more."""
    if not Path(worktree).is_dir() or Path(worktree, ".git").is_dir():
        return Where(root, admin, {"GIT_DIR": str(admin)})
    if admins.is_intact(admin, worktree):
        return Where(worktree, admin)
    return Where(worktree, admin, {"GIT_DIR": str(admin), "GIT_WORK_TREE": worktree})


def locate(store: Store, member: Member) -> tuple[str, Path, Path | None] | None:
    """The repository of a worktree, also when it has moved to a place that the store knows.

    Returns:
        Its main worktree, its common git directory and git's folder about the worktree (`None` when git knows nothing
        of it any more); `None` when there is no such repository.
    """
    root = member.repository_path
    common = repository.common_dir(root)
    if common is not None:
        return root, common, admins.admin_of(common, member.worktree)
    for _, candidate in store.repositories():
        common = repository.common_dir(candidate)
        admin = admins.admin_of(common, member.worktree) if common is not None else None
        if common is not None and admin is not None:
            return candidate, common, admin
    return None


def root_of(store: Store, part: TrashPart, key: str) -> str | None:
    """The repository that a part of the trash is from, also when it has moved to a place that the store knows.

    It is told by the hidden references, where there are any.

    Returns:
        Its main worktree; `None` when there is no such repository any more.
    """
    recorded = part.member.repository_path
    for root in (recorded, *(path for _, path in store.repositories() if path != recorded)):
        if repository.common_dir(root) is None:
            continue
        if refs_of(root, key) if part.refs else root == recorded:
            return root
    return None


def keep_objects(root: str, worktree: str, admin: Path | None, branch: str | None, key: str, *, strict: bool) -> None:
    """Make the hidden references for a worktree (see `devdeck.git.trash.keep`), or for its branch alone.

    Raises:
        DeckError: git failed.
    """
    if admin is None or not admin.is_dir():
        if branch is not None:
            trash.save_branch(root, key=key, branch=branch)
        return
    files = Path(worktree).is_dir() and not Path(worktree, ".git").is_dir()
    trash.keep(where_of(root, worktree, admin), key=key, branch=branch, files=files, strict=strict)


class _Settings(msgspec.Struct, frozen=True):
    settings: tuple[tuple[str, str], ...]


def drop_branch(root: str, branch: str, expected_oid: str, folder: Path) -> None:
    """Delete a branch, and keep its reflog and settings in `folder`. It stays where it is checked out elsewhere.

    Raises:
        Refused: It is at another commit.
        DeckError: git failed.
    """
    if not refs.local_branch_exists(root, branch) or refs.checked_out_at(root, branch):
        return
    log = _reflog(root, branch)
    if log is not None and log.is_file():
        shutil.copy2(log, folder / "branch.log")
    pattern = f"^branch\\.{re.escape(branch)}\\."
    raw = git(root, "config", "--local", "-z", "--get-regexp", pattern, check=False).text
    pairs = tuple((name, value) for name, _, value in (entry.partition("\n") for entry in raw.split("\0") if entry))
    _write(folder / "branch.json", records.encode(_Settings(pairs)))
    refs.delete_branch(root, branch, expected_oid=expected_oid)


def _write(file: Path, data: bytes) -> None:
    """Write a note, readable by the user alone."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags, 0o600), "wb") as opened:
        opened.write(data)


def bring_branch(root: str, branch: str, oid: str, folder: Path | None) -> None:
    """Make a branch again, with the reflog and the settings that `drop_branch` kept in `folder`.

    Raises:
        Refused: A branch of this name is at another commit.
        DeckError: git failed.
    """
    if refs.local_branch_exists(root, branch):
        if refs.resolve_commit(root, f"refs/heads/{branch}") != oid:
            raise Refused(f"a branch {branch!r} exists at another commit", "give it another name, then try again")
    else:
        change(root, "update-ref", f"refs/heads/{branch}", oid, "0" * len(oid))
    if folder is None:
        return
    log, kept = _reflog(root, branch), folder / "branch.log"
    if log is not None and kept.is_file():
        log.parent.mkdir(parents=True, exist_ok=True)
        fresh = log.with_name(f"{log.name}.devdeck")
        shutil.copy2(kept, fresh)
        os.replace(fresh, log)
    with suppress(FileNotFoundError):
        wanted = records.decode((folder / "branch.json").read_bytes(), _Settings).settings
        for name in dict.fromkeys(name for name, _ in wanted):
            git(root, "config", "--local", "--unset-all", "--", name, check=False)
        for name, value in wanted:
            change(root, "config", "--local", "--add", "--", name, value)


def _reflog(root: str, branch: str) -> Path | None:
    common = repository.common_dir(root)
    return common / "logs/refs/heads" / branch if common is not None else None


def tidy(path: str) -> None:
    """After something was moved away: remove git's `worktrees` folder when that was the last in it, as git does."""
    parent = Path(path).parent
    if parent.name == "worktrees" and repository.is_git_dir(parent.parent):
        with suppress(OSError):
            parent.rmdir()


def set_aside(paths: Paths, repository_path: str, worktree: str, key: str, *, branch: str | None = None) -> TrashPart:
    """Move a worktree that holds work into the trash, with hidden references. Its branch stays.

    For those who take back what they made half-way. May be called again after it was cut off.

    Args:
        paths: Where the trash is.
        repository_path: Main worktree of its repository.
        worktree: The worktree; it may be gone already.
        key: Names it in the trash: letters, digits, `-` and `_`. An entry of the store with this id lists it.
        branch: Its branch, whose tip and reflog are kept too.

    Returns:
        What is kept of it, for a `TrashEntry`.

    Raises:
        DeckError: It can't be moved; what could be is taken back by calling `bring_back_aside`.
    """
    folder = folder_of(paths, key, 0)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    common = repository.common_dir(repository_path)
    admin = admins.admin_of(common, worktree) if common is not None else None
    if common is not None and (admin is not None or branch is not None) and not (folder / "admin").exists():
        keep_objects(repository_path, worktree, admin, branch, f"{key}/0", strict=False)
    origin = folder / "origin"
    if admin is not None:
        _write(origin, os.fsencode(admin))
        move(str(admin), str(folder / "admin"), key)
        tidy(str(admin))
    if os.path.lexists(worktree):
        move(worktree, str(folder / "worktree"), key)
    return TrashPart(
        member=Member(
            repository=repository.repository_name(repository_path),
            repository_path=repository_path,
            worktree=worktree,
            branch=branch,
        ),
        folder=str(folder / "worktree") if (folder / "worktree").exists() else None,
        admin=str(folder / "admin") if (folder / "admin").exists() else None,
        admin_origin=origin.read_text(errors="surrogateescape") if origin.exists() else None,
        refs=refs_of(repository_path, f"{key}/0") if common is not None else (),
    )


def bring_back_aside(part: TrashPart, key: str) -> None:
    """Take `set_aside` back.

    Raises:
        DeckError: Something else is where the worktree was.
    """
    if part.folder is not None:
        move_back(part.member.worktree, part.folder, key, ours=True)
    if part.admin is not None and part.admin_origin is not None:
        move_back(part.admin_origin, part.admin, key, ours=True)
    if Path(part.member.repository_path).is_dir():
        trash.forget(part.member.repository_path, f"{key}/0")


def refs_of(root: str, key: str) -> tuple[str, ...]:
    """Full names of the hidden references under a key; empty when the repository is gone."""
    try:
        return tuple(f"{trash.PREFIX}{key}/{name}" for name in sorted(trash.kept(root, key)))
    except DeckError:
        return ()
