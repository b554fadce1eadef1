"""Uncommitted work, moved from one worktree into another byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devdeck.errors import DeckError, Refused
from devdeck.git import changes
from tests.git_support import commit, conflict, make_repository, run_git, write

FILES = {
    "same": "same\n",
    "unstaged": "old\n",
    "staged": "old\n",
    "both": "old\n",
    "gone": "old\n",
    "gone-staged": "old\n",
    "dir/one": "1\n",
    "dir/two": "2\n",
    "file": "a file\n",
    "mode": "#!/bin/sh\n",
    "kept": "kept\n",
    ".gitignore": "*.log\n",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A worktree with every kind of change."""
    place = make_repository(tmp_path / "source", files=FILES)
    (place / "link").symlink_to("same")
    commit(place, message="a link")
    return place


@pytest.fixture
def destination(source: Path, tmp_path: Path) -> Path:
    place = tmp_path / "destination"
    run_git(source, "worktree", "add", "-q", "-b", "new", str(place))
    return place


def change(place: Path) -> None:
    write(
        place, {"staged": "staged\n", "both": "staged\n", "new staged": "n\n", "sub/new": b"\0\xff\r\n", "file~": "x\n"}
    )
    (place / "gone-staged").unlink()
    run_git(place, "add", "staged", "both", "new staged", "gone-staged")
    write(
        place,
        {"both": "unstaged\n", "unstaged": "unstaged\r\nmixed\n", "untracked\nname": "u\n", "ignored.log": "log\n"},
    )
    (place / "gone").unlink()
    (place / "mode").chmod(0o755)
    (place / "link").unlink()
    (place / "link").symlink_to("/nowhere/at/all")
    (place / "dir/one").unlink()
    (place / "dir/two").unlink()
    (place / "dir").rmdir()
    write(place, {"dir": "a file now\n"})
    (place / "file").unlink()
    write(place, {"file/inside": "a folder now\n", "intended": "i\n"})
    run_git(place, "add", "--intent-to-add", "intended")
    run_git(place, "rm", "-q", "--cached", "kept")


def picture(place: Path) -> dict[str, object]:
    """Everything that a worktree holds: files byte for byte, the index, and what git says of both."""
    found: dict[str, object] = {}
    for folder, _, names in os.walk(place):
        for name in names:
            path = Path(folder, name)
            key = str(path.relative_to(place))
            if key == ".git" or key.startswith(".git/"):
                continue
            found[key] = os.readlink(path) if path.is_symlink() else (path.read_bytes(), path.stat().st_mode)
    found["(index)"] = run_git(place, "ls-files", "--stage", "-z")
    found["(status)"] = run_git(place, "status", "--porcelain=v2", "-z")
    return found


def without(seen: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in seen.items() if name not in names}


def test_everything_arrives_and_nothing_is_left(source: Path, destination: Path) -> None:
    clean = picture(destination)
    change(source)
    before = picture(source)
    work = changes.look(str(source))
    assert picture(source) == before
    changes.put(str(source), str(destination), work)
    assert picture(source) == before
    assert picture(destination) == without(before, "ignored.log")
    changes.take(str(source), str(destination), work)
    assert without(picture(source), "ignored.log") == clean
    assert picture(destination) == without(before, "ignored.log")


def test_everything_goes_back(source: Path, destination: Path) -> None:
    clean = picture(destination)
    change(source)
    before = picture(source)
    work = changes.look(str(source))
    for _ in range(2):
        changes.put(str(source), str(destination), work)
        changes.take(str(source), str(destination), work)
        changes.take(str(source), str(destination), work)
        for _ in range(2):
            changes.give_back(str(source), str(destination), work)
        assert picture(source) == before
        for _ in range(2):
            changes.put_back(str(source), str(destination), work)
        assert picture(source) == before
        assert picture(destination) == clean


CALLS = ("_copy", "_remove", "_restore", "_write_index")


