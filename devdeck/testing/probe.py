"""Short bounded subprocesses that ask an interpreter or a tool about an environment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from devdeck.errors import DeckError, Missing

TIMEOUT = 30.0
"""Seconds for one question; tools such as poetry need some to start."""

MAX_OUTPUT = 64 * 1024

MINIMUM = (3, 7)
"""Oldest Python that the reporting plugin runs on."""

# `-c` puts the current directory first on the path, where a file of the repository may have a library's name: it is
# taken off before anything is imported. The module is looked for, never imported. Also runs on Python 2, to say so.
_QUESTION = """\
import sys
sys.path[:] = [p for p in sys.path if p.startswith("/")]
import json
found = version = None
if sys.version_info >= (3, 7):
    import importlib.util
    found = importlib.util.find_spec(sys.argv[1]) is not None
    try:
        from importlib.metadata import version as ask
        version = ask(sys.argv[1])
    except Exception:
        pass
print("devdeck-probe " + json.dumps([list(sys.version_info[:3]), sys.executable, found, version]))
"""


class Interpreter(msgspec.Struct, frozen=True, kw_only=True):
    """What an interpreter said of itself."""

    executable: str
    """Absolute path, by its own account."""
    version: tuple[int, int, int]
    has_module: bool
    module_version: str | None = None

    @property
    def version_text(self) -> str:
        """Such as `3.12.1`."""
        return ".".join(map(str, self.version))


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a subprocess gave back: exit status and the beginning of its output."""

    status: int
    stdout: str
    stderr: str


def ask(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = TIMEOUT) -> Answer:
    """Run a short command and return what it printed.

    Raises:
        Missing: It could not be started.
        DeckError: It took longer than `timeout` seconds; it is killed then, with its children.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except OSError as error:
            raise Missing(f"can't run {argv[0]}: {error.strerror}", "make that environment anew") from error
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise DeckError(
                f"{argv[0]} gave no answer within {timeout:.0f} s", "try the command by hand", code="timeout"
            ) from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        out.seek(0)
        err.seek(0)
        return Answer(
            status=status,
            stdout=out.read(MAX_OUTPUT).decode(errors="replace"),
            stderr=err.read(MAX_OUTPUT).decode(errors="replace"),
        )


def ask_interpreter(
    python: str, module: str, *, cwd: Path, env: Mapping[str, str], timeout: float = TIMEOUT
) -> Interpreter:
    """Ask a Python for its version and whether it finds a module. Imports nothing of the repository.

    Raises:
        Missing: It can't be started or is no Python.
        DeckError: It gave no answer in time.
    """
    answer = ask([python, "-c", _QUESTION, module], cwd=cwd, env=env, timeout=timeout)
    lines = [line for line in answer.stdout.splitlines() if line.startswith("devdeck-probe ")]
    try:
        version, executable, found, module_version = json.loads(lines[-1].partition(" ")[2])
        return Interpreter(
            executable=executable if executable and os.path.isabs(executable) else python,
            version=(int(version[0]), int(version[1]), int(version[2])),
            has_module=bool(found),
            module_version=module_version,
        )
    except (IndexError, ValueError, TypeError):
        last = (answer.stderr.strip().splitlines() or [f"exit {answer.status}"])[-1]
        raise Missing(f"{python} does not work as a Python: {last[:300]}", "make that environment anew") from None
