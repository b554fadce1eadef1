"""A repository's own configuration names programs; looking at the repository runs none of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from devdeck.git import history, refs, repository, risks, status, trash, watch, worktrees
from tests.git_support import commit, make_repository, run_git, write


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "ran"


@pytest.fixture
def program(tmp_path: Path, marker: Path) -> str:
    path = tmp_path / "program"
    path.write_text(f'#!/bin/sh\necho "$0 $*" >> {marker}\nexit 1\n')
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def hostile(tmp_path: Path, program: str) -> Path:
    place = make_repository(tmp_path / "project", {"a.txt": "a\n", ".gitattributes": "*.txt diff=evil\n"}, commits=2)
    module = make_repository(tmp_path / "module")
    run_git(place, "submodule", "--quiet", "add", str(module), "module")
    commit(place, {"a.txt": "b\n"})
    signed = run_git(place, "cat-file", "commit", "HEAD").replace(
        "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n", 1
    )
    write(tmp_path, {"signed": signed})
    oid = run_git(place, "hash-object", "-t", "commit", "-w", str(tmp_path / "signed")).strip()
    run_git(place, "update-ref", "HEAD", oid)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "pre-commit", "post-checkout", "fsmonitor-watchman"):
        (hooks / name).symlink_to(program)
        (place / ".git/hooks" / name).unlink(missing_ok=True)
        (place / ".git/hooks" / name).symlink_to(program)
    for folder in (place, place / "module"):
        for name, value in {
            "core.fsmonitor": program,
            "core.hooksPath": str(hooks),
            "core.pager": program,
            "core.editor": program,
            "core.sshCommand": program,
            "core.askPass": program,
            "core.alternateRefsCommand": program,
            "pager.log": program,
            "pager.diff": program,
            "pager.status": program,
            "diff.external": program,
            "diff.evil.textconv": program,
            "diff.evil.command": program,
            "diff.submodule": "diff",
            "interactive.diffFilter": program,
            "credential.helper": f"!{program}",
            "gpg.program": program,
            "log.showSignature": "true",
            "alias.status": f"!{program}",
        }.items():
            run_git(folder, "config", name, value)
    write(place, {"a.txt": "changed\n", "new.txt": "new\n", "module/README.md": "changed\n"})
    return place


def look(place: str) -> None:
    repository.find_repository(place)
    assert status.status(place).unstaged == 2
    assert len(status.changes(place)) == 3
    assert len(history.commits(place, 5)) == 3
    assert "+changed" in history.diff(place)
    worktrees.list_worktrees(place)
    oid = refs.resolve_commit(place, "HEAD")
    refs.local_branch_exists(place, "main")
    refs.remote_branch(place, "main")
    refs.checked_out_at(place, "main")
    refs.unique_commits(place, oid, excluding_branch="main")
    risks.removal_risks(place, place, "main", branch_goes=True)
    trash.save(place, key="k", branch="main")
    assert watch.watched_folders(place)


def test_looking_runs_nothing(hostile: Path, marker: Path) -> None:
    index = hostile / ".git/index"
    before = index.stat().st_mtime_ns, index.stat().st_ino, index.read_bytes()
    look(str(hostile))
    assert not marker.exists(), marker.read_text()
    assert (index.stat().st_mtime_ns, index.stat().st_ino, index.read_bytes()) == before


@pytest.mark.parametrize(
    "command",
    [("status",), ("diff",), ("log", "-1"), ("-c", "core.fsmonitor=", "diff", "--no-ext-diff"), ("-c", "core.fsmonitor=", "add", "new.txt")],
)  # fmt: skip
def test_plain_git_would_have_run_it(hostile: Path, marker: Path, command: tuple[str, ...]) -> None:
    run_git(hostile, *command, check=False)
    assert marker.exists()


@pytest.mark.parametrize(
    "act",
    [lambda place: history.diff(place), lambda place: trash.save(place, key="k", branch=None)],
    ids=["diff", "save"],
)
def test_links_to_outside_are_kept_as_links(tmp_path: Path, act: Callable[[str], object]) -> None:
    place = make_repository(tmp_path / "project")
    write(tmp_path, {"outside/secret": "the secret\n"})
    (place / "file").symlink_to(tmp_path / "outside/secret")
    (place / "folder").symlink_to(tmp_path / "outside")
    shown = str(act(str(place)))
    assert "the secret" not in shown
    assert not run_git(place, "grep", "-l", "the secret", "refs/devdeck/trash/k/worktree", check=False)
