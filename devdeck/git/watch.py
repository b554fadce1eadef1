"""Being told when something in a worktree changes: one thread and one watcher for all of them.

Folders are watched one by one and not as trees, so that `node_modules` and other ignored trees cost nothing. Facts
behind this: inotify(7) limits are per user (instances, watches); a watch is lost when its folder is removed, and a
folder made again under the same name needs a new one; a git command writes `*.lock` files beside what it changes.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

from devdeck.git.process import git
from devdeck.git.repository import common_dir, git_dir

MAX_FOLDERS = 4000
"""Most folders watched for one worktree; those nearest to its root come first."""

_log = logging.getLogger(__name__)
_LOOK_MS = 250
_PAUSE = 2.0
_FREEING = 0.1  # the kernel counts the watches of a closed watcher a little longer
_TRIES = 100
_MODIFIED = 2  # watchfiles.Change.modified
_SHARED_FILES = frozenset({"packed-refs", "config", "FETCH_HEAD", "shallow", "worktrees", "info", "refs"})

Folders = tuple[str, ...]
_Identity = dict[str, tuple[int, int]]
_Watcher = Generator[set[tuple[Any, str]], None, None]


def watched_folders(worktree: str, timeout: float = 30.0) -> Folders:
    """The folders whose change can change a worktree's status, at most `MAX_FOLDERS`, the important ones first.

    Those are: its git directory, the worktree's top folder, the git directory's logs, the shared git directory with its
    references, each folder that holds tracked files, and untracked folders that are not ignored. What changes only
    inside an untracked folder below another, or beyond the bound, is left to the owner's slow polling.

    Args:
        worktree: Top folder of a worktree.
        timeout: Seconds for listing the tracked files.

    Returns:
        Absolute paths of folders that exist; empty when there is no worktree (any more).

    Raises:
        DeckError: git failed or took too long.
    """
    own, shared = git_dir(worktree), common_dir(worktree)
    if own is None or shared is None:
        return ()
    top = os.path.realpath(worktree)
    found = dict.fromkeys([str(own), top, *(str(folder) for folder in _git_folders(own, shared))])
    if top != str(own):
        found.update(dict.fromkeys(os.path.join(top, folder) for folder in _work_folders(top, timeout)))
    chosen = []
    for folder in found:
        if os.path.isdir(folder):
            chosen.append(folder)
        if len(chosen) == MAX_FOLDERS:
            break
    return tuple(chosen)


def _git_folders(own: Path, shared: Path) -> Iterable[Path]:
    yield own / "logs"
    yield shared
    yield shared / "info"
    yield shared / "worktrees"
    count = 0
    for name in ("refs/heads", "refs/remotes"):
        for folder, below, _ in os.walk(shared / name):
            below.sort()
            yield Path(folder)
            count += 1
            if count > MAX_FOLDERS // 4:
                return


def _work_folders(top: str, timeout: float) -> list[str]:
    """Folders below `top`, relative: of tracked files, and untracked ones. The nearest to the top first."""
    raw = git(
        top, "ls-files", "-z", "--cached", "--others", "--directory", "--exclude-standard", timeout=timeout
    ).stdout
    folders: set[str] = set()
    for path in raw.split(b"\0"):
        folder = os.path.dirname(path)
        while folder and (name := os.fsdecode(folder)) not in folders:
            folders.add(name)
            folder = os.path.dirname(folder)
    return sorted(folders, key=lambda folder: (folder.count("/"), folder))


class FolderWatcher:
    """Watches the folders of many keys (worktrees) and says whose folders changed.

    One thread, and one inotify instance (two for a moment when the set of folders changes). Both callbacks are called
    from that thread; what they raise is logged.

    Args:
        on_change: Called with the keys whose folders changed, at most about every 0.4 s. A key may come without need.
        on_problem: Called with a sentence when watching is cut down or impossible, with an empty one when all is well
            again. `coverage` says the same at any time; the owner polls for what is not watched.
    """

    def __init__(self, on_change: Callable[[set[str]], None], on_problem: Callable[[str], None]) -> None:
        self._on_change = on_change
        self._on_problem = on_problem
        self._lock = threading.Lock()
        self._targets: dict[str, Folders] = {}
        self._outdated = threading.Event()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._coverage: frozenset[str] = frozenset()
        self._problem = ""
        self._tried: _Identity = {}  # what the watcher was last opened for; it holds less at the system's limit

    @property
    def coverage(self) -> frozenset[str]:
        """Keys all of whose folders are watched now."""
        return self._coverage

    @property
    def problem(self) -> str:
        """Why less is watched than was asked for; empty when all is well."""
        return self._problem

    def start(self) -> None:
        """Start the thread. Does nothing when it runs."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="devdeck-watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it (some 0.1 s). No callback comes after this."""
        thread, self._thread = self._thread, None
        self._stopping.set()
        self._wake.set()
        if thread is not None:
            thread.join()
        self._coverage = frozenset()

    def set_targets(self, targets: Mapping[str, Folders]) -> None:
        """Watch exactly these folders from now on: key → folders. Returns at once.

        No change between the old and the new set is missed: the new watcher is up before the old one goes. Keys that
        are new or have other folders are announced once they are watched, for what may have changed before. Where the
        folders are the same, and still the same on disk, the watcher stays.
        """
        with self._lock:
            self._targets = dict(targets)
        self._outdated.set()
        self._wake.set()

    # The thread

    def _run(self) -> None:
        watcher: _Watcher | None = None
        live: _Identity = {}
        announced: dict[str, Folders] = {}
        try:
            while not self._stopping.is_set():
                if self._outdated.is_set():
                    self._outdated.clear()
                    watcher, live, announced = self._renew(watcher, live, announced)
                if watcher is None:
                    self._wake.wait(_PAUSE if announced else None)
                    self._wake.clear()
                    self._tried = {}  # look again: the limit may have room, the folders may be back
                    self._outdated.set()
                    continue
                changes = self._next(watcher)
                if changes is None:
                    watcher, live, self._tried = None, {}, {}
                    if not self._stopping.is_set():
                        self._outdated.set()
                else:
                    self._tell(changes, live)
        except Exception as error:  # noqa: BLE001  a thread has nobody else to tell
            _log.exception("the folder watcher ended")
            self._report(f"watching files ended: {error}", frozenset())
        finally:
            if watcher is not None:
                watcher.close()

    def _renew(
        self, watcher: _Watcher | None, live: _Identity, announced: dict[str, Folders]
    ) -> tuple[_Watcher | None, _Identity, dict[str, Folders]]:
        """Bring the watcher up to date with the targets, if their folders differ from what it watches."""
        with self._lock:
            targets = dict(self._targets)
        wanted = _identities(targets)
        if wanted != self._tried:
            self._tried = dict(wanted)
            watcher, live = self._replace(watcher, live, targets, wanted)
        unwatched = wanted.keys() - live.keys()
        self._coverage = frozenset(
            key
            for key, folders in targets.items()
            if not live.keys().isdisjoint(folders) and unwatched.isdisjoint(folders)
        )
        fresh = {key for key, folders in targets.items() if announced.get(key) != folders}
        if fresh and not self._stopping.is_set():
            self._announce(fresh)
        return watcher, live, targets

    def _replace(
        self, old: _Watcher | None, live: _Identity, targets: Mapping[str, Folders], wanted: _Identity
    ) -> tuple[_Watcher | None, _Identity]:
        try:
            new, watched, first = self._open(targets, wanted, whole=old is not None)
        except _NoRoomError:
            # The old one's watches count until it goes; what happens in between is not seen.
            if old is not None:
                old.close()
                old = None
                self._stopping.wait(_FREEING)
            new, watched, first = self._open(targets, wanted, whole=False)
            self._announce(set(targets))
        if old is not None:
            self._tell(self._next(old) or set(), live)  # what it saw until the new one was up
            old.close()
        self._tell(first, watched)
        return new, watched

    def _open(
        self, targets: Mapping[str, Folders], wanted: _Identity, *, whole: bool
    ) -> tuple[_Watcher | None, _Identity, set[tuple[Any, str]]]:
        """Start a watcher on `wanted`, or unless `whole` on as much of it as the system allows."""
        room = list(_fair_order(targets, wanted))
        everything, vanished = len(room), 0
        while room and not self._stopping.is_set():
            watcher = _watch(room, self._stopping)
            try:
                first = next(watcher, set())
            except (FileNotFoundError, PermissionError):
                vanished += 1
                room = [folder for folder in room if _identity(folder)] if vanished < _TRIES else []
                everything = len(room)
                continue
            except (OSError, RuntimeError) as error:
                if whole:
                    raise _NoRoomError from error
                less = room[: len(room) // 2]
                if not less or not _about_limits(error):
                    self._report(f"files can't be watched: {error}", None)
                    return None, {}, set()
                room = less
                self._stopping.wait(_FREEING)
                continue
            if len(room) < everything:
                self._report(
                    f"the system's limit allows to watch {len(room)} of {everything} folders; "
                    "raise fs.inotify.max_user_watches",
                    None,
                )
            else:
                self._report("", None)
            return watcher, {folder: wanted[folder] for folder in room}, first
        if not room:
            self._report("", None)
        return None, {}, set()

    def _next(self, watcher: _Watcher) -> set[tuple[Any, str]] | None:
        """What changed, possibly nothing; `None` when the watcher has ended."""
        try:
            return next(watcher, None)
        except (OSError, RuntimeError) as error:
            _log.warning("the file watcher failed and is started again: %s", error)
            self._stopping.wait(_PAUSE)
            return None

    def _tell(self, changes: set[tuple[Any, str]], live: _Identity) -> None:
        """Announce the keys that changes are about; renew when a watched folder itself came or went."""
        if not changes:
            return
        paths = {path for _, path in changes}
        with self._lock:
            targets = self._targets
        came_or_went = {path for change, path in changes if change != _MODIFIED} & _all(targets)
        for path in came_or_went:
            # Its watch, and those below it, are lost or on a folder that has another name now.
            for folder in [folder for folder in self._tried if folder == path or folder.startswith(path + os.sep)]:
                del self._tried[folder]
                live.pop(folder, None)
            self._outdated.set()
        keys = {key for key, folders in targets.items() if _concerned(folders, paths)}
        if keys and not self._stopping.is_set():
            self._announce(keys)

    def _announce(self, keys: set[str]) -> None:
        try:
            self._on_change(keys)
        except Exception:  # noqa: BLE001  a broken listener must not end the watching
            _log.exception("a listener of the folder watcher failed")

    def _report(self, problem: str, coverage: frozenset[str] | None) -> None:
        if coverage is not None:
            self._coverage = coverage
        if problem == self._problem:
            return
        self._problem = problem
        try:
            self._on_problem(problem)
        except Exception:  # noqa: BLE001
            _log.exception("a listener of the folder watcher failed")


class _NoRoomError(Exception):
    """Not everything can be watched beside what is watched already."""


def _concerned(folders: Folders, paths: set[str]) -> bool:
    """Whether changed paths lie directly in one of a worktree's folders, or are one of them."""
    own = folders[0] if folders else ""
    linked_to = os.path.dirname(os.path.dirname(own)) if os.path.basename(os.path.dirname(own)) == "worktrees" else ""
    places = set(folders)
    for path in paths:
        parent, name = os.path.split(path)
        if path in places:
            return True
        # In the shared git directory the main worktree keeps its own index and HEAD.
        if parent in places and (parent != linked_to or name in _SHARED_FILES):
            return True
    return False


