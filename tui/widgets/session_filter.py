"""Which sessions a filter lets through: pure, no Textual."""

from __future__ import annotations

from collections.abc import Mapping

from devdeck.model import SessionState
from tui.widgets import fuzzy, rows
from tui.widgets.session_order import ANY
from tui.widgets.spans import clean


def matched(
    sessions: Mapping[str, SessionState], members: Mapping[str, tuple[str, ...]], query: str
) -> tuple[dict[str, fuzzy.Match], dict[str, tuple[str, ...]]]:
    """Match every session; a member that matches brings its workspace, which then shows what was found in it.

    Args:
        sessions: States by id.
        members: Ids of the members of each workspace.
        query: What to look for in labels, branches and names of repositories; blank lets everything through.

    Returns:
        Matches by id, members of matching workspaces among them; and for each workspace that is there only for the
        sake of members, those.
    """
    if not query.strip():
        return dict.fromkeys(sessions, ANY), {}
    hits = {id_: hit for id_, state in sessions.items() if (hit := fuzzy.match(query, _fields(state)))}
    inside = {id_ for ids in members.values() for id_ in ids}
    matches = {id_: hit for id_, hit in hits.items() if id_ not in inside}
    found_in: dict[str, tuple[str, ...]] = {}
    for workspace, ids in members.items():
        if workspace in hits:
            matches |= dict.fromkeys(ids, ANY)
        elif found := tuple(id_ for id_ in ids if id_ in hits):
            found_in[workspace] = found
            matches |= {workspace: ANY, **{id_: hits[id_] for id_ in found}}
    return matches, found_in


def _fields(state: SessionState) -> tuple[str, str, str]:
    return rows.name_of(state), rows.branch_of(state), clean(state.session.repository, 80)
