"""Plans as a person reads them: a title, the steps, what stands against them, what is good to know."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from devdeck.cli import output
from devdeck.text import one_line


def show(title: str, steps: Sequence[str], *, warnings: Sequence[str] = (), notes: Sequence[str] = ()) -> None:
    """Print a plan. A step that comes several times in a row is told once; folders are told from home.

    Args:
        title: What would be done, such as `would start one:`.
        steps: In their order, in words.
        warnings: What stands against it.
        notes: What is good to know.
    """
    output.say(one_line(title))
    for step, same in groupby(steps):
        count = len(tuple(same))
        times = f" ({count} times)" if count > 1 else ""
        output.say(f"  - {output.from_home(one_line(step))}{times}")
    for warning in warnings:
        output.say(f"  {output.styled('!', 'warn')} {output.from_home(one_line(warning))}")
    for note in notes:
        output.say(f"    {output.styled(output.from_home(one_line(note)), 'dim')}")