def _watch(folders: list[str], stopping: threading.Event) -> _Watcher:
    from watchfiles import watch

    return watch(
        *folders, recursive=False, watch_filter=_wanted, debounce=400, step=60, rust_timeout=_LOOK_MS,
        yield_on_timeout=True, stop_event=stopping, raise_interrupt=False, ignore_permission_denied=False,
    )  # fmt: skip


def _wanted(_: Any, path: str) -> bool:
    return not path.endswith(".lock")


def _about_limits(error: Exception) -> bool:
    words = str(error).lower()
    return "limit" in words or "too many open files" in words or "no space left" in words


def _speakable(folder: str) -> bool:
    """Whether the watcher can be given this path; it takes Unicode only."""
    try:
        folder.encode()
    except UnicodeEncodeError:
        return False
    return True


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        info = os.stat(folder)
    except OSError:
        return None
    if not os.access(folder, os.R_OK):
        return None  # can't be watched; watchfiles' own way to ignore that hides the system's limit too
    return info.st_dev, info.st_ino


def _all(targets: Mapping[str, Folders]) -> set[str]:
    return {folder for folders in targets.values() for folder in folders}


def _identities(targets: Mapping[str, Folders]) -> _Identity:
    """The targets' folders that exist, with what tells a folder from another one made later under its name."""
    found = {}
    for folder in _all(targets):
        identity = _identity(folder) if _speakable(folder) else None
        if identity is not None:
            found[folder] = identity
    return found


def _fair_order(targets: Mapping[str, Folders], wanted: _Identity) -> dict[str, None]:
    """Every key's first folder, then every key's second …: what is cut off at the end is the least important."""
    order: dict[str, None] = {}
    rows = list(targets.values())
    for column in range(max((len(row) for row in rows), default=0)):
        for row in rows:
            if column < len(row) and row[column] in wanted:
                order[row[column]] = None
    return order
