"""The running deck over a real workspace: one row, made of its repositories."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devdeck.collect.usage import _roots, _with_workspaces
from devdeck.deck import Deck
from devdeck.model import Fact, GitFacts, JobKind, Sample, Session, SessionState, Terminal
from devdeck.running import RunningDeck
from tests.git_support import make_repository, run_git
from tests.support import auntil, until


@pytest.fixture
def workspace(deck: Deck, tmp_path: Path) -> Session:
    for name in ("api", "web"):
        make_repository(tmp_path / "src" / name, files={"a.py": "A = 1\n", "pytest.ini": "[pytest]\n"})
    return deck.workspaces.start("cart", str(tmp_path / "src"))


@pytest.fixture
async def live(deck: Deck, workspace: Session) -> AsyncIterator[RunningDeck]:
    running = RunningDeck(deck)
    await running.start()
    await auntil(lambda: running.state.loaded and len(running.state.sessions) == 3)
    yield running
    await running.stop()


def state(live: RunningDeck, id_: str) -> SessionState:
    return live.state.sessions[id_]


async def test_git_is_the_sum_and_nobody_asks_about_the_folder(
    live: RunningDeck, workspace: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def facts() -> GitFacts | None:
        return state(live, workspace.id).git.value

    await auntil(lambda: facts() is not None)
    assert facts() == GitFacts(branch="cart", head=None)
    Path(workspace.worktree, "api", "new.txt").write_text("x")
    Path(workspace.worktree, "web", "a.py").write_text("A = 2\n")
    await auntil(lambda: facts() == GitFacts(branch="cart", head=None, unstaged=1, untracked=1))
    assert state(live, f"{workspace.id}.api").git.value.untracked == 1  # type: ignore[union-attr]
    assert {name: health.state for name, health in live.state.collectors.items()}["git"] == "ok"
    for one in live.state.sessions.values():
        assert one.git.error == ""
    live.look_at(workspace.id, (workspace.id,))
    assert live._git._worktrees(workspace.id) == workspace.member_ids
    assert workspace.id not in live._git._looked


async def test_a_member_that_is_gone_is_said_of_the_workspace(live: RunningDeck, workspace: Session) -> None:
    await auntil(lambda: state(live, workspace.id).git.value)
    Path(workspace.worktree, "web").rename(Path(workspace.worktree, "elsewhere"))
    live._git.mark({f"{workspace.id}.web"})
    await auntil(lambda: state(live, workspace.id).git.error.startswith("web: no git worktree at"))


async def test_members_share_the_terminal(live: RunningDeck, workspace: Session) -> None:
    await auntil(lambda: all(each.terminal.value for each in live.state.sessions.values()))
    assert len({each.terminal.value.id for each in live.state.sessions.values() if each.terminal.value}) == 1


async def test_jobs_of_a_member_are_the_workspaces_too(live: RunningDeck, workspace: Session) -> None:
    await auntil(lambda: state(live, workspace.id).terminal.value)
    job = await live.run(f"{workspace.id}.api", ("sh", "-c", "sleep 600"))
    await auntil(lambda: [each.id for each in state(live, workspace.id).running] == [job.id])
    assert [each.id for each in state(live, f"{workspace.id}.api").running] == [job.id]
    assert state(live, f"{workspace.id}.web").jobs == ()
    own = await live.run(workspace.id, ("true",), JobKind.RUN)
    await auntil(lambda: {each.id for each in state(live, workspace.id).jobs} == {job.id, own.id})
    assert [each.id for each in state(live, f"{workspace.id}.api").jobs] == [job.id]


async def test_processes_count_once(live: RunningDeck, workspace: Session) -> None:
    await auntil(lambda: state(live, workspace.id).terminal.value)
    await live.run(f"{workspace.id}.api", ("sh", "-c", "sleep 600 & sleep 600 & wait"))

    def processes(id_: str) -> int:
        sample = state(live, id_).sample
        return sample.processes if sample else -1

    api, web = f"{workspace.id}.api", f"{workspace.id}.web"
    # the job's runner, its leader, the shell and two sleeps
    await auntil(lambda: processes(api) >= 5)
    await auntil(lambda: processes(workspace.id) > processes(api))
    assert processes(web) == 0


def test_each_pane_is_given_to_one_session(deck: Deck, workspace: Session, tmp_path: Path) -> None:
    api, web = workspace.member_sessions()
    job = deck.work.run(web, ("sleep", "600"))
    until(lambda: deck.work.job(job.id).pid)
    terminal = deck.terminals.of(workspace)
    assert terminal is not None
    pane = terminal.panes[0]
    deck.terminals.tmux.send_text(pane.id, f"cd {workspace.worktree}/api")

    def placed() -> Terminal | None:
        now = deck.terminals.of(workspace)
        return now if now and any(each.path == api.worktree for each in now.panes) else None

    terminal = until(placed)
    assert terminal is not None
    seen: Fact[Terminal] = Fact(value=terminal, at=1.0)
    states = {
        workspace.id: SessionState(session=workspace, terminal=seen),
        api.id: SessionState(session=api, terminal=seen),
        web.id: SessionState(session=web, terminal=seen, jobs=(job,)),
    }
    running = next(each.pid for each in terminal.panes if each.job_id == job.id)
    assert _roots(states) == {workspace.id: [], api.id: [pane.pid], web.id: [running]}


def test_totals_of_a_workspace_hold_its_members(workspace: Session) -> None:
    api, web = workspace.member_ids
    states = {workspace.id: SessionState(session=workspace)}
    samples = {id_: Sample(at=1.0, cpu=1.0, memory=10, processes=1) for id_ in (workspace.id, api, web, "other")}
    whole = _with_workspaces(samples, states)
    assert (whole[workspace.id].processes, whole[api].processes, whole["other"].processes) == (3, 1, 1)


async def test_a_removed_workspace_takes_its_members_along(live: RunningDeck, deck: Deck, workspace: Session) -> None:
    await live.remove_session(workspace.id)
    await auntil(lambda: not live.state.sessions)
    assert not os.path.exists(workspace.worktree)
    assert run_git(Path(workspace.members[0].repository_path), "branch", "--list", "cart") == ""
