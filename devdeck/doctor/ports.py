"""Which processes of sessions listen on which TCP ports, from /proc (proc_net(5), proc_pid_fd(5))."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from devdeck.deck import Deck
from devdeck.doctor.findings import Finding

_LISTEN = "0A"
_MOST_SOCKETS = 4096
_MOST_PROCESSES = 4096
_MARK = b"DEVDECK_SESSION="


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """A process that listens on a port and was started in a session."""

    port: int
    pid: int
    name: str
    session_id: str


def ports(deck: Deck) -> Iterator[Finding]:
    """Ports that two sessions listen on, and those that processes of removed sessions still hold."""
    made = deck.store.sessions()
    labels = {session.id: session.label for session in made}
    labels |= {member.id: member.label for session in made for member in session.member_sessions()}
    workspaces = {member.id: session.id for session in made for member in session.member_sessions()}
    removed = {it.session_id for it in deck.store.operations(limit=500)} - set(labels)
    by_port: dict[int, list[Listener]] = {}
    for listener in listeners():
        if listener.session_id in labels:
            by_port.setdefault(listener.port, []).append(listener)
        elif listener.session_id in removed:
            yield Finding(
                name="port of a removed session",
                state="warn",
                evidence=f"port {listener.port} is held by {listener.name} (process {listener.pid})",
                fix=f"kill {listener.pid} gives it back",
            )
    for port, holders in sorted(by_port.items()):
        groups = {workspaces.get(holder.session_id, holder.session_id) for holder in holders}
        if len(groups) > 1:
            told = ", ".join(f"{labels[it.session_id]} ({it.name}, process {it.pid})" for it in holders)
            yield Finding(
                name="port conflict",
                state="warn",
                evidence=f"port {port} is listened on by {told}",
                fix="give each session a port of its own: which of them answers is left to chance",
            )


def listeners(proc: Path = Path("/proc")) -> tuple[Listener, ...]:
    """Processes that listen on TCP ports and carry the id of a session in their environment, bounded.

    Only the user's own processes can be looked into; without /proc there are none.
    """
    inodes = _listening(proc)
    if not inodes:
        return ()
    found: dict[tuple[int, int], Listener] = {}
    for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit())[:_MOST_PROCESSES]:
        held = [inodes[inode] for inode in _sockets(proc / str(pid)) if inode in inodes]
        session = _session(proc / str(pid)) if held else ""
        for port in held if session else ():
            name = _name(proc / str(pid))
            found[(port, pid)] = Listener(port=port, pid=pid, name=name, session_id=session)
    return tuple(found.values())


def _listening(proc: Path) -> dict[int, int]:
    """Inode of a listening socket → its port."""
    found: dict[int, int] = {}
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if len(fields) > 9 and fields[3] == _LISTEN and len(found) < _MOST_SOCKETS:
                    found[int(fields[9])] = int(fields[1].rpartition(":")[2], 16)
    return found


def _sockets(process: Path) -> Iterator[int]:
    with suppress(OSError):
        for entry in os.scandir(process / "fd"):
            with suppress(OSError, ValueError):
                target = os.readlink(entry.path)
                if target.startswith("socket:["):
                    yield int(target[8:-1])


def _session(process: Path) -> str:
    with suppress(OSError):
        for entry in (process / "environ").read_bytes().split(b"\0"):
            if entry.startswith(_MARK):
                return entry.removeprefix(_MARK).decode("utf-8", "replace")
    return ""


def _name(process: Path) -> str:
    with suppress(OSError):
        return (process / "comm").read_text(errors="replace").strip()
    return "?"
