"""What was left half-way, or outlived what it belonged to: in the store, in git, in tmux, in the data folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from devdeck import owner
from devdeck.deck import Deck
from devdeck.doctor.findings import Finding, Problem, problem, roots
from devdeck.errors import DeckError, Missing
from devdeck.git import refs, worktrees
from devdeck.git import repository as repositories
from devdeck.git.process import git
from devdeck.model import Operation, OperationState, Session, Terminal
from devdeck.steps.making import AddWorktree

_OPERATIONS_READ = 500
_GIT_TIMEOUT = 3.0
_CLOCK = 5.0  # seconds by which the times of a journal entry and of git's reflog may differ


def forgotten(deck: Deck) -> Iterator[Problem]:
    """What the notes beside the store have, and it does not."""
    if lacking := deck.store.lacks():
        yield Problem(
            Finding(
                name="store",
                state="warn",
                evidence=f"notes beside the store have what it lacks: {', '.join(lacking)[:500]}",
                fix="devdeck doctor --fix lists again what is still there",
                fixable=True,
            ),
            partial(_recall, deck),
        )


def _recall(deck: Deck) -> str:
    return "; ".join(deck.store.recall(older=False)) or "dropped notes of what is not there any more"


def unfinished(deck: Deck) -> Iterator[Problem]:
    """Changes that were cut off."""
    cut_off = deck.transactions.cut_off()
    for operation in cut_off:
        yield problem(
            "unfinished operation",
            f"{operation.verb} {operation.label} was cut off: {operation.detail}",
            "takes back what it had done, or finishes it",
            partial(_settle, deck, operation),
            state="fail",
        )
    with_steps = {operation.id for operation in cut_off}
    half_made = deck.store.half_made()
    under_way = deck.store.unfinished()  # after those that are being made: none of them is without its change
    for operation, who in under_way:
        if operation.id not in with_steps and not owner.is_alive(who):
            yield problem(
                "unfinished operation",
                f"{operation.verb} {operation.label} was cut off: {operation.detail}",
                "notes that it failed",
                partial(_give_up, deck, operation),
            )
    for session, who in half_made:
        if not owner.is_alive(who) and session.id not in {it.session_id for it, _ in under_way}:
            yield problem(
                "half-made session",
                f"{session.label}: its start was cut off",
                "gives the label back",
                partial(_give_back, deck, session),
                state="fail",
            )


def _settle(deck: Deck, operation: Operation) -> str:
    settled = deck.transactions.settle(operation)
    verb = "finished" if settled.state is OperationState.DONE else "took back"
    return f"{verb} {operation.verb} {operation.label}"


def _give_up(deck: Deck, operation: Operation) -> str:
    deck.store.finish(operation, OperationState.FAILED, f"{operation.detail}; cut off")
    return f"marked {operation.verb} {operation.label} as failed"


def _give_back(deck: Deck, session: Session) -> str:
    deck.store.give_back(session.id)
    return f"gave back the label {session.label}"


def sessions(deck: Deck) -> Iterator[Finding | Problem]:
    """Sessions whose worktree or repository is gone."""
    for session in deck.store.sessions():
        places = session.places
        lost = [place for place in places if not Path(place.worktree).is_dir()]
        homeless = [place for place in places if not Path(place.repository_path).is_dir()]
        if places and len(lost) == len(homeless) == len(places):
            yield problem(
                "dead session",
                f"{session.label}: neither {session.worktree} nor its repository is there any more",
                f"forgets it; should {places[0].repository_path} have moved, move it back",
                partial(_forget, deck, session),
            )
            continue
        for place in homeless:
            yield Finding(
                name="repository gone",
                state="warn",
                evidence=f"{session.label}: {place.repository_path}",
                fix=f"move it back, or devdeck rm {session.label}",
            )
        for place in lost:
            if place not in homeless:
                yield Finding(
                    name="worktree gone",
                    state="warn",
                    evidence=f"{session.label}: {place.worktree}",
                    fix=f"devdeck rm {session.label} forgets it; the branch {place.branch} is still there",
                )


def _forget(deck: Deck, session: Session) -> str:
    with suppress(Missing):
        terminal = deck.terminals.own(session)
        if terminal is not None:
            return f"{session.label} still has the tmux session {terminal.name}, so it is not forgotten"
    deck.store.forget_session(session.id)
    return f"forgot {session.label}"


def stale_worktrees(deck: Deck) -> Iterator[Problem]:
    """Worktrees that git has registered and whose folders are gone, those of sessions apart."""
    ours = {place.worktree for session in deck.store.sessions() for place in session.places}
    for root in roots(deck):
        with suppress(DeckError):
            for worktree in worktrees.list_worktrees(root, timeout=_GIT_TIMEOUT):
                if worktree.prunable is None or worktree.locked is not None or worktree.path in ours:
                    continue
                yield problem(
                    "stale worktree",
                    f"{worktree.path} is registered in {root}: {worktree.prunable}",
                    "makes git forget it, and keeps what only it had staged or committed;"
                    " if its disk is only away, bring that back first",
                    partial(_forget_worktree, root, worktree.path),
                )


def _forget_worktree(root: str, path: str) -> str:
    from devdeck.git import admin as admins
    from devdeck.removal.keeping import keep_objects

    if Path(path).exists():
        return ""
    common = repositories.common_dir(root)
    admin = admins.admin_of(common, path) if common else None
    key = f"doctor-{os.urandom(6).hex()}"
    keep_objects(root, path, admin, None, key, strict=True)
    worktrees.remove_worktree(root, path, force=True)
    kept = git(root, "for-each-ref", "--format=%(refname)", "--", f"refs/devdeck/trash/{key}").text.split()
    return f"made git forget the worktree {path}" + (f"; kept {' '.join(kept)}" if kept else "")


def orphan_branches(deck: Deck) -> Iterator[Finding | Problem]:
    """Branches that devdeck made for sessions that are gone, told from the operation log and the branch's reflog."""
    alive = {session.id for session in deck.store.sessions()} | {it.id for it, _ in deck.store.half_made()}
    alive |= {entry.session.id for entry in deck.store.trash()}
    seen: set[tuple[str, str]] = set()
    for operation in deck.store.operations(limit=_OPERATIONS_READ):
        if operation.session_id in alive or operation.state is not OperationState.DONE:
            continue
        for step in deck.transactions.steps(operation):
            if not isinstance(step, AddWorktree) or not step.create:
                continue
            root, branch = step.repository_path, step.branch
            if (root, branch) in seen or not Path(root).is_dir():
                continue
            seen.add((root, branch))
            with suppress(DeckError):
                if refs.local_branch_exists(root, branch) and _made_by(root, branch, operation):
                    yield from _orphan(deck, root, branch, operation)


