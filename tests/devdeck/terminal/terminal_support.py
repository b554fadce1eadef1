"""Sessions with real worktrees and real terminals, made without the verbs that make them."""

from __future__ import annotations

import shlex
import threading
import time
import uuid
from pathlib import Path

import pytest

from devdeck.deck import Deck
from devdeck.labels import folder_name
from devdeck.model import Member, Session, SessionKind, Terminal
from devdeck.terminal import foreground, waiting
from tests.git_support import run_git
from tests.support import Clock, until
from tests.tmux_support import tmux


def made(deck: Deck, repository: Path, label: str, *, terminal: bool = True) -> Session:
    """A session of the deck: a branch, a worktree, a record, and its tmux session."""
    worktree = deck.paths.worktrees / folder_name(label)
    run_git(repository, "worktree", "add", "-q", "-b", label, str(worktree))
    session = Session(
        id=uuid.uuid4().hex,
        label=label,
        repository=repository.name,
        repository_path=str(repository),
        worktree=str(worktree),
        branch=label,
        managed_branch=True,
        created_at=time.time(),
    )
    deck.store.save_session(session)
    if terminal:
        deck.terminals.make(session)
    return session


def made_workspace(deck: Deck, label: str, *repositories: Path, terminal: bool = True) -> Session:
    """A workspace over repositories that lie in one folder."""
    folder = deck.paths.data / "workspaces" / label
    members = []
    for repository in repositories:
        worktree = folder / repository.name
        worktree.parent.mkdir(parents=True, exist_ok=True)
        run_git(repository, "worktree", "add", "-q", "-b", label, str(worktree))
        members.append(
            Member(
                repository=repository.name,
                repository_path=str(repository),
                worktree=str(worktree),
                branch=label,
                managed_branch=True,
            )
        )
    session = Session(
        id=uuid.uuid4().hex,
        label=label,
        kind=SessionKind.WORKSPACE,
        repository=repositories[0].parent.name,
        repository_path=str(repositories[0].parent),
        worktree=str(folder),
        created_at=time.time(),
        members=tuple(members),
    )
    deck.store.save_session(session)
    if terminal:
        deck.terminals.make(session)
    return session


def terminal_of(deck: Deck, session: Session) -> Terminal:
    """The session's terminal, which it must have."""
    terminal = deck.terminals.of(session)
    assert terminal is not None
    return terminal


def shown(deck: Deck, pane_id: str) -> str:
    """What a pane shows, without the empty rows."""
    return "\n".join(line for line in deck.terminals.tmux.capture(pane_id, escapes=False) if line)


def at_prompt(deck: Deck, pane_id: str) -> None:
    """Wait until the shell of a pane waits for a line."""

    def waits() -> bool:
        rows = shown(deck, pane_id).splitlines()
        # What was typed before the shell came is echoed above its first prompt, and two prompts stand in one row.
        return bool(rows) and set(rows[-1].split()) in ({"$"}, {">"})

    until(waits)


def in_pane(deck: Deck, pane_id: str, line: str) -> None:
    """Type a line as the user would, without devdeck's checks."""
    deck.terminals.tmux.send_text(pane_id, line)


def started_in_pane(deck: Deck, pane_id: str, folder: Path, line: str) -> None:
    """Type a line that begins with something that lasts, and wait until it has begun."""
    mark = folder / f"begun-{uuid.uuid4().hex}"
    in_pane(deck, pane_id, f": >{shlex.quote(str(mark))}; {line}")
    until(mark.exists)


def wait_for_shell(deck: Deck, session: Session) -> None:
    """Wait until nothing runs in the first pane of a session but its shell."""
    until(lambda: foreground.holder(terminal_of(deck, session).panes[0].pid, "").shell)


def settled(deck: Deck) -> None:
    """Wait until every shell is at its prompt, and tmux has named the windows that are called after what runs there."""
    for terminal in deck.terminals.all():
        for pane in terminal.panes:
            if not pane.job_id:
                at_prompt(deck, pane.id)
    terms = "#{automatic-rename} #{pane_active} #{pane_current_command} #{window_name}"

    def are_named() -> bool:
        rows = [line.split(" ", 3) for line in tmux(deck.terminals.tmux, "list-panes", "-a", "-F", terms).splitlines()]
        return all(name == command for automatic, active, command, name in rows if automatic == active == "1")

    until(are_named)


def time_is_over_when_printed(monkeypatch: pytest.MonkeyPatch, output: bytes) -> None:
    """Who waits for a command has waited long enough as soon as it has printed this, and not before."""
    printed = threading.Event()
    real = waiting._Waiter._read

    def read(waiter: waiting._Waiter, pipe: int | None, timeout: float) -> bool:
        came = real(waiter, pipe, timeout)
        if output in waiter._output:
            printed.set()
        return came

    monkeypatch.setattr(waiting._Waiter, "_read", read)
    monkeypatch.setattr(waiting, "time", Clock(printed.is_set))
