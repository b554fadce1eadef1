"""Starting a session: which branch it is on, what is refused before anything is made, what is taken back."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backends.base import BackendError, ToolMissing
from backends.tmux.server import TmuxServer
from devdeck import doctor
from devdeck.deck import Deck
from devdeck.errors import DeckError, Missing, NotFound, Refused, UsageError
from devdeck.initialization.setup import Setups
from devdeck.model import Job, OperationState, Session
from devdeck.steps import making
from devdeck.store import LabelTaken
from devdeck.transactions import Site
from tests.devdeck.killing import POINTS, run_killed
from tests.devdeck.remote_support import publish, push, silent_server
from tests.git_support import commit, make_repository, run_git
from tests.support import until


def branches(repository: Path) -> set[str]:
    return set(run_git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads").split())


def worktrees(repository: Path) -> list[str]:
    listed = run_git(repository, "worktree", "list", "--porcelain", "-z").split("\0")
    return [line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")]


def upstream(repository: Path, branch: str) -> str:
    return run_git(repository, "rev-parse", "--abbrev-ref", f"{branch}@{{upstream}}", check=False).strip()


def oid(place: str | Path, revision: str = "HEAD") -> str:
    return run_git(place, "rev-parse", revision).strip()


def is_untouched(deck: Deck, repository: Path) -> bool:
    """Whether nothing was made and nothing was begun."""
    return (
        branches(repository) == {"main"}
        and worktrees(repository) == [str(repository)]
        and deck.store.sessions() == ()
        and deck.store.half_made() == ()
        and deck.terminals.all() == ()
    )


def test_start_makes_branch_worktree_terminal_and_record(deck: Deck, repository: Path) -> None:
    """C01."""
    session = deck.starting.start("fix-login", str(repository))
    assert branches(repository) == {"main", "fix-login"}
    assert session.worktree in worktrees(repository)
    assert Path(session.worktree).parent.parent == deck.paths.worktrees
    assert Path(session.worktree).name == "fix-login"
    assert (Path(session.worktree) / "a.py").read_text() == "A = 1\n"
    terminal = deck.terminals.of(session)
    assert terminal is not None
    assert terminal.devdeck_id == session.id
    assert deck.sessions.find("fix-login") == session
    (operation,) = deck.store.operations()
    assert (operation.verb, operation.state, operation.undo) == ("start", OperationState.DONE, "devdeck rm fix-login")


def test_the_path_may_be_any_way_to_the_repository(deck: Deck, repository: Path, tmp_path: Path) -> None:
    """C03."""
    (repository / "deep/er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(repository)
    paths = [repository, repository / "deep/er", tmp_path / "link", tmp_path / "link/deep"]
    for number, path in enumerate(paths):
        session = deck.starting.start(f"s{number}", str(path))
        assert session.repository_path == str(repository)
    with pytest.raises(NotFound, match="no folder"):
        deck.starting.start("x", str(tmp_path / "missing"))
    with pytest.raises(NotFound, match="not in a git repository"):
        deck.starting.start("x", str(tmp_path))


def test_a_bare_repository(deck: Deck, repository: Path, tmp_path: Path) -> None:
    """C03."""
    run_git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    session = deck.starting.start("one", str(tmp_path / "bare.git"))
    assert session.repository == "bare"
    assert (Path(session.worktree) / "a.py").exists()


def test_a_base_may_be_a_branch_a_tag_or_a_commit(deck: Deck, repository: Path) -> None:
    """C04."""
    first = oid(repository)
    run_git(repository, "branch", "old")
    run_git(repository, "tag", "-a", "-m", "one", "v1")
    commit(repository, {"b.py": "B = 2\n"}, "second")
    for number, base in enumerate(("old", "v1", first, first[:10])):
        session = deck.starting.start(f"s{number}", str(repository), base=base)
        assert session.base == first
        assert oid(session.worktree) == first
    for bad in ("nowhere", "--all", "", "a b"):
        with pytest.raises(NotFound, match="no commit"):
            deck.starting.start("x", str(repository), base=bad)
    assert "x" not in branches(repository)


def test_an_existing_branch_is_used_and_kept(deck: Deck, repository: Path) -> None:
    """C05, C06, C28."""
    run_git(repository, "branch", "feature/cart")
    plan = deck.starting.plan("feature/cart", str(repository), "main")
    assert plan.warnings == ("branch 'feature/cart' exists, so --base main is not used",)
    session = deck.starting.start("feature/cart", str(repository))
    assert not session.managed_branch
    deck.removing.remove(session)
    assert "feature/cart" in branches(repository)


def test_a_branch_that_only_the_remote_has_is_fetched_and_followed(
    deck: Deck, repository: Path, tmp_path: Path
) -> None:
    """C07."""
    bare = publish(repository, tmp_path / "origin.git")
    there = push(bare, "refs/heads/topic", tmp_path / "scratch", {"t.py": "T = 1\n"})
    plan = deck.starting.plan("topic", str(repository), "main")
    assert any(step.startswith("fetch origin/topic; make the branch topic") for step in plan.steps)
    assert "not used" in plan.warnings[0]
    assert run_git(repository, "cat-file", "-t", there, check=False) == ""
    session = deck.starting.start("topic", str(repository))
    assert oid(session.worktree) == there
    assert upstream(repository, "topic") == "origin/topic"
    assert session.managed_branch


def test_a_branch_that_is_known_of_a_remote_is_followed_without_asking(
    deck: Deck, repository: Path, tmp_path: Path
) -> None:
    """C07."""
    bare = publish(repository, tmp_path / "origin.git")
    there = push(bare, "refs/heads/topic", tmp_path / "scratch", {"t.py": "T = 1\n"})
    deck.starting.fetch(str(repository))
    bare.rename(tmp_path / "away")
    session = deck.starting.start("topic", str(repository))
    assert deck.starting.plan("other", str(repository)).warnings
    assert oid(session.worktree) == there
    assert upstream(repository, "topic") == "origin/topic"
    assert upstream(repository, "main") == ""


def test_a_tag_of_a_remote_is_no_branch(deck: Deck, repository: Path, tmp_path: Path) -> None:
    """W26."""
    bare = publish(repository, tmp_path / "origin.git")
    push(bare, "refs/tags/topic", tmp_path / "scratch", {"t.py": "T = 1\n"})
    session = deck.starting.start("topic", str(repository))
    assert oid(session.worktree) == oid(repository)


def test_several_remotes_that_have_the_branch(deck: Deck, repository: Path, tmp_path: Path) -> None:
    mine = publish(repository, tmp_path / "a.git", remote="a", url="https://github.com/ada/shop.git")
    other = publish(repository, tmp_path / "b.git", remote="b", url="https://github.com/bob/shop.git")
    push(mine, "refs/heads/topic", tmp_path / "sa", {"t.py": "T = 1\n"})
    there = push(other, "refs/heads/topic", tmp_path / "sb", {"t.py": "T = 2\n"})
    plan = deck.starting.plan("topic", str(repository))
    assert plan.session.base == oid(repository)
    assert "a, b all have a branch 'topic'" in plan.warnings[0]
    run_git(repository, "config", "checkout.defaultRemote", "b")
    assert deck.starting.plan("topic", str(repository)).session.base == there


def test_a_remote_that_is_gone_or_hangs_is_a_warning(deck: Deck, repository: Path, tmp_path: Path) -> None:
    """C08, W30."""
    run_git(repository, "remote", "add", "gone", str(tmp_path / "nothing"))
    deck.paths.config.mkdir(parents=True)
    (deck.paths.config / "config.toml").write_text("[start]\nfetch_timeout = 1.0\n")
    with silent_server() as url:
        run_git(repository, "remote", "add", "slow", url)
        plan = deck.starting.plan("topic", str(repository))
        assert len(plan.warnings) == 2
        assert "gone does not say" in plan.warnings[0]
        assert "slow does not say whether it has 'topic': no answer within 1 s" in plan.warnings[1]
        told: list[str] = []
        session = deck.starting.carry_out(plan, warn=told.append)
        assert told == list(plan.warnings)
        assert oid(session.worktree) == oid(repository)


def test_offline_nobody_is_asked(deck: Deck, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C08."""
    from devdeck.git import fetching

    def ask(*arguments: object, **options: object) -> None:
        raise AssertionError("a remote was asked")

    publish(repository, tmp_path / "origin.git")
    monkeypatch.setattr(fetching, "ask", ask)
    assert deck.starting.start("topic", str(repository), offline=True).base == oid(repository)


