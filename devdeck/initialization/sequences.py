"""Commands of a configuration as a sequence of jobs: prepared, started, waited for."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from devdeck.boundary import translated
from devdeck.errors import DeckError
from devdeck.initialization.repo_config import Command, words
from devdeck.jobs import lifecycle
from devdeck.jobs.files import write_record
from devdeck.jobs.sequence import Item, Plan, driver_argv
from devdeck.jobs.shell import shell_argv
from devdeck.journal import Journal
from devdeck.model import Job, JobKind, Member, Session
from devdeck.transactions import Site

if TYPE_CHECKING:
    from devdeck.model import Terminal

PLAN = "sequence.json"
_LOOK = 0.05


class Part(msgspec.Struct, frozen=True):
    """The commands for one worktree of a session."""

    place: Member
    commands: tuple[Command, ...]
    digest: str
    """Of the configuration that they are from."""


def variables(session: Session, place: Member) -> dict[str, str]:
    """What a command is told about where it runs."""
    return {
        "DEVDECK_SESSION": session.id,
        "DEVDECK_LABEL": session.label,
        "DEVDECK_WORKTREE": place.worktree,
        "DEVDECK_REPOSITORY": place.repository_path,
    }


def argv(command: Command) -> tuple[str, ...]:
    """What runs: a list as it is, a line by the user's shell."""
    return shell_argv(command.run) if isinstance(command.run, str) else command.run


def start(
    site: Site, session: Session, kind: JobKind, parts: Sequence[Part], *, timeout: float | None = None
) -> tuple[Job, ...]:
    """Start the commands of all parts as one sequence of jobs, in one window of the session's terminal.

    Nobody needs to wait for them. A teardown needs no terminal: without one it runs in the background.

    Args:
        site: What to work with.
        session: Whose commands they are.
        kind: `INIT` or `TEARDOWN`.
        parts: What to run, in this order.
        timeout: Seconds for a command that does not give them; any time when `None`.

    Returns:
        The jobs, in order; empty when there are no commands.

    Raises:
        DeckError: They can't be started; nothing is left of them.
    """
    jobs: list[Job] = []
    items: list[Item] = []
    try:
        for part in parts:
            for command in part.commands:
                job = _prepare(site, session, kind, part.place, command)
                jobs.append(job)
                items.append(_item(job, part.place, command, timeout))
        if not jobs:
            return ()
        jobs = [msgspec.structs.replace(job, batch=jobs[0].id) for job in jobs]
        plan = Plan(items=tuple(items), digests=tuple(part.digest for part in parts if part.commands))
        path = Path(jobs[0].directory) / PLAN
        _write(path, plan)
        for job in jobs:
            site.store.save_job(job)
        detail = "; ".join(words(command) for part in parts for command in part.commands)[:500]
        with Journal(site.store).change(str(kind), session, detail):
            window = _open(site, session, kind, path, jobs[0].id)
    except BaseException:
        site.store.forget_jobs(tuple(job.id for job in jobs))
        for job in jobs:
            shutil.rmtree(job.directory, ignore_errors=True)
        raise
    if window is not None:
        jobs = [msgspec.structs.replace(job, window_id=window[0], pane_id=window[1]) for job in jobs]
        for job in jobs:
            site.store.save_job(job)
    site.work.prune(session)
    return tuple(jobs)


def _prepare(site: Site, session: Session, kind: JobKind, place: Member, command: Command) -> Job:
    line = command.run if isinstance(command.run, str) else " ".join(command.run)
    title = command.name or line.strip()
    return lifecycle.prepare(
        site.paths.jobs,
        session_id=session.id,
        kind=kind,
        argv=argv(command),
        cwd=place.worktree,
        env=_environment(session, place, command),
        title=f"{place.repository}: {title}" if session.members else title,
    )


def _environment(session: Session, place: Member, command: Command) -> Mapping[str, str]:
    return {**{name: str(value) for name, value in command.env.items()}, **variables(session, place)}


def _item(job: Job, place: Member, command: Command, timeout: float | None) -> Item:
    return Item(
        directory=job.directory,
        worktree=place.worktree,
        folder=command.directory,
        group=command.group,
        timeout=command.timeout or timeout,
        when=command.when,
    )


def _write(path: Path, plan: Plan) -> None:
    try:
        write_record(path, msgspec.to_builtins(plan))
    except OSError as error:
        raise DeckError(f"can't write {path}: {error.strerror}", "is the disk full?") from error


def _open(site: Site, session: Session, kind: JobKind, path: Path, job_id: str) -> tuple[str, str] | None:
    """Start what runs the plan: in a window, or in the background."""
    terminal = site.terminals.of(session) if kind is JobKind.TEARDOWN else site.terminals.ensure(session)
    if terminal is None:
        _start_in_background(path, session.worktree)
        return None
    with translated():
        _close_ended(site, terminal, str(kind))
        return site.terminals.tmux.new_window(
            terminal.id,
            name=str(kind),
            cwd=session.worktree,
            argv=driver_argv(path),
            env={"DEVDECK_SESSION": session.id},
            job_id=job_id,
        )


def _start_in_background(path: Path, folder: str) -> None:
    try:
        process = subprocess.Popen(
            driver_argv(path),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise DeckError(f"the commands can't be started in {folder}: {error.strerror}") from error
    # Somebody has to take note of its end, or it stays in the process table for as long as this process lives.
    threading.Thread(target=process.wait, name="devdeck-sequence", daemon=True).start()


def _close_ended(site: Site, terminal: Terminal, name: str) -> None:
    for pane in terminal.panes:
        if pane.dead and pane.job_id and pane.window_name == name:
            site.terminals.tmux.kill_window(pane.window_id)


def wait(site: Site, jobs: Sequence[Job], timeout: float | None = None) -> tuple[Job, ...]:
    """Wait until jobs have ended.

    Args:
        site: What to work with.
        jobs: Which.
        timeout: Seconds to wait at most; any time when `None`.

    Returns:
        The jobs as they stand then.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    jobs = tuple(site.work.refresh(job) for job in jobs)
    while any(job.running for job in jobs) and (deadline is None or time.monotonic() < deadline):
        time.sleep(_LOOK)
        jobs = tuple(site.work.refresh(job) for job in jobs)
    return tuple(jobs)
