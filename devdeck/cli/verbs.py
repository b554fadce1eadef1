"""Groups of verbs: what they say about a word that is no verb of theirs."""

from __future__ import annotations

from typing import Any, ClassVar

import click

from devdeck.errors import UsageError


class Verbs(click.Group):
    """A group that answers an unknown verb with those that are near, and knows other spellings of its verbs."""

    spellings: ClassVar[dict[str, str]] = {"list": "ls", "ls": "list", "create": "start", "o": "open"}
    """Other spelling → verb, where there is that verb and none that is spelled so."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("subcommand_metavar", "[VERB] [ARGS]...")
        super().__init__(*args, **kwargs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command; `None` when there is none of that name."""
        return super().get_command(ctx, cmd_name) or super().get_command(ctx, self.spellings.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command.

        Raises:
            UsageError: There is none; the hint names those that are near.
        """
        name = args[0] if args else ""
        if args and not name.startswith("-") and self.get_command(ctx, name) is None:
            raise self.unknown(ctx, name)
        return super().resolve_command(ctx, args)

    def unknown(self, ctx: click.Context, name: str) -> UsageError:
        """The error for a word that is no verb of this group; its hint names those that are near."""
        import difflib

        known = {verb: verb for verb in self.list_commands(ctx)}
        known |= {other: verb for other, verb in self.spellings.items() if verb in known and other not in known}
        near = list(dict.fromkeys(known[each] for each in difflib.get_close_matches(name, known, n=2)))
        hint = f"did you mean {' or '.join(near)}?" if near else f"`{ctx.command_path} --help` lists the verbs"
        group = "" if ctx.parent is None else f" of `{ctx.command_path}`"
        return UsageError(f"no verb {name!r}{group}", hint)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs with a line each."""
        verbs = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        left = formatter.width - max(len(name) for name, _ in verbs) - 6
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.get_short_help_str(left)) for name, verb in verbs if verb is not None])
