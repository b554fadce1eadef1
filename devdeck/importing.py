"""Sessions that par made, read from its registries and made devdeck's own. Nothing of par's is written.

Formats (par 0.2): `global_state.json` holds `{"sessions": {label: record}, "workspaces": {label: record}}`; before it
there were `state.json`, `{repository: {label: record}}`, and `workspaces.json`, `{folder: {label: record}}`. Times are
in UTC without an offset.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from devdeck import discover
from devdeck.errors import DeckError, Missing, NotFound
from devdeck.git import refs
from devdeck.git import repository as repositories
from devdeck.labels import free_label
from devdeck.managing import ChangePlan, Managing, adoption
from devdeck.model import Member, Session, SessionKind, Terminal
from devdeck.steps.managing import is_in
from devdeck.store import Store
from devdeck.terminal.terminals import Terminals
from devdeck.text import one_line

FILES = ("global_state.json", "state.json", "workspaces.json")
MAX_FILE = 32 * 2**20
"""Largest registry that is read, in bytes."""


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A session of par's that is not imported."""

    label: str
    file: str
    reason: str
    known: bool = False
    """Whether that is because it was imported before."""


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """What importing would do, or did."""

    folder: str
    plans: tuple[ChangePlan, ...] = ()
    """Sessions that become devdeck's own; their `warnings` tell what was changed about them."""
    skipped: tuple[Skipped, ...] = ()
    errors: tuple[str, ...] = ()
    """Files that can't be read, with the place in them, and sessions that could not be imported."""


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One session of par's, whatever file it comes from."""

    label: str
    file: str
    repository: str = ""
    worktree: str = ""
    terminal: str = ""
    branch: str = ""
    managed_branch: bool = False
    checkout: bool = False
    target: str = ""
    created_at: float | None = None
    workspace: bool = False
    members: tuple[_Entry, ...] = ()


class Importing:
    """See the module. Synchronous."""

    def __init__(self, store: Store, terminals: Terminals, managing: Managing) -> None:
        self._store = store
        self._terminals = terminals
        self._managing = managing

    def plan(self, folder: str | None = None) -> Import:
        """Read par's registries and say what importing would do. Changes nothing, here or there.

        Args:
            folder: Where they are; `$XDG_DATA_HOME/par` when `None`.

        Raises:
            NotFound: There is no registry.
        """
        place = Path(repositories.resolved(folder)) if folder else par_folder()
        files = [place / name for name in FILES if (place / name).is_file()]
        if not files:
            raise NotFound(f"par has no registry in {place}", f"--from DIR names the folder of its {FILES[0]}")
        entries: list[_Entry] = []
        errors: list[str] = []
        for file in files:
            try:
                entries += _read(file, errors)
            except DeckError as error:
                errors.append(error.message)
        return self._plan(str(place), entries, errors)

    def _plan(self, folder: str, entries: Sequence[_Entry], errors: list[str]) -> Import:
        try:
            terminals = self._terminals.all()
        except Missing:
            terminals = ()
        ours = {session.id for session in self._store.sessions()}
        free = [terminal for terminal in terminals if terminal.devdeck_id not in ours]
        known = {s.worktree: s.label for s in self._store.sessions()}
        known |= {place.worktree: s.label for s in self._store.sessions() for place in s.places}
        labels = {session.label for session in self._store.sessions()}
        labels |= {session.label for session, _ in self._store.half_made()}
        plans: list[ChangePlan] = []
        skipped: list[Skipped] = []
        seen: set[str] = set()
        for entry in entries:
            place = os.path.realpath(entry.worktree)
            if place in seen:
                continue  # an older file has it too
            seen.add(place)
            if place in known:
                reason = f"it is the session {known[place]!r} already"
                skipped.append(Skipped(label=entry.label, file=entry.file, reason=reason, known=True))
                continue
            try:
                session, told = _workspace(entry) if entry.workspace else _session(entry)
            except DeckError as error:
                skipped.append(Skipped(label=entry.label, file=entry.file, reason=error.message))
                continue
            label, renamed = free_label(entry.label, session.repository, labels)
            session = msgspec.structs.replace(session, label=label)
            plan = adoption(session, _terminal(entry, session, free))
            seen |= {member.worktree for member in session.members}
            labels.add(label)
            plans.append(msgspec.structs.replace(plan, warnings=(*renamed, *told)))
        return Import(folder=folder, plans=tuple(plans), skipped=tuple(skipped), errors=tuple(errors))

    def run(self, folder: str | None = None) -> Import:
        """Import them. Each session is a transaction of its own: one that fails hides no other.

        Returns:
            What was imported; what failed is in `errors`.

        Raises:
            NotFound: There is no registry.
        """
        wanted = self.plan(folder)
        done, errors = [], list(wanted.errors)
        for plan in wanted.plans:
            try:
                self._managing.carry_out(plan, "import")
            except DeckError as error:
                errors.append(f"{plan.session.label}: {error.message}")
            else:
                done.append(plan)
        return msgspec.structs.replace(wanted, plans=tuple(done), errors=tuple(errors))


