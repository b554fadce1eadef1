"""Setting sessions up: trust first, then files and commands, as jobs that need nobody."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import msgspec
import psutil
import pytest

from devdeck.configuration.documents import ConfigError
from devdeck.deck import Deck
from devdeck.errors import DeckError, Refused
from devdeck.initialization import trust
from devdeck.initialization.repo_config import read
from devdeck.initialization.sequences import wait
from devdeck.jobs.files import read_spec
from devdeck.model import Job, JobKind, JobState, OperationState, Session, SessionKind, SessionState
from devdeck.store import Busy
from tests.devdeck.killing import run_killed
from tests.git_support import make_repository, run_git, write
from tests.support import has_ended, until


def configure(repository: Path, text: str, name: str = ".devdeck.toml") -> None:
    (repository / name).write_text(text)


def begin(deck: Deck, repository: Path, text: str, label: str = "one", name: str = ".devdeck.toml") -> Session:
    """A session over a repository with a trusted configuration."""
    configure(repository, text, name)
    deck.setups.trust(str(repository))
    return deck.starting.start(label, str(repository))


def ended(deck: Deck, session: Session, kind: JobKind = JobKind.INIT) -> list[Job]:
    """The session's jobs of a kind when all have ended, in the order in which they were to run."""

    def all_ended() -> list[Job]:
        jobs = [job for job in deck.work.jobs(session) if job.kind is kind]
        return [] if any(job.running for job in jobs) else jobs

    return list(reversed(until(all_ended)))


def log(job: Job) -> str:
    return Path(job.log).read_text()


def state(deck: Deck, session: Session) -> SessionState:
    return SessionState(session=session, jobs=deck.work.jobs(session))


# Trust


def test_without_trust_nothing_is_included_and_nothing_runs(deck: Deck, repository: Path) -> None:
    """W32."""
    write(repository, {".env": "KEY=1"})
    configure(repository, "[init]\ninclude = '.env'\ncommand = 'touch ran'\n")
    session = deck.starting.start("one", str(repository))
    assert not (Path(session.worktree) / ".env").exists()
    assert deck.work.jobs(session) == ()
    (before,) = deck.setups.untrusted(session)
    assert "is not trusted, so nothing of it would be done until `devdeck config trust -p " in before
    assert "devdeck init" not in before  # there is no such session yet
    (afterwards,) = deck.setups.untrusted(session, made=True)
    assert "nothing of it was done" in afterwards
    assert afterwards.endswith("then `devdeck init one`")
    assert deck.setups.untrusted(session, trust=True) == ()
    assert not deck.setups.look(str(repository)).trusted
    with pytest.raises(Refused) as caught:
        deck.setups.initialize(session)
    assert caught.value.code == "untrusted"
    jobs = deck.setups.initialize(session, trust=True)
    assert (Path(session.worktree) / ".env").read_text() == "KEY=1"
    assert [job.exit_status for job in wait(deck.setups._site, jobs, 60)] == [0]
    assert (Path(session.worktree) / "ran").exists()
    assert deck.setups.look(str(repository)).trusted


def test_one_changed_byte_needs_trust_again(deck: Deck, repository: Path) -> None:
    text = "[init]\ncommand = 'true'\n"
    configure(repository, text)
    deck.setups.trust(str(repository))
    assert deck.setups.look(str(repository)).trusted
    configure(repository, text + "\n")
    assert not deck.setups.look(str(repository)).trusted
    configure(repository, text)
    assert deck.setups.look(str(repository)).trusted  # content is what counts, not time
    assert deck.setups.distrust(str(repository)) == 1
    assert not deck.setups.look(str(repository)).trusted


def test_trust_is_for_one_repository_and_one_file_name(deck: Deck, repository: Path, tmp_path: Path) -> None:
    other = make_repository(tmp_path / "src" / "other")
    text = "initialization:\n  commands: ['true']\n"
    configure(repository, text, ".par.yaml")
    configure(other, text, ".par.yaml")
    deck.setups.trust(str(repository))
    assert deck.setups.look(str(repository)).trusted
    assert not deck.setups.look(str(other)).trusted
    link = tmp_path / "link"
    link.symlink_to(repository)
    assert deck.setups.look(str(link)).trusted


