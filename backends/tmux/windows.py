"""The shape of a session: its windows and panes, read by one tmux process and made again by some more.

Where tmux would read a name or a title as a format, it is given one that stands for an option's value instead: what an
option holds is not expanded again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from backends.base import BackendError
from backends.tmux.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEPARATOR = "\x1f"
_FIELDS = (
    "session_id",
    "window_id",
    "window_width",
    "window_height",
    "window_active",
    "window_zoomed_flag",
    "automatic-rename",
    "pane_active",
    "window_layout",
    "@devdeck_job",
    "@devdeck_member",
    "window_name",
    "pane_title",
    "pane_current_command",
    "pane_current_path",
)
_FORMAT = _SEPARATOR.join(f"#{{s/[\n{_SEPARATOR}]/?/:{name}}}" for name in _FIELDS)
_NAME = "@devdeck_given"
"""Option that holds a name or title while it is given."""


class PaneShape(msgspec.Struct, frozen=True, kw_only=True):
    """One pane as it can be made again."""

    directory: bytes
    """Current directory of what ran in it; empty when tmux could not tell."""
    title: str = ""
    command: str = ""
    """What ran in the foreground. Information only: it is not run again."""
    active: bool = False


class WindowShape(msgspec.Struct, frozen=True, kw_only=True):
    """One window as it can be made again."""

    name: str = ""
    named: bool = False
    """Whether the name was given, and does not follow what runs in the window."""
    layout: str = ""
    """tmux's own description of how the panes lie (`window_layout`); empty for a single pane."""
    width: int = 80
    height: int = 24
    active: bool = False
    zoomed: bool = False
    member: str = ""
    """Repository of a workspace that the window is for."""
    job: str = ""
    """Id of the job that it holds."""
    panes: tuple[PaneShape, ...] = ()


def shapes(server: Processes, session_id: str) -> tuple[WindowShape, ...]:
    """The windows of a session, in their order, by one tmux process.

    Raises:
        TargetGone: There is no such session.
    """
    return _shapes(server.run(["list-panes", "-s", "-t", session_id, "-F", _FORMAT])).get(session_id, ())


def _shapes(output: bytes) -> dict[str, tuple[WindowShape, ...]]:
    sessions: dict[str, dict[bytes, tuple[dict[str, bytes], list[PaneShape]]]] = {}
    for line in output.split(b"\n"):
        values = line.split(_SEPARATOR.encode())
        if len(values) != len(_FIELDS):
            continue
        row = dict(zip(_FIELDS, values, strict=True))
        windows = sessions.setdefault(row["session_id"].decode(), {})
        pane = PaneShape(
            directory=row["pane_current_path"],
            title=row["pane_title"].decode(errors="replace"),
            command=row["pane_current_command"].decode(errors="replace"),
            active=row["pane_active"] == b"1",
        )
        windows.setdefault(row["window_id"], (row, []))[1].append(pane)
    return {id_: tuple(_window(row, panes) for row, panes in windows.values()) for id_, windows in sessions.items()}


def _window(row: Mapping[str, bytes], panes: Sequence[PaneShape]) -> WindowShape:
    return WindowShape(
        name=plain_name(row["window_name"].decode(errors="replace")),
        named=row["automatic-rename"] == b"0",
        layout=row["window_layout"].decode(errors="replace"),
        width=int(row["window_width"] or 80),
        height=int(row["window_height"] or 24),
        active=row["window_active"] == b"1",
        zoomed=row["window_zoomed_flag"] == b"1",
        member=row["@devdeck_member"].decode(errors="replace"),
        job=row["@devdeck_job"].decode(errors="replace"),
        panes=tuple(panes),
    )


def new_shell_window(server: Processes, session_id: str, *, cwd: str, env: Mapping[str, str], member: str = "") -> str:
    """Open a window with the user's shell in it, in the background; returns its id.

    Args:
        server: Where.
        session_id: Such as `$1`.
        cwd: An existing directory.
        env: Variables beside the session's.
        member: Repository of a workspace that the window is for.

    Raises:
        TargetGone: There is no such session.
        BackendError: tmux refused.
    """
    making = ["new-window", "-d", "-P", "-F", "#{window_id}", "-t", f"{session_id}:", *_variables(env)]
    window = _made(server.run(making, cwd=cwd), "window", session_id)
    if member:
        server.run(["set-option", "-w", "-t", window, "@devdeck_member", member])
    return window


