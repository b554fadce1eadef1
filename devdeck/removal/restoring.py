"""How a removed session comes back: what is in the way is found first, then steps are planned."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from devdeck.errors import DeckError, NotFound, UsageError
from devdeck.git import admin as admins
from devdeck.git import refs, repository, trash
from devdeck.labels import folder_name, why_not_label
from devdeck.model import Member, Session, SessionKind, TrashEntry, TrashPart
from devdeck.removal import keeping
from devdeck.steps.making import Record, Reserve
from devdeck.steps.removing import Move
from devdeck.steps.restoring import BringBranch, BringTerminal, ClearTrash, Repoint, RequireEntry, SwitchHead
from devdeck.store import LabelTaken
from devdeck.text import one_line
from devdeck.transactions import Site, Step, words_of


class RestorePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What bringing a session back would do."""

    session: Session
    """As it will be."""
    todo: tuple[Step, ...]

    @property
    def steps(self) -> tuple[str, ...]:
        """In words, in order."""
        return words_of(self.todo)

    @property
    def pivot(self) -> int:
        """From where on it is finished rather than taken back."""
        return len(self.todo) - 1


def plan(site: Site, entry: TrashEntry, label: str | None = None) -> RestorePlan:
    """Find out how an entry of the trash comes back. Changes nothing.

    Args:
        site: The deck's parts.
        entry: What to bring back.
        label: Another label for it; then it also goes to another folder or on another branch where its own is taken.

    Raises:
        UsageError: The label can't be used.
        LabelTaken: It is in use.
        DeckError: The folder or the branch is taken, or the repository is gone; says where the files lie.
    """
    _require_label(site, entry, label)
    return _Restoring(site, entry, label).plan()


def _require_label(site: Site, entry: TrashEntry, label: str | None) -> None:
    if label is not None and (reason := why_not_label(label)):
        raise UsageError(f"can't use the label {label!r}: {reason}", "letters, digits, - _ . and / are fine")
    wanted = label or entry.session.label
    known = (*site.store.sessions(), *(session for session, _ in site.store.half_made()))
    for session in known:
        if session.id == entry.session.id:
            raise LabelTaken(f"{entry.session.label!r} is there already, as {session.label!r}", "`devdeck ls` lists it")
        if session.label == wanted and (entry.recorded or label is not None):
            raise LabelTaken(f"a session {wanted!r} exists already", _elsewhere(entry))


def _elsewhere(entry: TrashEntry) -> str:
    return f"`devdeck trash restore {entry.session.label} --as LABEL` brings it back under another label"


