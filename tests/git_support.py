"""Real repositories for tests, made quickly and away from the user's own git configuration."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

Files = Mapping[str, str | bytes]
START = 1_700_000_000
"""Time of every commit, so that object ids are the same in every run."""


def environment() -> dict[str, str]:
    """The environment that repositories of tests are made in: nobody's configuration, a fixed author and time."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, **_settings()}


def _settings() -> dict[str, str]:
    return {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "init.defaultBranch",
        "GIT_CONFIG_VALUE_0": "main",
        "GIT_CONFIG_KEY_1": "protocol.file.allow",
        "GIT_CONFIG_VALUE_1": "always",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_AUTHOR_DATE": f"{START} +0000",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
        "GIT_COMMITTER_DATE": f"{START} +0000",
        "LC_ALL": "C.UTF-8",
    }


def isolate(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Give the code under test that environment too, with `home` as the home folder."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    home.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    for name, value in _settings().items():
        monkeypatch.setenv(name, value)


def run_git(cwd: str | os.PathLike[str], *args: str, check: bool = True, env: Mapping[str, str] | None = None) -> str:
    """Run git as a user would, without anything of devdeck; returns what it printed."""
    done = subprocess.run(
        ("git", *args),
        cwd=cwd,
        env={**environment(), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    if check and done.returncode != 0:
        raise AssertionError(f"git {' '.join(args)}: {done.stderr.decode(errors='replace')}")
    return os.fsdecode(done.stdout)


def write(folder: Path, files: Files) -> None:
    """Write files below a folder, with the folders they need."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def commit(path: Path, files: Files | None = None, message: str = "a change") -> str:
    """Write files, stage everything and commit (an empty commit without files). Returns the object id."""
    write(path, files or {})
    run_git(path, "add", "--all")
    run_git(path, "commit", "--quiet", "--allow-empty", "--message", message)
    return run_git(path, "rev-parse", "HEAD").strip()


def make_repository(
    path: Path, files: Files | None = None, commits: int | Sequence[tuple[Files, str]] = 1, *, bare: bool = False
) -> Path:
    """Make a repository on branch `main`.

    Args:
        path: Its folder, which is made.
        files: What the first commit holds; `README.md` when not given.
        commits: How many commits in all (each later one adds a line to `history.txt`), or the later ones themselves as
            (files, message). With 0 there is none, and `files` are not staged.
        bare: Make a bare repository, without commits.

    Returns:
        The folder, resolved.
    """
    path.mkdir(parents=True, exist_ok=True)
    run_git(path, "init", "--quiet", *(["--bare"] if bare else []))
    path = path.resolve()
    if bare:
        return path
    first = files if files is not None else {"README.md": "# A repository\n"}
    if commits == 0:
        write(path, files or {})
        return path
    commit(path, first, "the first commit")
    if isinstance(commits, int):
        for number in range(2, commits + 1):
            commit(path, {"history.txt": f"line {number}\n" * number}, f"commit {number}")
    else:
        for more, message in commits:
            commit(path, more, message)
    return path


def conflict(path: Path, name: str = "shared.txt") -> None:
    """Leave a merge in progress in which `name` is in conflict; needs a repository with a commit on a branch."""
    branch = run_git(path, "symbolic-ref", "--short", "HEAD").strip()
    commit(path, {name: "base\n"}, "base")
    run_git(path, "checkout", "--quiet", "-b", "theirs")
    commit(path, {name: "their line\n"}, "theirs")
    run_git(path, "checkout", "--quiet", branch)
    commit(path, {name: "our line\n"}, "ours")
    run_git(path, "merge", "--quiet", "theirs", check=False)
    assert (path / ".git/MERGE_HEAD").exists()
