import os
from pathlib import Path

import pytest

from devdeck.errors import DeckError, NotFound, UsageError
from devdeck.git import risks as risk_words
from devdeck.git import trash, worktrees
from tests.git_support import commit, conflict, make_repository, run_git, write


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "project", {"a.txt": "a\n", "b.txt": "b\n", ".gitignore": "*.log\n"})


@pytest.fixture
def place(repository: Path, tmp_path: Path) -> Path:
    path = tmp_path / "side"
    worktrees.add_worktree(str(repository), str(path), branch="side", create=True)
    return path


def files(repository: Path, revision: str) -> dict[str, str]:
    names = run_git(repository, "ls-tree", "-r", "-z", "--name-only", revision).split("\0")[:-1]
    return {name: run_git(repository, "show", f"{revision}:{name}") for name in names}


def seen(path: Path) -> tuple[object, ...]:
    """What of the user's own must not change."""
    own = Path(run_git(path, "rev-parse", "--absolute-git-dir").strip())
    index = (own / "index").stat() if (own / "index").exists() else None
    return (
        index and (index.st_mtime_ns, index.st_ino, (own / "index").read_bytes()),
        (own / "HEAD").read_text(),
        run_git(path, "--no-optional-locks", "status", "--porcelain=v2"),
        run_git(path, "stash", "list"),
        run_git(path, "reflog", check=False),
        run_git(path, "for-each-ref", "refs/heads"),
    )


def test_everything_git_can_see_survives_a_forced_removal(repository: Path, place: Path) -> None:
    tip = commit(place, {"c.txt": "committed\n"})
    write(place, {"a.txt": "staged\n"})
    run_git(place, "add", "a.txt")
    odd = "sub/-odd \n*.txt"
    write(place, {"a.txt": "staged and changed\n", odd: "untracked\n", "x.log": "ignored\n"})
    (place / "b.txt").unlink()
    before = seen(place)
    saved = trash.save(str(place), key="k1", branch="side")
    assert seen(place) == before
    base = "refs/devdeck/trash/k1"
    assert saved == (f"{base}/branch", f"{base}/index", f"{base}/worktree")
    worktrees.remove_worktree(str(repository), str(place), force=True)
    run_git(repository, "branch", "-D", "side")
    run_git(repository, "reflog", "expire", "--expire=now", "--all")
    run_git(repository, "gc", "-q", "--prune=now")
    assert run_git(repository, "rev-parse", f"{base}/branch").strip() == tip
    common = {".gitignore": "*.log\n", "c.txt": "committed\n"}
    assert files(repository, f"{base}/index") == {**common, "a.txt": "staged\n", "b.txt": "b\n"}
    assert files(repository, f"{base}/worktree") == {**common, "a.txt": "staged and changed\n", odd: "untracked\n"}
    run_git(repository, "worktree", "add", "-q", str(place), f"{base}/worktree")
    assert (place / "a.txt").read_text() == "staged and changed\n"
    assert run_git(repository, "rev-parse", f"{base}/worktree^1", f"{base}/worktree^2").split() == [
        tip, run_git(repository, "rev-parse", f"{base}/index").strip(),
    ]  # fmt: skip


