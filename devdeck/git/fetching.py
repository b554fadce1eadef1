"""Asking remotes, and getting from them: the only calls of git that go to the network.

They ask the user nothing (no terminal, no askpass, no credential window), run no hook, and end by their time-out with
everything that they started: ssh, credential helpers, a remote's program.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from typing import IO

import msgspec

from devdeck.errors import DeckError, Missing, NotFound
from devdeck.git.changing import PATIENCE, is_momentary
from devdeck.git.forge import without_secret
from devdeck.git.process import failure, reaching_out
from devdeck.text import one_line

ASK_TIMEOUT = 5.0
"""Seconds that remotes may take to say what they have."""
FETCH_TIMEOUT = 300.0
"""Seconds that getting something may take which a remote said it has."""
NEWS_TIMEOUT = 20.0
"""Seconds that getting all news of a remote may take."""
MAX_ANSWER = 4 * 2**20
"""Most bytes read of what a remote says it has."""
SILENCE = 1.0
"""Seconds of waiting for remotes after which whoever listens is told of it (`telling`)."""
_GRACE = 0.5
"""Seconds for git to remove its lock files when it is stopped."""

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


@contextmanager
def telling(listener: Callable[[str], None]) -> Iterator[None]:
    """Have waits for remotes told while this lasts: `asking origin for fix, 5 s at most`.

    Args:
        listener: Called once for each wait of more than `SILENCE`, in the thread that waits. What is told is one line.
            Threads have to be given the context (`contextvars.copy_context`).
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a remote said."""

    refs: Mapping[str, str] = {}
    """Of the references asked for those that it has: full name → object id."""
    error: str = ""
    """Why it said nothing: git's words, or that it took too long."""


class _Call:
    """One git at work. Its output goes to files: what it leaves running can't hold us up."""

    def __init__(self, root: str, args: Sequence[str], files: ExitStack) -> None:
        command, environment = reaching_out()
        self.root, self.args = root, tuple(args)
        import tempfile

        self.out: IO[bytes] = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  closed by `files`
        self.err: IO[bytes] = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        self.late = False
        try:
            self.process = subprocess.Popen(
                (*command, *args),
                cwd=root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self.out,
                stderr=self.err,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            if not os.path.isdir(root):
                raise NotFound(f"no folder {one_line(root, limit=300)}", "was it moved or removed?") from error
            raise Missing("git is not installed", "install git with your system's package manager") from error
        except (OSError, ValueError) as error:
            raise DeckError(f"git can't be started in {one_line(root, limit=300)}", code="git-failed") from error

    def ended(self) -> bool:
        return self.process.poll() is not None

    def stop(self) -> None:
        """End it and all that it started: politely first, so that it takes its lock files away."""
        for number, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, 10.0)):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)

    def text(self, file: IO[bytes]) -> str:
        file.seek(0)
        return os.fsdecode(file.read(MAX_ANSWER))

    def error(self, timeout: float) -> DeckError | None:
        """Why it gave nothing; `None` when it ended well."""
        if self.late:
            return DeckError(f"no answer within {timeout:g} s", "is the network there?", code="timeout")
        if self.process.returncode == 0:
            return None
        words = failure(self.root, self.args, self.text(self.err), self.process.returncode)
        return DeckError(_shorter(words.message), words.hint, code="git-failed")


def _shorter(message: str) -> str:
    return message.partition(": ")[2].removeprefix("fatal: ") or message


def _run(
    files: ExitStack,
    root: str,
    calls: Mapping[str, Sequence[str]],
    timeout: float,
    doing: Callable[[str], str],
    enough: Callable[[Mapping[str, _Call]], bool] | None = None,
) -> dict[str, _Call]:
    """Start all calls, wait until they have ended, there is enough, or it is late; then none of them runs any more.

    `doing` says what is waited for, in words, given the names of the sources that have not ended.
    """
    began = time.monotonic()
    deadline, pause = began + timeout, 0.002
    listener = _listener.get()
    running: dict[str, _Call] = {}
    try:
        for name, args in calls.items():
            running[name] = _Call(root, args, files)
        while not all(call.ended() for call in running.values()) and time.monotonic() < deadline:
            if enough is not None and enough(running):
                break
            if listener is not None and time.monotonic() - began > SILENCE:
                waited_for = [without_secret(name) for name, call in running.items() if not call.ended()]
                listener(one_line(doing(", ".join(waited_for)), limit=300))
                listener = None
            time.sleep(pause)
            pause = min(0.02, pause * 1.2)
    finally:
        for call in running.values():
            if not call.ended():
                call.late = True
                call.stop()
    return running


