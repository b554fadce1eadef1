"""What the deck advises, in the dashboard's words: it speaks of commands and options, here they are keys."""

from __future__ import annotations

import re

from tui.actions import ACTIONS

KEYS = {
    "adopt": "session.adopt",
    "checkout": "session.checkout",
    "init": "session.init",
    "jobs": "tab.logs",
    "logs": "tab.logs",
    "open": "session.open",
    "refresh": "session.refresh",
    "rename": "session.rename",
    "rm": "session.remove",
    "run": "run.shell",
    "send": "session.send",
    "start": "session.new",
    "stop": "run.stop",
    "test": "run.test",
    "trash": "deck.trash",
    "undo": "session.undo",
}
"""Verb of the command line → the action that does the same here. What is not among them stays a command."""

_QUOTED = re.compile(r"(`[^`]*`)")
_COMMAND = re.compile(r"`devdeck ([a-z-]+)(.*)`")
_LIST = re.compile(r"`devdeck ls` (?:lists|shows)")
_OPTIONS = {
    "with --force": "with F",
    "with --label": "in the field Label",
    "with --repos": "in the field Others",
    "without --base": "without a base",
    "--base": "the base",
    "--keep-branch": "`devdeck rename --keep-branch`",
}
"""Options of which the dashboard has a key or a field, or for which the command line is needed."""
_OPTION = re.compile("|".join(map(re.escape, _OPTIONS)))


def in_keys(advice: str) -> str:
    """A hint of the deck with the keys that do what its commands do."""
    parts = _QUOTED.split(_LIST.sub("the list shows", advice))
    return "".join(_command(part) if part.startswith("`") else _options(part) for part in parts)


def _command(quoted: str) -> str:
    found = _COMMAND.fullmatch(quoted)
    if found is None:
        return _options(quoted.strip("`")) if quoted.strip("`") in _OPTIONS else quoted
    verb, rest = found[1], found[2]
    action = KEYS.get(verb)
    if action is None or "--keep-branch" in rest or rest.startswith(" drop"):
        return quoted
    shown = ACTIONS[action].key
    return f"{shown} and then F" if verb == "rm" and "--force" in rest else shown


def _options(words: str) -> str:
    return _OPTION.sub(lambda found: _OPTIONS[found[0]], words)