def test_a_branch_that_is_gone_from_the_remote_when_it_is_fetched_leaves_nothing(
    deck: Deck, repository: Path, tmp_path: Path
) -> None:
    bare = publish(repository, tmp_path / "origin.git")
    push(bare, "refs/heads/topic", tmp_path / "scratch", {"t.py": "T = 1\n"})
    plan = deck.starting.plan("topic", str(repository))
    run_git(bare, "update-ref", "-d", "refs/heads/topic")
    with pytest.raises(NotFound, match=r"origin has no refs/heads/topic"):
        deck.starting.carry_out(plan)
    assert is_untouched(deck, repository)


@pytest.mark.parametrize(
    "label",
    ["all", "ALL", "-", "-x", "a b", "a..b", "", "a:b", ".", "a.lock", "@", "a\nb", "--upload-pack=touch /tmp/x"],
)
def test_a_bad_label_makes_nothing(deck: Deck, repository: Path, label: str) -> None:
    """C11, C36, W9."""
    with pytest.raises(UsageError):
        deck.starting.start(label, str(repository))
    assert deck.store.operations() == ()
    assert is_untouched(deck, repository)


def test_a_label_in_use_makes_nothing(deck: Deck, repository: Path) -> None:
    """C09."""
    deck.starting.start("one", str(repository))
    before = worktrees(repository)
    with pytest.raises(LabelTaken) as caught:
        deck.starting.start("one", str(repository))
    assert caught.value.status == 1
    assert worktrees(repository) == before


