"""Making a session: everything is checked first, then done in steps that are taken back when one of them fails.

Remotes are asked while the plan is made, all at once and for a few seconds at most; one that fails, is slow or hangs is
a warning. `offline=True` asks nobody, so that a plan takes milliseconds: the dashboard starts sessions that way, from
what is known, and calls `fetch` in the background as soon as somebody begins to fill in its form.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from devdeck import owner
from devdeck.configuration.config import StartSettings
from devdeck.errors import DeckError, Refused, UsageError
from devdeck.git import fetching, refs, remotes, repository
from devdeck.git.repository import Repository
from devdeck.initialization.setup import Setups
from devdeck.journal import Journal
from devdeck.labels import why_not_label
from devdeck.live import BranchChoice
from devdeck.model import Session, SessionKind
from devdeck.start import refreshing, targets
from devdeck.start.branching import Branching, Choice
from devdeck.start.choices import choices
from devdeck.steps.making import AddRemote, AddWorktree, MakeTerminal, Record, Reserve
from devdeck.store import LabelTaken
from devdeck.text import one_line
from devdeck.transactions import Site, Step, Transactions, words_of

if TYPE_CHECKING:
    from devdeck.steps.changes import ForgetChanges, KeepChanges, PutChanges, TakeChanges


class StartPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What starting a session would do."""

    session: Session
    todo: tuple[Step, ...]
    """What would be done, in order."""
    notes: tuple[str, ...] = ()
    """What is worth knowing, before it is done and afterwards."""
    untrusted: tuple[str, ...] = ()
    """What would not be done, because it is not trusted, and how it would be."""

    @property
    def steps(self) -> tuple[str, ...]:
        """In words, in order."""
        return words_of(self.todo)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is worth knowing before it is done."""
        return (*self.notes, *self.untrusted)

    @property
    def upstreams(self) -> dict[str, str]:
        """What new branches will track, such as `origin/fix`, by the folder of the worktree they are for."""
        steps = (step for step in self.todo if isinstance(step, AddWorktree))
        return {step.worktree: step.upstream for step in steps if step.upstream}

    @property
    def tracking(self) -> tuple[str, ...]:
        """The same in words, as it is once it was done, such as `the branch fix tracks origin/fix`."""
        upstreams, alone = self.upstreams, not self.session.members
        return tuple(
            ("" if alone else f"{place.repository}: ") + f"the branch {place.branch} tracks {upstreams[place.worktree]}"
            for place in self.session.places
            if place.worktree in upstreams
        )


class Starting:
    """Plans and starts sessions. Synchronous."""

    def __init__(
        self,
        site: Site,
        transactions: Transactions,
        setups: Setups,
        settings: Callable[[], StartSettings] = StartSettings,
    ) -> None:
        """Args: `settings` says whether remotes are asked, and how long they may take; asked for at every plan."""
        self._site = site
        self._settings = settings
        self._setups = setups
        self._paths = site.paths
        self._store = site.store
        self._transactions = transactions

    def plan(
        self,
        label: str,
        path: str,
        base: str | None = None,
        *,
        with_changes: bool = False,
        offline: bool = False,
        trust: bool = False,
    ) -> StartPlan:
        """Check everything that `start` needs, and say what it would do. Changes nothing.

        Args:
            label: The new session's label, and the name of its branch.
            path: Any folder in the repository.
            base: Where a new branch starts; HEAD of the repository when `None`, or that of the worktree whose changes
                are moved. With a branch that exists, unused.
            with_changes: Move the uncommitted work of the worktree at `path` into the session.
            offline: Ask no remote whether it has the branch.
            trust: Trust the repository's configuration as it is now.

        Raises:
            UsageError: The label, the path or the repository's configuration can't be used.
            LabelTaken: The label is in use.
            NotFound: No repository at `path`, or no such base.
            Refused: The branch is checked out elsewhere, or the uncommitted work can't be moved.
        """
        self._require_label(label)
        repo = self._repository(path)
        source = repository.worktree_root(path) if with_changes else None
        head = refs.resolve_commit(source, "HEAD") if source is not None else None
        choice = self._branching(repo, offline=offline).for_start(label, base, head=head)
        session = self._session(repo, label, choice, SessionKind.SESSION)
        return self._plan(session, choice, source, trust=trust)

    def plan_checkout(
        self, target: str, path: str, label: str | None = None, *, offline: bool = False, trust: bool = False
    ) -> StartPlan:
        """Check everything that `checkout` needs, and say what it would do. Changes nothing.

        Args:
            target: What is wanted; the table in `devdeck.start.targets` says what it can be.
            path: Any folder in the repository.
            label: The session's label, and the name of the branch made for a pull request; by default made from the
                target.
            offline: Ask no remote: only what is known here can be checked out.
            trust: Trust the repository's configuration as it is now.

        Raises:
            UsageError: Target, label, path or configuration can't be used.
            LabelTaken: The label is in use.
            NotFound: No repository at `path`, no such branch or pull request.
            Refused: The branch is checked out elsewhere.
            DeckError: A remote that must be asked does not answer (`network`), or the target is of another repository
                (`other-repository`).
        """
        wanted = targets.parse(target)
        if label is not None:
            self._require_label(label)
        repo = self._repository(path)
        choice, usual = self._branching(repo, offline=offline).for_target(wanted, label)
        if label is None:
            self._require_label(usual, hint="give it another one with --label")
        session = self._session(repo, label or usual, choice, SessionKind.CHECKOUT, target)
        return self._plan(session, choice, None, trust=trust)

    def _require_label(self, label: str, hint: str = "") -> None:
        if reason := why_not_label(label):
            raise UsageError(
                f"can't use the label {label!r}: {reason}", hint or "letters, digits, - _ . and / are fine"
            )
        if self._store.session(label) is not None:
            hint = f"open it with `devdeck open {label}`" + (f", or {hint}" if hint else "")
            raise LabelTaken(f"a session {label!r} exists already", hint)
        for session, who in self._store.half_made():
            if session.label != label:
                continue
            if owner.is_alive(who):
                raise LabelTaken(
                    f"a session {label!r} is being made by another devdeck", hint or "choose another label"
                )
            raise LabelTaken(
                f"{label!r} was being made when its devdeck was killed",
                "`devdeck doctor --fix` takes back what there is of it",
            )

    def _repository(self, path: str) -> Repository:
        repo = repository.find_repository(path)
        for place in (repo.root, str(self._paths.worktrees)):
            try:
                place.encode()
            except UnicodeEncodeError:
                raise UsageError(
                    f"the path {one_line(place.encode('utf-8', 'replace').decode(), limit=300)!r} is not valid UTF-8",
                    "rename the folder; nothing was made",
                ) from None
        return repo

    def _branching(self, repo: Repository, *, offline: bool) -> Branching:
        settings = self._settings()
        return Branching(
            repo, offline=offline or settings.offline, timeout=settings.fetch_timeout, whose=self._label_at
        )

    def _label_at(self, worktree: str) -> str | None:
        """The label of the deck's own session that a worktree is of; of a workspace, the workspace's."""
        place = os.path.realpath(worktree)
        for session in self._store.sessions():
            if any(os.path.realpath(each.worktree) == place for each in session.places):
                return session.label
        return None

    def _session(self, repo: Repository, label: str, choice: Choice, kind: SessionKind, target: str = "") -> Session:
        return Session(
            id=uuid.uuid4().hex,
            label=label,
            kind=kind,
            repository=repo.name,
            repository_path=repo.root,
            worktree=str(self._paths.free_folder(repo.name, repo.id, label)),
            branch=choice.name,
            managed_branch=choice.create,
            base=choice.start,
            created_at=time.time(),
            target=target,
        )

    def _plan(self, session: Session, choice: Choice, source: str | None, *, trust: bool) -> StartPlan:
        root = session.repository_path
        adding: list[Step] = [Reserve(session=session)]
        if choice.remote is not None:
            adding.append(AddRemote(repository_path=root, name=choice.remote[0], url=choice.remote[1]))
        add = AddWorktree(
            repository_path=root,
            worktree=session.worktree,
            branch=choice.name,
            create=choice.create,
            start=choice.start,
            follow=choice.follow,
            fetch=choice.fetch,
            key=session.id,
        )
        setting_up = self._setups.steps(session, trust=trust)
        making = (MakeTerminal(session=session), Record(session=session))
        notes = (*choice.warnings, *self._setups.warnings(session, trust=trust))
        moving = self._moving(session, choice, source) if source is not None else None
        if source is not None and moving is None:
            notes = (*notes, f"there are no uncommitted changes in {source}")
        if moving is None:
            todo = (*adding, add, *setting_up, *making)
        else:
            keep, put, take, forget = moving
            # What is moved comes before what is included: a file that both bring is the user's.
            todo = (*adding, keep, add, put, *setting_up, making[0], take, making[1], forget)
        untrusted = self._setups.untrusted(session, trust=trust)
        return StartPlan(session=session, todo=todo, notes=notes, untrusted=untrusted)

    def _moving(
        self, session: Session, choice: Choice, source: str
    ) -> tuple[KeepChanges, PutChanges, TakeChanges, ForgetChanges] | None:
        """The steps that move uncommitted work; `None` when there is none.

        Raises:
            Refused: It can't be moved: see `changes.look`, or the branch has other versions of the files.
        """
        from devdeck.git import changes
        from devdeck.steps.changes import ForgetChanges, KeepChanges, PutChanges, TakeChanges

        work = changes.look(source)
        if not changes.touched(source, work) and not work.intended:
            return None
        if choice.fetch:
            raise Refused(
                f"a remote has a branch {choice.name!r} that is not fetched yet, so changes can't be moved onto it",
                "fetch it first: git fetch",
            )
        onto = choice.start or refs.resolve_commit(source, f"refs/heads/{choice.name}")
        if blocked := changes.in_the_way(source, work, onto):
            named = one_line(", ".join(blocked[:3]), limit=200) + ("…" if len(blocked) > 3 else "")
            raise Refused(
                f"changed files are not the same at {onto[:10]} as at HEAD of {source}: {named}",
                "start without --base from the commit that they were made on",
            )
        options = {"source": source, "destination": session.worktree, "work": work, "key": session.id}
        return (
            msgspec.convert(options, KeepChanges),
            msgspec.convert(options, PutChanges),
            msgspec.convert(options, TakeChanges),
            msgspec.convert(options, ForgetChanges),
        )

    def start(
        self,
        label: str,
        path: str,
        base: str | None = None,
        *,
        with_changes: bool = False,
        offline: bool = False,
        trust: bool = False,
        warn: Callable[[str], None] | None = None,
    ) -> Session:
        """Make a session: branch, worktree, tmux session. When a step fails, those before it are undone.

        Raises:
            DeckError: As `plan`; or a step failed, and nothing is left of it.
        """
        self._site.terminals.require()  # no tmux, no start: found out before anything is made
        plan = self.plan(label, path, base, with_changes=with_changes, offline=offline, trust=trust)
        return self.carry_out(plan, warn=warn)

    def checkout(
        self,
        target: str,
        path: str,
        label: str | None = None,
        *,
        offline: bool = False,
        trust: bool = False,
        warn: Callable[[str], None] | None = None,
    ) -> Session:
        """Make a session for something that exists: a branch, a pull request, a branch of a fork.

        Raises:
            DeckError: As `plan_checkout`; or a step failed, and nothing is left of it.
        """
        self._site.terminals.require()
        plan = self.plan_checkout(target, path, label, offline=offline, trust=trust)
        return self.carry_out(plan, "checkout", warn=warn)

    def carry_out(
        self,
        plan: StartPlan,
        verb: str = "start",
        *,
        warn: Callable[[str], None] | None = None,
        in_pane: bool | None = None,
    ) -> Session:
        """Do what a plan says, and set the session up.

        Args:
            plan: The plan; its notes are told too, and what was not done because it is not trusted.
            verb: What it is called in the operation log.
            in_pane: Type the commands that set it up into its pane; as the user's settings say when `None`.
            warn: Is told what went wrong without being in the way; the log is told when there is none.

        Raises:
            DeckError: A step failed, and nothing is left of it.
        """
        self._transactions.run(verb, plan.session, plan.todo, undo=f"devdeck rm {plan.session.label}")
        warnings = list(plan.notes)
        try:
            warnings += self._setups.untrusted(plan.session, made=True)
            self._setups.launch(plan.session, in_pane=in_pane)
        except DeckError as error:
            # The session is made and can be used; its set-up can be started again.
            warnings.append(f"{plan.session.label!r} is not set up: {error.message}")
        for warning in warnings:
            if warn is not None:
                warn(warning)
            else:
                import logging

                logging.getLogger(__name__).warning("%s", warning)
        return plan.session

    def plan_refresh(self, session: Session) -> tuple[str, ...]:
        """What `refresh` would do, in words. Asks no remote, changes nothing.

        Raises:
            NotFound: A worktree is gone.
            DeckError: A branch follows nothing.
        """
        return tuple(refreshing.words(refreshing.look(place)) for place in session.places)

    def refresh(self, session: Session) -> str:
        """Bring a session's branch up to what it follows: its upstream, or its pull request.

        Fetches that, and fast-forwards where the worktree is clean. Of a workspace, each repository.

        Returns:
            What came, in words.

        Raises:
            NotFound: A worktree is gone.
            Refused: There are uncommitted changes in it.
            DeckError: It can't be had, the branch follows nothing (`no-upstream`), or both sides have commits that the
                other lacks (`diverged`; their numbers are in the message).
        """
        followed = [refreshing.look(place) for place in session.places]
        with Journal(self._store).change("refresh", session, "; ".join(map(refreshing.words, followed))) as entry:
            came = [refreshing.refresh(each) for each in followed]
            entry.undo = "; ".join(each.undo for each in came if each.undo)
        return "; ".join(each.words for each in came)

    def branches(self, path: str) -> tuple[BranchChoice, ...]:
        """Branches and tags of a repository, those with the newest commits first, at most `choices.MAX_CHOICES`.

        Raises:
            NotFound: No repository at `path`.
        """
        return choices(repository.find_repository(path).root)

    def fetch(self, path: str) -> None:
        """Get the news of all remotes of a repository, at once, within `fetching.NEWS_TIMEOUT`.

        Raises:
            NotFound: No repository at `path`.
            DeckError: Remotes failed; each is named with the reason. What the others had is here.
        """
        root = repository.find_repository(path).root
        failed = fetching.fetch_news(root, [remote.name for remote in remotes.list_remotes(root)])
        if failed:
            words = "; ".join(f"{name}: {why}" for name, why in failed.items())
            raise DeckError(f"can't fetch: {words}", "is the network there?", code="network")
