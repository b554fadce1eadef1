"""Importing what par made, and using par and devdeck in turns. par is imitated: it does nothing but what is here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.tmux.server import TmuxServer
from devdeck.deck import Deck
from devdeck.errors import NotFound
from devdeck.labels import mend, why_not_label
from devdeck.model import SessionKind
from tests.git_support import make_repository, run_git
from tests.tmux_support import tmux as tmux_command

CREATED = "2025-06-01T12:00:00.123456"


class Par:
    """What par does to the world, and writes into its registry."""

    def __init__(self, data: Path, tmux: TmuxServer) -> None:
        self.data = data
        self._tmux = tmux
        self.sessions: dict[str, Any] = {}
        data.mkdir(parents=True)

    def terminal(self, name: str, cwd: Path) -> None:
        tmux_command(self._tmux, "new-session", "-d", "-s", name, "-c", str(cwd))

    def start(self, repository: Path, label: str, *, new: bool = True) -> Path:
        digest = hashlib.sha256(str(repository).encode()).hexdigest()
        place = self.data / "worktrees" / digest[:8] / label
        place.parent.mkdir(parents=True, exist_ok=True)
        run_git(repository, "worktree", "add", "-q", *(["-b", label, str(place)] if new else [str(place), label]))
        name = f"par-{repository.name}-{digest[:4]}-{label}"
        self.terminal(name, place)
        self.sessions[label] = {
            "label": label,
            "repository_path": str(repository),
            "repository_name": repository.name,
            "worktree_path": str(place),
            "tmux_session_name": name,
            "branch_name": label,
            "created_at": CREATED,
            "session_type": "session",
            "managed_branch": new,
        }
        self.save()
        return place

    def checkout(self, repository: Path, label: str, revision: str) -> Path:
        place = self.start(repository, f"{label}-tmp")
        self.sessions[label] = self.sessions.pop(f"{label}-tmp") | {
            "label": label,
            "branch_name": label,
            "session_type": "checkout",
            "checkout_target": "pr/7",
            "managed_branch": False,
        }
        run_git(place, "checkout", "-q", "--detach", revision)
        self.save()
        return place

    def workspace(self, root: Path, label: str, *repositories: Path) -> Path:
        digest = hashlib.sha256(str(root).encode()).hexdigest()
        folder = self.data / "workspaces" / digest[:8] / label
        repos = []
        for repository in repositories:
            place = folder / repository.name / label
            place.parent.mkdir(parents=True)
            run_git(repository, "worktree", "add", "-q", "-b", label, str(place))
            repos.append(
                {
                    "repo_name": repository.name,
                    "repo_path": str(repository),
                    "worktree_path": str(place),
                    "branch_name": label,
                }
            )
        name = f"par-ws-{root.name}-{digest[:4]}-{label}"
        self.terminal(name, folder)
        self.sessions[label] = {
            "label": label,
            "repository_path": str(folder),
            "repository_name": f"workspace-{label}",
            "worktree_path": str(folder),
            "tmux_session_name": name,
            "branch_name": label,
            "created_at": CREATED,
            "session_type": "workspace",
            "workspace_repos": repos,
        }
        self.save()
        return folder

    def save(self) -> None:
        document = {"sessions": self.sessions, "workspaces": {}, "last_session": "x"}
        (self.data / "global_state.json").write_text(json.dumps(document, indent=2))

    def remove(self, label: str) -> None:
        """As `par rm`, which asks nothing."""
        record = self.sessions.pop(label)
        tmux_command(self._tmux, "kill-session", "-t", f"={record['tmux_session_name']}", check=False)
        run_git(record["repository_path"], "worktree", "remove", "--force", record["worktree_path"], check=False)
        if record["managed_branch"]:
            run_git(record["repository_path"], "branch", "-D", record["branch_name"], check=False)
        self.save()


@pytest.fixture
def par(home: Path, tmux: TmuxServer) -> Par:
    return Par(home / ".local/share/par", tmux)


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file directly in a folder: its bytes and when it was changed."""
    return {
        str(path): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in [folder, *folder.iterdir()]
        if path.suffix == ".json" or path == folder
    }