def test_an_occupied_folder_is_left_alone(deck: Deck, repository: Path) -> None:
    """C10."""
    place = Path(deck.starting.plan("one", str(repository)).session.worktree)
    place.mkdir(parents=True)
    (place / "precious").write_text("mine\n")
    session = deck.starting.start("one", str(repository))
    assert session.worktree == f"{place}~2"
    assert (place / "precious").read_text() == "mine\n"


def test_a_folder_that_somebody_makes_meanwhile_is_left_alone(deck: Deck, repository: Path) -> None:
    """C10."""
    plan = deck.starting.plan("one", str(repository))
    place = Path(plan.session.worktree)
    place.parent.mkdir(parents=True)
    run_git(repository, "worktree", "add", "-q", "-b", "theirs", str(place))
    with pytest.raises(UsageError, match="exists already"):
        deck.starting.carry_out(plan)
    assert (place / "a.py").exists()
    assert branches(repository) == {"main", "theirs"}
    assert deck.store.half_made() == ()


def test_two_labels_with_one_folder_never_take_each_other_s(deck: Deck, repository: Path) -> None:
    plans = [deck.starting.plan(label, str(repository)) for label in ("a/b", "a-b")]
    first = deck.starting.carry_out(plans[0])
    with pytest.raises(UsageError, match="exists already"):
        deck.starting.carry_out(plans[1])
    assert (Path(first.worktree) / "a.py").exists()
    assert branches(repository) == {"main", "a/b"}
    assert deck.starting.start("a-b", str(repository)).worktree == f"{first.worktree}~2"


