"""What is said of a Docker engine that does not answer: no number of an error, but what it means."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from devdeck.deck import Deck
from devdeck.doctor import engine


@pytest.mark.parametrize(
    ("number", "evidence", "fix"),
    [
        (errno.ENOENT, "no Docker engine runs: there is no /run/docker.sock", "start it"),
        (errno.ECONNREFUSED, "no Docker engine runs: nobody listens at /run/docker.sock", "start it"),
        (errno.EACCES, "you may not use the Docker engine at /run/docker.sock", "usermod -aG docker"),
        (errno.ETIMEDOUT, "the Docker engine at /run/docker.sock does not answer within 3 s", "docker info"),
    ],
)
def test_errors_are_told_by_their_meaning(number: int, evidence: str, fix: str) -> None:
    error = OSError(number, os.strerror(number))
    for each in (error, RuntimeError("in another", error)):
        told, advice = engine.meaning(each, "unix:///run/docker.sock")
        assert told == evidence
        assert fix in advice
        assert "Errno" not in told


def test_what_is_not_known_is_told_on_one_line_without_a_secret() -> None:
    told, advice = engine.meaning(ValueError("odd\nanswer"), "http://ada:secret@host:2375")
    assert told.startswith("the Docker engine at http://host:2375 can't be asked: odd")
    assert "\n" not in told
    assert "secret" not in told
    assert "docker info" in advice


def test_an_engine_that_is_not_there(deck: Deck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{place}")
    (found,) = engine.docker(deck)
    assert (found.name, found.state) == ("docker", "warn")
    assert found.evidence == f"no Docker engine runs: there is no {place}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))  # and never listens
        (found,) = engine.docker(deck)
        assert found.evidence == f"no Docker engine runs: nobody listens at {place}"
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    (found,) = engine.docker(deck)
    assert found.evidence == "no Docker engine runs: nobody listens at tcp://127.0.0.1:1"
    assert found.fix.startswith("start it")