class _Restoring:
    """One entry on its way back."""

    def __init__(self, site: Site, entry: TrashEntry, label: str | None) -> None:
        self._site = site
        self._entry = entry
        self._label = label
        self._steps: list[Step] = []
        self._late: list[Step] = []
        self._roots: list[str | None] = []

    def plan(self) -> RestorePlan:
        entry = self._entry
        session = entry.session
        base = session.worktree
        if entry.folder is not None:
            base = self._bring_folder(entry.folder, session.worktree)
        members = [self._part(number, part, base) for number, part in enumerate(entry.parts)]
        session = self._session(members, base)
        recorded = entry.recorded or self._label is not None
        todo: list[Step] = [
            RequireEntry(entry_id=entry.id, label=entry.session.label),
            *((Reserve(session=session),) if recorded else ()),
            *self._steps,
            *self._late,
            *((BringTerminal(session=session, layout=entry.layout),) if entry.terminal else ()),
            *((Record(session=session),) if recorded else ()),
            ClearTrash(entry=entry, roots=tuple(self._roots)),
        ]
        return RestorePlan(session=session, todo=tuple(todo))

    def _session(self, members: list[Member], base: str) -> Session:
        session = self._entry.session
        if self._label is not None:
            session = msgspec.structs.replace(session, label=self._label)
        if session.kind is SessionKind.WORKSPACE:
            return msgspec.structs.replace(session, worktree=base, members=tuple(members))
        (member,) = members
        return msgspec.structs.replace(
            session,
            repository=member.repository,
            repository_path=member.repository_path,
            worktree=member.worktree,
            branch=member.branch,
        )

    def _bring_folder(self, kept: str, place: str) -> str:
        """Plan to move a folder back; returns where to."""
        if not Path(kept).is_dir():
            raise NotFound(
                f"the files of {self._entry.session.label!r} are not in the trash any more: {one_line(kept)}",
                "`devdeck trash drop` takes it off the list",
            )
        target = self._free(place)
        self._steps.append(
            Move(source=kept, target=target, key=self._entry.id, into_trash=False, what=f"bring back {target}")
        )
        return target

    def _free(self, place: str) -> str:
        if _is_free(place):
            return place
        if self._label is None:
            raise DeckError(f"{one_line(place)} exists again", _elsewhere(self._entry), code="exists")
        parent = Path(place).parent
        for suffix in ("", *(f"~{number}" for number in range(2, 100))):
            candidate = str(parent / (folder_name(self._label) + suffix))
            if _is_free(candidate):
                return candidate
        raise DeckError(f"no free folder for {self._label!r} in {parent}", "remove what others left there")

    def _part(self, number: int, part: TrashPart, base: str) -> Member:
        """Plan how one worktree comes back; returns what it is then."""
        member, entry = part.member, self._entry
        inside = entry.folder is not None and Path(member.worktree).is_relative_to(entry.session.worktree)
        if inside:
            worktree = str(Path(base, Path(member.worktree).relative_to(entry.session.worktree)))
        else:
            worktree = self._bring_folder(part.folder, member.worktree) if part.folder else member.worktree
        key = f"{entry.id}/{number}"
        if part.admin is None and part.branch_tip is None:
            self._roots.append(keeping.root_of(self._site.store, part, key))
            return msgspec.structs.replace(member, worktree=worktree)
        root = keeping.root_of(self._site.store, part, key)
        common = repository.common_dir(root) if root is not None else None
        if root is None or common is None:
            raise NotFound(
                f"the repository {one_line(member.repository_path)} is gone",
                f"put it back first; the files of {entry.session.label!r} lie in {part.folder or part.admin}",
                code="repository-gone",
            )
        self._roots.append(root)
        branch = self._branches(part, root, key, number)
        if part.admin is not None:
            self._admin(part, part.admin, common, worktree)
        same = root == entry.session.places[number].repository_path
        return msgspec.structs.replace(
            member,
            worktree=worktree,
            branch=branch,
            repository_path=root,
            repository=member.repository if same else repository.repository_name(root),
        )

    def _admin(self, part: TrashPart, kept: str, common: Path, worktree: str) -> None:
        origin = part.admin_origin or str(common / "worktrees" / Path(worktree).name)
        target = common / "worktrees" / admins.free_name(common, Path(origin).name)
        self._late.append(Move(source=kept, target=str(target), key=self._entry.id, into_trash=False))
        pointed = admins.pointed_to(part.folder, part.member.worktree) if part.folder is not None else None
        if pointed is not None and (worktree, pointed) != (part.member.worktree, os.path.realpath(target)):
            self._late.append(
                Repoint(
                    admin=str(target),
                    worktree=worktree,
                    admin_before=origin,
                    worktree_before=part.member.worktree,
                )
            )

    def _branches(self, part: TrashPart, root: str, key: str, number: int) -> str | None:
        """Plan how the deleted branch, and the one that HEAD is on, come back; returns the session's branch."""
        on = _head_branch(Path(part.admin)) if part.admin is not None else None
        own = part.member.branch
        folder = str(keeping.folder_of(self._site.paths, self._entry.id, number))
        renamed: dict[str, str] = {}
        if own is not None and part.branch_tip is not None:
            renamed[own] = self._branch(root, own, part.branch_tip, folder, used=on == own)
        head = trash.kept(root, key).get("head")
        if on is not None and on not in renamed and head is not None:
            renamed[on] = self._branch(root, on, head, None, used=True)
        if part.admin is not None:
            for before, after in renamed.items():
                if before != after:
                    self._late.append(SwitchHead(admin=part.admin, before=before, after=after))
        return renamed.get(own, own) if own is not None else None

    def _branch(self, root: str, name: str, oid: str, folder: str | None, *, used: bool) -> str:
        """Plan that a branch is at a commit; returns its name, another one where it is taken."""
        problem = ""
        if refs.local_branch_exists(root, name):
            if refs.resolve_commit(root, f"refs/heads/{name}") != oid:
                problem = f"the branch {name!r} exists at another commit than it was"
            elif used and (place := refs.checked_out_at(root, name)):
                problem = f"the branch {name!r} is checked out at {place}"
            else:
                return name
            if self._label is None:
                raise DeckError(problem, _elsewhere(self._entry), code="branch-exists")
            if refs.local_branch_exists(root, self._label):
                raise DeckError(
                    f"{problem}, and a branch {self._label!r} exists too", "choose another label", code="branch-exists"
                )
            name = self._label
        self._steps.append(BringBranch(root=root, branch=name, oid=oid, folder=folder))
        return name


def _is_free(place: str) -> bool:
    path = Path(place)
    return not (path.is_symlink() or path.exists()) or (
        path.is_dir() and not path.is_symlink() and next(path.iterdir(), None) is None
    )


def _head_branch(admin: Path) -> str | None:
    """The branch that a worktree in the trash is on."""
    try:
        head = (admin / "HEAD").read_text(errors="surrogateescape").strip()
    except OSError:
        return None
    prefix = "ref: refs/heads/"
    return head.removeprefix(prefix) if head.startswith(prefix) else None
