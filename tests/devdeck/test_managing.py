"""Renaming sessions, and taking over what others made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backends.base import BackendError
from backends.tmux.server import TmuxServer
from devdeck import doctor
from devdeck.deck import Deck
from devdeck.doctor import leftovers
from devdeck.doctor.findings import look
from devdeck.errors import DeckError, NotFound, Refused, UsageError
from devdeck.git import repository as repositories
from devdeck.model import Member, OperationState, Session, SessionKind
from devdeck.store import Busy, LabelTaken
from tests.devdeck.killing import POINTS, REVERSING, run_killed
from tests.git_support import commit, make_repository, run_git
from tests.tmux_support import tmux as tmux_command


def branches(repository: Path) -> set[str]:
    return set(run_git(repository, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").split())


def label_in_terminal(deck: Deck, session: Session) -> str:
    terminal = deck.terminals.own(session)
    assert terminal is not None
    return tmux_command(deck.terminals.tmux, "show-environment", "-t", terminal.id, "DEVDECK_LABEL").strip()


@pytest.fixture
def by_hand(deck: Deck, repository: Path, tmp_path: Path) -> Path:
    deck.store.know_repository(str(repository), "shop")
    place = tmp_path / "by-hand"
    run_git(repository, "worktree", "add", "-q", "-b", "theirs", str(place))
    return place


# Rename


def test_rename_takes_the_branch_the_terminal_and_the_label_along(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("fix", str(repository))
    tip = run_git(session.worktree, "rev-parse", "HEAD")
    before = deck.terminals.own(session)
    renamed = deck.managing.rename(session, "fix/login")
    assert renamed == deck.sessions.find("fix/login")
    assert (renamed.id, renamed.worktree, renamed.branch) == (session.id, session.worktree, "fix/login")
    assert branches(repository) == {"main", "fix/login"}
    assert repositories.read_head(session.worktree) == ("fix/login", tip.strip())
    terminal = deck.terminals.own(renamed)
    assert before is not None
    assert terminal is not None
    assert (terminal.id, terminal.name) == (before.id, "shop-fix-login")
    assert label_in_terminal(deck, renamed) == "DEVDECK_LABEL=fix/login"
    with pytest.raises(NotFound):
        deck.sessions.find("fix")
    operation = deck.store.operations()[0]
    assert (operation.verb, operation.state) == ("rename", OperationState.DONE)
    assert operation.undo == "devdeck rename fix/login fix"


def test_the_upstream_stays(deck: Deck, repository: Path, tmp_path: Path) -> None:
    far = make_repository(tmp_path / "far", bare=True)
    session = deck.starting.start("fix", str(repository))
    run_git(repository, "remote", "add", "origin", str(far))
    run_git(session.worktree, "push", "-q", "-u", "origin", "fix")
    renamed = deck.managing.rename(session, "better")
    assert run_git(renamed.worktree, "rev-parse", "--abbrev-ref", "@{upstream}").strip() == "origin/fix"


def test_rename_can_be_reversed(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("fix", str(repository))
    renamed = deck.managing.rename(session, "better")
    commit(Path(renamed.worktree), {"b.py": "B = 1\n"}, "work")
    operation = deck.transactions.reverse(deck.store.operations()[0])
    assert operation.state is OperationState.UNDONE
    assert deck.sessions.find("fix") == session
    assert branches(repository) == {"main", "fix"}
    terminal = deck.terminals.own(session)
    assert terminal is not None
    assert terminal.name == "shop-fix"
    assert label_in_terminal(deck, session) == "DEVDECK_LABEL=fix"
    assert "B = 1" in run_git(repository, "show", "fix:b.py")


def test_undo_takes_back_a_rename_and_an_adoption(deck: Deck, repository: Path, by_hand: Path) -> None:
    session = deck.starting.start("fix", str(repository))
    deck.managing.adopt(str(by_hand))
    deck.managing.rename(session, "better")
    assert [deck.history.undo().verb, deck.history.undo().verb] == ["rename", "adopt"]
    assert deck.store.sessions() == (session,)
    assert branches(repository) == {"main", "fix", "theirs"}
    assert by_hand.is_dir()


def test_a_label_that_is_taken_again_keeps_a_rename_from_being_reversed(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("fix", str(repository))
    deck.managing.rename(session, "better")
    operation = deck.store.operations()[0]
    deck.starting.start("fix", str(repository))
    with pytest.raises(LabelTaken):
        deck.transactions.reverse(operation)
    assert branches(repository) == {"main", "fix", "better"}
    assert deck.sessions.find("better").branch == "better"
    assert deck.store.operation(operation.id) == operation  # refused, not half done: it can still be undone
    deck.removing.remove(deck.sessions.find("fix"))
    assert deck.transactions.reverse(operation).state is OperationState.UNDONE
    assert deck.sessions.find("fix").branch == "fix"


@pytest.mark.parametrize("point", REVERSING)
@pytest.mark.parametrize("number", range(4))
def test_an_undo_of_a_rename_that_was_killed_is_finished(deck: Deck, repository: Path, point: str, number: int) -> None:
    """C15."""
    session = deck.starting.start("fix", str(repository))
    deck.managing.rename(session, "better")
    operation = deck.store.operations()[0]
    steps = len(deck.transactions.steps(operation))
    killed = run_killed("deck.history.undo()", point, number)
    assert killed is (number < (1 if point == "taken-over" else steps))
    if killed:
        assert [found.name for found in look(deck, leftovers.CHECKS)] == ["unfinished operation"]
        with pytest.raises(Refused, match="cut off"):
            deck.history.undo()
        assert doctor.fix(deck) == ("took back rename fix",)
    assert [found.name for found in look(deck, leftovers.CHECKS)] == []
    undone = deck.store.operation(operation.id)
    assert undone is not None
    assert undone.state is OperationState.UNDONE
    assert deck.sessions.find("fix") == session
    assert branches(repository) == {"main", "fix"}
    terminal = deck.terminals.own(session)
    assert terminal is not None
    assert terminal.name == "shop-fix"
    assert label_in_terminal(deck, session) == "DEVDECK_LABEL=fix"


def test_an_undo_that_fails_half_way_is_kept_for_the_doctor(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = deck.starting.start("fix", str(repository))
    deck.managing.rename(session, "better")
    operation = deck.store.operations()[0]
    first = type(deck.transactions.steps(operation)[0])
    with monkeypatch.context() as broken:
        broken.setattr(first, "undo", lambda self, site: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            deck.history.undo()
    assert [found.name for found in look(deck, leftovers.CHECKS)] == ["unfinished operation"]
    doctor.fix(deck)
    assert deck.sessions.find("fix") == session
    assert branches(repository) == {"main", "fix"}


def test_a_change_that_was_cut_off_is_settled_by_one_devdeck(deck: Deck, repository: Path) -> None:
    deck.starting.start("fix", str(repository))
    assert run_killed("deck.managing.rename(deck.sessions.find('fix'), 'better')", "step-done")
    operation = deck.store.operations()[0]
    deck.store.take_over(operation)
    with pytest.raises(Busy, match="another devdeck works at rename"):
        deck.transactions.settle(operation)
    with pytest.raises(Busy):
        deck.transactions.reverse(operation)
    deck.store.abandon(operation, operation.detail)
    assert deck.transactions.settle(operation).state is OperationState.FAILED
    with pytest.raises(Busy):
        deck.transactions.settle(operation)


def test_keep_branch_leaves_the_branch(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("fix", str(repository))
    renamed = deck.managing.rename(session, "better", keep_branch=True)
    assert renamed.branch == "fix"
    assert branches(repository) == {"main", "fix"}
    # Its branch is another's name now, so it is not renamed later either.
    plan = deck.managing.plan_rename(renamed, "best")
    assert plan.session.branch == "fix"
    assert any("keeps its name" in warning for warning in plan.warnings)


def test_a_branch_that_was_there_before_keeps_its_name(deck: Deck, repository: Path) -> None:
    run_git(repository, "branch", "theirs")
    session = deck.starting.start("theirs", str(repository))
    plan = deck.managing.plan_rename(session, "mine")
    assert any("devdeck did not make it" in warning for warning in plan.warnings)
    assert deck.managing.rename(session, "mine").branch == "theirs"
    assert branches(repository) == {"main", "theirs"}


def test_a_terminal_that_the_user_named_keeps_its_name(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("fix", str(repository))
    terminal = deck.terminals.own(session)
    assert terminal is not None
    deck.terminals.tmux.rename_session(terminal.id, "my own")
    renamed = deck.managing.rename(session, "better")
    after = deck.terminals.own(renamed)
    assert after is not None
    assert after.name == "my own"
    assert label_in_terminal(deck, renamed) == "DEVDECK_LABEL=better"


@pytest.mark.parametrize(
    "label", ["all", "-x", "a b", "a..b", "", "a:b", "fix", "--upload-pack=touch x", "refs/heads/x"]
)
def test_a_bad_label_renames_nothing(deck: Deck, repository: Path, label: str) -> None:
    """C11, C36."""
    session = deck.starting.start("fix", str(repository))
    with pytest.raises(UsageError):
        deck.managing.rename(session, label)
    assert branches(repository) == {"main", "fix"}
    assert deck.sessions.find("fix") == session
    assert [operation.verb for operation in deck.store.operations()] == ["start"]


@pytest.mark.parametrize("other", ["better", "better/still"])
def test_a_branch_in_the_way_is_refused(deck: Deck, repository: Path, other: str) -> None:
    session = deck.starting.start("fix", str(repository))
    run_git(repository, "branch", other)
    with pytest.raises(Refused, match=f"'{other}' exists"):
        deck.managing.rename(session, "better")
    run_git(repository, "branch", "-D", "-q", other)
    run_git(repository, "branch", "better")
    with pytest.raises(Refused, match="'better' exists"):
        deck.managing.rename(session, "better/still")
    assert deck.sessions.find("fix") == session


def test_a_branch_checked_out_elsewhere_is_refused_with_the_place(deck: Deck, repository: Path, tmp_path: Path) -> None:
    session = deck.starting.start("fix", str(repository))
    place = tmp_path / "elsewhere"
    run_git(repository, "worktree", "add", "-q", "-b", "better", str(place))
    with pytest.raises(Refused, match=str(place)):
        deck.managing.rename(session, "better")
    second = tmp_path / "second"
    run_git(repository, "worktree", "add", "-q", "--force", str(second), "fix")
    with pytest.raises(Refused, match=str(second)):
        deck.managing.rename(session, "best")
    assert deck.managing.rename(session, "best", keep_branch=True).branch == "fix"


def test_an_operation_in_progress_is_refused(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("fix", str(repository))
    tree = Path(session.worktree)
    commit(tree, {"a.py": "A = 2\n"}, "ours")
    commit(repository, {"a.py": "A = 3\n"}, "theirs")
    run_git(tree, "rebase", "main", check=False)
    with pytest.raises(Refused, match="a rebase is in progress"):
        deck.managing.rename(session, "better")
    run_git(tree, "rebase", "--abort")
    assert deck.managing.rename(session, "better").branch == "better"
    run_git(tree, "merge", "-q", "main", check=False)
    with pytest.raises(Refused, match="a merge is in progress"):
        deck.managing.rename(deck.sessions.find("better"), "best")


def test_a_failing_terminal_takes_the_branch_back(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = deck.starting.start("fix", str(repository))

    def refuse(*args: object, **kwargs: object) -> None:
        raise BackendError("tmux says no")

    with monkeypatch.context() as patch:
        patch.setattr(TmuxServer, "rename_session", refuse)
        with pytest.raises(DeckError, match="tmux says no"):
            deck.managing.rename(session, "better")
    assert branches(repository) == {"main", "fix"}
    assert deck.sessions.find("fix") == session
    assert deck.store.operations()[0].state is OperationState.FAILED


def test_a_label_taken_meanwhile_takes_everything_back(
    deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C14."""
    session = deck.starting.start("fix", str(repository))
    other = Session(id="x", label="better", repository="r", repository_path="/r", worktree="/w")
    monkeypatch.setattr(type(deck.managing), "_require_free", lambda self, label: deck.store.save_session(other))
    with pytest.raises(LabelTaken):
        deck.managing.rename(session, "better")
    assert branches(repository) == {"main", "fix"}
    assert deck.sessions.find("fix") == session


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("number", range(3))
def test_a_rename_that_was_killed_is_settled(deck: Deck, repository: Path, point: str, number: int) -> None:
    """C15."""
    session = deck.starting.start("fix", str(repository))
    killed = run_killed("deck.managing.rename(deck.sessions.find('fix'), 'better')", point, number)
    assert killed is (point != "begun" or number == 0)
    if not killed:
        return
    assert [found.name for found in look(deck, leftovers.CHECKS)] == ["unfinished operation"]
    whole = (point, number) == ("step-journaled", 2)  # nothing lacks but the last line of the journal
    assert doctor.fix(deck) == ("finished rename fix" if whole else "took back rename fix",)
    assert [found.name for found in look(deck, leftovers.CHECKS)] == []
    if whole:
        assert deck.sessions.find("better").branch == "better"
        assert deck.store.operations()[0].undo == "devdeck rename better fix"
        assert deck.history.undo().verb == "rename"
    assert deck.sessions.find("fix") == session
    assert branches(repository) == {"main", "fix"}
    terminal = deck.terminals.own(session)
    assert terminal is not None
    assert terminal.name == "shop-fix"
    assert deck.managing.rename(session, "better").label == "better"


