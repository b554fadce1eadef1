"""Every action of the dashboard, defined once: bindings, footer, help, palette and docs are made from here.

An action has a scope: `global` ones work whichever pane has the focus, others only while their pane has it. A key of
the focused pane's scope wins over the same key's global action; two actions on one key in one scope are an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from devdeck.model import Job, SessionState

GLOBAL = "global"
SCOPES = (GLOBAL, "sessions", "overview", "tests", "logs", "git", "terminal")
"""Where an action's keys work."""

GROUPS = ("Session", "Run", "View", "Move", "Tests", "Logs", "Git", "Dashboard")
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
    "enter": "⏎",
    "escape": "esc",
    "down": "↓",
    "up": "↑",
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
    job: Job | None = None
    """The job whose log is shown, else the newest of the selected session."""
    filtered: bool = False
    """Whether the list is filtered."""
    failure_open: bool = False
    """Whether the tests tab shows a failure with its source."""
    rerun: bool = False
    """Whether something was run that can be run again."""
    can_hand_over: bool = True
    """Whether the terminal can be handed to another program."""


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
    """Removes the selected session, which must be devdeck's."""
    if why := changes_session(context):
        return why
    managed = context.selected is not None and context.selected.session.managed
    return "" if managed else "devdeck did not make this session, so it does not remove it"


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


def _tab(number: int, name: str, letter: str, what: str) -> Action:
    return Action(
        id=f"tab.{name}",
        title=f"Show {name}",
        help=what,
        keys=(letter, str(number)),
        group="View",
        short=name if name in ("logs", "git") else "",
        rank=40 + number,
    )


