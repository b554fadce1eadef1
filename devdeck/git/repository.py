"""Which repository a folder belongs to, and what its files say without starting git.

A repository is named by its main worktree: from a subfolder, a linked worktree or through a symbolic link it is the
same one. Layout: gitrepository-layout(5), git-worktree(1).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from devdeck.errors import NotFound
from devdeck.git.process import git
from devdeck.text import one_line

_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MAX_FILE = 2**20
_LONGEST_NAME = 255  # bytes, of every file system of Linux and macOS
_MAX_PACKED = 64 * 2**20


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """One repository."""

    root: str
    """Main worktree, resolved; for a bare repository its own folder."""
    common_dir: str
    """The git directory that all its worktrees share, resolved."""
    name: str
    """Name of the root's folder, without a trailing `.git`."""

    @property
    def id(self) -> str:
        """First 8 hexadecimal digits of the SHA-256 of the root's path."""
        return repository_id(self.root)


def repository_id(root: str) -> str:
    """First 8 hexadecimal digits of the SHA-256 of `root`, the path of a main worktree."""
    import hashlib

    return hashlib.sha256(os.fsencode(root)).hexdigest()[:8]


def repository_name(root: str) -> str:
    """What a repository is called: its root's folder name; `x.git` is `x`, and `x/.git` or `x/.bare` is `x` too."""
    path = Path(root)
    name = path.name
    if name.startswith(".") and path.parent.name and is_git_dir(path):
        name = path.parent.name
    return name.removesuffix(".git") or name or "root"


def find_repository(path: str | os.PathLike[str]) -> Repository:
    """The repository that a folder lies in, from any folder of any of its worktrees.

    Raises:
        NotFound: There is no such folder, or it lies in no repository.
        Missing: git is not installed.
        DeckError: git refuses the repository (its words are in the message).
    """
    where = resolved(path)
    if not os.path.isdir(where):
        raise _no_folder(path)
    said = git(where, "rev-parse", "--path-format=absolute", "--git-common-dir").text
    common = os.path.realpath(said.removesuffix("\n"))
    place = worktree_root(where)
    root = _root_of(Path(common), place if place and git_dir(place) == Path(common) else None)
    return Repository(root=root, common_dir=common, name=repository_name(root))


def resolved(path: str | os.PathLike[str]) -> str:
    """A path that a user gave, absolute, with `~` and links resolved; it need not exist.

    Raises:
        NotFound: It can't exist: it holds a NUL, or a lone surrogate.
    """
    try:
        where = os.path.realpath(os.path.expanduser(path))
        os.fsencode(where)
    except ValueError:
        raise _no_folder(path) from None
    return where


def _no_folder(path: str | os.PathLike[str]) -> NotFound:
    return NotFound(f"no folder {one_line(os.fspath(path), limit=300)}", "check the path; was it moved or removed?")


def worktree_root(path: str | os.PathLike[str]) -> str | None:
    """The innermost worktree (or bare repository) that holds `path`, resolved; `None` outside of any.

    Reads files only; `path` need not exist.
    """
    if not os.fspath(path):
        return None
    start = Path(os.path.realpath(path))
    for folder in (start, *start.parents):
        if folder.name == ".git" and is_git_dir(folder):
            continue
        if git_dir(folder) is not None:
            return str(folder)
    return None


def is_git_dir(folder: Path) -> bool:
    """Whether a folder is a git directory by its looks: HEAD, objects and refs."""
    # os.path's questions, here and below: pathlib's raise for what can't be looked at.
    isdir = os.path.isdir
    return os.path.isfile(folder / "HEAD") and isdir(folder / "objects") and isdir(folder / "refs")


def git_dir(worktree: str | os.PathLike[str]) -> Path | None:
    """The git directory of a worktree's top folder, resolved; `None` when it has none (any more). Reads files only.

    For a linked worktree that is `<common dir>/worktrees/<name>`; a bare repository is its own.
    """
    folder = Path(worktree)
    dot = folder / ".git"
    if os.path.isdir(dot):
        return Path(os.path.realpath(dot)) if os.path.isfile(dot / "HEAD") else None
    pointer = _read(dot)
    if pointer is None:
        return Path(os.path.realpath(folder)) if is_git_dir(folder) else None
    if not pointer.startswith("gitdir:"):
        return None
    target = _led_to(folder, pointer.removeprefix("gitdir:").strip())
    return target if target is not None and os.path.isfile(target / "HEAD") else None


