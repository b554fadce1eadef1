"""What an action is, when it is enabled and why not, and the registry that everything is made from.

An action has a scope: `global` ones work whichever pane has the focus, others only while their pane has it. A key of
the focused pane's scope wins over the same key's global action; two actions on one key in one scope are an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from devdeck.model import Job, SessionKind, SessionState

GLOBAL = "global"
SCOPES = (GLOBAL, "sessions", "overview", "tests", "logs", "git", "terminal")
"""Where an action's keys work."""

GROUPS = ("Session", "Run", "Marks", "View", "Move", "Tests", "Logs", "Git", "Dashboard")
"""Headings of the help, in its order."""

_SHOWN = {
    "slash": "/",
    "question_mark": "?",
    "colon": ":",
    "exclamation_mark": "!",
    "dollar_sign": "$",
    "comma": ",",
    "full_stop": ".",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "number_sign": "#",
    "asterisk": "*",
    "enter": "⏎",
    "escape": "esc",
    "down": "↓",
    "up": "↑",
    "left": "←",
    "right": "→",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "shift+tab": "⇧tab",
}


class Context(NamedTuple):
    """What decides whether an action can be used now."""

    scope: str = GLOBAL
    """Scope of the pane that has the focus."""
    read_only: bool = False
    loaded: bool = True
    selected: SessionState | None = None
    marked: tuple[SessionState, ...] = ()
    """Sessions that are marked; what can be done to many is done to them instead of the selected one."""
    job: Job | None = None
    """The job whose log is shown, else the newest of the selected session."""
    failure_open: bool = False
    """Whether the tests tab shows a failure with its source."""
    can_hand_over: bool = True
    """Whether the terminal can be handed to another program."""

    @property
    def targets(self) -> tuple[SessionState, ...]:
        """The marked sessions, else the selected one."""
        return self.marked or (() if self.selected is None else (self.selected,))


Enabled = Callable[[Context], str]


def always(context: Context) -> str:
    """Never disabled."""
    return ""


def on_session(context: Context) -> str:
    """Needs a selected session."""
    if context.selected is not None:
        return ""
    return "no session is selected" if context.loaded else "the deck is still being read"


def changes(context: Context) -> str:
    """Changes something."""
    return "this dashboard is read-only" if context.read_only else ""


def changes_session(context: Context) -> str:
    """Changes the selected session."""
    return changes(context) or on_session(context)


def opens(context: Context) -> str:
    """Hands the terminal over to the session."""
    return changes_session(context)


def removes(context: Context) -> str:
    """Removes sessions as a whole."""
    if why := changes_session(context):
        return why
    whole = [state for state in context.targets if state.session.parent is None]
    return "" if whole else "a repository of a workspace goes with its workspace; remove that"


def adopts(context: Context) -> str:
    """Makes sessions that others made devdeck's own."""
    if why := changes_session(context):
        return why
    theirs = [state for state in context.targets if not state.session.managed]
    return "" if theirs else "devdeck made it, so there is nothing to adopt"


def refreshes(context: Context) -> str:
    """Brings branches up to what they follow."""
    if why := changes_session(context):
        return why
    return "" if any(map(follows, context.targets)) else "its branch follows nothing"


def follows(state: SessionState) -> bool:
    """Whether a session's branch can be brought up to an upstream or a pull request."""
    git = state.git.value
    checkout = state.session.kind is SessionKind.CHECKOUT
    return checkout or bool(state.session.members) or (git is not None and git.upstream is not None)


def restores(context: Context) -> str:
    """Brings back terminals."""
    if why := changes_session(context):
        return why
    return "" if any(map(lacks_terminal, context.targets)) else "its terminal is there"


def lacks_terminal(state: SessionState) -> bool:
    """Whether a session that has a terminal of its own is known to have none now."""
    known = state.terminal
    return state.session.parent is None and known.value is None and known.at is not None and not known.error


def has_marks(context: Context) -> str:
    """Needs marks."""
    return "" if context.marked else "nothing is marked"


def renames(context: Context) -> str:
    """Gives the selected session another name."""
    if why := changes_session(context):
        return why
    session = context.selected.session if context.selected is not None else None
    if session is not None and session.parent is not None:
        return "a repository of a workspace is called after it; rename the workspace"
    return "" if session is not None and session.managed else "others made it; adopt it first"


def stops(context: Context) -> str:
    """Stops what runs."""
    if why := changes_session(context):
        return why
    return "" if context.selected is not None and context.selected.running else "nothing is running here"


def reruns(context: Context) -> str:
    """Starts again what was started last."""
    if why := changes_session(context):
        return why
    ran = context.selected is not None and context.selected.jobs
    return "" if ran else "nothing has run here yet"


def has_log(context: Context) -> str:
    """Needs a job with a log."""
    return on_session(context) or ("" if context.job is not None else "nothing has run here yet")