def test_sessions_checkouts_and_workspaces_become_devdecks_own(
    deck: Deck, par: Par, repository: Path, tmp_path: Path
) -> None:
    """C32."""
    run_git(repository, "branch", "was-there")
    api, web = (make_repository(tmp_path / "src" / name) for name in ("api", "web"))
    par.start(repository, "fix")
    par.start(repository, "was-there", new=False)
    par.checkout(repository, "pr-7", "HEAD")
    folder = par.workspace(tmp_path / "src", "ws", api, web)
    before = tree(par.data)

    came = deck.importing.run()
    assert came.errors == ()
    assert came.skipped == ()
    sessions = {session.label: session for session in deck.store.sessions()}
    assert set(sessions) == {"fix", "was-there", "pr-7", "ws"}
    assert sessions["fix"].managed_branch
    assert sessions["fix"].created_at == pytest.approx(1748779200.123456)
    assert not sessions["was-there"].managed_branch
    assert (sessions["pr-7"].kind, sessions["pr-7"].branch) == (SessionKind.CHECKOUT, None)
    assert sessions["pr-7"].target == "pr/7"
    assert "a commit without a branch" in str([plan.warnings for plan in came.plans])
    assert sessions["ws"].kind is SessionKind.WORKSPACE
    assert [(member.repository, member.branch) for member in sessions["ws"].members] == [("api", "ws"), ("web", "ws")]
    for session in sessions.values():
        terminal = deck.terminals.own(session)
        assert terminal is not None
        assert terminal.name.startswith("par-")
        assert terminal.name.endswith(session.label.replace("pr-7", "pr-7-tmp"))
    assert tree(par.data) == before

    # Listed, openable, removable (W24), and coming back changes nothing.
    assert {session.label for session in deck.sessions.all()} == {*sessions, "ws:api", "ws:web"}
    assert deck.terminals.hand_off(sessions["ws"]).argv
    again = deck.importing.run()
    assert again.plans == ()
    assert {skipped.label for skipped in again.skipped if skipped.known} == set(sessions)
    assert {session.label: session for session in deck.store.sessions()} == sessions
    assert tree(par.data) == before
    assert folder.is_dir()


def test_planning_changes_nothing(deck: Deck, par: Par, repository: Path) -> None:
    par.start(repository, "fix")
    before = tree(par.data)
    plan = deck.importing.plan()
    assert any("as the session fix" in step for step in plan.plans[0].steps)
    assert any("take over the tmux session par-shop" in step for step in plan.plans[0].steps)
    assert deck.store.sessions() == ()
    assert [terminal.devdeck_id for terminal in deck.terminals.all()] == [""]
    assert tree(par.data) == before


def test_labels_that_collide_or_can_not_be_used_are_changed_and_told(deck: Deck, par: Par, repository: Path) -> None:
    """C32."""
    ours = deck.starting.start("fix", str(repository))
    par.start(repository, "all")
    place = par.start(repository, "other")
    par.sessions["fix"] = par.sessions.pop("other") | {"label": "fix"}
    par.sessions["bad name:x"] = par.sessions.pop("all")
    par.save()
    came = deck.importing.run()
    labels = {session.worktree: session.label for session in deck.store.sessions()}
    assert labels[str(place)] == "fix-shop-1"
    assert sorted(labels.values()) == ["bad-name-x", "fix", "fix-shop-1"]
    told = " ".join(warning for plan in came.plans for warning in plan.warnings)
    assert "'bad name:x' can't be used here, so it is 'bad-name-x'" in told
    assert "a session 'fix' exists, so it is 'fix-shop-1'" in told
    assert deck.sessions.find("fix") == ours


def test_worktrees_that_vanished_are_skipped_with_the_reason(deck: Deck, par: Par, repository: Path) -> None:
    place = par.start(repository, "gone")
    par.start(repository, "there")
    run_git(repository, "worktree", "remove", "--force", str(place))
    came = deck.importing.run()
    assert [plan.session.label for plan in came.plans] == ["there"]
    (skipped,) = came.skipped
    assert (skipped.label, skipped.known) == ("gone", False)
    assert str(place) in skipped.reason


