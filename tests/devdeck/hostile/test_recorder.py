"""That those who watch over these tests see what they are to see."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.devdeck.hostile.recorder import Recorder
from tests.devdeck.hostile.watching import Watch


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder(tmp_path / "own", real="/bin/true")
    monkeypatch.setenv("DEVDECK_TEST_CALLS", recorder.environment["DEVDECK_TEST_CALLS"])
    monkeypatch.setenv("PATH", f"{recorder.folder}:/usr/local/bin:/usr/bin:/bin")
    return recorder


def test_calls_are_recorded_as_they_are(own: Recorder) -> None:
    words = ("git", "--version", "a\nb", "", "\udcff", "$(canary)")
    subprocess.run(words, capture_output=True, check=False)
    subprocess.run(("tmux", "-V"), capture_output=True, check=False)
    assert sorted(own.calls()) == sorted([words, ("tmux", "-V")])
    assert own.sung == ""


def test_a_canary_sings(own: Recorder, watch: Watch) -> None:
    subprocess.run(("sh", "-c", "x;$(canary a)`canary b`"), capture_output=True, check=False)
    assert own.sung.count("\n") == 2


@pytest.mark.parametrize(
    "words",
    [
        ("git", "fetch", "--upload-pack=canary"),
        ("git", "ls-remote", "origin", "-oProxyCommand=canary"),
        ("git", "-cevil.x=1", "status"),
        ("git", "diff", "--output=left-behind", "--", "x"),
        ("tmux", "kill-session", "-t", "shop"),
        ("tmux", "kill-session", "-t", "=shop"),
        ("tmux", "send-keys", "-t", "%1", "-d;canary", "x"),
        ("tmux", "rename-window", "-t", "@1", "--", "#(canary)"),
        ("tmux", "rename-session", "-t", "$1", "x"),
        ("tmux", "new-window", "-n", "#(canary)"),
        ("tmux", "new-session", "-s", "x", "-c", "#{pane_id}"),
        ("tmux", "list-panes", "-a", ";", "new-session", "-s%H"),
        ("tmux", "select-pane", "-t", "%1", "-T", "#(canary)"),
        ("tmux", "pipe-pane", "-t", "%1", "cat ###(canary)"),
        ("tmux", "run-shell", "canary"),
        ("tmux", "display-message", "#(canary)"),
    ],
)
def test_what_could_be_something_else_is_wrong(own: Recorder, words: tuple[str, ...]) -> None:
    subprocess.run(words, capture_output=True, check=False, cwd="/", env={"PATH": str(own.folder), **own.environment})
    assert len(own.wrong()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("git", "rev-parse", "--verify", "--end-of-options", "--upload-pack=canary"),
        ("git", "rev-list", "--exclude=x", "--", "-x"),
        ("tmux", "set-option", "-t", "$1", "@devdeck_id", "#(canary)", ";", "send-keys", "-t", "%1", "-l", "--", "-x"),
        ("tmux", "rename-window", "-t", "@1", "#{@devdeck_given}"),
        ("tmux", "new-session", "-d", "-sshop-x", ";", "set-option", "-t", "=shop-x:", "@devdeck_id", "x"),
        ("tmux", "pipe-pane", "-O", "-t", "%1", "cat ##(canary)"),
        ("tmux", "new-window", "-t", "$1:", "-eX=#(canary)", "--", "sh", "-c", "#(x)"),
    ],
)
def test_what_can_be_nothing_else_is_right(own: Recorder, words: tuple[str, ...]) -> None:
    subprocess.run(
        words,
        capture_output=True,
        check=False,
        cwd="/",
        env={"PATH": str(own.folder), **own.environment},
    )
    assert own.wrong() == []
