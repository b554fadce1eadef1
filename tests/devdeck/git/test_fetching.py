"""Asking remotes and getting from them, bounded in time."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from devdeck.errors import DeckError, NotFound
from devdeck.git import fetching
from devdeck.git.fetching import ask, fetch_news, fetch_ref
from tests.devdeck.remote_support import publish, push, silent_server
from tests.git_support import make_repository, run_git
from tests.support import Clock, has_ended, until

HEAD_OF = "refs/heads/topic"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "project")


@pytest.fixture
def bare(repository: Path, tmp_path: Path) -> Path:
    return publish(repository, tmp_path / "origin.git")


def calls_to(words: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if any(words in argument for argument in process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def time_is_over_when_answered(monkeypatch: pytest.MonkeyPatch, remote: str) -> None:
    """Time-outs end as soon as the call to this remote has ended."""
    answered = threading.Event()
    real = fetching._Call.ended

    def ended(call: fetching._Call) -> bool:
        done = real(call)
        if done and remote in call.args:
            answered.set()
        return done

    monkeypatch.setattr(fetching._Call, "ended", ended)
    monkeypatch.setattr(fetching, "time", Clock(answered.is_set))


def test_asking_changes_nothing(repository: Path, bare: Path, tmp_path: Path) -> None:
    oid = push(bare, HEAD_OF, tmp_path / "scratch", {"x": "1\n"})
    before = run_git(repository, "for-each-ref")
    answers = ask(str(repository), ["origin"], [HEAD_OF, "refs/heads/none"])
    assert answers["origin"].refs == {HEAD_OF: oid}
    assert run_git(repository, "for-each-ref") == before
    assert run_git(repository, "cat-file", "-t", oid, check=False) == ""


def test_a_tag_is_no_branch(repository: Path, bare: Path, tmp_path: Path) -> None:
    """W26."""
    push(bare, "refs/tags/topic", tmp_path / "scratch", {"x": "1\n"})
    assert ask(str(repository), ["origin"], [HEAD_OF])["origin"].refs == {}
    push(bare, "refs/heads/deep/refs/heads/topic", tmp_path / "scratch", {"x": "2\n"})
    assert ask(str(repository), ["origin"], [HEAD_OF])["origin"].refs == {}


def test_one_reference_is_fetched_and_nothing_else(repository: Path, bare: Path, tmp_path: Path) -> None:
    oid = push(bare, "refs/pull/7/head", tmp_path / "scratch", {"x": "1\n"})
    push(bare, "refs/heads/other", tmp_path / "scratch", {"x": "2\n"})
    run_git(bare, "tag", "v1", "main")
    fetch_ref(str(repository), "origin", "refs/pull/7/head", "refs/remotes/origin/pull/7/head")
    names = run_git(repository, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    assert f"refs/remotes/origin/pull/7/head {oid}" in names
    assert not [name for name in names if "other" in name or "v1" in name]
    assert not (repository / ".git/FETCH_HEAD").exists() or oid not in (repository / ".git/FETCH_HEAD").read_text()
    with pytest.raises(NotFound, match="has no refs/pull/8/head"):
        fetch_ref(str(repository), "origin", "refs/pull/8/head", "refs/remotes/origin/x")


def test_a_remote_that_hangs_is_left_with_everything_that_it_started(
    repository: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C08."""
    with silent_server() as url:
        run_git(repository, "remote", "add", "slow", url)
        with monkeypatch.context() as patch:
            time_is_over_when_answered(patch, "origin")
            answers = ask(str(repository), ["origin", "slow"], [HEAD_OF, "refs/heads/main"], timeout=1.0)
        assert "no answer within 1 s" in answers["slow"].error
        assert answers["origin"].refs
        with pytest.raises(DeckError) as caught:
            fetch_ref(str(repository), "slow", HEAD_OF, "refs/remotes/slow/topic", timeout=0.5)
        assert caught.value.code == "timeout"
        with monkeypatch.context() as patch:
            time_is_over_when_answered(patch, "origin")
            failed = fetch_news(str(repository), ["origin", "slow"], timeout=1.5)
        assert set(failed) == {"slow"}
        until(lambda: calls_to(url) == [])


def test_who_listens_is_told_of_a_wait_once_and_of_who_is_waited_for(
    repository: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "SILENCE", 0.2)
    monkeypatch.setattr(fetching, "time", Clock(by_sleep=True))
    with silent_server() as url:
        run_git(repository, "remote", "add", "slow", url)
        told: list[str] = []
        with fetching.telling(told.append):
            ask(str(repository), ["slow"], ["refs/heads/none", "refs/pull/7/head"], timeout=0.5)
            assert told == ["asking slow for none or pull/7/head, 0.5 s at most"]
            with pytest.raises(DeckError):
                fetch_ref(str(repository), url, HEAD_OF, "refs/remotes/slow/topic", timeout=0.5)
            assert told[1:] == [f"fetching topic from {url}"]
            fetch_news(str(repository), ["slow"], timeout=0.5)
            assert told[2:] == ["fetching from slow"]
        ask(str(repository), ["slow"], ["refs/heads/none"], timeout=0.5)
        assert len(told) == 3  # nobody listens any more


