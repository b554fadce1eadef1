import os
from pathlib import Path

import pytest

from devdeck.errors import DeckError, NotFound
from devdeck.git.repository import (
    Repository,
    common_dir,
    find_repository,
    git_dir,
    main_root,
    read_head,
    repository_id,
    worktree_root,
)
from tests.git_support import commit, make_repository, run_git, write


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "project", {"src/deep/a.py": "a = 1\n"})


def test_every_folder_of_every_worktree_gives_the_main_repository(repository: Path, tmp_path: Path) -> None:
    linked = tmp_path / "elsewhere" / "linked"
    run_git(repository, "worktree", "add", "-q", "-b", "side", str(linked))
    link = tmp_path / "link"
    link.symlink_to(linked / "src")
    expected = Repository(root=str(repository), common_dir=str(repository / ".git"), name="project")
    for start in (repository, repository / "src/deep", linked, linked / "src/deep", link, link / "deep"):
        assert find_repository(start) == expected
        place = worktree_root(start)
        assert place is not None
        assert main_root(place) == str(repository)
    assert expected.id == repository_id(str(repository))
    assert len(expected.id) == 8


def test_a_worktree_inside_the_main_worktree_belongs_to_the_main_repository(repository: Path) -> None:
    inner = repository / ".worktrees" / "inner"
    run_git(repository, "worktree", "add", "-q", "-b", "inner", str(inner))
    assert find_repository(inner / "src").root == str(repository)
    assert worktree_root(inner / "src") == str(inner)


def test_inside_the_git_directory(repository: Path) -> None:
    assert find_repository(repository / ".git" / "refs").root == str(repository)
    assert worktree_root(repository / ".git" / "refs") == str(repository)


def test_bare_repositories_are_named_without_git(tmp_path: Path) -> None:
    bare = make_repository(tmp_path / "library.git", bare=True)
    assert find_repository(bare) == Repository(root=str(bare), common_dir=str(bare), name="library")
    assert main_root(bare) == str(bare)
    for hidden in (".git", ".bare"):
        place = make_repository(tmp_path / f"in{hidden}" / "tool" / hidden, bare=True)
        assert find_repository(place).name == "tool"


def test_worktrees_of_a_bare_repository(repository: Path, tmp_path: Path) -> None:
    run_git(tmp_path, "clone", "-q", "--bare", str(repository), "copy.git")
    linked = tmp_path / "linked"
    run_git(tmp_path / "copy.git", "worktree", "add", "-q", str(linked), "main")
    found = find_repository(linked / "src")
    assert (found.root, found.name) == (str(tmp_path / "copy.git"), "copy")
    assert main_root(linked) == found.root
    assert read_head(linked) == ("main", run_git(repository, "rev-parse", "HEAD").strip())


def test_a_submodule_is_a_repository_of_its_own(repository: Path, tmp_path: Path) -> None:
    other = make_repository(tmp_path / "other", {"lib.py": ""})
    run_git(repository, "submodule", "--quiet", "add", str(other), "vendor/other")
    module = repository / "vendor/other"
    assert find_repository(module).root == str(module)
    assert main_root(module) == str(module)
    linked = tmp_path / "of-module"
    run_git(module, "worktree", "add", "-q", "-b", "x", str(linked))
    assert find_repository(linked).root == str(module)
    assert main_root(linked) == str(module)


def test_a_separate_git_directory(tmp_path: Path) -> None:
    place = tmp_path / "work"
    place.mkdir()
    run_git(place, "init", "-q", "--separate-git-dir", str(tmp_path / "store"))
    assert find_repository(place).root == str(place)
    assert git_dir(place) == tmp_path / "store"


@pytest.mark.parametrize("name", ["with space", 'quo"te', "new\nline", "ünïcode", "-dash", "$(x)"])
def test_odd_folder_names(tmp_path: Path, name: str) -> None:
    repository = make_repository(tmp_path / name)
    linked = tmp_path / "linked" / name
    run_git(repository, "worktree", "add", "-q", "-b", "side", str(linked))
    assert find_repository(linked).root == str(repository)
    assert read_head(linked)[0] == "side"


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as missing:
        find_repository(tmp_path / "missing")
    assert missing.value.hint
    (tmp_path / "plain").mkdir()
    with pytest.raises(NotFound) as plain:
        find_repository(tmp_path / "plain")
    assert "not in a git repository" in plain.value.message
    assert "git init" in plain.value.hint
    assert worktree_root(tmp_path / "plain") is None
    assert worktree_root("") is None
    assert main_root(tmp_path / "plain") is None
    assert git_dir(tmp_path / "missing") is None
    assert common_dir(tmp_path / "missing") is None


def test_a_linked_worktree_whose_repository_has_moved(repository: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    run_git(repository, "worktree", "add", "-q", "-b", "side", str(linked))
    repository.rename(tmp_path / "moved")
    with pytest.raises(NotFound):
        find_repository(linked)
    assert git_dir(linked) is None
    assert read_head(linked) == (None, None)


def test_git_s_own_words_when_the_repository_is_broken(repository: Path) -> None:
    (repository / ".git/config").write_text("[core\n")
    with pytest.raises(DeckError) as error:
        find_repository(repository)
    assert not isinstance(error.value, NotFound)
    assert error.value.code == "git-failed"
    assert "bad config" in error.value.message


def test_read_head_agrees_with_git(repository: Path, tmp_path: Path) -> None:
    oid = run_git(repository, "rev-parse", "HEAD").strip()
    assert read_head(repository) == ("main", oid)
    run_git(repository, "pack-refs", "--all")
    assert not (repository / ".git/refs/heads/main").exists()
    assert read_head(repository) == ("main", oid)
    run_git(repository, "checkout", "-q", "-b", "feature/deep.name")
    newer = commit(repository, {"x": "x"})
    assert read_head(repository) == ("feature/deep.name", newer)
    run_git(repository, "checkout", "-q", "--detach")
    assert read_head(repository) == (None, newer)
    assert read_head(make_repository(tmp_path / "unborn", commits=0)) == ("main", None)


def test_read_head_reads_nothing_outside(repository: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a" * 40)
    for target in ("refs/heads/../../../secret", "refs/heads/../../../../secret"):
        (repository / ".git/HEAD").write_text(f"ref: {target}\n")
        assert read_head(repository)[1] is None


def test_a_fifo_instead_of_a_file_does_not_block(tmp_path: Path) -> None:
    place = tmp_path / "odd"
    write(place, {"x": ""})
    os.mkfifo(place / ".git")
    assert git_dir(place) is None


def test_a_worktree_that_git_is_just_making_is_no_repository_of_its_own(repository: Path, tmp_path: Path) -> None:
    run_git(repository, "worktree", "add", str(tmp_path / "new"))
    shared = repository / ".git/worktrees/new/commondir"
    assert main_root(tmp_path / "new") == str(repository)
    shared.write_text("")
    assert main_root(tmp_path / "new") is None
    shared.unlink()
    assert main_root(tmp_path / "new") is None
