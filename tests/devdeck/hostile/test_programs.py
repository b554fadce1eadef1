"""Which programs a repository's own configuration makes run, and in which acts: as docs/security.md says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from devdeck import looking
from devdeck.deck import Deck
from devdeck.git import history, status
from devdeck.start.choices import choices
from tests.devdeck.remote_support import publish, push
from tests.git_support import commit, run_git, write

HOOKS = (
    "applypatch-msg", "commit-msg", "fsmonitor-watchman", "post-applypatch", "post-checkout", "post-commit", "post-index-change",
    "post-merge", "post-rewrite", "pre-applypatch", "pre-auto-gc", "pre-commit", "pre-merge-commit", "pre-push", "pre-rebase",
    "prepare-commit-msg", "proc-receive", "push-to-checkout", "reference-transaction", "sendemail-validate",
)  # fmt: skip
SETTINGS = (
    "core.fsmonitor", "core.pager", "core.editor", "core.askPass", "core.alternateRefsCommand", "pager.log", "diff.external",
    "diff.evil.textconv", "diff.evil.command", "interactive.diffFilter", "gpg.program", "sequence.editor", "merge.evil.driver",
)  # fmt: skip
DOCUMENT = Path(__file__).parents[3] / "docs/security.md"


@pytest.fixture
def ran(tmp_path: Path) -> Callable[[], set[str]]:
    """Names of the programs that ran since it was asked last."""

    def ask() -> set[str]:
        file = tmp_path / "ran"
        names = set(file.read_text().split()) if file.exists() else set()
        file.unlink(missing_ok=True)
        return names

    return ask


@pytest.fixture
def repository(repository: Path, tmp_path: Path) -> Path:
    """A repository whose every hook and every setting that names a program is a trap."""
    commit(repository, {".gitattributes": "*.py diff=evil merge=evil filter=evil\n"})
    bare = publish(repository, tmp_path / "bare")
    push(bare, "refs/heads/there", tmp_path / "scratch", {"b.py": "B\n"})

    def trap(name: str, script: str = "") -> str:
        path = tmp_path / "traps" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/ran\n{script}")
        path.chmod(0o755)
        return str(path)

    for name in HOOKS:
        hook = repository / ".git/hooks" / name
        hook.unlink(missing_ok=True)
        hook.symlink_to(trap(name))
    for name in SETTINGS:
        run_git(repository, "config", name, trap(name))
    run_git(repository, "config", "filter.evil.clean", trap("filter.clean", "cat"))
    run_git(repository, "config", "filter.evil.smudge", trap("filter.smudge", "cat"))
    run_git(repository, "config", "credential.helper", f"!{trap('credential.helper')}")
    run_git(repository, "config", "remote.origin.uploadpack", trap("remote.uploadpack", 'exec git-upload-pack "$@"'))
    run_git(repository, "config", "core.sshCommand", trap("core.sshCommand"))
    return repository


def documented(act: str) -> set[str]:
    """What the table of docs/security.md says that may run in an act."""
    found = re.search(rf"^\| {act} \|(.*)\|$", DOCUMENT.read_text(), re.MULTILINE)
    assert found, act
    return set(re.findall(r"`([^`]+)`", found[1]))


def test_looking_runs_nothing(deck: Deck, repository: Path, ran: Callable[[], set[str]]) -> None:
    deck.store.know_repository(str(repository), "shop")
    session = deck.starting.start("one", str(repository), offline=True)
    write(Path(session.worktree), {"new.txt": "new\n"})
    ran()
    deck.sessions.all()
    looking.look(deck)
    choices(str(repository))
    history.commits(session.worktree, 5)
    history.diff(session.worktree)
    status.changes(session.worktree)
    deck.removing.plan(session)
    deck.starting.plan("two", str(repository), offline=True)
    deck.managing.plan_rename(session, "two")
    deck.setups.look(str(repository))
    assert ran() <= documented("looking, plans")


def test_what_runs_in_changes(deck: Deck, repository: Path, ran: Callable[[], set[str]]) -> None:
    ran()
    session = deck.starting.start("one", str(repository), offline=True)
    assert ran() <= documented("start, checkout")
    session = deck.managing.rename(session, "other")
    assert ran() <= documented("rename")
    write(Path(session.worktree), {"a.py": "changed\n", "new.py": "new\n"})
    deck.removing.remove(session, force=True)
    assert ran() <= documented("rm, undo, trash")
    session = deck.trash.restore(deck.trash.find("other"))
    deck.removing.remove(session, force=True)
    deck.trash.drop(deck.trash.find("other"))
    assert ran() <= documented("rm, undo, trash")
    write(repository, {"a.py": "changed\n"})
    deck.starting.start("moved", str(repository), with_changes=True, offline=True)
    assert ran() <= documented("start --with-changes")


def test_what_runs_when_remotes_are_asked(
    deck: Deck, repository: Path, ran: Callable[[], set[str]], tmp_path: Path
) -> None:
    ran()
    deck.starting.plan("there", str(repository))
    deck.starting.fetch(str(repository))
    assert ran() <= documented("asking and fetching from remotes")
    session = deck.starting.checkout("origin/there", str(repository))
    assert ran() <= documented("start, checkout") | documented("asking and fetching from remotes")
    push(tmp_path / "bare", "refs/heads/there", tmp_path / "scratch", {"c.py": "C\n"}, start="there")
    deck.starting.refresh(session)
    assert ran() <= documented("refresh") | documented("asking and fetching from remotes")
