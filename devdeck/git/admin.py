"""Git's own folder about a linked worktree, `<common dir>/worktrees/<name>`, and the pointers between the two.

The worktree's `.git` file names that folder, and the folder's `gitdir` file names the `.git` file; submodules of the
worktree have their repositories inside the folder, with pointers of the same kind (gitrepository-layout(5)).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from devdeck.git.process import git
from devdeck.git.repository import is_git_dir

_MAX_POINTER = 2**16


def admin_of(common: Path, worktree: str) -> Path | None:
    """Git's folder about the worktree at a path, found by what it says itself; `None` when there is none.

    Args:
        common: The common git directory of the repository.
        worktree: Path of the worktree, which may be gone or not point back any more.
    """
    wanted = os.path.realpath(worktree)
    try:
        folders = sorted((common / "worktrees").iterdir())
    except OSError:
        return None
    return next((folder for folder in folders if place_of(folder) == wanted), None)


def place_of(admin: Path) -> str | None:
    """The worktree that git's folder says it is about, resolved; `None` when it says nothing."""
    pointer = _pointer(admin / "gitdir")
    return os.path.realpath((admin / pointer).parent) if pointer else None


def pointed_to(folder: str, worktree: str) -> str | None:
    """Which git's folder a worktree points to, resolved; `None` when its folder is none of a linked worktree.

    Args:
        folder: Where the worktree's folder is now.
        worktree: Where it is when it is in use; a relative pointer counts from there.
    """
    pointer = _pointer(Path(folder, ".git"))
    if pointer is None or not pointer.startswith("gitdir:"):
        return None
    return os.path.realpath(Path(worktree, pointer.removeprefix("gitdir:").strip()))


def is_intact(admin: Path, worktree: str) -> bool:
    """Whether a worktree points to git's folder about it, as git needs it to."""
    return pointed_to(worktree, worktree) == os.path.realpath(admin) and (admin / "HEAD").is_file()


def free_name(common: Path, name: str) -> str:
    """A name for git's folder that no other worktree of the repository has: `name` itself if possible."""
    taken = common / "worktrees"
    number = 0
    while os.path.lexists(taken / (candidate := f"{name}{number or ''}")):
        number += 1
    return candidate


def repoint(admin: Path, worktree: Path, *, to_admin: Path | None = None, to_worktree: Path | None = None) -> None:
    """Make a worktree and git's folder about it point to each other, and so for its submodules.

    What points right already is not written.

    Args:
        admin: Where git's folder is.
        worktree: Where the worktree is.
        to_admin: What the worktree is to point to; `admin` when `None`.
        to_worktree: What git's folder is to point to; `worktree` when `None`.
    """
    to_admin, to_worktree = to_admin or admin, to_worktree or worktree
    _write(worktree / ".git", f"gitdir: {to_admin}\n", to_admin, worktree)
    _write(admin / "gitdir", f"{to_worktree}/.git\n", to_worktree / ".git", admin)
    for module in _modules(admin / "modules"):
        _repoint_module(module, worktree, to_admin / module.relative_to(admin), to_worktree)


def _write(file: Path, text: str, wanted: Path, base: Path) -> None:
    pointer = (_pointer(file) or "").removeprefix("gitdir:").strip()
    if pointer and os.path.realpath(base / pointer) == os.path.realpath(wanted):
        return
    fresh = file.with_name(f"{file.name}.devdeck")
    fresh.write_text(text, errors="surrogateescape")
    os.replace(fresh, file)


def _modules(folder: Path) -> list[Path]:
    """Repositories of submodules, also of those in submodules, and with slashes in their names."""
    found = []
    with suppress(OSError):
        for child in sorted(folder.iterdir()):
            if child.is_symlink() or not child.is_dir():
                continue
            if is_git_dir(child):
                found += [child, *_modules(child / "modules")]
            else:
                found += _modules(child)
    return found


def _repoint_module(module: Path, worktree: Path, to_module: Path, to_worktree: Path) -> None:
    config = str(module / "config")
    said = git(module, "config", "--file", config, "--get", "core.worktree", check=False).text.removesuffix("\n")
    inside = _inside(said, module)
    if inside is None or not (worktree / inside / ".git").is_file():
        return
    place = to_worktree / inside
    _write(worktree / inside / ".git", f"gitdir: {os.path.relpath(to_module, place)}\n", to_module, place)
    if os.path.realpath(to_module / said) != os.path.realpath(place):
        git(module, "config", "--file", config, "core.worktree", os.path.relpath(place, to_module))


def _inside(said: str, module: Path) -> str | None:
    """Where in the worktree a submodule is: git calls it by its path, and its own setting ends with that."""
    if not said:
        return None
    names = str(module).split("/modules/")[1:]
    path = "/".join(names)
    return path if os.path.normpath(said).endswith(path) else None


def _pointer(file: Path) -> str | None:
    if not os.path.isfile(file):
        return None
    try:
        with file.open("rb") as opened:
            pointer = os.fsdecode(opened.read(_MAX_POINTER)).rstrip("\n")
    except OSError:
        return None
    return pointer if pointer and "\0" not in pointer else None
