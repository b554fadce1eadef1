"""Calling git: one hardened way, synchronous for threads and the command line, asynchronous for collectors.

A repository's own configuration can name programs (`core.fsmonitor`, hooks, an external diff, a signature checker,
a transport). None of those run from here, with one exception that git needs to tell what changed: content filters
(`filter.<name>.clean`, as Git LFS uses). Nothing asks the user anything, nothing goes to the network, nothing takes a
lock that the user's own git would have to wait for.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, TYPE_CHECKING

import msgspec

from devdeck.errors import DeckError, Missing, NotFound, UsageError
from devdeck.text import one_line

if TYPE_CHECKING:
    import asyncio

MAX_OUTPUT = 64 * 2**20
"""Most bytes taken from one call before it is stopped."""
MAX_MESSAGES = 256 * 2**10
"""Most bytes of error output kept."""
_CHUNK = 64 * 2**10

# Variables of the caller that say who the user is and how to reach git; every other GIT_* variable (a hook's GIT_DIR,
# GIT_INDEX_FILE, GIT_EXTERNAL_DIFF, a trace …) belongs to somebody else's call and is left out.
_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_COUNT", "GIT_EXEC_PATH",
         "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT",
         "GIT_TEMPLATE_DIR")  # fmt: skip
_KEPT_PREFIXES = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_SSL_")

QUIET = {
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
}
"""Environment in which git speaks English and asks nothing. Without a terminal (a new session) ssh can't ask either."""
_OFFLINE = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": ""}

_SETTINGS = (
    "core.fsmonitor=", "core.hooksPath=/dev/null", "core.alternateRefsCommand=", "log.showSignature=false",
    "color.ui=false", "gc.auto=0", "maintenance.auto=false", "submodule.recurse=false", "core.safecrlf=false",
    "advice.addEmbeddedRepo=false",
)  # fmt: skip
_COMMAND = (
    "git", "--no-optional-locks", "--no-pager", *(part for setting in _SETTINGS for part in ("-c", setting)),
)  # fmt: skip
_NO_COMMANDS = ("-c", "protocol.ext.allow=never", "-c", "protocol.fd.allow=never")
"""A URL is an address: those that are a command (`ext::`) don't run, whatever a repository's configuration allows."""


class GitOutput(msgspec.Struct, frozen=True):
    """What one call of git gave."""

    stdout: bytes
    stderr: str
    status: int
    """Exit status; negative when a signal ended it."""
    cut: bool = False
    """Whether it was stopped because it had printed `limit` bytes; `stdout` holds exactly those."""

    @property
    def text(self) -> str:
        """`stdout` as text; undecodable bytes become surrogates, as in file names."""
        return os.fsdecode(self.stdout)


def foreign_variables() -> tuple[str, ...]:
    """Names of the caller's environment variables that must not reach a call of git."""
    return tuple(
        name
        for name in os.environ
        if name.startswith("GIT_") and name not in _KEPT and not name.startswith(_KEPT_PREFIXES)
    )


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    dropped = foreign_variables()
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, **QUIET, **_OFFLINE, **(extra or {})}


def reaching_out() -> tuple[tuple[str, ...], dict[str, str]]:
    """Command and environment of the calls that do go to the network (`devdeck.git.fetching`): no prompts either."""
    environment = {name: value for name, value in _environment(None).items() if name not in _OFFLINE}
    if "GIT_ALLOW_PROTOCOL" in os.environ:
        environment["GIT_ALLOW_PROTOCOL"] = os.environ["GIT_ALLOW_PROTOCOL"]
    return (*_COMMAND, *_NO_COMMANDS), {**environment, "GCM_INTERACTIVE": "never"}


