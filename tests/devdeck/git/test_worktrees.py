from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.errors import DeckError, NotFound, UsageError
from devdeck.git import changing, worktrees
from devdeck.git.worktrees import (
    Worktree,
    add_worktree,
    list_worktrees,
    list_worktrees_async,
    parse_worktrees,
    prune,
    remove_worktree,
)
from tests.git_support import commit, make_repository, run_git, write
from tests.support import Clock


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "project", commits=2)


def branches(repository: Path) -> list[str]:
    return run_git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()


async def test_every_state_is_listed(repository: Path, tmp_path: Path) -> None:
    oid = run_git(repository, "rev-parse", "HEAD").strip()
    detached, locked, gone = tmp_path / "de\ntached", tmp_path / "locked", tmp_path / "gone"
    run_git(repository, "worktree", "add", "-q", "--detach", str(detached))
    run_git(repository, "worktree", "add", "-q", "-b", "feature/x", str(locked))
    run_git(repository, "worktree", "lock", "--reason", "on a stick", str(locked))
    run_git(repository, "worktree", "add", "-q", "-b", "gone", str(gone))
    gone.rename(tmp_path / "elsewhere")
    found = {worktree.path: worktree for worktree in list_worktrees(str(repository))}
    assert found[str(repository)] == Worktree(path=str(repository), head=oid, branch="main")
    assert found[str(detached)] == Worktree(path=str(detached), head=oid, detached=True)
    assert found[str(locked)] == Worktree(path=str(locked), head=oid, branch="feature/x", locked="on a stick")
    assert found[str(gone)].prunable
    assert next(iter(found)) == str(repository)
    assert await list_worktrees_async(str(repository)) == tuple(found.values())
    prune(str(repository))
    assert str(gone) not in {worktree.path for worktree in list_worktrees(str(repository))}


def test_bare_and_unborn(tmp_path: Path) -> None:
    bare = make_repository(tmp_path / "x.git", bare=True)
    assert list_worktrees(str(bare)) == (Worktree(path=str(bare), bare=True),)
    unborn = make_repository(tmp_path / "new", commits=0)
    assert list_worktrees(str(unborn)) == (Worktree(path=str(unborn), branch="main"),)


def test_no_repository_there(tmp_path: Path) -> None:
    for act in (list_worktrees, prune):
        with pytest.raises(NotFound):
            act(str(tmp_path / "missing"))


def test_a_new_branch_from_a_commit(repository: Path, tmp_path: Path) -> None:
    first = run_git(repository, "rev-parse", "HEAD~1").strip()
    place = tmp_path / "a folder" / "x"
    add_worktree(str(repository), str(place), branch="feature/x", create=True, start=first)
    assert run_git(place, "rev-parse", "HEAD").strip() == first
    assert run_git(place, "symbolic-ref", "--short", "HEAD").strip() == "feature/x"
    assert (place / "README.md").exists()


def test_an_existing_branch_wins_over_a_tag_of_its_name(repository: Path, tmp_path: Path) -> None:
    run_git(repository, "branch", "both")
    run_git(repository, "tag", "both", "HEAD~1")
    add_worktree(str(repository), str(tmp_path / "x"), branch="both", create=False)
    assert run_git(tmp_path / "x", "symbolic-ref", "HEAD").strip() == "refs/heads/both"


def test_following_a_remote_branch(repository: Path, tmp_path: Path) -> None:
    run_git(repository, "branch", "topic")
    run_git(tmp_path, "clone", "-q", str(repository), "clone")
    clone = tmp_path / "clone"
    add_worktree(str(clone), str(tmp_path / "x"), branch="topic", create=True, start="origin/topic", track=True)
    assert run_git(tmp_path / "x", "rev-parse", "--abbrev-ref", "topic@{upstream}").strip() == "origin/topic"
    add_worktree(str(clone), str(tmp_path / "y"), branch="mine", create=True, start="origin/topic")
    assert not run_git(clone, "config", "--get", "branch.mine.remote", check=False)


def test_what_can_t_be_made_leaves_nothing(repository: Path, tmp_path: Path) -> None:
    root, place = str(repository), str(tmp_path / "x")
    with pytest.raises(NotFound):
        add_worktree(root, place, branch="new", create=True, start="no-such")
    with pytest.raises(NotFound):
        add_worktree(root, place, branch="no-such", create=False)
    with pytest.raises(DeckError, match="exists already"):
        add_worktree(root, place, branch="main", create=True)
    with pytest.raises(UsageError):
        add_worktree(root, place, branch="--upload-pack=touch x", create=True)
    with pytest.raises(DeckError, match=r"already checked out|already used"):
        add_worktree(root, place, branch="main", create=False)
    (tmp_path / "y").mkdir()
    with pytest.raises(UsageError):
        add_worktree(root, str(tmp_path / "y"), branch="new", create=True)
    assert branches(repository) == ["main"]
    assert len(list_worktrees(root)) == 1
    assert not Path(place).exists()


def test_a_branch_that_somebody_else_made_meanwhile_stays(repository: Path, tmp_path: Path) -> None:
    run_git(repository, "branch", "theirs")
    with pytest.raises(DeckError, match="exists already") as error:
        add_worktree(str(repository), str(tmp_path / "x"), branch="theirs", create=True)
    assert error.value.code == "branch-exists"
    assert branches(repository) == ["main", "theirs"]
    for name in ("a..b", "@{-1}", "x.lock", "main/x"):
        with pytest.raises(DeckError):
            add_worktree(str(repository), str(tmp_path / "x"), branch=name, create=True)
    assert branches(repository) == ["main", "theirs"]
    assert not (tmp_path / "x").exists()