def test_an_answer_that_comes_at_once_is_not_told_of(
    repository: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(fetching, "time", Clock())
    with fetching.telling(told.append):
        fetch_ref(str(repository), "origin", "refs/heads/main", "refs/remotes/origin/main")
    assert told == []


def test_a_worktree_that_is_just_being_made_is_waited_for(
    repository: Path, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another git at work: its worktree's files are there, and empty for a moment. Also when a fetch takes long."""
    real = fetching._run
    clock = Clock()
    monkeypatch.setattr(fetching, "time", clock)
    oid = push(bare, "refs/heads/topic", tmp_path / "scratch", {"x": "1\n"})
    run_git(repository, "worktree", "add", "-q", "--detach", str(tmp_path / "place"))
    for name in ("HEAD", "commondir"):
        half = repository / ".git/worktrees/place" / name
        whole = half.read_bytes()
        half.write_bytes(b"0123456789" * 4 if name == "HEAD" else b"")
        with pytest.raises(AssertionError, match="worktrees/place"):
            run_git(repository, "fetch", "-q", "origin", f"refs/heads/topic:refs/heads/{name.lower()}-plain")
        fetches: list[int] = []

        def made_meanwhile(
            *arguments: Any, half: Path = half, whole: bytes = whole, fetches: list[int] = fetches
        ) -> dict[str, fetching._Call]:
            done = real(*arguments)
            fetches.extend(call.process.returncode for call in done.values())
            half.write_bytes(whole)
            clock.now += 60.0
            return done

        monkeypatch.setattr(fetching, "_run", made_meanwhile)
        fetch_ref(str(repository), "origin", "refs/heads/topic", f"refs/remotes/origin/{name}")
        assert [status == 0 for status in fetches] == [False, True]
        assert run_git(repository, "rev-parse", f"refs/remotes/origin/{name}").strip() == oid


def test_enough_is_enough(repository: Path, bare: Path) -> None:
    with silent_server() as url:
        run_git(repository, "remote", "add", "slow", url)
        answers = ask(
            str(repository), ["origin", "slow"], ["refs/heads/main"], timeout=60.0, enough=lambda found: bool(found)
        )
        assert set(answers) == {"origin"}
        until(lambda: calls_to(url) == [])


def test_what_a_remote_starts_is_ended_too(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote's program, as ssh would be, and what that starts."""
    program, pids = tmp_path / "upload", tmp_path / "pid"
    program.write_text(f"#!/bin/sh\nsleep 300.25 & echo $! > {pids}.new\nmv {pids}.new {pids}\nwait\n")
    program.chmod(0o755)
    run_git(repository, "remote", "add", "odd", str(make_repository(tmp_path / "other")))
    run_git(repository, "config", "remote.odd.uploadpack", str(program))
    monkeypatch.setattr(fetching, "time", Clock(pids.exists))
    answer = ask(str(repository), ["odd"], ["refs/heads/main"], timeout=3.0)["odd"]
    assert "no answer" in answer.error
    pid = int(pids.read_text())
    until(lambda: has_ended(pid))  # killed, and the kernel ends it when it gets to it


def test_remotes_that_fail_say_why(repository: Path, tmp_path: Path) -> None:
    run_git(repository, "remote", "add", "gone", str(tmp_path / "nothing"))
    answer = ask(str(repository), ["gone", "no-such-remote"], ["refs/heads/main"])
    assert "nothing" in answer["gone"].error
    assert answer["no-such-remote"].error
    with pytest.raises(NotFound):
        ask(str(tmp_path / "nothing"), ["origin"], ["refs/heads/main"])


@pytest.mark.parametrize("source", ["--upload-pack=touch pwned", "-h", "ext::sh -c 'touch pwned'"])
def test_a_source_is_never_an_option_or_a_command(repository: Path, source: str) -> None:
    """C36, W8."""
    assert ask(str(repository), [source], ["refs/heads/main"])[source].error
    with pytest.raises(DeckError):
        fetch_ref(str(repository), source, "refs/heads/main", "refs/remotes/x/main")
    assert not (repository / "pwned").exists()


def test_nobody_is_asked_for_a_password(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "askpass"
    helper.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    helper.chmod(0o755)
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(helper))
    run_git(repository, "config", "core.askPass", str(helper))
    with locked_server() as url:
        assert "prompts disabled" in ask(str(repository), [url], ["refs/heads/main"])[url].error
    assert not (tmp_path / "asked").exists()


@contextlib.contextmanager
def locked_server() -> Iterator[str]:
    """A web server that wants a password for everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://someone@127.0.0.1:{server.server_address[1]}/ada/shop.git"
        finally:
            server.shutdown()
            thread.join(10)
