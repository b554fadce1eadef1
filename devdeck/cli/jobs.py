"""run, jobs and stop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from devdeck.cli import complete, follow, output, views
from devdeck.errors import DeckError, NotFound, UsageError
from devdeck.model import Job, Session

if TYPE_CHECKING:
    from devdeck.deck import Deck


MOST = 1000
"""Most jobs that are listed."""


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Run a command in a window of a session.",
)
@click.argument("label", shell_complete=complete.labels)
@click.option("-w", "--wait", is_flag=True, help="Show its output until it ends; exit 1 when it fails.")
@click.option("--shell", is_flag=True, help="Give the command as one line to the user's shell.")
@output.dry_run_option
@output.json_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@output.with_deck
def run(deck: Deck, label: str, wait: bool, shell: bool, dry_run: bool, json: bool, command: tuple[str, ...]) -> int:
    """Run a command in a window of the session: `devdeck run LABEL -- CMD…`.

    It goes on without devdeck; its output is kept. `devdeck logs LABEL -f` follows it, `devdeck stop LABEL` ends it.
    Options of devdeck itself come before LABEL.
    """
    session = deck.sessions.find(label)
    if command and command[0] == "--":
        command = command[1:]
    if command and command[0].startswith("-"):
        raise UsageError(f"a command can't begin with {command[0]!r}", "options of devdeck itself come before LABEL")
    if dry_run:
        _plan(session, command, json)
        return 0
    job = deck.work.run_shell(session, " ".join(command)) if shell else deck.work.run(session, command)
    if wait:
        if not json:
            output.note(f"devdeck: {job.title} in {label}, job {job.id}; ctrl+c leaves it running")
        job = follow.until_end(deck, job, echo=not json)
    if json:
        output.document({"job": views.job_view(job, label)})
    elif wait:
        output.note(f"devdeck: {job.verdict}" + (f" after {job.duration:.1f} s" if job.duration is not None else ""))
    else:
        output.say(f"started {job.title} in {label}, job {job.id}")
        output.say(f"  → devdeck logs {label} -f")
    return 1 if wait and job.exit_status != 0 else 0


def _plan(session: Session, command: tuple[str, ...], json: bool) -> None:
    step = f"run {' '.join(command)} in {session.worktree}, in a new window of its tmux session"
    if json:
        output.document({"plan": [step], "argv": list(command), "cwd": session.worktree})
    else:
        output.say(f"would {step}")


@click.command()
@click.argument("label", required=False, shell_complete=complete.labels)
@click.option("--running", is_flag=True, help="Only those that have not ended.")
@click.option(
    "-n", "--limit", metavar="N", default=50, type=click.IntRange(1, MOST), help="At most so many; 50 by default."
)
@output.json_option
@output.with_deck
def jobs(deck: Deck, label: str | None, running: bool, limit: int, json: bool) -> None:
    """List jobs, the newest first: of one session, or of all."""
    session = deck.sessions.find(label) if label is not None else None
    found = [job for job in deck.work.jobs(session, MOST if running else limit) if job.running or not running][:limit]
    labels = {known.id: known.label for known in deck.sessions.all()}
    if json:
        output.document({"jobs": [views.job_view(job, labels.get(job.session_id)) for job in found]})
        return
    if not found:
        output.say("no jobs")
        return
    now = time.time()
    rows = [
        [
            (job.id, ""),
            (labels.get(job.session_id, "(removed)"), "bold"),
            (str(job.kind), ""),
            _verdict(job),
            (f"{(job.ended_at or now) - job.started_at:.1f}s" if job.started_at else "-", ""),
            (output.age(now - job.created_at), "dim"),
            (" ".join(job.argv)[:80], "dim"),
        ]
        for job in found
    ]
    output.table(("JOB", "SESSION", "KIND", "STATE", "TOOK", "AGE", "COMMAND"), rows)


def _verdict(job: Job) -> tuple[str, str]:
    if job.running:
        return f"● {job.verdict}", "info"
    if job.skipped:
        return f"- {job.verdict}", "dim"
    good = job.exit_status == 0 and not job.stopped
    return f"{'✓' if good else '✗'} {job.verdict}", "good" if good else "bad"


@click.command(short_help="Stop a job, or all running jobs of a session.")
@click.argument("target", metavar="LABEL|JOB", shell_complete=complete.labels_or_running_jobs)
@output.dry_run_option
@output.json_option
@output.with_deck
def stop(deck: Deck, target: str, dry_run: bool, json: bool) -> None:
    """Stop a job, or all running jobs of a session, with their whole process groups."""
    found = find_jobs(deck, target)
    if not dry_run:
        found = [deck.work.stop(job) for job in found]
    if json:
        output.document({"dry_run": dry_run, "jobs": [views.job_view(job, None) for job in found]})
        return
    for job in found:
        output.say(f"would stop {job.title} ({job.id})" if dry_run else f"{job.title} ({job.id}): {job.verdict}")


def find_jobs(deck: Deck, target: str) -> list[Job]:
    """The running jobs of a session, or the one job of an id.

    Raises:
        NotFound: Neither; or nothing runs there.
    """
    try:
        session = deck.sessions.find(target)
    except NotFound:
        try:
            return [deck.work.job(target)]
        except NotFound:
            raise NotFound(f"no session or job {target!r}", "`devdeck jobs` lists them") from None
    running = [job for job in deck.work.jobs(session) if job.running]
    if not running:
        raise NotFound(f"nothing runs in {target!r}", f"`devdeck jobs {target}` shows what has ended")
    return running


def newest_job(deck: Deck, target: str) -> Job:
    """The newest job of a session, or the one job of an id.

    Raises:
        NotFound: Neither; or the session never had one.
    """
    session: Session | None
    try:
        session = deck.sessions.find(target)
    except NotFound as error:
        try:
            return deck.work.job(target)
        except DeckError:
            raise error from None
    found = deck.work.jobs(session, limit=1)
    if not found:
        raise NotFound(f"nothing was run in {target!r} yet", f"for example `devdeck test {target}`")
    return found[0]