def test_trust_is_given_to_what_was_shown(deck: Deck, repository: Path) -> None:
    configure(repository, "[init]\ncommand = 'true'\n")
    shown = deck.setups.look(str(repository))
    configure(repository, "[init]\ncommand = 'evil'\n")
    with pytest.raises(Refused, match="changed since it was shown"):
        deck.setups.trust(str(repository), digest=shown.digest)
    assert not deck.setups.look(str(repository)).trusted


def test_what_was_planned_with_trust_is_what_is_trusted(deck: Deck, repository: Path) -> None:
    configure(repository, "[init]\ncommand = 'true'\n")
    session = Session(id="x", label="x", repository="shop", repository_path=str(repository), worktree="/nowhere")
    steps = deck.setups.steps(session, trust=True)
    assert [step.words() for step in steps] == [f"trust {repository}/.devdeck.toml as it is now"]
    configure(repository, "[init]\ncommand = 'evil'\n")
    for step in steps:
        step.do(deck.setups._site)
    assert not deck.setups.look(str(repository)).trusted


def test_a_configuration_that_does_nothing_needs_no_trust(deck: Deck, repository: Path) -> None:
    assert deck.setups.look(str(repository)).trusted
    configure(repository, "initialization:\n", ".par.yaml")
    assert deck.setups.look(str(repository)).trusted
    session = deck.starting.start("one", str(repository))
    assert deck.setups.warnings(session) == ()
    assert deck.setups.initialize(session) == ()


@pytest.mark.parametrize(
    ("target", "foreign"),
    [("pr/7", True), ("MR/7", True), ("#7", True), ("!7", True), ("7", True), ("ada:fix", True),
     ("https://github.com/a/b/pull/1", True), ("github.com/a/b/pull/1", True), ("ada/fix", True), ("-x", True),
     ("fix", False), ("origin/fix", False), ("upstream/fix", False), ("team/fix", False), ("fix-7", False)],
)  # fmt: skip
def test_whose_code_a_checkout_is(repository: Path, target: str, foreign: bool) -> None:
    for remote in ("origin", "upstream", "ada"):
        run_git(repository, "remote", "add", remote, f"https://example.org/{remote}/shop.git")
    session = Session(
        id="x", label="x", kind=SessionKind.CHECKOUT, repository="shop", repository_path=str(repository),
        worktree="/w", target=target,
    )  # fmt: skip
    assert trust.is_foreign(session) is foreign
    assert not trust.is_foreign(msgspec.structs.replace(session, kind=SessionKind.SESSION))


def test_somebody_elses_code_needs_trust_for_its_own_session(deck: Deck, repository: Path) -> None:
    """W32: secrets don't go to the worktree of a pull request without a question."""
    write(repository, {".env": "KEY=1"})
    run_git(repository, "branch", "theirs")
    configure(repository, "[init]\ninclude = '.env'\ncommand = 'true'\n[teardown]\ncommand = 'touch ../down'\n")
    deck.setups.trust(str(repository))
    made = deck.starting.start("theirs", str(repository))
    ended(deck, made)
    (Path(made.worktree) / ".env").unlink()
    foreign = Session(
        id="pr", label="pr-7", kind=SessionKind.CHECKOUT, repository="shop", repository_path=str(repository),
        worktree=made.worktree, branch="theirs", target="pr/7",
    )  # fmt: skip
    deck.store.save_session(foreign)
    assert deck.setups.steps(foreign) == ()
    assert deck.setups.launch(foreign) == ()
    assert deck.setups.tear_down(foreign) == ()
    (before,) = deck.setups.untrusted(foreign)
    assert before.startswith("pr/7 may be somebody else's code, so nothing of ")
    assert before.endswith("would be done: with --trust it would be all the same")
    (afterwards,) = deck.setups.untrusted(foreign, made=True)
    assert afterwards.endswith("was done: `devdeck init pr-7 --trust` does it all the same")
    with pytest.raises(Refused):
        deck.setups.initialize(foreign)
    shown = deck.setups.look(str(repository), foreign)
    assert (shown.foreign, shown.trusted) == ("pr/7", False)
    assert deck.setups.look(str(repository)).trusted
    deck.setups.trust(str(repository), digest=shown.digest, session=foreign)
    assert deck.setups.look(str(repository), foreign).trusted
    deck.setups.initialize(foreign)
    assert (Path(made.worktree) / ".env").exists()
    assert [job.exit_status for job in ended(deck, foreign)] == [0]
    another = Session(
        id="pr8", label="pr-8", kind=SessionKind.CHECKOUT, repository="shop", repository_path=str(repository),
        worktree=made.worktree, target="pr/8",
    )  # fmt: skip
    assert not deck.setups.is_trusted(read(str(repository)), another)
    deck.store.save_session(another)
    deck.setups.initialize(another, trust=True)
    assert deck.setups.is_trusted(read(str(repository)), another)
    ended(deck, another)


