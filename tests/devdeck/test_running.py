"""The running deck over a real world: what others do shows, and nothing that runs ends with it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from devdeck.deck import Deck
from devdeck.errors import NotFound, Refused
from devdeck.live import Start
from devdeck.model import JobState, Outcome, RunState
from devdeck.running import RunningDeck
from tests.git_support import commit, make_repository, run_git
from tests.support import auntil
from tests.tmux_support import kill_server, tmux


@pytest.fixture
async def live(deck: Deck) -> AsyncIterator[RunningDeck]:
    running = RunningDeck(deck)
    await running.start()
    await auntil(lambda: running.state.loaded)
    yield running
    await running.stop()


async def started(live: RunningDeck, label: str, repository: Path) -> str:
    session = await live.start_session(Start(label=label, path=str(repository)))
    await auntil(lambda: session.id in live.state.sessions)
    return session.id


async def test_a_new_session_gets_all_its_facts(live: RunningDeck, repository: Path) -> None:
    id_ = await started(live, "one", repository)
    await auntil(lambda: live.state.sessions[id_].git.value)
    await auntil(lambda: live.state.sessions[id_].terminal.value)
    await auntil(lambda: live.state.sessions[id_].sample)
    await auntil(lambda: live.state.host)
    facts = live.state.sessions[id_].git.value
    assert facts is not None
    assert (facts.branch, facts.dirty) == ("one", False)
    well = dict.fromkeys(("store", "git", "tmux", "jobs", "metrics"), "ok")
    await auntil(lambda: {name: health.state for name, health in live.state.collectors.items()} == well)


async def test_what_was_made_is_known_when_the_answer_comes(live: RunningDeck, repository: Path) -> None:
    """A dialog selects the session that it made, which needs its row."""
    made = await live.start_session(Start(label="made", path=str(repository)))
    assert made.id in live.state.sessions
    run_git(repository, "branch", "there")
    assert (await live.checkout("there", str(repository))).id in live.state.sessions
    removed = await live.remove_session(made.id)
    await auntil(lambda: made.id not in live.state.sessions)
    assert (await live.undo()).id == removed.id
    assert made.id in live.state.sessions


async def test_what_others_do_shows(live: RunningDeck, deck: Deck, repository: Path, tmp_path: Path) -> None:
    session = await asyncio.to_thread(deck.starting.start, "elsewhere", str(repository))
    await auntil(lambda: session.id in live.state.sessions)
    place = tmp_path / "by-hand"
    run_git(repository, "worktree", "add", "-q", "-b", "by-hand", str(place))
    await auntil(lambda: any(state.session.label == "by-hand" for state in live.state.sessions.values()))
    shutil.rmtree(place)
    await auntil(lambda: not any(state.session.label == "by-hand" for state in live.state.sessions.values()))
    await asyncio.to_thread(deck.removing.remove, session)
    await auntil(lambda: not live.state.sessions)


async def test_the_first_paint_has_what_the_store_remembers(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository))
    job = deck.work.run(session, ("true",))
    live = RunningDeck(deck)
    live.prime()
    assert live.state.loaded
    assert [state.session for state in live.state.sessions.values()] == [session]
    assert live.state.sessions[session.id].jobs[0].id == job.id
    assert live.state.sessions[session.id].terminal.at is None
    await live.stop()


async def test_without_sessions_the_first_paint_claims_nothing(deck: Deck) -> None:
    live = RunningDeck(deck)
    live.prime()
    assert not live.state.loaded
    await live.stop()


async def test_edits_commits_and_checkouts_show(live: RunningDeck, repository: Path) -> None:
    id_ = await started(live, "one", repository)
    place = Path(live.state.sessions[id_].session.worktree)

    def facts() -> tuple[int, int, str | None]:
        value = live.state.sessions[id_].git.value
        return (value.unstaged, value.untracked, value.branch) if value else (-1, -1, None)

    await auntil(lambda: facts() == (0, 0, "one"))
    (place / "a.py").write_text("A = 2\n")
    (place / "new.txt").write_text("x")
    await auntil(lambda: facts() == (1, 1, "one"))
    commit(place, {}, "all")
    await auntil(lambda: facts() == (0, 0, "one"))
    run_git(place, "checkout", "-q", "-b", "two")
    await auntil(lambda: facts() == (0, 0, "two"))


async def test_a_terminal_that_ends_and_comes_back_shows(live: RunningDeck, tmux: TmuxServer, repository: Path) -> None:
    id_ = await started(live, "one", repository)
    await auntil(lambda: live.state.sessions[id_].terminal.value)
    terminal = live.state.sessions[id_].terminal.value
    assert terminal is not None
    await asyncio.to_thread(tmux.kill_session, terminal.id)
    await auntil(lambda: live.state.sessions[id_].terminal.value is None)
    handoff = await live.hand_off(id_)
    assert "attach-session" in handoff.argv
    await auntil(lambda: live.state.sessions[id_].terminal.value)


async def test_a_job_is_followed_and_its_screen_seen(live: RunningDeck, repository: Path) -> None:
    id_ = await started(live, "one", repository)
    job = await live.run(id_, ("sh", "-c", "echo hello from the job; until [ -e ../go ]; do sleep 0.05; done; exit 4"))
    await auntil(lambda: live.state.sessions[id_].running)
    (Path(live.state.sessions[id_].session.worktree).parent / "go").touch()
    await auntil(lambda: live.state.sessions[id_].jobs and live.state.sessions[id_].jobs[0].state is JobState.ENDED)
    ended = live.state.sessions[id_].jobs[0]
    assert (ended.id, ended.exit_status) == (job.id, 4)
    assert Path(ended.log).read_bytes() == b"hello from the job\r\n"


async def test_the_pane_is_captured_with_colours(live: RunningDeck, repository: Path) -> None:
    id_ = await started(live, "one", repository)
    await auntil(lambda: live.state.sessions[id_].terminal.value)
    await live.send([id_], "printf '\\033[31mred\\033[0m\\n'")
    captured: list[tuple[str, ...]] = []

    async def look() -> None:
        while not any("\x1b[31mred" in line for line in (captured[-1] if captured else ())):
            captured.append(await live.capture(id_))
            await asyncio.sleep(0.02)

    await asyncio.wait_for(look(), 60)


async def test_results_stream_and_the_verdict_is_reconciled(
    live: RunningDeck, repository: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    waiting = f"""import pathlib, time


