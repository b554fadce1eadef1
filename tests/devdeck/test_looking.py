"""One look at everything: how much it asks, what it makes of the answers, and what needs attention."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from backends.base import BackendError
from backends.tmux.server import TmuxServer
from devdeck import looking
from devdeck.attention import is_failing, troubles
from devdeck.deck import Deck
from devdeck.errors import DeckError
from devdeck.git import status
from devdeck.model import (
    Fact,
    GitFacts,
    Job,
    JobKind,
    JobState,
    RunState,
    Session,
    SessionState,
    TestRun,
)
from tests.git_support import make_repository
from tests.support import until


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Counts how often a program was started since it was last asked."""
    folder = tmp_path / "counting"
    folder.mkdir()
    for name in ("git", "tmux"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho x >> "{folder}/{name}.calls"\nexec "{shutil.which(name)}" "$@"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{Path(shutil.which('sh') or '').parent}:/usr/local/bin:/usr/bin:/bin")

    def count(name: str) -> int:
        path = folder / f"{name}.calls"
        made = len(path.read_text().split()) if path.exists() else 0
        path.write_text("")
        return made

    return count


def test_tmux_is_asked_once_and_git_once_a_worktree(
    deck: Deck, tmp_path: Path, calls: Callable[[str], int], repository: Path
) -> None:
    def counts() -> tuple[int, int]:
        calls("git"), calls("tmux")
        looking.look(deck)
        return calls("tmux"), calls("git")

    deck.starting.start("one", str(repository), offline=True)
    assert counts() == (1, 1)
    for name in ("api", "web"):
        make_repository(tmp_path / "two" / name)
    deck.workspaces.start("cart", str(tmp_path / "two"), offline=True)
    for number in range(3):
        deck.starting.start(f"more-{number}", str(repository), offline=True)
    assert counts() == (1, 6)


def test_git_reads_a_bounded_number_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, gate = threading.Lock(), threading.Semaphore(0)
    now: list[int] = []
    most = 0

    def slow(worktree: str) -> GitFacts:
        nonlocal most
        with lock:
            now.append(1)
            most = max(most, len(now))
            if len(now) == looking.AT_ONCE:
                for _ in range(100):
                    gate.release()
        assert gate.acquire(timeout=20)
        with lock:
            now.pop()
        return GitFacts(branch=worktree, head=None)

    monkeypatch.setattr(status, "status", slow)
    sessions = [
        Session(id=str(n), label=str(n), repository="r", repository_path="/r", worktree=f"/w/{n}") for n in range(40)
    ]
    facts = looking.git_facts(sessions)
    assert most == looking.AT_ONCE
    assert [facts[str(n)].value.branch for n in range(40)] == [f"/w/{n}" for n in range(40)]  # type: ignore[union-attr]


def test_a_workspace_is_summed_up(deck: Deck, tmp_path: Path) -> None:
    for name in ("api", "web"):
        make_repository(tmp_path / "src" / name)
    session = deck.workspaces.start("cart", str(tmp_path / "src"))
    Path(session.worktree, "api", "new.txt").write_text("x")
    job = deck.work.run(deck.sessions.find("cart:web"), ("sh", "-c", "exit 3"))
    until(lambda: not deck.work.job(job.id).running)
    seen = looking.look(deck, history=True)
    (whole,) = seen.whole
    assert [part.session.label for part in seen.members(whole)] == ["cart:api", "cart:web"]
    assert whole.git.value is not None
    assert (whole.git.value.untracked, whole.git.value.branch) == (1, "cart")
    assert [each.id for each in whole.jobs] == [job.id]
    assert troubles(whole, seen.members(whole)) == ("web: sh: exit 3",)
    assert looking.look(deck, lambda each: each.label == "cart:web").states[0].session.label == "cart:web"
    assert looking.look(deck, git=False).whole[0].git == Fact()
    shutil.rmtree(Path(session.worktree, "web"))
    (whole,) = looking.look(deck).whole
    assert whole.git.value is None
    assert whole.git.error.startswith("web: no git worktree at")


def test_without_an_answer_of_tmux_terminals_are_unknown(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C37."""
    deck.starting.start("one", str(repository))

    def silent(*_: object, **__: object) -> None:
        raise BackendError("tmux does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(TmuxServer, "terminals", silent)
        seen = looking.look(deck)
    assert seen.problems == ("tmux does not answer",)
    assert seen.states[0].terminal == Fact(error="tmux does not answer")
    assert seen.states[0].git.value is not None


PLAIN = SessionState(session=Session(id="s", label="s", repository="r", repository_path="/r", worktree="/w"))


def job(kind: JobKind, status: int, **more: object) -> Job:
    record = Job(
        id="j", session_id="s", kind=kind, argv=("make",), cwd="/w", directory="/j", created_at=1.0, title="make",
        state=JobState.ENDED, exit_status=status,
    )  # fmt: skip
    return msgspec.structs.replace(record, **more)


def run(state: RunState) -> TestRun:
    return TestRun(job_id="j", session_id="s", runner="pytest", environment="", state=state, reason="exit 1, 2 failed")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ()),
        ({"git": Fact(value=GitFacts(branch="s", head=None, untracked=3))}, ()),
        (
            {"git": Fact(value=GitFacts(branch="s", head=None, conflicts=1, operation="merge"))},
            ("1 conflict in a merge",),
        ),
        ({"git": Fact(value=GitFacts(branch="s", head=None, operation="rebase"))}, ("a rebase is under way",)),
        ({"git": Fact(error="no git worktree at /w")}, ("no git worktree at /w",)),
        ({"run": run(RunState.FAILED)}, ("tests failed: exit 1, 2 failed",)),
        ({"run": run(RunState.PASSED), "jobs": (job(JobKind.BUILD, 0),)}, ()),
        ({"jobs": (job(JobKind.BUILD, 2),)}, ("make: exit 2",)),
        ({"jobs": (job(JobKind.BUILD, 2, stopped=True),)}, ()),
        ({"jobs": (job(JobKind.RUN, 0, state=JobState.LOST),)}, ("make: lost",)),
        ({"jobs": (job(JobKind.RUN, 0), job(JobKind.RUN, 1))}, ()),
        ({"jobs": (job(JobKind.INIT, 1),)}, ("setting it up failed: make: exit 1",)),
    ],
)
def test_what_needs_attention(fields: dict[str, object], words: tuple[str, ...]) -> None:
    assert troubles(msgspec.structs.replace(PLAIN, **fields)) == words


def test_what_is_failing() -> None:
    assert not is_failing(PLAIN)
    assert is_failing(msgspec.structs.replace(PLAIN, run=run(RunState.ERROR)))
    assert is_failing(msgspec.structs.replace(PLAIN, jobs=(job(JobKind.INIT, 1),)))
    assert not is_failing(msgspec.structs.replace(PLAIN, jobs=(job(JobKind.BUILD, 1),)))


def test_a_failing_look_at_git_is_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(worktree: str) -> GitFacts:
        raise DeckError(f"no answer from {worktree}")

    monkeypatch.setattr(status, "status", failing)
    assert looking.git_facts([PLAIN.session]) == {"s": Fact(error="no answer from /w")}
