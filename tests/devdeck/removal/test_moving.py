"""Moving folders exactly, within a file system and between two."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devdeck.errors import DeckError
from devdeck.removal import moving
from devdeck.removal.moving import delete_tree, difference_of, measure, move, move_back, size_words
from tests.devdeck.removal.removal_support import tree


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "from" / "work"
    (folder / "deep/empty").mkdir(parents=True)
    (folder / "file").write_bytes(b"\0\xff\r\n")
    (folder / "file").chmod(0o640)
    (folder / "link").symlink_to("file")
    (folder / "loop").symlink_to("..")
    os.link(folder / "file", folder / "hard")
    os.mkfifo(folder / "pipe")
    (folder / os.fsdecode(b"odd \xff\n name")).write_text("odd")
    (folder / "closed").mkdir(mode=0o500)
    for number, path in enumerate(sorted(folder.rglob("*"))):
        os.utime(path, ns=(number, 10**18 + number), follow_symlinks=False)
    os.utime(folder, ns=(5, 10**18))
    return folder


@pytest.fixture(params=["one file system", "two file systems"])
def target(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where to move to; the second time as if another file system were there."""
    if request.param == "two file systems":
        part(monkeypatch, tmp_path)
    return tmp_path / "to" / "deep" / "work"


def part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = os.rename

    def rename(source: str, target: str) -> None:
        if ("/to/" in str(source)) != ("/to/" in str(target)):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)


def test_everything_arrives_and_comes_back(source: Path, target: Path) -> None:
    before = tree(source)
    move(str(source), str(target), "k")
    assert not source.exists()
    assert tree(target) == before
    assert os.stat(target / "hard").st_ino == os.stat(target / "file").st_ino
    move(str(source), str(target), "k")  # it was done before
    move_back(str(source), str(target), "k", ours=True)
    assert tree(source) == before
    assert not target.exists()
    move_back(str(source), str(target), "k", ours=True)  # nothing to do
    assert os.listdir(source.parent) == ["work"]
    assert os.listdir(target.parent) == []


def test_between_real_file_systems(source: Path) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == source.stat().st_dev:
        pytest.skip("there is no second file system")
    target = shm / f"devdeck-test-{os.getpid()}"
    before = tree(source)
    try:
        move(str(source), str(target), "k")
        assert tree(target) == before
        move_back(str(source), str(target), "k", ours=True)
        assert tree(source) == before
    finally:
        delete_tree(str(target))


def test_what_is_in_the_way_stays(source: Path, target: Path) -> None:
    before = tree(source)
    target.mkdir(parents=True)
    (target / "mine").write_text("mine")
    with pytest.raises(DeckError, match="something is there already"):
        move(str(source), str(target), "k")
    move_back(str(source), str(target), "k", ours=False)
    assert tree(source) == before
    assert (target / "mine").read_text() == "mine"
    with pytest.raises(DeckError, match="it is gone"):
        move(str(source.parent / "nothing"), str(target.parent / "other"), "k")


def test_what_was_made_anew_in_the_old_place_stops_the_way_back(source: Path, target: Path) -> None:
    before = tree(source)
    move(str(source), str(target), "k")
    source.mkdir()
    (source / "stray").write_text("stray")
    with pytest.raises(DeckError, match="something is there already"):
        move_back(str(source), str(target), "k", ours=True)
    assert tree(target) == before
    (source / "stray").unlink()
    move_back(str(source), str(target), "k", ours=True)  # an empty folder is in nobody's way
    assert tree(source) == before


_KILLED = """
import errno, os, signal, sys
from devdeck.removal import moving

source, target, wanted, verb = sys.argv[1:5]
count = 0
def counted(name):
    real = getattr(os, name)
    def call(*arguments, **options):
        global count
        count += 1
        if count > int(wanted):
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "rename" and ("/to/" in str(arguments[0])) != ("/to/" in str(arguments[1])):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return real(*arguments, **options)
    setattr(os, name, call)
for name in ("rename", "mkdir", "link", "symlink", "mkfifo", "unlink", "rmdir"):
    counted(name)
if verb == "move":
    moving.move(source, target, "k")
else:
    moving.move_back(source, target, "k", ours=True)
"""


@pytest.mark.parametrize("verb", ["move", "back"])
def test_killed_between_two_file_systems(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """C26: wherever it is cut off, it can be taken back, and done."""
    part(monkeypatch, tmp_path)
    target = tmp_path / "to" / "work"
    before = tree(source)
    for number in (0, 1, 2, 3, 5, 8, 13, 14, 15, 17, 19, 21, 23):
        if verb == "back":
            move(str(source), str(target), "k")
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, str(source), str(target), str(number), verb], timeout=60, check=False
        )
        move_back(str(source), str(target), "k", ours=True)
        assert tree(source) == before, number
        assert os.listdir(source.parent) == ["work"]
        assert not target.parent.exists() or os.listdir(target.parent) == []
        if done.returncode == 0:
            break
    else:
        pytest.fail("it was never done")


def test_a_copy_that_differs_is_not_trusted(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part(monkeypatch, tmp_path)
    before = tree(source)
    real = moving.copy_tree

    def copy(one: str, other: str) -> None:
        real(one, other)
        Path(other, "file").write_bytes(b"\0\xfe\r\n")

    monkeypatch.setattr(moving, "copy_tree", copy)
    with pytest.raises(DeckError, match=r"the copy of .* differs: content of"):
        move(str(source), str(tmp_path / "to/work"), "k")
    assert tree(source) == before
    assert os.listdir(tmp_path / "to") == []


def test_differences_are_named(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "copy"
    moving.copy_tree(str(source), str(other))
    assert difference_of(str(source), str(other)) == ""
    (other / "link").unlink()
    (other / "link").symlink_to("elsewhere")
    assert "target of" in difference_of(str(source), str(other))
    (other / "more").write_text("")
    assert "names in" in difference_of(str(source), str(other))
    (other / "file").chmod(0o600)
    (other / "more").unlink()
    assert "mode of" in difference_of(str(source), str(other))


def test_measuring_is_bounded(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}").write_bytes(b"x" * 5000)
    os.link(tmp_path / "0", tmp_path / "again")
    (tmp_path / "loop").symlink_to(tmp_path)
    whole = measure(str(tmp_path))
    assert whole.complete
    assert not whole.repository
    assert whole.files == 21
    assert whole.size == 20 * 5000 + len(str(tmp_path))
    assert not measure(str(tmp_path), entries=5).complete
    (tmp_path / "in/.git").mkdir(parents=True)
    assert measure(str(tmp_path)).repository
    assert measure(str(tmp_path / "nothing")).size == 0


def test_a_tiny_file_is_as_large_as_its_content(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/x").write_bytes(b"abc")
    assert measure(str(tmp_path)).size == 3
    assert measure(str(tmp_path / "deep/er/x")).size == 3


def test_holes_in_large_files_do_not_count(tmp_path: Path) -> None:
    with (tmp_path / "disk.img").open("wb") as file:
        file.truncate(50 * 2**30)
    if (tmp_path / "disk.img").stat().st_blocks > 2**20:
        pytest.skip("this file system stores holes")
    assert measure(str(tmp_path)).size == 2**20


def test_sizes_in_words() -> None:
    sizes = (0, 1, 999, 1024, 1500, 512 * 2**20, int(1.4 * 2**30), 10 * 2**30, 10**15)
    words = ["0 bytes", "1 byte", "999 bytes", "1 KiB", "1.5 KiB", "512 MiB", "1.4 GiB", "10 GiB", "909 TiB"]
    assert [size_words(size) for size in sizes] == words
