"""What is known of a workspace, from what is known of its members.

A workspace's folder is no worktree: nothing is asked about it. Its row shows the sum of its repositories, and it is
unknown as long as one of them is: a sum that leaves one out would be a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from devdeck.model import Fact, GitFacts, Job, RunState, Sample, Session, TestRun


def git_of(session: Session, facts: Sequence[Fact[GitFacts]]) -> Fact[GitFacts]:
    """The git facts of a workspace.

    Args:
        session: The workspace.
        facts: Those of its members, in their order.

    Returns:
        The branch that all of them are on, else the one that the label says; counts summed (ahead and behind over the
        members that have an upstream); the operation of the first member that is in one; as old as the oldest. The
        error is the first member's that has one, with its name.
    """
    error = next((f"{m.repository}: {f.error}" for m, f in zip(session.members, facts, strict=True) if f.error), "")
    values = [fact.value for fact in facts if fact.value is not None]
    if not values or len(values) < len(facts):
        return Fact(error=error)
    branches = {value.branch for value in values}
    return Fact(
        value=GitFacts(
            branch=values[0].branch if len(branches) == 1 else session.label,
            head=None,
            ahead=_sum(value.ahead for value in values),
            behind=_sum(value.behind for value in values),
            staged=sum(value.staged for value in values),
            unstaged=sum(value.unstaged for value in values),
            untracked=sum(value.untracked for value in values),
            conflicts=sum(value.conflicts for value in values),
            operation=next((value.operation for value in values if value.operation), None),
        ),
        at=min((fact.at for fact in facts if fact.at is not None), default=None),
        error=error,
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def jobs_of(jobs: Iterable[Job], limit: int) -> tuple[Job, ...]:
    """The jobs of a workspace, its own and its members', newest first: the last `limit`, and all that run."""
    newest = sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)
    return tuple(job for number, job in enumerate(newest) if number < limit or job.running)


def run_of(runs: Sequence[TestRun | None]) -> TestRun | None:
    """The test run that tells most about a workspace: the last one of the member that is worst off.

    Args:
        runs: The last run of each member; `None` for one whose tests never ran.

    Returns:
        The newest that failed, else the newest that runs, else the newest that ended without a verdict. A run that
        passed only when all members have one: green means seen to be good.
    """

    def at(run: TestRun) -> float:
        return run.ended_at or run.started_at or 0.0

    known = sorted((run for run in runs if run is not None), key=at, reverse=True)
    for states in (
        (RunState.FAILED, RunState.ERROR),
        (RunState.RUNNING,),
        (RunState.STOPPED, RunState.NO_TESTS),
    ):
        for run in known:
            if run.state in states:
                return run
    return known[0] if known and len(known) == len(runs) else None


def sample_of(samples: Sequence[Sample]) -> Sample:
    """What several use together; at least one must be given, all of one moment."""
    return Sample(
        at=samples[0].at,
        cpu=sum(sample.cpu for sample in samples),
        memory=sum(sample.memory for sample in samples),
        processes=sum(sample.processes for sample in samples),
    )
