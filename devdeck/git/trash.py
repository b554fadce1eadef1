"""Before something is removed: a copy of it in hidden references, so that git's garbage collection takes nothing.

The copy is made with a copy of the index, so that the user's index, HEAD, branch, stash and reflogs stay as they are;
no hook runs. References under `refs/devdeck/` are seen by `git log --all` and `git push --mirror`, not by clone, fetch
or `push --all`. To get files back without devdeck: `git worktree add PATH refs/devdeck/trash/<key>/worktree`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from devdeck.errors import DeckError, UsageError
from devdeck.git.process import GitOutput, git
from devdeck.git.scratch import fresh_index, scratch_index, untracked
from devdeck.git.status import require_worktree

PREFIX = "refs/devdeck/trash/"
LARGE = 32 * 2**20
"""Bytes from which on `keep` leaves an untracked file to the moved folder, instead of making an object of it too."""
ALL_NEW = 256 * 2**20
"""Bytes of all untracked files that `keep` makes objects of."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:/[0-9]{1,4})?")
_TIMEOUT = 300.0
_IDENTITY = {
    "GIT_AUTHOR_NAME": "devdeck", "GIT_AUTHOR_EMAIL": "devdeck@localhost",
    "GIT_COMMITTER_NAME": "devdeck", "GIT_COMMITTER_EMAIL": "devdeck@localhost",
}  # fmt: skip
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NAMED = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{40})(?![0-9a-f])")
_MAX_NOTES = 16 * 2**20
_MAX_PARENTS = 500
_OTHER_HEADS = (
    "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "ORIG_HEAD",
    "rebase-merge/orig-head", "rebase-merge/onto", "rebase-apply/orig-head", "rebase-apply/onto",
)  # fmt: skip


class Where(msgspec.Struct, frozen=True):
    """A worktree, and how git is asked about it."""

    cwd: str
    own: Path
    """Its git directory."""
    env: dict[str, str] = {}
    """What makes git see it although the worktree's own pointer is broken or gone."""

    def git(self, *args: str, env: dict[str, str] | None = None, **options: object) -> GitOutput:
        """`devdeck.git.process.git` about this worktree."""
        return git(self.cwd, *args, env={**self.env, **(env or {})}, **options)  # type: ignore[arg-type]


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
    _require_key(key)
    where = Where(worktree, require_worktree(worktree))
    head = _commit_of(where, "HEAD")
    index = _commit(where, _index_tree(where), head, "index")
    parents = list(dict.fromkeys([*head, index, *_heads(where)]))
    refs = {"index": index, "worktree": _commit(where, _worktree_tree(where), parents, "worktree")}
    if branch is not None and (tip := _commit_of(where, f"refs/heads/{branch}")):
        refs["branch"] = tip[0]
    return _write(where, key, refs, "create")


def keep(where: Where, *, key: str, branch: str | None, files: bool, strict: bool) -> tuple[str, ...]:
    """Keep every object that the worktree's folders need, while git does not see them. May be called again.

    Args:
        where: The worktree.
        key: Names the copy, as for `save`, with `/<number>` behind it if wanted.
        branch: Branch whose tip and reflog to keep too; `None` for none.
        files: Whether to make a commit of the files too; of those that are not tracked as many as are small and fit.
        strict: Whether it is an error when a part can't be kept, for instance on a broken index.

    Returns:
        The references made: of `refs/devdeck/trash/<key>/` those of `save`, `head` (what HEAD pointed to), `stages`
        (files in conflict, each side) and `others` (commits that only a reflog or an operation in progress names).

    Raises:
        UsageError: The key can't be used.
        DeckError: git failed, and `strict` is given or nothing could be kept.
    """
    _require_key(key)
    refs: dict[str, str] = {}
    head = _commit_of(where, "HEAD")
    if head:
        refs["head"] = head[0]
    if branch is not None and (tip := _commit_of(where, f"refs/heads/{branch}")):
        refs["branch"] = tip[0]

    def part(name: str, make: Callable[[], str | None]) -> None:
        try:
            made = make()
        except DeckError:
            if strict:
                raise
            return
        if made is not None:
            refs[name] = made

    part("index", lambda: _commit(where, _index_tree(where), head, "index"))
    part("stages", lambda: _stages(where))
    if files:
        parents = [*head, *([refs["index"]] if "index" in refs else []), *_heads(where)]
        part(
            "worktree",
            lambda: _commit(where, _bounded_tree(where), list(dict.fromkeys(parents)), "worktree"),
        )
    part("others", lambda: _others(where, branch, list(refs.values())))
    return _write(where, key, refs, "update")


