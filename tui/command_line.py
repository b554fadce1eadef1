"""The language of the command line: what was typed becomes a command, or an error that says what was expected.

`:` takes the same words as the command line verbs, plus every action's id; `!` takes test, lint or build; `$` takes a
line for the shell; `/` takes what to look for. Pure functions over a `World` of names, no Textual.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tui.actions import ACTIONS

TASKS = ("test", "lint", "build")
SORTS = ("repository", "attention", "activity", "label", "cpu")


class World(NamedTuple):
    """The names that commands may speak of."""

    labels: Mapping[str, str]
    """Label → session id."""
    repositories: Mapping[str, str]
    """Name → path."""
    themes: Sequence[str] = ()
    branches: Sequence[str] = ()


class Command(NamedTuple):
    """What was asked for."""

    verb: str
    """A verb of `VERBS`, an action's id, or `task`, `shell`, `search`."""
    session_id: str | None = None
    """The session named; `None` means the selected one."""
    words: tuple[str, ...] = ()
    text: str = ""
    path: str = ""
    base: str | None = None
    label: str = ""
    """Of a session that is to be made."""


class CommandError(Exception):
    """What was typed is no command.

    Attributes:
        message: What is wrong.
        expected: What would be right.
    """

    def __init__(self, message: str, expected: str) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected


class Verb(NamedTuple):
    """One word of the language."""

    name: str
    usage: str
    help: str
    parse: Callable[[str, World], Command]
    complete: Callable[[str, World], Sequence[str]]
    """Candidates for the whole rest of the line after the verb."""
    aliases: tuple[str, ...] = ()


def parse(mode: str, line: str, world: World) -> Command:
    """Read a line.

    Args:
        mode: `:`, `!`, `$` or `/`.
        line: What was typed after it.
        world: The names that may be spoken of.

    Raises:
        CommandError: It is no command; says what was expected.
    """
    if mode == "$":
        if not line.strip():
            raise CommandError("nothing to run", "any shell command")
        return Command("shell", text=line.strip())
    if mode == "!":
        word = line.strip()
        if word not in TASKS:
            raise CommandError(f"{word!r} is no task" if word else "no task named", " or ".join(TASKS))
        return Command("task", words=(word,))
    if mode == "/":
        return Command("search", text=line)
    text = line.lstrip()
    if text[:1] in ("!", "$"):
        return parse(text[0], text[1:], world)
    word, _, rest = text.partition(" ")
    if not word:
        raise CommandError("nothing typed", "a command: " + ", ".join(sorted(VERBS)[:8]) + " …")
    verb = VERBS.get(word) or _ALIASES.get(word)
    if verb is not None:
        return verb.parse(rest.strip(), world)
    if word in ACTIONS:
        if rest.strip():
            raise CommandError(f"{word} takes nothing", word)
        return Command(word)
    near = _nearest(word, (*VERBS, *_ALIASES))
    raise CommandError(f"no command {word!r}", f"did you mean {near}?" if near else "tab lists the commands")


def complete(mode: str, line: str, world: World) -> tuple[str, ...]:
    """Whole lines that `line` could become, the likeliest first; bounded to 50."""
    if mode == "!":
        return tuple(task for task in TASKS if task.startswith(line) and task != line)
    if mode != ":":
        return ()
    word, space, rest = line.partition(" ")
    if not space:
        verbs = [name for name in VERBS if name.startswith(word)]
        ids = [action.id for action in ACTIONS if not action.native and action.id.startswith(word)] if word else []
        return tuple(found for found in (*verbs, *ids) if found != word)[:50]
    verb = VERBS.get(word) or _ALIASES.get(word)
    if verb is None:
        return ()
    return tuple(f"{word} {found}" for found in verb.complete(rest, world) if found != rest)[:50]


def expected(mode: str, line: str) -> str:
    """What may follow, for the hint above the line."""
    if mode == "$":
        return "a shell command; it runs in the session and outlives the dashboard"
    if mode == "!":
        return "test, lint or build"
    if mode == "/":
        return "⏎ keeps it · esc ends it"
    word = line.lstrip().partition(" ")[0]
    verb = VERBS.get(word) or _ALIASES.get(word)
    if verb is not None:
        return f"{verb.usage} · {verb.help}"
    if word in ACTIONS:
        return ACTIONS[word].help
    return "a command · tab completes · ↑ history"


def _session(text: str, world: World) -> str:
    if text not in world.labels:
        near = _nearest(text, tuple(world.labels))
        raise CommandError(f"no session {text!r}", f"did you mean {near}?" if near else "the label of a session")
    return world.labels[text]


def _nearest(word: str, names: Sequence[str]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(word, names, 1, 0.6)), "")


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise CommandError(f"can't be read: {error}", "quotes in pairs") from error


def _plain(action: str) -> tuple[Callable[[str, World], Command], Callable[[str, World], Sequence[str]]]:
    def read(rest: str, world: World) -> Command:
        if rest:
            raise CommandError(f"{rest!r} is too much", "nothing more")
        return Command(action)

    return read, _nothing


