"""In which order sessions stand, and how they are grouped: pure functions, no Textual."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from devdeck.model import SessionState
from tui.widgets import fuzzy, rows

Sort = Literal["repository", "activity", "attention", "label", "cpu"]
SORTS: tuple[Sort, ...] = ("repository", "attention", "activity", "label", "cpu")
"""Orders, as `cycle_sort` goes through them. Only `repository` groups."""

ANY = fuzzy.Match(0.0, (frozenset(), frozenset(), frozenset()))
"""The match of a session when nothing is filtered."""
_RANKS = {"attention": 0, "failed": 1, "running": 2, "passed": 3, "idle": 4, "loading": 5, "no-terminal": 6}


class Group(NamedTuple):
    """The sessions of one repository."""

    name: str
    hint: str
    members: tuple[str, ...]


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
    """Groups by path of the repository, ordered by its name; members keep their order.

    Args:
        sessions: States by id.
        ids: Which, and in which order.
        home: The user's home folder, for hints.
    """
    members: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for id_ in ids:
        session = sessions[id_].session
        path = session.repository_path or session.repository or "-"
        members.setdefault(path, []).append(id_)
        names.setdefault(path, session.repository)
    return {
        path: Group(names[path] or path, rows.path_hint(path, home), tuple(members[path]))
        for path in sorted(members, key=lambda path: (names[path].casefold(), path))
    }
