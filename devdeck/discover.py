"""Which sessions there are: those that the deck made, and those that others made with plain git and plain tmux.

The world is the truth (design, principle 3). A linked worktree of a known repository is a session even when `git
worktree add` made it; a tmux session that was started inside a repository is one too, and makes that repository known.
Only files are read, no process is started: this runs often.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from devdeck.git import repository as repositories
from devdeck.model import Session, SessionKind, Terminal


def session_id_for(worktree: str) -> str:
    """The id of a session that was found: derived from its worktree, so that it is the same at every look."""
    import hashlib

    return "found-" + hashlib.sha256(worktree.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def linked_worktrees(common_dir: Path, known: Container[str] = ()) -> tuple[str, ...]:
    """Paths of a repository's linked worktrees that exist, read from `<common dir>/worktrees/*/gitdir`.

    Args:
        common_dir: The git directory that they share.
        known: Resolved paths that are left out, also where they don't exist.
    """
    folder = f"{common_dir}/worktrees"
    found = []
    try:
        entries = sorted(os.listdir(folder))
    except OSError:
        return ()
    for entry in entries:
        try:
            with open(f"{folder}/{entry}/gitdir", "rb") as file:
                pointer = os.fsdecode(file.read()).strip()
        except OSError:
            continue
        place = os.path.dirname(os.path.join(folder, entry, pointer))
        if place in known:  # as git writes it: resolving a hundred paths costs more than all the rest here
            continue
        if os.path.exists(f"{place}/.git") and (worktree := os.path.realpath(place)) not in known:
            found.append(worktree)
    return tuple(found)


def with_members(made: Iterable[Session]) -> tuple[Session, ...]:
    """Sessions of the store, each workspace followed by its members."""
    return tuple(each for session in made for each in (session, *session.member_sessions()))


def known_roots(
    made: Iterable[Session], known: Iterable[tuple[str, str]], terminals: Iterable[Terminal]
) -> tuple[str, ...]:
    """Main worktrees of all repositories to look into, sorted: of sessions, of the store, and where terminals are."""
    made = tuple(made)
    ids = {session.id for session in made}
    roots = {place.repository_path for session in made for place in session.places} | {path for _, path in known}
    for terminal in terminals:
        if terminal.devdeck_id in ids:
            continue
        place = repositories.worktree_root(terminal.path)
        root = repositories.main_root(place) if place else None
        if root:
            roots.add(root)
    return tuple(sorted(root for root in roots if Path(root).is_dir()))


def find_sessions(
    made: Sequence[Session], known: Sequence[tuple[str, str]], terminals: Sequence[Terminal]
) -> tuple[Session, ...]:
    """All sessions: `made` (a workspace followed by its members), then those that were found.

    Args:
        made: Sessions of the store.
        known: Repositories of the store: (name, path of the main worktree).
        terminals: What the tmux server has; empty when it can't be asked.
    """
    made = with_members(made)
    worktrees = {session.worktree for session in made}
    labels = {session.label for session in made}
    occupied = {repositories.worktree_root(terminal.path) for terminal in terminals if not terminal.devdeck_id}
    found: list[Session] = []
    for root in known_roots(made, known, terminals):
        common = repositories.common_dir(root)
        if common is None:
            continue
        places = list(linked_worktrees(common, worktrees))
        if root in occupied and root not in worktrees:
            places.insert(0, root)
        for place in places:
            session = _found(root, place, labels)
            labels.add(session.label)
            found.append(session)
    return (*made, *found)


def _found(root: str, place: str, taken: set[str]) -> Session:
    name = repositories.repository_name(root)
    branch, _ = repositories.read_head(place)
    id_ = session_id_for(place)
    plain = branch if branch and place != root else Path(place).name
    candidates = (plain, f"{name}/{plain}", f"{name}/{plain}~{id_[-4:]}")
    label = next((candidate for candidate in candidates if candidate not in taken), id_)
    return Session(
        id=id_, label=label, repository=name, repository_path=root, worktree=place, branch=branch, managed=False
    )


def match_terminals(sessions: Iterable[Session], terminals: Sequence[Terminal]) -> dict[str, Terminal]:
    """Which tmux session belongs to which session: session id → terminal.

    A terminal marked with the session's id comes first, else the oldest unmarked one that was started in its worktree
    (for a workspace: in its very folder). The member of a workspace has the terminal of the workspace.
    """
    by_id: dict[str, Terminal] = {}
    by_place: dict[str, Terminal] = {}
    by_folder: dict[str, Terminal] = {}
    for terminal in sorted(terminals, key=lambda terminal: (terminal.created_at, terminal.id), reverse=True):
        if terminal.devdeck_id:
            by_id[terminal.devdeck_id] = terminal
            continue
        by_folder[os.path.realpath(terminal.path)] = terminal
        if place := repositories.worktree_root(terminal.path):
            by_place[place] = terminal
    matched = {
        session.id: by_id.get(session.parent or session.id)
        or (by_folder if session.kind is SessionKind.WORKSPACE else by_place).get(session.worktree)
        for session in sessions
    }
    return {id_: terminal for id_, terminal in matched.items() if terminal is not None}