def test_no_hook_runs_and_no_identity_is_needed(repository: Path, place: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    for hook in ("pre-commit", "commit-msg", "reference-transaction", "post-index-change", "post-commit"):
        write(repository / ".git/hooks", {hook: f"#!/bin/sh\ntouch {marker}\n"})
        (repository / ".git/hooks" / hook).chmod(0o755)
    run_git(repository, "config", "user.useConfigOnly", "true")
    write(place, {"new": "new"})
    trash.save(str(place), key="k", branch="side")
    assert not marker.exists()
    assert (
        run_git(repository, "log", "-1", "--format=%an %cn", "refs/devdeck/trash/k/worktree").strip()
        == "devdeck devdeck"
    )


def test_before_the_first_commit(tmp_path: Path) -> None:
    unborn = make_repository(tmp_path / "new", {"x": "x\n", "y": "y\n"}, commits=0)
    run_git(unborn, "add", "x")
    before = seen(unborn)
    saved = trash.save(str(unborn), key="k", branch="main")
    assert seen(unborn) == before
    assert saved == ("refs/devdeck/trash/k/index", "refs/devdeck/trash/k/worktree")
    assert files(unborn, saved[0]) == {"x": "x\n"}
    assert files(unborn, saved[1]) == {"x": "x\n", "y": "y\n"}
    empty = make_repository(tmp_path / "empty", commits=0)
    assert files(empty, trash.save(str(empty), key="k", branch=None)[-1]) == {}


def test_in_the_middle_of_a_conflict(repository: Path) -> None:
    conflict(repository, "b.txt")
    write(repository, {"a.txt": "staged meanwhile\n"})
    run_git(repository, "add", "a.txt")
    write(repository, {"a.txt": "and changed\n"})
    theirs = run_git(repository, "rev-parse", "MERGE_HEAD").strip()
    before = seen(repository)
    trash.save(str(repository), key="k", branch="main")
    assert seen(repository) == before
    kept = files(repository, "refs/devdeck/trash/k/worktree")
    assert kept["a.txt"] == "and changed\n"
    assert "<<<<<<<" in kept["b.txt"]
    index = files(repository, "refs/devdeck/trash/k/index")
    assert index["a.txt"] == "staged meanwhile\n"
    assert "b.txt" not in index
    parents = run_git(repository, "log", "-1", "--format=%P", "refs/devdeck/trash/k/worktree").split()
    assert theirs in parents


def test_detached_commits_are_kept(repository: Path, place: Path) -> None:
    run_git(place, "checkout", "-q", "--detach")
    lonely = commit(place, {"x": "x"})
    trash.save(str(place), key="k", branch="side")
    worktrees.remove_worktree(str(repository), str(place), force=True)
    run_git(repository, "gc", "-q", "--prune=now")
    assert run_git(repository, "rev-parse", "refs/devdeck/trash/k/worktree^1").strip() == lonely


def test_nested_repositories_are_left_out(place: Path) -> None:
    make_repository(place / "deep/nested")
    make_repository(place / "unborn*", commits=0)
    write(place, {"deep/own": "own\n"})
    trash.save(str(place), key="k", branch=None)
    kept = run_git(place, "ls-tree", "-r", "--name-only", "refs/devdeck/trash/k/worktree").split()
    assert kept == [".gitignore", "a.txt", "b.txt", "deep/own"]


def test_what_can_t_be_saved_is_said_and_nothing_is_made(repository: Path, place: Path) -> None:
    trash.save(str(place), key="k", branch=None)
    first = run_git(repository, "for-each-ref", "refs/devdeck")
    write(place, {"new": "new"})
    with pytest.raises(DeckError):
        trash.save(str(place), key="k", branch=None)
    for key in ("", "../x", "a/b", "-x", "a b", "x.lock", "a" * 200):
        with pytest.raises(UsageError):
            trash.save(str(place), key=key, branch=None)
    with pytest.raises(NotFound):
        trash.save(str(repository.parent / "missing"), key="other", branch=None)
    (place / "secret").write_text("x")
    (place / "secret").chmod(0)
    if os.geteuid() != 0:  # root reads everything
        with pytest.raises(DeckError):
            trash.save(str(place), key="other", branch=None)
    assert run_git(repository, "for-each-ref", "refs/devdeck") == first


def test_what_the_folders_in_the_trash_need_is_kept(
    repository: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lonely = commit(place, {"lonely.txt": "1\n"})
    run_git(place, "reset", "-q", "--hard", "HEAD~")
    commit(place, {"other.txt": "1\n"})
    run_git(place, "reset", "-q", "--hard", "HEAD~")
    write(place, {"small": "s", "middle": "m" * 50, "large": "l" * 500, "x.log": "ignored\n", "a.txt": "changed\n"})
    monkeypatch.setattr(trash, "LARGE", 100)
    where = trash.Where(str(place), repository / ".git/worktrees/side")
    before = seen(place)
    for _ in range(2):  # it may be done again
        made = trash.keep(where, key="k/0", branch="side", files=True, strict=True)
        assert seen(place) == before
        assert made == tuple(
            f"refs/devdeck/trash/k/0/{name}" for name in ("branch", "head", "index", "others", "worktree")
        )
    assert set(files(repository, made[-1])) == {".gitignore", "a.txt", "b.txt", "small", "middle"}
    assert run_git(repository, "rev-parse", f"{made[3]}^1").strip() == lonely
    monkeypatch.setattr(trash, "ALL_NEW", 10)
    trash.keep(where, key="k/0", branch="side", files=True, strict=True)
    assert set(files(repository, made[-1])) == {".gitignore", "a.txt", "b.txt", "small"}
    assert set(trash.kept(str(repository), "k/0")) == {"branch", "head", "index", "others", "worktree"}
    trash.forget(str(repository), "k/0")
    trash.forget(str(repository), "k/0")
    assert trash.kept(str(repository), "k/0") == {}


def test_a_broken_part_is_an_error_only_when_that_is_asked_for(repository: Path, place: Path) -> None:
    where = trash.Where(str(place), repository / ".git/worktrees/side")
    (where.own / "index").write_bytes(b"garbage")
    with pytest.raises(DeckError):
        trash.keep(where, key="k/0", branch="side", files=True, strict=True)
    made = trash.keep(where, key="k/0", branch="side", files=True, strict=False)
    assert {name.rpartition("/")[2] for name in made} == {"branch", "head"}


def test_the_branch_of_a_worktree_that_is_gone(repository: Path) -> None:
    run_git(repository, "branch", "side")
    assert trash.save_branch(str(repository), key="k", branch="side") == ("refs/devdeck/trash/k/branch",)
    assert trash.save_branch(str(repository), key="k2", branch="nothing") == ()


# Risks


def risks(repository: Path, place: Path, *, branch_goes: bool = True, branch: str | None = "side") -> tuple[str, ...]:
    return risk_words.removal_risks(str(place), str(repository), branch, branch_goes=branch_goes)


def test_a_clean_worktree_without_commits_of_its_own_has_no_risk(repository: Path, place: Path) -> None:
    write(place, {"x.log": "ignored\n"})
    assert risks(repository, place) == ()


def test_files_at_risk_are_counted(repository: Path, place: Path) -> None:
    run_git(repository, "config", "status.showUntrackedFiles", "no")
    write(place, {"a.txt": "changed\n", "new/one": "", "new/two": ""})
    (place / "b.txt").unlink()
    assert risks(repository, place) == ("2 files with uncommitted changes", "2 untracked files")


def test_commits_at_risk(repository: Path, place: Path) -> None:
    commit(place, {"x": "1"})
    commit(place, {"x": "2"})
    assert risks(repository, place) == ("2 commits that only branch side has",)
    assert risks(repository, place, branch_goes=False) == ()
    run_git(place, "checkout", "-q", "--detach")
    commit(place, {"x": "3"})
    assert risks(repository, place, branch_goes=False) == ("1 commit that only the detached HEAD has",)
    assert len(risks(repository, place)) == 2
    run_git(repository, "update-ref", "refs/remotes/origin/side", "side")
    run_git(repository, "tag", "kept", run_git(place, "rev-parse", "HEAD").strip())
    assert risks(repository, place) == ()


def test_conflicts_operations_and_locks(repository: Path, place: Path) -> None:
    commit(repository, {"a.txt": "main\n"})
    commit(place, {"a.txt": "side\n"})
    run_git(place, "merge", "-q", "main", check=False)
    run_git(repository, "worktree", "lock", "--reason", "on a\x1b[31m stick", str(place))
    found = risks(repository, place, branch_goes=False)
    assert found == ("1 file in conflict", "a merge is in progress", "the worktree is locked: on a stick")


def test_repositories_inside(repository: Path, place: Path, tmp_path: Path) -> None:
    module = make_repository(tmp_path / "module")
    run_git(place, "submodule", "--quiet", "add", str(module), "vendor/module")
    commit(place, {})
    make_repository(place / "deep/nested")
    found = risks(repository, place, branch_goes=False)
    assert any("1 submodule" in risk and "vendor/module" in risk for risk in found)
    assert any("1 nested repository" in risk and "deep/nested" in risk for risk in found)
    write(place / "vendor/module", {"README.md": "changed\n"})
    run_git(place, "config", "diff.ignoreSubmodules", "all")
    assert "1 file with uncommitted changes" in risks(repository, place, branch_goes=False)


def test_risks_of_an_unborn_branch_and_of_no_worktree(tmp_path: Path) -> None:
    unborn = make_repository(tmp_path / "new", {"x": ""}, commits=0)
    assert risks(unborn, unborn, branch="main") == ("1 untracked file",)
    with pytest.raises(NotFound):
        risks(unborn, tmp_path / "missing")
