from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devdeck.errors import DeckError, NotFound, Refused
from devdeck.git.refs import (
    check_branch_name,
    checked_out_at,
    delete_branch,
    local_branch_exists,
    remote_branch,
    resolve_commit,
    unique_commits,
)
from devdeck.git.worktrees import add_worktree
from tests.git_support import commit, make_repository, run_git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "project", commits=3)


def oid_of(path: Path, revision: str = "HEAD") -> str:
    return run_git(path, "rev-parse", revision).strip()


@pytest.mark.parametrize(
    "name", ["x", "feature/x", "fix-1.2", "ünïcode", "日本", "x@y", "a" * 100, "(detached)", "$(id)", "a'b"]
)
def test_names_that_can_be(name: str) -> None:
    assert check_branch_name(name) == ""


@pytest.mark.parametrize(
    "name",
    ["", "-", "-x", "--upload-pack=x", "@", "HEAD", "refs/heads/x", "@{-1}", "a..b", "a b", "a\tb", "a\nb", "a\0b", "a\x7f",
     "a\x1b[0m", "a\u3000b", "a\u00a0b", "a\u2028b", "a\u200bb", "a\u202eb", "a\ud800", "x.lock", "x/.y", "/x", "x/", "x//y",
     "x.", "a~1", "a^", "a:b", "a?b", "a*", "a[b", "a\\b", "a@{b", "é" * 130],
)  # fmt: skip
def test_names_that_can_t(name: str) -> None:
    assert check_branch_name(name)


def test_resolving(repository: Path) -> None:
    run_git(repository, "tag", "-a", "-m", "one", "v1", "HEAD~1")
    root, oid = str(repository), oid_of(repository)
    assert resolve_commit(root, "HEAD") == resolve_commit(root, "main") == resolve_commit(root, oid[:10]) == oid
    assert resolve_commit(root, "v1") == oid_of(repository, "HEAD~1")


@pytest.mark.parametrize(
    "ref", ["nothing", "", "--all", "-h", "a b", "a\nb", "a\0b", "\ud800", "HEAD:README.md", "HEAD..HEAD~1", "--"]
)
def test_what_means_no_commit(repository: Path, ref: str) -> None:
    with pytest.raises(NotFound) as error:
        resolve_commit(str(repository), ref)
    assert error.value.hint
    assert "\n" not in error.value.message