def has_jobs(context: Context) -> str:
    """Needs more than one job."""
    if why := has_log(context):
        return why
    return "" if context.selected is not None and len(context.selected.jobs) > 1 else "there is only one job"


def has_run(context: Context) -> str:
    """Needs a test run."""
    if why := on_session(context):
        return why
    return "" if context.selected is not None and context.selected.run is not None else "the tests have not run yet"


def edits(context: Context) -> str:
    """Hands the terminal over to an editor."""
    if why := on_session(context):
        return why
    return "" if context.can_hand_over else "this terminal can't be handed over to an editor"


def shows_failure(context: Context) -> bool:
    """Whether a failure is shown with its source."""
    return context.failure_open


def any_time(context: Context) -> bool:
    """Always."""
    return True


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing that a user can do."""

    id: str
    """`area.verb`."""
    title: str
    """Two or three words, for palette and help."""
    help: str
    """One sentence."""
    keys: tuple[str, ...] = ()
    """As Textual names them."""
    group: str
    scope: str = GLOBAL
    enabled: Enabled = always
    """Why it can't be used now; empty when it can."""
    short: str = ""
    """One word for the footer; empty keeps it out."""
    rank: int = 50
    """Place in the footer, the lowest first."""
    native: bool = False
    """Whether the pane itself binds the keys; such actions are only described here."""
    when: Callable[[Context], bool] = field(default=any_time)
    """Whether the keys mean this now; else they mean what they mean globally."""

    @property
    def label(self) -> str:
        """The keys as they are shown: `j ↓`."""
        return " ".join(shown_key(key) for key in self.keys)

    @property
    def key(self) -> str:
        """The first key as it is shown; empty without keys."""
        return shown_key(self.keys[0]) if self.keys else ""


def shown_key(key: str) -> str:
    """A key as a person would write it."""
    return _SHOWN.get(key, key.replace("ctrl+", "^"))


class Registry:
    """Actions by id, and by key within scopes.

    Raises:
        ValueError: Two actions have one id, or one key in one scope, or name a scope or group that does not exist.
    """

    def __init__(self, actions: Iterable[Action]) -> None:
        self._actions: dict[str, Action] = {}
        self._keys: dict[str, dict[str, list[Action]]] = {scope: {} for scope in SCOPES}
        for action in actions:
            self._add(action)

    def _add(self, action: Action) -> None:
        if action.id in self._actions:
            raise ValueError(f"two actions are called {action.id}")
        if action.scope not in SCOPES or action.group not in GROUPS:
            raise ValueError(f"{action.id} has no such scope or group: {action.scope}, {action.group}")
        self._actions[action.id] = action
        for key in action.keys:
            same = self._keys[action.scope].setdefault(key, [])
            clash = next((other for other in same if other.when is action.when), None)
            if clash is not None:
                raise ValueError(f"{clash.id} and {action.id} are both on {key} in {action.scope}")
            same.append(action)

    def __getitem__(self, id_: str) -> Action:
        return self._actions[id_]

    def __contains__(self, id_: object) -> bool:
        return id_ in self._actions

    def __iter__(self) -> Iterator[Action]:
        return iter(self._actions.values())

    def keys(self) -> tuple[str, ...]:
        """All keys of actions that are not native, each once."""
        found = {key: None for action in self if not action.native for key in action.keys}
        return tuple(found)

    def resolve(self, key: str, context: Context) -> Action | None:
        """What a key means now: in the focused pane's scope first, then globally."""
        for scope in (context.scope, GLOBAL):
            for action in self._keys[scope].get(key, ()):
                if action.when(context):
                    return action
        return None

    def footer(self, context: Context) -> tuple[Action, ...]:
        """Actions for the footer, the most wanted first: those of the focused pane, then global ones."""
        own = [action for action in self if action.short and action.scope == context.scope != GLOBAL]
        everywhere = [action for action in self if action.short and action.scope == GLOBAL]
        taken = {key for action in own if action.when(context) for key in action.keys}
        rest = [action for action in everywhere if not taken.issuperset(action.keys)]
        found = sorted(own, key=lambda it: it.rank) + sorted(rest, key=lambda it: it.rank)
        return tuple(action for action in found if action.when(context))

    def grouped(self) -> Iterator[tuple[str, tuple[Action, ...]]]:
        """Groups and their actions, for help and docs."""
        for group in GROUPS:
            members = tuple(action for action in self if action.group == group)
            if members:
                yield group, members

    def keys_markdown(self) -> str:
        """A table of all keys for the documentation, made from the definitions."""
        parts: list[str] = []
        for group, members in self.grouped():
            parts += [f"### {group}", "", "| key | action | where |", "| --- | --- | --- |"]
            for action in members:
                keys = " ".join(f"`{shown_key(key)}`" for key in action.keys).replace("|", "\\|")
                where = "everywhere" if action.scope == GLOBAL else f"{action.scope} has the focus"
                parts.append(f"| {keys or 'palette'} | {action.title}: {action.help} | {where} |")
            parts.append("")
        return "\n".join(parts)