def workspace(deck: Deck, tmp_path: Path) -> Session:
    """A workspace as `workspace start` makes it: two repositories, a worktree of each below one folder."""
    folder = tmp_path / "spaces" / "ws"
    members = []
    for name in ("api", "web"):
        root = make_repository(tmp_path / "src" / name)
        place = folder / name
        run_git(root, "worktree", "add", "-q", "-b", "ws", str(place))
        members.append(
            Member(
                repository=name,
                repository_path=str(root),
                worktree=str(place),
                branch="ws",
                managed_branch=name == "api",
            )
        )
    session = Session(
        id="w1",
        label="ws",
        kind=SessionKind.WORKSPACE,
        repository="src",
        repository_path=str(tmp_path / "src"),
        worktree=str(folder),
        members=tuple(members),
    )
    deck.store.save_session(session)
    deck.terminals.make(session)
    return session


def test_a_workspace_takes_the_branches_of_its_members_along(deck: Deck, tmp_path: Path) -> None:
    session = workspace(deck, tmp_path)
    renamed = deck.managing.rename(session, "space")
    assert [member.branch for member in renamed.members] == ["space", "ws"]
    assert branches(tmp_path / "src" / "api") == {"main", "space"}
    assert branches(tmp_path / "src" / "web") == {"main", "ws"}
    terminal = deck.terminals.own(renamed)
    assert terminal is not None
    assert terminal.name == "src-space"
    assert [member.label for member in renamed.member_sessions()] == ["space:api", "space:web"]
    with pytest.raises(UsageError, match="belongs to a workspace"):
        deck.managing.rename(renamed.member_sessions()[0], "alone")