def test_no_commit_yet_and_no_repository(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no commit yet"):
        resolve_commit(str(make_repository(tmp_path / "new", commits=0)), "HEAD")
    (tmp_path / "plain").mkdir()
    for look in (resolve_commit, local_branch_exists, remote_branch, checked_out_at):
        with pytest.raises(NotFound, match="repository"):
            look(str(tmp_path / "plain"), "main")


def test_branches_are_matched_whole(repository: Path) -> None:
    root = str(repository)
    run_git(repository, "branch", "feature/deep/x")
    run_git(repository, "tag", "only-a-tag")
    assert local_branch_exists(root, "feature/deep/x")
    for name in (
        "feature",
        "feature/deep",
        "x",
        "main ",
        "only-a-tag",
        "refs/heads/main",
        "ma*",
        "",
        "-d",
        "a\0b",
        "\ud800",
    ):
        assert not local_branch_exists(root, name)


def test_an_odd_branch_that_exists_is_seen(repository: Path) -> None:
    odd = "emoji-\U0001f469\u200d\U0001f4bb"
    run_git(repository, "branch", odd)
    assert check_branch_name(odd)
    assert local_branch_exists(str(repository), odd)
    delete_branch(str(repository), odd, expected_oid=oid_of(repository))
    assert not local_branch_exists(str(repository), odd)


def test_remote_branches_of_one_and_of_several_remotes(repository: Path, tmp_path: Path) -> None:
    run_git(repository, "branch", "topic/x")
    run_git(tmp_path, "clone", "-q", str(repository), "clone")
    clone = tmp_path / "clone"
    root = str(clone)
    assert remote_branch(root, "topic/x") == "origin/topic/x"
    for missing in ("x", "topic", "nothing", "-x", "top*"):
        assert remote_branch(root, missing) is None
    run_git(repository, "branch", "later")
    assert remote_branch(root, "later") is None  # nothing is fetched
    run_git(clone, "remote", "add", "team/fork", str(repository))
    run_git(clone, "fetch", "-q", "team/fork")
    assert remote_branch(root, "later") == "team/fork/later"
    assert remote_branch(root, "topic/x") == "origin/topic/x"
    run_git(clone, "config", "checkout.defaultRemote", "team/fork")
    assert remote_branch(root, "topic/x") == "team/fork/topic/x"
    run_git(clone, "config", "checkout.defaultRemote", "another")
    assert remote_branch(root, "topic/x") is None


def test_where_a_branch_is_checked_out(repository: Path, tmp_path: Path) -> None:
    root, place = str(repository), str(tmp_path / "x")
    assert checked_out_at(root, "main") == root
    add_worktree(root, place, branch="side", create=True, start="HEAD~1")
    assert checked_out_at(root, "side") == place
    commit(Path(place), {"history.txt": "mine\n"})
    run_git(place, "rebase", "main", check=False)
    assert checked_out_at(root, "side") == place  # a rebase detaches HEAD and comes back to the branch
    run_git(place, "rebase", "--abort")
    run_git(place, "checkout", "-q", "--detach")
    assert checked_out_at(root, "side") is None


def test_deleting_a_branch_that_has_not_moved(repository: Path, tmp_path: Path) -> None:
    root = str(repository)
    run_git(repository, "branch", "--track", "side", "main")
    assert run_git(repository, "config", "branch.side.merge")
    delete_branch(root, "side", expected_oid=oid_of(repository))
    assert not local_branch_exists(root, "side")
    assert not run_git(repository, "config", "--get-regexp", "^branch", check=False)


def test_a_branch_that_moved_or_is_in_use_stays(repository: Path, tmp_path: Path) -> None:
    root, old = str(repository), oid_of(repository, "HEAD~1")
    run_git(repository, "branch", "side")
    with pytest.raises(Refused, match="new commits"):
        delete_branch(root, "side", expected_oid=old)
    with pytest.raises(DeckError):
        delete_branch(root, "side", expected_oid="HEAD")
    with pytest.raises(Refused, match="in use"):
        delete_branch(root, "main", expected_oid=oid_of(repository))
    with pytest.raises(NotFound):
        delete_branch(root, "nothing", expected_oid=old)
    assert local_branch_exists(root, "side")
    assert local_branch_exists(root, "main")


def test_commits_that_exist_nowhere_else(repository: Path, tmp_path: Path) -> None:
    root = str(repository)

    def lost() -> int:
        return unique_commits(root, "refs/heads/side", excluding_branch="side")

    run_git(repository, "checkout", "-q", "-b", "side")
    assert lost() == 0
    first = commit(repository, {"x": "1"})
    second = commit(repository, {"x": "2"})
    assert lost() == 2
    assert unique_commits(root, second) == 0
    assert unique_commits(root, second, excluding_branch="side") == 2
    run_git(repository, "tag", "kept", first)
    assert lost() == 1
    run_git(repository, "branch", "side-2")  # its name starts alike, and it keeps everything
    assert lost() == 0
    run_git(repository, "branch", "-D", "side-2")
    run_git(repository, "update-ref", "refs/devdeck/trash/x/branch", second)
    assert lost() == 1  # the trash is no place to leave work in
    run_git(repository, "update-ref", "refs/remotes/origin/side", second)
    assert lost() == 0
    with pytest.raises(NotFound):
        unique_commits(root, "nothing")


hostile = st.one_of(
    st.text(max_size=12),
    st.builds(
        "".join,
        st.lists(
            st.sampled_from(["-", "--", "..", "@{", "/", ".lock", "~1", "^", ":", "\u3000", "\u00a0", "\n", "\x1b[2J", "\0", "$(", ")",
                             "`", "; touch x", "main", "HEAD", "refs/heads/", "*", "--output=x", "\ud800", "\udcff", "é"]),
            max_size=5,
        ),
    ),
)  # fmt: skip


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(hostile)
@example("--exec=touch pwned")
@example("main:--output=pwned")
def test_hostile_names_through_every_call(repository: Path, tmp_path: Path, name: str) -> None:
    root = str(repository)
    before = run_git(repository, "for-each-ref")
    files = sorted(tmp_path.iterdir()), sorted(repository.iterdir())
    reason = check_branch_name(name)
    assert local_branch_exists(root, name) == (name == "main")
    assert remote_branch(root, name) is None
    assert checked_out_at(root, name) == (root if name == "main" else None)
    try:
        oid = resolve_commit(root, name)
    except NotFound:
        pass
    else:
        assert len(oid) == 40
    if name != "main":
        with pytest.raises(NotFound):
            delete_branch(root, name, expected_oid="1" * 40)
    if reason:
        with pytest.raises(DeckError):
            add_worktree(root, str(tmp_path / "x"), branch=name, create=True)
    assert run_git(repository, "for-each-ref") == before
    assert (sorted(tmp_path.iterdir()), sorted(repository.iterdir())) == files
    if not reason and name != "main":
        run_git(repository, "branch", "--", name)  # what passes is a branch name to git
        assert local_branch_exists(root, name)
        delete_branch(root, name, expected_oid=oid_of(repository))
        assert run_git(repository, "for-each-ref") == before
