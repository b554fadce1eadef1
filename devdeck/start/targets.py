"""What `checkout` can be asked for, told by the text alone.

The first line that fits says what a text is. Whether it exists is for `devdeck.start.branching` to find out; a local branch of
exactly that name wins where the table says so, since only these texts can be the names of branches.

| text                                                      | what it is                            | local branch first |
| --------------------------------------------------------- | ------------------------------------- | ------------------ |
| `pr/7`, `PR/7`, `#7`                                      | pull request 7                        | no                 |
| `mr/7`, `MR/7`, `!7`                                      | merge request 7                       | no                 |
| `7`                                                       | pull request 7                        | yes                |
| `https://HOST/OWNER/REPOSITORY/pull/7` (GitHub, and GitHub Enterprise), `…/pulls/7` (Gitea, Forgejo), `https://HOST/GROUP/…/REPOSITORY/-/merge_requests/7` (GitLab); also with `/files`, `?…`, `#…` behind | that request of that repository | no |
| the same without `https://`                               | the same                              | yes                |
| `https://…/tree/BRANCH`, `…/-/tree/BRANCH`, `…/src/branch/BRANCH` | that branch of that repository | no                 |
| any other text with `://`                                 | an error                              |                    |
| `OWNER:BRANCH`                                            | a branch of somebody's fork           | no                 |
| anything else                                             | a branch: `BRANCH` or `REMOTE/BRANCH` | yes                |
"""  # noqa: E501  a table

from __future__ import annotations

import re
import unicodedata
import urllib.parse

import msgspec

from devdeck.errors import UsageError
from devdeck.git.forge import Place, parse_place
from devdeck.text import one_line

MAX_LENGTH = 2000
"""Longest target in characters."""

_REQUEST = re.compile(r"(?:(?P<kind>pr|mr)/|(?P<sign>[#!]))(?P<number>[0-9]+)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+")
_OF_REQUEST = re.compile(
    r"(?P<path>[^/]+(?:/[^/]+)*?)/(?:(?P<pull>pulls?)|(?:-/)?(?P<merge>merge_requests))/(?P<number>[0-9]+)(?:/.*)?"
)
_OF_BRANCH = re.compile(r"(?P<path>[^/]+(?:/[^/]+)*?)/(?:-/tree|tree|src/branch)/(?P<branch>.+)")
_HOST = re.compile(r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?::[0-9]+)?/")
_FORK = re.compile(r"(?P<owner>[A-Za-z0-9][A-Za-z0-9_.-]*(?:/[A-Za-z0-9][A-Za-z0-9_.-]*)*):(?P<branch>.+)")
_MAX_NUMBER = 10**10
FORMS = "a branch, REMOTE/BRANCH, OWNER:BRANCH, pr/7, #7, mr/7, !7, or the URL of a pull or merge request"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A pull request (GitHub, Gitea) or merge request (GitLab)."""

    number: int
    merge: bool | None = None
    """Whether it is a merge request; `None` when the text does not tell."""
    place: Place | None = None
    """Of which repository; `None` for the one that is worked in."""
    branch: str = ""
    """Name of the local branch that comes first, if there is one of that name; empty when none does."""

    @property
    def refs(self) -> tuple[str, ...]:
        """Where forges keep its commits, the likelier first (of GitHub and Gitea, of GitLab)."""
        pull, merge = f"refs/pull/{self.number}/head", f"refs/merge-requests/{self.number}/head"
        return (pull, merge) if self.merge is None else (merge,) if self.merge else (pull,)

    @property
    def kind(self) -> str:
        """What its forge calls it, as far as the text tells."""
        return kind_words(self.merge)

    @property
    def name(self) -> str:
        """What a branch and a session for it are called."""
        return f"{'mr' if self.merge else 'pr'}-{self.number}"


class BranchAt(msgspec.Struct, frozen=True, kw_only=True):
    """A branch of the repository that a URL names."""

    place: Place
    branch: str


class Fork(msgspec.Struct, frozen=True, kw_only=True):
    """A branch of somebody's fork."""

    owner: str
    branch: str


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A branch, local or behind the name of a remote."""

    name: str


Target = Request | BranchAt | Fork | Branch


def parse(text: str) -> Target:
    """Tell what a text is; see the table of this module. Looks at nothing but the text.

    Raises:
        UsageError: It can be none of them, or it holds what no name may hold.
    """
    shown = one_line(text, limit=200)
    if not text or len(text) > MAX_LENGTH:
        raise UsageError("nothing to check out" if not text else f"{shown[:60]!r}… is too long", f"name {FORMS}")
    if text.startswith("-"):
        raise UsageError(f"can't check out {shown!r}: it looks like an option", f"name {FORMS}")
    if reason := _invisible(text):
        raise UsageError(f"can't check out {shown!r}: it holds {reason}", f"name {FORMS}")
    if found := _REQUEST.fullmatch(text):
        merge = True if found["sign"] == "!" or (found["kind"] or "").lower() == "mr" else None
        return Request(number=_number(found["number"], merge), merge=merge)
    if _NUMBER.fullmatch(text):
        return Request(number=_number(text), branch=text)
    if "://" in text:
        return _from_url(text)
    if _HOST.match(text) and isinstance(found_there := _in_url(f"https://{text}"), Request):
        return msgspec.structs.replace(found_there, branch=text)
    if fork := _FORK.fullmatch(text):
        return Fork(owner=fork["owner"], branch=fork["branch"])
    return Branch(name=text)


def _invisible(text: str) -> str:
    """Which character no name of a branch, owner or repository may hold; empty when there is none."""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp"):
            return "white space" if character.isspace() else f"the invisible character U+{ord(character):04X}"
    return ""


def kind_words(merge: bool | None) -> str:
    """What a forge calls a request: `merge request` (GitLab) or `pull request` (all others)."""
    return "merge request" if merge else "pull request"


def _number(digits: str, merge: bool | None = None) -> int:
    number = int(digits) if len(digits) <= 20 else 0
    if not 0 < number < _MAX_NUMBER:
        raise UsageError(f"there is no {kind_words(merge)} {one_line(digits, limit=40)}", "its number is on its page")
    return number


def _from_url(text: str) -> Target:
    found = _in_url(text)
    if found is None:
        raise UsageError(
            f"can't tell a pull request, a merge request or a branch from {one_line(text, limit=200)!r}",
            "URLs end like …/pull/7, …/pulls/7, …/-/merge_requests/7 or …/tree/BRANCH",
        )
    return found


def _in_url(url: str) -> Request | BranchAt | None:
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https"):
        return None
    path = urllib.parse.unquote(parts.path).strip("/")
    if _invisible(path):
        return None
    base = f"{parts.scheme}://{parts.netloc}/"
    if request := _OF_REQUEST.fullmatch(path):
        place = parse_place(base + urllib.parse.quote(request["path"]))
        merge = request["merge"] is not None
        return Request(number=_number(request["number"], merge), merge=merge, place=place) if place else None
    if branch := _OF_BRANCH.fullmatch(path):
        place = parse_place(base + urllib.parse.quote(branch["path"]))
        return BranchAt(place=place, branch=branch["branch"]) if place else None
    return None


def slug(text: str) -> str:
    """A label for a branch, as par makes it: lower case, letters, digits and single dashes; `session` for nothing."""
    text = re.sub(r"[/_]", "-", text.lower())
    return re.sub(r"-+", "-", re.sub(r"[^a-z0-9-]", "", text)).strip("-") or "session"
