"""What is not committed of one path: parts told apart, new files whole, and nothing of what is hostile done."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from devdeck.errors import NotFound
from devdeck.git import file_diff as module
from devdeck.git.file_diff import file_diff
from devdeck.git.status import changes
from tests.git_support import conflict, make_repository, run_git, write


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "project", {"a.txt": "one\ntwo\n", "b.txt": "b\n"})


async def kinds(place: Path, path: str) -> list[str]:
    return [part.kind for part in await file_diff(str(place), path)]


async def test_staged_and_unstaged_parts_are_apart(repository: Path) -> None:
    write(repository, {"a.txt": "ONE\ntwo\n"})
    run_git(repository, "add", "a.txt")
    write(repository, {"a.txt": "ONE\nTWO\n", "b.txt": "B\n"})
    staged, changed = await file_diff(str(repository), "a.txt")
    assert (staged.kind, changed.kind) == ("staged", "changed")
    assert "+ONE" in staged.text
    assert "TWO" not in staged.text
    assert "+TWO" in changed.text
    assert "+ONE" not in changed.text
    assert await kinds(repository, "b.txt") == ["changed"]
    assert await kinds(repository, "missing") == []


async def test_new_files_and_folders_are_shown_whole_and_the_index_stays(repository: Path) -> None:
    write(repository, {"new.txt": "hello\nworld\n", "folder/x.txt": "x\n", "folder/deep/y.txt": "y\n"})
    before = (repository / ".git/index").read_bytes()
    for path, lines in (("new.txt", ("+hello", "+world")), ("folder/", ("+x", "+y"))):
        (part,) = await file_diff(str(repository), path)
        assert part.kind == "untracked"
        assert all(line in part.text for line in lines)
        assert not part.note
    assert (repository / ".git/index").read_bytes() == before
    assert {path for _, path in changes(str(repository))} == {"new.txt", "folder/"}


async def test_of_many_new_files_some_are_shown_and_the_rest_is_counted(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NEW_FILES", 2)
    write(repository, {f"folder/{number}.txt": f"{number}\n" for number in range(5)})
    (part,) = await file_diff(str(repository), "folder/")
    assert part.text.count("diff --git") == 2
    assert part.note == "3 more new files are not shown"


async def test_a_repository_inside_is_said_to_be_one(repository: Path) -> None:
    make_repository(repository / "inner", {"x": "x"})
    (part,) = await file_diff(str(repository), "inner/")
    assert (part.text, part.note) == ("", "a repository of its own")


async def test_a_rename_is_one_also_when_it_was_edited_since(repository: Path) -> None:
    run_git(repository, "mv", "a.txt", "c.txt")
    assert "rename from a.txt\nrename to c.txt" in (await file_diff(str(repository), "c.txt"))[0].text
    write(repository, {"c.txt": "one\ntwo\nthree\n"})
    staged, changed = await file_diff(str(repository), "c.txt")
    assert "rename from a.txt" in staged.text
    assert "+three" in changed.text


async def test_deleted_conflicting_and_before_the_first_commit(tmp_path: Path, repository: Path) -> None:
    (repository / "b.txt").unlink()
    assert "-b" in (await file_diff(str(repository), "b.txt"))[0].text
    unborn = make_repository(tmp_path / "new", {"x.txt": "hello\n"}, commits=0)
    run_git(unborn, "add", "--all")
    assert await kinds(unborn, "x.txt") == ["staged"]
    torn = make_repository(tmp_path / "torn", {"shared.txt": "one\n"})
    conflict(torn)
    (part,) = await file_diff(str(torn), "shared.txt")
    assert part.kind == "conflicts"
    assert "+<<<<<<<" in part.text


async def test_binary_and_large_files_are_said_to_be_such(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "a.txt").write_bytes(b"\0\1\2")
    assert "Binary files" in (await file_diff(str(repository), "a.txt"))[0].text
    (repository / "b.txt").write_bytes(b"line\n" * (module.LARGEST // 5 + 1))
    (part,) = await file_diff(str(repository), "b.txt")
    assert "larger than 8 MiB" in part.text
    assert len(part.text) < 1000
    monkeypatch.setattr(module, "LIMIT", 2_000)
    (repository / "new.txt").write_text("line\n" * 1000)
    (part,) = await file_diff(str(repository), "new.txt")
    assert len(part.text) <= 2_000
    assert part.text.endswith("\n")
    assert part.note.startswith("cut after")


@pytest.mark.parametrize("name", ["--output=x", ":(exclude)a.txt", "*", "a\nb", "-", "ä \x1b[31m.txt", "[ab].txt"])
async def test_hostile_names_are_names(repository: Path, name: str) -> None:
    write(repository, {name: "first\n"})
    (part,) = await file_diff(str(repository), name)
    assert part.text.count("diff --git") == 1
    assert "+first" in part.text
    run_git(repository, "--literal-pathspecs", "add", "--", name)
    write(repository, {name: "second\n", "b.txt": "B\n"})
    staged, changed = await file_diff(str(repository), name)
    assert staged.text.count("diff --git") == changed.text.count("diff --git") == 1
    assert not (repository / "x").exists()


async def test_no_program_that_the_repository_names_runs(repository: Path) -> None:
    witness = repository.parent / "ran"
    write(repository, {".gitattributes": "*.txt diff=evil\n", "a.txt": "ONE\n", "new.txt": "new\n"})
    for key in ("diff.external", "diff.evil.command", "diff.evil.textconv", "core.pager", "core.fsmonitor"):
        run_git(repository, "config", key, f"touch {witness};cat")
    for path in ("a.txt", "new.txt"):
        assert await file_diff(str(repository), path)
    assert not witness.exists()


async def test_it_can_be_given_up_and_a_missing_worktree_is_an_error(repository: Path) -> None:
    task = asyncio.ensure_future(file_diff(str(repository), "a.txt"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(NotFound):
        await file_diff(str(repository / "missing"), "a.txt")
