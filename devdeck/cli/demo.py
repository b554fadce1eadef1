"""The dashboard over a throw-away deck, as a verb."""

from __future__ import annotations

import click


@click.command(short_help="Open the dashboard over a throw-away deck.")
def demo() -> int:
    """Open the dashboard over a throw-away deck: real repositories, real tmux, tests that pass, fail and run.

    Everything it makes lies in one temporary folder and on one private tmux server, and goes when it is left.
    """
    from devdeck.cli.dashboard import show_demo

    return show_demo()
