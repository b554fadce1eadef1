"""Workspaces over real repositories and a real tmux: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.base import BackendError
from backends.tmux.server import TmuxServer
from devdeck import doctor
from devdeck.deck import Deck
from devdeck.errors import DeckError, Missing, NotFound, Refused, UsageError
from devdeck.model import JobKind, OperationState, Session, SessionKind
from devdeck.store import LabelTaken
from devdeck.workspace import workspaces
from tests.devdeck.killing import POINTS, run_killed
from tests.devdeck.terminal.terminal_support import settled
from tests.git_support import commit, make_repository, run_git
from tests.support import until


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    """A folder with three repositories in it, and things that are none."""
    place = tmp_path / "src"
    for name in ("api", "docs", "web"):
        make_repository(place / name, files={f"{name}.txt": f"{name}\n"})
    (place / "notes").mkdir()
    (place / "README").write_text("not a folder\n")
    return place


def branches(repository: Path) -> set[str]:
    return set(run_git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads").split())


def worktrees(repository: Path) -> list[str]:
    listed = run_git(repository, "worktree", "list", "--porcelain").splitlines()
    return [line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")]


def nothing_is_left(deck: Deck, folder: Path, names: tuple[str, ...] = ("api", "docs", "web")) -> bool:
    """Whether there is no trace of a workspace in the repositories, in the store, in tmux and in the data folder."""
    for name in names:
        assert branches(folder / name) == {"main"}
        assert worktrees(folder / name) == [str(folder / name)]
    assert deck.store.sessions() == ()
    assert deck.store.half_made() == ()
    assert list(deck.paths.worktrees.glob("*/*")) == []
    assert until(lambda: deck.terminals.all() == ())
    return True


def names(session: Session) -> list[str]:
    return [member.repository for member in session.members]


def test_start_makes_a_worktree_in_each_repository_and_one_terminal(deck: Deck, folder: Path) -> None:
    """C29."""
    session = deck.workspaces.start("cart", str(folder))
    assert (session.kind, session.repository, session.repository_path) == (SessionKind.WORKSPACE, "src", str(folder))
    assert names(session) == ["api", "docs", "web"]
    place = Path(session.worktree)
    assert place.is_relative_to(deck.paths.worktrees)
    for name in names(session):
        assert branches(folder / name) == {"main", "cart"}
        assert worktrees(folder / name) == [str(folder / name), str(place / name)]
        assert (place / name / f"{name}.txt").read_text() == f"{name}\n"
    (terminal,) = deck.terminals.all()
    assert (terminal.devdeck_id, terminal.path, len(terminal.panes)) == (session.id, str(place), 1)
    assert deck.sessions.find("cart") == session
    (operation,) = deck.store.operations()
    assert (operation.verb, operation.label, operation.state) == ("start", "cart", OperationState.DONE)


def test_a_member_is_found_by_its_workspace_and_name(deck: Deck, folder: Path) -> None:
    session = deck.workspaces.start("cart", str(folder))
    member = deck.sessions.find("cart:api")
    assert (member.parent, member.worktree) == (session.id, f"{session.worktree}/api")
    assert [each.label for each in deck.sessions.all()] == ["cart", "cart:api", "cart:docs", "cart:web"]
    with pytest.raises(NotFound, match="no repository 'shop' in 'cart'") as caught:
        deck.sessions.find("cart:shop")
    assert "cart:api" in caught.value.hint
    assert deck.sessions.at(f"{session.worktree}/web/x/y") == deck.sessions.find("cart:web")
    assert deck.sessions.at(session.worktree) == session
    assert deck.sessions.at("/") is None


def test_hidden_folders_are_left_out_unless_they_are_named(deck: Deck, folder: Path) -> None:
    """C29."""
    make_repository(folder / ".secret")
    (folder / "broken").mkdir()
    (folder / "broken" / ".git").write_text("gitdir: /nowhere\n")
    plan = deck.workspaces.plan("cart", str(folder))
    assert names(plan.session) == ["api", "docs", "web"]
    assert plan.warnings == ("broken is left out: its .git leads to no repository",)
    assert names(deck.workspaces.plan("cart", str(folder), [".secret", "web"]).session) == [".secret", "web"]


def test_repositories_are_named_or_given_by_path(deck: Deck, folder: Path, tmp_path: Path) -> None:
    """C29."""
    other = make_repository(tmp_path / "elsewhere" / "tools")
    session = deck.workspaces.start("cart", str(folder), [" web ", str(other), "../elsewhere/tools", "web"])
    assert names(session) == ["web", "tools"]
    assert [member.repository_path for member in session.members] == [str(folder / "web"), str(other)]
    assert all(Path(member.worktree).parent == Path(session.worktree) for member in session.members)
    assert branches(folder / "api") == {"main"}


def test_a_linked_worktree_stands_for_its_repository(deck: Deck, folder: Path) -> None:
    """C29, C34."""
    run_git(folder / "api", "worktree", "add", "-q", "-b", "side", str(folder / "api-side"))
    plan = deck.workspaces.plan("cart", str(folder))
    assert [member.repository_path for member in plan.session.members] == [
        str(folder / name) for name in ("api", "docs", "web")
    ]
    alone = deck.workspaces.plan("cart", str(folder), ["api-side"])
    assert [member.repository_path for member in alone.session.members] == [str(folder / "api")]


def test_repositories_of_one_name_are_told_apart(deck: Deck, tmp_path: Path) -> None:
    """C29."""
    roots = [make_repository(tmp_path / place / "api") for place in ("shop", "bank", "deep/shop")]
    session = deck.workspaces.start("cart", str(tmp_path), [str(root) for root in roots])
    assert names(session) == ["shop-api", "bank-api", "shop-api-2"]
    assert [worktrees(root)[1] for root in roots] == [f"{session.worktree}/{name}" for name in names(session)]


@pytest.mark.parametrize(
    ("roots", "expected"),
    [
        (["/a/api", "/a/web"], ["api", "web"]),
        (["/a/api", "/b/API"], ["a-api", "b-API"]),
        (["/a/api", "/b/api", "/c/a-api"], ["a-api", "b-api", "a-api-2"]),
        (["/x/api", "/y/api.git"], ["x-api", "y-api"]),
        (["/a/cart.code-workspace"], ["a-cart.code-workspace"]),
    ],
)
def test_names_in_a_workspace(roots: list[str], expected: list[str]) -> None:
    assert workspaces.unique_names(roots, ("cart.code-workspace",)) == expected


def test_bare_repositories_are_named_by_what_they_lie_in(deck: Deck, tmp_path: Path) -> None:
    roots = []
    for place in ("x/api/.bare", "y/api.git"):
        made = make_repository(tmp_path / "made" / place.replace("/", "-"))
        run_git(tmp_path, "clone", "-q", "--bare", str(made), str(tmp_path / place))
        roots.append(str(tmp_path / place))
    session = deck.workspaces.start("cart", str(tmp_path), roots)
    assert names(session) == ["x-api", "y-api"]
    assert deck.sessions.find("cart:y-api").repository_path == roots[1]


def test_a_label_with_a_slash(deck: Deck, folder: Path) -> None:
    """C29."""
    session = deck.workspaces.start("feature/cart", str(folder))
    assert Path(session.worktree).name == "feature-cart"
    assert branches(folder / "api") == {"main", "feature/cart"}
    assert deck.sessions.find("feature/cart:api").worktree == f"{session.worktree}/api"
    assert (Path(session.worktree) / "feature-cart.code-workspace").is_file()
    other = deck.workspaces.start("feature-cart", str(folder))
    assert Path(other.worktree).name == "feature-cart~2"


def test_branches_that_exist_are_used(deck: Deck, folder: Path, tmp_path: Path) -> None:
    """C29: a local branch, a remote one that is tracked, and a new one, in one workspace."""
    run_git(folder / "api", "branch", "cart")
    upstream = make_repository(tmp_path / "upstream")
    run_git(upstream, "branch", "cart")
    run_git(folder / "web", "remote", "add", "origin", str(upstream))
    run_git(folder / "web", "fetch", "-q", "origin")
    session = deck.workspaces.start("cart", str(folder))
    assert [member.managed_branch for member in session.members] == [False, True, True]
    web = session.members[2].worktree
    assert run_git(web, "rev-parse", "--abbrev-ref", "cart@{upstream}").strip() == "origin/cart"


def test_each_repository_may_have_its_base(deck: Deck, folder: Path) -> None:
    old = run_git(folder / "api", "rev-parse", "HEAD").strip()
    commit(folder / "api", {"new.txt": "new\n"})
    run_git(folder / "web", "branch", "stable")
    commit(folder / "web", {"new.txt": "new\n"})
    commit(folder / "docs", {"new.txt": "new\n"})
    session = deck.workspaces.start("cart", str(folder), base={"api": old, "": "HEAD", "web": "stable"})
    assert [(Path(member.worktree) / "new.txt").exists() for member in session.members] == [False, True, False]
    assert session.members[0].base == old
    with pytest.raises(UsageError, match="'shop'"):
        deck.workspaces.plan("other", str(folder), base={"shop": "main"})


def test_what_stands_against_it_is_said_of_each_repository_and_nothing_is_made(deck: Deck, folder: Path) -> None:
    """C29."""
    run_git(folder / "web", "branch", "v1")
    with pytest.raises(NotFound) as no_base:
        deck.workspaces.start("cart", str(folder), base="v1")
    assert "api: no commit 'v1'" in no_base.value.message
    assert "docs: no commit 'v1'" in no_base.value.message
    assert "web" not in no_base.value.message
    run_git(folder / "web", "branch", "-D", "v1")
    run_git(folder / "docs", "checkout", "-q", "-b", "cart")
    with pytest.raises(Refused, match=r"^docs: branch 'cart' is checked out at"):
        deck.workspaces.start("cart", str(folder))
    run_git(folder / "docs", "checkout", "-q", "main")
    run_git(folder / "docs", "branch", "-D", "cart")
    make_repository(folder / "empty", commits=0)
    with pytest.raises(NotFound, match=r"^empty: the repository has no commit"):
        deck.workspaces.start("cart", str(folder))
    assert nothing_is_left(deck, folder)
    assert deck.store.operations() == ()


@pytest.mark.parametrize(
    ("repositories", "words"),
    [
        (["nowhere"], "no folder 'nowhere'"),
        (["notes"], "'notes' is no repository"),
        (["README"], "no folder 'README'"),
    ],
)
def test_what_is_no_repository_is_not_found(deck: Deck, folder: Path, repositories: list[str], words: str) -> None:
    with pytest.raises(NotFound, match=words):
        deck.workspaces.plan("cart", str(folder), repositories)


def test_no_repositories_and_no_folder_are_not_found(deck: Deck, folder: Path) -> None:
    with pytest.raises(NotFound, match="no repositories in"):
        deck.workspaces.plan("cart", str(folder / "notes"))
    with pytest.raises(NotFound, match="no folder"):
        deck.workspaces.plan("cart", str(folder / "nowhere"))
    (folder / "api" / "inner").mkdir()
    with pytest.raises(NotFound, match=r"^'inner' is no repository"):
        deck.workspaces.plan("cart", str(folder / "api"), ["inner"])


@pytest.mark.parametrize("label", ["all", "-x", "a b", "a..b", "", "a:b", "a\nb", "../x", "--upload-pack=touch /tmp/x"])
def test_a_bad_label_makes_nothing(deck: Deck, folder: Path, label: str) -> None:
    with pytest.raises(UsageError):
        deck.workspaces.start(label, str(folder))
    assert nothing_is_left(deck, folder)


def test_a_label_in_use_makes_nothing(deck: Deck, folder: Path) -> None:
    deck.starting.start("cart", str(folder / "api"))
    with pytest.raises(LabelTaken):
        deck.workspaces.start("cart", str(folder))
    assert branches(folder / "web") == {"main"}


def refuse_in_web(monkeypatch: pytest.MonkeyPatch) -> None:
    from devdeck.git import worktrees as git_worktrees

    real = git_worktrees.add_worktree

    def failing(root: str, path: str, **options: object) -> None:
        if path.endswith("/web"):
            raise DeckError("git says no")
        real(root, path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(git_worktrees, "add_worktree", failing)


def refuse_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise DeckError("disk says no")

    monkeypatch.setattr("devdeck.workspace.ide.write", failing)


def refuse_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise BackendError("tmux says no")

    monkeypatch.setattr(TmuxServer, "new_session", failing)


@pytest.mark.parametrize("failure", [refuse_in_web, refuse_the_file, refuse_the_terminal])
def test_a_failure_anywhere_takes_everything_back(
    deck: Deck, folder: Path, monkeypatch: pytest.MonkeyPatch, failure: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """C29."""
    with monkeypatch.context() as patch:
        failure(patch)
        with pytest.raises(DeckError, match="says no"):
            deck.workspaces.start("cart", str(folder))
    assert nothing_is_left(deck, folder)
    assert deck.store.operations()[0].state is OperationState.FAILED
    deck.workspaces.start("cart", str(folder))


@pytest.mark.parametrize("number", range(1, 8, 2))
@pytest.mark.parametrize("point", POINTS[1:])
def test_a_start_that_was_killed_is_settled(deck: Deck, folder: Path, point: str, number: int) -> None:
    """C29."""
    assert run_killed(f"deck.workspaces.start('cart', {str(folder)!r})", point, number)
    if (point, number) == ("step-journaled", 7):  # nothing lacks but the last line of the journal
        assert doctor.fix(deck) == ("finished start cart",)
        assert [member.repository for member in deck.sessions.find("cart").members] == ["api", "docs", "web"]
        return
    assert doctor.fix(deck) == ("took back start cart",)
    assert nothing_is_left(deck, folder)
    deck.workspaces.start("cart", str(folder))


def test_taking_back_leaves_what_somebody_put_there(deck: Deck, folder: Path) -> None:
    assert run_killed(f"deck.workspaces.start('cart', {str(folder)!r})", "step-journaled", 5)
    (place,) = deck.paths.worktrees.glob("*/*")
    (place / "notes.md").write_text("precious\n")
    (place / "cart.code-workspace").write_text("{}")
    doctor.fix(deck)
    assert sorted(path.name for path in place.iterdir()) == ["cart.code-workspace", "notes.md"]
    assert branches(folder / "api") == {"main"}


def test_a_folder_that_somebody_made_meanwhile_stays_his(deck: Deck, folder: Path) -> None:
    plan = deck.workspaces.plan("cart", str(folder))
    place = Path(plan.session.worktree)
    make_repository(place / "api")
    with pytest.raises(DeckError, match="can't make"):
        deck.starting.carry_out(plan)
    assert (place / "api" / "README.md").is_file()
    assert branches(folder / "api") == {"main"}


def test_without_tmux_nothing_is_made(deck: Deck, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backends.base import ToolMissing

    def missing(self: TmuxServer) -> tuple[int, int]:
        raise ToolMissing("tmux is not installed", "install tmux")

    with monkeypatch.context() as patch:
        patch.setattr(TmuxServer, "version", missing)
        with pytest.raises(Missing):
            deck.workspaces.start("cart", str(folder))
    assert nothing_is_left(deck, folder)


def test_a_terminal_has_one_window_or_one_more_a_repository(deck: Deck, folder: Path) -> None:
    one = deck.terminals.of(deck.workspaces.start("one", str(folder)))
    many = deck.terminals.of(deck.workspaces.start("many", str(folder), ["api", "web"], windows=True))
    assert one is not None
    assert many is not None
    assert len(one.panes) == 1
    place = many.path
    assert [(pane.member, pane.path) for pane in many.panes] == [
        ("", place),
        ("api", f"{place}/api"),
        ("web", f"{place}/web"),
    ]


def test_what_is_trusted_is_set_up_in_every_repository(deck: Deck, folder: Path) -> None:
    for name in ("api", "web"):
        commit(folder / name, {".par.yaml": f"initialization:\n  commands:\n    - echo {name} > made\n"})
    careful = deck.workspaces.start("careful", str(folder))
    assert [job for job in deck.work.jobs(careful) if job.kind is JobKind.INIT] == []
    session = deck.workspaces.start("cart", str(folder), trust=True)
    until(lambda: all((Path(session.worktree) / name / "made").exists() for name in ("api", "web")))
    jobs = [job for job in deck.work.jobs(session) if job.kind is JobKind.INIT]
    assert {Path(job.cwd).name for job in jobs} == {"api", "web"}


def test_a_broken_configuration_is_told_before_anything_is_made(deck: Deck, folder: Path) -> None:
    commit(folder / "web", {".par.yaml": "initialization:\n  commands: [7]\n"})
    with pytest.raises(UsageError, match=r"^web: "):
        deck.workspaces.start("cart", str(folder))
    assert nothing_is_left(deck, folder)


def test_a_member_works_in_the_terminal_of_its_workspace(deck: Deck, folder: Path) -> None:
    session = deck.workspaces.start("cart", str(folder))
    member = deck.sessions.find("cart:api")
    settled(deck)
    assert deck.terminals.of(member) == deck.terminals.of(session)
    job = deck.work.run(member, ("pwd",))
    until(lambda: not deck.work.job(job.id).running)
    assert Path(job.log).read_text().strip() == member.worktree
    (terminal,) = deck.terminals.all()
    assert terminal.devdeck_id == session.id
    assert any(pane.job_id == job.id for pane in terminal.panes)
    deck.terminals.end(terminal)
    until(lambda: deck.terminals.all() == ())
    deck.work.run(member, ("true",))
    (terminal,) = deck.terminals.all()
    assert (terminal.devdeck_id, terminal.path) == (session.id, session.worktree)
