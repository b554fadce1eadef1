"""Source shown is source inside the worktree, whatever the path says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.errors import DeckError, NotFound
from devdeck.testing.locate import MAX_COLUMNS, MAX_SOURCE, find_source, read_source


@pytest.fixture
def worktree(tmp_path: Path) -> Path:
    root = tmp_path / "worktree"
    (root / "sub" / "pkg").mkdir(parents=True)
    (root / "a.py").write_text("one\ntwo\nthree\nfour\nfive\n")
    (root / "sub" / "a.py").write_text("sub\n")
    (root / "sub" / "pkg" / "deep.py").write_text("deep\n")
    (tmp_path / "secret.txt").write_text("secret\n")
    return root


def test_relative_to_the_run_directory_then_to_the_worktree(worktree: Path) -> None:
    assert find_source(worktree, worktree / "sub", "a.py") == worktree / "sub" / "a.py"
    assert find_source(worktree, worktree / "sub", "sub/a.py") == worktree / "sub" / "a.py"
    assert find_source(worktree, worktree, "./sub/../a.py") == worktree / "a.py"
    assert find_source(worktree, worktree, str(worktree / "a.py")) == worktree / "a.py"


def test_unique_suffix(worktree: Path) -> None:
    files = ["a.py", "sub/a.py", "sub/pkg/deep.py"]
    assert find_source(worktree, worktree, "pkg/deep.py") is None
    assert find_source(worktree, worktree, "pkg/deep.py", files=files) == worktree / "sub" / "pkg" / "deep.py"
    assert find_source(worktree, worktree, "/build/pkg/deep.py", files=files) is None
    assert find_source(worktree, worktree / "nowhere", "g/deep.py", files=files) is None
    assert find_source(worktree / "sub", worktree, "b.py", files=["x/b.py", "y/b.py"]) is None


def test_nothing_outside_is_found(worktree: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    (worktree / "link.txt").symlink_to(secret)
    (worktree / "folder").symlink_to(tmp_path)
    (worktree / "loop").symlink_to("loop")
    (worktree / "inner.py").symlink_to("a.py")
    os.mkfifo(worktree / "pipe")
    for path in (
        str(secret), "../secret.txt", "link.txt", "folder/secret.txt", "loop", "pipe", "sub", "", "a\0b",
        "missing.py", "x" * 5000, "/dev/zero", "<string>",
    ):  # fmt: skip
        assert find_source(worktree, worktree, path) is None, path
    assert find_source(worktree, worktree, "gone", files=["link.txt", "../gone"]) is None
    assert find_source(worktree, worktree, "inner.py") == worktree / "a.py"
    assert find_source(tmp_path / "no such", tmp_path, "a.py") is None


def test_a_worktree_reached_through_a_link(worktree: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(worktree)
    assert find_source(tmp_path / "link", tmp_path / "link", "a.py") == worktree / "a.py"


def test_too_large_is_not_found(worktree: Path) -> None:
    with (worktree / "large.py").open("wb") as stream:
        stream.truncate(MAX_SOURCE + 1)
    assert find_source(worktree, worktree, "large.py") is None
    with pytest.raises(DeckError, match="too large"):
        read_source(worktree / "large.py", 1)


@pytest.mark.parametrize(
    ("line", "context", "first", "lines"),
    [
        (3, 1, 2, ("two", "three", "four")),
        (1, 1, 1, ("one", "two")),
        (5, 1, 4, ("four", "five")),
        (3, 0, 3, ("three",)),
        (99, 1, 4, ("four", "five")),
        (-4, 1, 1, ("one", "two")),
        (3, -5, 3, ("three",)),
    ],
)
def test_lines_around_a_place(worktree: Path, line: int, context: int, first: int, lines: tuple[str, ...]) -> None:
    view = read_source(worktree / "a.py", line, context)
    assert (view.first_line, view.lines, view.line, view.path) == (first, lines, line, str(worktree / "a.py"))


def test_bytes_that_are_no_text_and_lines_without_end(worktree: Path) -> None:
    (worktree / "b.py").write_bytes(b"\xff\xfe\r\nform\x0cfeed\xe2\x80\xa8still\rthree\n" + b"x" * 100_000)
    view = read_source(worktree / "b.py", 2)
    assert view.lines[:3] == ("\ufffd\ufffd", "form\x0cfeed\u2028still", "three")
    assert len(view.lines[3]) == MAX_COLUMNS
    (worktree / "empty.py").touch()
    assert read_source(worktree / "empty.py", 1).lines == ()


def test_replaced_since_it_was_found(worktree: Path) -> None:
    found = find_source(worktree, worktree, "a.py")
    assert found is not None
    found.unlink()
    with pytest.raises(NotFound, match="is gone"):
        read_source(found, 1)
    os.mkfifo(found)
    with pytest.raises(NotFound, match="no regular file"):
        read_source(found, 1)
    found.unlink()
    found.symlink_to("../secret.txt")
    with pytest.raises(DeckError, match="can't read"):
        read_source(found, 1)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300), line=st.integers(-5, 50), context=st.integers(0, 9))
def test_any_file_can_be_shown(tmp_path_factory: pytest.TempPathFactory, data: bytes, line: int, context: int) -> None:
    path = tmp_path_factory.getbasetemp() / "any.py"
    path.write_bytes(data)
    view = read_source(path, line, context)
    every = read_source(path, 1, 1000).lines
    assert view.lines == every[view.first_line - 1 : view.first_line - 1 + len(view.lines)]
    assert len(view.lines) <= 2 * context + 1
