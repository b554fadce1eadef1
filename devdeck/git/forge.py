"""Repositories on forges (GitHub, GitLab, Gitea, Forgejo, and others): which remote does a URL mean.

A web address, an `ssh://` URL and scp's `host:path` name one repository in different ways. They are compared by host
and path; ports only between web addresses, since ssh and web have different ones on one machine.
"""

from __future__ import annotations

import re
import subprocess
import urllib.parse
from collections.abc import Sequence

import msgspec

_SCHEMES = {"https": 443, "http": 80, "ssh": 22, "git": 9418, "git+ssh": 22, "ssh+git": 22}
_SCP = re.compile(r"(?:(?P<user>[^@/:\s]+)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:@\s\[\]]+):(?P<path>(?!//|:).+)")
_ALIASES = {"ssh.github.com": "github.com", "www.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}
"""Other names of a forge's host: those that take ssh on port 443, by the forges' own documentation."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a repository is, whichever way it was written."""

    host: str
    """In lower case; other names of the same forge are made one."""
    path: str
    """`owner/repository`, or with groups before, as it was written; without slashes around it and without `.git`."""
    port: int | None = None
    """Of a web address, when it is not the usual one."""
    web: bool = False
    """Whether it is an http or https address."""

    @property
    def owner(self) -> str:
        """Everything before the repository's own name; empty when there is nothing."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The repository's own name."""
        return self.path.rpartition("/")[2]

    def same(self, other: Place) -> bool:
        """Whether both are one repository. Forges don't tell upper from lower case in paths."""
        if self.web and other.web and self.port != other.port:
            return False
        return self.host == other.host and self.path.casefold() == other.path.casefold()

    def __str__(self) -> str:
        """For messages."""
        return f"{self.host}{f':{self.port}' if self.port else ''}/{self.path}"


def parse_place(url: str) -> Place | None:
    """Read the URL of a remote or of a forge; `None` for a local path and for what is no URL."""
    if "://" in url:
        return _from_url(url)
    found = _SCP.fullmatch(url)
    if found is None:
        return None
    return _place(found["host"].strip("[]"), found["path"], None, web=False)


def _from_url(url: str) -> Place | None:
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    usual = _SCHEMES.get(parts.scheme.lower())
    if usual is None or not host:
        return None
    web = parts.scheme.lower() in ("http", "https")
    return _place(host, urllib.parse.unquote(parts.path), port if web and port != usual else None, web=web)


def _place(host: str, path: str, port: int | None, *, web: bool) -> Place | None:
    path = "/".join(part for part in path.split("/") if part)
    path = path.removesuffix(".git")
    host = host.lower().rstrip(".")
    if not path or path.startswith("~"):
        return None
    return Place(host=_ALIASES.get(host, host), path=path, port=port, web=web)


def fork_url(url: str, owner: str) -> str | None:
    """The URL of another owner's fork: the same address with the owner replaced, protocol, host and port kept.

    Args:
        url: URL of the repository that was forked, such as `git@github.com:ada/shop.git`.
        owner: Whose fork, such as `bob`.

    Returns:
        `git@github.com:bob/shop.git`; `None` when the URL has no owner in it (a local path, for instance).
    """
    place = parse_place(url)
    if place is None or not place.owner:
        return None
    if "://" in url:
        scheme, _, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        head = f"{scheme}://{authority}{slash}"
    else:
        found = _SCP.fullmatch(url)
        assert found is not None
        path = found["path"]
        head = url[: found.start("path")]
    lead = path[: len(path) - len(path.lstrip("/"))]
    last = path.rstrip("/").rpartition("/")[2]
    return f"{head}{lead}{owner}/{last}"


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """A remote of a repository."""

    name: str
    urls: tuple[str, ...]
    """Where it is fetched from: as it was configured, and as git rewrites that (`url.<base>.insteadOf`)."""

    @property
    def places(self) -> tuple[Place, ...]:
        """Those of its URLs that are on a host."""
        return tuple(place for url in self.urls if (place := parse_place(url)))


def meant_by(place: Place, remotes: Sequence[Remote]) -> Remote | None:
    """The remote that is this repository; the first when several are, `None` when none is."""
    return next((remote for remote in remotes if any(place.same(own) for own in remote.places)), None)


def owned_by(owner: str, base: Remote, remotes: Sequence[Remote]) -> Remote | None:
    """The remote for an owner's fork of what `base` is: on the same host, one of the same repository name first."""
    hosts = {place.host for place in base.places}
    names = {place.name.casefold() for place in base.places}
    owned = [
        (not any(place.name.casefold() in names for place in found), number, remote)
        for number, remote in enumerate(remotes)
        if (
            found := [
                place for place in remote.places if place.host in hosts and place.owner.casefold() == owner.casefold()
            ]
        )
    ]
    return min(owned)[2] if owned else None


def without_secret(url: str) -> str:
    """A URL for a message, without the password or token that may stand in it."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if at and scheme.lower() in ("http", "https"):
        authority = host
    elif ":" in user:
        authority = f"{user.partition(':')[0]}@{host}"
    return f"{scheme}://{authority}{slash}{path}"


def ssh_host(alias: str) -> str | None:
    """The host that a name means by the user's ssh configuration (`ssh -G` connects nowhere); `None` if unknown."""
    if alias.startswith("-") or not re.fullmatch(r"[A-Za-z0-9._-]+", alias):
        return None
    try:
        done = subprocess.run(
            ("ssh", "-G", "--", alias), stdin=subprocess.DEVNULL, capture_output=True, timeout=3, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition(" ")
        if name == "hostname" and value:
            return _ALIASES.get(value.lower(), value.lower())
    return None