def test_a_hook_that_fails_leaves_nothing(repository: Path, tmp_path: Path) -> None:
    hook = repository / ".git/hooks/post-checkout"
    write(repository / ".git/hooks", {"post-checkout": "#!/bin/sh\necho error: not today >&2\nexit 3\n"})
    hook.chmod(0o755)
    with pytest.raises(DeckError, match="not today"):
        add_worktree(str(repository), str(tmp_path / "x"), branch="new", create=True)
    assert branches(repository) == ["main"]
    assert len(list_worktrees(str(repository))) == 1
    assert not (tmp_path / "x").exists()


def test_a_hook_that_hangs_is_stopped_and_leaves_nothing(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = repository / ".git/hooks/post-checkout"
    write(repository / ".git/hooks", {"post-checkout": "#!/bin/sh\nsleep 300 & wait\n"})
    hook.chmod(0o755)
    monkeypatch.setattr(worktrees, "CHECKOUT_TIMEOUT", 2.0)
    with pytest.raises(DeckError) as error:
        add_worktree(str(repository), str(tmp_path / "x"), branch="new", create=True)
    assert error.value.code == "timeout"
    assert branches(repository) == ["main"]
    assert len(list_worktrees(str(repository))) == 1


def test_the_caller_s_variables_do_not_lead_to_another_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    add_worktree(str(repository), str(tmp_path / "x"), branch="new", create=True)
    assert branches(repository) == ["main", "new"]
    assert branches(other) == ["main"]


@pytest.mark.parametrize("run", [changing.make, changing.change])
def test_both_ways_of_changing_are_the_same(
    run: Callable[..., str], repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "alias.seen")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", '!echo "$LC_ALL $GIT_TERMINAL_PROMPT"; ps -o sid= -p $$; echo $PPID; cat')
    words, session, parent = run(str(repository), "seen").split("\n")[:3]
    assert (words, session.strip()) == ("C 0", parent)  # asks nothing, and leads a session of its own
    with pytest.raises(DeckError, match="no-such-verb") as error:
        run(str(repository), "no-such-verb")
    assert error.value.code == "git-failed"
    with pytest.raises(NotFound):
        run(str(tmp_path / "nowhere"), "branch", "x")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "!sleep 300 & wait")
    with pytest.raises(DeckError) as error:
        run(str(repository), "seen", timeout=0.5)
    assert error.value.code == "timeout"
    assert not branches(repository)[1:]


def test_removing(repository: Path, tmp_path: Path) -> None:
    place = tmp_path / "x"
    add_worktree(str(repository), str(place), branch="new", create=True)
    write(place, {"untracked": ""})
    with pytest.raises(DeckError, match="untracked"):
        remove_worktree(str(repository), str(place))
    run_git(repository, "worktree", "lock", str(place))
    remove_worktree(str(repository), str(place), force=True)
    assert not place.exists()
    assert len(list_worktrees(str(repository))) == 1
    assert branches(repository) == ["main", "new"]


def test_the_main_worktree_is_never_removed(repository: Path) -> None:
    with pytest.raises(DeckError):
        remove_worktree(str(repository), str(repository), force=True)
    assert (repository / "README.md").exists()


def test_a_worktree_of_an_unborn_repository_needs_a_commit(tmp_path: Path) -> None:
    unborn = make_repository(tmp_path / "new", commits=0)
    with pytest.raises(NotFound, match="no commit yet"):
        add_worktree(str(unborn), str(tmp_path / "x"), branch="x", create=True)
    commit(unborn, {"x": ""})
    add_worktree(str(unborn), str(tmp_path / "x"), branch="x", create=True)


words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(words, st.none() | words, st.none() | words), max_size=6))
def test_any_paths_branches_and_reasons(rows: list[tuple[str, str | None, str | None]]) -> None:
    raw, expected = "", []
    for path, branch, reason in rows:
        raw += f"worktree {path}\0HEAD {'a' * 40}\0"
        raw += "detached\0" if branch is None else f"branch refs/heads/{branch}\0"
        raw += "" if reason is None else f"locked {reason}\0"
        raw += "\0"
        expected.append(Worktree(path=path, head="a" * 40, branch=branch, detached=branch is None, locked=reason))
    assert parse_worktrees(raw.encode()) == tuple(expected)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    assert isinstance(parse_worktrees(raw), tuple)


def test_another_git_is_just_making_a_worktree(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a moment the files of a new worktree are there and empty; that is no reason to fail, however long it took."""
    run_git(repository, "worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
    half = repository / ".git" / "worktrees" / "other" / "commondir"
    text = half.read_text()
    half.write_text("")
    failed: list[DeckError] = []
    clock = Clock()
    plainly = changing.make
    monkeypatch.setattr(changing, "time", clock)

    def make(root: str, *arguments: str, timeout: float = 60.0) -> str:
        try:
            return plainly(root, *arguments, timeout=timeout)
        except DeckError as error:
            failed.append(error)
            half.write_text(text)
            clock.now += 60.0
            raise

    monkeypatch.setattr(changing, "make", make)
    run_git(repository, "branch", "new")
    add_worktree(str(repository), str(tmp_path / "new"), branch="new", create=False)
    assert [error.code for error in failed] == ["git-failed"]
    assert (tmp_path / "new" / ".git").exists()
