import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devdeck.git import watch as watching
from devdeck.git.watch import FolderWatcher, watched_folders
from devdeck.git.worktrees import add_worktree
from tests.git_support import commit, make_repository, run_git, write
from tests.support import until


class Listener:
    """Collects what a watcher says, from its thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: list[set[str]] = []
        self.problems: list[str] = []

    def on_change(self, keys: set[str]) -> None:
        with self._lock:
            self._keys.append(set(keys))

    def take(self) -> set[str]:
        with self._lock:
            taken, self._keys = set().union(*self._keys), []
        return taken

    def hears(self, *keys: str) -> bool:
        """Wait until all these keys have been told; says whether nothing else was."""
        heard: set[str] = set()

        def complete() -> bool:
            heard.update(self.take())
            return heard >= set(keys)

        until(complete)
        return heard == set(keys)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def watcher(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderWatcher]:
    monkeypatch.setattr(watching, "_LOOK_MS", 60)  # looks at new targets sooner, so that the tests are shorter
    watcher = FolderWatcher(listener.on_change, listener.problems.append)
    watcher.start()
    yield watcher
    watcher.stop()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(
        tmp_path / "project", {"a.txt": "a\n", "src/deep/b.py": "b\n", ".gitignore": "/node_modules\n"}
    )


def instances() -> int:
    """inotify instances of this process."""
    found = 0
    for entry in os.scandir("/proc/self/fd"):
        try:
            found += os.readlink(entry.path) == "anon_inode:inotify"
        except OSError:
            continue
    return found


def threads() -> set[str]:
    """Threads of this process, by their ids."""
    return set(os.listdir("/proc/self/task"))


def watch(watcher: FolderWatcher, listener: Listener, **places: Path) -> None:
    watcher.set_targets({key: watched_folders(str(place)) for key, place in places.items()})
    until(lambda: watcher.coverage == set(places))
    listener.hears(*places)


# Which folders


def test_folders_of_a_main_worktree(repository: Path) -> None:
    write(repository, {"node_modules/x/y.js": "", "new/sub/file": "", "src/other/c": ""})
    folders = watched_folders(str(repository))
    relative = {os.path.relpath(folder, repository) for folder in folders}
    assert folders[0] == str(repository / ".git")
    assert {".", "src", "src/deep", "new", "src/other", ".git", ".git/logs", ".git/refs/heads"} <= relative
    assert not any("node_modules" in folder for folder in folders)
    assert not any(folder.startswith(str(repository / ".git/objects")) for folder in folders)
    assert len(folders) == len(set(folders))


def test_folders_of_a_linked_worktree(repository: Path, tmp_path: Path) -> None:
    place = tmp_path / "side"
    add_worktree(str(repository), str(place), branch="feature/side", create=True)
    run_git(repository, "update-ref", "refs/remotes/origin/topic/x", "HEAD")
    folders = watched_folders(str(place))
    git = repository / ".git"
    assert folders[0] == str(git / "worktrees/side")
    expected = [git, git / "worktrees", git / "worktrees/side/logs", git / "refs/heads/feature", git / "refs/remotes/origin/topic",
                place, place / "src/deep"]  # fmt: skip
    assert {str(folder) for folder in expected} <= set(folders)
    assert str(repository / "src") not in folders


def test_folders_are_bounded_and_the_important_ones_kept(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(repository, {f"many/d{number}/sub/f": "" for number in range(30)})
    monkeypatch.setattr(watching, "MAX_FOLDERS", 20)
    folders = watched_folders(str(repository))
    assert len(folders) == 20
    assert {str(repository), str(repository / ".git"), str(repository / "src")} <= set(folders)
    assert not any(folder.endswith("/sub") for folder in folders)


def test_no_worktree_has_no_folders(tmp_path: Path) -> None:
    assert watched_folders(str(tmp_path)) == ()
    assert watched_folders(str(tmp_path / "missing")) == ()
    bare = make_repository(tmp_path / "x.git", bare=True)
    assert watched_folders(str(bare))[0] == str(bare)


# Watching


Change = Callable[[Path], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda path: write(path, {"a.txt": "changed\n"}),
        lambda path: write(path, {"src/deep/new.py": ""}),
        lambda path: (path / "src/deep/b.py").unlink(),
        lambda path: write(path, {"brand-new/file": ""}),
        lambda path: run_git(path, "rm", "-q", "--cached", "a.txt"),
        lambda path: run_git(path, "commit", "-q", "--allow-empty", "-m", "empty"),
        lambda path: run_git(path, "checkout", "-q", "--detach"),
        lambda path: run_git(path, "update-ref", "refs/remotes/origin/main", "HEAD"),
    ],
    ids=["edit", "new-file", "removed", "new-folder", "index", "commit", "head", "fetch"],
)
def test_every_change_of_the_status_is_heard(
    repository: Path, watcher: FolderWatcher, listener: Listener, change: Change
) -> None:
    run_git(repository, "update-ref", "refs/remotes/origin/main", commit(repository, {"x": "x"}) + "~1")
    watch(watcher, listener, one=repository)
    change(repository)
    assert listener.hears("one")
    assert listener.problems == []


def test_only_the_worktree_that_changed_is_told(
    repository: Path, tmp_path: Path, watcher: FolderWatcher, listener: Listener
) -> None:
    left, right, bell = tmp_path / "left", tmp_path / "right", tmp_path / "bell"
    bell.mkdir()
    for place in (left, right):
        add_worktree(str(repository), str(place), branch=place.name, create=True)
    places = {"main": repository, "left": left, "right": right}
    watcher.set_targets({"bell": (str(bell),), **{key: watched_folders(str(at)) for key, at in places.items()}})
    until(lambda: watcher.coverage == {"bell", *places})
    listener.hears("bell", *places)

    def told() -> set[str]:
        """All that is told of what was done until now: the system tells changes in their order, and this one last."""
        (bell / os.urandom(4).hex()).touch()
        heard: set[str] = set()

        def rung() -> bool:
            heard.update(listener.take())
            return "bell" in heard

        until(rung)
        return heard - {"bell"}

    assert told() == set()
    write(left, {"a.txt": "x"})
    assert told() == {"left"}
    run_git(left, "add", "a.txt")
    assert told() == {"left"}
    run_git(repository, "rm", "-q", "--cached", "a.txt")  # the main index lies in the shared git directory
    assert told() == {"main"}
    run_git(repository, "pack-refs", "--all")
    assert told() == {"main", "left", "right"}
    assert instances() == 1


def test_lock_files_are_passed_over(repository: Path, watcher: FolderWatcher, listener: Listener) -> None:
    watch(watcher, listener, one=repository)
    (repository / ".git/index.lock").touch()
    (repository / ".git/index.lock").unlink()
    watcher.set_targets({"one": watched_folders(str(repository)), "two": watched_folders(str(repository))})
    assert listener.hears("two")  # by now the lock file would have been told


def test_the_folders_can_change_while_files_do(
    repository: Path, tmp_path: Path, watcher: FolderWatcher, listener: Listener
) -> None:
    """Files that change while the inner watcher is replaced are told, whichever of the two saw them."""
    other = make_repository(tmp_path / "other")
    one, two = watched_folders(str(repository)), watched_folders(str(other))
    watch(watcher, listener, one=repository)
    for number in range(4):
        watcher.set_targets({"one": one, "two": two} if number % 2 == 0 else {"one": one})
        write(repository, {"a.txt": f"{number}\n"})
        listener.hears("one")
    assert instances() <= 2
    until(lambda: watcher.coverage == {"one"})
    until(lambda: instances() == 1)


def test_a_folder_that_is_removed_and_made_again_is_watched_again(
    repository: Path, watcher: FolderWatcher, listener: Listener
) -> None:
    watch(watcher, listener, one=repository)
    for number in range(2):
        shutil.rmtree(repository / "src")
        write(repository, {"src/deep/b.py": "again\n"})
        assert listener.hears("one")
        settle(watcher, listener)
        write(repository, {"src/deep/b.py": f"{number}\n"})
        assert listener.hears("one")
    (repository / "src").rename(repository / "moved")
    assert listener.hears("one")
    settle(watcher, listener)
    (repository / "moved").rename(repository / "src")
    assert listener.hears("one")
    settle(watcher, listener)
    write(repository, {"src/deep/b.py": "last\n"})
    assert listener.hears("one")


def settle(watcher: FolderWatcher, listener: Listener) -> None:
    """Wait until the watcher has worked off what it was told: a target that is new is announced after that."""
    marker = f"settled-{os.urandom(4).hex()}"
    targets = dict(watcher._targets)
    folders = next(iter(targets.values()))
    watcher.set_targets({**targets, marker: folders})
    listener.hears(marker)
    watcher.set_targets(targets)
    until(lambda: marker not in watcher.coverage)
    listener.take()


def test_a_worktree_that_vanishes_harms_nobody(
    repository: Path, tmp_path: Path, watcher: FolderWatcher, listener: Listener
) -> None:
    other = make_repository(tmp_path / "other")
    watch(watcher, listener, one=repository, two=other)
    shutil.rmtree(other)
    assert listener.hears("two")
    settle(watcher, listener)
    write(repository, {"a.txt": "x"})
    assert listener.hears("one")
    assert watcher.coverage == {"one"}
    assert listener.problems == []


def test_targets_that_are_not_there_yet(tmp_path: Path, watcher: FolderWatcher, listener: Listener) -> None:
    place = tmp_path / "later"
    watcher.set_targets({"later": (str(place),), "odd": (str(tmp_path / "\udcff"),)})
    assert listener.hears("later", "odd")
    assert watcher.coverage == set()
    place.mkdir()
    until(lambda: watcher.coverage == {"later"})
    write(place, {"x": "x"})
    assert listener.hears("later")


def test_nothing_to_watch(repository: Path, watcher: FolderWatcher, listener: Listener) -> None:
    watch(watcher, listener, one=repository)
    watcher.set_targets({})
    until(lambda: instances() == 0)
    assert watcher.coverage == set()
    watch(watcher, listener, one=repository)
    write(repository, {"a.txt": "x"})
    assert listener.hears("one")


def test_stop_ends_the_thread_and_frees_what_it_holds(repository: Path, listener: Listener) -> None:
    instances_before, threads_before = instances(), threads()
    for _ in range(3):
        watcher = FolderWatcher(listener.on_change, listener.problems.append)
        watcher.start()
        watcher.start()
        watch(watcher, listener, one=repository)
        watcher.stop()
        assert watcher.coverage == set()
        watcher.stop()
        listener.take()
        write(repository, {"a.txt": os.urandom(4).hex()})
    assert listener.take() == set()
    until(lambda: instances() == instances_before)
    until(lambda: threads() <= threads_before)  # one of an earlier test may have ended meanwhile


def test_a_listener_that_raises_does_not_end_the_watching(repository: Path, listener: Listener) -> None:
    def broken(keys: set[str]) -> None:
        listener.on_change(keys)
        raise RuntimeError("a broken listener")

    watcher = FolderWatcher(broken, listener.problems.append)
    watcher.start()
    try:
        watch(watcher, listener, one=repository)
        for text in ("1", "2"):
            write(repository, {"a.txt": text})
            assert listener.hears("one")
    finally:
        watcher.stop()


def test_at_the_system_s_limit_it_watches_what_fits_and_says_so(
    repository: Path, tmp_path: Path, watcher: FolderWatcher, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is the system's, so it is played: only opening a watcher is replaced, beyond a number of folders."""
    small = make_repository(tmp_path / "small")
    allowed = len(watched_folders(str(small))) * 2
    commit(repository, {f"many/d{number}/f": "" for number in range(allowed)})
    real = watching._watch

    def limited(folders: list[str], stopping: threading.Event) -> Any:
        if len(folders) > allowed:
            raise OSError("OS file watch limit reached. about [...]")
        yield from real(folders, stopping)

    monkeypatch.setattr(watching, "_watch", limited)
    watch(watcher, listener, small=small)
    watcher.set_targets({"big": watched_folders(str(repository)), "small": watched_folders(str(small))})
    until(lambda: listener.problems)
    assert "limit" in listener.problems[0]
    assert "max_user_watches" in listener.problems[0]
    listener.hears("big", "small")
    assert "big" not in watcher.coverage
    assert watcher.problem == listener.problems[0]
    settle(watcher, listener)
    write(repository, {"a.txt": "the top folder is among the first"})
    assert listener.hears("big")
    opened = len(listener.problems)
    targets = dict(watcher._targets)
    for _ in range(3):
        watcher.set_targets(targets)  # asks for nothing new: no watcher is opened, nothing is announced
    write(small, {"README.md": "1"})
    assert listener.hears("small")
    assert len(listener.problems) == opened
    watcher.set_targets({"small": watched_folders(str(small))})
    until(lambda: watcher.coverage == {"small"})
    until(lambda: watcher.problem == "")
    assert listener.problems[-1] == ""
    write(small, {"README.md": "x"})
    until(lambda: "small" in listener.take())


