"""The throw-away deck of `devdeck demo`: real repositories, real tmux on a private socket, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from devdeck.errors import DeckError, Missing

MARK = "DEVDECK_DEMO"
"""Environment variable that every process of a demo carries; its value is the demo's folder."""

SWEEP = 20.0
"""Seconds that cleaning up may take."""

_LONGEST_SOCKET = 100
"""Bytes of the longest path that every system takes for a socket."""

_GIT_CONFIG = """\
[user]
	name = Sam
	email = sam@example.invalid
[init]
	defaultBranch = main
[advice]
	detachedHead = false
[core]
	pager = cat
"""

_TMUX_CONFIG = """\
set -g exit-empty off
set -g escape-time 10
set -g mouse on
set -g default-terminal screen-256color
set -g status-right " Ctrl+b d: back to devdeck "
set -g status-right-length 40
"""

_PROMPTS = {
    ".bashrc": "PS1='\\W \\$ '\n",
    ".bash_profile": "PS1='\\W \\$ '\n",
    ".profile": "PS1='$ '\n",
    ".zshrc": "PS1='%1~ %# '\n",
}
"""Start-up files of shells: the demo looks the same whoever starts it, and asks no questions (zsh would)."""


@contextlib.contextmanager
def demo_folder() -> Iterator[Path]:
    """A temporary folder with an environment of its own and a tmux server, swept away afterwards, whatever happens.

    A small process of its own waits for this one to end, by whichever signal, and then ends what the demo
    started and removes the folder.

    Raises:
        Missing: git or tmux is not installed.
        DeckError: The folder or the tmux server can't be made.
    """
    for tool in ("git", "tmux"):
        if shutil.which(tool) is None:
            raise Missing(f"the demo needs {tool}", f"install {tool} with your system's package manager")
    folder = _name()
    before, temporary = dict(os.environ), tempfile.tempdir
    # The sweeper first: killed at any moment from here on, this process leaves nothing.
    with _sweeper(folder):
        try:
            folder.mkdir(mode=0o700)
            _furnish(folder)
        except OSError as error:
            raise DeckError(f"can't make {folder}: {error.strerror}", "is there room in $TMPDIR?") from error
        try:
            _enter(folder)
            _start_tmux(folder)
            yield folder
        finally:
            os.environ.clear()
            os.environ.update(before)
            tempfile.tempdir = temporary


def _name() -> Path:
    name = f"devdeck-demo-{secrets.token_hex(6)}"
    folder = Path(tempfile.gettempdir()).resolve() / name
    if len(os.fsencode(folder / "tmux.sock")) > _LONGEST_SOCKET:
        folder = Path("/tmp").resolve() / name  # noqa: S108  with a random name, made for this user alone
    return folder


@contextlib.contextmanager
def _sweeper(folder: Path) -> Iterator[None]:
    reading, writing = os.pipe()
    # Not a member of a demo that this one was started in: it must outlive that.
    environment = {name: value for name, value in os.environ.items() if name != MARK}
    sweeper = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("sweeper.py")), str(reading), str(folder)],
        pass_fds=(reading,),
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment,
    )
    os.close(reading)
    try:
        yield
    finally:
        os.close(writing)
        with contextlib.suppress(subprocess.TimeoutExpired):
            sweeper.wait(SWEEP)


def _furnish(folder: Path) -> None:
    """The configuration that stands in for the user's own."""
    (folder / "gitconfig").write_text(_GIT_CONFIG)
    (folder / "tmux.conf").write_text(_TMUX_CONFIG)
    (folder / "tmp").mkdir()
    home = folder / "home"
    home.mkdir()
    for name, text in _PROMPTS.items():
        (home / name).write_text(text)


def _enter(folder: Path) -> None:
    """Point everything that devdeck, git, tmux and shells read and write at the demo's folder."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]
    # A tmux that the demo is started in is another server: the demo attaches to its own.
    for name in ("TMUX", "TMUX_PANE", "DEVDECK_SESSION", "DEVDECK_LABEL", "DEVDECK_JOB", "HISTFILE", "ENV", "BASH_ENV"):
        os.environ.pop(name, None)
    os.environ.update(_environment(folder))
    tempfile.tempdir = os.environ["TMPDIR"]  # it may have been looked up before


def _environment(folder: Path) -> Mapping[str, str]:
    home = folder / "home"
    found = {
        MARK: str(folder),
        "HOME": str(home),
        "TMPDIR": str(folder / "tmp"),
        "ZDOTDIR": str(home),
        "PS1": "$ ",
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
        "GIT_CONFIG_SYSTEM": os.devnull,
        "DEVDECK_TMUX_SOCKET": str(folder / "tmux.sock"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    if site.ENABLE_USER_SITE:
        # Another home must not hide what is installed for this user alone.
        found["PYTHONUSERBASE"] = site.getuserbase()
    return found


def _start_tmux(folder: Path) -> None:
    """Start the server with the demo's configuration; the user's may start programs of its own."""
    try:
        subprocess.run(
            ["tmux", "-u", "-f", str(folder / "tmux.conf"), "-S", str(folder / "tmux.sock"), "start-server"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
            timeout=10,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise DeckError("the demo's tmux server did not start within 10 s", "`devdeck doctor` looks at tmux") from error
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode(errors="replace").strip()
        raise DeckError(f"the demo's tmux server did not start: {words}", "`devdeck doctor` looks at tmux") from error
