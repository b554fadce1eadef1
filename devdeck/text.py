"""Foreign text made safe to show on one line.

Branch names, paths, pane titles, commit subjects and log lines are data (design, principle 8). What reaches the
screen through here can't move the cursor, change a title, write to the clipboard or reorder the line.
"""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_].*?(?:\x1b\\|\x07|\x9c|$)"  # OSC, DCS, SOS, PM, APC up to their terminator
    r"|\x9b[0-?]*[ -/]*[@-~]"  # CSI as one C1 byte
    r"|\x1b[ -/]*[0-~]?",  # every other escape, and an escape at the end
    re.DOTALL,
)
_INVISIBLE = (
    "\x00-\x08\x0a-\x1f\x7f-\x9f"  # C0 but tab, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u2028\u2029"  # line separators
    # What hides text or hides in it: zero-width space, joiners of words, old controls of form, marks of tags.
    # The joiner U+200D and the selectors U+FE0E and U+FE0F stay: emoji need them.
    "\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    "\ud800-\udfff"
)
_CONTROLS = re.compile(f"[{_INVISIBLE}]")


def strip_escapes(text: str) -> str:
    """Remove terminal escape sequences, complete or cut off, and keep everything else."""
    return _ESCAPES.sub("", text) if "\x1b" in text or "\x9b" in text else text


def one_line(text: str, *, limit: int = 4096) -> str:
    """Make foreign text safe and short enough to show on one line.

    Args:
        text: Anything; surrogates from undecodable bytes are allowed.
        limit: Longest result in characters; what is cut is marked by `…`.

    Returns:
        The text without escape sequences, control characters and bidirectional controls; tabs and line breaks
        become single spaces.
    """
    text = strip_escapes(text[: limit * 4])
    text = text.replace("\t", " ").replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    text = _CONTROLS.sub("", text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


_SGR = re.compile(r"(\x1b\[[0-9;:]*m)")


def terminal_safe(line: bytes, *, colours: bool) -> str:
    """One line of a log, safe to print on a terminal.

    Args:
        line: Without its line feed; invalid UTF-8 becomes U+FFFD.
        colours: Keep SGR sequences (and end with a reset); everything else is dropped in any case.

    Returns:
        The line as a terminal would have left it: after a carriage return the later text replaces the earlier.
    """
    text = line.decode("utf-8", "replace").rstrip("\r")
    text = text.rpartition("\r")[2].expandtabs(8)
    parts = _SGR.split(text) if colours else [text]
    safe = [part if index % 2 else _CONTROLS.sub("", strip_escapes(part)) for index, part in enumerate(parts)]
    return "".join(safe) + ("\x1b[0m" if len(parts) > 1 else "")