def test_the_older_registries_are_read(deck: Deck, par: Par, repository: Path, tmp_path: Path) -> None:
    """C32."""
    other = make_repository(tmp_path / "src" / "other")
    par.start(repository, "fix")
    one = par.sessions.pop("fix")
    par.start(other, "fix")
    two = par.sessions.pop("fix")
    par.workspace(tmp_path / "src", "ws", make_repository(tmp_path / "src" / "api"))
    space = par.sessions.pop("ws")
    old = ("worktree_path", "tmux_session_name", "branch_name", "created_at")
    (par.data / "global_state.json").unlink()
    (par.data / "state.json").write_text(
        json.dumps(
            {
                str(repository): {"fix": {key: one[key] for key in old}},
                str(other): {"fix": {key: two[key] for key in old} | {"is_checkout": True, "checkout_target": "fix"}},
            }
        )
    )
    (par.data / "workspaces.json").write_text(
        json.dumps(
            {
                str(tmp_path / "src"): {
                    "ws": {
                        "session_name": space["tmux_session_name"],
                        "repos": space["workspace_repos"],
                        "created_at": CREATED,
                        "workspace_root": str(tmp_path / "src"),
                    }
                }
            }
        )
    )
    before = tree(par.data)
    came = deck.importing.run()
    assert came.errors == ()
    sessions = {session.label: session for session in deck.store.sessions()}
    assert set(sessions) == {"fix", "fix-other-1", "ws"}
    assert not sessions["fix"].managed_branch  # the old registry does not say who made it
    assert sessions["fix-other-1"].kind is SessionKind.CHECKOUT
    assert all(deck.terminals.own(session) is not None for session in sessions.values())
    assert sessions["ws"].repository_path == str(tmp_path / "src")
    assert tree(par.data) == before


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"sessions": {"x": {"label"', "global_state.json:1:28: no JSON"),
        ("[]", "global_state.json: expected an object, found a list"),
        ("\x00\x01", "global_state.json:1:1: no JSON"),
        ('{"sessions": []}', "'sessions': expected an object, found a list"),
        ('{"sessions": {"x": 3}}', "'x': expected an object, found a number"),
        ('{"sessions": {"x": {"worktree_path": 3}}}', "expected text as worktree_path, found a number"),
        ('{"sessions": {"x": {"worktree_path": "relative"}}}', "expected an absolute path as worktree_path"),
        ('{"sessions": {"x": {"worktree_path": "/\\ud800"}}}', "no name on this system can have"),
        ('{"sessions": {"x": {"session_type": "workspace"}}}', "expected a list of its repositories"),
        ("[" * 100_000, "global_state.json: no JSON"),
    ],
)
def test_a_broken_registry_is_named_and_hides_no_other(
    deck: Deck, par: Par, repository: Path, content: str, told: str
) -> None:
    """C16."""
    par.start(repository, "fix")
    record = par.sessions["fix"]
    (par.data / "global_state.json").write_text(content)
    (par.data / "state.json").write_text(json.dumps({str(repository): {"fix": record}}))
    before = tree(par.data)
    came = deck.importing.run()
    assert [plan.session.label for plan in came.plans] == ["fix"]
    (error,) = came.errors
    assert told in error
    assert str(par.data / "global_state.json") in error
    assert tree(par.data) == before


def test_an_empty_registry_is_none(deck: Deck, par: Par) -> None:
    (par.data / "global_state.json").write_text("")
    came = deck.importing.run()
    assert (came.plans, came.skipped, came.errors) == ((), (), ())


def test_without_a_registry_nothing_is_found(deck: Deck, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no registry"):
        deck.importing.plan()
    with pytest.raises(NotFound, match=str(tmp_path)):
        deck.importing.plan(str(tmp_path))


def test_par_and_devdeck_in_turns(deck: Deck, par: Par, repository: Path) -> None:
    """C33."""
    ours = deck.starting.start("ours", str(repository))
    place = par.start(repository, "theirs")
    # Not imported yet: seen, and its label stays free for nobody by accident.
    found = deck.sessions.find("theirs")
    assert (found.worktree, found.managed) == (str(place), False)
    deck.importing.run()
    par.start(repository, "later")
    assert {session.label for session in deck.sessions.all()} == {"ours", "theirs", "later"}
    assert [plan.session.label for plan in deck.importing.run().plans] == ["later"]

    # par removes one of them: devdeck still knows it, says that it is gone, and can forget it.
    par.remove("theirs")
    gone = deck.sessions.find("theirs")
    assert not Path(gone.worktree).exists()
    assert deck.terminals.own(gone) is None
    # devdeck's rename leaves par's tmux session findable by the name that par has recorded.
    later = deck.managing.rename(deck.sessions.find("later"), "newer")
    terminal = deck.terminals.own(later)
    assert terminal is not None
    assert terminal.name == par.sessions["later"]["tmux_session_name"]
    assert Path(later.worktree).is_dir()
    assert Path(ours.worktree).is_dir()


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(st.text(max_size=200))
def test_every_label_can_be_mended(label: str) -> None:
    assert why_not_label(mend(label)) == ""
    if not why_not_label(label):
        assert mend(label) == label
