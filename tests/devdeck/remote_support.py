"""Remotes for tests: repositories on disk that are reached by the URL of a forge, and one that never answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.git_support import commit, make_repository, run_git

GITHUB = "https://github.com/ada/shop.git"


def publish(repository: Path, folder: Path, *, remote: str = "origin", url: str = GITHUB) -> Path:
    """Give a repository a remote: a bare copy of it on disk, reached by a forge's URL. Returns the copy."""
    run_git(folder.parent, "clone", "--quiet", "--bare", str(repository), str(folder))
    rewrite(repository, url, folder)
    run_git(repository, "remote", "add", remote, url)
    run_git(repository, "fetch", "--quiet", remote)
    return folder


def rewrite(repository: Path, url: str, folder: Path) -> None:
    """Make git go to a folder instead of a URL, as far as this repository is concerned."""
    run_git(repository, "config", f"url.{folder}.insteadOf", url)


def push(bare: Path, ref: str, scratch: Path, files: dict[str, str], start: str = "main") -> str:
    """Put a commit of these files on top of `start` under a full name into a bare repository; returns its id."""
    if not scratch.exists():
        run_git(scratch.parent, "clone", "--quiet", str(bare), str(scratch))
    run_git(scratch, "fetch", "--quiet", "origin", start)
    run_git(scratch, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    oid = commit(scratch, files, f"work on {ref}")
    run_git(scratch, "push", "--quiet", "--force", "origin", f"HEAD:{ref}")
    return oid


def fork(repository: Path, folder: Path, url: str, branch: str, files: dict[str, str]) -> str:
    """Make somebody's fork with a branch, reached by a URL; returns the branch's commit."""
    path = make_repository(folder, files={"README.md": "fork\n"})
    run_git(path, "checkout", "--quiet", "-b", branch)
    oid = commit(path, files, "work")
    run_git(path, "checkout", "--quiet", "main")
    rewrite(repository, url, folder)
    return oid


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """A server that takes connections and never says a word; its `git://` URL."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        taken: list[socket.socket] = []
        ended = threading.Event()

        def accept() -> None:
            while not ended.is_set():
                with contextlib.suppress(OSError):
                    taken.append(server.accept()[0])

        server.settimeout(0.05)
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"git://127.0.0.1:{server.getsockname()[1]}/ada/shop.git"
        finally:
            ended.set()
            thread.join(10)
            for connection in taken:
                connection.close()