def par_folder() -> Path:
    """Where par keeps its registries: `$XDG_DATA_HOME/par`."""
    value = os.environ.get("XDG_DATA_HOME", "")
    return (Path(value) if value.startswith("/") else Path.home() / ".local/share") / "par"


# Reading


def _read(file: Path, errors: list[str]) -> Iterator[_Entry]:
    try:
        if file.stat().st_size > MAX_FILE:
            raise DeckError(f"{file} is larger than {MAX_FILE // 2**20} MiB, which no registry of par's is")
        data = file.read_bytes()
    except OSError as error:
        raise DeckError(f"{file} can't be read: {error.strerror}") from error
    if not data.strip():
        return iter(())
    try:
        content = json.loads(data)
    except json.JSONDecodeError as error:
        raise DeckError(f"{file}:{error.lineno}:{error.colno}: no JSON: {error.msg}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise DeckError(f"{file}: no JSON: {error}") from error
    if not isinstance(content, dict):
        raise DeckError(f"{file}: expected an object, found {_kind(content)}")
    return iter(list(_entries(file, content, errors)))


def _entries(file: Path, content: Mapping[str, Any], errors: list[str]) -> Iterator[_Entry]:
    if file.name == FILES[0]:
        tables = [(name, "", content.get(name)) for name in ("sessions", "workspaces")]
    else:
        tables = [(owner, owner, table) for owner, table in content.items()]
    for name, owner, table in tables:
        if table is None:
            continue
        if not isinstance(table, dict):
            errors.append(f"{file}: {_shown(name)}: expected an object, found {_kind(table)}")
            continue
        for label, record in table.items():
            where = f"{file}: {_shown(name)}: {_shown(label)}"
            if not isinstance(record, dict):
                errors.append(f"{where}: expected an object, found {_kind(record)}")
                continue
            try:
                yield _entry(file, label, owner, record)
            except DeckError as error:
                errors.append(f"{where}: {error.message}")


def _entry(file: Path, label: str, owner: str, record: Mapping[str, Any]) -> _Entry:
    members = record.get("workspace_repos", record.get("repos"))
    workspace = members is not None or record.get("session_type") == "workspace"
    entry = _Entry(
        label=label,
        file=file.name,
        terminal=_text(record, "tmux_session_name", _text(record, "session_name")),
        branch=_text(record, "branch_name", label),
        created_at=_time(record.get("created_at")),
    )
    if workspace:
        if not isinstance(members, list) or not members or not all(isinstance(member, dict) for member in members):
            raise DeckError("expected a list of its repositories")
        parts = tuple(_member(file, label, member) for member in members)
        return msgspec.structs.replace(
            entry,
            repository=_text(record, "workspace_root", owner),
            worktree=_text(record, "worktree_path") or os.path.commonpath([_above(part.worktree) for part in parts]),
            workspace=True,
            members=parts,
        )
    return msgspec.structs.replace(
        entry,
        repository=_text(record, "repository_path", owner),
        worktree=_absolute(record, "worktree_path"),
        managed_branch=record.get("managed_branch") is True,
        checkout=record.get("session_type") == "checkout" or record.get("is_checkout") is True,
        target=_text(record, "checkout_target"),
    )


def _above(worktree: str) -> str:
    """The folder of a workspace by one of its worktrees, `<folder>/<repository>/<label>`."""
    return str(Path(worktree).parent.parent)


def _member(file: Path, label: str, record: Mapping[str, Any]) -> _Entry:
    worktree = _absolute(record, "worktree_path")
    return _Entry(
        label=_text(record, "repo_name") or Path(worktree).parent.name,
        file=file.name,
        repository=_text(record, "repo_path"),
        worktree=worktree,
        branch=_text(record, "branch_name", label),
        managed_branch=True,  # par always makes the branches of a workspace itself
    )


def _absolute(record: Mapping[str, Any], key: str) -> str:
    value = _text(record, key)
    if not value.startswith("/"):
        raise DeckError(f"expected an absolute path as {key}, found {_shown(value)}")
    return value


def _text(record: Mapping[str, Any], key: str, fallback: str = "") -> str:
    value = record.get(key)
    if value is None:
        return fallback
    if not isinstance(value, str):
        raise DeckError(f"expected text as {key}, found {_kind(value)}")
    try:
        if b"\0" not in os.fsencode(value):
            return value
    except UnicodeEncodeError:
        pass
    raise DeckError(f"{key} holds characters that no name on this system can have: {_shown(value)}")


def _time(value: object) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.datetime.fromisoformat(value)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=datetime.UTC)).timestamp()


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _shown(text: str) -> str:
    return repr(one_line(text, limit=200))