@pytest.mark.parametrize(
    "text", ["- a\n", "initialization: 3\n", "initialization:\n  include: ../x\n", "initialization: [\n"]
)
def test_a_broken_configuration_makes_nothing(deck: Deck, repository: Path, text: str) -> None:
    """C19, P3, W12."""
    configure(repository, text, ".par.yaml")
    with pytest.raises(ConfigError, match=r"\.par\.yaml:\d+:\d+: "):
        deck.starting.start("one", str(repository))
    assert "one" not in run_git(repository, "branch")
    assert deck.store.half_made() == ()


def test_broken_settings_make_nothing(deck: Deck, repository: Path) -> None:
    configure(repository, "[init]\ncommand = 'true'\n")
    deck.setups.trust(str(repository))
    deck.paths.config.mkdir(parents=True)
    (deck.paths.config / "config.toml").write_text("[init]\ntimeout = 'x'\n")
    with pytest.raises(ConfigError, match=r"config\.toml:2:11: "):
        deck.starting.start("one", str(repository))
    assert "one" not in run_git(repository, "branch")


def test_a_link_to_outside_makes_nothing(deck: Deck, repository: Path, tmp_path: Path) -> None:
    """C18."""
    (repository / "leak").symlink_to(tmp_path)
    configure(repository, "[init]\ninclude = ['leak']\n")
    deck.setups.trust(str(repository))
    with pytest.raises(Refused, match="leak"):
        deck.starting.start("one", str(repository))
    assert "one" not in run_git(repository, "branch")


# Files, as part of a start


@pytest.mark.parametrize("point", ["step-done", "step-journaled"])
def test_a_start_killed_while_it_included_is_settled(deck: Deck, repository: Path, point: str) -> None:
    """C15, C17, C18."""
    write(repository, {".env": "KEY=1"})
    run_git(repository, "config", "core.excludesFile", "/dev/null")
    write(repository, {".gitignore": ".env\n"})
    configure(repository, "[init]\ninclude = ['.env']\n")
    deck.setups.trust(str(repository))
    assert run_killed(f"deck.starting.start('one', {str(repository)!r})", point, 2)
    (operation,) = deck.transactions.cut_off()
    deck.transactions.settle(operation)
    assert deck.transactions.cut_off() == ()
    assert "one" not in run_git(repository, "branch")
    session = deck.starting.start("one", str(repository))
    assert (Path(session.worktree) / ".env").read_text() == "KEY=1"


# Commands


def test_commands_of_par_run_in_order_with_logs_and_statuses(deck: Deck, repository: Path) -> None:
    """C19, W15."""
    session = begin(
        deck,
        repository,
        "initialization:\n  commands:\n    - echo one > order; pwd\n    - {name: Second, command: echo two >> order}\n",
        name=".par.yaml",
    )
    first, second = ended(deck, session)
    assert [(job.title, job.exit_status, job.kind) for job in (first, second)] == [
        ("echo one > order; pwd", 0, JobKind.INIT),
        ("Second", 0, JobKind.INIT),
    ]
    assert log(first).strip() == session.worktree
    assert (Path(session.worktree) / "order").read_text() == "one\ntwo\n"
    assert not state(deck, session).init_failed
    assert {job.batch for job in (first, second)} == {first.id}
    assert [operation.verb for operation in deck.store.operations(session.id)] == ["init", "start"]


def test_a_command_knows_where_it_runs(deck: Deck, repository: Path) -> None:
    session = begin(
        deck,
        repository,
        "[[init.command]]\n"
        "run = ['sh', '-c', 'echo $DEVDECK_LABEL $DEVDECK_WORKTREE $DEVDECK_REPOSITORY $DEVDECK_SESSION $A $B; pwd']\n"
        "directory = 'conf dir'\nenv = { A = 'a b', B = 7, DEVDECK_LABEL = 'forged' }\n"
        "[[init.command]]\nrun = 'true'\n",
    )
    first, second = ended(deck, session)
    assert first.exit_status is None  # its folder is not there
    assert first.failed
    assert "conf dir is not there" in first.reason
    assert second.skipped
    (Path(session.worktree) / "conf dir").mkdir()
    deck.setups.initialize(session)
    first = ended(deck, session)[-2]
    where = f"{session.worktree} {repository} {session.id}"
    assert log(first).replace("\r\n", "\n") == f"one {where} a b 7\n{session.worktree}/conf dir\n"


