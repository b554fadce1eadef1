"""The demo's sessions are what they are said to be."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import pytest

from devdeck.deck import Deck
from devdeck.demo import MARK, demo_folder, texts
from devdeck.demo.build import LABELS, REMOVED, build, building
from devdeck.demo.past import HISTORY, MAIN
from devdeck.errors import DeckError, Missing, Refused
from devdeck.git.status import status
from devdeck.model import Job, JobKind, JobState, Outcome, RunState, Session, SessionKind
from devdeck.runs import RunFollower, follow
from tests.demo_support import folders, gone, marked
from tests.git_support import run_git
from tests.support import until


class Demo(NamedTuple):
    """A demo that has been built, and the home of the user that it must leave alone."""

    deck: Deck
    sessions: dict[str, Session]
    folder: Path
    user: Path
    before: dict[str, int]


def snapshot(folder: Path) -> dict[str, int]:
    """Everything below a folder with the time of its last change."""
    return {str(path.relative_to(folder)): path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    user = tmp_path_factory.mktemp("user")
    trap = f"touch {user}/trapped"
    (user / "hooks").mkdir()
    (user / "hooks" / "post-commit").write_text(f"#!/bin/sh\n{trap}\n")
    (user / "hooks" / "post-commit").chmod(0o755)
    (user / ".gitconfig").write_text(
        f"[user]\n\tname = Somebody\n\temail = x@example.org\n[core]\n\thooksPath = {user}/hooks\n"
        "[commit]\n\tgpgSign = true\n[init]\n\tdefaultBranch = trunk\n[push]\n\tdefault = nothing\n"
    )
    (user / ".tmux.conf").write_text(f"run-shell '{trap}'\nset -g base-index 7\n")
    (user / ".bashrc").write_text(f"{trap}\n")
    (user / ".profile").write_text(f"{trap}\n")
    (user / "tmux").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "ZDOTDIR", "TMUX"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(user))
        patch.setenv("TMUX_TMPDIR", str(user / "tmux"))
        patch.setenv("SHELL", "/bin/bash")
        patch.setenv("GIT_DIR", str(user / "elsewhere.git"))
        patch.setenv("ENV", str(user / ".profile"))
        before, environment = snapshot(user), dict(os.environ)
        with demo_folder() as folder:
            deck = Deck.open()
            try:
                sessions = build(deck, folder)
                yield Demo(deck, {session.label: session for session in sessions}, folder, user, before)
            finally:
                deck.close()
        assert gone(folder)
        assert dict(os.environ) == environment


def test_seven_sessions_in_three_repositories(demo: Demo) -> None:
    assert tuple(demo.sessions) == LABELS
    alone = {session.repository for session in demo.sessions.values() if not session.members}
    assert alone == {"storefront", "weather-api", "tilegame"}
    assert {session.label for session in demo.deck.sessions.all() if session.parent is None} == set(LABELS)
    for session in demo.sessions.values():
        assert Path(session.worktree).is_relative_to(demo.folder)
        assert Path(session.repository_path).is_relative_to(demo.folder)
        assert demo.deck.terminals.of(session) is not None


def test_repositories_have_a_past(demo: Demo) -> None:
    root = Path(demo.sessions["checkout-flow"].repository_path)
    messages = [past.message for past in reversed(HISTORY["storefront"]) if past.ref == MAIN]
    assert run_git(root, "log", "--format=%s", "main").splitlines() == messages
    assert run_git(root, "describe", "--tags", "main~1").strip() == "v1.4.0"
    assert run_git(root, "branch", "--remotes", "--format=%(refname)", "--list", "*vouchers").strip()
    files = resources.files("devdeck.demo") / "files" / "storefront"
    with resources.as_file(files) as folder:
        kept = {"__pycache__", ".pyc"}
        shipped = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    shipped = {path.replace("gitignore", ".gitignore") for path in shipped if not any(word in path for word in kept)}
    assert set(run_git(root, "ls-files").splitlines()) == shipped


def ended(demo: Demo, session: Session, kind: JobKind) -> list[Job]:
    """A session's jobs of a kind, the oldest first, once they have ended."""

    def found() -> list[Job]:
        jobs = [job for job in demo.deck.work.jobs(session) if job.kind is kind]
        return [] if any(job.running for job in jobs) else jobs[::-1]

    jobs = until(found, 60)
    assert jobs
    return jobs


@pytest.mark.parametrize("label", ["checkout-flow", "fix-rounding"])
def test_sessions_are_set_up_as_their_repository_asks(demo: Demo, label: str) -> None:
    jobs = ended(demo, demo.sessions[label], JobKind.INIT)
    assert [(job.title, job.exit_status) for job in jobs] == [("catalogue", 0), ("stock", 0)]
    assert "5 articles in catalogue.csv" in Path(jobs[0].log).read_text()
    assert "the shelf is in order" in Path(jobs[1].log).read_text()
    place = Path(demo.sessions[label].worktree)
    assert "umbrella,1990" in (place / "catalogue.csv").read_text()
    assert (place / ".env").read_text() == (Path(demo.sessions[label].repository_path) / ".env").read_text()


