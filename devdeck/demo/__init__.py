"""The throw-away deck of `devdeck demo`: real repositories, real tmux on a private socket, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from devdeck.errors import Missing

MARK = "DEVDECK_DEMO"
"""Environment variable that every process of a demo carries; its value is the demo's folder."""

SWEEP = 20.0
"""Seconds that cleaning up may take."""


@contextlib.contextmanager
def demo_folder() -> Iterator[Path]:
    """A temporary folder with an environment of its own, swept away afterwards, whatever happens.

    A small process of its own waits for this one to end, by whichever signal, and then ends what the demo
    started and removes the folder.

    Raises:
        Missing: git or tmux is not installed.
    """
    for tool in ("git", "tmux"):
        if shutil.which(tool) is None:
            raise Missing(f"the demo needs {tool}", f"install {tool} with your system's package manager")
    folder = Path(tempfile.mkdtemp(prefix="devdeck-demo-")).resolve()
    reading, writing = os.pipe()
    sweeper = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("sweeper.py")), str(reading), str(folder)],
        pass_fds=(reading,),
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(reading)
    before = dict(os.environ)
    try:
        _enter(folder)
        yield folder
    finally:
        os.environ.clear()
        os.environ.update(before)
        os.close(writing)
        with contextlib.suppress(subprocess.TimeoutExpired):
            sweeper.wait(SWEEP)


def _enter(folder: Path) -> None:
    """Point everything that devdeck, git and tmux read at the demo's folder."""
    config = folder / "gitconfig"
    config.write_text(
        "[user]\n\tname = Demo\n\temail = demo@example.invalid\n[init]\n\tdefaultBranch = main\n"
        "[advice]\n\tdetachedHead = false\n[commit]\n\tgpgSign = false\n"
    )
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]
    os.environ.update(
        {
            MARK: str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_CONFIG_SYSTEM": os.devnull,
            "DEVDECK_TMUX_SOCKET": str(folder / "tmux.sock"),
        }
    )
    # A tmux that the demo is started in is another server: the demo attaches to its own.
    for name in ("TMUX", "TMUX_PANE", "DEVDECK_SESSION", "DEVDECK_LABEL"):
        os.environ.pop(name, None)
