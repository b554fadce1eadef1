import asyncio
import gc
import os
from pathlib import Path

import pytest

from devdeck.errors import DeckError, Missing, NotFound, UsageError
from devdeck.git import process as processes
from devdeck.git.process import git, git_async
from tests.git_support import make_repository, run_git
from tests.support import Clock, auntil, until


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "project", commits=2)


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `git` that starts a child in its group, writes both ids to a file and waits; returns that file."""
    ids = tmp_path / "ids"
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nsleep 300 &\necho $$ $! > {ids}.new\nmv {ids}.new {ids}\necho ready\nwait\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return ids


def gone(ids: Path) -> bool:
    def alive(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    return not any(alive(int(pid)) for pid in ids.read_text().split())


def test_output_status_and_input(repository: Path) -> None:
    oid = run_git(repository, "rev-parse", "HEAD").strip()
    assert git(repository, "rev-parse", "HEAD").text == f"{oid}\n"
    failed = git(repository, "rev-parse", "--verify", "-q", "nothing", check=False)
    assert (failed.status, failed.stdout) == (1, b"")
    data = os.urandom(3_000_000)
    told = git(repository, "hash-object", "--stdin", input=data).text
    (repository / "blob").write_bytes(data)
    assert told == run_git(repository, "hash-object", "blob")


def test_input_that_git_does_not_read_is_no_error(repository: Path) -> None:
    assert git(repository, "rev-parse", "--is-bare-repository", input=b"x" * 3_000_000).text == "false\n"


async def test_the_asynchronous_call_gives_the_same(repository: Path) -> None:
    for arguments in (("log", "--oneline"), ("rev-parse", "--verify", "-q", "nothing")):
        assert await git_async(repository, *arguments, check=False) == git(repository, *arguments, check=False)
    data = os.urandom(3_000_000)
    there = await git_async(repository, "hash-object", "--stdin", input=data)
    assert there == git(repository, "hash-object", "--stdin", input=data)


def test_a_failure_has_git_s_words_on_one_line(repository: Path) -> None:
    with pytest.raises(DeckError) as error:
        git(repository, "rev-parse", "--verify", "no\x1b[31mthing\nhere")
    assert error.value.code == "git-failed"
    assert "Needed a single revision" in error.value.message
    assert "\n" not in error.value.message
    assert "\x1b" not in error.value.message


async def test_errors_by_kind(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()

    async def both(kind: type[DeckError], where: Path, *arguments: str) -> None:
        with pytest.raises(kind) as error:
            git(where, *arguments)
        with pytest.raises(kind) as other:
            await git_async(where, *arguments)
        assert error.value.message == other.value.message

    await both(NotFound, plain, "status")
    await both(NotFound, tmp_path / "missing", "status")
    await both(UsageError, repository, "rev-parse", "a\0b")
    await both(UsageError, repository, "rev-parse", "\ud800")
    monkeypatch.setenv("PATH", str(plain))
    await both(Missing, repository, "status")


def test_a_time_out_kills_the_whole_group(tmp_path: Path, slow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The time is over when git and its child are there, however long that takes; what git prints then wakes the reader.
    monkeypatch.setattr(processes, "time", Clock(slow.exists))
    with pytest.raises(DeckError) as error:
        git(tmp_path, "status", timeout=60.0)
    assert error.value.code == "timeout"
    assert "longer than 60 s" in error.value.message
    until(lambda: gone(slow))


def test_a_time_out_comes_by_itself(tmp_path: Path, slow: Path) -> None:
    with pytest.raises(DeckError, match=r"longer than 0\.3 s"):
        git(tmp_path, "status", timeout=0.3)


async def test_a_time_out_of_the_asynchronous_call_too(
    tmp_path: Path, slow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = asyncio.create_task(git_async(tmp_path, "status", timeout=60.0))
    await auntil(slow.exists)
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + 1000.0)
    with pytest.raises(DeckError) as error:
        await call
    assert error.value.code == "timeout"
    await auntil(lambda: gone(slow))


async def test_cancelling_while_it_is_being_started(tmp_path: Path, slow: Path) -> None:
    for turns in range(12):
        slow.unlink(missing_ok=True)
        task = asyncio.create_task(git_async(tmp_path, "status", timeout=200.0))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await auntil(lambda: not slow.exists() or gone(slow))
    with pytest.raises(DeckError, match="longer than"):
        await git_async(tmp_path, "status", timeout=0.0)
    gc.collect()  # what was left open would be reported here


async def test_cancelling_kills_the_whole_group(tmp_path: Path, slow: Path) -> None:
    task = asyncio.create_task(git_async(tmp_path, "status", timeout=200.0))
    await auntil(slow.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await auntil(lambda: gone(slow))


async def test_output_is_bounded(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "big").write_bytes(b"0123456789" * 100_000)
    oid = run_git(repository, "hash-object", "-w", "big").strip()
    for output in (
        git(repository, "cat-file", "blob", oid, limit=1005),
        await git_async(repository, "cat-file", "blob", oid, limit=1005),
    ):
        assert output.cut
        assert output.stdout == b"0123456789" * 100 + b"01234"
    assert not git(repository, "cat-file", "blob", oid, limit=1_000_000).cut
    monkeypatch.setattr(processes, "MAX_OUTPUT", 1000)
    with pytest.raises(DeckError, match="printed more than"):
        git(repository, "cat-file", "blob", oid)
    with pytest.raises(DeckError, match="printed more than"):
        await git_async(repository, "cat-file", "blob", oid)


def test_the_caller_s_repository_variables_do_not_leak(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repository(tmp_path / "other", {"x": "x"})
    marker = tmp_path / "ran"
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", f"touch {marker}")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare'='true'")
    assert git(repository, "rev-parse", "--show-toplevel").text == f"{repository}\n"
    (repository / "README.md").write_text("changed\n")
    assert "+changed" in git(repository, "diff").text
    assert not marker.exists()


def test_nothing_is_asked_of_the_user(repository: Path) -> None:
    said = git(repository, "-c", "alias.show-env=!env", "show-env").text.splitlines()
    assert "GIT_TERMINAL_PROMPT=0" in said
    assert "SSH_ASKPASS_REQUIRE=never" in said
    assert "LC_ALL=C" in said
    session = git(repository, "-c", "alias.own=!cat /proc/self/stat", "own").text.rpartition(")")[2].split()[3]
    assert int(session) != os.getsid(0)


def test_no_transport_runs_to_read_an_object_that_is_missing(repository: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    program = tmp_path / "upload"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    for setting in (
        ("remote.origin.url", str(tmp_path)),
        ("remote.origin.promisor", "true"),
        ("remote.origin.uploadpack", str(program)),
        ("extensions.partialClone", "origin"),
        ("core.repositoryFormatVersion", "1"),
    ):
        run_git(repository, "config", *setting)
    assert git(repository, "cat-file", "-p", "1" * 40, check=False).status != 0
    assert not marker.exists()
    run_git(repository, "cat-file", "-p", "1" * 40, check=False)
    assert marker.exists()  # git alone would have run it: the test can fail
