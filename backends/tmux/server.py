"""One tmux server, asked and changed by short-lived tmux processes.

Synchronous, for the command line and for the dashboard's threads. What is read again and again goes through
`backends.tmux.control` instead. Everything is addressed by tmux ids (`$1`, `@1`, `%1`): a name as target would also
match by prefix and pattern, and would be read as a format.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from backends.base import BackendError, TargetGone
from backends.tmux.formats import CLIENTS_FORMAT, panes_format, parse_terminals, session_name, window_name
from backends.tmux.processes import Processes
from backends.tmux.records import Terminal
from backends.tmux.screen import clean_lines

_TYPED_LIMIT = 2000  # bytes; tmux takes 16 KiB for a whole command line, longer text goes through a buffer


class TmuxServer(Processes):
    """A tmux server, running or not: its sessions, windows and panes. Made with the arguments of `Processes`."""

    @classmethod
    def from_environment(cls) -> TmuxServer:
        """The server that `DEVDECK_TMUX_SOCKET` names, else the user's own."""
        return cls(os.environ.get("DEVDECK_TMUX_SOCKET") or None)

    # -- reading

    def terminals(self, *, detail: bool = True) -> tuple[Terminal, ...]:
        """All sessions of the server with their panes, by one tmux process.

        Args:
            detail: False leaves `Pane.command` and `Pane.path` empty, which halves the cost.

        Returns:
            In tmux's order; empty when no server runs. A window linked to several sessions is in each of them.

        Raises:
            BackendError: tmux refused; also `ToolMissing`, `BackendTimeout`.
        """
        return self._terminals(["-a"], detail=detail)

    def _terminals(self, of: Sequence[str], *, detail: bool = True) -> tuple[Terminal, ...]:
        try:
            output = self.run(
                ["list-panes", *of, "-F", panes_format(detail=detail)], ["list-clients", "-F", CLIENTS_FORMAT]
            )
        except TargetGone:
            return ()
        return parse_terminals(output.split(b"\n"))

    def marked(self, devdeck_id: str) -> Terminal | None:
        """The session that carries a mark (the option `@devdeck_id`); the first of several, `None` when none does.

        Costs tmux the same however many other sessions there are: what is in their panes is not looked at.

        Raises:
            BackendError: tmux refused; also `ToolMissing`, `BackendTimeout`.
        """
        try:
            lines = self.run(["list-sessions", "-F", "#{session_id} #{@devdeck_id}"]).decode(errors="replace")
        except TargetGone:
            return None
        marks = (line.partition(" ") for line in lines.splitlines())
        found = (self._found(session_id) for session_id, _, mark in marks if mark == devdeck_id)
        # Looked at again: what somebody else writes into an option may imitate a line of this list.
        return next((each for each in found if each is not None and each.devdeck_id == devdeck_id), None)

    def _found(self, session_id: str) -> Terminal | None:
        listed = self._terminals(["-s", "-t", session_id])
        return next((terminal for terminal in listed if terminal.id == session_id), None)

    def capture(self, pane_id: str, *, escapes: bool = True) -> tuple[str, ...]:
        """What the pane shows now.

        Args:
            pane_id: Such as `%3`.
            escapes: Whether to keep colours and attributes, as SGR sequences.

        Returns:
            One string a row of the pane, top first, without trailing spaces; each can be drawn on its own.
            No escape sequence but SGR and no control character but tab is in it.

        Raises:
            TargetGone: There is no such pane.
        """
        output = self.run(["capture-pane", "-p", "-e", "-t", pane_id])
        return clean_lines(output.removesuffix(b"\n").split(b"\n"), colours=escapes)

    # -- making

    def new_session(
        self,
        *,
        name: str,
        cwd: str | os.PathLike[str],
        devdeck_id: str,
        env: Mapping[str, str] | None = None,
        width: int | None = None,
        height: int | None = None,
    ) -> Terminal:
        """Make a detached session with the user's shell in it, and mark it with `@devdeck_id`.

        Starts the server when none runs. The session never exists without its mark.

        Args:
            name: Wanted name. tmux can't keep all characters, and a name that is taken gets `-2`, `-3`, … appended.
            cwd: Directory to start in.
            devdeck_id: Value of the session option `@devdeck_id`.
            env: Variables for the session, beside the server's own.
            width: Columns until a client attaches; tmux's `default-size` when not given.
            height: Rows, likewise.

        Raises:
            BackendError: `cwd` is no directory, or tmux refused; also `ToolMissing`, `BackendTimeout`.
        """
        self.version()
        from backends.tmux import making

        base = session_name(name)
        for number in range(1, 100):
            wanted = base if number == 1 else f"{base}-{number}"
            made = making.new_session(self, wanted, _directory(cwd), devdeck_id, env or {}, width, height)
            if made is not None:
                return self._terminal(made)
        raise BackendError(f"There are a hundred tmux sessions named like {base} already", "Choose another label.")

    def _terminal(self, session_id: str) -> Terminal:
        found = self._found(session_id)
        if found is None:
            raise TargetGone(f"The tmux session {session_id} ended as soon as it was made", "Does its shell start?")
        return found

    def new_window(
        self,
        session_id: str,
        *,
        name: str,
        cwd: str | os.PathLike[str],
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        job_id: str = "",
    ) -> tuple[str, str]:
        """Run a command in a new window of a session, without a shell, in the background.

        The window stays when the command ends (`remain-on-exit`), keeps its name, and has the option `@devdeck_job`.
        All of that is set in the same turn of the server that makes the window, before an end can be noticed.

        Args:
            session_id: Such as `$1`.
            name: Window name, for display.
            cwd: Directory to run in.
            argv: Command and arguments, as `execvp` takes them.
            env: Variables for the command, beside the session's.
            job_id: Value of `@devdeck_job`; not set when empty.

        Returns:
            Window id and pane id.

        Raises:
            TargetGone: There is no such session.
            BackendError: `cwd` is no directory, or tmux refused.
        """
        if not argv:
            raise BackendError("There is no command to run in the tmux window")
        # The window is not current and its id not known yet, so it is found by a name that nothing else has.
        unique = f"devdeck-{uuid.uuid4().hex}"
        target = f"{session_id}:={unique}"
        variables = [word for key, value in (env or {}).items() for word in ("-e", f"{key}={value}")]
        options = {"remain-on-exit": "on", "automatic-rename": "off", "allow-rename": "off"}
        if job_id:
            options["@devdeck_job"] = job_id
        making = ["new-window", "-d", "-P", "-F", "#{window_id} #{pane_id}"]
        output = self.run(
            [*making, "-n", unique, "-t", f"{session_id}:", *variables, "--", *_executed(argv)],
            *(["set-option", "-w", "-t", target, key, value] for key, value in options.items()),
            ["rename-window", "-t", target, "--", window_name(name)],
            cwd=_directory(cwd),
        )
        made = re.search(r"^(@\d+) (%\d+)$", output.decode(errors="replace"), re.MULTILINE)
        if made is None:
            raise BackendError(f"tmux did not say which window it made in {session_id}")
        return made[1], made[2]

    # -- changing

    def kill_session(self, session_id: str) -> None:
        """End a session and what runs in it. One that is gone already is fine."""
        self._run_gone_is_fine(["kill-session", "-t", session_id])

    def kill_window(self, window_id: str) -> None:
        """End a window and what runs in it; a session ends with its last window. One that is gone already is fine."""
        self._run_gone_is_fine(["kill-window", "-t", window_id])

    def rename_session(self, session_id: str, name: str) -> str:
        """Give a session another name.

        Returns:
            The name it has now; characters that tmux can't keep are replaced by `_`.

        Raises:
            TargetGone: There is no such session.
            BackendError: Another session has that name.
        """
        name = session_name(name)
        self.run(["rename-session", "-t", session_id, "--", name])
        return name

    def mark(self, session_id: str, devdeck_id: str, env: Mapping[str, str | None] | None = None) -> None:
        """Say whose a session is, and set variables of its environment, which processes started later get.

        Args:
            session_id: Such as `$1`.
            devdeck_id: Value of the session option `@devdeck_id`; empty takes the option away.
            env: Variables to set; `None` for a value takes the variable away.

        Raises:
            TargetGone: There is no such session.
        """
        option = ["set-option", "-t", session_id, "@devdeck_id", devdeck_id]
        commands = [option if devdeck_id else ["set-option", "-u", "-t", session_id, "@devdeck_id"]]
        for name, value in (env or {}).items():
            words = ["set-environment", "-t", session_id, name, value or ""]
            commands.append(words if value is not None else ["set-environment", "-u", "-t", session_id, name])
        self.run(*commands)

    def send_text(self, pane_id: str, text: str, *, enter: bool = True) -> None:
        """Type text into a pane, as it is: no key names, no formats.

        Several lines, and long text, are pasted (bracketed, when the program in the pane asked for that). A pane in
        copy mode leaves it first, because copy mode would take the text for commands.

        Args:
            pane_id: Such as `%3`.
            text: Anything without NUL, undecodable bytes as surrogates (PEP 383).
            enter: Whether to press Enter afterwards.

        Raises:
            TargetGone: There is no such pane, or what ran in it has ended.
        """
        try:
            data = os.fsencode(text)
        except UnicodeEncodeError:
            raise BackendError("Half of a character can't be typed into a terminal") from None
        if b"\0" in data:
            raise BackendError("A NUL character can't be typed into a terminal")
        probe = ["list-panes", "-t", pane_id, "-f", f"#{{==:#{{pane_id}},{pane_id}}}", "-F", "#{pane_dead}"]
        commands = [probe, ["copy-mode", "-q", "-t", pane_id]]
        pasted = b"\n" in data or b"\r" in data or len(data) > _TYPED_LIMIT
        buffer = f"devdeck-{uuid.uuid4().hex}"
        if pasted:
            commands += [
                ["load-buffer", "-b", buffer, "-"],
                ["paste-buffer", "-d", "-p", "-b", buffer, "-t", pane_id],
            ]
        elif data:
            commands.append(["send-keys", "-t", pane_id, "-l", "--", text])
        if enter:
            commands.append(["send-keys", "-t", pane_id, "Enter"])
        try:
            output = self.run(*commands, stdin=data if pasted else None)
        except TargetGone:
            if pasted:
                self._run_gone_is_fine(["delete-buffer", "-b", buffer], also="unknown buffer")
            raise
        if b"1" in output.splitlines():
            raise TargetGone(f"What ran in the tmux pane {pane_id} has ended", "Open the session to see it.")

    # -- handing the terminal over

    def inside(self) -> bool:
        """Whether this process runs in a pane of this very server, so that `switch_client` works."""
        if not self._client_of:
            return False
        try:
            return os.path.samefile(self._client_of, self.socket_path)
        except OSError:
            return False

    def attach_argv(self, session_id: str) -> list[str]:
        """The command that shows a session in the terminal at hand until the user detaches.

        Works in a pane of another server too, where tmux would refuse to nest while `TMUX` is set.
        """
        base = [word for word in self.base_argv() if word != "-u"]
        return ["env", "-u", "TMUX", "-u", "TMUX_PANE", *base, "attach-session", "-t", session_id]

    def switch_client(self, session_id: str) -> None:
        """Show another session in the tmux client that shows this process.

        When several clients show it, the one used last is switched.

        Raises:
            TargetGone: There is no such session.
            BackendError: This process is not inside this server, or no client shows it.
        """
        if not self.inside():
            raise BackendError("This is not running inside that tmux server", "Attach to the session instead.")
        lines = self.run(
            ["list-panes", "-a", "-f", f"#{{==:#{{pane_id}},{self._pane}}}", "-F", "p #{session_id}"],
            ["list-clients", "-F", "c #{?client_control_mode,1,0} #{session_id} #{client_activity} #{client_name}"],
        ).decode(errors="surrogateescape")
        showing = {line[2:] for line in lines.splitlines() if line.startswith("p ")}
        clients = [line.split(" ", 4)[1:] for line in lines.splitlines() if line.startswith("c 0 ")]
        candidates = [(int(active or 0), name) for _, session, active, name in clients if session in showing]
        if not candidates:
            raise BackendError("No tmux client shows this pane", "Attach to the session from a terminal.")
        self.run(["switch-client", "-c", max(candidates)[1], "-t", session_id])

    def _run_gone_is_fine(self, command: Sequence[str], *, also: str = "") -> None:
        try:
            self.run(command)
        except TargetGone:
            return
        except BackendError as error:
            if not also or also not in error.message:
                raise


def _executed(argv: Sequence[str]) -> list[str]:
    # tmux gives a command of a single word to the user's shell to interpret; this one only executes it.
    return list(argv) if len(argv) > 1 else ["/bin/sh", "-c", 'exec "$0"', argv[0]]


def _directory(path: str | os.PathLike[str]) -> str:
    text = os.path.abspath(path)  # not resolved: a symbolic link stays as the user knows it
    if not Path(text).is_dir():
        raise BackendError(f"{text} is not a directory", "Was the worktree moved or removed?")
    return text
