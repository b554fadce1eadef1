"""Sums over the members of a workspace: what is unknown stays unknown."""

from __future__ import annotations

from devdeck.model import (
    Fact,
    GitFacts,
    Job,
    JobKind,
    JobState,
    Member,
    RunState,
    Sample,
    Session,
    SessionKind,
    TestRun,
)
from devdeck.workspace import members

WORKSPACE = Session(
    id="w",
    label="cart",
    kind=SessionKind.WORKSPACE,
    repository="src",
    repository_path="/src",
    worktree="/w",
    branch="cart",
    members=tuple(
        Member(repository=name, repository_path=f"/{name}", worktree=f"/w/{name}") for name in ("api", "web")
    ),
)


def fact(at: float = 1.0, **counts: object) -> Fact[GitFacts]:
    return Fact(value=GitFacts(**{"branch": "cart", "head": "a" * 40, **counts}), at=at)  # type: ignore[arg-type]


def test_counts_are_summed_and_as_old_as_the_oldest() -> None:
    one = fact(5.0, staged=1, unstaged=2, untracked=3, ahead=1, behind=0, upstream="origin/cart")
    two = fact(3.0, staged=10, conflicts=4, ahead=2, behind=7, upstream="origin/cart", operation="merge")
    assert members.git_of(WORKSPACE, [one, two]) == Fact(
        value=GitFacts(
            branch="cart",
            head=None,
            upstream=None,
            ahead=3,
            behind=7,
            staged=11,
            unstaged=2,
            untracked=3,
            conflicts=4,
            operation="merge",
        ),
        at=3.0,
    )


def test_the_branch_is_the_one_that_all_are_on() -> None:
    renamed = members.git_of(WORKSPACE, [fact(branch="basket"), fact(branch="basket")]).value
    mixed = members.git_of(WORKSPACE, [fact(branch="basket"), fact(branch=None)]).value
    assert renamed is not None
    assert mixed is not None
    assert (renamed.branch, mixed.branch) == ("basket", "cart")


def test_without_an_upstream_nothing_is_ahead_or_behind() -> None:
    neither = members.git_of(WORKSPACE, [fact(), fact()]).value
    one = members.git_of(WORKSPACE, [fact(), fact(ahead=2, behind=0)]).value
    assert neither is not None
    assert one is not None
    assert (neither.ahead, neither.behind, one.ahead, one.behind) == (None, None, 2, 0)


def test_a_member_that_is_unknown_makes_the_workspace_unknown() -> None:
    assert members.git_of(WORKSPACE, [fact(), Fact()]) == Fact()
    assert members.git_of(WORKSPACE, [fact(), Fact(error="gone")]) == Fact(error="web: gone")


def test_a_stale_member_makes_the_workspace_stale() -> None:
    stale = Fact(value=GitFacts(branch="cart", head=None, untracked=1), at=2.0, error="no answer")
    summed = members.git_of(WORKSPACE, [stale, fact(9.0)])
    assert (summed.value is not None, summed.at, summed.error) == (True, 2.0, "api: no answer")


def job(id_: str, at: float, *, running: bool = False) -> Job:
    return Job(
        id=id_, session_id="w.api", kind=JobKind.RUN, argv=("x",), cwd="/", directory="/", created_at=at,
        state=JobState.RUNNING if running else JobState.ENDED,
    )  # fmt: skip


def test_jobs_are_the_newest_and_all_that_run() -> None:
    jobs = [job("a", 1.0, running=True), job("b", 2.0), job("c", 4.0), job("d", 3.0)]
    assert [each.id for each in members.jobs_of(jobs, 2)] == ["c", "d", "a"]


def run(state: RunState, at: float = 1.0) -> TestRun:
    return TestRun(job_id=f"{state}-{at}", session_id="s", runner="pytest", environment="", state=state, ended_at=at)


def test_the_run_of_a_workspace_is_the_worst_of_its_members() -> None:
    passed, failed, running = run(RunState.PASSED), run(RunState.FAILED), run(RunState.RUNNING)
    stopped, later = run(RunState.STOPPED), run(RunState.ERROR, 2.0)
    assert members.run_of([passed, running, failed]) == failed
    assert members.run_of([failed, later]) == later
    assert members.run_of([passed, running]) == running
    assert members.run_of([passed, stopped]) == stopped
    assert members.run_of([None, stopped]) == stopped
    assert members.run_of([None, failed]) == failed


def test_a_workspace_is_green_only_when_all_members_are_seen_to_be() -> None:
    first, second = run(RunState.PASSED), run(RunState.PASSED, 2.0)
    assert members.run_of([first, second]) == second
    assert members.run_of([first, None]) is None
    assert members.run_of([None, None]) is None


def test_samples_add_up() -> None:
    parts = [Sample(at=1.0, cpu=1.5, memory=10, processes=1), Sample(at=1.0, cpu=2.0, memory=20, processes=3)]
    assert members.sample_of(parts) == Sample(at=1.0, cpu=3.5, memory=30, processes=4)
