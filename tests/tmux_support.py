"""A real tmux server of its own for a test, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from backends.tmux.server import TmuxServer


@contextlib.contextmanager
def private_tmux(tmp_path: Path, config: str = "") -> Iterator[TmuxServer]:
    """A `TmuxServer` on a private socket, not started yet; killed afterwards with all that runs in it.

    Args:
        tmp_path: Folder for the configuration file. The socket is elsewhere: its path must be shorter than 108 bytes.
        config: Text of the server's configuration file.
    """
    configuration = tmp_path / "tmux.conf"
    # A plain shell: the prompt and the start-up files of whoever runs the tests are not part of them.
    configuration.write_text(f"set -g default-command 'env PS1=\"$ \" /bin/sh'\n{config}\n")
    folder = tempfile.mkdtemp(prefix="devdeck-tmux-")
    server = TmuxServer(f"{folder}/socket", timeout=20.0, config=str(configuration))
    try:
        yield server
    finally:
        kill_server(server)
        shutil.rmtree(folder, ignore_errors=True)


def server_pid(server: TmuxServer) -> int | None:
    """Process id of the running server."""
    done = subprocess.run(
        server.argv("display-message", "-p", "#{pid}"), capture_output=True, text=True, timeout=20, check=False
    )
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else None


def kill_server(server: TmuxServer) -> None:
    """End the server, politely and then for certain."""
    pid = server_pid(server)
    tmux(server, "kill-server", check=False)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def tmux(server: TmuxServer, *command: str, check: bool = True) -> str:
    """Run one tmux command as somebody else would, and give back what it printed."""
    done = subprocess.run(server.argv(*command), capture_output=True, timeout=20, check=check, env=server.environment())
    return done.stdout.decode(errors="surrogateescape")
