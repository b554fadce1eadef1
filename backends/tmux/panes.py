"""One pane looked at closely: who has it, where its cursor stands, whether its output is piped."""

from __future__ import annotations

import msgspec

from backends.base import TargetGone
from backends.tmux.processes import Processes

_SEPARATOR = "\x1f"
_FIELDS = (
    "pane_dead",
    "pane_pid",
    "pane_tty",
    "pane_input_off",
    "pane_pipe",
    "pane_width",
    "cursor_x",
    "cursor_y",
    "history_size",
    "pane_current_command",
)
_FORMAT = _SEPARATOR.join(f"#{{{name}}}" for name in _FIELDS)


class PaneState(msgspec.Struct, frozen=True, kw_only=True):
    """A pane at one moment."""

    dead: bool
    """Whether what ran in it has ended and the pane remains."""
    pid: int
    """Its first process."""
    tty: str
    """Path of its terminal device."""
    input_off: bool
    """Whether the user switched its input off (`select-pane -d`)."""
    piped: bool
    """Whether its output goes through a pipe (`pipe-pane`)."""
    width: int
    cursor: tuple[int, int, int]
    """Column, row, and lines that have scrolled off: where output goes next."""
    command: str
    """Name of the foreground command."""


def pane_state(server: Processes, pane_id: str) -> PaneState:
    """Look at a pane, by one tmux process.

    Raises:
        TargetGone: There is no such pane.
    """
    only = f"#{{==:#{{pane_id}},{pane_id}}}"
    output = server.run(["list-panes", "-t", pane_id, "-f", only, "-F", _FORMAT])
    values = output.decode(errors="replace").removesuffix("\n").split(_SEPARATOR, len(_FIELDS) - 1)
    if len(values) != len(_FIELDS):
        raise TargetGone(f"The tmux pane {pane_id} is gone")
    row = dict(zip(_FIELDS, values, strict=True))
    return PaneState(
        dead=row["pane_dead"] == "1",
        pid=int(row["pane_pid"] or 0),
        tty=row["pane_tty"],
        input_off=row["pane_input_off"] == "1",
        piped=row["pane_pipe"] == "1",
        width=int(row["pane_width"] or 80),
        cursor=(int(row["cursor_x"] or 0), int(row["cursor_y"] or 0), int(row["history_size"] or 0)),
        command=row["pane_current_command"],
    )


def row_of(server: Processes, pane_id: str, row: int) -> str:
    """The text of one row of what a pane shows, counted from 0, without colours and trailing spaces."""
    output = server.run(["capture-pane", "-p", "-t", pane_id, "-S", str(row), "-E", str(row)])
    return output.decode(errors="replace").rstrip("\n")


def open_pipe(server: Processes, pane_id: str, command: str) -> None:
    """Send what the pane's program prints from now on into a shell command too. Ends a pipe that there is already.

    Args:
        server: Where.
        pane_id: Such as `%3`.
        command: For `/bin/sh`, as it is: nothing in it is read as a format or a time.
    """
    server.run(["pipe-pane", "-O", "-t", pane_id, command.replace("#", "##").replace("%", "%%")])


def close_pipe(server: Processes, pane_id: str) -> None:
    """End the pipe of a pane; a pane that is gone has none."""
    try:
        server.run(["pipe-pane", "-t", pane_id])
    except TargetGone:
        return
