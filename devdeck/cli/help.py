"""help."""

from __future__ import annotations

import inspect
from typing import Any

import click

from devdeck.cli import complete, output
from devdeck.cli.verbs import Verbs
from devdeck.errors import UsageError


@click.command(name="help", short_help="Say what a verb does, with its arguments and options.")
@click.argument("verb", nargs=-1, shell_complete=complete.verbs)
@output.json_option
@click.pass_context
def help_(ctx: click.Context, verb: tuple[str, ...], json: bool) -> None:
    """Say what a verb does, and with which arguments and options; without VERB, which verbs there are."""
    assert ctx.parent is not None
    command, path, parent = ctx.parent.command, ["devdeck"], ctx.parent
    for name in verb:
        if not isinstance(command, Verbs):
            raise UsageError(
                f"`{' '.join(path)}` has no verbs below it", f"`devdeck help {path[-1]}` says what it does"
            )
        found = command.get_command(parent, name)
        if found is None:
            raise command.unknown(parent, name)
        path.append(name)
        command, parent = found, click.Context(found, info_name=name, parent=parent)
    if json:
        output.document(describe(command, path))
    else:
        output.own_text(command.get_help(parent))


def describe(command: click.Command, path: list[str]) -> dict[str, Any]:
    """A command as data: its words, summary, arguments, options and, of a group, the commands below it."""
    ctx = click.Context(command)
    parameters = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    return {
        "command": " ".join(path),
        "help": inspect.cleandoc((command.help or "").split("\f")[0]),
        "arguments": [
            {
                "name": parameter.make_metavar(ctx),
                "required": parameter.required,
                "many": parameter.nargs == -1,
            }
            for parameter in parameters
            if isinstance(parameter, click.Argument)
        ],
        "options": [
            {
                "flags": [*parameter.opts, *parameter.secondary_opts],
                "value": None if parameter.is_flag else parameter.make_metavar(ctx),
                "help": parameter.help,
            }
            for parameter in parameters
            if isinstance(parameter, click.Option)
        ],
        "commands": command.list_commands(ctx) if isinstance(command, click.Group) else [],
    }
