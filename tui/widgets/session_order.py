"""In which order sessions stand, how they are grouped, and what belongs to a workspace: pure, no Textual."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from devdeck.model import SessionKind, SessionState
from devdeck.state import DeckState
from tui.registry import lacks_terminal
from tui.widgets import fuzzy, rows

Sort = Literal["repository", "activity", "attention", "label", "cpu"]
SORTS: tuple[Sort, ...] = ("repository", "attention", "activity", "label", "cpu")
"""Orders, as `cycle_sort` goes through them. Only `repository` groups."""

ANY = fuzzy.Match(0.0, (frozenset(), frozenset(), frozenset()))
"""The match of a session when nothing is filtered."""
_RANKS = {"attention": 0, "failed": 1, "running": 2, "passed": 3, "idle": 4, "loading": 5, "no-terminal": 6}


class Group(NamedTuple):
    """The sessions of one repository, or the workspaces over one folder."""

    name: str
    hint: str
    members: tuple[str, ...]


def members_of(sessions: Mapping[str, SessionState]) -> dict[str, tuple[str, ...]]:
    """Workspaces that are there, each with its members that are, in its own order; one without members has none."""
    found: dict[str, list[str]] = {
        id_: [] for id_, state in sessions.items() if state.session.kind is SessionKind.WORKSPACE
    }
    for id_, state in sessions.items():
        if state.session.parent in found:
            found[state.session.parent].append(id_)
    places = {
        id_: {member.repository: number for number, member in enumerate(sessions[id_].session.members)} for id_ in found
    }

    def place(workspace: str, id_: str) -> tuple[int, str]:
        repository = sessions[id_].session.repository
        return places[workspace].get(repository, len(places[workspace])), repository

    return {id_: tuple(sorted(ids, key=lambda it, of=id_: place(of, it))) for id_, ids in found.items()}  # type: ignore[misc]


def status_of(workspace: SessionState, members: Sequence[SessionState]) -> rows.Status:
    """The status that a workspace's glyph tells: what runs anywhere in it, else the worst of it and its members."""
    found = [rows.status(workspace)]
    for state in members:
        it = rows.status(state)
        # A member has no terminal of its own, so lacking one means nothing.
        if it.name != "no-terminal":
            found.append(it._replace(words=f"{rows.name_of(state)}: {it.words}"))
    running = next((it for it in found if it.name == "running"), None)
    return running or min(found, key=lambda it: _RANKS[it.name])


def top_level(sessions: Mapping[str, SessionState]) -> tuple[str, ...]:
    """Sessions that count as such: all but the members of workspaces that are there."""
    return tuple(id_ for id_, state in sessions.items() if state.session.parent not in sessions)


def lost_terminals(deck: DeckState) -> tuple[str, ...]:
    """Sessions of devdeck's whose terminal is gone, by label; nothing is known of it while tmux can't be asked."""
    gone = [it.session for it in deck.sessions.values() if it.session.managed and lacks_terminal(it)]
    return tuple(session.id for session in sorted(gone, key=lambda it: it.label.casefold()))


def _cpu(state: SessionState) -> float:
    return state.sample.cpu if state.sample is not None else -1.0


def _activity(state: SessionState) -> float:
    job = state.jobs[0] if state.jobs else None
    terminal = state.terminal.value
    times = (
        state.session.created_at,
        terminal.activity_at if terminal is not None else None,
        (job.ended_at or job.started_at or job.created_at) if job is not None else None,
    )
    return max((at for at in times if at is not None), default=0.0)


def _rank(state: SessionState) -> int:
    git = state.git.value
    return _RANKS["attention"] if git is not None and git.conflicts else _RANKS[rows.status(state).name]


_KEYS: dict[Sort, Callable[[SessionState], float]] = {
    "repository": lambda state: 0.0,
    "label": lambda state: 0.0,
    "attention": lambda state: float(_rank(state)),
    # Whole tens of seconds and fives of percent, so that rows don't change places with each reading.
    "activity": lambda state: -(_activity(state) // 10),
    "cpu": lambda state: -((_cpu(state) + 4.999) // 5),
}


def needs_attention(state: SessionState) -> bool:
    """Whether somebody should look: a conflict, a lost job, or a failure."""
    return _rank(state) <= _RANKS["failed"]


def ordered(sessions: Mapping[str, SessionState], ids: Iterable[str], sort: Sort) -> tuple[str, ...]:
    """Ids by the key of `sort`, then by label."""
    key = _KEYS[sort]
    return tuple(sorted(ids, key=lambda id_: (key(sessions[id_]), sessions[id_].session.label.casefold(), id_)))


def grouped(sessions: Mapping[str, SessionState], ids: Iterable[str], home: str) -> dict[str, Group]:
    """Groups by key: workspaces by their folder, then sessions by their repository; members keep their order.

    Args:
        sessions: States by id.
        ids: Which, and in which order.
        home: The user's home folder, for hints.
    """
    members: dict[tuple[bool, str], list[str]] = {}
    names: dict[tuple[bool, str], str] = {}
    for id_ in ids:
        session = sessions[id_].session
        path = session.repository_path or session.repository or "-"
        key = (session.kind is not SessionKind.WORKSPACE, path)
        members.setdefault(key, []).append(id_)
        names.setdefault(key, session.repository if key[0] else "workspaces")
    return {
        path if plain else f"workspaces in {path}": Group(
            names[plain, path] or path, rows.path_hint(path, home), tuple(members[plain, path])
        )
        for plain, path in sorted(members, key=lambda key: (key[0], names[key].casefold(), key[1]))
    }
