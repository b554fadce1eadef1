"""Making sessions through libtmux, over devdeck's own bounded tmux processes.

Imported only when a session is made: libtmux costs 80 ms to import.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from backends.base import BackendError
from backends.tmux.failures import failure

try:
    import libtmux
except AttributeError:
    # When imported, it asks stdout for its encoding; what stands in for stdout in a full-screen program has none.
    vars(sys.stdout).setdefault("encoding", "utf-8")
    import libtmux
from libtmux.exc import LibTmuxException, TmuxSessionExists

if TYPE_CHECKING:
    from backends.tmux.processes import Processes


class _BoundedServer(libtmux.Server):
    """libtmux's server with its processes run by `Processes`: time-outs, the right socket, the right directory."""

    def __init__(self, server: Processes, cwd: str, mark: list[str]) -> None:
        super().__init__(socket_path=str(server.socket_path))
        self._bounded = server
        self._cwd = cwd
        self._mark = mark

    def has_session(self, target_session: str, exact: bool = True) -> bool:
        """Not asked beforehand: tmux refuses a name that is taken, and says so."""
        return False

    def cmd(self, cmd: str, *args: Any, target: str | int | None = None) -> Any:
        """Run one tmux command; `new-session` marks what it made before anybody can see it."""
        words = [cmd, *(["-t", str(target)] if target is not None else []), *(str(word) for word in args)]
        argv = self._bounded.argv(*words)
        if cmd == "new-session":
            argv += [";", *self._mark]
        status, output, errors = self._bounded.process(argv, cmd, cwd=self._cwd)
        text = output.decode(errors="backslashreplace").rstrip("\n")
        failed = errors.decode(errors="backslashreplace").splitlines()
        return SimpleNamespace(cmd=argv, returncode=status, stdout=[text], stderr=failed)


def new_session(
    server: Processes,
    name: str,
    cwd: str,
    devdeck_id: str,
    env: Mapping[str, str],
    width: int | None,
    height: int | None,
) -> str | None:
    """Make a detached session.

    Args:
        server: Where.
        name: A name that tmux keeps as it is (`backends.tmux.formats.session_name`).
        cwd: An existing directory.
        devdeck_id: Value for the option `@devdeck_id`.
        env: Variables of the session.
        width: Columns, or `None` for tmux's default.
        height: Rows, or `None` for tmux's default.

    Returns:
        The session's id; `None` when the name is taken.

    Raises:
        BackendError: tmux refused, or something it printed could not be read.
    """
    mark = ["set-option", "-t", f"={name}:", "@devdeck_id", server.argv(devdeck_id)[-1]]
    try:
        session = _BoundedServer(server, cwd, mark).new_session(
            session_name=name, attach=False, environment=dict(env) or None, x=width, y=height
        )
    except TmuxSessionExists:
        return None
    except LibTmuxException as error:
        if "duplicate session" in str(error):
            return None
        raise failure("new-session", str(error)) from error
    if session.session_id is None:
        raise BackendError(f"tmux made the session {name} but did not say its id")
    return session.session_id