def test_a_folder_that_leads_out_of_the_worktree_is_refused(deck: Deck, repository: Path, tmp_path: Path) -> None:
    (repository / "way").symlink_to(tmp_path)
    run_git(repository, "add", "way")
    run_git(repository, "commit", "-qm", "a link")
    session = begin(deck, repository, "[[init.command]]\nrun = 'touch here'\ndirectory = 'way'\n")
    (job,) = ended(deck, session)
    assert "leads out of the worktree" in job.reason
    assert not (tmp_path / "here").exists()


def test_the_first_failure_ends_the_sequence_and_marks_the_session(deck: Deck, repository: Path) -> None:
    """C19: non-zero exit."""
    session = begin(deck, repository, "[init]\ncommand = ['true', 'echo oh no; exit 3', 'touch never', 'true']\n")
    jobs = ended(deck, session)
    assert [job.verdict for job in jobs] == ["exit 0", "exit 3", "skipped", "skipped"]
    assert jobs[2].reason == "not run: echo oh no; exit 3 failed"
    assert "oh no" in log(jobs[1])
    assert not (Path(session.worktree) / "never").exists()
    failed = state(deck, session).failed_initialization
    assert failed is not None
    assert failed.id == jobs[1].id
    assert len(state(deck, session).initialization) == 4


def test_a_command_that_takes_too_long_is_stopped_with_all_it_started(deck: Deck, repository: Path) -> None:
    """C19: time-out. A command that traps the signal and ends well has failed all the same."""
    session = begin(
        deck,
        repository,
        "[[init.command]]\nrun = \"trap 'exit 0' TERM; echo $$; sleep 600 & echo $!; wait\"\ntimeout = 1.5\n"
        "[[init.command]]\nrun = 'touch never'\n",
    )
    first, second = ended(deck, session)
    assert first.verdict == "timed out"
    assert first.reason == "timed out after 1.5 s"
    assert first.failed
    assert second.skipped
    assert state(deck, session).init_failed
    for pid in log(first).split():
        until(partial(has_ended, int(pid)))


def test_commands_of_a_group_run_at_once(deck: Deck, repository: Path) -> None:
    wait_for = "i=0; while [ ! -e {0} ] && [ $i -lt 200 ]; do sleep 0.1; i=$((i+1)); done; [ -e {0} ]"
    session = begin(
        deck,
        repository,
        "[[init.command]]\nrun = 'touch before'\n"
        f"[[init.command]]\ngroup = 'g'\nname = 'a'\nrun = 'touch a; {wait_for.format('b')}'\n"
        f"[[init.command]]\ngroup = 'g'\nname = 'b'\nrun = 'touch b; {wait_for.format('a')}; echo done'\n"
        "[[init.command]]\ngroup = 'h'\nname = 'last'\nrun = '[ -e a ] && [ -e b ] && [ -e before ]'\n",
    )
    jobs = ended(deck, session)
    assert [job.verdict for job in jobs] == ["exit 0"] * 4
    assert "done" in log(jobs[2])


def test_a_failure_in_a_group_lets_the_others_end_and_nothing_follow(deck: Deck, repository: Path) -> None:
    session = begin(
        deck,
        repository,
        "[[init.command]]\ngroup = 'g'\nname = 'bad'\nrun = 'exit 1'\n"
        "[[init.command]]\ngroup = 'g'\nname = 'good'\nrun = 'echo fine'\n"
        "[[init.command]]\nname = 'after'\nrun = 'touch never'\n",
    )
    bad, good, after = ended(deck, session)
    assert (bad.verdict, good.verdict, after.verdict) == ("exit 1", "exit 0", "skipped")
    assert after.reason == "not run: bad failed"


