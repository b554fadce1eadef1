"""Removing a session: what would go is shown first, and all of it goes to the trash."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from devdeck import ignored, keeping
from devdeck.errors import DeckError, Missing, Refused
from devdeck.git import admin as admins
from devdeck.git import refs, repository
from devdeck.git import risks as risk_words
from devdeck.git import trash as hidden
from devdeck.ignored import Ignored
from devdeck.live import RemovalPlan
from devdeck.model import Job, Member, Operation, Session, SessionKind, Terminal, TrashEntry, TrashPart
from devdeck.moving import size_words
from devdeck.setup import Setups
from devdeck.steps.removing import (
    DropBranch,
    DropIgnored,
    EndTerminal,
    Forget,
    KeepObjects,
    Move,
    OpenTrash,
    RecordTrash,
    StopJobs,
)
from devdeck.text import one_line
from devdeck.transactions import Site, Step, Transactions, words_of
from devdeck.trash import Trash


class _Place(msgspec.Struct, frozen=True):
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
        return self.member.managed_branch and self.branch is not None


class _Look(msgspec.Struct, frozen=True):
    """What removing a session would take."""

    session: Session
    places: tuple[_Place, ...]
    running: tuple[Job, ...]
    risks: tuple[str, ...]
    notes: tuple[str, ...]
    dropped: tuple[tuple[Ignored, ...], ...]
    """Ignored files that are not kept, by place."""
    forbidden: str = ""


class Removing:
    """Plans and removes sessions. Synchronous."""

    def __init__(self, site: Site, transactions: Transactions, setups: Setups, trash: Trash) -> None:
        self._site = site
        self._store = site.store
        self._terminals = site.terminals
        self._transactions = transactions
        self._setups = setups
        self._trash = trash

    def plan(self, session: Session) -> RemovalPlan:
        """What removing a session would do, and which work stands against it. Changes nothing."""
        look = self._look(session)
        steps = () if look.forbidden else words_of(self._steps(look, self._terminal(session), "0", False)[0])
        return RemovalPlan(session=session, steps=steps, risks=look.risks, notes=look.notes, forbidden=look.forbidden)

    def remove(self, session: Session, force: bool = False, *, verb: str = "remove") -> Operation:
        """Remove a session: it moves into the trash with its worktree, own branch and everything else.

        Args:
            session: Which one.
            force: Although it holds work that exists nowhere else, or its teardown failed.
            verb: How the journal calls it.

        Raises:
            Refused: Work exists nowhere else (the risks are named) and `force` is not given, or it can't be removed.
            DeckError: Its teardown failed and `force` is not given, or a step failed; it is as before then.
        """
        look = self._look(session)
        if look.forbidden:
            raise Refused(f"{session.label!r} can't be removed: {look.forbidden}")
        if os.environ.get("DEVDECK_JOB") in {job.id for job in look.running}:
            raise Refused(
                f"{session.label!r} can't be removed by a job that runs in it", "remove it from another terminal"
            )
        if look.risks and not force:
            raise Refused(
                f"{session.label!r} holds work that exists nowhere else: " + "; ".join(look.risks),
                f"commit and push it, or use `devdeck rm {session.label} --force`; `devdeck undo` brings it back",
            )
        self._tear_down(session, force)
        terminal = self._terminal(session)
        key = uuid.uuid4().hex
        steps, pivot = self._steps(look, terminal, key, force, self._layout(terminal))
        operation = self._transactions.run(verb, session, steps, pivot=pivot, undo=self._undo_words(look, key), id=key)
        self._trash.prune()
        if terminal is not None:
            # Last, and after the journal: the caller may live in it.
            with suppress(Missing):
                self._terminals.end(terminal)
        return operation

    def _tear_down(self, session: Session, force: bool) -> None:
        try:
            self._setups.tear_down(session)
        except DeckError as error:
            if not force:
                raise DeckError(
                    f"{session.label!r} was not removed: {error.message}",
                    f"`devdeck rm {session.label} --force` removes it all the same",
                    code="teardown",
                ) from error

    def _terminal(self, session: Session) -> Terminal | None:
        with suppress(Missing):
            return self._terminals.of(session)
        return None

    def _layout(self, terminal: Terminal | None) -> bytes:
        with suppress(DeckError):  # a session whose windows can't be told comes back with one
            return self._terminals.snapshot(terminal) if terminal is not None else b""
        return b""

    def _undo_words(self, look: _Look, key: str) -> str:
        names = [
            f"{hidden.PREFIX}{key}/{number}/{'worktree' if place.exists and not place.other else 'branch'}"
            for number, place in enumerate(look.places)
            if place.root is not None and (place.admin is not None or place.branch is not None)
        ]
        words = f"`devdeck undo` or `devdeck trash restore {look.session.label}` brings it back"
        return words + (f"; also kept as {' '.join(names)}" if names else "")

    # What there is

    def _look(self, session: Session) -> _Look:
        if session.parent is not None:
            workspace = session.label.partition(":")[0]
            return _refusing(session, f"it is part of the workspace {workspace!r}; remove that")
        places = tuple(self._place(member) for member in session.places)
        if reason := self._why_forbidden(session, places):
            return _refusing(session, reason)
        running = tuple(
            job
            for job in map(self._site.work.refresh, self._store.running_jobs())
            if job.running and job.session_id in _ids(session)
        )
        risks = [f"a job is running: {one_line(job.title or job.kind, limit=80)}" for job in running]
        notes: list[str] = []
        dropped: list[tuple[Ignored, ...]] = []
        budget = self._trash.retention.ignored_limit
        for place in places:
            prefix = f"{place.member.repository}: " if session.kind is SessionKind.WORKSPACE else ""
            found, going = self._ignored(place, budget)
            if budget is not None:
                budget = max(0, budget - sum(item.size for item in found if item not in going))
            dropped.append(going)
            lost = tuple(item for item in going if not item.remade)
            here = [*_risks(place), *_lost_words(lost)]
            risks += [prefix + risk for risk in here]
            notes += [prefix + note for note in _notes(place, found, going, self._trash.retention.ignored_limit)]
        risks += _beside(session)
        return _Look(session, places, running, tuple(risks), tuple(notes), tuple(dropped))

    def _place(self, member: Member) -> _Place:
        located = keeping.locate(self._store, member)
        folder = Path(member.worktree)
        exists = folder.is_dir()
        if located is None:
            return _Place(member, None, None, exists, exists, None)
        root, _, admin = located
        other = exists and (admin is None or (folder / ".git").is_dir())
        branch = member.branch if member.branch and refs.local_branch_exists(root, member.branch) else None
        return _Place(member, root, admin, exists, other, branch)

    def _why_forbidden(self, session: Session, places: tuple[_Place, ...]) -> str:
        if any(place.member.worktree in (place.member.repository_path, place.root) for place in places):
            return "it is the repository's main worktree, which devdeck never removes"
        folders = [folder for folder, _ in _folders(session, places)]
        for inside in self._others(session, places):
            for folder in folders:
                if Path(inside).is_relative_to(folder) and os.path.lexists(inside):
                    return f"{one_line(inside)} lies in it, and belongs to something else; remove or move that first"
        return ""

    def _others(self, session: Session, places: tuple[_Place, ...]) -> Iterator[str]:
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

    def _ignored(self, place: _Place, limit: int | None) -> tuple[tuple[Ignored, ...], tuple[Ignored, ...]]:
        if not place.exists or place.other or place.root is None or place.admin is None:
            return (), ()
        with suppress(DeckError):  # what git can't tell is among the risks
            found = ignored.look(keeping.where_of(place.root, place.member.worktree, place.admin))
            return found, ignored.over(found, limit)
        return (), ()

    # What is done

    def _steps(
        self, look: _Look, terminal: Terminal | None, key: str, force: bool, layout: bytes = b""
    ) -> tuple[tuple[Step, ...], int]:
        """The steps, and the index of the first that can't be taken back."""
        session, paths = look.session, self._site.paths
        numbered = tuple(enumerate(look.places))
        folders = tuple(str(keeping.folder_of(paths, key, number)) for number in range(len(look.places) + 1))
        moves = [
            Move(
                source=folder,
                target=str(keeping.folder_of(paths, key, number) / "worktree"),
                key=key,
                into_trash=True,
                what=f"move {folder} to the trash",
            )
            for folder, number in _folders(session, look.places)
        ]
        entry = self._entry(look, terminal, key, layout)
        gone = tuple(
            str(Path(part.folder, item.path.rstrip("/")))
            for part, items in zip(entry.parts, look.dropped, strict=True)
            for item in items
            if part.folder is not None
        )
        going = tuple(item for items in look.dropped for item in items)
        before: tuple[Step, ...] = (
            OpenTrash(folders=(str(keeping.folder_of(paths, key)), *folders)),
            StopJobs(
                sessions=_ids(session), titles=tuple(one_line(job.title or job.kind, limit=80) for job in look.running)
            ),
            *(step for number, place in numbered for step in _keep(place, f"{key}/{number}", force)),
            *(step for number, place in numbered for step in _move_admin(place, key, folders[number])),
            *moves,
            *(
                DropBranch(root=place.root, branch=place.branch, key=f"{key}/{number}", folder=folders[number])
                for number, place in numbered
                if place.branch_goes and place.root is not None and place.branch is not None
            ),
            RecordTrash(entry=entry),
        )
        after: tuple[Step, ...] = (
            DropIgnored(entry_id=key, paths=gone, what=f"delete {ignored.words(going)}" if going else ""),
            Forget(session=session, recorded=entry.recorded),
            *((EndTerminal(terminal_id=terminal.id, created_at=terminal.created_at),) if terminal else ()),
        )
        return (*before, *after), len(before)

    def _entry(self, look: _Look, terminal: Terminal | None, key: str, layout: bytes) -> TrashEntry:
        session, paths = look.session, self._site.paths
        kept = {
            folder: str(keeping.folder_of(paths, key, number) / "worktree")
            for folder, number in _folders(session, look.places)
        }
        whole = kept.get(session.worktree) if session.kind is SessionKind.WORKSPACE else None
        parts = []
        for number, place in enumerate(look.places):
            worktree = place.member.worktree
            folder = kept.get(worktree)
            if whole is not None and place.exists and folder is None:
                folder = str(Path(whole, Path(worktree).relative_to(session.worktree)))
            moved = place.root is not None and place.root != place.member.repository_path
            parts.append(
                TrashPart(
                    member=msgspec.structs.replace(place.member, repository_path=place.root)
                    if moved and place.root
                    else place.member,
                    folder=folder,
                    admin=str(keeping.folder_of(paths, key, number) / "admin") if place.admin is not None else None,
                    admin_origin=str(place.admin) if place.admin is not None else None,
                    dropped=tuple(item.path for item in look.dropped[number]),
                )
            )
        return TrashEntry(
            id=key,
            session=session,
            at=time.time(),
            parts=tuple(parts),
            folder=whole,
            recorded=any(other.id == session.id for other in self._store.sessions()),
            terminal=terminal is not None,
            layout=layout,
        )


