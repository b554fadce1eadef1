"""Who has a pane: its shell, waiting for a line, or a program that the shell runs.

tmux knows the name of the foreground process, which for a shell script is the shell's. Where there is a `/proc` the
foreground process group of the pane's terminal is looked at instead (proc(5), field tpgid of `stat`), and the
arguments of its leader tell an interactive shell from a script.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import msgspec

from devdeck.jobs.processes import clock, process_facts

SH_FAMILY = frozenset(
    {"sh", "ash", "bash", "dash", "ksh", "ksh93", "lksh", "loksh", "mksh", "oksh", "pdksh", "yash", "zsh"}
)
SHELLS = SH_FAMILY | {"csh", "elvish", "es", "fish", "ion", "murex", "nu", "osh", "pwsh", "rc", "tcsh", "ysh"}

_WITH_VALUE = frozenset(
    {"--rcfile", "--init-file", "--init-command", "--profile-startup", "-o", "+o", "-O", "+O", "-C"}
)

PATIENCE = 0.6
"""Seconds that a pane may take to come back to its shell."""
STARTING = 10.0
"""Age in seconds up to which the first process of a pane may still become its shell, on a machine that is busy."""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """What has a pane's terminal."""

    name: str
    """What it is called: a program, a script, a shell."""
    pid: int
    """The process that leads the foreground."""
    shell: str = ""
    """Which shell it is, when it is an interactive one; empty for everything else."""


def holder(pid: int, command: str) -> Holder:
    """Who has a pane now.

    Args:
        pid: The pane's first process.
        command: What tmux says about it (`pane_current_command`).
    """
    group = _foreground_group(pid)
    if group is None:
        shell = command.lstrip("-")
        return Holder(name=shell, pid=pid, shell=shell if shell in SHELLS else "")
    argv = _arguments(group)
    if not argv:
        return Holder(name=command or "a program", pid=group)
    name, shell = read_arguments(argv)
    return Holder(name=name, pid=group, shell=shell)


def wait_for_shell(pid: int, command: str, patience: float = PATIENCE) -> Holder:
    """Who has a pane, as soon as that is a shell, or when the patience is over.

    A pane that was just made begins with what starts its shell (tmux itself, the user's `default-command`); there the
    shell is waited for longer, unless there is no patience at all.
    """
    deadline = time.monotonic() + patience
    while True:
        found = holder(pid, command)
        if found.shell or not patience or (time.monotonic() > deadline and not _is_starting(pid, found)):
            return found
        time.sleep(0.02)


def _is_starting(pid: int, found: Holder) -> bool:
    """Whether a pane is still held by its first process, which began just now."""
    facts = process_facts(pid)
    return found.pid == pid and facts is not None and clock() - facts[3] / os.sysconf("SC_CLK_TCK") < STARTING


def _foreground_group(pid: int) -> int | None:
    """The foreground process group of the terminal of a process; `None` without `/proc`, or without a terminal."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            group = int(file.read().rpartition(b")")[2].split()[5])
    except (OSError, ValueError, IndexError):
        return None
    return group if group > 0 else None


def _arguments(pid: int) -> list[str]:
    facts = process_facts(pid)
    if facts is None or facts[0] in "ZX":
        return []
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
    except OSError:
        return []


def read_arguments(argv: Sequence[str]) -> tuple[str, str]:
    """What a process is, by its arguments.

    Returns:
        Its name, and which shell it is when that shell reads lines from its terminal: `("make.sh", "")` for
        `bash ./make.sh`, `("zsh", "zsh")` for a login shell `-zsh`.
    """
    words = list(argv)
    name = os.path.basename(words[0].removeprefix("-")) or words[0]
    if name == "busybox" and len(words) > 1:
        words = words[1:]
        name = words[0]
    if name not in SHELLS:
        return name, ""
    index = 1
    while index < len(words):
        word = words[index]
        if word in _WITH_VALUE:
            index += 2
        elif word in ("-", "--"):
            return (name, name) if index + 1 == len(words) else (os.path.basename(words[index + 1]), "")
        elif word in ("--command", "-s") or word.startswith("--command="):
            return (name, name) if word == "-s" else (name, "")
        elif word[:1] not in ("-", "+"):
            return os.path.basename(word), ""
        elif not word.startswith("--") and word.startswith("-") and "c" in word:
            return name, ""
        else:
            index += 1
    return name, name