def test_a_branch_checked_out_elsewhere_is_refused(deck: Deck, repository: Path, tmp_path: Path) -> None:
    """The hint says where to go on: to the session, to a branch from it, or to adopt the worktree."""
    with pytest.raises(Refused, match="checked out at") as caught:
        deck.starting.start("main", str(repository))
    assert "`devdeck start LABEL --base main`" in caught.value.hint
    deck.starting.start("fix", str(repository))
    with pytest.raises(Refused, match="checked out at") as caught:
        deck.starting.checkout("fix", str(repository), "other")
    assert caught.value.hint == "it is the branch of the session 'fix': `devdeck open fix`"
    place = tmp_path / "by hand"
    run_git(repository, "worktree", "add", "-q", "-b", "hand", str(place))
    with pytest.raises(Refused, match="checked out at") as caught:
        deck.starting.start("hand", str(repository))
    assert caught.value.hint == f"make that worktree a session: `devdeck adopt '{place}'`"


@pytest.mark.parametrize("name", ["with space", "qu'o\"te", "ünï-日本", "new\nline", "$(touch pwned)", "-dash"])
def test_paths_of_any_characters(deck: Deck, tmp_path: Path, name: str) -> None:
    """C20."""
    repository = make_repository(tmp_path / name / "shop", files={"a.py": "A = 1\n"})
    session = deck.starting.start("one", str(repository))
    assert session.repository_path == str(repository)
    assert (Path(session.worktree) / "a.py").exists()
    assert worktrees(repository) == [str(repository), session.worktree]
    deck.removing.remove(session)
    assert worktrees(repository) == [str(repository)]


@pytest.mark.parametrize("name", ["with space", "qu'o\"te", "new\nline", "ünï"])
def test_repositories_of_any_name(deck: Deck, tmp_path: Path, name: str) -> None:
    """C20."""
    repository = make_repository(tmp_path / name, files={"a.py": "A = 1\n"})
    session = deck.starting.start("one", str(repository))
    assert "\n" not in session.worktree
    assert deck.terminals.of(session) is not None
    assert (Path(session.worktree) / "a.py").exists()


def test_a_path_that_is_no_utf_8_makes_nothing(deck: Deck, tmp_path: Path) -> None:
    """C20."""
    folder = os.fsdecode(os.fsencode(str(tmp_path)) + b"/caf\xe9")
    repository = make_repository(Path(folder), files={"a.py": "A = 1\n"})
    with pytest.raises(UsageError, match="not valid UTF-8"):
        deck.starting.start("one", str(repository))
    assert is_untouched(deck, repository)


def test_start_from_inside_a_worktree_uses_the_main_repository(deck: Deck, repository: Path) -> None:
    """C34, W22."""
    first = deck.starting.start("one", str(repository))
    second = deck.starting.start("two", str(Path(first.worktree)))
    assert second.repository_path == str(repository)
    assert Path(second.worktree).parent == Path(first.worktree).parent


def test_no_repository_and_no_base_are_not_found(deck: Deck, repository: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        deck.starting.start("x", str(tmp_path))
    with pytest.raises(NotFound):
        deck.starting.start("x", str(repository), base="nowhere")
    assert branches(repository) == {"main"}


def test_a_failing_terminal_takes_everything_back(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W11."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise BackendError("tmux says no")

    with monkeypatch.context() as patch:
        patch.setattr(TmuxServer, "new_session", refuse)
        with pytest.raises(DeckError, match="tmux says no"):
            deck.starting.start("one", str(repository))
    assert is_untouched(deck, repository)
    assert deck.store.operations()[0].state is OperationState.FAILED


STEPS = (making.Reserve, making.AddWorktree, making.MakeTerminal, making.Record)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True])
def test_a_failure_before_or_after_any_step_leaves_nothing(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch, step: type[making.Reserve], after: bool
) -> None:
    """C17."""
    real = step.do

    def failing(self: making.Reserve, site: Site) -> None:
        if after:
            real(self, site)
        raise DeckError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(step, "do", failing)
        with pytest.raises(DeckError, match="the disk is full"):
            deck.starting.start("one", str(repository))
    assert until(lambda: is_untouched(deck, repository))
    assert not list((repository / ".git").glob("worktrees/*"))
    deck.starting.start("one", str(repository))