def test_a_branch_in_the_way_in_one_repository_renames_none(deck: Deck, tmp_path: Path) -> None:
    session = workspace(deck, tmp_path)
    run_git(tmp_path / "src" / "api", "branch", "space")
    with pytest.raises(Refused):
        deck.managing.rename(session, "space")
    assert branches(tmp_path / "src" / "web") == {"main", "ws"}
    assert deck.store.sessions() == (session,)


# Adopt


def test_a_worktree_made_by_hand_is_adopted_with_its_terminal(
    deck: Deck, by_hand: Path, tmux: TmuxServer, repository: Path
) -> None:
    tmux.new_session(name="mine", cwd=str(by_hand), devdeck_id="")
    (found,) = deck.sessions.all()
    adopted = deck.managing.adopt(str(by_hand), "ours")
    assert deck.sessions.all() == (adopted,)
    assert adopted.id == found.id  # what was recorded of it stays its own
    assert (adopted.label, adopted.managed, adopted.managed_branch, adopted.branch) == ("ours", True, False, "theirs")
    terminal = deck.terminals.own(adopted)
    assert terminal is not None
    assert terminal.name == "mine"
    assert label_in_terminal(deck, adopted) == "DEVDECK_LABEL=ours"
    deck.removing.remove(adopted)
    assert not by_hand.exists()
    assert "theirs" in branches(repository)


