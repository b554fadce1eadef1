"""Options that several verbs have, with the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from devdeck.cli import complete, output

F = TypeVar("F", bound=Callable[..., Any])


def filled(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty value, which a shell makes of a variable that is not set; `.` would be meant by it otherwise.

    For `callback` of an option or argument.

    Raises:
        click.BadParameter: It is empty.
    """
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty", ctx, param)
    return value


def path_option(command: F) -> F:
    """Add `--path`: which repository; it reaches the function as the parameter `path`."""
    return click.option(
        "-p", "--path", metavar="PATH", default=".", help="Any folder in the repository; the current one by default.",
        shell_complete=complete.repositories, callback=filled,
    )(command)  # fmt: skip


def making_options(offline: str) -> Callable[[F], F]:
    """Add what all verbs that make sessions have, `--dry-run` and `--json` too.

    They are the parameters `open_after`, `offline`, `trust`, `in_pane`, `dry_run` and `json`.

    Args:
        offline: Help of `--offline`.
    """
    return _all(
        click.option("--open", "open_after", is_flag=True, help="Go to its terminal afterwards."),
        click.option("--offline", is_flag=True, help=offline),
        click.option("--trust", is_flag=True, help="Trust what the repository's configuration sets up, as it is now."),
        click.option("--in-pane", is_flag=True, help="Type the commands that set it up into its pane, as par does."),
        output.dry_run_option,
        output.json_option,
    )


def removing_options(all_: str) -> Callable[[F], F]:
    """Add what all verbs that remove sessions have, as the parameters `force`, `yes`, `dry_run` and `json`.

    Args:
        all_: What asks a question: `rm all`.
    """
    return _all(
        click.option("-f", "--force", is_flag=True, help="Remove although it holds work that exists nowhere else."),
        click.option("-y", "--yes", is_flag=True, help=f"Answer the question of `{all_}`."),
        output.dry_run_option,
        output.json_option,
    )


def _all(*options: Callable[[Any], Any]) -> Callable[[F], F]:
    def add(command: F) -> F:
        for option in reversed(options):  # the first one given comes first in the help
            command = option(command)
        return command

    return add
