"""Which branch a session is on: one that is there, one that a remote has, or a new one.

While a plan is made remotes are asked, not fetched from: the step that makes the worktree fetches what they have.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence

import msgspec

from devdeck.errors import DeckError, NotFound, Refused, UsageError
from devdeck.git import fetching, forge, refs, remotes
from devdeck.git.fetching import Answer
from devdeck.git.forge import Place, Remote
from devdeck.git.repository import Repository
from devdeck.start.targets import Branch, BranchAt, Fork, Request, Target, kind_words, slug
from devdeck.text import one_line


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The branch that a session will be on."""

    name: str
    """Of the local branch."""
    create: bool = False
    """Whether it is new."""
    start: str | None = None
    """Object id that it starts at, when it is new."""
    follow: tuple[str, str] | None = None
    """What a new branch follows: (remote, full name there)."""
    fetch: bool = False
    """Whether that must be fetched first."""
    remote: tuple[str, str] | None = None
    """Name and URL of a remote that must be added first."""
    warnings: tuple[str, ...] = ()


class Branching:
    """Finds out for one repository. Changes nothing."""

    def __init__(
        self,
        repo: Repository,
        *,
        offline: bool = False,
        timeout: float = fetching.ASK_TIMEOUT,
        whose: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        """Look at nothing yet.

        Args:
            repo: The repository.
            offline: Ask no remote.
            timeout: How long, in seconds, all remotes together may take.
            whose: The label of the session that a worktree is of, for what errors advise.
        """
        self._root = repo.root
        self._whose = whose
        self._offline = offline
        self._timeout = timeout
        self._remotes = remotes.list_remotes(repo.root)
        self._preferred = remotes.preferred(repo.root) if len(self._remotes) > 1 else ""

    # Starting

    def for_start(self, name: str, base: str | None, *, head: str | None = None) -> Choice:
        """The branch of a new session: a local one of that name, else one that a remote has, else a new one.

        Args:
            name: Of the branch.
            base: Where a new one starts: a branch, tag or commit; `None` for `head`.
            head: Where it starts when nobody said; the repository's HEAD when `None`.

        Raises:
            NotFound: No such base.
            Refused: The branch is checked out elsewhere.
        """
        ignored = (f"branch {name!r} exists, so --base {one_line(base, limit=100)} is not used",) if base else ()
        tracking = (f"refs/remotes/{remote.name}/{name}" for remote in self._remotes)
        now, local, *tracked = refs.meant(self._root, "HEAD^{commit}", f"refs/heads/{name}", *tracking)
        if local is not None and refs.local_branch_exists(self._root, name):
            self._require_free(name)
            return Choice(name=name, warnings=ignored)
        if base is not None:
            refs.resolve_commit(self._root, base)  # a bad base is told before anybody is asked
        known = self._known(name) if any(tracked) else None
        if known is not None:
            return self._new(name, known, f"refs/heads/{name}", warnings=ignored)
        having, warnings = self._ask(name)
        if having is not None:
            remote, oid = having
            found = f"refs/heads/{name}"
            return Choice(
                name=name, create=True, start=oid, follow=(remote, found), fetch=True, warnings=(*ignored, *warnings)
            )
        start = now if not (base or head) else None
        start = start or refs.resolve_commit(self._root, base or head or "HEAD")
        return Choice(name=name, create=True, start=start, warnings=warnings)

    def _known(self, name: str) -> str | None:
        """The remote that is known to have a branch."""
        tracking = refs.remote_branch(self._root, name)
        return tracking.removesuffix(f"/{name}") if tracking else None

    def _new(self, name: str, remote: str, ref: str, *, warnings: tuple[str, ...] = ()) -> Choice:
        """A new branch from what is known of a remote."""
        oid = refs.resolve_commit(self._root, remotes.tracking_ref(remote, ref))
        return Choice(name=name, create=True, start=oid, follow=(remote, ref), warnings=warnings)

    def _ask(self, branch: str) -> tuple[tuple[str, str] | None, tuple[str, ...]]:
        """Ask all remotes for a branch: (remote, object id) of the one that is meant, and what went wrong."""
        if self._offline or not self._remotes:
            return None, ()
        ref = f"refs/heads/{branch}"
        names = [remote.name for remote in self._remotes]
        answers = self._answers(names, [ref], lambda so_far: _has(so_far, self._preferred))
        having = [name for name in names if answers.get(name, Answer()).refs]
        warnings = tuple(
            f"remote {name} does not say whether it has {branch!r}: {answer.error}"
            for name, answer in answers.items()
            if answer.error
        )
        if len(having) > 1 and self._preferred in having:
            having = [self._preferred]
        if len(having) > 1:
            return None, (*warnings, f"{', '.join(having)} all have a branch {branch!r}, and none of them is preferred")
        return ((having[0], answers[having[0]].refs[ref]) if having else None), warnings

    def _answers(
        self, sources: Sequence[str], names: Sequence[str], enough: Callable[[Mapping[str, Answer]], bool] | None = None
    ) -> dict[str, Answer]:
        return fetching.ask(self._root, sources, names, timeout=self._timeout, enough=enough)

    def _require_free(self, branch: str) -> None:
        if place := refs.checked_out_at(self._root, branch):
            label = self._whose(place)
            if label is not None:
                hint = f"it is the branch of the session {label!r}: `devdeck open {shlex.quote(label)}`"
            elif os.path.realpath(place) == os.path.realpath(self._root):
                hint = f"work there, or make a branch from it: `devdeck start LABEL --base {shlex.quote(branch)}`"
            else:
                hint = f"make that worktree a session: `devdeck adopt {shlex.quote(place)}`"
            raise Refused(f"branch {branch!r} is checked out at {place}", hint)

    # Checking out

    def for_target(self, target: Target, name: str | None) -> tuple[Choice, str]:
        """The branch for something that exists, and the label that a session for it has by itself.

        Args:
            target: See `devdeck.start.targets`.
            name: What to call a new local branch of a pull request; by default as `Request.name` says.

        Raises:
            UsageError: There can be no such branch.
            NotFound: There is no such branch or pull request.
            Refused: The branch is checked out elsewhere.
            DeckError: A remote that must be asked failed (`network`), or a URL is of another repository
                (`other-repository`).
        """
        match target:
            case Request():
                return self._request(target, name)
            case BranchAt(place=place, branch=branch):
                _require_name(branch)
                return self._remote_branch(self._meant(place), branch), slug(branch)
            case Fork():
                return self._fork(target), slug(target.branch)
            case Branch(name=branch):
                return self._branch(branch)

    def _branch(self, name: str) -> tuple[Choice, str]:
        """`x`, or `origin/x`: par's labels leave the remote away."""
        _require_name(name)
        if refs.local_branch_exists(self._root, name):
            self._require_free(name)
            return Choice(name=name), slug(name)
        split = remotes.split_tracking(name, self._remotes)
        if split is not None:
            remote, branch = split
            try:
                return self._remote_branch(remote, branch), slug(branch)
            except NotFound:
                pass  # a branch of that whole name, then
        known = self._known(name)
        if known is not None:
            return self._new(name, known, f"refs/heads/{name}"), slug(name)
        having, warnings = self._ask(name)
        if having is not None:
            return Choice(
                name=name, create=True, start=having[1], follow=(having[0], f"refs/heads/{name}"), fetch=True,
                warnings=warnings,
            ), slug(name)  # fmt: skip
        raise self._no_branch(name, warnings)

    def _no_branch(self, name: str, warnings: tuple[str, ...]) -> NotFound:
        shown = one_line(name, limit=120)
        asked = "; ".join(warnings) or ("no remote was asked" if self._offline or not self._remotes else "")
        try:
            refs.resolve_commit(self._root, name)
        except NotFound:
            remote = remotes.split_tracking(name, self._remotes)
            fresh = one_line(remote[1], limit=120) if remote is not None else shown
            hint = f"`devdeck start {fresh}` makes a new one"
        else:
            hint = f"it is a commit: `devdeck start LABEL --base {shown}` makes a branch from it"
        return NotFound(f"no branch {shown!r}, here or at a remote{f' ({asked})' if asked else ''}", hint)

    def _remote_branch(self, remote: str, branch: str) -> Choice:
        """A branch of one remote: as it is there now, or as it is known when the remote does not answer."""
        return self._from_remote(remote, f"refs/heads/{branch}", self._local_name(remote, branch))

    def _local_name(self, remote: str, branch: str) -> str:
        """The branch's own name, unless a local branch that follows something else has it."""
        followed = remotes.upstream_of(self._root, branch)
        if not refs.local_branch_exists(self._root, branch) or followed == (remote, f"refs/heads/{branch}"):
            return branch
        return f"{remote.replace('/', '-')}-{branch}"

    def _from_remote(self, remote: str, ref: str, name: str) -> Choice:
        if refs.local_branch_exists(self._root, name):
            return self._existing(remote, ref, name)
        if self._offline:
            return self._as_known(remote, ref, name, "no remote was asked")
        answer = self._answers([remote], [ref])[remote]
        if ref in answer.refs:
            return Choice(name=name, create=True, start=answer.refs[ref], follow=(remote, ref), fetch=True)
        if answer.error:
            return self._as_known(remote, ref, name, f"{remote} does not answer: {answer.error}")
        raise NotFound(f"{remote} has no {_words(ref)}", f"`git ls-remote {remote}` lists what it has")

    def _existing(self, remote: str, ref: str, name: str) -> Choice:
        if remotes.upstream_of(self._root, name) != (remote, ref):
            raise UsageError(
                f"there is a branch {name!r} already, and it does not follow {_words(ref)} of {remote}",
                "name another one with --label",
            )
        self._require_free(name)
        return Choice(name=name, warnings=(f"branch {name!r} is used as it is; `devdeck refresh` gets what is new",))

    def _as_known(self, remote: str, ref: str, name: str, why: str) -> Choice:
        try:
            return self._new(name, remote, ref, warnings=(f"{_words(ref)} of {remote} is as it was last seen: {why}",))
        except NotFound:
            raise _no_network(f"{_words(ref)} of {remote} is not known here: {why}") from None

    def _meant(self, place: Place) -> str:
        """The remote that a URL is about; never another one instead."""
        remote = forge.meant_by(place, self._remotes) or self._by_ssh_alias(place)
        if remote is not None:
            return remote.name
        named = ", ".join(
            f"{remote.name} ({one_line(forge.without_secret(remote.urls[0]), limit=120)})" for remote in self._remotes
        )
        shown = one_line(str(place), limit=200)
        name = slug(place.owner.rpartition("/")[2]) or "other"
        raise DeckError(
            f"{shown} is none of this repository's remotes, which are: {named or 'none'}",
            f"go to the repository that it is of, or add it: git remote add {name} https://{shown}.git",
            code="other-repository",
        )

    def _by_ssh_alias(self, place: Place) -> Remote | None:
        """A remote such as `git@work:ada/shop.git` where the user's ssh configuration says which host `work` is."""
        for remote in self._remotes:
            for own in remote.places:
                if own.web or own.path.casefold() != place.path.casefold():
                    continue
                host = forge.ssh_host(own.host)
                if host is not None and place.same(msgspec.structs.replace(own, host=host)):
                    return remote
        return None

    def _fork(self, target: Fork) -> Choice:
        _require_name(target.branch)
        known = next((remote.name for remote in self._remotes if remote.name == target.owner), None)
        base = self._remotes[0] if self._remotes else None
        owned = forge.owned_by(target.owner, base, self._remotes) if base and not known else None
        remote = known or (owned.name if owned else None)
        if remote is not None:
            return self._remote_branch(remote, target.branch)
        url = next((made for each in (base.urls if base else ()) if (made := forge.fork_url(each, target.owner))), None)
        if url is None:
            raise NotFound(
                f"no remote {target.owner!r}, and no remote's URL tells where forks are",
                f"add it: git remote add {target.owner} URL",
            )
        return self._new_fork(target, url)

    def _new_fork(self, target: Fork, url: str) -> Choice:
        remote, ref = target.owner.replace("/", "-"), f"refs/heads/{target.branch}"
        shown = one_line(forge.without_secret(url), limit=200)
        if self._offline:
            raise _no_network(f"the fork {shown} is not known here: no remote was asked")
        answer = self._answers([url], [ref])[url]
        if answer.error:
            raise _no_network(f"the fork {shown} does not answer: {answer.error}", "does it exist, and may you see it?")
        if ref not in answer.refs:
            raise NotFound(f"{shown} has no branch {one_line(target.branch, limit=120)!r}")
        name = self._local_name(remote, target.branch)
        if refs.local_branch_exists(self._root, name):
            return self._existing(remote, ref, name)
        return Choice(
            name=name, create=True, start=answer.refs[ref], follow=(remote, ref), fetch=True, remote=(remote, url)
        )

    def _request(self, target: Request, label: str | None) -> tuple[Choice, str]:
        if target.branch and refs.local_branch_exists(self._root, target.branch):
            return self._branch(target.branch)
        name = label or target.name
        if refs.local_branch_exists(self._root, name):
            for remote, ref in self._candidates(target):
                if remotes.upstream_of(self._root, name) == (remote, ref):
                    return self._existing(remote, ref, name), target.name
            raise UsageError(
                f"there is a branch {name!r} already, and it is not that of {self._called(target)}",
                "name another one with --label",
            )
        return self._new_request(target, name), target.name

    def _called(self, target: Request) -> str:
        """A request as the user's forge calls it: by the text, else by where the first remote is."""
        merge = target.merge
        if merge is None and self._remotes:
            merge = any("gitlab" in place.host for place in self._remotes[0].places)
        return f"{kind_words(merge)} {target.number}"

    def _candidates(self, target: Request) -> list[tuple[str, str]]:
        """Where a request may be, the likeliest first: (remote, full name)."""
        names = [self._meant(target.place)] if target.place else [remote.name for remote in self._remotes]
        if not names:
            raise NotFound(f"no {target.kind} {target.number}: the repository has no remote",
                           "add one: git remote add NAME URL")  # fmt: skip
        return [(name, ref) for name in names for ref in target.refs]

    def _new_request(self, target: Request, name: str) -> Choice:
        candidates = self._candidates(target)
        sources = list(dict.fromkeys(remote for remote, _ in candidates))
        if self._offline:
            answers = {source: Answer(error="no remote was asked") for source in sources}
        else:
            answers = self._answers(sources, target.refs, lambda so_far: _has(so_far, sources[0]))
        having = [(remote, ref) for remote, ref in candidates if ref in answers.get(remote, Answer()).refs]
        errors = [f"{source}: {answer.error}" for source, answer in answers.items() if answer.error]
        if having:
            remote, ref = having[0]
            others = sorted({other for other, _ in having[1:]} - {remote})
            told = (f"{', '.join(others)} has a request {target.number} too; {remote}'s is taken",) if others else ()
            return Choice(
                name=name, create=True, start=answers[remote].refs[ref], follow=(remote, ref), fetch=True, warnings=told
            )
        for remote, ref in candidates if errors else ():
            try:
                warning = f"{_words(ref)} of {remote} is as it was last seen ({'; '.join(errors)})"
                return self._new(name, remote, ref, warnings=(warning,))
            except NotFound:
                continue
        if errors:
            raise _no_network(f"{self._called(target)} can't be had: {'; '.join(errors)}")
        raise NotFound(
            f"no {self._called(target)} at {', '.join(sources)}",
            "is that its number, and this the repository that it is of?",
        )


def _no_network(message: str, hint: str = "it takes the network") -> DeckError:
    return DeckError(message, hint, code="network")


def _has(answers: Mapping[str, Answer], source: str) -> bool:
    return source in answers and bool(answers[source].refs)


def _require_name(name: str) -> None:
    refs.require_branch_name(name)


def _words(ref: str) -> str:
    """A full name there, as people say it."""
    if ref.startswith("refs/heads/"):
        return f"branch {one_line(ref.removeprefix('refs/heads/'), limit=120)!r}"
    kind, number = ref.removeprefix("refs/").removesuffix("/head").split("/")
    return f"{kind_words(kind != 'pull')} {number}"
