"""Workspaces: one label over several repositories, made as one: all of it or nothing."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import msgspec

from devdeck.errors import DeckError, NotFound, UsageError
from devdeck.git import repository
from devdeck.initialization.setup import Setups
from devdeck.labels import printable, why_not_label
from devdeck.model import Member, Session, SessionKind
from devdeck.start.starting import Starting, StartPlan
from devdeck.steps.making import AddWorktree, Record, Reserve
from devdeck.steps.workspaces import MakeFolder, MakeWorkspaceTerminal, WriteWorkspaceFile
from devdeck.store import LabelTaken
from devdeck.text import one_line
from devdeck.transactions import Site, Step
from devdeck.workspace import ide

AT_ONCE = 8
"""Repositories that are looked at, and fetched, at the same time."""

Bases = str | Mapping[str, str] | None
"""Where new branches start: for all repositories, or by the repository's name in the workspace; `""` for the others."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The repositories of a workspace that is wanted."""

    repositories: tuple[tuple[str, repository.Repository], ...]
    """Unique name in the workspace, and repository, in order."""
    left_out: tuple[str, ...] = ()
    """What was found and not taken, and why, in words."""


class Workspaces:
    """Plans and starts workspaces. Synchronous."""

    def __init__(self, site: Site, setups: Setups, starting: Starting) -> None:
        self._site = site
        self._setups = setups
        self._starting = starting

    def plan(
        self,
        label: str,
        folder: str,
        repositories: Sequence[str] = (),
        base: Bases = None,
        *,
        windows: bool = False,
        offline: bool = False,
        trust: bool = False,
    ) -> StartPlan:
        """Check everything that `start` needs, in every repository, and say what it would do. Changes nothing.

        Args:
            label: The workspace's label, and the name of its branch in every repository.
            folder: Where the repositories are looked for.
            repositories: Which ones, see `choose`.
            base: Where new branches start; HEAD of each repository when `None`. With a branch that exists, unused.
            windows: Make a window of its terminal for each repository.
            offline: Ask no remote.
            trust: Trust the repositories' configurations as they are now.

        Raises:
            UsageError: The label, a repository's configuration or a name in `base` can't be used.
            LabelTaken: The label is in use.
            NotFound: No such folder, no repositories in it, or no such base in one.
            Refused: The branch is checked out elsewhere in one of them.
        """
        if reason := why_not_label(label):
            raise UsageError(f"can't use the label {label!r}: {reason}", "letters, digits, - _ . and / are fine")
        if self._site.store.session(label) is not None:
            raise LabelTaken(f"a session {label!r} exists already", f"open it with `devdeck open {label}`")
        choice = choose(folder, repositories, taken=(ide.file_name(label),))
        bases = _bases(base, [name for name, _ in choice.repositories])
        root = _root(folder)
        whole = repository.repository_name(root)
        place = self._site.paths.free_folder(whole, repository.repository_id(root), label)
        plans = self._plans(label, choice, bases, offline=offline, trust=trust)
        members = tuple(
            Member(
                repository=name,
                repository_path=plan.session.repository_path,
                worktree=str(place / name),
                branch=plan.session.branch,
                managed_branch=plan.session.managed_branch,
                base=plan.session.base,
            )
            for name, plan in plans
        )
        session = Session(
            id=uuid.uuid4().hex,
            label=label,
            kind=SessionKind.WORKSPACE,
            repository=repository.repository_name(root),
            repository_path=root,
            worktree=str(place),
            branch=label,
            created_at=time.time(),
            members=members,
        )
        adding = [_moved(step, member) for (_, plan), member in zip(plans, members, strict=True) for step in plan.todo]
        return StartPlan(
            session=session,
            todo=(
                Reserve(session=session),
                MakeFolder(folder=session.worktree),
                *(step for step in adding if step is not None),
                *self._setups.steps(session, trust=trust),
                WriteWorkspaceFile(session=session),
                MakeWorkspaceTerminal(session=session, windows=windows),
                Record(session=session),
            ),
            notes=(*choice.left_out, *(f"{name}: {note}" for name, plan in plans for note in plan.notes)),
            untrusted=self._setups.untrusted(session, trust=trust),
        )

    def _plans(
        self, label: str, choice: Choice, bases: Mapping[str, str | None], *, offline: bool, trust: bool
    ) -> list[tuple[str, StartPlan]]:
        def plan(name: str, repo: repository.Repository) -> StartPlan | DeckError:
            try:
                return self._starting.plan(label, repo.root, bases[name], offline=offline, trust=trust)
            except DeckError as error:
                return error

        with ThreadPoolExecutor(min(AT_ONCE, len(choice.repositories)), "devdeck-plan") as pool:
            planned = [(name, pool.submit(copy_context().run, plan, name, repo)) for name, repo in choice.repositories]
            outcomes = [(name, future.result()) for name, future in planned]
        _raise_failures(outcomes)
        return [(name, outcome) for name, outcome in outcomes if isinstance(outcome, StartPlan)]

    def start(
        self,
        label: str,
        folder: str,
        repositories: Sequence[str] = (),
        base: Bases = None,
        *,
        windows: bool = False,
        offline: bool = False,
        trust: bool = False,
        warn: Callable[[str], None] | None = None,
    ) -> Session:
        """Make a workspace: branch and worktree in each repository, workspace file, tmux session; or nothing at all.

        `warn` is told what is worth knowing and was not in the way.

        Raises:
            DeckError: As `plan`; or a step failed, and those before it were taken back.
        """
        self._site.terminals.require()  # no tmux, no start: found out before anything is made
        plan = self.plan(label, folder, repositories, base, windows=windows, offline=offline, trust=trust)
        return self._starting.carry_out(plan, warn=warn)

    def ide_file(self, session: Session, editor: str = "") -> Path:
        """Bring a workspace's file for editors up to date, and open it.

        Args:
            session: The workspace.
            editor: Command line of an editor, see `devdeck.workspace.ide.open_in`; nothing is opened when it is empty.

        Returns:
            The file.

        Raises:
            UsageError: The session is no workspace.
            NotFound: Its folder is gone.
            Missing: There is no such editor.
            DeckError: The file can't be written, or the editor failed at once.
        """
        path = ide.write(session)
        if editor:
            ide.open_in(editor, path)
        return path


