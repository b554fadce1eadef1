"""The group of all verbs: each verb's module is imported when the verb is used, and the help lists them by subject."""

from __future__ import annotations

import click

from devdeck import __version__
from devdeck.cli.main import ALIASES, VERBS
from devdeck.cli.verbs import Verbs

SECTIONS: dict[str, tuple[str, ...]] = {
    "Sessions": (
        "start", "checkout", "ls", "status", "open", "send", "rename", "adopt", "refresh", "restore", "rm",
    ),
    "Work": ("run", "test", "failures", "jobs", "logs", "stop"),
    "Workspaces": ("workspace",),
    "Getting work back": ("undo", "trash"),
    "Repositories": ("init", "config"),
    "The program": ("control-center", "doctor", "import", "themes", "completion", "help", "demo"),
}  # fmt: skip
"""Heading of the help → verbs below it, in their order. A verb that none of them has comes last, under `More`."""


class LazyVerbs(Verbs):
    """A group whose commands are imported only when one of them is asked for."""

    spellings = ALIASES

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of `SECTIONS`."""
        placed = [verb for verbs in SECTIONS.values() for verb in verbs if verb in VERBS]
        return [*placed, *(verb for verb in VERBS if verb not in placed)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command; `None` when there is none of that name."""
        import importlib

        target = VERBS.get(ALIASES.get(cmd_name, cmd_name))
        if target is None:
            return None
        module, name = target.split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs with a line each, by subject."""
        widest = max(len(verb) for verb in VERBS)
        left = formatter.width - widest - 6
        headed = {verb: heading for heading, verbs in SECTIONS.items() for verb in verbs}
        for heading in (*SECTIONS, "More"):
            rows = []
            for verb in self.list_commands(ctx):
                command = self.get_command(ctx, verb) if headed.get(verb, "More") == heading else None
                if command is not None and not command.hidden:
                    rows.append((verb.ljust(widest), command.get_short_help_str(left)))
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
        others = ", ".join(f"{other} is {verb}" for other, verb in self.spellings.items())
        formatter.write_paragraph()
        formatter.write_text(f"Other spellings: {others}.")


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

    Without a verb it opens the dashboard. `devdeck help VERB` says more about one.
    """
    if ctx.invoked_subcommand is None:
        from devdeck.cli.dashboard import show

        ctx.exit(show(read_only=read_only))