def git(
    cwd: str | os.PathLike[str],
    *args: str,
    timeout: float = 10.0,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    input: bytes | None = None,
    limit: int | None = None,
) -> GitOutput:
    """Run git and wait for it. Hooks don't run.

    Args:
        cwd: Folder to run in.
        args: Arguments after `git`; whatever comes from outside stands behind `--` or `--end-of-options`.
        timeout: Seconds after which its process group is killed.
        check: Whether an exit status other than 0 is an error.
        env: Variables to set on top of the hardened environment.
        input: Bytes for its standard input; without them that is empty.
        limit: Stop it after so many bytes of output and return those (`GitOutput.cut`). Without a limit, more than
            `MAX_OUTPUT` bytes are an error.

    Raises:
        Missing: git is not installed.
        NotFound: `cwd` does not exist or lies in no repository.
        UsageError: An argument can't be passed to a program (NUL, lone surrogates).
        DeckError: git failed (code `git-failed`, its own words in the message) or took too long (`timeout`).
    """
    try:
        process = subprocess.Popen(
            (*_COMMAND, *args),
            cwd=cwd,
            env=_environment(env),
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise not_started(cwd, error) from error
    with process:
        try:
            stdout, stderr, cut = _talk(process, input, time.monotonic() + timeout, limit)
        except TimeoutError:
            raise _too_slow(cwd, args, timeout) from None
        finally:
            if process.poll() is None:
                _kill(process.pid)
    return _result(cwd, args, check, limit, GitOutput(stdout, _words(stderr), process.returncode, cut))


def _talk(
    process: subprocess.Popen[bytes], data: bytes | None, deadline: float, limit: int | None
) -> tuple[bytes, bytes, bool]:
    """Feed and read until both outputs end, the bound is reached (True at the end) or the deadline (TimeoutError)."""
    bound = MAX_OUTPUT if limit is None else limit
    taken: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
    pending = memoryview(data or b"")
    with selectors.DefaultSelector() as selector:
        assert process.stdout is not None
        assert process.stderr is not None
        selector.register(process.stdout, selectors.EVENT_READ, "out")
        selector.register(process.stderr, selectors.EVENT_READ, "err")
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE, "in")
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                stream = key.fileobj
                assert not isinstance(stream, int)
                if key.data == "in":
                    pending = _write(key.fd, pending)
                    if not pending:
                        selector.unregister(stream)
                        _close(process.stdin)
                    continue
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(stream)
                elif key.data == "out":
                    taken["out"] += chunk
                elif len(taken["err"]) < MAX_MESSAGES:
                    taken["err"] += chunk
            if len(taken["out"]) > bound:
                return bytes(taken["out"][:bound]), bytes(taken["err"]), True
    for _ in range(10):
        if process.poll() is not None:
            break
        time.sleep(0.00005)  # Popen.wait with a time-out would begin with ten times as much
    try:
        process.wait(max(0.0, deadline - time.monotonic()) + 0.01)
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return bytes(taken["out"]), bytes(taken["err"]), False


def _write(descriptor: int, pending: memoryview) -> memoryview:
    try:
        return pending[os.write(descriptor, pending[:_CHUNK]) :]
    except BlockingIOError:
        return pending
    except BrokenPipeError:
        return pending[:0]  # git ended before it had read everything; its status says why


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with suppress(BrokenPipeError):
            stream.close()


async def git_async(
    cwd: str | os.PathLike[str],
    *args: str,
    timeout: float = 10.0,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    input: bytes | None = None,
    limit: int | None = None,
) -> GitOutput:
    """`git` for the event loop. A time-out or a cancellation kills the process group before this returns.

    Args and errors as in `git`.
    """
    import asyncio  # the command line starts faster without

    call = _Call((*_COMMAND, *args), cwd, _environment(env), input, limit)
    # Starting a process can't be given up half-way without leaving its pipes open, so the call is a task of its own.
    running = asyncio.ensure_future(call.run())
    try:
        async with asyncio.timeout(timeout):
            output = await asyncio.shield(running)
    except TimeoutError:
        raise _too_slow(cwd, args, timeout) from None
    except (OSError, ValueError) as error:
        raise not_started(cwd, error) from error
    finally:
        if not running.done():
            call.stop()
            await asyncio.wait({running}, timeout=5.0)
        if running.done() and not running.cancelled():
            running.exception()  # seen: a call that was given up has nobody to tell
    return _result(cwd, args, check, limit, output)


class _Call:
    """One asynchronous call from its start to its end; `stop` ends it early, whatever it is at."""

    def __init__(
        self,
        command: tuple[str, ...],
        cwd: str | os.PathLike[str],
        env: dict[str, str],
        data: bytes | None,
        limit: int | None,
    ) -> None:
        self._command, self._cwd, self._env = command, cwd, env
        self._data, self._limit = data, limit
        self._pid: int | None = None
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True
        if self._pid is not None:
            _kill(self._pid)

    async def run(self) -> GitOutput:
        import asyncio

        process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=self._cwd,
            env=self._env,
            stdin=subprocess.DEVNULL if self._data is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._pid = process.pid
        if self._stopped:
            _kill(process.pid)
        try:
            stdout, stderr, cut = await _talk_async(process, self._data, self._limit)
        finally:
            self._pid = None
        assert process.returncode is not None
        return GitOutput(stdout, _words(stderr), process.returncode, cut)