def test_the_pull_request_is_somebody_elses(demo: Demo) -> None:
    session = demo.sessions["pr-7"]
    assert session.kind is SessionKind.CHECKOUT
    assert run_git(session.worktree, "log", "-1", "--format=%an %s").strip() == "Ada cart: gift wrapping"
    assert "test_gift_wrap" in (Path(session.worktree) / "tests" / "test_cart.py").read_text()
    # Nothing is copied to it or runs in it before that is allowed for it.
    assert demo.deck.work.jobs(session) == ()
    assert not (Path(session.worktree) / ".env").exists()
    assert demo.deck.starting.refresh(session)


def test_the_workspace_is_over_two_repositories(demo: Demo) -> None:
    session = demo.sessions["rainy-day-sale"]
    assert session.kind is SessionKind.WORKSPACE
    shop, weather = session.member_sessions()
    assert (shop.repository, weather.repository) == ("storefront", "weather-api")
    assert run_git(shop.worktree, "log", "-1", "--format=%s").strip() == "cart: umbrellas cost less while it rains"
    found = status(weather.worktree)
    assert (found.branch, found.staged, found.unstaged, found.untracked) == ("rainy-day-sale", 0, 2, 0)
    run = finished(demo, weather).run
    assert (run.state, run.passed, run.failed) == (RunState.PASSED, 10, 0)
    assert [job.exit_status for job in ended(demo, session, JobKind.INIT)] == [0, 0]


def test_undo_brings_back_what_is_in_the_trash(demo: Demo) -> None:
    (entry,) = demo.deck.trash.entries()
    assert entry.session.label == REMOVED
    finished(demo, demo.sessions["fix-rounding"])
    operation = demo.deck.history.undo()
    assert (operation.verb, operation.label) == ("remove", REMOVED)
    session = demo.deck.sessions.find(REMOVED)
    place = Path(session.worktree)
    assert (place / "ideas.md").read_text() == texts.WIND_IDEAS
    assert run_git(place, "log", "-1", "--format=%s").strip() == "wind: a first idea"
    assert demo.deck.trash.entries() == ()
    with pytest.raises(Refused, match="untracked"):
        demo.deck.removing.remove(session)
    demo.deck.removing.remove(session, force=True)
    assert len(demo.deck.trash.entries()) == 1


def facts(demo: Demo, label: str) -> tuple[object, ...]:
    found = status(demo.sessions[label].worktree)
    changes = (found.staged, found.unstaged, found.untracked, found.conflicts)
    return (found.upstream, found.ahead, found.behind, changes, found.operation)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("checkout-flow", (None, None, None, (0, 0, 0, 0), None)),
        ("fix-rounding", (None, None, None, (0, 1, 0, 0), None)),
        ("pr-7", (None, None, None, (0, 0, 0, 0), None)),
        ("load-soak", (None, None, None, (0, 0, 0, 0), None)),
        ("cache-layer", ("origin/cache-layer", 2, 0, (1, 1, 1, 0), None)),
        ("merge-physics", ("origin/main", 1, 1, (0, 0, 0, 1), "merge")),
    ],
)
def test_git_facts(demo: Demo, label: str, expected: tuple[object, ...]) -> None:
    assert facts(demo, label) == expected


def test_the_conflict_is_a_real_one(demo: Demo) -> None:
    place = Path(demo.sessions["merge-physics"].worktree)
    text = (place / "tilegame" / "physics.py").read_text()
    assert "<<<<<<< HEAD\nBOUNCE = 0.85\n=======\nBOUNCE = 0.45\n>>>>>>> main\n" in text
    assert run_git(place, "ls-files", "--unmerged").count("\n") == 3


def test_main_worktrees_are_clean(demo: Demo) -> None:
    for session in demo.sessions.values():
        for place in session.places:
            assert not status(place.repository_path).dirty


def finished(demo: Demo, session: Session) -> RunFollower:
    """The session's test run, when it has ended."""
    (job,) = ended(demo, session, JobKind.TEST)
    follower = follow(demo.deck.store, job)
    assert follower is not None
    return follower


def test_the_tests_that_pass(demo: Demo) -> None:
    run = finished(demo, demo.sessions["checkout-flow"]).run
    assert (run.state, run.passed, run.failed, run.errors, run.skipped) == (RunState.PASSED, 25, 0, 0, 1)
    assert run.environment.startswith(".venv: Python")