def _led_to(folder: Path, text: str) -> Path | None:
    """Where a path in one of git's files leads, seen from a folder; `None` when there can be no such path."""
    if any(len(os.fsencode(name)) > _LONGEST_NAME for name in text.split("/")):
        return None
    return Path(os.path.realpath(folder / text))


def common_dir(worktree: str | os.PathLike[str]) -> Path | None:
    """The git directory that a worktree shares with the others, resolved; `None` when it has none. Reads files only.

    A linked worktree that git is just making has none for a moment: git writes `HEAD` before `commondir`, and such a
    folder must not be taken for a repository of its own.
    """
    own = git_dir(worktree)
    if own is None:
        return None
    shared = (_read(own / "commondir") or "").strip()
    common = _led_to(own, shared) if shared else own
    return common if common is not None and is_git_dir(common) else None


def main_root(worktree: str | os.PathLike[str]) -> str | None:
    """The main worktree of a worktree's repository, as `Repository.root`; `None` outside of any. Reads files only."""
    common = common_dir(worktree)
    if common is None:
        return None
    return _root_of(common, os.path.realpath(worktree) if git_dir(worktree) == common else None)


def _root_of(common: Path, place: str | None) -> str:
    """The root for a common dir; `place` is the main worktree when the question was asked from there."""
    settings = _core_settings(common)
    if (worktree := settings.get("worktree")) and (place_set := _led_to(common, worktree)):
        return str(place_set)
    if settings.get("bare") == "true":
        return str(common)
    if common.name == ".git":
        return str(common.parent)
    return place or str(common)


def _core_settings(common: Path) -> dict[str, str]:
    """`core.*` of the repository's own files (git reads these two keys without includes)."""
    settings: dict[str, str] = {}
    for name in ("config", "config.worktree"):
        section = ""
        for line in (_read(common / name) or "").splitlines():
            line = line.strip()
            if header := re.match(r"\[\s*([^\]\s]+)[^\]]*\]", line):
                section = header.group(1).lower()
                line = line[header.end() :].strip()
            if section == "core" and line and line[0] not in "#;":
                key, equals, value = line.partition("=")
                settings[key.strip().lower()] = _plain(value) if equals else "true"
    if settings.get("bare", "").lower() in ("yes", "on", "1", "true"):
        settings["bare"] = "true"
    return settings


def _plain(value: str) -> str:
    """A configuration value without quotes, escapes and a trailing comment (git-config(1), Syntax)."""
    value, plain, quoted, index = value.strip(), "", False, 0
    while index < len(value):
        character = value[index]
        if character == "\\" and index + 1 < len(value):
            index += 1
            plain += {"n": "\n", "t": "\t", "b": "\b"}.get(value[index], value[index])
        elif character == '"':
            quoted = not quoted
        elif character in "#;" and not quoted:
            return plain.rstrip()
        else:
            plain += character
        index += 1
    return plain


def read_head(worktree: str | os.PathLike[str]) -> tuple[str | None, str | None]:
    """What a worktree has checked out, read from its files: (branch, object id).

    Returns:
        The branch is `None` when HEAD is detached; the object id is `None` before the first commit. Both are `None`
        when there is no worktree, or when its references are in a format that files can't tell (reftable).
    """
    own, shared = git_dir(worktree), common_dir(worktree)
    if own is None or shared is None:
        return None, None
    head = (_read(own / "HEAD") or "").strip()
    if _OID.fullmatch(head):
        return None, head
    target = head.removeprefix("ref:").strip() if head.startswith("ref:") else ""
    if not target.startswith("refs/heads/") or target == "refs/heads/.invalid":
        return None, None
    return target.removeprefix("refs/heads/"), _read_ref(own, shared, target)


def _read_ref(own: Path, shared: Path, name: str) -> str | None:
    for _ in range(5):
        if ".." in name.split("/") or not name.startswith("refs/"):
            return None
        value = (_read(shared / name) or _read(own / name) or "").strip()
        if not value.startswith("ref:"):
            break
        name = value.removeprefix("ref:").strip()
    if _OID.fullmatch(value):
        return value
    for line in (_read(shared / "packed-refs", _MAX_PACKED) or "").splitlines():
        oid, _, packed = line.partition(" ")
        if packed == name and _OID.fullmatch(oid):
            return oid
    return None


def _read(path: Path, limit: int = _MAX_FILE) -> str | None:
    """A small file's text; `None` when it can't be read, is no regular file, is larger than `limit` or holds a NUL."""
    try:
        if not os.path.isfile(path) or path.stat().st_size > limit:
            return None
        text = os.fsdecode(path.read_bytes())
    except (OSError, ValueError):
        return None
    return text if "\0" not in text else None