def choose(folder: str, wanted: Sequence[str] = (), *, taken: Sequence[str] = ()) -> Choice:
    """Which repositories are meant.

    Without `wanted`: every folder directly in `folder` that is the top of a worktree, by name; hidden folders are left
    out. A linked worktree stands for its repository; a repository that is met twice counts once.

    Args:
        folder: Where to look.
        wanted: Names of folders in it, or paths; white space around them is dropped.
        taken: Names that no repository can have in the workspace.

    Raises:
        NotFound: There is no such folder or repository, or none at all.
    """
    root = Path(_root(folder))
    left_out: list[str] = []
    tops = [_named(root, name) for name in wanted if name.strip()] if wanted else _detected(root, left_out)
    if not tops:
        raise NotFound(
            f"no repositories in {root}" + "".join(f"; {words}" for words in left_out),
            "name them with --repos, or go to the folder that they lie in",
        )
    found: dict[str, repository.Repository] = {}
    for top in tops:
        repo = repository.find_repository(top)
        found.setdefault(repo.root, repo)
    names = unique_names([repo.root for repo in found.values()], taken)
    return Choice(repositories=tuple(zip(names, found.values(), strict=True)), left_out=tuple(left_out))


def _root(folder: str) -> str:
    root = repository.resolved(folder)
    if not os.path.isdir(root):
        raise NotFound(f"no folder {one_line(folder, limit=300)}", "check the path; was it moved or removed?")
    try:
        root.encode()
    except UnicodeEncodeError:
        shown = one_line(root.encode("utf-8", "replace").decode(), limit=300)
        raise UsageError(f"the path {shown!r} is not valid UTF-8", "rename the folder; nothing was made") from None
    return root


def _named(root: Path, name: str) -> str:
    name = name.strip()
    path = repository.resolved(name if name.startswith("~") else root / name)
    shown = one_line(name, limit=300)
    if not os.path.isdir(path):
        raise NotFound(f"no folder {shown!r} in {root}", "name a repository in it, or give an absolute path")
    if repository.git_dir(path) is None:
        around = repository.worktree_root(path)
        hint = f"it lies in {around}" if around else "name the top folder of a repository"
        raise NotFound(f"{shown!r} is no repository", hint)
    return path


def _detected(root: Path, left_out: list[str]) -> list[str]:
    try:
        children = sorted(child for child in root.iterdir() if not child.name.startswith("."))
    except OSError as error:
        raise NotFound(f"can't read {root}: {error.strerror}", "check its permissions") from error
    tops = []
    for child in children:
        if not os.path.lexists(child / ".git"):
            continue
        if repository.git_dir(child) is None:
            left_out.append(f"{one_line(child.name, limit=100)} is left out: its .git leads to no repository")
        else:
            tops.append(str(child))
    return tops


def unique_names(roots: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """A name for each repository, unique also where case is not told apart.

    The repository's own name; those of one name get their parent folder's in front (`shop-api`, `bank-api`), and a
    number behind where that does not tell them apart either.
    """
    own = [printable(repository.repository_name(root)) for root in roots]
    counts = [name.casefold() for name in (*own, *taken)]
    used = {name.casefold() for name in taken}
    names = []
    for root, name in zip(roots, own, strict=True):
        if counts.count(name.casefold()) > 1:
            name = f"{printable(_parent_name(root))}-{name}"
        unique = next(each for each in (name, *(f"{name}-{n}" for n in range(2, 1000))) if each.casefold() not in used)
        used.add(unique.casefold())
        names.append(unique)
    return names


def _parent_name(root: str) -> str:
    """Name of the folder that a repository lies in; of `x/.git` and `x/.bare` that is the one around x."""
    path = Path(root)
    around = path.parent if path.name.removesuffix(".git") == repository.repository_name(root) else path.parent.parent
    return around.name or "root"


def _bases(base: Bases, names: Sequence[str]) -> dict[str, str | None]:
    if base is None or isinstance(base, str):
        return dict.fromkeys(names, base)
    unknown = [name for name in base if name and name not in names]
    if unknown:
        raise UsageError(
            f"a base for {', '.join(map(repr, unknown))}, which the workspace has not", f"it has {', '.join(names)}"
        )
    return {name: base.get(name, base.get("")) for name in names}


def _raise_failures(outcomes: Sequence[tuple[str, StartPlan | DeckError]]) -> None:
    """Say what stands against it in every repository at once; the kind of error is the first one's."""
    failed = [(name, outcome) for name, outcome in outcomes if isinstance(outcome, DeckError)]
    if failed:
        first = failed[0][1]
        if isinstance(first, LabelTaken):  # that is no matter of the repositories
            raise first
        words = "; ".join(f"{name}: {error.message}" for name, error in failed)
        raise type(first)(words, first.hint, code=first.code) from first


def _moved(step: Step, member: Member) -> Step | None:
    return msgspec.structs.replace(step, worktree=member.worktree) if isinstance(step, AddWorktree) else None
