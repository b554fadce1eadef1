"""What removing a session would take: what is there, what exists nowhere else, what the trash would not keep."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from devdeck.errors import DeckError
from devdeck.git import admin as admins
from devdeck.git import refs, repository
from devdeck.git import risks as risk_words
from devdeck.git import trash as hidden
from devdeck.model import Job, Member, Session, SessionKind
from devdeck.removal import ignored, keeping
from devdeck.removal.ignored import Ignored
from devdeck.removal.moving import size_words
from devdeck.text import one_line
from devdeck.transactions import Site


class Place(msgspec.Struct, frozen=True):
    """One worktree of the session, as it is found."""

    member: Member
    root: str | None
    """Its repository's main worktree; `None` when the repository is gone."""
    admin: Path | None
    """Git's folder about it; `None` when git knows nothing of it."""
    exists: bool
    """Whether its folder is there."""
    other: bool
    """Whether something else than that worktree is there, so that git can't tell what is in it."""
    branch: str | None
    """The session's branch, if there is one of this name."""

    @property
    def branch_goes(self) -> bool:
        """Whether the branch is deleted with it."""
        return self.member.managed_branch and self.branch is not None


class Look(msgspec.Struct, frozen=True):
    """What removing a session would take."""

    session: Session
    places: tuple[Place, ...]
    running: tuple[Job, ...]
    risks: tuple[str, ...]
    notes: tuple[str, ...]
    dropped: tuple[tuple[Ignored, ...], ...]
    """Ignored files that are not kept, by place."""
    forbidden: str = ""