async def _talk_async(
    process: asyncio.subprocess.Process, data: bytes | None, limit: int | None
) -> tuple[bytes, bytes, bool]:
    import asyncio

    bound = MAX_OUTPUT if limit is None else limit

    async def feed() -> None:
        if process.stdin is not None:
            with suppress(BrokenPipeError, ConnectionResetError):
                process.stdin.write(data or b"")
                await process.stdin.drain()
            process.stdin.close()

    async def collect(stream: asyncio.StreamReader | None, most: int, *, stop: bool) -> tuple[bytes, bool]:
        assert stream is not None
        taken, full = bytearray(), False
        while chunk := await stream.read(_CHUNK):
            if not full:
                taken += chunk
                full = len(taken) > most
                if full and stop:
                    _kill(process.pid)
        return bytes(taken[:most]), full

    _, (stdout, cut), (stderr, _) = await asyncio.gather(
        feed(), collect(process.stdout, bound, stop=True), collect(process.stderr, MAX_MESSAGES, stop=False)
    )
    await process.wait()
    return stdout, stderr, cut


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _words(stderr: bytes) -> str:
    return stderr.decode("utf-8", "replace")


def _result(
    cwd: str | os.PathLike[str], args: tuple[str, ...], check: bool, limit: int | None, output: GitOutput
) -> GitOutput:
    if output.cut and limit is None:
        raise DeckError(
            f"git {_verb(args)} printed more than {MAX_OUTPUT // 2**20} MiB in {os.fspath(cwd)}", code="git-failed"
        )
    if check and output.status != 0 and not output.cut:
        raise failure(cwd, args, output.stderr, output.status)
    return output


def _verb(args: tuple[str, ...]) -> str:
    return next((arg for arg in args if not arg.startswith("-") and "/" not in arg and "=" not in arg), "")


def not_started(cwd: str | os.PathLike[str], error: OSError | ValueError) -> DeckError:
    """Why git could not be started in a folder, as the error to raise."""
    where = one_line(os.fspath(cwd), limit=300)
    if isinstance(error, ValueError):
        return UsageError("a name holds characters that can't be passed to a program", "NUL and lone surrogates can't")
    if not os.path.isdir(cwd):
        return NotFound(f"no folder {where}", "check the path; was it moved or removed?")
    if isinstance(error, FileNotFoundError):
        return Missing("git is not installed", "install git with your system's package manager", code="git-missing")
    return DeckError(f"git can't be started in {where}: {error.strerror}", code="git-failed")


def _too_slow(cwd: str | os.PathLike[str], args: tuple[str, ...], timeout: float) -> DeckError:
    return DeckError(
        f"git {_verb(args)} took longer than {timeout:g} s in {one_line(os.fspath(cwd), limit=300)} and was stopped",
        "is the disk or a network drive slow, or another git at work there?",
        code="timeout",
    )


def failure(cwd: str | os.PathLike[str], args: tuple[str, ...], stderr: str, status: int) -> DeckError:
    """The error for a call that git refused.

    Args:
        cwd: Where it ran.
        args: Its arguments.
        stderr: What it printed.
        status: Its exit status, negative for a signal.

    Returns:
        `NotFound` when git saw no repository, else `DeckError` with code `git-failed` and git's own words.
    """
    where = one_line(os.fspath(cwd), limit=300)
    if "not a git repository" in stderr:
        return NotFound(f"{where} is not in a git repository", "name a folder of one, or make one with `git init`")
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
    words = one_line(" ".join(told), limit=600) or (f"signal {-status}" if status < 0 else f"exit {status}")
    hint = ""
    if "dubious ownership" in stderr:
        hint = "the folder belongs to another user; git's own safe.directory setting allows it"
    elif ".lock': File exists" in stderr:
        hint = "another git is at work there; if none is, remove the lock file"
    return DeckError(f"git {_verb(args)} failed in {where}: {words}", hint, code="git-failed")
