"""The control centre: a tmux session whose windows are those of other sessions, linked.

Which links were made here is written into an option of the control centre, never on the windows, which belong to
others. A session that has that option is left out of every list of terminals (`backends.tmux.formats`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from backends.base import BackendError, TargetGone
from backends.tmux.processes import Processes

NAME = "control-center"
_OPTION = "@devdeck_centre"
_SEPARATOR = "\x1f"
_FORMAT = _SEPARATOR.join(
    f"#{{{name}}}"
    for name in ("session_id", "window_id", "window_linked_sessions", "session_name", "window_name", _OPTION)
)


class Link(msgspec.Struct, frozen=True):
    """A window that was linked here."""

    session: str
    """Id of the deck's session that it shows."""
    name: str
    """The name that it was given here; empty when it kept its own."""


class Centre(msgspec.Struct, frozen=True, kw_only=True):
    """The control centre as it is now."""

    id: str
    """tmux session id."""
    windows: tuple[tuple[str, str, int], ...]
    """Its windows in order: id, name, and in how many sessions it is."""
    links: dict[str, Link] = {}
    """Window id → what was linked here, as long as it is still there."""


def find(server: Processes) -> Centre | None:
    """The control centre, by its mark, else a session of its name that has none yet; `None` when there is neither."""
    try:
        lines = server.run(["list-windows", "-a", "-F", _FORMAT]).decode(errors="replace").splitlines()
    except TargetGone:
        return None
    rows = [values for line in lines if len(values := line.split(_SEPARATOR)) == 6]
    marked = [row for row in rows if row[5]] or [row for row in rows if row[3] == NAME]
    if not marked:
        return None
    first = marked[0]
    windows = tuple((row[1], row[4], int(row[2] or 1)) for row in marked if row[0] == first[0])
    there = {window for window, _, _ in windows}
    return Centre(
        id=first[0], windows=windows, links={key: link for key, link in _links(first[5]).items() if key in there}
    )


def _links(text: str) -> dict[str, Link]:
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Link])
    except msgspec.DecodeError:
        return {}


def make(server: Processes, cwd: str) -> tuple[str, str]:
    """Make an empty control centre; returns its id and that of the window that it can't be without at first."""
    making = ["new-session", "-d", "-P", "-F", "#{session_id} #{window_id}", "-s", NAME]
    output = server.run(making, ["set-option", "-t", f"={NAME}:", _OPTION, "{}"], cwd=cwd)
    session, _, window = output.decode().strip().partition(" ")
    return session, window


def record(server: Processes, centre_id: str, links: Mapping[str, Link]) -> None:
    """Write down which windows were linked; marks the session as the control centre."""
    server.run(["set-option", "-t", centre_id, _OPTION, msgspec.json.encode(dict(links)).decode()])


def link(server: Processes, centre_id: str, window_id: str) -> None:
    """Show a window in the control centre too, behind those that it has.

    Raises:
        TargetGone: There is no such window, or no control centre any more.
    """
    server.run(["link-window", "-d", "-s", window_id, "-t", f"{centre_id}:"])


def drop(server: Processes, centre_id: str, window_id: str) -> None:
    """Take a window out of the control centre; one that is nowhere else ends."""
    try:
        server.run(["unlink-window", "-k", "-t", f"{centre_id}:{window_id}"])
    except TargetGone:
        return


def unlink(server: Processes, windows: Collection[str]) -> None:
    """Before these windows end with their session: take those out of the control centre that were linked there.

    Else they would go on there, with what runs in them. Windows that others linked elsewhere are theirs.
    """
    centre = find(server)
    if centre is None:
        return
    for window, _, _ in centre.windows:
        if window in windows and window in centre.links:
            try:
                server.run(["unlink-window", "-t", f"{centre.id}:{window}"])
            except TargetGone:
                continue
            except BackendError as error:
                if "only linked to one session" not in error.message:
                    raise