@pytest.mark.parametrize("name", CALLS)
def test_cut_off_anywhere_everything_goes_back(
    source: Path, destination: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C15: cut off before and after each single file, on the way there and on the way back."""
    clean = picture(destination)
    change(source)
    before = picture(source)
    work = changes.look(str(source))

    class CutOff(BaseException):
        """As if the process had ended."""

    def there_and_back(stop: int) -> bool:
        left = stop
        real = getattr(changes, name)

        def call(*arguments: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise CutOff
            real(*arguments)
            left -= 1
            if left == 0:
                raise CutOff

        with monkeypatch.context() as patch:
            patch.setattr(changes, name, call)
            try:
                changes.put(str(source), str(destination), work)
                changes.take(str(source), str(destination), work)
                changes.give_back(str(source), str(destination), work)
                changes.put_back(str(source), str(destination), work)
            except CutOff:
                return True
        return False

    stop, stride = 1, 3 if name in ("_copy", "_remove") else 1
    while there_and_back(stop):
        changes.give_back(str(source), str(destination), work)
        changes.put_back(str(source), str(destination), work)
        assert picture(source) == before, stop
        assert picture(destination) == clean, stop
        stop += stride
    assert stop > 2


def test_what_is_written_meanwhile_is_never_overwritten(source: Path, destination: Path) -> None:
    change(source)
    work = changes.look(str(source))
    changes.put(str(source), str(destination), work)
    write(source, {"unstaged": "written since\n"})
    with pytest.raises(DeckError, match="unstaged was changed"):
        changes.take(str(source), str(destination), work)
    changes.give_back(str(source), str(destination), work)
    changes.put_back(str(source), str(destination), work)
    assert (source / "unstaged").read_text() == "written since\n"
    assert (destination / "unstaged").read_bytes() == b"unstaged\r\nmixed\n"
    assert (source / "sub/new").read_bytes() == b"\0\xff\r\n"
    with pytest.raises(DeckError, match="was changed while"):
        changes.put(str(source), str(destination), work)


def test_work_that_goes_on_in_the_new_worktree_stays_there(source: Path, destination: Path) -> None:
    change(source)
    work = changes.look(str(source))
    changes.put(str(source), str(destination), work)
    changes.take(str(source), str(destination), work)
    write(destination, {"unstaged": "gone on\n", "more": "more\n"})
    write(source, {"both": "somebody is at work here too\n"})
    changes.give_back(str(source), str(destination), work)
    changes.put_back(str(source), str(destination), work)
    assert (source / "both").read_text() == "somebody is at work here too\n"
    assert (destination / "both").read_text() == "unstaged\n"
    assert (destination / "more").read_text() == "more\n"
    assert "gone on\n" in {(place / "unstaged").read_text() for place in (source, destination)}


def test_what_can_t_be_moved_is_refused(source: Path, tmp_path: Path) -> None:
    make_repository(source / "nested")
    with pytest.raises(Refused, match="nested"):
        changes.look(str(source))
    other = make_repository(tmp_path / "other")
    conflict(other)
    with pytest.raises(Refused, match="merge is in progress"):
        changes.look(str(other))
    stashed = make_repository(tmp_path / "stashed", files={"x": "1\n"})
    write(stashed, {"x": "2\n"})
    run_git(stashed, "stash")
    commit(stashed, {"x": "3\n"})
    run_git(stashed, "stash", "pop", check=False)
    with pytest.raises(Refused, match="x in conflict"):
        changes.look(str(stashed))


def test_a_changed_submodule_is_refused(source: Path, tmp_path: Path) -> None:
    part = make_repository(tmp_path / "part")
    run_git(source, "submodule", "--quiet", "add", str(part), "part")
    with pytest.raises(Refused, match="part: a changed submodule"):
        changes.look(str(source))


def test_files_that_another_commit_has_otherwise_are_named(source: Path) -> None:
    old = run_git(source, "rev-parse", "HEAD").strip()
    commit(source, {"unstaged": "newer\n", "other": "o\n", "deep": "file\n"})
    write(source, {"unstaged": "mine\n", "untracked": "u\n"})
    work = changes.look(str(source))
    assert changes.in_the_way(str(source), work, work.head) == ()
    assert changes.in_the_way(str(source), work, old) == ("unstaged",)


def test_filters_and_line_endings_change_no_byte(source: Path, destination: Path) -> None:
    run_git(source, "config", "core.autocrlf", "input")
    write(source, {"crlf": b"a\r\nb\nc\r\n"})
    work = changes.look(str(source))
    changes.put(str(source), str(destination), work)
    changes.take(str(source), str(destination), work)
    assert (destination / "crlf").read_bytes() == b"a\r\nb\nc\r\n"
    assert not (source / "crlf").exists()


def test_a_link_never_leads_out_of_a_worktree(source: Path, destination: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    write(source, {"sub/new": "secret\n"})
    (destination / "sub").symlink_to(tmp_path / "outside")
    with pytest.raises(DeckError, match="is a link"):
        changes.put(str(source), str(destination), changes.look(str(source)))
    assert list((tmp_path / "outside").iterdir()) == []