def _nothing(rest: str, world: World) -> Sequence[str]:
    return ()


def _on_session(action: str) -> tuple[Callable[[str, World], Command], Callable[[str, World], Sequence[str]]]:
    def read(rest: str, world: World) -> Command:
        return Command(action, session_id=_session(rest, world) if rest else None)

    return read, _labels


def _on_session_or_all(verb: str) -> tuple[Callable[[str, World], Command], Callable[[str, World], Sequence[str]]]:
    def read(rest: str, world: World) -> Command:
        if rest == "all":
            return Command(verb, words=("all",))
        return Command(verb, session_id=_session(rest, world) if rest else None)

    return read, lambda rest, world: [name for name in ("all", *sorted(world.labels)) if name.startswith(rest)]


def _labels(rest: str, world: World) -> Sequence[str]:
    return [label for label in sorted(world.labels) if label.startswith(rest)]


def _needs_label(rest: str, world: World) -> Command:
    if not rest:
        raise CommandError("no session named", "the label of a session")
    return Command("go", session_id=_session(rest, world))


def _one_of(
    verb: str, names: Callable[[World], Sequence[str]], what: str, *, bare: bool = False
) -> tuple[Callable[[str, World], Command], Callable[[str, World], Sequence[str]]]:
    def read(rest: str, world: World) -> Command:
        known = names(world)
        if not rest and bare:
            return Command(verb)
        if rest not in known:
            raise CommandError(f"no {what} {rest!r}" if rest else f"no {what} named", ", ".join(known))
        return Command(verb, words=(rest,))

    return read, lambda rest, world: [name for name in names(world) if name.startswith(rest)]


_OPTIONS = {"-p": "REPOSITORY or PATH", "-b": "REF", "-l": "LABEL", "-r": "NAME,NAME"}
"""Options of the verbs that make sessions, and what each takes."""


def _options(rest: str, allowed: Sequence[str], one: str) -> tuple[str, dict[str, str]]:
    """One word and options with a value each, in any order."""
    wanted = ", ".join(f"{option} {_OPTIONS[option]}" for option in allowed)
    words, found, values = _split(rest), "", {}
    while words:
        word = words.pop(0)
        if word in allowed:
            if not words:
                raise CommandError(f"{word} needs a value", wanted)
            values[word] = words.pop(0)
        elif word.startswith("-"):
            raise CommandError(f"no option {word}", wanted)
        elif found:
            raise CommandError(f"{word!r} is too much", f"one {one}")
        else:
            found = word
    return found, values


def _start(rest: str, world: World) -> Command:
    label, values = _options(rest, ("-p", "-b"), "label")
    path = values.get("-p", "")
    return Command("start", text=label, path=world.repositories.get(path, path), base=values.get("-b"))


def _checkout(rest: str, world: World) -> Command:
    target, values = _options(rest, ("-p", "-l"), "target")
    path = values.get("-p", "")
    return Command("checkout", text=target, path=world.repositories.get(path, path), label=values.get("-l", ""))


def _workspace(rest: str, world: World) -> Command:
    label, values = _options(rest, ("-p", "-r", "-b"), "label")
    names = tuple(name.strip() for name in values.get("-r", "").split(",") if name.strip())
    return Command("workspace", text=label, path=values.get("-p", ""), words=names, base=values.get("-b"))


def _rename(rest: str, world: World) -> Command:
    words = _split(rest)
    if len(words) > 1:
        raise CommandError(f"{words[1]!r} is too much", "one new label")
    return Command("rename", text=words[0]) if words else Command("session.rename")


def _making(*allowed: str) -> Callable[[str, World], Sequence[str]]:
    def complete(rest: str, world: World) -> Sequence[str]:
        head, _, last = rest.rpartition(" ")
        before = head.rpartition(" ")[2]
        if before in ("-p", "-b") and before in allowed:
            names = world.repositories if before == "-p" else world.branches
            return [f"{head} {name}" for name in sorted(names) if name.startswith(last)]
        if head and not last and before not in allowed:
            return [f"{head} {option} " for option in allowed if option not in head.split()]
        return ()

    return complete


def _checkout_completions(rest: str, world: World) -> Sequence[str]:
    if " " not in rest:
        return [name for name in world.branches if name.startswith(rest)]
    return _making("-p", "-l")(rest, world)


def _addressed(verb: str, rest: str, world: World) -> tuple[str | None, str]:
    """`LABEL -- TEXT` or `TEXT`: the session named, and the text."""
    label, found, text = f"{rest} ".partition(" -- ")
    if found and label in world.labels:
        return world.labels[label], text.strip()
    return None, rest


def _run(rest: str, world: World) -> Command:
    session_id, text = _addressed("run", rest, world)
    words = _split(text)
    if not words:
        raise CommandError("nothing to run", "run [LABEL --] COMMAND …")
    return Command("run", session_id=session_id, words=tuple(words))