def test_a_condition_decides_when_its_turn_comes(deck: Deck, repository: Path) -> None:
    session = begin(
        deck,
        repository,
        "[[init.command]]\nrun = 'touch made'\n"
        "[[init.command]]\nrun = 'echo seen'\nwhen.exists = ['nothing', 'ma*']\n"
        "[[init.command]]\nrun = 'touch no1'\nwhen.exists = 'nothing'\n"
        "[[init.command]]\nrun = 'touch no2'\nwhen.missing = 'made'\n"
        "[[init.command]]\nrun = 'touch no3'\nwhen.os = 'windows'\n"
        "[[init.command]]\nrun = 'touch no4'\nwhen.command = ['sh', 'no-such-program-here']\n"
        "[[init.command]]\nrun = 'echo end'\nwhen = { os = ['linux', 'macos'], command = 'sh', missing = 'no1' }\n",
    )
    jobs = ended(deck, session)
    assert [job.verdict for job in jobs] == ["exit 0", "exit 0", *["skipped"] * 4, "exit 0"]
    assert [job.reason for job in jobs[2:6]] == [
        "skipped: there is no nothing",
        "skipped: there is made",
        "skipped: this is linux",
        "skipped: no-such-program-here is not installed",
    ]
    assert not list(Path(session.worktree).glob("no*"))
    assert not state(deck, session).init_failed


def test_two_at_once_are_refused(deck: Deck, repository: Path) -> None:
    session = begin(deck, repository, "[init]\ncommand = 'sleep 600'\n")
    with pytest.raises(Busy):
        deck.setups.initialize(session)
    (job,) = deck.work.jobs(session)
    deck.work.stop(job)
    assert [each.verdict for each in ended(deck, session)] == ["stopped"]


def test_a_job_that_waits_for_its_turn_can_be_stopped(deck: Deck, repository: Path) -> None:
    session = begin(
        deck, repository, "[init]\ncommand = ['while [ ! -e go ]; do sleep 0.1; done', 'touch never', 'true']\n"
    )
    second = deck.work.jobs(session)[1]
    until(lambda: deck.work.jobs(session)[2].pid)
    assert deck.work.stop(second).stopped
    (Path(session.worktree) / "go").touch()
    assert [job.verdict for job in ended(deck, session)] == ["exit 0", "stopped", "skipped"]
    assert not (Path(session.worktree) / "never").exists()


def driver_of(deck: Deck, session: Session) -> psutil.Process:
    """The process that runs the session's sequence."""
    pids = until(lambda: [job.runner_pid for job in deck.work.jobs(session) if job.runner_pid])
    parent = psutil.Process(pids[0]).parent()
    assert parent is not None
    return parent