# What becomes of it


def _session(entry: _Entry) -> tuple[Session, tuple[str, ...]]:
    """The session for a worktree of par's, and what is told about it.

    Raises:
        DeckError: There is no such worktree any more.
    """
    place, told = _place(entry)
    session = Session(
        id=discover.session_id_for(place.worktree),
        label=entry.label,
        kind=SessionKind.CHECKOUT if entry.checkout else SessionKind.SESSION,
        repository=place.repository,
        repository_path=place.repository_path,
        worktree=place.worktree,
        branch=place.branch,
        managed_branch=place.managed_branch,
        created_at=entry.created_at or time.time(),
        target=entry.target,
    )
    return session, told


def _workspace(entry: _Entry) -> tuple[Session, tuple[str, ...]]:
    members: list[Member] = []
    told: list[str] = []
    for part in entry.members:
        try:
            place, more = _place(part)
        except DeckError as error:
            told.append(f"{part.label} is left out: {error.message}")
            continue
        told += more
        taken = {member.repository for member in members}
        names = (part.label, *(f"{part.label}-{number}" for number in range(2, len(entry.members) + 2)))
        name = next(_plain(name) for name in names if _plain(name) not in taken)
        members.append(msgspec.structs.replace(place, repository=name))
    if not members:
        raise NotFound("none of its worktrees is there any more")
    folder = os.path.realpath(entry.worktree)
    parent = entry.repository or os.path.commonpath([member.repository_path for member in members])
    session = Session(
        id=discover.session_id_for(folder),
        label=entry.label,
        kind=SessionKind.WORKSPACE,
        repository=Path(parent).name or "workspace",
        repository_path=os.path.realpath(parent),
        worktree=folder,
        branch=entry.branch,
        created_at=entry.created_at or time.time(),
        members=tuple(members),
    )
    return session, tuple(told)


def _plain(name: str) -> str:
    return re.sub(r"[\s:/\x00-\x1f]", "-", name) or "repository"


def _place(entry: _Entry) -> tuple[Member, tuple[str, ...]]:
    """The worktree of an entry as it is now: git says which repository and branch, par only what it made."""
    worktree = os.path.realpath(entry.worktree)
    if not os.path.isdir(worktree):
        raise NotFound(f"the worktree {one_line(entry.worktree)} is gone")
    root = repositories.main_root(worktree)
    if root is None or repositories.worktree_root(worktree) != worktree or not os.path.isdir(root):
        where = f" of {one_line(entry.repository)}" if entry.repository else ""
        raise NotFound(f"{one_line(worktree)} is no worktree{where} (any more); was the repository moved or removed?")
    if root == worktree:
        raise NotFound(f"{one_line(worktree)} is the main worktree of its repository")
    told: tuple[str, ...] = ()
    branch, _ = repositories.read_head(worktree)
    managed = entry.managed_branch and refs.local_branch_exists(root, entry.branch)
    if managed:
        branch = entry.branch
    elif branch != entry.branch:
        now = f"the branch {branch}" if branch else "a commit without a branch"
        told = (f"par says that it is on {one_line(entry.branch)}, but {now} is checked out",)
    member = Member(
        repository=repositories.repository_name(root),
        repository_path=root,
        worktree=worktree,
        branch=branch,
        managed_branch=managed,
    )
    return member, told


def _terminal(entry: _Entry, session: Session, free: Sequence[Terminal]) -> Terminal | None:
    """The tmux session of an entry: the one of its name that was started there, else the oldest started there."""
    there = [terminal for terminal in free if is_in(terminal, session)]
    named = [terminal for terminal in there if terminal.name == entry.terminal]
    return min(named or there, key=lambda terminal: (terminal.created_at, terminal.id), default=None)
