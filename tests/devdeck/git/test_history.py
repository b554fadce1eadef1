import os
from pathlib import Path

import pytest

from devdeck.errors import DeckError, NotFound
from devdeck.git import history
from devdeck.git.history import commits, diff
from devdeck.model import Commit
from tests.git_support import START, commit, conflict, make_repository, run_git, write


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "project", {"a.txt": "one\ntwo\n", "b.txt": "b\n"})


def test_commits_newest_first(repository: Path) -> None:
    second = commit(repository, {"c": "c"}, "second\n\nwith a body")
    found = commits(str(repository), 10)
    assert found[0] == Commit(oid=second, subject="second", author="Ada", at=float(START))
    assert [entry.subject for entry in found] == ["second", "the first commit"]
    assert len(commits(str(repository), 1)) == 1
    assert commits(str(repository), 0) == ()


def test_hostile_subjects_and_authors(repository: Path) -> None:
    subjects = ["\x1b[31mred\x1b]52;c;eA==\x07", "%H %x00 [link](x)", "[@click=app.quit]x[/]", "a\x1eb\x1fc"]
    for subject in subjects:
        run_git(repository, "commit", "-q", "--allow-empty", "-m", subject, env={"GIT_AUTHOR_NAME": "A\x1b[1m"})
    run_git(repository, "commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
    found = commits(str(repository), 5)
    assert [entry.subject for entry in found] == ["", *reversed(subjects)]
    assert found[1].author == "A\x1b[1m"


def test_a_subject_that_is_not_text(repository: Path) -> None:
    message = repository.parent / "message"
    message.write_bytes(b"\xff\xfe broken")
    run_git(repository, "commit", "-q", "--allow-empty", "-F", str(message))
    assert "broken" in commits(str(repository), 1)[0].subject


def test_before_the_first_commit_and_without_a_worktree(tmp_path: Path) -> None:
    unborn = make_repository(tmp_path / "new", {"x.txt": "hello\n"}, commits=0)
    assert commits(str(unborn)) == ()
    assert "+hello" in diff(str(unborn))
    run_git(unborn, "add", "--all")
    assert "+hello" in diff(str(unborn))
    for look in (commits, diff):
        with pytest.raises(NotFound):
            look(str(tmp_path / "missing"))


def test_a_clean_worktree_has_no_diff(repository: Path) -> None:
    os.utime(repository / "a.txt", (1, 1))
    assert diff(str(repository)) == ""


def test_staged_unstaged_and_new_files(repository: Path) -> None:
    write(repository, {"a.txt": "one\nTWO\n", "b.txt": "staged\n", "new.txt": "new\n", "-odd *.txt": "odd\n"})
    write(repository, {"bin": b"\0\1\2", ".gitignore": "ignored\n", "ignored": "no\n"})
    run_git(repository, "add", "b.txt")
    text = diff(str(repository))
    for line in ("-two", "+TWO", "-b", "+staged", "+new", "+odd", "+++ b/new.txt", "new file mode 100644"):
        assert line in text.splitlines(), line
    assert "Binary files /dev/null and b/bin differ" in text
    assert "+no" not in text.splitlines()
    assert "\x1b" not in text


def test_the_user_s_index_is_not_touched(repository: Path) -> None:
    write(repository, {"new.txt": "new\n"})
    os.utime(repository / "a.txt", (1, 1))
    before = (repository / ".git/index").stat()
    listed = run_git(repository, "ls-files", "--stage")
    assert "+new" in diff(str(repository))
    after = (repository / ".git/index").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert run_git(repository, "ls-files", "--stage") == listed


def test_settings_of_the_user_don_t_change_the_form(repository: Path) -> None:
    for setting in ("diff.noprefix", "diff.mnemonicPrefix", "core.splitIndex"):
        run_git(repository, "config", setting, "true")
    run_git(repository, "config", "color.ui", "always")
    run_git(repository, "config", "diff.submodule", "log")
    write(repository, {"a.txt": "x\n", "new": "new\n"})
    run_git(repository, "add", "a.txt")  # splits the index
    assert {"--- a/a.txt", "+++ b/a.txt", "+++ b/new"} <= set(diff(str(repository)).splitlines())


def test_during_a_conflict(repository: Path) -> None:
    conflict(repository, "a.txt")
    text = diff(str(repository))
    assert "+<<<<<<< HEAD" in text
    assert "+their line" in text


def test_new_files_are_bounded(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "NEW_FILES", 2)
    write(repository, {f"n{number}": f"{number}\n" for number in range(4)})
    write(repository, {"n0": b"x" * (history.NEW_FILE_BYTES + 1)})
    make_repository(repository / "nested")
    text = diff(str(repository))
    assert text.endswith("… 3 more untracked: n0, n3, nested/\n")
    assert "+1" in text.splitlines()
    assert "+3" not in text.splitlines()


def test_a_cut_diff_says_so(repository: Path) -> None:
    write(repository, {"a.txt": "line\n" * 10_000})
    text = diff(str(repository), limit_bytes=1000)
    assert text.endswith("\n… cut after 1000 bytes\n")
    assert all(
        line in ("+line", "-one", "-two") or not line.startswith(("+l", "+ ")) for line in text.splitlines()[:-1]
    )
    assert len(text) < 1100


def test_a_new_pipe_or_link_does_not_block(repository: Path) -> None:
    os.mkfifo(repository / "pipe")
    (repository / "link").symlink_to("/etc/passwd")
    text = diff(str(repository))
    assert "+/etc/passwd" in text.splitlines()
    assert "root:" not in text


def test_a_broken_repository_is_an_error(repository: Path) -> None:
    (repository / ".git/index").write_bytes(b"broken")
    with pytest.raises(DeckError):
        diff(str(repository))
