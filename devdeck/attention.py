"""What of a session somebody should look at, with the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from devdeck.model import JobKind, JobState, RunState, SessionState


def troubles(state: SessionState, members: Sequence[SessionState] = ()) -> tuple[str, ...]:
    """Why a session needs attention, in words, the worst first; empty when it needs none.

    Args:
        state: The session, with its last jobs.
        members: When it is a workspace, its members; what is theirs is said with the repository's name.
    """
    if not members:
        return tuple(_troubles(state))
    return (
        *_jobs(state, own_only=True),
        *(f"{part.session.repository}: {words}" for part in members for words in _troubles(part)),
    )


def is_failing(state: SessionState) -> bool:
    """Whether its last test run failed, or setting it up did."""
    failed = state.run is not None and state.run.state in (RunState.FAILED, RunState.ERROR)
    return failed or state.init_failed


def _troubles(state: SessionState) -> Iterator[str]:
    git = state.git.value
    if git is None and state.git.error:
        yield state.git.error
    if git is not None and git.conflicts:
        words = f"{git.conflicts} conflict{'s' * (git.conflicts != 1)}"
        yield f"{words} in a {git.operation}" if git.operation else words
    elif git is not None and git.operation:
        yield f"a {git.operation} is under way"
    if state.run is not None and state.run.state in (RunState.FAILED, RunState.ERROR):
        yield f"tests {state.run.state}: {state.run.reason}"
    yield from _jobs(state)


def _jobs(state: SessionState, *, own_only: bool = False) -> Iterator[str]:
    jobs = [job for job in state.jobs if not own_only or job.session_id == state.session.id]
    setup = state.failed_initialization
    if setup is not None and setup in jobs:
        yield f"setting it up failed: {setup.title}: {setup.verdict}"
    last = next((job for job in jobs if job.kind not in (JobKind.INIT, JobKind.TEST)), None)
    if last is not None and (last.failed or last.state is JobState.LOST):
        yield f"{last.title or last.kind}: {last.verdict}"