def save_branch(root: str, *, key: str, branch: str) -> tuple[str, ...]:
    """Keep the tip of a branch that has no worktree; as `keep`, with `branch` alone."""
    _require_key(key)
    where = Where(root, Path(root))
    tip = _commit_of(where, f"refs/heads/{branch}")
    return _write(where, key, {"branch": tip[0]}, "update") if tip else ()


def kept(root: str, key: str) -> dict[str, str]:
    """What is kept under a key: the last part of each reference's name → its object id.

    Raises:
        NotFound: There is no repository at `root`.
    """
    _require_key(key)
    listed = git(root, "for-each-ref", "--format=%(objectname) %(refname)", f"{PREFIX}{key}/").text
    pairs = (line.split(" ", 1) for line in listed.splitlines())
    return {name.removeprefix(f"{PREFIX}{key}/"): oid for oid, name in pairs}


def forget(root: str, key: str) -> None:
    """Drop what is kept under a key; nothing there is no error.

    Raises:
        NotFound: There is no repository at `root`.
        DeckError: git failed.
    """
    names = [f"{PREFIX}{key}/{name}" for name in kept(root, key)]
    if names:
        git(root, "update-ref", "-z", "--stdin", input="".join(f"delete {name}\0\0" for name in names).encode())


def _require_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise UsageError(f"{key!r} can't name a copy in the trash")


def _write(where: Where, key: str, refs: dict[str, str], order: str) -> tuple[str, ...]:
    names = {f"{PREFIX}{key}/{name}": oid for name, oid in sorted(refs.items())}
    end = "\0\0" if order == "update" else "\0"
    orders = "".join(f"{order} {name}\0{oid}{end}" for name, oid in names.items())
    where.git("update-ref", "-z", "--stdin", input=orders.encode())
    return tuple(names)


def _commit_of(where: Where, revision: str) -> list[str]:
    found = where.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", check=False)
    return [found.text.strip()] if found.status == 0 else []


def _heads(where: Where) -> list[str]:
    """Commits that an operation in progress is about."""
    oids: list[str] = []
    for name in _OTHER_HEADS:
        try:
            oids += (where.own / name).read_text(errors="replace").split()  # MERGE_HEAD holds one a line
        except OSError:
            continue
    return [commit for oid in oids if _OID.fullmatch(oid) for commit in _commit_of(where, oid)]


def _index_tree(where: Where) -> str:
    """Tree of what is staged; paths in conflict, of which a tree can't hold the sides, are left out."""
    with scratch_index(where.own) as env:
        unmerged = where.git("ls-files", "-z", "--unmerged", env=env, timeout=_TIMEOUT).stdout
        paths = {line.partition(b"\t")[2] for line in unmerged.split(b"\0") if line}
        if paths:
            where.git(
                "-c", "core.splitIndex=false", "update-index", "-z", "--force-remove", "--stdin",
                env=env, input=b"\0".join(sorted(paths)) + b"\0", timeout=_TIMEOUT,
            )  # fmt: skip
        return where.git("write-tree", env=env, timeout=_TIMEOUT).text.strip()


def _stages(where: Where) -> str | None:
    """Commit of the sides of each path that is, or was, in conflict; `None` without any."""
    lines = []
    with scratch_index(where.own) as env:
        for option, folder in (("--unmerged", b"side"), ("--resolve-undo", b"resolved")):
            raw = where.git("ls-files", "-z", option, env=env, timeout=_TIMEOUT).stdout
            for line in filter(None, raw.split(b"\0")):
                fields, _, path = line.partition(b"\t")
                mode, oid, stage = fields.split(b" ")
                if mode != b"160000":
                    lines.append(b"%s %s 0\t%s-%s/%s\0" % (mode, oid, folder, stage, path))
    if not lines:
        return None
    with fresh_index() as env:
        where.git("-c", "core.splitIndex=false", "update-index", "-z", "--index-info", env=env, input=b"".join(lines))
        return _commit(where, where.git("write-tree", env=env, timeout=_TIMEOUT).text.strip(), [], "sides of conflicts")