def test_without_tmux_nothing_is_made(deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C37."""

    def missing(self: TmuxServer) -> tuple[int, int]:
        raise ToolMissing("tmux is not installed", "install tmux")

    monkeypatch.setattr(TmuxServer, "version", missing)
    with pytest.raises(Missing):
        deck.starting.start("one", str(repository))
    assert branches(repository) == {"main"}


def test_prefix_labels_are_three_sessions(deck: Deck, repository: Path) -> None:
    """C12."""
    labels = ("fix", "fix-login", "fix.login")
    for label in labels:
        deck.starting.start(label, str(repository))
    deck.terminals.end(deck.terminals.of(deck.sessions.find("fix")))  # type: ignore[arg-type]
    deck.removing.remove(deck.sessions.find("fix"))
    left = {terminal.devdeck_id for terminal in deck.terminals.all()}
    assert left == {deck.sessions.find(label).id for label in labels[1:]}


def test_sixteen_starts_at_once(deck: Deck, repository: Path, tmp_path: Path) -> None:
    """C14. Half of them follow a branch of the remote, so that they write the configuration too."""
    bare = publish(repository, tmp_path / "origin.git")
    for number in range(0, 16, 2):
        run_git(bare, "branch", f"s{number}", "main")
    command = [sys.executable, "-m", "devdeck", "start", "-p", str(repository)]

    def start(number: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, f"s{number}"], capture_output=True, text=True, timeout=110)

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(start, range(16)))
    assert [result.stderr for result in results if result.returncode] == []
    assert {session.label for session in deck.sessions.all()} == {f"s{number}" for number in range(16)}
    assert len({terminal.devdeck_id for terminal in deck.terminals.all()}) == 16
    assert len(worktrees(repository)) == 17
    followed = [upstream(repository, f"s{number}") for number in range(0, 16, 2)]
    # A remote that took longer to answer than it may is a warning; what was fetched is followed in any case.
    assert set(followed) <= {"", *(f"origin/s{number}" for number in range(0, 16, 2))}
    assert any(followed)


KILLS = [("begun", 0), *((point, number) for point in POINTS[1:] for number in range(4))]


@pytest.mark.parametrize(("point", "number"), KILLS)
def test_a_start_that_was_killed_is_named_and_settled(deck: Deck, repository: Path, point: str, number: int) -> None:
    """C15."""
    assert run_killed(f"deck.starting.start('one', {str(repository)!r})", point, number)
    assert [found.name for found in doctor.examine(deck) if found.fixable] == ["unfinished operation"]
    if (point, number) not in (("begun", 0), ("step-done", 3), ("step-journaled", 3)):
        with pytest.raises(LabelTaken) as caught:
            deck.starting.start("one", str(repository))
        assert "doctor --fix" in caught.value.hint
    whole = (point, number) == ("step-journaled", 3)  # nothing lacks but the last line of the journal
    assert doctor.fix(deck) == ("finished start one" if whole else "took back start one",)
    assert [found.name for found in doctor.examine(deck) if found.fixable] == []
    if whole:
        assert deck.sessions.find("one").managed_branch
        return
    assert until(lambda: is_untouched(deck, repository))
    deck.starting.start("one", str(repository))


def test_a_set_up_that_can_t_be_started_leaves_the_session(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Setups, session: Session, *, in_pane: bool | None = None) -> tuple[Job, ...]:
        raise DeckError("no such command")

    monkeypatch.setattr(Setups, "launch", refuse)
    told: list[str] = []
    session = deck.starting.start("one", str(repository), warn=told.append)
    assert told == ["'one' is not set up: no such command"]
    assert deck.sessions.find("one") == session


def test_what_was_not_done_is_told_as_done_by_the_time_it_is_told(deck: Deck, repository: Path) -> None:
    (repository / ".par.yaml").write_text("initialization:\n  include: [plain]\n")
    told: list[str] = []
    plan = deck.starting.plan("one", str(repository))
    deck.setups.trust(str(repository))  # meanwhile: the warning of the plan is not true any more
    deck.starting.carry_out(plan, warn=told.append)
    assert told == []
    (repository / ".par.yaml").write_text("initialization:\n  include: [another]\n")
    deck.starting.start("two", str(repository), warn=told.append)
    assert len(told) == 1
    assert "nothing of it was done" in told[0]


def test_trust_is_given_by_starting_and_not_by_planning(deck: Deck, repository: Path) -> None:
    (repository / "plain").write_text("included\n")
    (repository / ".par.yaml").write_text("initialization:\n  include: [plain]\n")
    assert "is not trusted, so nothing of it would be done" in deck.starting.plan("one", str(repository)).warnings[0]
    assert deck.starting.plan("one", str(repository), trust=True).warnings == ()
    assert not deck.setups.look(str(repository)).trusted
    session = deck.starting.start("one", str(repository), trust=True)
    assert deck.setups.look(str(repository)).trusted
    assert (Path(session.worktree) / "plain").read_text() == "included\n"


def test_a_configuration_that_is_wrong_makes_nothing(deck: Deck, repository: Path) -> None:
    (repository / ".par.yaml").write_text("initialization: [oops\n")
    with pytest.raises(DeckError, match=r"par\.yaml"):
        deck.starting.start("one", str(repository))
    assert is_untouched(deck, repository)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_included_files_are_no_work_when_a_start_is_taken_back(deck: Deck, repository: Path, number: int) -> None:
    """C15: our own copies go; nothing is put into the trash for them."""
    commit(repository, {".gitignore": ".env\n", ".par.yaml": "initialization:\n  include: [.env]\n"}, "set up")
    (repository / ".env").write_text("SECRET=1\n")
    assert run_killed(f"deck.starting.start('one', {str(repository)!r}, trust=True)", "step-done", number)
    assert doctor.fix(deck) == ("took back start one",)
    assert until(lambda: is_untouched(deck, repository))
    assert deck.store.trash() == ()
    assert not list(deck.paths.worktrees.glob("*/*"))
    assert (repository / ".env").read_text() == "SECRET=1\n"


def test_branches_to_pick_from(deck: Deck, repository: Path, tmp_path: Path) -> None:
    bare = publish(repository, tmp_path / "origin.git")
    push(bare, "refs/heads/topic", tmp_path / "scratch", {"t.py": "T = 1\n"})
    run_git(repository, "remote", "set-head", "origin", "main")
    deck.starting.fetch(str(repository))
    later = {"GIT_COMMITTER_DATE": "1800000000 +0000"}
    run_git(repository, "commit", "-q", "--allow-empty", "-m", "the [b]newest[/b]", env=later)
    run_git(repository, "tag", "v1", "HEAD~1")
    run_git(repository, "update-ref", "refs/remotes/origin/pull/7/head", "HEAD")
    found = {choice.name: choice for choice in deck.starting.branches(str(repository))}
    assert set(found) == {"main", "origin/main", "origin/topic", "v1"}
    newest = next(iter(found.values()))
    assert (newest.name, newest.kind, newest.subject) == ("main", "local", "the [b]newest[/b]")
    assert (newest.worktree, newest.at) == (str(repository), 1_800_000_000)
    assert (found["origin/topic"].kind, found["origin/topic"].worktree) == ("remote", None)
    assert found["v1"].kind == "tag"


def test_fetching_names_the_remotes_that_failed(deck: Deck, repository: Path, tmp_path: Path) -> None:
    bare = publish(repository, tmp_path / "origin.git")
    push(bare, "refs/heads/topic", tmp_path / "scratch", {"t.py": "T = 1\n"})
    run_git(repository, "remote", "add", "gone", str(tmp_path / "nothing"))
    with pytest.raises(DeckError, match="gone: ") as caught:
        deck.starting.fetch(str(repository))
    assert "origin" not in caught.value.message
    assert run_git(repository, "rev-parse", "refs/remotes/origin/topic")