@pytest.mark.parametrize("target", ["subfolder", "label", "tmux name", "link", "session"])
def test_what_to_adopt_can_be_said_in_several_ways(
    deck: Deck, by_hand: Path, tmux: TmuxServer, tmp_path: Path, target: str
) -> None:
    tmux.new_session(name="mine", cwd=str(by_hand), devdeck_id="")
    (by_hand / "deep").mkdir()
    (tmp_path / "link").symlink_to(by_hand)
    said: dict[str, str | Session] = {
        "subfolder": str(by_hand / "deep"),
        "label": "theirs",
        "tmux name": "mine",
        "link": str(tmp_path / "link"),
        "session": deck.sessions.find("theirs"),
    }
    adopted = deck.managing.adopt(said[target])
    assert (adopted.label, adopted.worktree) == ("theirs", str(by_hand))
    assert deck.terminals.own(adopted) is not None


def test_what_can_not_be_adopted(deck: Deck, by_hand: Path, repository: Path, tmp_path: Path, tmux: TmuxServer) -> None:
    ours = deck.starting.start("ours", str(repository))
    with pytest.raises(LabelTaken, match="'ours' already"):
        deck.managing.adopt(ours.worktree)
    with pytest.raises(UsageError, match="main worktree"):
        deck.managing.adopt(str(repository))
    with pytest.raises(NotFound, match="in no git worktree"):
        deck.managing.adopt(str(tmp_path))
    with pytest.raises(NotFound):
        deck.managing.adopt("nobody")
    with pytest.raises(LabelTaken):
        deck.managing.adopt(str(by_hand), "ours")
    with pytest.raises(UsageError):
        deck.managing.adopt(str(by_hand), "all")
    assert {session.label for session in deck.store.sessions()} == {"ours"}


