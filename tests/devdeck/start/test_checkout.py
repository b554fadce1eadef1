"""Checking out what exists: branches, pull requests, forks; and bringing them up to date."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devdeck.deck import Deck
from devdeck.errors import DeckError, NotFound, Refused, UsageError
from devdeck.git import fetching
from devdeck.model import OperationState, Session, SessionKind
from devdeck.store import LabelTaken
from tests.devdeck.remote_support import fork, publish, push, rewrite
from tests.git_support import commit, run_git


@pytest.fixture
def bare(repository: Path, tmp_path: Path) -> Path:
    """The remote `origin`, which git reaches by a URL of GitHub."""
    return publish(repository, tmp_path / "origin.git")


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


def checked_out(session: Session) -> str:
    """The branch that HEAD is on; a detached one fails."""
    return run_git(session.worktree, "symbolic-ref", "--short", "HEAD").strip()


def oid(place: str | Path, revision: str = "HEAD") -> str:
    return run_git(place, "rev-parse", revision).strip()


def follows(repository: Path, branch: str) -> tuple[str, str]:
    return (
        run_git(repository, "config", "--get", f"branch.{branch}.remote", check=False).strip(),
        run_git(repository, "config", "--get", f"branch.{branch}.merge", check=False).strip(),
    )


def test_a_request_is_called_as_its_forge_calls_it(deck: Deck, repository: Path, tmp_path: Path) -> None:
    """C21."""
    with pytest.raises(NotFound, match=r"^no merge request 9: the repository has no remote"):
        deck.starting.plan_checkout("!9", str(repository))
    publish(repository, tmp_path / "origin.git", url="https://gitlab.example.org/ada/shop.git")
    for target in ("mr/9", "!9", "#9", "9", "https://gitlab.example.org/ada/shop/-/merge_requests/9"):
        with pytest.raises(NotFound, match=r"^no merge request 9 at origin$"):
            deck.starting.plan_checkout(target, str(repository))
        with pytest.raises(DeckError, match=r"^merge request 9 can't be had"):
            deck.starting.plan_checkout(target, str(repository), offline=True)
    run_git(repository, "branch", "pr-9")
    with pytest.raises(UsageError, match="not that of merge request 9"):
        deck.starting.plan_checkout("#9", str(repository))
    with pytest.raises(UsageError, match="there is no merge request 0"):
        deck.starting.plan_checkout("mr/0", str(repository))


def test_what_a_branch_will_track_is_told(deck: Deck, repository: Path, bare: Path, scratch: Path) -> None:
    """C06: in the plan, and with the same words' source when it is made."""
    push(bare, "refs/heads/topic", scratch, {"x": "1\n"})
    push(bare, "refs/pull/7/head", scratch, {"x": "2\n"})
    plan = deck.starting.plan("topic", str(repository))
    assert plan.steps[0].startswith("fetch origin/topic; make the branch topic from origin/topic, tracking it")
    assert plan.tracking == ("the branch topic tracks origin/topic",)
    session = deck.starting.carry_out(plan)
    assert plan.upstreams == {session.worktree: "origin/topic"}
    assert run_git(session.worktree, "rev-parse", "--abbrev-ref", "@{upstream}").strip() == "origin/topic"
    asked = deck.starting.plan_checkout("pr/7", str(repository))
    assert asked.tracking == ("the branch pr-7 tracks origin/pull/7/head",)
    assert deck.starting.plan("own", str(repository)).tracking == ()


def is_whole(session: Session, target: str) -> bool:
    """Whether what is recorded is what is there."""
    return session.kind is SessionKind.CHECKOUT and session.target == target and session.branch == checked_out(session)


def test_a_local_branch(deck: Deck, repository: Path) -> None:
    """C21."""
    run_git(repository, "branch", "Feature/Login_Form")
    session = deck.starting.checkout("Feature/Login_Form", str(repository))
    assert is_whole(session, "Feature/Login_Form")
    assert (session.label, session.branch) == ("feature-login-form", "Feature/Login_Form")
    assert not session.managed_branch
    assert deck.store.operations()[0].verb == "checkout"
    assert deck.sessions.find("feature-login-form") == session


def test_a_local_branch_with_a_slash_is_no_remote(deck: Deck, repository: Path, bare: Path, scratch: Path) -> None:
    """C21: par takes `team/x` for a remote."""
    run_git(repository, "branch", "team/x")
    run_git(repository, "branch", "origin/x")
    push(bare, "refs/heads/x", scratch, {"x": "1\n"})
    for name in ("team/x", "origin/x"):
        session = deck.starting.checkout(name, str(repository), name.replace("/", "."))
        assert (session.branch, checked_out(session)) == (name, name)
        assert oid(session.worktree) == oid(repository)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("target", ["topic/x", "origin/topic/x", "https://github.com/ada/shop/tree/topic/x"])