def test_a_sequence_outlives_who_started_it(deck: Deck, repository: Path) -> None:
    """C19, principle 4."""
    configure(repository, "[init]\ncommand = ['while [ ! -e go ]; do sleep 0.1; done', 'echo second']\n")
    deck.setups.trust(str(repository))
    done = subprocess.run(
        [sys.executable, "-m", "devdeck", "start", "one", "-p", str(repository)], capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    session = deck.sessions.find("one")
    assert [job.running for job in deck.work.jobs(session)] == [True, True]
    (Path(session.worktree) / "go").touch()
    jobs = ended(deck, session)
    assert [job.verdict for job in jobs] == ["exit 0", "exit 0"]
    assert "second" in log(jobs[1])


@pytest.mark.parametrize("group", ["", "group = 'g'\n"])
def test_a_killed_driver_leaves_nothing_that_seems_to_run(deck: Deck, repository: Path, group: str) -> None:
    """C15: kill -9 in the middle of a sequence."""
    session = begin(
        deck,
        repository,
        f"[[init.command]]\n{group}name = 'now'\nrun = 'sleep 600'\n"
        f"[[init.command]]\n{group}name = 'beside'\nrun = 'sleep 600'\n"
        "[[init.command]]\nname = 'later'\nrun = 'touch never'\n",
    )
    count = 2 if group else 1
    until(lambda: sum(job.pid is not None for job in deck.work.jobs(session)) == count)
    driver_of(deck, session).send_signal(signal.SIGKILL)
    jobs = ended(deck, session)
    assert [job.state for job in jobs[:count]] == [JobState.ENDED] * count
    assert all(job.stopped for job in jobs[:count])
    assert all(job.state is JobState.LOST for job in jobs[count:])
    assert "was killed" in jobs[-1].reason
    assert state(deck, session).init_failed
    assert not (Path(session.worktree) / "never").exists()
    deck.setups.initialize(session)  # and it can be set up again
    until(lambda: sum(job.pid is not None and job.running for job in deck.work.jobs(session)) == count)


def test_jobs_wait_longer_than_the_limit_for_those_that_nobody_starts(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devdeck.jobs.lifecycle.START_LIMIT", -1.0)
    session = begin(deck, repository, "[init]\ncommand = ['while [ ! -e go ]; do sleep 0.1; done', 'true']\n")
    until(lambda: (Path(deck.store.jobs(session.id)[0].directory) / "waiting.json").exists())
    until(lambda: (Path(deck.store.jobs(session.id)[1].directory) / "started.json").exists())
    assert [job.running for job in deck.work.jobs(session)] == [True, True]
    (Path(session.worktree) / "go").touch()
    assert [job.verdict for job in ended(deck, session)] == ["exit 0", "exit 0"]


def test_closing_the_window_stops_the_sequence(deck: Deck, repository: Path) -> None:
    session = begin(deck, repository, "[init]\ncommand = ['sleep 600', 'touch never']\n")
    until(lambda: deck.work.jobs(session)[1].pid)
    job = deck.store.jobs(session.id)[0]
    assert job.window_id is not None
    deck.terminals.tmux.kill_window(job.window_id)
    first, second = ended(deck, session)
    assert first.stopped
    assert second.verdict in ("skipped", "lost")


def test_what_runs_is_what_was_trusted(deck: Deck, repository: Path) -> None:
    """The plan carries the content: a change after the launch changes nothing that runs."""
    session = begin(deck, repository, "[init]\ncommand = ['while [ ! -e go ]; do sleep 0.1; done', 'touch good']\n")
    configure(repository, "[init]\ncommand = ['touch evil', 'touch evil']\n")
    (Path(session.worktree) / "go").touch()
    assert [job.verdict for job in ended(deck, session)] == ["exit 0", "exit 0"]
    assert (Path(session.worktree) / "good").exists()
    assert not (Path(session.worktree) / "evil").exists()
    assert deck.setups.launch(session) == ()


def test_a_failing_launch_leaves_no_jobs(deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backends.base import BackendError
    from backends.tmux.server import TmuxServer

    session = deck.starting.start("one", str(repository))
    configure(repository, "[init]\ncommand = 'true'\n")

    def refuse(*_: object, **__: object) -> None:
        raise BackendError("tmux says no")

    monkeypatch.setattr(TmuxServer, "new_window", refuse)
    with pytest.raises(DeckError, match="tmux says no"):
        deck.setups.initialize(session, trust=True)
    assert deck.work.jobs(session) == ()
    assert list(deck.paths.jobs.iterdir()) == []
    assert deck.store.operations()[0].state is OperationState.FAILED


def test_odd_names_reach_the_command_whole(deck: Deck, repository: Path) -> None:
    """C20."""
    session = begin(
        deck, repository, "[[init.command]]\nrun = ['printf', '%s|', \"it's\", 'a\\\\nb', 'ü $(touch no)', '']\n"
    )
    (job,) = ended(deck, session)
    assert log(job) == "it's|a\\\\nb|ü $(touch no)||"
    spec = read_spec(Path(job.directory))
    assert spec is not None
    assert spec.argv[-1] == ""


# Teardown


def test_teardown_runs_and_is_waited_for(deck: Deck, repository: Path, tmp_path: Path) -> None:
    session = begin(deck, repository, f"[teardown]\ncommand = ['echo $DEVDECK_LABEL > {tmp_path}/down', 'true']\n")
    jobs = deck.setups.tear_down(session)
    assert [(job.kind, job.verdict) for job in jobs] == [(JobKind.TEARDOWN, "exit 0")] * 2
    assert (tmp_path / "down").read_text() == "one\n"
    terminal = deck.terminals.of(session)
    assert terminal is not None
    deck.terminals.end(terminal)
    deck.setups.tear_down(session)  # needs no terminal
    assert deck.terminals.of(session) is None


def test_a_failing_teardown_says_so_and_its_rest_does_not_run(deck: Deck, repository: Path) -> None:
    session = begin(
        deck, repository, "[teardown]\ncommand = [{run = 'sleep 600', timeout = 0.5}, {run = 'touch never'}]\n"
    )
    with pytest.raises(DeckError, match=r"sleep 600: timed out \(timed out after 0.5 s\)"):
        deck.setups.tear_down(session)
    assert not (Path(session.worktree) / "never").exists()


def test_teardown_of_what_is_broken_or_gone_is_nothing(deck: Deck, repository: Path) -> None:
    session = begin(deck, repository, "[teardown]\ncommand = 'touch ../never'\n")
    configure(repository, "[[[")
    assert deck.setups.tear_down(session) == ()
    configure(repository, "[teardown]\ncommand = 'touch ../never'\n")
    run_git(repository, "worktree", "remove", "--force", session.worktree)
    assert deck.setups.tear_down(session) == ()


# Typed, as par does


def test_commands_can_be_typed_into_the_pane(deck: Deck, repository: Path) -> None:
    """P13: --in-pane."""
    write(repository, {".env": "KEY=1"})
    configure(
        repository,
        "[init]\ninclude = '.env'\n"
        '[[init.command]]\nrun = \'echo "$KEEP" > typed\'\nenv = { KEEP = "it\'s; here" }\n'
        "[[init.command]]\nrun = ['touch', 'a b']\ndirectory = '.'\n"
        "[[init.command]]\nrun = 'touch never'\nwhen.os = 'windows'\n",
    )
    session = deck.starting.start("one", str(repository))
    pane = until(lambda: deck.terminals.of(session))
    assert pane is not None
    until(lambda: any("$" in line for line in deck.terminals.tmux.capture(pane.panes[0].id)))
    assert deck.setups.initialize(session, trust=True, in_pane=True) == ()
    place = Path(session.worktree)
    until(lambda: (place / "a b").exists())
    assert (place / "typed").read_text() == "it's; here\n"
    assert (place / ".env").exists()
    assert not (place / "never").exists()
    assert deck.work.jobs(session) == ()


# Several repositories


def test_a_workspace_sets_up_each_repository_in_its_worktree(deck: Deck, repository: Path, tmp_path: Path) -> None:
    other = make_repository(tmp_path / "src" / "api")
    write(repository, {".env": "SHOP"})
    write(other, {".env": "API"})
    configure(repository, "[init]\ninclude = '.env'\ncommand = 'cat .env'\n")
    configure(
        other, "initialization:\n  include: [.env]\n  commands: [cat .env; echo $DEVDECK_REPOSITORY]\n", ".par.yaml"
    )
    deck.setups.trust(str(repository))
    deck.setups.trust(str(other))
    session = deck.workspaces.start("both", str(tmp_path / "src"))
    assert {(Path(place.worktree) / ".env").read_text() for place in session.places} == {"SHOP", "API"}
    deck.setups.launch(session)
    jobs = ended(deck, session)[-2:]
    assert {job.title.partition(":")[0] for job in jobs} == {"shop", "api"}
    assert {log(job).strip() for job in jobs} == {"SHOP", f"API{other}"}


def test_the_driver_imports_nothing_of_the_worktree(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", ".")
    write(repository, {"msgspec.py": "open('hijacked', 'w')", "devdeck/__init__.py": "open('hijacked', 'w')"})
    run_git(repository, "add", "-A")
    run_git(repository, "commit", "-qm", "names of modules")
    session = begin(deck, repository, "[init]\ncommand = 'true'\n")
    assert [job.verdict for job in ended(deck, session)] == ["exit 0"]
    assert not (Path(session.worktree) / "hijacked").exists()


@pytest.mark.parametrize("answer", [True, False])
def test_trust_is_offered_for_a_session_that_is_to_be(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    from devdeck.cli import asking

    configure(repository, "[init]\ncommand = 'true'\n")
    plan = deck.starting.plan("one", str(repository))
    monkeypatch.setattr(asking, "is_terminal", lambda: False)
    assert asking.offer(deck, plan.session) is False
    monkeypatch.setattr(asking, "is_terminal", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: answer)
    assert asking.offer(deck, plan.session) is answer
    assert deck.setups.look(str(repository)).trusted is answer


def test_old_jobs_make_room(deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = begin(deck, repository, "[init]\ncommand = ['true', 'true']\n")
    ended(deck, session)
    monkeypatch.setattr("devdeck.work.JOBS_KEPT", 2)
    first = {job.id for job in deck.work.jobs(session)}
    deck.setups.initialize(session)
    assert first.isdisjoint(job.id for job in ended(deck, session))
    assert {path.name for path in deck.paths.jobs.iterdir()}.isdisjoint(first)
