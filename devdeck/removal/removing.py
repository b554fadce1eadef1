"""Removing a session: what would go is shown first, and all of it goes to the trash."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from devdeck.errors import DeckError, Missing, Refused
from devdeck.git import trash as hidden
from devdeck.initialization.setup import Setups
from devdeck.live import RemovalPlan
from devdeck.model import Operation, Session, SessionKind, Terminal, TrashEntry, TrashPart
from devdeck.removal import ignored, keeping
from devdeck.removal.survey import Look, Place, Surveyor, folders_of, ids_of
from devdeck.removal.trash import Trash
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


class Removing:
    """Plans and removes sessions. Synchronous."""

    def __init__(self, site: Site, transactions: Transactions, setups: Setups, trash: Trash) -> None:
        self._site = site
        self._store = site.store
        self._terminals = site.terminals
        self._transactions = transactions
        self._surveyor = Surveyor(site)
        self._setups = setups
        self._trash = trash

    def plan(self, session: Session) -> RemovalPlan:
        """What removing a session would do, and which work stands against it. Changes nothing."""
        look = self._surveyor.look(session, self._trash.retention.ignored_limit)
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
        look = self._surveyor.look(session, self._trash.retention.ignored_limit)
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

    def _undo_words(self, look: Look, key: str) -> str:
        names = [
            f"{hidden.PREFIX}{key}/{number}/{'worktree' if place.exists and not place.other else 'branch'}"
            for number, place in enumerate(look.places)
            if place.root is not None and (place.admin is not None or place.branch is not None)
        ]
        words = f"`devdeck undo` or `devdeck trash restore {look.session.label}` brings it back"
        return words + (f"; also kept as {' '.join(names)}" if names else "")

    def _steps(
        self, look: Look, terminal: Terminal | None, key: str, force: bool, layout: bytes = b""
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
            for folder, number in folders_of(session, look.places)
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
                sessions=ids_of(session),
                titles=tuple(one_line(job.title or job.kind, limit=80) for job in look.running),
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

    def _entry(self, look: Look, terminal: Terminal | None, key: str, layout: bytes) -> TrashEntry:
        session, paths = look.session, self._site.paths
        kept = {
            folder: str(keeping.folder_of(paths, key, number) / "worktree")
            for folder, number in folders_of(session, look.places)
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


def _keep(place: Place, key: str, force: bool) -> Iterator[Step]:
    if place.root is not None and (place.admin is not None or place.branch is not None):
        yield KeepObjects(
            root=place.root,
            worktree=place.member.worktree,
            admin=str(place.admin) if place.admin is not None else None,
            branch=place.branch,
            key=key,
            strict=not force,
        )


def _move_admin(place: Place, key: str, folder: str) -> Iterator[Step]:
    # Before the worktree's folder: git never sees a worktree without its folder, which it would prune.
    if place.admin is not None:
        yield Move(
            source=str(place.admin),
            target=f"{folder}/admin",
            key=key,
            into_trash=True,
            what="" if place.exists else f"forget the worktree {place.member.worktree}, which is gone",
        )
