"""Waits for remotes are told on a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

from backends.tmux.server import TmuxServer
from devdeck.cli import waiting
from devdeck.git import fetching
from tests.devdeck.cli.program import Cli, on_terminal
from tests.devdeck.remote_support import silent_server
from tests.git_support import run_git

ASKED = "devdeck: asking slow for one, 2 s at most …"


@pytest.fixture
def cli(tmux: TmuxServer, home: Path, repository: Path) -> Iterator[Cli]:
    """A repository whose only remote takes calls and never answers."""
    (home / ".config" / "devdeck").mkdir(parents=True)
    (home / ".config" / "devdeck" / "config.toml").write_text("[start]\nfetch_timeout = 2\n")
    with silent_server() as url:
        run_git(repository, "remote", "add", "slow", url)
        yield Cli(repository)


@pytest.mark.parametrize("arguments", [("start", "one"), ("workspace", "start", "one", "-p", "..")])
def test_a_remote_that_is_waited_for_is_told_and_goes_away(cli: Cli, arguments: tuple[str, ...]) -> None:
    status, said = on_terminal(cli, "", *arguments, "--dry-run")
    assert status == 0
    assert said.count(ASKED) == 1
    screen = pyte.Screen(200, 50)
    pyte.Stream(screen).feed(said)
    shown = [line.rstrip() for line in screen.display]
    assert not [line for line in shown if "asking" in line]
    assert shown[0] == "would start one:"


def test_what_is_told_of_a_wait_survives_no_error(cli: Cli) -> None:
    status, said = on_terminal(cli, "", "checkout", "one")
    assert status == 3
    assert said.count(ASKED) == 1
    assert said.rpartition("\x1b[K")[2].startswith("devdeck: no branch 'one'")


def test_scripts_are_told_nothing(cli: Cli) -> None:
    assert "asking" not in cli("start", "one", "--dry-run").stderr
    assert "asking" not in on_terminal(cli, "", "start", "one", "--dry-run", "--json")[1]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("term", "wanted"), [("xterm", "\r\x1b[Kdevdeck: asking x …\r\x1b[K"), ("dumb", "devdeck: asking x …\n")]
)
def test_a_line_that_can_not_be_erased_stays(monkeypatch: pytest.MonkeyPatch, term: str, wanted: str) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", term)
    before = threading.enumerate()
    with waiting.told(json=False):
        listener = fetching._listener.get()
        assert listener is not None
        listener("asking x")
        assert threading.enumerate() == before
    assert fetching._listener.get() is None
    assert isinstance(sys.stderr, Terminal)
    assert sys.stderr.getvalue() == wanted


def test_a_wait_that_is_over_in_time_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with waiting.told(json=False):
        pass
    assert isinstance(sys.stderr, Terminal)
    assert sys.stderr.getvalue() == ""
