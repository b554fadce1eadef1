"""test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from devdeck.cli import complete, follow, output, views
from devdeck.model import Job, Outcome, RunState, TestResult

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.runs import RunFollower

MARKS = {
    Outcome.PASSED: ("✓ passed", "good"),
    Outcome.FAILED: ("✗ FAILED", "bad"),
    Outcome.ERROR: ("✗ ERROR", "bad"),
    Outcome.SKIPPED: ("- skipped", "dim"),
    Outcome.XFAILED: ("- xfailed", "dim"),
    Outcome.XPASSED: ("! xpassed", "warn"),
}


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("label", shell_complete=complete.single_labels)
@click.argument("selection", nargs=-1, type=click.UNPROCESSED)
@click.option("-d", "--detach", is_flag=True, help="Return at once; the run goes on.")
@output.dry_run_option
@output.json_option
@output.with_deck
def test(deck: Deck, label: str, selection: tuple[str, ...], detach: bool, dry_run: bool, json: bool) -> int:
    """Run the session's tests and print each result as it comes. Exit 1 unless all is seen to be good.

    The runner and its environment are chosen from the repository, and named. SELECTION is in the runner's own words,
    for example `tests/test_a.py::test_b`. ctrl+c leaves the run going; `devdeck stop LABEL` ends it.
    """
    session = deck.sessions.find(label)
    selection = tuple(item for item in selection if item != "--")
    if dry_run:
        _, plan = deck.work.plan_test(session, selection)
        if json:
            output.document({"plan": [f"run {' '.join(plan.argv)}"], "argv": list(plan.argv), "cwd": session.worktree})
        else:
            for line in (f"would run {' '.join(plan.argv)}", f"  in {session.worktree}", f"  with {plan.environment}"):
                output.say(line)
        return 0
    job = deck.work.test(session, selection)
    follower = deck.work.follow_run(job)
    if not json:
        output.note(f"devdeck: {follower.run.runner} in {label}, with {follower.run.environment}, job {job.id}")
    if not detach:
        job = _watch(deck, job, follower, quiet=json)
    if json:
        results = [views.result_view(result) for result in follower.results]
        output.document({"run": views.run_view(follower.run), "job": views.job_view(job, label), "results": results})
    elif not detach:
        _summary(follower)
    return 0 if detach or follower.run.state is RunState.PASSED else 1


def _watch(deck: Deck, job: Job, follower: RunFollower, *, quiet: bool) -> Job:
    shown: set[str] = set()

    def look(now: Job) -> None:
        if follower.poll(now) and not quiet:
            for result in follower.results:
                if result.outcome is not Outcome.RUNNING and result.id not in shown:
                    shown.add(result.id)
                    _print(result)

    job = follow.until_end(deck, job, echo=False, on_look=look)
    deck.store.save_run(follower.run, job.created_at)
    return job


def _print(result: TestResult) -> None:
    from devdeck.text import one_line

    word, style = MARKS[result.outcome]
    bad = result.outcome in (Outcome.FAILED, Outcome.ERROR)
    place = f"  {one_line(result.path)}:{result.line}" if bad and result.path else ""
    output.say(f"{output.styled(f'{word:<9}', style)} {one_line(result.id)}{place}")
    if bad and result.message:
        output.say(f"          {output.styled(one_line(result.message.splitlines()[0], limit=200), 'dim')}")


def _summary(follower: RunFollower) -> None:
    run = follower.run
    good = run.state is RunState.PASSED
    words = output.styled(f"{'✓' if good else '✗'} {run.state}", "good" if good else "bad")
    output.say(f"{words}: {run.reason}")
