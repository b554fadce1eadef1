"""The manual page and the table that completion answers from, both made from the commands: `make man`.

`python -m devdeck.cli.manual` writes `docs/devdeck.1` and `devdeck/cli/words.py`. A test tells when they are out of
date.
"""

from __future__ import annotations

import pprint
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from devdeck import __version__
from devdeck.cli.group import SECTIONS, cli
from devdeck.cli.main import ALIASES

PAGE = Path("docs/devdeck.1")
WORDS = Path("devdeck/cli/words.py")

EXIT_STATUS = (
    ("0", "Done."),
    ("1", "The operation failed, or what was looked at is not good."),
    ("2", "Wrong usage."),
    ("3", "There is no such session, job, repository or reference."),
    ("4", "Refused to protect work; --force overrides."),
    ("5", "A needed program or daemon is missing."),
    ("130", "Interrupted."),
)
ENVIRONMENT = (
    ("XDG_DATA_HOME, XDG_CONFIG_HOME, XDG_STATE_HOME", "Where data, configuration, and logs are kept."),
    ("DEVDECK_TMUX_SOCKET", "Name or path of the socket of the tmux server; by default the user's own server."),
    ("VISUAL, EDITOR", "The editor that failing lines are opened in."),
    ("NO_COLOR", "No colours when it is set."),
)
FILES = (
    ("~/.local/share/devdeck/", "The store deck.sqlite3, copies of it in backups/, worktrees/ and trash/."),
    ("~/.local/state/devdeck/", "Logs of jobs, and devdeck's own log."),
    ("~/.config/devdeck/", "What the user writes: config.toml and themes/."),
    (".devdeck.toml, .par.yaml", "What a repository sets up in new sessions."),
)


def page() -> str:
    """The manual page, in the man macros of roff (groff_man(7))."""
    lines = [
        f'.TH DEVDECK 1 "" "devdeck {__version__}" "User Commands"',
        ".SH NAME",
        r"devdeck \- a control centre for parallel development",
        ".SH SYNOPSIS",
        ".B devdeck",
        r"[\fIoptions\fR] [\fIverb\fR [\fIargument\fR ...]]",
        ".SH DESCRIPTION",
        *_prose(cli.help or ""),
        ".SH OPTIONS",
        *_options(cli),
    ]
    context = _top()
    headed = {verb: heading for heading, verbs in SECTIONS.items() for verb in verbs}
    for heading in (*SECTIONS, "More"):
        verbs = [verb for verb in cli.list_commands(context) if headed.get(verb, "More") == heading]
        if verbs:
            lines.append(f".SH {_text(heading.upper())}")
        for verb in verbs:
            command = cli.get_command(context, verb)
            if command is not None:
                lines += _verb(command, (verb,))
    for heading, entries in (("EXIT STATUS", EXIT_STATUS), ("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)):
        lines.append(f".SH {heading}")
        for name, words in entries:
            lines += [".TP", rf"\fB{_text(name)}\fR", _text(words)]
    lines += [".SH SEE ALSO", ".BR tmux (1),", ".BR git\\-worktree (1)"]
    return "\n".join(lines) + "\n"


def _top() -> click.Context:
    return click.Context(cli, info_name="devdeck", **cli.context_settings)


def _verb(command: click.Command, path: tuple[str, ...]) -> Iterator[str]:
    context = click.Context(command, parent=_top(), info_name=" ".join(("devdeck", *path)), **command.context_settings)
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f".SS {_text(' '.join(path))}"
    yield rf"\fBdevdeck {_text(' '.join(path))}\fR {_text(pieces)}"
    others = [other for other, verb in ALIASES.items() if path == (verb,)]
    if others:
        yield ".PP"
        yield f"Also: {_text(', '.join(others))}."
    yield ".PP"
    yield from _prose(command.help or "")
    yield from _options(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _verb(below, (*path, name))


def _options(command: click.Command) -> Iterator[str]:
    context = click.Context(command)
    for parameter in command.params:
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None:
            yield ".TP"
            yield rf"\fB{_text(record[0])}\fR"
            yield _text(record[1])


def _prose(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", textwrap.dedent(text).split("\f")[0].strip())):
        if number:
            yield ".PP"
        if paragraph.startswith("\b"):
            yield from (".nf", *(_text(line) for line in paragraph.splitlines()[1:]), ".fi")
        else:
            yield _text(" ".join(paragraph.split()))


def _text(text: str) -> str:
    """Text as roff shows it: no macro at its start, hyphens that can be copied, code in bold."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", text)
    text = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in text)
    return "\\&" + text if text[:1] in (".", "'") else text


def words() -> str:
    """The module with the table of all verbs, arguments and options."""
    table = pprint.pformat(node(cli, _top()), width=116, sort_dicts=False, compact=True)
    return (
        '"""Every verb with its arguments and options, for completion. Made by `make man`; not to be edited."""\n\n'
        "# ruff: noqa: E501, RUF100\n# fmt: off\n\nfrom __future__ import annotations\n\nTYPE_CHECKING = False\n"
        "if TYPE_CHECKING:\n    from typing import Any\n\n"
        f"WORDS: dict[str, Any] = \\\n{table}\n"
    )


def node(command: click.Command, context: click.Context) -> dict[str, Any]:
    """A command as `devdeck.cli.answering` reads it.

    Args:
        command: The command.
        context: A context of it.

    Returns:
        `help` (one line), `interspersed` (whether options may follow arguments), `options` (`flags`, `help`, `values`),
        `arguments` (`values`, `many`), `commands` (name to node) and `aliases`. `values` is a list of choices, the name
        of a function of `devdeck.cli.complete` (empty when nothing is offered), or `None` for a flag.
    """
    commands: dict[str, Any] = {}
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                inner = click.Context(below, parent=context, info_name=name, **below.context_settings)
                commands[name] = node(below, inner)
    return {
        "help": command.get_short_help_str(80),
        "interspersed": command.allow_interspersed_args,
        "options": [
            {
                "flags": [*parameter.opts, *parameter.secondary_opts],
                "help": (parameter.help or "").split("\n")[0],
                "values": None if parameter.is_flag or parameter.count else values_of(parameter),
            }
            for parameter in command.get_params(context)
            if isinstance(parameter, click.Option) and not parameter.hidden
        ],
        "arguments": [
            {"values": values_of(parameter), "many": parameter.nargs == -1}
            for parameter in command.params
            if isinstance(parameter, click.Argument)
        ],
        "commands": commands,
        "aliases": dict(ALIASES) if command is cli else {},
    }


def values_of(parameter: click.Parameter) -> list[str] | str:
    """What may be offered for an argument or option: choices, or the name of a function of `devdeck.cli.complete`."""
    if isinstance(parameter.type, click.Choice):
        return [str(choice) for choice in parameter.type.choices]
    function = getattr(parameter, "_custom_shell_complete", None)
    return str(function.__name__) if function is not None else ""


def write(root: Path) -> None:
    """Write both files below a folder."""
    (root / PAGE).write_text(page())
    (root / WORDS).write_text(words())


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