def ask(
    root: str,
    sources: Sequence[str],
    names: Sequence[str],
    *,
    timeout: float = ASK_TIMEOUT,
    enough: Callable[[Mapping[str, Answer]], bool] | None = None,
) -> dict[str, Answer]:
    """Ask remotes which of some references they have, all at once. Nothing is fetched, nothing is changed.

    Args:
        root: Main worktree of the repository.
        sources: Names of remotes, or URLs.
        names: Full names: `refs/heads/x`. A tag is no branch, so names are never guessed.
        timeout: Seconds for all of them together.
        enough: Says, from the answers so far, whether the rest need not be waited for; they are then left out.

    Returns:
        The answer of each source, also of one that failed or took too long.

    Raises:
        Missing: git is not installed.
        NotFound: There is no folder `root`.
    """
    calls = {source: ("ls-remote", "--quiet", "--", source, *names) for source in sources}

    def answers(running: Mapping[str, _Call], *, late: bool) -> dict[str, Answer]:
        return {
            source: _answer(call, names, timeout)
            for source, call in running.items()
            if call.ended() and (late or not call.late)
        }

    with ExitStack() as files:
        satisfied = None if enough is None else lambda running: enough(answers(running, late=False))
        wanted = " or ".join(name.removeprefix("refs/").removeprefix("heads/") for name in names)
        done = _run(
            files, root, calls, timeout, lambda who: f"asking {who} for {wanted}, {timeout:g} s at most", satisfied
        )
        return answers(done, late=satisfied is None or not satisfied(done))


def _answer(call: _Call, names: Sequence[str], timeout: float) -> Answer:
    error = call.error(timeout)
    if error is not None:
        return Answer(error=error.message)
    found = {}
    for line in call.text(call.out).splitlines():
        oid, _, name = line.partition("\t")
        if name in names and oid:
            found[name] = oid
    return Answer(refs=found)


def fetch_ref(root: str, source: str, ref: str, into: str, *, timeout: float = FETCH_TIMEOUT) -> None:
    """Get one reference from a remote, and nothing else.

    Args:
        root: Main worktree of the repository.
        source: Name of a remote, or a URL.
        ref: Full name there.
        into: Full name of the reference to remember it by; moved also when that is no fast-forward.
        timeout: Seconds after which it is stopped.

    Raises:
        NotFound: The remote has no such reference.
        DeckError: It can't be had; git's words are in the message, or `timeout` is the code.
    """
    args = (
        "fetch", "--quiet", "--no-tags", "--no-prune", "--no-recurse-submodules", "--no-auto-maintenance",
        "--no-write-fetch-head", "--", source, f"+{ref}:{into}",
    )  # fmt: skip
    short = ref.removeprefix("refs/").removeprefix("heads/")
    error = _get(root, {source: args}, timeout, f"fetching {short} from")[source]
    if error is None:
        return
    shown = one_line(without_secret(source), limit=200)
    if "find remote ref" in error.message:
        raise NotFound(f"{shown} has no {ref}", "was it deleted there?")
    raise DeckError(f"can't get {ref} from {shown}: {error.message}", error.hint, code=error.code)


def fetch_news(root: str, remotes: Sequence[str], *, timeout: float = NEWS_TIMEOUT) -> dict[str, str]:
    """Get the news of remotes, all at once, as `git fetch <remote>` does; nothing is pruned.

    Returns:
        What went wrong, by remote; empty when all went well.
    """
    args = (
        "fetch",
        "--quiet",
        "--no-prune",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
        "--no-write-fetch-head",
    )
    errors = _get(root, {name: (*args, "--", name) for name in remotes}, timeout, "fetching from")
    return {name: error.message for name, error in errors.items() if error is not None}


def _get(root: str, calls: Mapping[str, Sequence[str]], timeout: float, doing: str) -> dict[str, DeckError | None]:
    """Fetch, all at once; for a few seconds again what another git at work in the repository makes fail.

    A fetch also looks at the worktrees that others are just making, and fails when it sees a half of one.
    """
    errors: dict[str, DeckError | None] = {}
    deadline: float | None = None
    pause = 0.05
    while True:
        with ExitStack() as files:
            done = _run(files, root, calls, timeout, lambda who: f"{doing} {who}")
            errors.update({name: call.error(timeout) for name, call in done.items()})
        if deadline is None:
            deadline = time.monotonic() + PATIENCE  # from the first failure on: a fetch alone may take longer
        calls = {name: calls[name] for name in done if (error := errors[name]) and is_momentary(error.message)}
        if not calls or time.monotonic() > deadline:
            return errors
        time.sleep(pause)
        pause = min(0.5, pause * 1.5)