def test_a_branch_of_the_remote(
    deck: Deck, repository: Path, bare: Path, scratch: Path, target: str, known: bool
) -> None:
    """C21: on a local branch that follows it, never detached."""
    there = push(bare, "refs/heads/topic/x", scratch, {"x": "1\n"})
    if known:
        run_git(repository, "fetch", "-q")
    session = deck.starting.checkout(target, str(repository))
    assert is_whole(session, target)
    assert (session.label, session.branch, session.managed_branch) == ("topic-x", "topic/x", True)
    assert oid(session.worktree) == there
    assert follows(repository, "topic/x") == ("origin", "refs/heads/topic/x")
    assert run_git(session.worktree, "status", "--porcelain", "--branch").startswith("## topic/x...origin/topic/x")


def test_a_branch_whose_name_begins_like_a_remote(deck: Deck, repository: Path, bare: Path, scratch: Path) -> None:
    there = push(bare, "refs/heads/origin/x", scratch, {"x": "1\n"})
    session = deck.starting.checkout("origin/x", str(repository))
    assert session.branch == "origin/x"
    assert oid(session.worktree) == there


def test_a_branch_that_looks_like_a_url(deck: Deck, repository: Path) -> None:
    """C21."""
    for number, name in enumerate(("fix-github.com-x", "github.com/ada/shop/pull/7", "7")):
        run_git(repository, "branch", name)
        assert deck.starting.checkout(name, str(repository), f"s{number}").branch == name


REQUESTS = ["pr/7", "PR/7", "#7", "7", "https://github.com/ada/shop/pull/7", "https://github.com/Ada/Shop/pull/7/files?w=1",
            "github.com/ada/shop/pull/7"]  # fmt: skip


@pytest.mark.parametrize("target", REQUESTS)
def test_a_pull_request(deck: Deck, repository: Path, bare: Path, scratch: Path, target: str) -> None:
    """C21, W25: on a named branch, recorded as it is, which `git pull` brings up to date."""
    there = push(bare, "refs/pull/7/head", scratch, {"x": "1\n"})
    session = deck.starting.checkout(target, str(repository))
    assert is_whole(session, target)
    assert (session.label, session.branch, session.managed_branch) == ("pr-7", "pr-7", True)
    assert oid(session.worktree) == there == session.base
    assert follows(repository, "pr-7") == ("origin", "refs/pull/7/head")
    later = push(bare, "refs/pull/7/head", scratch, {"x": "2\n"}, start="refs/pull/7/head")
    run_git(session.worktree, "pull", "--quiet")
    assert oid(session.worktree) == later


@pytest.mark.parametrize(
    ("target", "name"),
    [("mr/7", "mr-7"), ("!7", "mr-7"), ("pr/7", "pr-7"), ("https://github.com/ada/shop/-/merge_requests/7", "mr-7")],
)
def test_a_merge_request(deck: Deck, repository: Path, bare: Path, scratch: Path, target: str, name: str) -> None:
    """C21: `pr/7` finds it too, where there is no pull request."""
    there = push(bare, "refs/merge-requests/7/head", scratch, {"x": "1\n"})
    session = deck.starting.checkout(target, str(repository))
    assert (session.branch, oid(session.worktree)) == (name, there)
    assert follows(repository, name) == ("origin", "refs/merge-requests/7/head")


def test_the_label_names_the_branch_of_a_pull_request(deck: Deck, repository: Path, bare: Path, scratch: Path) -> None:
    push(bare, "refs/pull/7/head", scratch, {"x": "1\n"})
    session = deck.starting.checkout("pr/7", str(repository), "review")
    assert (session.label, session.branch, checked_out(session)) == ("review", "review", "review")


def test_the_url_says_which_remote(deck: Deck, repository: Path, bare: Path, scratch: Path, tmp_path: Path) -> None:
    """C22: the same number at two remotes."""
    push(bare, "refs/pull/7/head", scratch, {"x": "origin\n"})
    url = "ssh://git@git.example.org:2222/Group/Sub/shop.git"
    other = publish(repository, tmp_path / "other.git", remote="company", url=url)
    there = push(other, "refs/pull/7/head", tmp_path / "scratch2", {"x": "company\n"})
    session = deck.starting.checkout("https://git.example.org:8443/group/sub/shop/pulls/7", str(repository), "theirs")
    assert oid(session.worktree) == there
    assert follows(repository, "theirs")[0] == "company"
    plan = deck.starting.plan_checkout("pr/7", str(repository))
    assert plan.session.base != there
    assert plan.warnings == () or "company has a request 7 too; origin's is taken" in plan.warnings


