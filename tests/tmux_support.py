"""A real tmux server of its own for a test, gone afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import shutil
import struct
import subprocess
import tempfile
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

from backends.tmux.server import TmuxServer
from tests.support import until


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
    return int(done.stdout.split()[0]) if done.returncode == 0 and done.stdout.strip() else None


def kill_server(server: TmuxServer) -> None:
    """End the server, politely and then for certain."""
    pid = server_pid(server)
    if pid is None:
        return
    tmux(server, "kill-server", check=False)
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        try:
            until(lambda: _ended(process), timeout=5)
        except AssertionError:
            process.kill()


def _ended(process: psutil.Process) -> bool:
    # A zombie has ended too: where nothing reaps orphans, as in some containers, it stays one.
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def tmux(server: TmuxServer, *command: str, check: bool = True) -> str:
    """Run one tmux command as somebody else would, and give back what it printed."""
    done = subprocess.run(server.argv(*command), capture_output=True, timeout=20, check=check, env=server.environment())
    return done.stdout.decode(errors="surrogateescape")


@contextlib.contextmanager
def viewer(
    server: TmuxServer, session_id: str, *, columns: int = 80, rows: int = 24
) -> Iterator[subprocess.Popen[bytes]]:
    """A real tmux client that shows a session in a terminal of its own, until the block ends."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    client = subprocess.Popen(
        server.attach_argv(session_id),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**server.environment(), "TERM": "xterm-256color"},
    )
    os.close(slave)
    drain = threading.Thread(target=_drain, args=(master,), daemon=True)
    drain.start()
    try:
        until(lambda: any(t.id == session_id and t.attached for t in server.terminals()) or client.poll() is not None)
        yield client
    finally:
        client.terminate()
        client.wait(20)
        drain.join(20)
        os.close(master)


def _drain(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # EIO: the last process of the terminal has ended
        while os.read(descriptor, 65536):
            pass
