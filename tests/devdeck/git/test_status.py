import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.errors import DeckError, NotFound
from devdeck.git import status as statuses
from devdeck.git.status import changes, entries, parse_status, status, status_async
from devdeck.model import GitFacts
from tests.git_support import commit, conflict, make_repository, run_git, write

OID = "1" * 40
NUMBERS = f"N... 100644 100644 100644 {OID} {OID}"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "project", {"a.txt": "a\n", "b.txt": "b\n", "c.txt": "c\n" * 20})


def head(path: Path) -> str:
    return run_git(path, "rev-parse", "HEAD").strip()


def test_clean(repository: Path) -> None:
    facts = status(str(repository))
    assert facts == GitFacts(branch="main", head=head(repository))
    assert not facts.dirty


async def test_every_kind_of_change_is_counted(repository: Path) -> None:
    write(repository, {".gitignore": "*.log\n"})
    commit(repository, {"d.txt": "d\n"})
    write(repository, {"a.txt": "new a\n", "new dir/one": "", "new dir/two": "", "x.log": "", "added": "added\n"})
    run_git(repository, "mv", "c.txt", "renamed file.txt")
    run_git(repository, "add", "added")
    write(repository, {"added": "and changed\n"})
    run_git(repository, "rm", "-q", "b.txt")
    facts = status(str(repository))
    assert (facts.staged, facts.unstaged, facts.untracked, facts.conflicts) == (3, 2, 1, 0)
    assert facts.dirty
    assert await status_async(str(repository)) == facts
    assert changes(str(repository)) == (
        (" M", "a.txt"), ("AM", "added"), ("D ", "b.txt"), ("R ", "renamed file.txt"), ("??", "new dir/"),
    )  # fmt: skip


def test_before_the_first_commit(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "new", {"x": "x"}, commits=0)
    assert status(str(repository)) == GitFacts(branch="main", head=None, untracked=1)


def test_detached(repository: Path) -> None:
    run_git(repository, "checkout", "-q", "--detach")
    assert status(str(repository)) == GitFacts(branch=None, head=head(repository))


def test_a_branch_that_is_called_detached(repository: Path) -> None:
    run_git(repository, "checkout", "-q", "-b", "(detached)")
    assert status(str(repository)).branch == "(detached)"


def test_upstream_ahead_behind_and_gone(repository: Path, tmp_path: Path) -> None:
    run_git(tmp_path, "clone", "-q", str(repository), "clone")
    clone = tmp_path / "clone"
    facts = status(str(clone))
    assert (facts.upstream, facts.ahead, facts.behind) == ("origin/main", 0, 0)
    commit(clone, {"mine": "1"})
    commit(clone, {"mine": "2"})
    commit(repository, {"theirs": "1"})
    run_git(clone, "fetch", "-q")
    run_git(clone, "config", "status.aheadBehind", "false")
    facts = status(str(clone))
    assert (facts.upstream, facts.ahead, facts.behind) == ("origin/main", 2, 1)
    run_git(clone, "update-ref", "-d", "refs/remotes/origin/main")
    facts = status(str(clone))
    assert (facts.upstream, facts.ahead, facts.behind) == ("origin/main", None, None)


def test_a_merge_in_conflict(repository: Path) -> None:
    conflict(repository, "a.txt")
    facts = status(str(repository))
    assert (facts.conflicts, facts.staged, facts.unstaged, facts.operation) == (1, 0, 0, "merge")
    assert changes(str(repository)) == (("UU", "a.txt"),)


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("rebase", "theirs"), "rebase"),
        (("rebase", "--apply", "theirs"), "rebase"),
        (("merge", "theirs"), "merge"),
        (("cherry-pick", "theirs"), "cherry-pick"),
        (("revert", "HEAD~1"), "revert"),
    ],
)
def test_what_is_in_progress(
    repository: Path, tmp_path: Path, command: tuple[str, ...], expected: str, linked: bool
) -> None:
    run_git(repository, "branch", "base")
    run_git(repository, "checkout", "-q", "-b", "theirs")
    commit(repository, {"a.txt": "theirs\n"})
    run_git(repository, "checkout", "-q", "main")
    commit(repository, {"a.txt": "ours\n"})
    commit(repository, {"a.txt": "ours again\n"})
    place = repository
    if linked:
        place = tmp_path / "linked"
        run_git(repository, "worktree", "add", "-q", "-b", "side", str(place))
    run_git(place, *command, check=False)
    assert status(str(place)).operation == expected
    if linked:
        assert status(str(repository)).operation is None
    run_git(place, command[0], "--abort")
    assert status(str(place)).operation is None


