"""Programs first on the PATH that write down how they were called: git and tmux, which then run, and the canary."""

from __future__ import annotations

import ast
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import devdeck

UNRECORDED = {"DEVDECK_TEST_UNRECORDED": "1"}
"""Environment for what a test calls by itself."""

_SCRIPT = """#!/bin/sh
test "$DEVDECK_TEST_UNRECORDED" || printf '%s\\0' "$#" {name} "$@" >> "$DEVDECK_TEST_CALLS/$$"
exec {real} "$@"
"""
_CANARY = """#!/bin/sh
echo "$0 $*" >> "$DEVDECK_TEST_CALLS/canary"
"""

Call = tuple[str, ...]


class Recorder:
    """What was called since it was made.

    Attributes:
        folder: Goes first on the PATH.
        environment: Variables that the programs need.
    """

    def __init__(self, place: Path, real: str | None = None) -> None:
        """Args: `place` is a folder for it; `real` is what runs in place of both, for tests of this very class."""
        self.folder = place / "bin"
        self._calls = place / "calls"
        self.folder.mkdir(parents=True)
        self._calls.mkdir()
        self.environment = {"DEVDECK_TEST_CALLS": str(self._calls)}
        for name in ("git", "tmux"):
            program = real or shutil.which(name)
            assert program is not None
            self._program(name, _SCRIPT.format(name=name, real=program))
        self._program("canary", _CANARY)

    def _program(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    def calls(self) -> Iterator[Call]:
        """Every call, the program's name first."""
        for file in sorted(self._calls.iterdir()):
            if file.name == "canary":
                continue
            words = [os.fsdecode(word) for word in file.read_bytes().split(b"\0")[:-1]]
            while words:
                count = int(words[0]) + 1
                yield tuple(words[1 : count + 1])
                del words[: count + 1]

    @property
    def sung(self) -> str:
        """How the canary was called; empty when it was not."""
        file = self._calls / "canary"
        return file.read_text(errors="replace") if file.exists() else ""

    def wrong(self) -> list[str]:
        """Calls in which a word stands where it could be an option, a format or a name as a target."""
        found = []
        for call in self.calls():
            why = _why_not_git(call[1:]) if call[0] == "git" else _why_not_tmux(call[1:])
            if why:
                found.append(f"{why}: {' '.join(word if len(word) < 200 else '…' for word in map(repr, call))}")
        return found


# git

_GLOBAL = ("--no-optional-locks", "--no-pager")


def _options(*folders: Path) -> tuple[frozenset[str], tuple[str, ...]]:
    """Options that stand in the source: whole ones, and beginnings of those that get a value (`f"--exclude={name}"`)."""
    whole, begun = set(), set()
    for file in (file for folder in folders for file in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
                begun.add(str(node.values[0].value))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
    return frozenset(each for each in whole if each[:1] == "-"), tuple(e for e in begun if re.match("--[a-z-]+=", e))


_WHOLE, _BEGUN = _options(Path(devdeck.__path__[0]))


_TAKES_NAMES = frozenset({
    ("ls-remote",), ("fetch",), ("branch",), ("remote", "add"), ("remote", "remove"), ("remote", "get-url"), ("worktree", "add"),
    ("worktree", "remove"),
})  # fmt: skip
"""Commands that the deck gives foreign names to, which so need `--` whatever the names are."""


def _why_not_git(words: Sequence[str]) -> str:
    rest = list(words)
    while rest and (rest[0] in _GLOBAL or rest[0] == "-c"):
        del rest[: 2 if rest[0] == "-c" else 1]
    if not rest or rest[0].startswith("-"):
        return "" if rest[:1] == ["--version"] else "no subcommand"
    for word in rest[1:]:
        if word in ("--", "--end-of-options"):
            return ""
        if word.startswith("-") and word not in _WHOLE and not word.startswith(_BEGUN):
            return f"{word!r} stands where an option could be"
    named = (rest[0], *(word for word in rest[1:2] if rest[0] in ("remote", "worktree")))
    return f"{' '.join(named)} without an end of its options" if named in _TAKES_NAMES else ""


# tmux

_TARGET = re.compile(r"(?:[$@%]\d+|\$\d+:(?:@\d+|=devdeck-[0-9a-f]{32})?)")
_FORMATS = ("#{", "#(", "#[", "%H")
_WITH_VALUE = {
    "list-panes": "tfF", "list-windows": "tfF", "list-clients": "tfF", "list-sessions": "fF", "new-session": "sFncxyte",
    "new-window": "nFtce", "split-window": "tFce", "set-option": "t", "show-options": "t", "set-environment": "t",
    "kill-session": "t", "kill-window": "t", "rename-session": "t", "rename-window": "t", "copy-mode": "t",
    "load-buffer": "b", "paste-buffer": "bt", "delete-buffer": "b", "send-keys": "t", "capture-pane": "tSE",
    "select-layout": "t", "select-pane": "tT", "resize-pane": "txy", "move-window": "ts", "select-window": "t",
    "link-window": "st", "unlink-window": "t", "pipe-pane": "t", "switch-client": "ct", "attach-session": "t",
    "has-session": "t", "display-message": "tF", "refresh-client": "fCAB", "kill-server": "", "start-server": "",
    "show-environment": "t",
}  # fmt: skip
"""Options of tmux commands that take a value (tmux(1))."""


def _why_not_tmux(words: Sequence[str]) -> str:
    rest = list(words)
    while rest and rest[0].startswith("-"):
        del rest[: 2 if rest[0] in ("-S", "-L", "-f") else 1]
    command: list[str] = []
    made = ""
    for word in [*rest, ";"]:
        if word != ";":
            command.append(word)
            continue
        if command and (why := _why_not_command(command, made)):
            return why
        if command[:1] == ["new-session"]:
            made = next(each for each in command if each.startswith("-s")).removeprefix("-s")
            made = (made or command[command.index("-s") + 1]).replace("\\;", ";")
        command = []
    return ""


def _why_not_command(command: list[str], made: str) -> str:
    name, words = command[0], command[1:]
    if name not in _WITH_VALUE:
        return f"the unknown command {name!r}"
    while words and words[0].startswith("-") and words[0] not in ("-", "--"):
        flag = words.pop(0)
        letter = next((each for each in flag[1:] if each in _WITH_VALUE[name]), "")
        if not re.fullmatch(r"-[A-Za-z]+", flag) and not letter:
            return f"{flag!r} stands where an option could be"
        if not letter:
            continue
        value = flag.partition(letter)[2] or (words.pop(0) if words else "")
        if letter in "t" and not _TARGET.fullmatch(value) and value != f"={made}:" and name != "has-session":
            return f"{value!r} is no id"
        if letter in "nsc" and name != "capture-pane" and any(sign in value for sign in _FORMATS):
            return f"{value!r} would be expanded"
        if letter == "T" and value != "#{@devdeck_given}":
            return f"{value!r} would be expanded"
    named = [word for word in words if word != "--"]
    if name.startswith("rename-") and named != ["#{@devdeck_given}"]:
        plain = words[:1] == ["--"] and not any(sign in named[0] for sign in _FORMATS)
        return "" if plain else f"{named!r} would be expanded"
    if name == "pipe-pane" and named and re.search(r"(?<!#)(?:##)*#[({\[]", named[0]):
        return f"{named!r} would be expanded"
    if name == "display-message" and named != ["#{pid}"]:
        return f"{named!r} would be expanded"
    return ""