def _made_by(root: str, branch: str, operation: Operation) -> bool:
    """Whether a branch began with an operation, by the oldest entry of its reflog: a later one of its name did not."""
    log = git(root, "reflog", "show", "--date=unix", "--format=%gd", "--end-of-options", f"refs/heads/{branch}", "--",
              check=False, timeout=_GIT_TIMEOUT).text.split()  # fmt: skip
    stamp = log[-1].rpartition("@{")[2].rstrip("}") if log else ""
    if not stamp.isdigit():
        return False
    end = operation.ended_at or operation.started_at
    return operation.started_at - _CLOCK <= int(stamp) <= end + _CLOCK


def _orphan(deck: Deck, root: str, branch: str, operation: Operation) -> Iterator[Finding | Problem]:
    if refs.checked_out_at(root, branch):
        return
    commits = refs.unique_commits(root, f"refs/heads/{branch}", excluding_branch=branch)
    evidence = f"{branch} in {root} was made for the session {operation.label}, which is gone"
    if commits:
        yield Finding(
            name="orphan branch",
            state="warn",
            evidence=f"{evidence}; {commits} commits are on no other branch",
            fix=f"devdeck start {branch} -p {root} works on it again; git -C {root} branch -D {branch} deletes it",
        )
        return
    oid = refs.resolve_commit(root, f"refs/heads/{branch}")
    yield problem(
        "orphan branch",
        f"{evidence}; all its commits are on other branches",
        "deletes it",
        partial(_delete, root, branch, oid),
    )


def _delete(root: str, branch: str, oid: str) -> str:
    refs.delete_branch(root, branch, expected_oid=oid)
    return f"deleted the branch {branch} ({oid[:10]}) in {root}"