def _send(rest: str, world: World) -> Command:
    whom, found, text = f"{rest} ".partition(" -- ")
    if found and whom in ("all", "marked") and whom not in world.labels:
        return Command("send", words=(whom,), text=text.strip())
    session_id, text = _addressed("send", rest, world)
    return Command("send", session_id=session_id, text=text)


def _send_completions(rest: str, world: World) -> Sequence[str]:
    if " " in rest:
        return ()
    return [f"{name} -- " for name in ("all", "marked", *sorted(world.labels)) if name.startswith(rest) and rest]


def _test(rest: str, world: World) -> Command:
    words = _split(rest)
    if words and words[0] in world.labels:
        return Command("test", session_id=world.labels[words[0]], words=tuple(w for w in words[1:] if w != "--"))
    return Command("test", words=tuple(word for word in words if word != "--"))


def _filter(rest: str, world: World) -> Command:
    return Command("filter", text=rest)


def _verbs() -> dict[str, Verb]:
    verbs = (
        Verb("open", "open [LABEL]", "go to its terminal", *_on_session("session.open"), aliases=("o",)),
        Verb("go", "go LABEL", "select a session", _needs_label, _labels, aliases=("select",)),
        Verb(
            "start",
            "start LABEL [-p REPOSITORY] [-b REF]",
            "make a session",
            _start,
            _making("-p", "-b"),
            aliases=("create", "new"),
        ),
        Verb(
            "checkout",
            "checkout TARGET [-p REPOSITORY] [-l LABEL]",
            "make a session for a branch or pull request",
            _checkout,
            _checkout_completions,
            aliases=("co",),
        ),
        Verb(
            "workspace",
            "workspace LABEL [-p FOLDER] [-r NAME,NAME] [-b REF]",
            "make a session over several repositories",
            _workspace,
            _making("-p", "-r", "-b"),
            aliases=("ws",),
        ),
        Verb("rename", "rename [NEW]", "give it another name", _rename, _nothing),
        Verb("init", "init [LABEL]", "set it up again", *_on_session("session.init")),
        Verb("rm", "rm [LABEL]", "show the plan, then remove", *_on_session("session.remove"), aliases=("remove",)),
        Verb("undo", "undo", "take back the last change", *_plain("session.undo")),
        Verb("trash", "trash", "bring removed sessions back", *_plain("deck.trash")),
        Verb("adopt", "adopt [LABEL]", "make it devdeck's own", *_on_session("session.adopt")),
        Verb("refresh", "refresh [LABEL]", "bring it up to its upstream", *_on_session("session.refresh")),
        Verb("restore", "restore [LABEL|all]", "bring back a terminal that is gone", *_on_session_or_all("restore")),
        Verb("mark", "mark [LABEL|all]", "mark for what is done to many", *_on_session_or_all("mark")),
        Verb("unmark", "unmark", "take all marks off", *_plain("mark.clear")),
        Verb("test", "test [LABEL] [SELECTION …]", "run tests", _test, _labels),
        Verb("lint", "lint [LABEL]", "run the lint command", *_on_session("run.lint")),
        Verb("build", "build [LABEL]", "run the build command", *_on_session("run.build")),
        Verb("run", "run [LABEL --] COMMAND …", "run a command, no shell", _run, _nothing),
        Verb("rerun", "rerun", "start the newest job's command again", *_plain("run.again")),
        Verb("stop", "stop [LABEL]", "stop what runs", *_on_session("run.stop")),
        Verb("send", "send [LABEL|all|marked --] TEXT", "type into its pane", _send, _send_completions),
        Verb("overview", "overview [LABEL]", "show it", *_on_session("tab.overview"), aliases=("status",)),
        Verb("tests", "tests [LABEL]", "show its results", *_on_session("tab.tests"), aliases=("failures",)),
        Verb("logs", "logs [LABEL]", "show its log", *_on_session("tab.logs"), aliases=("log", "jobs")),
        Verb("git", "git [LABEL]", "show its changes", *_on_session("tab.git"), aliases=("diff",)),
        Verb("terminal", "terminal [LABEL]", "show its terminal", *_on_session("tab.terminal")),
        Verb("edit", "edit", "open the editor", *_plain("view.edit")),
        Verb("filter", "filter [TEXT]", "show only what matches", _filter, _nothing, aliases=("ls",)),
        Verb("sort", "sort [ORDER]", "order the sessions", *_one_of("sort", lambda world: SORTS, "order", bare=True)),
        Verb("theme", "theme NAME", "change colours", *_one_of("theme", lambda world: world.themes, "theme")),
        Verb("palette", "palette", "find anything", *_plain("deck.palette")),
        Verb("help", "help", "all keys and commands", *_plain("deck.help"), aliases=("keys",)),
        Verb("quit", "quit", "leave; jobs go on", *_plain("deck.quit"), aliases=("q", "exit")),
    )
    return {verb.name: verb for verb in verbs}


VERBS: Mapping[str, Verb] = _verbs()
"""The verbs by name."""
_ALIASES: Mapping[str, Verb] = {alias: verb for verb in VERBS.values() for alias in verb.aliases}
