"""Waiting for a command that was typed into a user's own shell: its exit status and what it printed.

The shell is made to read the command from a file, between two marks that tmux swallows (OSC sequences of a number that
nobody uses). So the command can be anything the shell reads: several lines, a comment or `&` at its end, an unclosed
quote, something that reads the keyboard. What is typed is one short line, which the first mark replaces on the screen
by the command. The end is told by a file that the shell writes; what was printed comes through a pipe of the pane.

An interrupt makes a shell forget all of that line, the end too. That the shell is back at its prompt is then seen from
outside: a line editor has the terminal again, or the row of the cursor shows the prompt that it showed before.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import BackendError, TargetGone
from backends.tmux import panes
from backends.tmux.panes import PaneState
from devdeck.errors import DeckError, NotFound, Refused, UsageError
from devdeck.live import Delivery
from devdeck.model import Session
from devdeck.terminal import foreground, sending
from devdeck.text import one_line, terminal_safe

if TYPE_CHECKING:
    from backends.tmux.server import TmuxServer

OUTPUT_KEPT = 1 << 20
"""Bytes of what a command printed that are kept, the last ones."""

_LOOK = 0.05  # seconds between two looks at the files
_PROMPT_LOOK = 0.4  # seconds between two looks for the prompt
_LAST_BYTES = 5.0  # seconds that the last output may take through tmux and the pipe, once the command has ended
_KEPT_FOR = 86400.0  # seconds after which the folder of a command that nobody waits for any more goes


def run(
    tmux: TmuxServer,
    session: Session,
    pane_id: str,
    state: PaneState,
    holder: foreground.Holder,
    text: str,
    wait: float,
    given_up: threading.Event | None = None,
) -> Delivery:
    """Have the shell of a pane run a command, and wait for its end.

    Args:
        tmux: Where.
        session: Whose pane it is.
        pane_id: The pane.
        state: As it is now.
        holder: The shell that has it.
        text: The command, any number of lines.
        wait: Seconds. When they are over, the command goes on.
        given_up: Set by another thread to wait no longer.

    Returns:
        With the exit status, or with an `error` when that is not known: the time was over, the command was interrupted,
        the shell ended.

    Raises:
        Refused: No shell has the pane.
        UsageError: The shell can't read the command.
        DeckError: It is a shell that devdeck can't wait for, or tmux refused.
    """
    if not holder.shell:
        raise Refused(
            f"{session.label!r} is not at a shell: {holder.name} runs there", "only a shell's command can be waited for"
        )
    if holder.shell not in foreground.SH_FAMILY and holder.shell != "fish":
        raise DeckError(
            f"can't wait for a command of {holder.shell} in {session.label!r}",
            "send it without --wait, or use `devdeck run --wait`",
            code="unsupported",
        )
    _prune()
    folder = Path(tempfile.mkdtemp(prefix="devdeck-send-"))
    waiter = _Waiter(tmux, session, pane_id, state, holder, folder)
    try:
        waiter.prepare(text)
        return waiter.wait(wait, given_up or threading.Event())
    finally:
        if waiter.goes_on:
            (folder / "left").touch()  # the shell still needs it, and removes it in the end
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _prune() -> None:
    """Remove the folders of commands that were not waited for to their end."""
    for folder in Path(tempfile.gettempdir()).glob("devdeck-send-*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            if status.st_uid == os.getuid() and time.time() - status.st_mtime > _KEPT_FOR:
                shutil.rmtree(folder, ignore_errors=True)


class _Waiter:
    def __init__(
        self,
        tmux: TmuxServer,
        session: Session,
        pane_id: str,
        state: PaneState,
        holder: foreground.Holder,
        folder: Path,
    ) -> None:
        self._tmux = tmux
        self._session = session
        self._pane = pane_id
        self._state = state
        self._holder = holder
        self._folder = folder
        reading = " eval (string collect <{})" if holder.shell == "fish" else " . {}"
        self._line = reading.format(shlex.quote(str(folder / "run")))
        mark = f"\x1b]7373;devdeck;{secrets.token_hex(8)};"
        self._begin, self._end = f"{mark}begin\x07", f"{mark}end\x07"
        self._prompt = ""
        self._output = bytearray()
        self._lost = 0
        self._pipe_ended = False
        self.goes_on = False
        """Whether the shell has been told to run the command, and its end was not seen."""

    # Before

    def prepare(self, text: str) -> None:
        """Write the files that the shell will read.

        Raises:
            UsageError: The shell can't read the command.
        """
        (self._folder / "command").write_bytes(os.fsencode(text) + b"\n")
        self._check_syntax()
        script = _fish if self._holder.shell == "fish" else _sh
        shown = self._shown(text)
        run = script(self._folder, shown + self._begin, self._end, text)
        (self._folder / "run").write_bytes(os.fsencode(run))

    def _check_syntax(self) -> None:
        """Shells that give up the whole line when a file can't be parsed would never come to its end."""
        if self._holder.shell in ("bash", "zsh", "fish"):
            return
        shell = f"/proc/{self._holder.pid}/exe"
        if not os.access(shell, os.X_OK):
            return
        try:
            done = subprocess.run(
                [os.path.realpath(shell), "-n", str(self._folder / "command")],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=5,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return
        if done.returncode != 0:
            said = one_line(done.stderr.decode(errors="replace").strip().rpartition(": ")[2])
            raise UsageError(f"{self._holder.shell} can't read that command: {said or 'a syntax error'}")

    def _shown(self, text: str) -> str:
        """What replaces the typed line by the command, as the user would have typed it."""
        with sending.terminal_of(self._state) as terminal:
            at_prompt = sending.reads_keys(terminal)
        column, row, _ = self._state.cursor
        with contextlib.suppress(BackendError):
            self._prompt = panes.row_of(self._tmux, self._pane, row)[:column].ljust(column)
        if not (at_prompt or self._prompt.strip()) or not self._line.isascii() or len(self._prompt) != column:
            return ""
        if (column + len(self._line)) % self._state.width == 0:
            self._line += " "  # else shells differ in whether the cursor is on the next row
        rows = (column + len(self._line)) // self._state.width + 1
        first, *more = [one_line(line) for line in text.split("\n")]
        lines = [self._prompt + first, *("> " + line for line in more)]
        return f"\x1b[{rows}A\r\x1b[J" + "".join(f"{line}\r\n" for line in lines)

    # During

    def wait(self, seconds: float, given_up: threading.Event) -> Delivery:
        """Type the line and wait for the end of the command."""
        deadline = time.monotonic() + seconds
        with self._pipe() as pipe, sending.terminal_of(self._state) as terminal:
            try:
                self.goes_on = True
                self._tmux.send_text(self._pane, self._line)
            except TargetGone as error:
                self.goes_on = False
                raise NotFound(f"what ran in the pane of {self._session.label!r} has ended") from error
            next_look, seen_back = time.monotonic() + _PROMPT_LOOK, False
            while True:
                self._read(pipe, _LOOK)
                status = self._status()
                if status is not None:
                    self._drain(pipe)
                    # Who types the next line at once is to find the shell there, not the end of what we typed.
                    foreground.wait_for_shell(self._state.pid, self._state.command, sending.TAKEN_WITHIN)
                    self.goes_on = False
                    return self._delivery(pipe, status)
                now = time.monotonic()
                if now > deadline or given_up.is_set():
                    return self._late(pipe, seconds)
                if now < next_look:
                    continue
                next_look = now + _PROMPT_LOOK
                ended = self._has_ended(terminal)
                if ended and (seen_back or "shell" in ended) and self._status() is None:
                    self._read(pipe, 0)
                    self.goes_on = False
                    return self._delivery(pipe, None, f"{ended}: its exit status is unknown", "interrupted")
                seen_back = bool(ended)

    def _late(self, pipe: int | None, seconds: float) -> Delivery:
        if (self._folder / "begun").exists():
            return self._delivery(pipe, None, f"still running after {seconds:g} s", "timeout")
        return self._delivery(pipe, None, f"sent, but the shell has not taken it in {seconds:g} s", "timeout")

    def _delivery(self, pipe: int | None, status: int | None, error: str = "", code: str = "") -> Delivery:
        hint = ""
        if pipe is None:
            hint = "its output was not captured: the pane has a pipe of the user's own (`tmux pipe-pane`)"
        elif code == "timeout":
            hint = "it goes on; `--wait=SECONDS` waits longer"
        return Delivery(
            session_id=self._session.id,
            label=self._session.label,
            sent=True,
            confirmed=(self._folder / "begun").exists(),
            error=error,
            hint=hint,
            code=code,
            exit_status=status,
            output=self._text(),
        )

    def _status(self) -> int | None:
        try:
            text = (self._folder / "status").read_text()
        except OSError:
            return None
        return int(text) if text.endswith("\n") and text.strip().isdigit() else None

    def _has_ended(self, terminal: int | None) -> str:
        """Why the end can't come any more, in words; empty as long as it can."""
        try:
            state = panes.pane_state(self._tmux, self._pane)
        except TargetGone:
            return "the shell ended"
        if state.dead:
            return "the shell ended"
        if not (self._folder / "begun").exists():
            return ""
        now = foreground.holder(state.pid, state.command)
        if now.pid != self._holder.pid:
            return ""
        if sending.reads_keys(terminal):
            return "the command was interrupted"
        column, row, _ = state.cursor
        if not self._prompt.strip() or column != len(self._prompt):
            return ""
        with contextlib.suppress(BackendError):
            if panes.row_of(self._tmux, self._pane, row)[:column].ljust(column) == self._prompt:
                return "the command was interrupted"
        return ""

    # What it prints

    @contextlib.contextmanager
    def _pipe(self) -> Iterator[int | None]:
        """What the pane prints, as bytes to be read; `None` when the user has a pipe of his own there."""
        if self._state.piped:
            yield None
            return
        fifo = self._folder / "pipe"
        os.mkfifo(fifo, 0o600)
        descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            # A writer of our own until the reader of tmux has opened it: without one there would be an end of file.
            writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                panes.open_pipe(self._tmux, self._pane, f"{{ printf R; exec cat; }} >{shlex.quote(str(fifo))}")
                self._await_reader(descriptor)
            finally:
                os.close(writer)
            yield descriptor
        finally:
            # Who piped the pane meanwhile ended ours, and has it: then there was an end of file.
            if not self._pipe_ended:
                panes.close_pipe(self._tmux, self._pane)
            os.close(descriptor)

    def _await_reader(self, descriptor: int) -> None:
        deadline = time.monotonic() + 5.0
        while time.monotonic() < deadline:
            if select.select([descriptor], [], [], 0.05)[0] and os.read(descriptor, 1) == b"R":
                return
        raise DeckError(f"tmux did not pipe the output of {self._session.label!r}", code="backend")

    def _read(self, pipe: int | None, timeout: float) -> bool:
        """Take what there is, or wait for something until the time-out; tells whether there was something."""
        if pipe is None or self._pipe_ended:
            time.sleep(timeout)
            return False
        if not select.select([pipe], [], [], timeout)[0]:
            return False
        data = os.read(pipe, 1 << 16)
        if not data:
            self._pipe_ended = True  # somebody else pipes the pane now, or it ended
            return False
        self._output += data
        if len(self._output) > 2 * OUTPUT_KEPT:
            self._lost += len(self._output) - OUTPUT_KEPT
            # The first mark must stay, else nothing would tell where the output begins.
            begin = self._begin.encode()
            del self._output[:-OUTPUT_KEPT]
            self._output[:0] = begin
        return True

    def _drain(self, pipe: int | None) -> None:
        deadline = time.monotonic() + _LAST_BYTES
        end = self._end.encode()
        while pipe is not None and end not in self._output[-4096 - len(end) :] and time.monotonic() < deadline:
            if not self._read(pipe, 0.05) and self._pipe_ended:
                return

    def _text(self) -> str:
        _, _, rest = bytes(self._output).partition(self._begin.encode())
        output = rest.partition(self._end.encode())[0].removesuffix(b"\n").removesuffix(b"\r")
        lines = [terminal_safe(line, colours=False) for line in output.split(b"\n")] if output else []
        if self._lost:
            lines[:1] = [f"… {self._lost} bytes before this were not kept"]
        return "".join(line + "\n" for line in lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _sh(folder: Path, begin: str, end: str, text: str) -> str:
    """What a shell of the Bourne family reads. Leaves no variable behind, and the command's status in `$?`."""
    begun, status, command, left = (_quoted(str(folder / name)) for name in ("begun", "status", "command", "left"))
    return f"""{{ : >{begun}; }} 2>/dev/null
command printf '%s' {_quoted(begin)}
if [ -n "${{BASH_VERSION-}}" ]; then history -s -- {_quoted(text)}
elif [ -n "${{ZSH_VERSION-}}" ]; then print -sr -- {_quoted(text)}; fi
. {command}
devdeck_status=$?
{{ command printf '%s\\n' "$devdeck_status" >{status}; }} 2>/dev/null
command printf '%s' {_quoted(end)}
if [ -e {left} ]; then command rm -rf {_quoted(str(folder))}; fi
eval "unset devdeck_status; return $devdeck_status"
"""


def _fish(folder: Path, begin: str, end: str, text: str) -> str:
    """What fish reads; it keeps no history of a line that begins with a space."""
    quoted = {
        key: "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        for key, value in {
            "begun": str(folder / "begun"),
            "status": str(folder / "status"),
            "command": str(folder / "command"),
            "left": str(folder / "left"),
            "folder": str(folder),
            "begin": begin,
            "end": end,
        }.items()
    }
    # Not `source`: what it runs has no process group of its own, so that nobody could tell that something runs.
    return f"""true >{quoted["begun"]} 2>/dev/null
printf '%s' {quoted["begin"]}
eval (string collect <{quoted["command"]})
set -l devdeck_status $status
printf '%s\\n' $devdeck_status >{quoted["status"]} 2>/dev/null
printf '%s' {quoted["end"]}
test -e {quoted["left"]}; and command rm -rf {quoted["folder"]}
command sh -c "exit $devdeck_status"
"""