def test_a():
    pass


def test_b():
    while not pathlib.Path({str(gate)!r}).exists():
        time.sleep(0.02)
    assert 1 == 2
"""
    commit(repository, {"tests/test_it.py": waiting, "pytest.ini": "[pytest]\n"}, "tests")
    id_ = await started(live, "one", repository)
    job = await live.test(id_)

    def run_state() -> tuple[RunState, int, int]:
        run = live.state.sessions[id_].run
        return (run.state, run.passed, run.failed) if run else (RunState.ERROR, -1, -1)

    await auntil(lambda: run_state() == (RunState.RUNNING, 1, 0))
    gate.touch()
    await auntil(lambda: run_state() == (RunState.FAILED, 1, 1))
    results = {result.id: result.outcome for result in await live.results(job.id)}
    assert results == {"tests/test_it.py::test_a": Outcome.PASSED, "tests/test_it.py::test_b": Outcome.FAILED}
    failed = next(result for result in await live.results(job.id) if result.outcome is Outcome.FAILED)
    source = await live.source(id_, failed.path or "", failed.line or 0, context=1)
    assert source is not None
    assert source.lines[source.line - source.first_line].strip() == "assert 1 == 2"


async def test_an_older_run_beside_the_last_one_is_read_on(live: RunningDeck, repository: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    waiting = f"""import pathlib, time


def test_first():
    pass


def test_second():
    while not pathlib.Path({str(gate)!r}).exists():
        time.sleep(0.02)