def _refusing(session: Session, reason: str) -> _Look:
    return _Look(session, (), (), (), (), (), reason)


def _ids(session: Session) -> tuple[str, ...]:
    return (session.id, *(member.id for member in session.member_sessions()))


def _folders(session: Session, places: tuple[_Place, ...]) -> list[tuple[str, int]]:
    """Folders that move, each with the number of the trash folder that it moves into; none lies in another."""
    whole = session.kind is SessionKind.WORKSPACE and Path(session.worktree).is_dir()
    folders = [(session.worktree, len(places))] if whole else []
    for number, place in enumerate(places):
        if place.exists and not (whole and Path(place.member.worktree).is_relative_to(session.worktree)):
            folders.append((place.member.worktree, number))
    return folders


def _keep(place: _Place, key: str, force: bool) -> Iterator[Step]:
    if place.root is not None and (place.admin is not None or place.branch is not None):
        yield KeepObjects(
            root=place.root,
            worktree=place.member.worktree,
            admin=str(place.admin) if place.admin is not None else None,
            branch=place.branch,
            key=key,
            strict=not force,
        )


def _move_admin(place: _Place, key: str, folder: str) -> Iterator[Step]:
    # Before the worktree's folder: git never sees a worktree without its folder, which it would prune.
    if place.admin is not None:
        yield Move(
            source=str(place.admin),
            target=f"{folder}/admin",
            key=key,
            into_trash=True,
            what="" if place.exists else f"forget the worktree {place.member.worktree}, which is gone",
        )


def _risks(place: _Place) -> tuple[str, ...]:
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


def _notes(place: _Place, found: tuple[Ignored, ...], going: tuple[Ignored, ...], limit: int | None) -> Iterator[str]:
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