ACTIONS = Registry(
    (
        Action(
            id="session.open",
            title="Open terminal",
            help="Go to the session's tmux; detaching comes back here.",
            keys=("enter",),
            group="Session",
            scope="sessions",
            enabled=opens,
            short="open",
            rank=1,
        ),
        Action(
            id="terminal.open",
            title="Open this terminal",
            help="Go to the session's tmux from its preview.",
            keys=("enter",),
            group="Session",
            scope="terminal",
            enabled=opens,
            short="open",
            rank=1,
        ),
        Action(
            id="session.new",
            title="New session",
            help="Make a branch, its worktree and a terminal.",
            keys=("n",),
            group="Session",
            enabled=changes,
            short="new",
            rank=10,
        ),
        Action(
            id="session.remove",
            title="Remove session",
            help="Show what removing would do and what it would lose, then ask.",
            keys=("x", "D"),
            group="Session",
            enabled=removes,
            rank=60,
        ),
        Action(
            id="session.send",
            title="Send text",
            help="Type a line and Enter into the session's active pane.",
            keys=("S",),
            group="Session",
            enabled=changes_session,
        ),
        Action(
            id="session.copy",
            title="Copy path",
            help="Copy the path of the session's worktree.",
            keys=("y",),
            group="Session",
            enabled=on_session,
        ),
        Action(
            id="run.test",
            title="Run tests",
            help="Run the session's tests and watch the results come.",
            keys=("t",),
            group="Run",
            enabled=changes_session,
            short="test",
            rank=20,
        ),
        Action(
            id="run.stop",
            title="Stop",
            help="Stop the job shown in the log, else the newest that runs, with all its processes.",
            keys=("T",),
            group="Run",
            enabled=stops,
            short="stop",
            rank=21,
        ),
        Action(
            id="run.again",
            title="Run again",
            help="Start the newest job's command again.",
            keys=("r",),
            group="Run",
            enabled=reruns,
            short="rerun",
            rank=22,
        ),
        Action(
            id="run.task",
            title="Run a task",
            help="Type test, lint or build: the repository's own command runs in the session.",
            keys=("exclamation_mark",),
            group="Run",
            enabled=changes_session,
        ),
        Action(
            id="run.shell",
            title="Run a shell command",
            help="Type any shell command; it runs in the session and outlives the dashboard.",
            keys=("dollar_sign",),
            group="Run",
            enabled=changes_session,
            short="shell",
            rank=55,
        ),
        Action(
            id="run.lint",
            title="Lint",
            help="Run the repository's lint command.",
            group="Run",
            enabled=changes_session,
        ),
        Action(
            id="run.build",
            title="Build",
            help="Run the repository's build command.",
            group="Run",
            enabled=changes_session,
        ),
        _tab(1, "overview", "o", "What is known of the session, with evidence and age."),
        _tab(2, "tests", "v", "Results of the last test run, failures first."),
        _tab(3, "logs", "l", "The log of a job, live."),
        _tab(4, "git", "g", "Changed files and the diff."),
        _tab(5, "terminal", "c", "A live preview of the session's terminal."),
        Action(
            id="view.next-tab",
            title="Next tab",
            help="Show the next tab and leave the focus where it is.",
            keys=("right_square_bracket",),
            group="View",
        ),
        Action(
            id="view.previous-tab",
            title="Previous tab",
            help="Show the previous tab and leave the focus where it is.",
            keys=("left_square_bracket",),
            group="View",
        ),
        Action(
            id="view.zoom",
            title="Zoom",
            help="Give the detail the whole screen, or take it back.",
            keys=("z",),
            group="View",
        ),
        Action(
            id="view.focus",
            title="Next pane",
            help="Move the focus to the next pane.",
            keys=("tab",),
            group="View",
        ),
        Action(
            id="view.focus-back",
            title="Previous pane",
            help="Move the focus to the previous pane.",
            keys=("shift+tab",),
            group="View",
        ),
        Action(
            id="view.back",
            title="Back",
            help="One level out: close the failure, leave the zoom, go to the list, clear the filter.",
            keys=("escape",),
            group="View",
        ),
        Action(
            id="view.filter",
            title="Filter sessions",
            help="Show only sessions whose label, branch or repository matches; in the logs / searches.",
            keys=("slash",),
            group="View",
            short="filter",
            rank=30,
        ),
        Action(
            id="view.sort",
            title="Sort sessions",
            help="Go to the next order: repository, attention, activity, label, CPU.",
            keys=("s",),
            group="View",
        ),
        Action(
            id="view.follow",
            title="Follow the log",
            help="Show the log and stay at its end while it grows, or stop following.",
            keys=("f",),
            group="View",
            enabled=has_log,
            short="follow",
            rank=45,
        ),
        Action(
            id="view.failure",
            title="Next failure",
            help="Go to the next failure, in the log when it is shown and else among the results.",
            keys=("F",),
            group="View",
            enabled=on_session,
        ),
        Action(
            id="view.edit",
            title="Edit",
            help="Open $VISUAL or $EDITOR at the failure or the place in the log, else on the worktree.",
            keys=("e",),
            group="View",
            enabled=edits,
        ),
        Action(
            id="move.down",
            title="Down",
            help="Next row.",
            keys=("j", "down"),
            group="Move",
            native=True,
        ),
        Action(id="move.up", title="Up", help="Row before.", keys=("k", "up"), group="Move", native=True),
        Action(id="move.first", title="First", help="To the first row.", keys=("home",), group="Move", native=True),
        Action(id="move.last", title="Last", help="To the last row.", keys=("G", "end"), group="Move", native=True),
        Action(
            id="move.page-down",
            title="Page down",
            help="One page down.",
            keys=("pagedown", "ctrl+d"),
            group="Move",
            native=True,
        ),
        Action(
            id="move.page-up",
            title="Page up",
            help="One page up.",
            keys=("pageup", "ctrl+u"),
            group="Move",
            native=True,
        ),
        Action(
            id="move.fold",
            title="Fold repository",
            help="Fold or unfold the repository of the selected session.",
            keys=("space",),
            group="Move",
            scope="sessions",
            native=True,
        ),
        Action(
            id="move.next-repository",
            title="Next repository",
            help="To the first session of the next repository.",
            keys=("right_curly_bracket",),
            group="Move",
            scope="sessions",
            native=True,
        ),
        Action(
            id="move.previous-repository",
            title="Previous repository",
            help="To the first session of the repository before.",
            keys=("left_curly_bracket",),
            group="Move",
            scope="sessions",
            native=True,
        ),
        Action(
            id="tests.show",
            title="Show failure",
            help="Show the failing lines in the log and the source around them.",
            keys=("enter",),
            group="Tests",
            scope="tests",
            enabled=has_run,
            short="show",
            rank=1,
            native=True,
        ),
        Action(
            id="tests.next",
            title="Next failed test",
            help="To the next failed test.",
            keys=("n",),
            group="Tests",
            scope="tests",
            enabled=has_run,
            short="next",
            rank=2,
        ),
        Action(
            id="tests.previous",
            title="Previous failed test",
            help="To the failed test before.",
            keys=("N", "p"),
            group="Tests",
            scope="tests",
            enabled=has_run,
        ),
        Action(
            id="tests.failed-only",
            title="Failures only",
            help="Show only tests that failed, or all of them.",
            keys=("F",),
            group="Tests",
            scope="tests",
            enabled=has_run,
            short="only failures",
            rank=3,
        ),
        Action(
            id="tests.next-frame",
            title="Next frame",
            help="Source at the next frame of the failure shown.",
            keys=("right_square_bracket",),
            group="Tests",
            scope="tests",
            native=True,
            when=shows_failure,
        ),
        Action(
            id="tests.previous-frame",
            title="Previous frame",
            help="Source at the frame before, of the failure shown.",
            keys=("left_square_bracket",),
            group="Tests",
            scope="tests",
            native=True,
            when=shows_failure,
        ),
        Action(
            id="logs.search",
            title="Search the log",
            help="Find text in the log.",
            keys=("slash",),
            group="Logs",
            scope="logs",
            enabled=has_log,
            short="search",
            rank=1,
        ),
        Action(
            id="logs.next",
            title="Next match",
            help="To the next match of the search; without one, to the next failing line.",
            keys=("n",),
            group="Logs",
            scope="logs",
            enabled=has_log,
            short="next",
            rank=2,
        ),
        Action(
            id="logs.previous",
            title="Previous match",
            help="To the match before; without a search, to the failing line before.",
            keys=("N",),
            group="Logs",
            scope="logs",
            enabled=has_log,
        ),
        Action(
            id="logs.older",
            title="Older job",
            help="The log of the job before.",
            keys=("comma",),
            group="Logs",
            scope="logs",
            enabled=has_jobs,
            short="older",
            rank=4,
        ),
        Action(
            id="logs.newer",
            title="Newer job",
            help="The log of the job after.",
            keys=("full_stop",),
            group="Logs",
            scope="logs",
            enabled=has_jobs,
        ),
        Action(
            id="logs.wrap",
            title="Wrap lines",
            help="Wrap long lines, or cut them.",
            keys=("w",),
            group="Logs",
            scope="logs",
            enabled=has_log,
            short="wrap",
            rank=5,
        ),
        Action(
            id="logs.numbers",
            title="Line numbers",
            help="Show line numbers, or hide them.",
            keys=("number_sign",),
            group="Logs",
            scope="logs",
            enabled=has_log,
        ),
        Action(
            id="logs.copy",
            title="Copy lines",
            help="Copy the selected lines of the log, else those on screen.",
            keys=("y",),
            group="Logs",
            scope="logs",
            enabled=has_log,
        ),
        Action(
            id="git.next",
            title="Next file",
            help="The diff of the next changed file.",
            keys=("n",),
            group="Git",
            scope="git",
            enabled=on_session,
            short="next file",
            rank=1,
        ),
        Action(
            id="git.previous",
            title="Previous file",
            help="The diff of the changed file before.",
            keys=("N", "p"),
            group="Git",
            scope="git",
            enabled=on_session,
        ),
        Action(
            id="deck.help",
            title="Help",
            help="All keys and commands.",
            keys=("question_mark",),
            group="Dashboard",
            short="help",
            rank=31,
        ),
        Action(
            id="deck.palette",
            title="Command palette",
            help="Find any action, session, repository, job or theme.",
            keys=("ctrl+p",),
            group="Dashboard",
            short="palette",
            rank=56,
        ),
        Action(
            id="deck.command",
            title="Command line",
            help="Type a command, with completion and history.",
            keys=("colon",),
            group="Dashboard",
            short="command",
            rank=54,
        ),
        Action(
            id="deck.theme",
            title="Change theme",
            help="Choose among the themes; the choice is remembered.",
            group="Dashboard",
        ),
        Action(
            id="deck.quit",
            title="Quit",
            help="Leave the dashboard. Jobs and terminals go on.",
            keys=("q",),
            group="Dashboard",
            short="quit",
            rank=32,
        ),
    )
)
"""The dashboard's actions."""


def keys_markdown() -> str:
    """The table of keys for the documentation."""
    return ACTIONS.keys_markdown()
