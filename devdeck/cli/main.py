"""The command `devdeck`: the dashboard without a verb, and the verbs, each loaded when it is used."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from devdeck import __version__
from devdeck.cli import output
from devdeck.errors import DeckError

VERBS = {
    "start": "devdeck.cli.sessions:start",
    "ls": "devdeck.cli.listing:ls",
    "open": "devdeck.cli.sessions:open_",
    "send": "devdeck.cli.sessions:send",
    "rm": "devdeck.cli.sessions:rm",
    "run": "devdeck.cli.jobs:run",
    "test": "devdeck.cli.tests:test",
    "logs": "devdeck.cli.logs:logs",
    "jobs": "devdeck.cli.jobs:jobs",
    "stop": "devdeck.cli.jobs:stop",
    "doctor": "devdeck.cli.doctor:doctor",
    "demo": "devdeck.cli.dashboard:demo",
}
"""Verb → where its command is, in the order of the help."""

ALIASES = {"create": "start", "o": "open", "list": "ls", "control-center": ""}
"""Other spellings; an empty target is the dashboard."""


class LazyVerbs(click.Group):
    """A group whose commands are imported only when one of them is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of `VERBS`."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command; `None` when there is none of that name."""
        import importlib

        if ALIASES.get(cmd_name) == "":
            from devdeck.cli.dashboard import dashboard

            return dashboard
        target = VERBS.get(ALIASES.get(cmd_name, cmd_name))
        if target is None:
            return None
        module, name = target.split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one names those that are near."""
        name = args[0] if args else ""
        if args and self.get_command(ctx, name) is None and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, [*VERBS, *ALIASES], n=2)
            hint = f" Did you mean {' or '.join(near)}?" if near else " `devdeck --help` lists the verbs."
            raise click.UsageError(f"no verb {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyVerbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-v", "--version", prog_name="devdeck", message="%(prog)s %(version)s")
@click.option("--read-only", is_flag=True, help="Open the dashboard so that it can change nothing.")
@click.pass_context
def cli(ctx: click.Context, read_only: bool) -> None:
    """A control centre for parallel development: sessions over git worktrees and tmux, on one screen.

    Without a verb it opens the dashboard.
    """
    if ctx.invoked_subcommand is None:
        from devdeck.cli.dashboard import show

        ctx.exit(show(read_only=read_only))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the contract's status (design, section 5)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    before_positionals = arguments[: arguments.index("--")] if "--" in arguments else arguments
    json = "--json" in before_positionals
    try:
        status = cli.main(arguments, prog_name="devdeck", standalone_mode=False)
    except click.exceptions.Exit as error:
        status = error.exit_code
    except click.UsageError as error:
        usage = "" if json or error.ctx is None else error.ctx.get_usage() + "\n"
        output.error("usage", usage + error.format_message(), "`devdeck --help` says more", json=json)
        status = 2
    except (click.Abort, KeyboardInterrupt):
        output.error("interrupted", "interrupted", "", json=json)
        status = 130
    except DeckError as error:
        output.error(error.code, error.message, error.hint, json=json)
        status = error.status
    except BrokenPipeError:
        # The reader has gone (`devdeck logs x | head`): leave quietly, and keep the interpreter from complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status if isinstance(status, int) else 0)