def test_between_two_picks_and_during_a_bisection(repository: Path) -> None:
    run_git(repository, "checkout", "-q", "-b", "theirs")
    commit(repository, {"a.txt": "theirs\n"})
    commit(repository, {"a.txt": "theirs again\n"})
    run_git(repository, "checkout", "-q", "main")
    commit(repository, {"a.txt": "ours\n"})
    run_git(repository, "cherry-pick", "theirs~1", "theirs", check=False)
    commit(repository, {"a.txt": "resolved\n"})
    assert not (repository / ".git/CHERRY_PICK_HEAD").exists()
    assert status(str(repository)).operation == "cherry-pick"
    run_git(repository, "cherry-pick", "--abort", check=False)
    run_git(repository, "cherry-pick", "--quit")
    run_git(repository, "bisect", "start")
    assert status(str(repository)).operation == "bisect"


def test_the_index_is_not_touched(repository: Path) -> None:
    # Stat data that no longer fits is what makes git want to write the index.
    os.utime(repository / "a.txt", (1, 1))
    before = (repository / ".git/index").stat()
    assert not status(str(repository)).dirty
    assert changes(str(repository)) == ()
    after = (repository / ".git/index").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_worktree_that_lost_its_git_file_is_not_taken_for_the_repository_around_it(repository: Path) -> None:
    inner = repository / "inner"
    run_git(repository, "worktree", "add", "-q", "-b", "inner", str(inner))
    (inner / ".git").unlink()
    for look in (status, changes):
        with pytest.raises(NotFound, match="no git worktree"):
            look(str(inner))


def test_paths_that_are_not_text(repository: Path) -> None:
    names = [b"with\nnewline", b"\xff\xfe", b"\x1b[31mred", "ü".encode(), b"? x", b"-n"]
    for name in names:
        with open(os.path.join(os.fsencode(repository), name), "wb"):
            pass
    assert {os.fsencode(path) for _, path in changes(str(repository))} == set(names)
    assert status(str(repository)).untracked == len(names)


def test_changes_are_bounded(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statuses, "MAX_CHANGES", 3)
    write(repository, {f"n{number}": "" for number in range(5)})
    assert [path for _, path in changes(str(repository))] == ["n0", "n1", "n2"]


def test_a_broken_index_is_an_error(repository: Path) -> None:
    (repository / ".git/index").write_bytes(b"not an index")
    with pytest.raises(DeckError) as error:
        status(str(repository))
    assert error.value.code == "git-failed"


def test_a_path_that_looks_like_a_header_or_an_entry() -> None:
    raw = f"# branch.oid {OID}\0# branch.head main\0? # branch.head x\0? 1 .M fake\0".encode()
    assert parse_status(raw) == GitFacts(branch="main", head=OID, untracked=2)


def test_the_earlier_name_of_a_rename_is_no_entry() -> None:
    raw = f"2 R. {NUMBERS} R100 new\0? old\0? real\0".encode()
    assert list(entries(raw)) == [("R ", "new"), ("??", "real")]


paths = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)
states = st.sampled_from([".", "M", "T", "A", "D", "R", "C"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("12u?!"), states, states, paths, paths), max_size=12))
def test_entries_of_any_paths(rows: list[tuple[str, str, str, str, str]]) -> None:
    raw, expected = f"# branch.oid {OID}\0# branch.head main\0", []
    for kind, index, tree, path, old in rows:
        if kind == "1":
            raw += f"1 {index}{tree} {NUMBERS} {path}\0"
        elif kind == "2":
            raw += f"2 {index}{tree} {NUMBERS} R75 {path}\0{old}\0"
        elif kind == "u":
            raw += f"u {index}{tree} N... 100644 100644 100644 100644 {OID} {OID} {OID} {path}\0"
        else:
            raw += f"{kind} {path}\0"
        code = f"{index}{tree}".replace(".", " ") if kind in "12u" else kind * 2
        expected.append(("U:" * (kind == "u") + code, path))
    assert list(entries(raw.encode())) == expected
    facts = parse_status(raw.encode())
    assert facts.untracked == sum(row[0] == "?" for row in rows)
    assert facts.conflicts == sum(row[0] == "u" for row in rows)
    assert facts.staged == sum(row[0] in "12" and row[1] != "." for row in rows)
    assert facts.unstaged == sum(row[0] in "12" and row[2] != "." for row in rows)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.lists(st.sampled_from(
    [b"# branch.ab +1 -x", b"# branch.ab", b"1 M", b"2 R. x", b"u UU", b"?", b"? ", b"", b"1 .M N... 1 1 1 a b"]
)).map(b"\0".join))  # fmt: skip
def test_any_bytes_are_read_without_an_error(raw: bytes) -> None:
    facts = parse_status(raw)
    assert facts.staged >= 0
