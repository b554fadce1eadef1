"""The remotes of a repository, and what its branches follow (git-config(1): `remote.*`, `branch.*`)."""

from __future__ import annotations

import re

from devdeck.errors import NotFound, UsageError
from devdeck.git.changing import patiently
from devdeck.git.forge import Remote
from devdeck.git.process import git
from devdeck.text import one_line

MAX_REMOTES = 50
"""Most remotes that are looked at."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def list_remotes(root: str) -> tuple[Remote, ...]:
    """The remotes of a repository, in the order in which they are preferred.

    That is: the one that `checkout.defaultRemote` names, the one that GitHub's `gh` was told to be the base, `origin`,
    `upstream`, then by name.

    Raises:
        NotFound: There is no repository at `root`.
    """
    configured: dict[str, list[str]] = {}
    bases = []
    raw = git(root, "config", "-z", "--get-regexp", r"^remote\..*\.(url|gh-resolved)$", check=False).text
    for entry in raw.split("\0"):
        key, _, value = entry.partition("\n")
        name, _, last = key.removeprefix("remote.").rpartition(".")
        if last == "url" and name and not name.startswith("-"):
            configured.setdefault(name, []).append(value)
        elif last == "gh-resolved":
            bases.append(name)
    if not configured:
        return ()
    order = {name: -number for number, name in enumerate(("upstream", "origin", *bases, preferred(root)), 1)}
    names = sorted(configured, key=lambda name: (order.get(name, 0), name))[:MAX_REMOTES]
    return tuple(Remote(name=name, urls=_urls(root, name, configured[name])) for name in names)


def preferred(root: str) -> str:
    """The remote whose branch is meant when several have it, as `git switch` guesses."""
    return git(root, "config", "--get", "checkout.defaultRemote", check=False).text.strip() or "origin"


def _urls(root: str, name: str, configured: list[str]) -> tuple[str, ...]:
    rewritten = git(root, "remote", "get-url", "--all", "--", name, check=False).text.splitlines()
    return tuple(dict.fromkeys([*configured, *rewritten]))


def split_tracking(name: str, remotes: tuple[Remote, ...]) -> tuple[str, str] | None:
    """`origin/x` as (remote, branch); names of remotes may hold slashes, the longest one counts."""
    for remote in sorted(remotes, key=lambda remote: -len(remote.name)):
        if name.startswith(f"{remote.name}/") and len(name) > len(remote.name) + 1:
            return remote.name, name.removeprefix(f"{remote.name}/")
    return None


def tracking_ref(remote: str, ref: str) -> str:
    """Where what a remote has under a full name is remembered here.

    A branch `refs/heads/x` is `refs/remotes/<remote>/x`, as git has it; a pull request `refs/pull/7/head` is
    `refs/remotes/<remote>/pull/7/head`, so that its commits count as known to the remote.
    """
    return f"refs/remotes/{remote}/{ref.removeprefix('refs/heads/').removeprefix('refs/')}"


def upstream_of(root: str, branch: str) -> tuple[str, str] | None:
    """What a local branch follows: (remote, full name there); `None` when it follows nothing.

    The remote is `.` for a branch of the same repository, and may be a URL.
    """
    remote = git(root, "config", "--get", f"branch.{branch}.remote", check=False).text.removesuffix("\n")
    merge = git(root, "config", "--get", f"branch.{branch}.merge", check=False).text.removesuffix("\n")
    return (remote, merge) if remote and merge.startswith("refs/") else None


def follow(root: str, branch: str, remote: str, ref: str) -> None:
    """Make a local branch follow something, as `git branch --track` does: `git pull` in it gets that.

    Args:
        root: Main worktree of the repository.
        branch: The local branch.
        remote: Name of a remote.
        ref: Full name there: `refs/heads/x`, or `refs/pull/7/head`, which `--track` can't.

    Raises:
        DeckError: The configuration can't be written.
    """
    patiently(root, "config", "--local", "--", f"branch.{branch}.remote", remote)
    patiently(root, "config", "--local", "--", f"branch.{branch}.merge", ref)
    if git(root, "config", "--get", "branch.autoSetupRebase", check=False).text.strip() in ("remote", "always"):
        patiently(root, "config", "--local", f"branch.{branch}.rebase", "true")


def add_remote(root: str, name: str, url: str) -> None:
    """Add a remote; one of that name and URL that is there already is no error.

    Raises:
        UsageError: The name can't be used, or it is another remote's.
    """
    if not _NAME.fullmatch(name) or name.endswith(".lock") or ".." in name:
        raise UsageError(f"can't call a remote {one_line(name, limit=100)!r}")
    known = {remote.name: remote for remote in list_remotes(root)}
    if name in known:
        if url not in known[name].urls:
            raise UsageError(
                f"a remote {name!r} exists already and is another repository", "rename it, or use its name"
            )
        return
    patiently(root, "remote", "add", "--no-tags", "--", name, url)


def remove_remote(root: str, name: str, url: str) -> bool:
    """Remove a remote that nothing follows, if it still has this URL; says whether it did."""
    known = {remote.name: remote for remote in list_remotes(root)}
    if name not in known or url not in known[name].urls:
        return False
    followed = git(root, "config", "-z", "--get-regexp", r"^branch\..*\.(remote|pushremote)$", check=False).text
    if any(entry.partition("\n")[2] == name for entry in followed.split("\0")):
        return False
    patiently(root, "remote", "remove", "--", name)
    return True


def require_remote(root: str, name: str) -> Remote:
    """The remote of this name.

    Raises:
        NotFound: There is none.
    """
    for remote in list_remotes(root):
        if remote.name == name:
            return remote
    raise NotFound(f"no remote {one_line(name, limit=100)!r} in {root}", "`git remote -v` lists them")