def _worktree_tree(where: Where) -> str:
    """Tree of all files of the worktree that are not ignored."""
    with scratch_index(where.own) as env:
        nested = [path for path in untracked(where.cwd, {**where.env, **env}, _TIMEOUT) if path.endswith("/")]
        without = "".join(f":(top,exclude,literal){path.rstrip('/')}\0" for path in nested)
        where.git(
            "-c", "core.splitIndex=false", "add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul",
            env=env, input=b":(top)\0" + os.fsencode(without), timeout=_TIMEOUT,
        )  # fmt: skip
        return where.git("write-tree", env=env, timeout=_TIMEOUT).text.strip()


def _bounded_tree(where: Where) -> str:
    """As `_worktree_tree`, with as many of the untracked files as are small and fit, the smallest first."""
    with scratch_index(where.own) as env:
        new = [path for path in untracked(where.cwd, {**where.env, **env}, _TIMEOUT) if not path.endswith("/")]
        sizes = sorted((_size(where, path), path) for path in new)
        fitting, total = [], 0
        for size, path in sizes:
            total += size
            if size > LARGE or total > ALL_NEW:
                break
            fitting.append(os.fsencode(path))
        options = ("-c", "core.splitIndex=false")
        where.git(*options, "add", "--update", "--", ":(top)", env=env, timeout=_TIMEOUT)
        where.git(
            *options, "update-index", "--add", "--remove", "--replace", "-z", "--stdin",
            env=env, input=b"".join(path + b"\0" for path in fitting), timeout=_TIMEOUT,
        )  # fmt: skip
        return where.git("write-tree", env=env, timeout=_TIMEOUT).text.strip()


def _size(where: Where, path: str) -> int:
    try:
        return os.lstat(os.path.join(where.cwd, path)).st_size
    except OSError:
        return 0


def _others(where: Where, branch: str | None, kept_already: list[str]) -> str | None:
    """Commit whose ancestors are the commits that git's own files about the worktree name; `None` when all are kept."""
    named = _existing(where, _named(where, branch))
    if not named:
        return None
    orders = "\n".join([*named, *(f"^{oid}" for oid in kept_already)]) + "\n"
    listed = where.git("rev-list", "--parents", "--stdin", input=orders.encode(), timeout=_TIMEOUT).text
    commits = [line.split() for line in listed.splitlines()]
    inner = {parent for _, *parents in commits for parent in parents}
    tips = [commit for commit, *_ in commits if commit not in inner]
    if not tips:
        return None
    empty = where.git("mktree", input=b"").text.strip()
    groups = [tips[start : start + _MAX_PARENTS] for start in range(0, len(tips), _MAX_PARENTS)]
    made = [_commit(where, empty, group, "named by reflogs") for group in groups]
    return made[0] if len(made) == 1 else _commit(where, empty, made, "named by reflogs")


def _named(where: Where, branch: str | None) -> Iterable[bytes]:
    """Object ids in git's own text files about the worktree, and in the reflog of the branch."""
    for folder, folders, files in os.walk(where.own):
        if Path(folder) == where.own:
            # What the main worktree's git directory has beside these is not about the worktree.
            folders[:] = [name for name in folders if name not in ("modules", "objects", "worktrees", "hooks")]
        for name in files:
            if not name.startswith(("index", "sharedindex", "packed-refs")):
                yield from _NAMED.findall(_read(Path(folder, name)))
    if branch is not None:
        common = where.git("rev-parse", "--path-format=absolute", "--git-common-dir").text.removesuffix("\n")
        yield from _NAMED.findall(_read(Path(common, "logs/refs/heads", branch)))


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_NOTES)
    except OSError:
        return b""


def _existing(where: Where, oids: Iterable[bytes]) -> list[str]:
    """Those of some object ids that commits have, or tags of commits: the commits."""
    asked = b"".join(oid + b"^{commit}\n" for oid in dict.fromkeys(oids) if oid.strip(b"0"))
    if not asked:
        return []
    told = where.git("cat-file", "--batch-check=%(objectname) %(objecttype)", input=asked, timeout=_TIMEOUT).text
    answers = (line.split(" ") for line in told.splitlines())
    return list(dict.fromkeys(answer[0] for answer in answers if answer[1:] == ["commit"]))


def _commit(where: Where, tree: str, parents: list[str], what: str) -> str:
    arguments = [part for parent in parents for part in ("-p", parent)]
    return where.git(
        "commit-tree", *arguments, tree, env=_IDENTITY, input=f"devdeck trash: {what}\n".encode()
    ).text.strip()