def test_adopting_can_be_reversed(deck: Deck, by_hand: Path, tmux: TmuxServer) -> None:
    made = tmux.new_session(name="mine", cwd=str(by_hand), devdeck_id="")
    adopted = deck.managing.adopt(str(by_hand))
    deck.transactions.reverse(deck.store.operations()[0])
    (found,) = deck.sessions.all()
    assert not found.managed
    (terminal,) = deck.terminals.all()
    assert (terminal.id, terminal.devdeck_id) == (made.id, "")
    assert "DEVDECK_LABEL" not in tmux_command(tmux, "show-environment", "-t", made.id)
    assert adopted.id == found.id
    assert by_hand.is_dir()


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("number", range(3))
def test_an_adoption_that_was_killed_is_settled(
    deck: Deck, by_hand: Path, tmux: TmuxServer, point: str, number: int
) -> None:
    """C15."""
    tmux.new_session(name="mine", cwd=str(by_hand), devdeck_id="")
    if not run_killed(f"deck.managing.adopt({str(by_hand)!r})", point, number):
        assert (point, number > 0) == ("begun", True)
        return
    whole = (point, number) == ("step-journaled", 2)
    assert doctor.fix(deck) == ("finished adopt theirs" if whole else "took back adopt theirs",)
    assert [found.name for found in look(deck, leftovers.CHECKS)] == []
    if whole:
        assert deck.history.undo().verb == "adopt"
    assert deck.store.sessions() == ()
    assert [terminal.devdeck_id for terminal in deck.terminals.all()] == [""]
    assert deck.managing.adopt(str(by_hand)).label == "theirs"


def test_a_terminal_elsewhere_is_not_taken_over(
    deck: Deck, by_hand: Path, tmux: TmuxServer, repository: Path, tmp_path: Path
) -> None:
    tmux.new_session(name="elsewhere", cwd=str(tmp_path), devdeck_id="")
    adopted = deck.managing.adopt(str(by_hand))
    assert deck.terminals.own(adopted) is None
    assert [terminal.devdeck_id for terminal in deck.terminals.all()] == [""]
    assert os.path.isdir(adopted.worktree)
