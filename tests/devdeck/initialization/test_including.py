"""Files of the main worktree in a new one: what comes, how, and that nothing leads out of the two trees. C18."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devdeck.errors import DeckError, Refused
from devdeck.initialization import including
from devdeck.initialization.including import Limits, exists, include, notes, survey, take_back
from devdeck.initialization.repo_config import Include, Mode
from tests.git_support import isolate, make_repository, run_git, write

SECRET = "the user's secret"


class Trees:
    """A main worktree, a linked one, and a place outside of both."""

    def __init__(self, root: Path) -> None:
        self.main = make_repository(root / "src" / "shop", files={"README.md": "shop\n", "conf/app.toml": "a = 1\n"})
        self.new = root / "worktrees" / "fix"
        self.outside = root / "outside"
        self.outside.mkdir()
        (self.outside / "secret").write_text(SECRET)
        run_git(self.main, "worktree", "add", "-q", "-b", "fix", str(self.new))

    def bring(self, *patterns: str, mode: Mode = Mode.CLONE, key: str = "k", limits: Limits = including.LIMITS) -> None:
        include(str(self.main), str(self.new), [Include(each, mode) for each in patterns], key=key, limits=limits)

    def files(self) -> set[str]:
        """What git does not know in the new worktree."""
        found = run_git(self.new, "ls-files", "-z", "--others").split("\0")
        return {name for name in found if name}


@pytest.fixture
def trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trees:
    isolate(monkeypatch, tmp_path / "home")
    return Trees(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "brought"),
    [
        ("local.txt", {"local.txt"}),  # a file
        ("./local.txt", {"local.txt"}),
        (".env", {".env"}),  # a dotfile
        ("*", {"local.txt", "data/a.json", "data/.hidden", "data/deep/b.json", "data/deep/c.txt", "we ird\nname"}),
        (".*", {".env", ".cache/x"}),
        ("data", {"data/a.json", "data/.hidden", "data/deep/b.json", "data/deep/c.txt"}),  # a folder with everything
        ("data/", {"data/a.json", "data/.hidden", "data/deep/b.json", "data/deep/c.txt"}),
        ("data/*.json", {"data/a.json"}),
        ("**/*.json", {"data/a.json", "data/deep/b.json"}),
        ("**/b.json", {"data/deep/b.json"}),
        ("data/**", {"data/a.json", "data/deep/b.json", "data/deep/c.txt"}),  # dotfiles need a dot
        ("data/**/.hidden", {"data/.hidden"}),
        ("data/deep/[ab].*", {"data/deep/b.json"}),
        ("data/?.json", {"data/a.json"}),
        ("we*", {"we ird\nname"}),
        ("nothing", set()),
        ("conf/app.toml", set()),  # is there already, and equal
    ],
)
def test_patterns_bring_what_they_match(trees: Trees, pattern: str, brought: set[str]) -> None:
    """C18, C20."""
    write(
        trees.main,
        {
            "local.txt": "1", ".env": "KEY=1", "data/a.json": "{}", "data/.hidden": "h", "data/deep/b.json": "{}",
            "data/deep/c.txt": "c", ".cache/x": "x", "we ird\nname": "w",
        },
    )  # fmt: skip
    trees.bring(pattern)
    assert trees.files() == brought
    for name in brought:
        assert (trees.new / name).read_bytes() == (trees.main / name).read_bytes()
    assert (trees.new / ".git").is_file()
    assert not list(trees.new.rglob(".devdeck-*"))


def test_a_pattern_that_matches_nothing_is_told(trees: Trees) -> None:
    """C18."""
    assert survey(str(trees.main), [Include("*.nothing")]).warnings == (f"*.nothing matches nothing in {trees.main}",)


@pytest.mark.parametrize("mode", [Mode.COPY, Mode.CLONE])
def test_modes_and_times_are_kept(trees: Trees, mode: Mode) -> None:
    tool = trees.main / "bin" / "tool"
    tool.parent.mkdir()
    tool.write_bytes(os.urandom(3 << 20))
    tool.chmod(0o4750)
    os.utime(tool, ns=(1_600_000_000_123_456_789, 1_500_000_000_987_654_321))
    tool.parent.chmod(0o750)
    os.utime(tool.parent, ns=(1_600_000_000_000_000_000, 1_400_000_000_000_000_000))
    trees.bring("bin", mode=mode)
    copy = trees.new / "bin" / "tool"
    assert copy.read_bytes() == tool.read_bytes()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o750  # set-user-id does not come along
    assert copy.stat().st_mtime_ns == 1_500_000_000_987_654_321
    assert copy.stat().st_ino != tool.stat().st_ino
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o750
    assert copy.parent.stat().st_mtime_ns == 1_400_000_000_000_000_000


def test_a_clone_is_asked_of_the_file_system_and_a_copy_is_not(trees: Trees, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def cloning(target: int, request: int, source: int) -> int:
        asked.append(request)
        os.write(target, os.pread(source, 1 << 20, 0))
        return 0

    monkeypatch.setattr("devdeck.initialization.inclusion.trees.fcntl.ioctl", cloning)
    write(trees.main, {"a.bin": "bytes", "b.bin": "bytes"})
    trees.bring("a.bin", mode=Mode.CLONE)
    trees.bring("b.bin", mode=Mode.COPY, key="k2")
    assert asked == [0x40049409]
    assert (trees.new / "a.bin").read_text() == (trees.new / "b.bin").read_text() == "bytes"


def test_links_lead_to_the_main_worktree(trees: Trees) -> None:
    write(trees.main, {"node_modules/x/index.js": "x", ".env": "KEY=1"})
    trees.bring("node_modules", ".env", mode=Mode.LINK)
    for name in ("node_modules", ".env"):
        assert (trees.new / name).is_symlink()
        assert os.readlink(trees.new / name) == str(trees.main / name)
    (trees.new / ".env").write_text("KEY=2")
    assert (trees.main / ".env").read_text() == "KEY=2"


def test_links_inside_are_copied_as_links(trees: Trees) -> None:
    """C18."""
    write(trees.main, {"data/a.json": "{}", "data/deep/c": "c"})
    (trees.main / "data" / "latest").symlink_to("a.json")
    (trees.main / "data" / "deep" / "up").symlink_to("../a.json")
    (trees.main / "data" / "dangling").symlink_to("to-come")
    trees.bring("data")
    assert os.readlink(trees.new / "data" / "latest") == "a.json"
    assert os.readlink(trees.new / "data" / "deep" / "up") == "../a.json"
    assert os.readlink(trees.new / "data" / "dangling") == "to-come"


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("target", ["{outside}/secret", "{outside}", "../../outside/secret", "/etc/passwd", ".git/config",
                                    "conf/../.git", "hop", "{main}/.git/hooks"])  # fmt: skip
def test_links_to_outside_are_refused_by_name(trees: Trees, target: str, mode: Mode) -> None:
    """C18, W14."""
    (trees.main / "hop").symlink_to(trees.outside)
    (trees.main / "leak").symlink_to(target.format(outside=trees.outside, main=trees.main))
    with pytest.raises(Refused, match="leak is a link that leads out") as caught:
        survey(str(trees.main), [Include("leak", mode)])
    assert caught.value.status == 4
    with pytest.raises(Refused):
        trees.bring("leak", mode=mode)
    assert trees.files() == set()


def test_a_link_deep_in_a_folder_is_refused_too(trees: Trees) -> None:
    write(trees.main, {"data/deep/a": "a"})
    (trees.main / "data" / "deep" / "out").symlink_to("../../../../outside")
    with pytest.raises(Refused, match="data/deep/out"):
        survey(str(trees.main), [Include("data")])


def test_patterns_do_not_go_through_links(trees: Trees) -> None:
    (trees.main / "way").symlink_to(trees.outside)
    with pytest.raises(Refused, match="way is a link"):
        survey(str(trees.main), [Include("way/secret")])
    trees.bring("*/secret", "**/secret")
    assert trees.files() == set()


def test_links_of_the_new_worktree_are_not_followed(trees: Trees) -> None:
    """W14: a branch may bring a link where a file is to be copied."""
    write(trees.main, {"data/a": "a", ".env": "KEY=1", "deep/er/b": "b"})
    (trees.new / "data").symlink_to(trees.outside)
    (trees.new / ".env").symlink_to(trees.outside / "secret")
    (trees.new / "deep").mkdir()
    (trees.new / "deep" / "er").symlink_to("../../../outside")
    trees.bring("data", ".env", "deep")
    assert (trees.outside / "secret").read_text() == SECRET
    assert sorted(path.name for path in trees.outside.iterdir()) == ["secret"]
    assert notes(str(trees.new)) == (
        "data is left out: data is no folder in the worktree",
        ".env is left as it is: the worktree has another one",
        "deep/er is left out: deep/er is no folder in the worktree",
    )


def test_what_is_there_is_never_replaced(trees: Trees) -> None:
    write(trees.main, {"a.txt": "of main", "conf/app.toml": "a = 2\n"})
    (trees.new / "a.txt").write_text("of the worktree")
    trees.bring("a.txt", "conf/*")
    assert (trees.new / "a.txt").read_text() == "of the worktree"
    assert (trees.new / "conf/app.toml").read_text() == "a = 1\n"
    assert len(notes(str(trees.new))) == 2
    take_back(str(trees.new), key="k")
    assert (trees.new / "a.txt").read_text() == "of the worktree"


def test_only_files_folders_and_links_come(trees: Trees) -> None:
    folder = trees.main / "run"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "pid").write_text("1")
    place = os.open(folder, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{place}/socket")
    os.close(place)
    trees.bring("run", "run/pipe")
    assert trees.files() == {"run/pid"}
    assert "run/pipe is left out: it is no file, folder or link" in notes(str(trees.new))


def test_git_never_comes_at_any_depth(trees: Trees) -> None:
    inner = make_repository(trees.main / "vendor" / "lib")
    (inner / "note").write_text("n")
    write(trees.main, {"odd/.GIT/config": "x"})
    trees.bring("vendor", "odd", "**", ".*")
    assert not [name for name in trees.files() if ".git" in name.lower()]
    assert (trees.new / "vendor/lib/note").exists()


def test_a_worktree_inside_the_main_one_is_not_copied_into_itself(trees: Trees) -> None:
    inside = trees.main / ".worktrees" / "in"
    run_git(trees.main, "worktree", "add", "-q", "-b", "in", str(inside))
    write(trees.main, {".worktrees/note": "n"})
    include(str(trees.main), str(inside), [Include(".worktrees")], key="k")
    assert (inside / ".worktrees" / "note").exists()
    assert not (inside / ".worktrees" / "in").exists()


def test_too_much_is_refused_before_anything_is_made(trees: Trees) -> None:
    write(trees.main, {f"data/{number}": "x" * 100 for number in range(20)})
    for limits, what in ((Limits(files=10), "more than 10 files"), (Limits(size=1 << 10), "more than 0 MiB")):
        with pytest.raises(DeckError, match=what) as caught:
            survey(str(trees.main), [Include("data")], limits=limits)
        assert "max_files" in caught.value.hint
    assert survey(str(trees.main), [Include("data"), Include("data/*")]).files == 21  # each once


def test_it_is_taken_back_and_what_was_changed_stays(trees: Trees) -> None:
    write(trees.main, {"data/a": "a", "data/deep/b": "b", ".env": "KEY=1", "cache/x": "x"})
    (trees.main / "latest").symlink_to("data/a")
    trees.bring("data", ".env", "latest", "cache")
    (trees.new / ".env").write_text("KEY=mine")
    (trees.new / "cache" / "mine").write_text("m")
    assert take_back(str(trees.new), key="k") == (".env",)
    assert trees.files() == {".env", "cache/mine"}
    assert take_back(str(trees.new), key="k") == ()
    assert not (trees.new / "data").exists()


def test_taking_back_what_never_began_is_fine(trees: Trees) -> None:
    (trees.new / "a").write_text("a")
    assert take_back(str(trees.new), key="k") == ()
    assert take_back(str(trees.new / "nowhere"), key="k") == ()
    assert trees.files() == {"a"}


def test_two_acts_are_taken_back_each_for_itself(trees: Trees) -> None:
    write(trees.main, {"a": "a", "b": "b"})
    trees.bring("a", key="first")
    trees.bring("a", "b", key="second")
    take_back(str(trees.new), key="first")
    assert trees.files() == {"b"}
    take_back(str(trees.new), key="second")
    assert trees.files() == set()


@pytest.mark.parametrize("failing", ["link", "open", "utime", "symlink", "mkdir"])
@pytest.mark.parametrize("number", range(3))
def test_cut_off_anywhere_it_can_be_done_again_or_taken_back(
    trees: Trees, monkeypatch: pytest.MonkeyPatch, failing: str, number: int
) -> None:
    """C17, C18: an exception that nothing expects stands for a kill; nothing is cleaned up after it."""

    class Killed(BaseException):
        pass

    write(trees.main, {"data/a": "a", "data/deep/b": "b", ".env": "KEY=1"})
    (trees.main / "latest").symlink_to("data/a")
    (trees.main / "other").symlink_to("data/deep")
    real = getattr(os, failing)
    left = number

    def dying(*arguments: object, **options: object) -> object:
        nonlocal left
        if failing != "open" or str(arguments[0]).startswith(".devdeck-"):
            left -= 1
            if left < 0:
                raise Killed
        return real(*arguments, **options)

    patterns = ("data", ".env", "latest", "other")
    with monkeypatch.context() as patch:
        patch.setattr(os, failing, dying)
        try:
            trees.bring(*patterns)
        except Killed:
            pass
        else:
            assert failing in ("mkdir", "symlink")  # there are only two of those
    before = trees.files()
    assert before <= {"data/a", "data/deep/b", ".env", "latest", "other"} | {
        name for name in before if Path(name).name.startswith(".devdeck-")
    }
    trees.bring(*patterns)
    assert trees.files() == {"data/a", "data/deep/b", ".env", "latest", "other"}
    assert take_back(str(trees.new), key="k") == ()
    assert trees.files() == set()
    assert not (trees.new / "data").exists()


targets = st.sampled_from(
    ["a", "b", "d", "d/a", "../a", "../../x", "..", ".", "/", "/etc/passwd", "../outside/secret", "../../outside",
     "d/../../..", ".git", "d/../.git/config", "OUT", "OUT/secret", "MAIN", "MAIN/a", "MAIN/.git", "a/b/c", "l", "d/l"]
)  # fmt: skip
names = st.sampled_from(["a", "b", "d", "l", "d/a", "d/b", "d/l", "d/e/l"])
patterns = st.sampled_from(["*", "**", "d", "d/*", "l", "d/l", "**/l", "d/e/*", "a", "?", "*/*"])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    links=st.dictionaries(names, targets, max_size=5),
    there=st.dictionaries(names, targets, max_size=3),
    wanted=st.lists(st.tuples(patterns, st.sampled_from(list(Mode))), min_size=1, max_size=3),
)
def test_no_tangle_of_links_reads_or_writes_outside(
    tmp_path_factory: pytest.TempPathFactory,
    links: dict[str, str],
    there: dict[str, str],
    wanted: list[tuple[str, Mode]],
) -> None:
    """C18, W14."""
    root = tmp_path_factory.mktemp("tangle").resolve()
    main, new, outside = root / "main", root / "new", root / "outside"
    for folder in (main, new, outside, main / ".git", root / "admin" / "objects", root / "admin" / "refs"):
        folder.mkdir(parents=True)
    (outside / "secret").write_text(SECRET)
    (main / ".git" / "config").write_text(SECRET)
    (root / "admin" / "HEAD").write_text("ref: refs/heads/x\n")
    (new / ".git").write_text(f"gitdir: {root / 'admin'}\n")
    for name in ("a", "d/a", "d/e/x"):
        (main / name).parent.mkdir(parents=True, exist_ok=True)
        (main / name).write_text("content")
    for folder, tangle in ((main, links), (new, there)):
        for name, target in tangle.items():
            place = folder / name
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                if place.is_dir() or os.path.lexists(place):
                    continue
                os.symlink(target.replace("OUT", str(outside)).replace("MAIN", str(main)), place)
            except OSError:
                continue
    before = {path: path.lstat().st_mtime_ns for path in (outside, outside / "secret", main / ".git")}
    stood = {path for path in new.rglob("*") if path.is_symlink()}
    with contextlib.suppress(DeckError):
        include(str(main), str(new), [Include(pattern, mode) for pattern, mode in wanted], key="k")
    assert {path: path.lstat().st_mtime_ns for path in before} == before
    assert (outside / "secret").read_text() == SECRET
    for inside, _, files in os.walk(new):
        for name in files:
            path = Path(inside, name)
            if path.is_symlink():
                if path not in stood:
                    real = os.path.realpath(main / path.relative_to(new))
                    assert Path(real).is_relative_to(main)
                    assert ".git" not in Path(real).relative_to(main).parts
            elif path.name != ".git":
                assert path.read_text() == "content"
    take_back(str(new), key="k")
    left = {path for path in new.rglob("*") if path.is_file() and not path.is_symlink()}
    assert left == {new / ".git"}


def test_existence_is_told_without_leaving(trees: Trees) -> None:
    assert exists(str(trees.new), "conf/app.toml")
    assert exists(str(trees.new), "conf/*.toml")
    assert exists(str(trees.new), "**/app.toml")
    assert not exists(str(trees.new), "conf/*.json")
    assert not exists(str(trees.new), "nothing")