def test_the_tests_that_fail(demo: Demo) -> None:
    follower = finished(demo, demo.sessions["fix-rounding"])
    run = follower.run
    assert (run.state, run.passed, run.failed, run.errors) == (RunState.FAILED, 20, 5, 0)
    failed = {result.id: result for result in follower.results if result.outcome is Outcome.FAILED}
    source = (Path(demo.sessions["fix-rounding"].worktree) / "storefront" / "pricing.py").read_text().splitlines()
    taxed = failed["tests/test_pricing.py::test_tax[0.19-1190]"]
    assert taxed.path == "storefront/pricing.py"
    assert taxed.line is not None
    assert "(1.0 + rate)" in source[taxed.line - 1]
    assert taxed.message.startswith("TypeError: unsupported operand")
    assert [frame.path for frame in taxed.frames] == ["tests/test_pricing.py", "storefront/pricing.py"]
    rounded = failed["tests/test_pricing.py::test_discounts_round_half_up[1-50-1]"]
    assert rounded.path == "tests/test_pricing.py"
    assert rounded.message.startswith("assert 0 == 1")


def test_the_failing_tests_pass_where_nobody_broke_the_prices(demo: Demo) -> None:
    passed = {
        result.id
        for result in finished(demo, demo.sessions["checkout-flow"]).results
        if result.outcome is Outcome.PASSED
    }
    failed = {
        result.id
        for result in finished(demo, demo.sessions["fix-rounding"]).results
        if result.outcome is Outcome.FAILED
    }
    assert failed < passed


def test_tests_take_their_time_so_that_they_can_be_watched(demo: Demo) -> None:
    for label in ("checkout-flow", "fix-rounding"):
        assert sum(result.duration for result in finished(demo, demo.sessions[label]).results) > 2.0


def test_the_long_run_goes_on(demo: Demo) -> None:
    (job,) = demo.deck.work.jobs(demo.sessions["load-soak"])
    log = Path(job.log)
    size = until(lambda: log.exists() and log.stat().st_size)
    until(lambda: log.stat().st_size > size + 1000)
    until(lambda: b"ERROR" in log.read_bytes(), 60)
    assert demo.deck.work.job(job.id).state is JobState.RUNNING
    assert b"\x1b[32mINFO" in log.read_bytes()


def test_every_session_can_run_its_tests(demo: Demo) -> None:
    for session in demo.deck.sessions.all():
        if session.members:
            continue
        name, plan = demo.deck.work.plan_test(session)
        assert name == "pytest"
        assert plan.argv[0] == f"{session.worktree}/.venv/bin/python"


def test_processes_carry_the_mark(demo: Demo) -> None:
    assert os.environ[MARK] == str(demo.folder)
    (job,) = demo.deck.work.jobs(demo.sessions["load-soak"])
    until(lambda: demo.deck.work.job(job.id).pid)
    running = demo.deck.work.job(job.id)
    shell = demo.deck.terminals.of(demo.sessions["cache-layer"])
    assert shell is not None
    pids = {int(line.split()[0]) for line in marked(demo.folder)}
    assert {running.pid, running.runner_pid, shell.panes[0].pid} <= pids


def test_nothing_of_the_user_is_read_or_written(demo: Demo) -> None:
    finished(demo, demo.sessions["fix-rounding"])
    assert not (demo.user / "trapped").exists()
    assert snapshot(demo.user) == demo.before
    assert run_git(demo.sessions["cache-layer"].worktree, "log", "--format=%an", "-2").split() == ["Sam", "Sam"]
    (terminal,) = {demo.deck.terminals.of(demo.sessions["cache-layer"])}
    assert terminal is not None
    environment = {name: value for name, value in os.environ.items() if name != "TMUX"}
    users = subprocess.run(["tmux", "list-sessions"], env=environment, capture_output=True, timeout=20, check=False)
    assert users.returncode != 0
    assert b"no server running" in users.stderr or b"error connecting" in users.stderr
    shown = demo.deck.terminals.tmux.run(["show-options", "-g", "base-index"])
    assert shown == b"base-index 0\n"


def test_giving_up_while_it_is_built_leaves_nothing() -> None:
    with demo_folder() as folder:
        with building(folder) as built:
            until(lambda: (folder / "home" / "src").exists())
        assert built.done()
        assert isinstance(built.exception(), CancelledError)
    assert gone(folder)


def test_a_build_that_was_given_up_before_it_began() -> None:
    stop = threading.Event()
    stop.set()
    with demo_folder() as folder:
        deck = Deck.open()
        try:
            with pytest.raises(CancelledError):
                build(deck, folder, stop)
            assert deck.sessions.all() == ()
        finally:
            deck.close()


def test_a_build_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with demo_folder() as folder:
        (folder / "home" / "src").write_text("in the way")
        with building(folder) as built:
            assert isinstance(built.exception(60), OSError)


@pytest.mark.parametrize("tool", ["git", "tmux"])
def test_what_the_demo_needs_is_named(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / ("tmux" if tool == "git" else "git")).symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match=f"the demo needs {tool}") as caught, demo_folder():
        pass
    assert tool in caught.value.hint
    assert not folders(tmp_path)


def test_a_temporary_folder_that_is_too_deep_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path.joinpath(*["d" * 40] * 4)
    deep.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with demo_folder() as folder:
        assert (folder / "tmux.sock").is_socket()
        assert not folder.is_relative_to(deep)
    assert gone(folder)


def test_a_temporary_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", os.devnull)
    with pytest.raises(DeckError, match="can't make"), demo_folder():
        pass