class Surveyor:
    """Looks at sessions before they are removed. Synchronous; changes nothing."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._store = site.store

    def look(self, session: Session, limit: int | None) -> Look:
        """Find out what removing a session would take.

        Args:
            session: Which one.
            limit: Bytes of ignored files that the trash keeps; `None` for all.
        """
        if session.parent is not None:
            workspace = session.label.partition(":")[0]
            return _refusing(session, f"it is part of the workspace {workspace!r}; remove that")
        places = tuple(self._place(member) for member in session.places)
        if reason := self._why_forbidden(session, places):
            return _refusing(session, reason)
        running = tuple(
            job
            for job in map(self._site.work.refresh, self._store.running_jobs())
            if job.running and job.session_id in ids_of(session)
        )
        risks = [f"a job is running: {one_line(job.title or job.kind, limit=80)}" for job in running]
        notes: list[str] = []
        dropped: list[tuple[Ignored, ...]] = []
        budget = limit
        for place in places:
            prefix = f"{place.member.repository}: " if session.kind is SessionKind.WORKSPACE else ""
            found, going = self._ignored(place, budget)
            if budget is not None:
                budget = max(0, budget - sum(item.size for item in found if item not in going))
            dropped.append(going)
            lost = tuple(item for item in going if not item.remade)
            here = [*_risks(place), *_lost_words(lost)]
            risks += [prefix + risk for risk in here]
            notes += [prefix + note for note in _notes(place, found, going, limit)]
        risks += _beside(session)
        return Look(session, places, running, tuple(risks), tuple(notes), tuple(dropped))

    def _place(self, member: Member) -> Place:
        located = keeping.locate(self._store, member)
        folder = Path(member.worktree)
        exists = folder.is_dir()
        if located is None:
            return Place(member, None, None, exists, exists, None)
        root, _, admin = located
        other = exists and (admin is None or (folder / ".git").is_dir())
        branch = member.branch if member.branch and refs.local_branch_exists(root, member.branch) else None
        return Place(member, root, admin, exists, other, branch)

    def _why_forbidden(self, session: Session, places: tuple[Place, ...]) -> str:
        if any(place.member.worktree in (place.member.repository_path, place.root) for place in places):
            return "it is the repository's main worktree, which devdeck never removes"
        folders = [folder for folder, _ in folders_of(session, places)]
        for inside in self._others(session, places):
            for folder in folders:
                if Path(inside).is_relative_to(folder) and os.path.lexists(inside):
                    return f"{one_line(inside)} lies in it, and belongs to something else; remove or move that first"
        return ""

    def _others(self, session: Session, places: tuple[Place, ...]) -> Iterator[str]:
        """Folders that must not move with the session: repositories, worktrees of others, the deck itself."""
        own = {place.member.worktree for place in places} | {session.worktree}
        yield str(self._site.paths.data)
        yield os.path.realpath(Path.home())
        yield from (path for _, path in self._store.repositories())
        for other in self._store.sessions():
            yield from (other_place.repository_path for other_place in other.places)
            if other.id != session.id:
                yield from (other_place.worktree for other_place in other.places)
        for root in {place.root for place in places if place.root is not None}:
            common = repository.common_dir(root)
            if common is None or not (common / "worktrees").is_dir():
                continue
            for admin in (common / "worktrees").iterdir():
                worktree = admins.place_of(admin)
                if worktree is not None and worktree not in own:
                    yield worktree

    def _ignored(self, place: Place, limit: int | None) -> tuple[tuple[Ignored, ...], tuple[Ignored, ...]]:
        if not place.exists or place.other or place.root is None or place.admin is None:
            return (), ()
        with suppress(DeckError):  # what git can't tell is among the risks
            found = ignored.look(keeping.where_of(place.root, place.member.worktree, place.admin))
            return found, ignored.over(found, limit)
        return (), ()


def _refusing(session: Session, reason: str) -> Look:
    return Look(session, (), (), (), (), (), reason)


def ids_of(session: Session) -> tuple[str, ...]:
    """Ids of a session and of its members."""
    return (session.id, *(member.id for member in session.member_sessions()))


def folders_of(session: Session, places: tuple[Place, ...]) -> list[tuple[str, int]]:
    """Folders that move, each with the number of the trash folder that it moves into; none lies in another."""
    whole = session.kind is SessionKind.WORKSPACE and Path(session.worktree).is_dir()
    folders = [(session.worktree, len(places))] if whole else []
    for number, place in enumerate(places):
        if place.exists and not (whole and Path(place.member.worktree).is_relative_to(session.worktree)):
            folders.append((place.member.worktree, number))
    return folders


def _risks(place: Place) -> tuple[str, ...]:
    """What of one worktree exists nowhere else, in words."""
    member, root = place.member, place.root
    if root is None:
        if place.exists and any(Path(member.worktree).iterdir()):
            return (f"the repository {one_line(member.repository_path)} is gone, so git can't tell what is in it",)
        return ()
    found: tuple[str, ...] = ()
    try:
        if place.admin is not None:
            where = keeping.where_of(root, member.worktree, place.admin)
            if place.exists and not place.other:
                return risk_words.removal_risks(
                    member.worktree, root, place.branch, branch_goes=place.branch_goes, where=where
                )
            found = risk_words.vanished_risks(where, root, place.branch, branch_goes=place.branch_goes)
        elif place.branch_goes and place.branch is not None:
            found = risk_words.branch_risks(root, place.branch)
    except DeckError as error:
        found = (f"git can't tell what is in it: {one_line(error.message, limit=300)}",)
    if place.other and any(Path(member.worktree).iterdir()):
        found += (f"{one_line(member.worktree)} is no worktree of {one_line(root)} any more, but holds files",)
    return found


def _lost_words(lost: tuple[Ignored, ...]) -> list[str]:
    if not lost:
        return []
    return [f"ignored files over the trash's limit would be deleted for good: {ignored.words(lost)}"]


def _notes(place: Place, found: tuple[Ignored, ...], going: tuple[Ignored, ...], limit: int | None) -> Iterator[str]:
    if words := ignored.words(found):
        yield f"ignored files: {words}"
    if going and limit is not None:
        yield f"not kept: {ignored.words(going)} (over the limit of {size_words(limit)} of ignored files)"
    branch = place.branch
    if branch is None or place.root is None:
        return
    with suppress(DeckError):
        where = hidden.Where(place.root, place.admin or Path(place.root))
        if number := risk_words.stashes(where, branch):
            yield f"{number} stash{'es' if number > 1 else ''} made on {branch} stay in the repository"
    if not place.branch_goes:
        yield f"the branch {branch} stays"


def _beside(session: Session) -> list[str]:
    """Files of a workspace that lie beside its worktrees and that devdeck did not write."""
    if session.kind is not SessionKind.WORKSPACE or not Path(session.worktree).is_dir():
        return []
    worktrees = [Path(place.worktree) for place in session.places]
    beside = [
        path.name
        for path in sorted(Path(session.worktree).iterdir())
        if path.suffix != ".code-workspace" and not any(worktree.is_relative_to(path) for worktree in worktrees)
    ]
    return [f"files beside the repositories: {one_line(', '.join(beside[:5]), limit=200)}"] if beside else []
