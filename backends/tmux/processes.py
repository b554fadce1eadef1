"""Short-lived tmux processes against one server, each within a time-out."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from backends.base import BackendError, BackendTimeout, TargetGone
from backends.tmux.failures import INSTALL_HINT, failure, missing_tool

MINIMUM = (3, 2)
"""Oldest tmux that works: client flags and `-N` came with 3.2."""


class Processes:
    """A tmux server, running or not, and the way to run tmux processes against it.

    Args:
        socket: `None` for the user's own server (the one of `$TMUX` inside tmux), a path (anything with a `/`) or a
            name as for `tmux -L`.
        timeout: Seconds that one tmux process may take.
        config: Configuration file to use should the server have to be started; `None` for the user's own.
    """

    def __init__(self, socket: str | None = None, *, timeout: float = 10.0, config: str | None = None) -> None:
        self.timeout = timeout
        self._config = config
        # The surroundings, once: libtmux takes TMUX out of the environment while it works.
        self._client_of = os.environ.get("TMUX", "").rsplit(",", 2)[0]
        self._pane = os.environ.get("TMUX_PANE", "")
        self._tmpdir = os.environ.get("TMUX_TMPDIR", "") or "/tmp"  # noqa: S108 - tmux's own rule
        self._socket = socket or self._client_of or None
        self._version: tuple[int, int] | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.socket_path)!r})"

    # -- reaching it

    @property
    def socket_path(self) -> Path:
        """Where the server listens, or would: looking at it tells without a process whether one may be there."""
        if self._socket and "/" in self._socket:
            return Path(self._socket)
        root = Path(self._tmpdir)
        return (root if root.is_dir() else Path("/tmp")) / f"tmux-{os.getuid()}" / (self._socket or "default")  # noqa: S108

    def base_argv(self) -> list[str]:
        """`tmux` and the options that select this server. UTF-8 is forced, else tmux blurs what it prints."""
        base = ["tmux", "-u"]
        if self._config is not None:
            base += ["-f", self._config]
        if self._socket:
            base += ["-S" if "/" in self._socket else "-L", self._socket]
        return base

    def argv(self, *command: str) -> list[str]:
        """The argument list that runs one tmux command on this server.

        Each argument arrives as it is; tmux would take a `;` at the end of one for a command separator.
        """
        return [*self.base_argv(), *(_argument(word) for word in command)]

    def environment(self) -> dict[str, str]:
        """The environment for tmux processes: this one's without the marks of the tmux it runs in."""
        return {key: value for key, value in os.environ.items() if key not in ("TMUX", "TMUX_PANE")}

    def version(self) -> tuple[int, int]:
        """The version of the tmux program, such as `(3, 3)`; a build without number counts as `(99, 0)`.

        Raises:
            ToolMissing: There is no tmux.
            BackendError: It is older than 3.2.
        """
        if self._version is None:
            text = self._process(["tmux", "-V"], "-V").decode(errors="replace")
            found = re.search(r"(\d+)\.(\d+)", text.removeprefix("tmux openbsd-"))
            version = (int(found[1]), int(found[2])) if found and "openbsd" not in text else (99, 0)
            if version < MINIMUM:
                raise BackendError(f"{text.strip()} is too old for devdeck, which needs 3.2", INSTALL_HINT)
            self._version = version
        return self._version

    def running(self) -> bool:
        """Whether a server answers on the socket (one process; none when there is no socket).

        Raises:
            ToolMissing: There is no tmux.
            BackendTimeout: The server does not answer.
        """
        try:
            if not stat.S_ISSOCK(self.socket_path.stat().st_mode):
                return False
        except OSError:
            return False
        try:
            self.run(["list-sessions", "-F", ""])
        except TargetGone:
            return False
        return True

    # -- processes

    def run(self, *commands: Sequence[str], stdin: bytes | None = None, cwd: str | None = None) -> bytes:
        """Run tmux commands one after another in one process, up to the first that fails."""
        words: list[str] = []
        for command in commands:
            words += [";"] if words else []
            words += [_argument(word) for word in command]
        return self._process([*self.base_argv(), *words], commands[0][0], stdin=stdin, cwd=cwd)

    def _process(self, argv: Sequence[str], what: str, *, stdin: bytes | None = None, cwd: str | None = None) -> bytes:
        status, output, errors = self.process(argv, what, stdin=stdin, cwd=cwd)
        if status != 0:
            raise failure(what, errors.decode(errors="replace"))
        return output

    def process(
        self, argv: Sequence[str], what: str, *, stdin: bytes | None = None, cwd: str | None = None
    ) -> tuple[int, bytes, bytes]:
        """Run one tmux process within the time-out.

        Args:
            argv: All of its arguments.
            what: What it does, for messages.
            stdin: Bytes that it reads.
            cwd: Directory to run in. What tmux makes starts there: unlike `-c`, it is not read as a format.

        Returns:
            Exit status, standard output, standard error.
        """
        environment = self.environment()
        if cwd is not None:
            environment["PWD"] = cwd
        try:
            done = subprocess.run(
                argv,
                input=stdin if stdin is not None else b"",
                capture_output=True,
                timeout=self.timeout,
                check=False,
                cwd=cwd,
                env=environment,
            )
        except FileNotFoundError:
            raise missing_tool() from None
        except subprocess.TimeoutExpired:
            raise BackendTimeout(
                f"tmux {what} took longer than {self.timeout:g} s", "The tmux server may hang; `tmux ls` tells."
            ) from None
        except (OSError, ValueError) as error:
            raise BackendError(f"tmux {what} can't be run: {error}") from None
        return done.returncode, done.stdout, done.stderr


def _argument(word: str) -> str:
    return word[:-1] + "\\;" if word.endswith(";") else word