@pytest.mark.parametrize(
    "target",
    ["https://github.com/eve/shop/pull/7", "https://gitlab.com/ada/shop/-/merge_requests/7",
     "https://github.com.evil.org/ada/shop/pull/7", "https://github.com/eve/shop/tree/topic"],
)  # fmt: skip
def test_a_url_of_another_repository_is_never_fetched_from_origin(
    deck: Deck, repository: Path, bare: Path, scratch: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C22."""

    def ask(*arguments: object, **options: object) -> None:
        raise AssertionError("a remote was asked")

    push(bare, "refs/pull/7/head", scratch, {"x": "1\n"})
    monkeypatch.setattr(fetching, "ask", ask)
    with pytest.raises(DeckError) as caught:
        deck.starting.checkout(target, str(repository))
    assert caught.value.code == "other-repository"
    assert "origin (https://github.com/ada/shop.git)" in caught.value.message
    assert "git remote add" in caught.value.hint
    assert deck.store.operations() == ()


def test_a_request_that_is_not_there(deck: Deck, repository: Path, bare: Path) -> None:
    with pytest.raises(NotFound, match="no merge request 9 at origin"):
        deck.starting.plan_checkout("mr/9", str(repository))
    with pytest.raises(NotFound, match="no pull request 9 at origin"):
        deck.starting.checkout("pr/9", str(repository))
    bare.rename(bare.with_name("away"))
    with pytest.raises(DeckError) as caught:
        deck.starting.checkout("pr/9", str(repository))
    assert caught.value.code == "network"
    with pytest.raises(DeckError, match="no remote was asked"):
        deck.starting.checkout("pr/9", str(repository), offline=True)
    assert deck.store.operations() == ()


def test_without_a_remote_there_are_no_requests(deck: Deck, repository: Path) -> None:
    with pytest.raises(NotFound, match="no remote"):
        deck.starting.checkout("#7", str(repository))


def test_a_request_that_was_here_before(deck: Deck, repository: Path, bare: Path, scratch: Path) -> None:
    first = push(bare, "refs/pull/7/head", scratch, {"x": "1\n"})
    session = deck.starting.checkout("pr/7", str(repository))
    with pytest.raises(LabelTaken) as caught:
        deck.starting.checkout("pr/7", str(repository), "pr-7")
    assert "open" in caught.value.hint
    deck.removing.remove(session)
    bare.rename(bare.with_name("away"))
    plan = deck.starting.plan_checkout("pr/7", str(repository))
    assert plan.session.base == first
    assert "as it was last seen" in plan.warnings[0]
    assert deck.starting.plan_checkout("pr/7", str(repository), offline=True).session.base == first


def test_a_branch_of_that_name_that_is_something_else(deck: Deck, repository: Path, bare: Path, scratch: Path) -> None:
    push(bare, "refs/pull/7/head", scratch, {"x": "1\n"})
    run_git(repository, "branch", "pr-7")
    with pytest.raises(UsageError, match="not that of pull request 7") as caught:
        deck.starting.checkout("pr/7", str(repository))
    assert "--label" in caught.value.hint
    run_git(repository, "config", "branch.pr-7.remote", "origin")
    run_git(repository, "config", "branch.pr-7.merge", "refs/pull/7/head")
    session = deck.starting.checkout("pr/7", str(repository))
    assert (session.branch, session.managed_branch) == ("pr-7", False)


def test_a_fork_becomes_a_remote(deck: Deck, repository: Path, bare: Path, tmp_path: Path) -> None:
    """C21."""
    there = fork(repository, tmp_path / "bob", "https://github.com/bob/shop.git", "fix/x", {"x": "1\n"})
    plan = deck.starting.plan_checkout("bob:fix/x", str(repository))
    assert "add the remote bob (https://github.com/bob/shop.git)" in plan.steps
    assert run_git(repository, "remote").split() == ["origin"]
    session = deck.starting.carry_out(plan, "checkout")
    assert is_whole(session, "bob:fix/x")
    assert (session.label, session.branch, oid(session.worktree)) == ("fix-x", "fix/x", there)
    assert follows(repository, "fix/x") == ("bob", "refs/heads/fix/x")
    assert run_git(repository, "config", "remote.bob.url").strip() == "https://github.com/bob/shop.git"
    # The next one uses the remote that is there now, and makes a name of its own where the name is taken.
    other = deck.starting.checkout("bob:main", str(repository))
    assert (other.branch, other.label) == ("bob-main", "main")
    assert follows(repository, "bob-main") == ("bob", "refs/heads/main")
    assert run_git(repository, "remote").split() == ["bob", "origin"]


def test_a_fork_that_is_a_remote_under_another_name(deck: Deck, repository: Path, bare: Path, tmp_path: Path) -> None:
    url = "git@github.com:bob/shop-renamed.git"
    there = fork(repository, tmp_path / "bob", url, "fix", {"x": "1\n"})
    run_git(repository, "remote", "add", "colleague", url)
    session = deck.starting.checkout("bob:fix", str(repository))
    assert oid(session.worktree) == there
    assert follows(repository, "fix") == ("colleague", "refs/heads/fix")


def test_a_fork_that_can_t_be_had(deck: Deck, repository: Path, bare: Path, tmp_path: Path) -> None:
    fork(repository, tmp_path / "bob", "https://github.com/bob/shop.git", "fix", {"x": "1\n"})
    with pytest.raises(NotFound, match="has no branch 'none'"):
        deck.starting.checkout("bob:none", str(repository))
    rewrite(repository, "https://github.com/eve/shop.git", tmp_path / "nothing")
    with pytest.raises(DeckError, match="does not answer"):
        deck.starting.checkout("eve:fix", str(repository))
    run_git(repository, "remote", "set-url", "origin", str(bare))
    with pytest.raises(NotFound, match="no remote's URL tells where forks are"):
        deck.starting.checkout("carol:fix", str(repository))
    assert run_git(repository, "remote").split() == ["origin"]


def test_a_failing_checkout_takes_the_remote_back(
    deck: Deck, repository: Path, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C17."""
    from backends.base import BackendError
    from backends.tmux.server import TmuxServer

    fork(repository, tmp_path / "bob", "https://github.com/bob/shop.git", "fix", {"x": "1\n"})

    def refuse(*args: object, **kwargs: object) -> None:
        raise BackendError("tmux says no")

    with monkeypatch.context() as patch:
        patch.setattr(TmuxServer, "new_session", refuse)
        with pytest.raises(DeckError, match="tmux says no"):
            deck.starting.checkout("bob:fix", str(repository))
    assert run_git(repository, "remote").split() == ["origin"]
    assert run_git(repository, "for-each-ref", "refs/heads", "refs/remotes/bob", "--format=%(refname)").split() == [
        "refs/heads/main"
    ]
    assert not run_git(repository, "config", "--get-regexp", "^branch", check=False)
    assert deck.store.operations()[0].state is OperationState.FAILED


def test_what_is_no_branch(deck: Deck, repository: Path, bare: Path) -> None:
    run_git(repository, "tag", "v1.0")
    with pytest.raises(NotFound) as caught:
        deck.starting.checkout("v1.0", str(repository))
    assert "devdeck start LABEL --base v1.0" in caught.value.hint
    with pytest.raises(NotFound) as caught:
        deck.starting.checkout("nothing", str(repository))
    assert "devdeck start nothing" in caught.value.hint
    with pytest.raises(NotFound, match="no branch 'origin/nothing'") as caught:
        deck.starting.checkout("origin/nothing", str(repository))
    assert "devdeck start nothing" in caught.value.hint
    with pytest.raises(Refused, match="checked out at"):
        deck.starting.checkout("main", str(repository))


@pytest.mark.parametrize(
    "target", ["-x", "--upload-pack=touch pwned", "HEAD", "@", "@{-1}", "a..b", "refs/heads/main", "origin/--x", "bob:-x",
               "bob:a..b", "a*", "origin/a*", "x\n", "\udcff", "git@github.com:ada/shop"]
)  # fmt: skip
def test_hostile_targets_make_nothing(deck: Deck, repository: Path, bare: Path, target: str) -> None:
    """C36, W8."""
    before = run_git(repository, "for-each-ref"), run_git(repository, "config", "--list")
    with pytest.raises(DeckError):
        deck.starting.checkout(target, str(repository))
    assert (run_git(repository, "for-each-ref"), run_git(repository, "config", "--list")) == before
    assert not (repository / "pwned").exists()
    assert deck.store.operations() == ()


def test_an_ssh_alias_is_the_host_that_it_stands_for(
    deck: Deck, repository: Path, bare: Path, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C22."""

    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "ssh").write_text('#!/bin/sh\n[ "$3" = work ] && echo hostname github.com\n')
    (tools / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    push(bare, "refs/pull/7/head", scratch, {"x": "1\n"})
    run_git(repository, "remote", "set-url", "origin", "git@work:ada/shop.git")
    rewrite(repository, "git@work:ada/shop.git", bare)
    assert deck.starting.checkout("https://github.com/ada/shop/pull/7", str(repository)).branch == "pr-7"


# Refreshing


@pytest.fixture
def request_session(deck: Deck, repository: Path, bare: Path, scratch: Path) -> Session:
    push(bare, "refs/pull/7/head", scratch, {"x": "1\n"})
    return deck.starting.checkout("pr/7", str(repository))


def test_refresh_brings_what_came(deck: Deck, bare: Path, scratch: Path, request_session: Session) -> None:
    assert deck.starting.refresh(request_session) == "pr-7 is up to date with origin/pull/7/head"
    old = oid(request_session.worktree)
    push(bare, "refs/pull/7/head", scratch, {"x": "2\n"}, start="refs/pull/7/head")
    new = push(bare, "refs/pull/7/head", scratch, {"x": "3\n"}, start="refs/pull/7/head")
    (Path(request_session.worktree) / "notes").write_text("untracked\n")
    (steps,) = deck.starting.plan_refresh(request_session)
    assert steps == "fetch origin/pull/7/head; fast-forward pr-7 to origin/pull/7/head, where that is possible"
    assert oid(request_session.worktree) == old
    told = deck.starting.refresh(request_session)
    assert told == f"pr-7: 2 commits came from origin/pull/7/head ({old[:10]}..{new[:10]})"
    assert oid(request_session.worktree) == new
    operation = deck.store.operations()[0]
    assert (operation.verb, operation.state) == ("refresh", OperationState.DONE)
    assert old[:10] in operation.undo


def test_refresh_from_a_remote_that_lies_beside_the_repository(
    deck: Deck, repository: Path, bare: Path, scratch: Path, request_session: Session
) -> None:
    run_git(repository, "remote", "set-url", "origin", os.path.relpath(bare, repository))
    new = push(bare, "refs/pull/7/head", scratch, {"x": "2\n"}, start="refs/pull/7/head")
    assert "1 commit came" in deck.starting.refresh(request_session)
    assert oid(request_session.worktree) == new


def test_refresh_refuses_over_changes(deck: Deck, bare: Path, scratch: Path, request_session: Session) -> None:
    place = Path(request_session.worktree)
    (place / "a.py").write_text("changed\n")
    assert "up to date" in deck.starting.refresh(request_session)
    push(bare, "refs/pull/7/head", scratch, {"x": "2\n"}, start="refs/pull/7/head")
    old = oid(place)
    with pytest.raises(Refused, match=r"uncommitted changes .*; 1 commit of origin/pull/7/head wait"):
        deck.starting.refresh(request_session)
    assert (oid(place), (place / "a.py").read_text()) == (old, "changed\n")


def test_refresh_says_how_far_both_have_gone(deck: Deck, bare: Path, scratch: Path, request_session: Session) -> None:
    mine = commit(Path(request_session.worktree), {"mine": "1\n"})
    assert "it has 1 commit that origin/pull/7/head lacks" in deck.starting.refresh(request_session)
    push(bare, "refs/pull/7/head", scratch, {"x": "2\n"}, start="refs/pull/7/head")
    push(bare, "refs/pull/7/head", scratch, {"x": "3\n"}, start="refs/pull/7/head")
    with pytest.raises(DeckError, match="diverged: 1 commit here, 2 commits there") as caught:
        deck.starting.refresh(request_session)
    assert (caught.value.code, caught.value.status) == ("diverged", 1)
    assert oid(request_session.worktree) == mine


def test_refresh_of_a_rewritten_request(deck: Deck, bare: Path, scratch: Path, request_session: Session) -> None:
    push(bare, "refs/pull/7/head", scratch, {"x": "other\n"})
    with pytest.raises(DeckError, match="diverged") as caught:
        deck.starting.refresh(request_session)
    assert "none of the commits is yours" in caught.value.hint


def test_refresh_of_what_follows_nothing(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository))
    with pytest.raises(DeckError) as caught:
        deck.starting.refresh(session)
    assert caught.value.code == "no-upstream"
    run_git(session.worktree, "checkout", "-q", "--detach")
    with pytest.raises(DeckError) as caught:
        deck.starting.refresh(session)
    assert caught.value.code == "detached"
    run_git(session.worktree, "checkout", "-q", "one")
    run_git(repository, "branch", "--set-upstream-to=main", "one")
    new = commit(repository, {"b.py": "1\n"})
    assert "1 commit came from main" in deck.starting.refresh(session)
    assert oid(session.worktree) == new