_IN_A_NAMESPACE = """
import sys, threading
from pathlib import Path
from devdeck.git.watch import FolderWatcher
Path(f"/proc/sys/user/{sys.argv[1]}").write_text(sys.argv[2])
told, problem = threading.Event(), threading.Event()
def on_problem(text):
    print(text, flush=True)
    problem.set()
watcher = FolderWatcher(lambda keys: told.set(), on_problem)
watcher.start()
watcher.set_targets({"one": tuple(sys.argv[3:])})
assert problem.wait(20) and told.wait(20)
print(sorted(watcher.coverage))
watcher.stop()
"""


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("max_inotify_watches", "20", " of 30 folders"),
        ("max_inotify_instances", "0", "can't be watched"),
    ],
)
def test_at_the_real_limit(tmp_path: Path, limit: str, value: str, words: str) -> None:
    """A user namespace has limits of its own, so that nobody else's are touched."""
    unshare = ("unshare", "--user", "--map-root-user")
    if subprocess.run((*unshare, "true"), capture_output=True, check=False).returncode != 0:
        pytest.skip("user namespaces are not allowed here")
    folders = [tmp_path / f"{number}" for number in range(30)]
    for folder in folders:
        folder.mkdir()
    done = subprocess.run(
        (*unshare, sys.executable, "-c", _IN_A_NAMESPACE, limit, value, *map(str, folders)),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert words in done.stdout
    assert done.stdout.endswith("[]\n")
