"""The windows of a session's terminal, kept so that they can come back: after a reboot, after a removal.

Windows of jobs are left out, and nothing is run in what comes back but the user's shell: commands and environments of
a session may do anything, and only its user knows whether they should run again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from backends.base import BackendError
from backends.tmux import windows
from backends.tmux.windows import PaneShape, WindowShape
from devdeck.model import Pane, Session, Terminal

if TYPE_CHECKING:
    from backends.tmux.server import TmuxServer

VERSION = 1
MOST_WINDOWS, MOST_PANES = 100, 50
"""Of a terminal, and of a window: more are not brought back."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The windows of a terminal, in their order."""

    version: int = VERSION
    windows: tuple[WindowShape, ...] = ()


def take(tmux: TmuxServer, terminal: Terminal) -> bytes:
    """Read and encode the layout of a terminal, by one tmux process."""
    return _record(windows.shapes(tmux, terminal.id))


def seen(terminal: Terminal) -> bytes:
    """Encode the layout of a terminal as it was listed, without asking tmux again.

    The directory of a pane is empty where tmux can't tell yet in which one something runs that was just started.
    """
    shapes: dict[str, list[Pane]] = {}
    for pane in terminal.panes:
        if not pane.job_id:
            shapes.setdefault(pane.window_id, []).append(pane)
    return _record(tuple(_shape(window) for window in shapes.values()))


def _shape(panes: Sequence[Pane]) -> WindowShape:
    window = panes[0]
    return WindowShape(
        name=windows.plain_name(window.window_name),
        named=window.named,
        layout=window.window_layout,
        width=window.window_width,
        height=window.window_height,
        active=any(pane.active for pane in panes),
        zoomed=window.zoomed,
        member=window.member,
        panes=tuple(
            PaneShape(directory=os.fsencode(pane.path), title=pane.title, command=pane.command, active=pane.in_front)
            for pane in panes
        ),
    )


def is_news(record: bytes, known: bytes | None) -> bool:
    """Whether a layout as it was seen differs in what lasts from the one that is kept.

    That a directory is not known just now is no news.
    """
    now, before = lasting(record), lasting(known)
    if not now.windows or now == before:
        return False
    places = {
        (number, place): pane for number, shape in enumerate(before.windows) for place, pane in enumerate(shape.panes)
    }

    def filled(number: int, shape: WindowShape) -> WindowShape:
        panes = tuple(
            pane if pane.directory or (number, place) not in places else places[number, place]
            for place, pane in enumerate(shape.panes)
        )
        return msgspec.structs.replace(shape, panes=panes)

    windows = tuple(filled(number, shape) for number, shape in enumerate(now.windows))
    return msgspec.structs.replace(now, windows=windows) != before


def lasting(record: bytes | None) -> Layout:
    """A layout without what changes with every program that is started: the same, while nobody changed the windows."""
    layout = read(record)
    return msgspec.structs.replace(
        layout,
        windows=tuple(
            msgspec.structs.replace(
                shape,
                name=shape.name if shape.named else "",
                panes=tuple(msgspec.structs.replace(pane, title="", command="") for pane in shape.panes),
            )
            for shape in layout.windows
        ),
    )


def _record(shapes: tuple[WindowShape, ...]) -> bytes:
    return msgspec.json.encode(Layout(windows=tuple(shape for shape in shapes if not shape.job)))


def read(record: bytes | None) -> Layout:
    """Decode what `take` made. One of another version, or a broken one, is an empty layout: a plain terminal."""
    if not record:
        return Layout()
    try:
        layout = msgspec.json.decode(record, type=Layout)
    except msgspec.DecodeError:
        return Layout()
    return layout if layout.version == VERSION else Layout()


def plain(session: Session) -> Layout:
    """The layout of a new terminal: one window; for a workspace one more a repository, named after it."""
    if not session.members:
        return Layout()
    first = WindowShape(panes=(PaneShape(directory=b"", active=True),), active=True)
    others = (
        WindowShape(name=m.repository, named=True, member=m.repository, panes=(PaneShape(directory=b"", active=True),))
        for m in session.members
    )
    return Layout(windows=(first, *others))


def fingerprint(terminal: Terminal) -> tuple[object, ...]:
    """What differs when the layout of a terminal may have changed; compared instead of asking tmux for the layout."""
    return tuple(
        (pane.window_id, pane.named and pane.window_name, pane.id, pane.path, pane.width, pane.height, pane.active)
        for pane in terminal.panes
        if not pane.job_id
    )


def words(layout: Layout) -> str:
    """How much there is of it, in words."""
    panes = sum(len(shape.panes) for shape in layout.windows)
    count = len(layout.windows)
    return f"{count} window{'s' * (count != 1)}, {panes} pane{'s' * (panes != 1)}"


def build(tmux: TmuxServer, terminal: Terminal, session: Session, layout: Layout) -> tuple[str, ...]:
    """Make the windows of a layout in a terminal that was just made, in place of the window that it has.

    Args:
        tmux: Where.
        terminal: With one window.
        session: Whose it is. A directory that is gone is replaced by its worktree, or its member's.
        layout: What to make; an empty one leaves the terminal as it is.

    Returns:
        The directories that are gone.

    Raises:
        BackendError: tmux refused.
    """
    if not layout.windows:
        return ()
    missing: list[str] = []
    current = ""
    for shape in layout.windows[:MOST_WINDOWS]:
        window = _build_window(tmux, terminal.id, session, shape, missing)
        if shape.active or not current:
            current = window
    windows.drop_first(tmux, terminal.id, terminal.panes[0].window_id, current)
    return tuple(dict.fromkeys(missing))


def _build_window(tmux: TmuxServer, terminal_id: str, session: Session, shape: WindowShape, missing: list[str]) -> str:
    member = next((m for m in session.member_sessions() if m.repository == shape.member), None)
    home = member.worktree if member and Path(member.worktree).is_dir() else session.worktree
    env = variables(member) if member else {}
    places = [_place(pane, home, missing) for pane in shape.panes[:MOST_PANES]] or [home]
    name = member.repository if member else ""
    window = windows.new_shell_window(tmux, terminal_id, cwd=places[0], env=env, member=name)
    last = window
    for place in places[1:]:
        try:
            last = windows.split(tmux, last, cwd=place, env=env)
        except BackendError as error:
            if "no space" not in error.message:
                raise
            break
    windows.arrange(tmux, window, shape)
    return window


def _place(pane: PaneShape, home: str, missing: list[str]) -> str:
    place = windows.directory_of(pane)
    if not place or Path(place).is_dir():
        return place or home
    missing.append(place)
    return home


def variables(session: Session) -> Mapping[str, str]:
    """What processes in a session's terminal find in their environment."""
    return {"DEVDECK_SESSION": session.id, "DEVDECK_LABEL": session.label}
