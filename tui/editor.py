"""Which command opens the user's editor at a line."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping

_PLUS = frozenset(
    {"vi", "vim", "nvim", "view", "nano", "pico", "emacs", "emacsclient", "kak", "micro", "joe", "ne", "mg"}
)
_GOTO = frozenset({"code", "code-insiders", "codium", "cursor", "windsurf"})
_COLON = frozenset({"hx", "helix", "subl", "zed", "zeditor"})


def command(path: str, line: int | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The argv that opens a file or folder.

    Args:
        path: Absolute, so that it can't be taken for an option.
        line: Counted from 1; `None` for none.
        environment: Where `VISUAL` and `EDITOR` are; without both it is `vi`.

    Raises:
        ValueError: The variable's quotes don't pair, or the path is not absolute.
    """
    if not os.path.isabs(path):
        raise ValueError(f"not an absolute path: {path}")
    chosen = environment.get("VISUAL", "").strip() or environment.get("EDITOR", "").strip() or "vi"
    argv = shlex.split(chosen)
    if line is None or line < 1:
        return (*argv, path)
    name = os.path.basename(argv[0]).removesuffix(".exe")
    if name in _PLUS:
        return (*argv, f"+{line}", path)
    if name in _GOTO:
        return (*argv, "--goto", f"{path}:{line}")
    if name in _COLON:
        return (*argv, f"{path}:{line}")
    return (*argv, path)