"""
    commit(repository, {"tests/test_it.py": waiting, "pytest.ini": "[pytest]\n"}, "tests")
    id_ = await started(live, "one", repository)
    older = await live.test(id_)

    async def passed() -> int:
        return sum(result.outcome is Outcome.PASSED for result in await live.results(older.id))

    async def until_passed(count: int) -> None:
        while await passed() != count:  # noqa: ASYNC110  what is waited for is in files
            await asyncio.sleep(0.02)

    await asyncio.wait_for(until_passed(1), 60)
    await live.test(id_, ("tests/test_it.py::test_first",))
    await auntil(lambda: (run := live.state.sessions[id_].run) is not None and run.job_id != older.id)
    gate.touch()
    await asyncio.wait_for(until_passed(2), 60)


async def test_stopping_the_dashboard_stops_no_job(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository))
    live = RunningDeck(deck)
    await live.start()
    await auntil(lambda: session.id in live.state.sessions)
    job = await live.run(session.id, ("sleep", "600"))
    await auntil(lambda: live.state.sessions[session.id].running)
    await live.stop()
    now = deck.work.job(job.id)
    assert now.running
    assert deck.work.stop(now).stopped


async def test_a_job_is_stopped(live: RunningDeck, repository: Path) -> None:
    id_ = await started(live, "one", repository)
    job = await live.run(id_, ("sleep", "600"))
    await auntil(lambda: live.state.sessions[id_].running)
    await live.stop_job(job.id)
    await auntil(lambda: not live.state.sessions[id_].running)
    assert live.state.sessions[id_].jobs[0].stopped


async def test_read_only_changes_nothing(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository))
    live = RunningDeck(deck, read_only=True)
    await live.start()
    await auntil(lambda: session.id in live.state.sessions)
    with pytest.raises(Refused):
        await live.start_session(Start(label="two", path=str(repository)))
    with pytest.raises(Refused):
        await live.remove_session(session.id, force=True)
    with pytest.raises(Refused):
        await live.send([session.id], "ls")
    with pytest.raises(Refused):
        await live.hand_off(session.id)
    await live.stop()


async def test_details(live: RunningDeck, repository: Path) -> None:
    id_ = await started(live, "one", repository)
    place = Path(live.state.sessions[id_].session.worktree)
    (place / "a.py").write_text("A = 3\n")
    assert (await live.commits(id_))[0].subject == "the first commit"
    assert ["+A = 3" in part.text for part in await live.diff(id_, "a.py")] == [True]
    assert await live.status_lines(id_) == ((" M", "a.py"),)
    assert [operation.verb for operation in await live.operations(id_)] == ["start"]
    assert live.check_label("one") != ""
    assert live.check_label("two") == ""
    assert ("shop", str(repository)) in live.repositories()
    plan = await live.plan_removal(id_)
    assert plan.risks
    with pytest.raises(NotFound):
        await live.diff("nobody", "a.py")


async def test_a_dead_worktree_is_an_error_of_its_row_alone(live: RunningDeck, repository: Path) -> None:
    one = await started(live, "one", repository)
    two = await started(live, "two", repository)
    await auntil(lambda: live.state.sessions[one].git.value)
    shutil.rmtree(live.state.sessions[one].session.worktree)
    await auntil(lambda: live.state.sessions[one].git.error)
    assert live.state.sessions[one].git.value is not None
    await auntil(lambda: live.state.sessions[two].git.value)
    assert live.state.sessions[two].git.error == ""


async def test_a_session_is_renamed_removed_and_brought_back(live: RunningDeck, repository: Path) -> None:
    session = await live.start_session(Start(label="one", path=str(repository)))
    (Path(session.worktree) / "note.txt").write_text("work\n")
    await auntil(lambda: session.id in live.state.sessions)
    renamed = await live.rename(session.id, "two")
    assert renamed.label == "two"
    await auntil(lambda: live.state.sessions[session.id].session.label == "two")
    plan = await live.plan_removal(session.id)
    assert any("untracked" in risk for risk in plan.risks)
    await live.remove_session(session.id, force=True)
    await auntil(lambda: session.id not in live.state.sessions)
    (entry,) = await live.trash()
    assert entry.session.label == "two"
    taken_back = await live.undo()
    assert taken_back.verb == "remove"
    await auntil(lambda: session.id in live.state.sessions)
    assert (Path(session.worktree) / "note.txt").read_text() == "work\n"
    assert await live.trash() == ()


async def test_terminals_that_are_gone_come_back_together(live: RunningDeck, deck: Deck, repository: Path) -> None:
    sessions = [await live.start_session(Start(label=label, path=str(repository))) for label in ("one", "two")]
    await auntil(lambda: all(live.state.sessions.get(it.id) for it in sessions))
    kill_server(deck.terminals.tmux)
    ids = [it.id for it in sessions]
    assert await live.restore_terminals(ids) == ("one", "two")
    assert await live.restore_terminals(ids) == ()
    assert {it.devdeck_id for it in deck.terminals.all()} == set(ids)


async def test_branches_and_checkout(live: RunningDeck, repository: Path) -> None:
    run_git(repository, "branch", "feature")
    assert {choice.name for choice in await live.branches(str(repository))} == {"main", "feature"}
    head = run_git(repository, "rev-parse", "HEAD").strip()
    assert [await live.find_commit(str(repository), name) for name in ("feature", head[:9], "zzz", "--all")] == [
        head, head, "", "",
    ]  # fmt: skip
    await live.fetch(str(repository))
    session = await live.checkout("feature", str(repository))
    assert (session.branch, session.target) == ("feature", "feature")
    assert (await live.setup(str(repository))).trusted


async def test_the_details_of_a_workspace_are_those_of_its_repositories(
    live: RunningDeck, repository: Path, tmp_path: Path
) -> None:
    make_repository(repository.parent / "site", files={"index.html": "<p>\n"})
    made = await live.start_workspace("both", str(repository.parent))
    await auntil(lambda: made.id in live.state.sessions)
    for place in made.places:
        (Path(place.worktree) / "new.txt").write_text("new\n")
    assert await live.status_lines(made.id) == (("??", "shop/new.txt"), ("??", "site/new.txt"))
    (Path(made.places[1].worktree) / "index.html").write_text("<b>\n")
    assert "<b>" in (await live.diff(made.id, "site/index.html"))[0].text
    assert len(await live.commits(made.id)) == 2
    await live.remove_session(made.id, force=True)
    assert (await live.trash())[0].session.label == "both"


async def test_a_dashboard_remembers_windows(deck: Deck, live: RunningDeck, repository: Path) -> None:
    id_ = await started(live, "one", repository)
    await auntil(lambda: live.state.sessions[id_].terminal.value)
    before = await auntil(lambda: deck.store.layout(id_))
    tmux(deck.terminals.tmux, "new-window", "-d", "-n", "server", "-t", f"{deck.terminals.all()[0].id}:")
    await auntil(lambda: deck.store.layout(id_) != before)
    assert b"server" in (deck.store.layout(id_) or b"")


async def test_what_came_up_while_a_session_was_made_is_told(live: RunningDeck, repository: Path) -> None:
    told: list[str] = []
    live.on_notice = told.append
    (repository / ".par.yaml").write_text("initialization:\n  commands: [make]\n")
    await live.start_session(Start(label="one", path=str(repository)))
    assert len(told) == 1
    assert told[0].startswith("one: ")
    assert "is not trusted" in told[0]
