"""The list that the dashboard lives from: one format, one parser, for tmux processes and control mode alike.

Facts that shape it (tmux 3.3a): list output is not escaped. Session and window names are escaped by tmux when they
are set and titles can't hold control characters, but paths, command names and user options can hold anything,
line breaks too, and in control mode a line break could imitate the end of a reply. So each text field has its line
breaks and field separators replaced by tmux itself, with the `s` modifier; measured, that costs nothing that shows
beside reading the foreground process of each pane.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from backends.tmux.records import Pane, Terminal

_SEPARATOR = "\x1f"
_NUMBERS = (
    "session_id",
    "window_id",
    "pane_id",
    "session_created",
    "session_activity",
    "window_activity",
    "window_index",
    "window_active",
    "pane_active",
    "pane_dead",
    "pane_pid",
    "pane_width",
    "pane_height",
    "automatic-rename",
    "window_width",
    "window_height",
    "window_zoomed_flag",
    "window_layout",
)
_TEXTS = (
    "session_name",
    "session_path",
    "@devdeck_id",
    "@devdeck_centre",
    "window_name",
    "@devdeck_job",
    "@devdeck_member",
    "pane_title",
)
_DEAR = ("pane_current_command", "pane_current_path")
_FIELDS = (*_NUMBERS, *_TEXTS, *_DEAR)

CLIENTS_FORMAT = "c #{?client_control_mode,1,0} #{session_id}"
"""Format for `list-clients`: who looks at which session."""


def panes_format(*, detail: bool = True) -> str:
    """The format for `list-panes -a`.

    Args:
        detail: Whether to ask for the foreground command and its directory, which make tmux look into the
            process table for each pane: about half of the whole cost.
    """
    texts = [f"#{{s/[\n{_SEPARATOR}]/?/:{name}}}" for name in (*_TEXTS, *(_DEAR if detail else ()))]
    return _SEPARATOR.join(["p", *(f"#{{{name}}}" for name in _NUMBERS), *texts, *([] if detail else ["", ""])])


def parse_terminals(lines: Iterable[bytes]) -> tuple[Terminal, ...]:
    """Read the lines of `list-panes -a` and `list-clients`, in any order.

    Args:
        lines: Output lines without line ends. Lines that are not complete records are ignored.

    Returns:
        The sessions in tmux's order, each with its panes in window order; without the control centre, which only
        links the windows of others. Undecodable bytes in paths become surrogates (`os.fsencode` gives them back),
        elsewhere U+FFFD.
    """
    sessions: dict[str, tuple[dict[str, str], list[Pane], list[float]]] = {}
    viewers: dict[str, int] = {}
    for line in lines:
        if line.startswith(b"c "):
            _count_viewer(line, viewers)
            continue
        values = line.split(_SEPARATOR.encode())
        if len(values) != len(_FIELDS) + 1 or values[0] != b"p":
            continue
        row = {name: _text(name, value) for name, value in zip(_FIELDS, values[1:], strict=True)}
        if row["@devdeck_centre"]:
            continue
        _, panes, activity = sessions.setdefault(row["session_id"], (row, [], []))
        panes.append(_pane(row))
        activity.extend((_number(row["session_activity"]), _number(row["window_activity"])))
    return tuple(
        Terminal(
            id=key,
            name=row["session_name"],
            path=row["session_path"],
            devdeck_id=row["@devdeck_id"],
            attached=viewers.get(key, 0),
            created_at=float(_number(row["session_created"])),
            activity_at=float(max(activity)),
            panes=tuple(panes),
        )
        for key, (row, panes, activity) in sessions.items()
    )


def _count_viewer(line: bytes, viewers: dict[str, int]) -> None:
    words = line.decode(errors="replace").split(" ")
    if len(words) == 3 and words[1] == "0":
        viewers[words[2]] = viewers.get(words[2], 0) + 1


def _pane(row: dict[str, str]) -> Pane:
    return Pane(
        id=row["pane_id"],
        window_id=row["window_id"],
        window_index=_number(row["window_index"]),
        window_name=row["window_name"],
        active=row["window_active"] == "1" and row["pane_active"] == "1",
        dead=row["pane_dead"] == "1",
        pid=_number(row["pane_pid"]),
        command=row["pane_current_command"],
        path=row["pane_current_path"],
        title=row["pane_title"],
        width=_number(row["pane_width"]),
        height=_number(row["pane_height"]),
        job_id=row["@devdeck_job"],
        in_front=row["pane_active"] == "1",
        named=row["automatic-rename"] == "0",
        member=row["@devdeck_member"],
        window_width=_number(row["window_width"]),
        window_height=_number(row["window_height"]),
        window_layout=row["window_layout"],
        zoomed=row["window_zoomed_flag"] == "1",
    )


def _text(name: str, value: bytes) -> str:
    return value.decode(errors="surrogateescape" if name.endswith("_path") else "replace")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


_NAME_HAZARDS = re.compile("[.:#%$\\\\]")


def session_name(name: str) -> str:
    """Make a name that tmux keeps as it is.

    tmux replaces `.` and `:` by `_`, escapes backslashes, what can't be shown and a `$` before a letter, and expands
    `#` as a format; names that start with one of `@=+-!{~^` can't be typed as a target.

    Returns:
        The name with all of those replaced by `_`, at most 120 characters, never empty.
    """
    name = _shown(_NAME_HAZARDS.sub("_", name)).strip()[:120]
    if name[:1] in set("@=+-!{~^"):
        name = "_" + name[1:]
    return name or "session"


def window_name(name: str) -> str:
    """Make a window name that tmux keeps: `#`, `$`, backslashes and what can't be shown become `_`, 80 characters."""
    return _shown(re.sub("[#$\\\\]", "_", name)).strip()[:80] or "window"


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else "_" for character in text)