def orphan_terminals(deck: Deck) -> Iterator[Finding | Problem]:
    """Terminals of this deck that carry the id of a session that is gone."""
    terminals = deck.terminals.all()
    known = {session.id for session in deck.sessions.all(terminals)} | {it.id for it, _ in deck.store.half_made()}
    ours = _places(deck)
    for terminal in terminals:
        if not terminal.devdeck_id or terminal.devdeck_id in known or not _is_below(terminal.path, ours):
            continue  # not marked, known, or of another deck on the same tmux server
        if repositories.worktree_root(terminal.path) is not None:
            continue  # its worktree is there: `unlisted worktrees` settles both
        running = [pane.command for pane in terminal.panes if not pane.dead]
        yield problem(
            "orphan terminal",
            f"the tmux session {terminal.name} belongs to a session that is gone, as is {terminal.path}; "
            f"in it: {', '.join(running)[:120] or 'nothing'}",
            f"ends it when nobody looks at it and only shells wait in it; else tmux kill-session -t '{terminal.id}'",
            partial(_end, deck, terminal),
        )


_SHELLS = frozenset({"sh", "bash", "zsh", "fish", "dash", "ksh", "mksh", "ash", "tcsh", "csh", "nu", "xonsh", "pwsh"})


def _end(deck: Deck, terminal: Terminal) -> str:
    now = next(
        (it for it in deck.terminals.all() if it.id == terminal.id and it.devdeck_id == terminal.devdeck_id), None
    )
    if now is None:
        return ""
    busy = [pane.command for pane in now.panes if not pane.dead and pane.command not in _SHELLS]
    if busy or now.attached:
        return f"left the tmux session {now.name} alone: {', '.join(busy) or 'somebody looks at it'}"
    deck.terminals.end(now)
    return f"ended the tmux session {now.name}"


def _places(deck: Deck) -> tuple[str, ...]:
    """Folders in which only this deck makes worktrees."""
    return (os.path.realpath(deck.paths.worktrees),)


def _is_below(path: str, folders: tuple[str, ...]) -> bool:
    real = os.path.realpath(path)
    return any(real.startswith(f"{folder}/") for folder in folders)


def unlisted_worktrees(deck: Deck) -> Iterator[Finding | Problem]:
    """Worktrees below devdeck's own folder that no session has."""
    listed = {place.worktree for session in deck.store.sessions() for place in session.places}
    listed |= {place.worktree for session, _ in deck.store.half_made() for place in session.places}
    if any(owner.is_alive(who) for _, who in deck.store.unfinished()):
        return  # it may be just about to be listed
    for folder in worktrees_below(deck.paths.worktrees):
        if folder in listed:
            continue
        if repositories.main_root(folder) is None:
            yield Finding(
                name="unlisted folder",
                state="warn",
                evidence=f"{folder} was a worktree of a repository that does not know it any more",
                fix="move out of it what you need, then remove it",
            )
            continue
        yield problem(
            "unlisted worktree",
            f"{folder} belongs to no session",
            "adopts it, with the tmux session that was started in it",
            partial(_adopt, deck, folder),
        )


def worktrees_below(folder: Path) -> tuple[str, ...]:
    """Worktrees in the folders that devdeck makes: `<repository>/<session>` and `<folder>/<workspace>/<repository>`."""
    found = []
    for pattern in ("*/*/.git", "*/*/*/.git"):
        with suppress(OSError):
            found += [os.path.realpath(path.parent) for path in folder.glob(pattern) if path.is_file()]
    return tuple(sorted(found))


def _adopt(deck: Deck, folder: str) -> str:
    taken = {session.label for session in deck.store.sessions()}
    plan = deck.managing.plan_adopt(folder, deck.managing.label_for(folder, taken))
    deck.managing.carry_out(plan, "adopt")
    return f"adopted {folder} as {plan.session.label}"


def trash_folders(deck: Deck) -> Iterator[Finding | Problem]:
    """Folders in the trash that no entry has."""
    known = {entry.id for entry in deck.store.trash()} | {it.id for it, _ in deck.store.unfinished()}
    try:
        folders = sorted(path for path in deck.paths.trash.iterdir() if path.is_dir() and path.name not in known)
    except OSError:
        return
    for folder in folders:
        if any(path.is_file() or path.is_symlink() for path in folder.rglob("*")):
            yield Finding(
                name="trash without an entry",
                state="warn",
                evidence=f"{folder} holds files, and no removed session has it",
                fix="move out of it what you need, then remove it",
            )
        else:
            yield problem(
                "trash without an entry",
                f"{folder} is empty, and no removed session has it",
                "removes it",
                partial(_remove_empty, folder),
            )


def _remove_empty(folder: Path) -> str:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir()
    folder.rmdir()
    return f"removed the empty folder {folder}"


CHECKS = (
    forgotten, unfinished, sessions, unlisted_worktrees, stale_worktrees, orphan_branches, orphan_terminals,
    trash_folders,
)  # fmt: skip
"""Those that may find something to settle, in the order in which it is settled."""
