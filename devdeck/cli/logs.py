"""logs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from devdeck.cli import complete, follow, output
from devdeck.cli.jobs import newest_job

if TYPE_CHECKING:
    from devdeck.deck import Deck


@click.command()
@click.argument("target", metavar="LABEL|JOB", shell_complete=complete.labels_or_jobs)
@click.option("-f", "--follow", "follow_", is_flag=True, help="Go on until the job ends.")
@click.option("-n", "--lines", metavar="N", type=click.IntRange(0), help="Only the last so many lines.")
@output.json_option
@output.with_deck
def logs(deck: Deck, target: str, follow_: bool, lines: int | None, json: bool) -> None:
    """Print the output of a session's newest job, or of one job.

    Colours are kept on a terminal; every other control sequence is dropped.
    """
    job = newest_job(deck, target)
    path = Path(job.log)
    if json:
        if follow_:
            job = follow.until_end(deck, job, echo=False)
        text = _lines(path, lines)
        output.document({"job": job.id, "path": str(path), "state": str(job.state), "lines": text})
        return
    printer = follow.LogPrinter(path, colours=output.coloured())
    if lines is not None:
        printer.start_at_line(lines)
    printer.pump(final=not follow_)
    while follow_:
        job = deck.work.refresh(job)
        came = printer.pump()
        if not job.running and not came:
            printer.pump(final=True)
            break
        time.sleep(follow.LOOK)


def _lines(path: Path, last: int | None) -> list[str]:
    from devdeck.text import terminal_safe

    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    if last is not None:
        lines = lines[len(lines) - last :] if last else []
    return [terminal_safe(line, colours=False) for line in lines]