def split(server: Processes, target: str, *, cwd: str, env: Mapping[str, str]) -> str:
    """Add a pane with the user's shell behind another one (or behind a window's only one); returns its id.

    All panes of the window get room alike, so that one more fits.

    Raises:
        BackendError: There is no room for it, or tmux refused otherwise.
    """
    making = ["split-window", "-d", "-P", "-F", "#{pane_id}", "-t", target, *_variables(env)]
    output = server.run(making, ["select-layout", "-t", target, "tiled"], cwd=cwd)
    return _made(output, "pane", target)


def arrange(server: Processes, window_id: str, shape: WindowShape) -> None:
    """Give a window the name, and its panes the titles, of a shape, and lay them out as there when they are as many.

    Raises:
        TargetGone: There is no such window.
    """
    listed = server.run(["list-panes", "-t", window_id, "-F", "#{pane_id}"]).decode().split()
    if len(listed) == len(shape.panes) > 1:
        try:
            server.run(["select-layout", "-t", window_id, "--", shape.layout])
        except BackendError as error:
            if "layout" not in error.message:
                raise  # a layout that tmux does not take leaves the panes tiled
    commands: list[list[str]] = []
    for pane, wanted in zip(listed, shape.panes, strict=False):
        if wanted.title:
            commands += _given(window_id, wanted.title, ["select-pane", "-t", pane, "-T", f"#{{{_NAME}}}"])
    active = next((pane for pane, wanted in zip(listed, shape.panes, strict=False) if wanted.active), None)
    if active:
        commands.append(["select-pane", "-t", active])
    if shape.zoomed and active and len(listed) > 1:
        commands.append(["resize-pane", "-Z", "-t", active])
    if shape.named:
        commands += _given(window_id, shape.name, ["rename-window", "-t", window_id, f"#{{{_NAME}}}"])
    if commands:
        server.run(*commands)


def plain_name(name: str) -> str:
    """The name that was given to a window that tmux shows as `name`: without its escapes for backslashes and `$`."""
    return re.sub(r"\\([\\$])", r"\1", name)


def rename_window(server: Processes, window_id: str, name: str) -> None:
    """Give a window a name, literally.

    Raises:
        TargetGone: There is no such window.
    """
    server.run(*_given(window_id, name, ["rename-window", "-t", window_id, f"#{{{_NAME}}}"]))


def drop_first(server: Processes, session_id: str, first: str, current: str = "") -> None:
    """End the window that a session was made with, count the others from its first index on, and show one of them."""
    server.run(["kill-window", "-t", first], ["move-window", "-r", "-t", f"{session_id}:"])
    if current:
        select_window(server, session_id, current)


def select_window(server: Processes, session_id: str, window_id: str) -> None:
    """Make a window the current one of a session.

    Raises:
        TargetGone: The session has no such window.
    """
    server.run(["select-window", "-t", f"{session_id}:{window_id}"])


def _given(window_id: str, text: str, command: list[str]) -> list[list[str]]:
    return [
        ["set-option", "-w", "-t", window_id, _NAME, text],
        command,
        ["set-option", "-w", "-u", "-t", window_id, _NAME],
    ]


def _variables(env: Mapping[str, str]) -> list[str]:
    return [word for key, value in env.items() for word in ("-e", f"{key}={value}")]


def _made(output: bytes, what: str, where: str) -> str:
    found = re.search(r"^[@%]\d+$", output.decode(errors="replace"), re.MULTILINE)
    if found is None:
        raise BackendError(f"tmux did not say which {what} it made in {where}")
    return found[0]


def directory_of(shape: PaneShape) -> str:
    """The directory of a pane as a path, undecodable bytes as surrogates."""
    return os.fsdecode(shape.directory)
