"""What a repository's configuration sets up in a new session, and whether the user trusts it to.

The configuration is that of each repository's main worktree. It is read once for each act, and nothing of it happens
unless exactly those bytes are trusted.
"""

from __future__ import annotations

import os
import shlex
import uuid
from typing import TYPE_CHECKING

from devdeck.configuration.config import Config
from devdeck.errors import DeckError, Refused, UsageError
from devdeck.git import repository
from devdeck.initialization import trust
from devdeck.initialization.repo_config import Command, RepoConfig, include_words, read, read_bytes, words
from devdeck.live import Setup
from devdeck.model import Job, JobKind, Member, Session
from devdeck.store import Busy
from devdeck.transactions import Site, Step, Transactions, words_of

if TYPE_CHECKING:  # most repositories set nothing up: what does it is loaded where there is something to do
    from devdeck.initialization import including
    from devdeck.initialization.including import Limits
    from devdeck.initialization.sequences import Part
    from devdeck.steps.including import Trust


class Setups:
    """See the module. Synchronous."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._store = site.store

    # Looking and trusting

    def read(self, path: str) -> RepoConfig:
        """The configuration of the repository at `path`, any folder of it.

        Raises:
            ConfigError: It is not what it should be; names file, line and column.
            NotFound: There is no repository.
        """
        return read(repository.find_repository(path).root)

    def configs(self, session: Session) -> tuple[RepoConfig, ...]:
        """The configuration of each of a session's repositories.

        Raises:
            ConfigError: One of them is not what it should be.
        """
        return tuple(read(place.repository_path) for place in session.places)

    def look(self, path: str, session: Session | None = None) -> Setup:
        """What the configuration of the repository at `path` would do, in a session that is there. Changes nothing.

        Raises:
            UsageError: The configuration can't be read; names file, line, what was found and what was expected.
        """
        config = self.read(path)
        return Setup(
            file=config.file,
            include=tuple(include_words(each) for each in config.include),
            commands=tuple(words(command) for command in config.commands),
            teardown=tuple(words(command) for command in config.teardown),
            trusted=self.is_trusted(config, session),
            digest=trust.digest(config),
            warnings=config.warnings,
            foreign=session.target if session is not None and trust.is_foreign(session) else "",
        )

    def is_trusted(self, config: RepoConfig, session: Session | None = None) -> bool:
        """Whether the user trusts a configuration as it is, also in this session; one that does nothing always is."""
        if config.empty:
            return True
        return self._is_trusted(trust.digest(config), session)

    def _is_trusted(self, digest: str, session: Session | None) -> bool:
        if not self._store.is_trusted(digest):
            return False
        foreign = session is not None and trust.is_foreign(session)
        return not foreign or (session is not None and self._store.is_trusted(trust.consent(digest, session.id)))

    def trust(self, path: str, *, digest: str | None = None, session: Session | None = None) -> None:
        """Trust the configuration of the repository at `path` as it is now.

        Args:
            path: Any folder of the repository.
            digest: What the user has seen (`Setup.digest`); anything when not given.
            session: A session of somebody else's code in which it is trusted, too.

        Raises:
            Refused: It is not what the user has seen any more.
            ConfigError: It is not what it should be.
        """
        config = self.read(path)
        now = trust.digest(config)
        if digest is not None and now != digest:
            raise Refused(f"{config.file or path} was changed since it was shown", "look at it again", code="changed")
        for each in _digests(config, session):
            self._store.trust(each, config.repository_path)

    def distrust(self, path: str) -> int:
        """Take back all trust in the configuration of the repository at `path`; returns how many contents had it."""
        return self._store.distrust(repository.find_repository(path).root)

    # A new session

    def warnings(self, session: Session, *, trust: bool = False) -> tuple[str, ...]:
        """What is worth knowing before a session is made: what matches nothing, what is odd in what is trusted or not.

        Args:
            session: The session as it will be.
            trust: As for `steps`.

        Raises:
            ConfigError: A configuration is not what it should be.
            DeckError: Too much would be included, or a link leads out of the repository.
        """
        found: list[str] = []
        for place, config in zip(session.places, self.configs(session), strict=True):
            found += config.warnings
            done = trust or self.is_trusted(config, session)
            if done and config.include and os.path.isdir(place.repository_path):
                found += self._survey(place, config).warnings
        return tuple(found)

    def untrusted(self, session: Session, *, trust: bool = False, made: bool = False) -> tuple[str, ...]:
        """Which configurations nothing is done of, because they are not trusted, and the commands that change that.

        Args:
            session: The session as it will be, or is.
            trust: As for `steps`.
            made: It is made: say what was not done, else what would not be.

        Raises:
            ConfigError: A configuration is not what it should be.
        """
        if trust:
            return ()
        words = self._was_not_done if made else self._would_not_be_done
        return tuple(words(session, each) for each in self.configs(session) if not self.is_trusted(each, session))

    def _would_not_be_done(self, session: Session, config: RepoConfig) -> str:
        if self._trusted_elsewhere(session, config):
            return (
                f"{session.target} may be somebody else's code, so nothing of {config.file} would be done: "
                "with --trust it would be all the same"
            )
        return (
            f"{config.file} is not trusted, so nothing of it would be done until "
            f"`{_trusting_command(config)}` was run, or with --trust"
        )

    def _was_not_done(self, session: Session, config: RepoConfig) -> str:
        label = shlex.quote(session.label)
        if self._trusted_elsewhere(session, config):
            return (
                f"{session.target} may be somebody else's code, so nothing of {config.file} was done: "
                f"`devdeck init {label} --trust` does it all the same"
            )
        return (
            f"{config.file} is not trusted, so nothing of it was done: look at it with `{_trusting_command(config)}`, "
            f"then `devdeck init {label}`"
        )

    def _trusted_elsewhere(self, session: Session, config: RepoConfig) -> bool:
        """Whether all that is missing is trust in this one session, which is of somebody else's code."""
        return trust.is_foreign(session) and self._store.is_trusted(trust.digest(config))

    def _survey(self, place: Member, config: RepoConfig) -> including.Survey:
        from devdeck.initialization import including

        return including.survey(place.repository_path, config.include, worktree=place.worktree, limits=self._limits())

    def _limits(self) -> Limits:
        from devdeck.initialization.including import Limits

        config = Config.load(self._site.paths)
        return Limits(files=config.init.max_files, size=config.include_size)

    def steps(self, session: Session, *, trust: bool = False) -> tuple[Step, ...]:
        """Steps that belong between the worktrees and the terminal of a new session: trust, files to copy or link.

        Args:
            session: The session as it will be; all its places count.
            trust: Trust the configurations as they are now; that is the first step.

        Raises:
            UsageError: As `look`, so that nothing is created over a broken configuration.
            Refused: A file to include is a link that leads out of the repository.
            DeckError: Too much would be included.
        """
        return self._steps(session, self.configs(session), trust=trust)

    def _steps(self, session: Session, configs: tuple[RepoConfig, ...], *, trust: bool) -> tuple[Step, ...]:
        if not any(config.file for config in configs):
            return ()
        from devdeck.steps.including import IncludeFiles

        steps: list[Step] = []
        # Read also where nothing is included: settings that are wrong are told before anything is made.
        limits = self._limits()
        for place, config in zip(session.places, configs, strict=True):
            if not trust and not self.is_trusted(config, session):
                continue
            if trust and not self.is_trusted(config, session):
                steps.append(_trusting(session, config))
            if config.include and os.path.isdir(place.repository_path):
                self._survey(place, config)
                steps.append(
                    IncludeFiles(
                        repository_path=place.repository_path,
                        worktree=place.worktree,
                        include=config.include,
                        key=uuid.uuid4().hex,
                        limits=limits,
                    )
                )
        return tuple(steps)

    def launch(self, session: Session, *, in_pane: bool | None = None) -> tuple[Job, ...]:
        """Start the trusted configuration's commands in a session that is made. They are jobs and go on by themselves.

        Args:
            session: Which.
            in_pane: Type them into its pane instead; as the user's settings say when `None`.

        Returns:
            The jobs; empty when there is nothing to do, it is not trusted, or the commands were typed.

        Raises:
            DeckError: They can't be started.
        """
        parts = self._parts(session, JobKind.INIT)
        if not any(part.commands for part in parts):
            return ()
        from devdeck.initialization import sequences

        settings = Config.load(self._site.paths).init
        if settings.in_pane if in_pane is None else in_pane:
            self._type(session, parts)
            return ()
        return sequences.start(self._site, session, JobKind.INIT, parts, timeout=settings.timeout or None)

    def _parts(self, session: Session, kind: JobKind) -> list[Part]:
        """The trusted commands for each worktree that is there."""
        parts = []
        for place in session.places:
            file, data = read_bytes(place.repository_path)
            digest = trust.content_digest(place.repository_path, file, data) if file else ""
            if not file or not self._is_trusted(digest, session) or not os.path.isdir(place.worktree):
                continue
            from devdeck.initialization.sequences import Part

            config = read(place.repository_path, found=(file, data))
            commands = config.commands if kind is JobKind.INIT else config.teardown
            parts.append(Part(place, commands, digest))
        return parts

    # An old one

    def plan_initialize(self, session: Session, *, trust: bool = False, in_pane: bool = False) -> tuple[str, ...]:
        """What `initialize` would do, in words, in order.

        Raises:
            DeckError: As `initialize`.
        """
        configs = self.configs(session)
        self._require_trust(session, configs, trust)
        verb = "type" if in_pane else "run"
        return (
            *words_of(self._steps(session, configs, trust=trust)),
            *(
                f"{verb} {words(command)} in {place.worktree}"
                for place, config in zip(session.places, configs, strict=True)
                for command in config.commands
            ),
        )

    def initialize(self, session: Session, trust: bool = False, *, in_pane: bool | None = None) -> tuple[Job, ...]:
        """Set a session up (again): files first, then the commands, which go on by themselves.

        Args:
            session: Which.
            trust: Trust the configurations as they are now.
            in_pane: As for `launch`.

        Returns:
            The jobs; empty when there are no commands, or they were typed.

        Raises:
            Refused: A configuration is not trusted and `trust` is not given; or as `steps`.
            Busy: It is being set up.
            DeckError: A file can't be included, or the commands can't be started.
        """
        configs = self.configs(session)
        self._require_trust(session, configs, trust)
        if any(job.running for job in self._site.work.jobs(session) if job.kind is JobKind.INIT):
            raise Busy(f"{session.label!r} is being set up", f"`devdeck stop {shlex.quote(session.label)}` ends that")
        steps = self._steps(session, configs, trust=trust)
        if steps:
            Transactions(self._site).run("init", session, steps)
        return self.launch(session, in_pane=in_pane)

    def _require_trust(self, session: Session, configs: tuple[RepoConfig, ...], trust: bool) -> None:
        untrusted = [config for config in configs if not self.is_trusted(config, session)]
        if not untrusted or trust:
            return
        raise Refused(
            f"not set up: {', '.join(config.file for config in untrusted)} is not trusted for {session.label!r}",
            f"`devdeck init {shlex.quote(session.label)} --trust` does what `devdeck config show` lists",
            code="untrusted",
        )

    def notes(self, session: Session) -> tuple[str, ...]:
        """What the last act of including left out of a session's worktrees, and why."""
        from devdeck.initialization import including

        return tuple(note for place in session.places for note in including.notes(place.worktree))

    def type_into_pane(self, session: Session) -> tuple[str, ...]:
        """Type the trusted commands into the session's pane, one after another, as par does.

        Nobody waits for them, and nobody learns how they end.

        Returns:
            The lines that were typed.

        Raises:
            DeckError: There is no pane to type into.
        """
        return self._type(session, self._parts(session, JobKind.INIT))

    def _type(self, session: Session, parts: list[Part]) -> tuple[str, ...]:
        from devdeck.initialization import sequences
        from devdeck.jobs.sequence import why_not

        lines = tuple(
            _typed(part.place, command, sequences.variables(session, part.place))
            for part in parts
            for command in part.commands
            if not why_not(command.when, part.place.worktree)
        )
        if lines:
            self._site.terminals.ensure(session)
            self._site.terminals.send(session, "\n".join(lines))
        return lines

    def tear_down(self, session: Session) -> tuple[Job, ...]:
        """Run the trusted configuration's teardown commands, one after another, and wait for them.

        Nothing happens when it is not trusted, has none, or the worktree is gone. A command that gives no time-out has
        `init.teardown_timeout` seconds.

        Returns:
            The jobs as they ended.

        Raises:
            DeckError: One failed; the rest did not run.
        """
        parts = self._parts(session, JobKind.TEARDOWN)
        if not any(part.commands for part in parts):
            return ()
        from devdeck.initialization import sequences

        limit = Config.load(self._site.paths).init.teardown_timeout
        jobs = sequences.start(self._site, session, JobKind.TEARDOWN, parts, timeout=limit)
        commands = [command for part in parts for command in part.commands]
        most = sum((command.timeout or limit) + 2 * STOPPING for command in commands) + STARTING
        jobs = sequences.wait(self._site, jobs, timeout=most)
        for job in jobs:
            if job.running:
                job = self._site.work.stop(job)
            if not job.skipped and (job.exit_status != 0 or job.stopped):
                why = f" ({job.reason})" if job.reason else ""
                raise DeckError(
                    f"tearing {session.label!r} down failed: {job.title}: {job.verdict}{why}",
                    f"`devdeck logs {job.id}` shows its output",
                    code="teardown",
                )
        return jobs


STOPPING = 10.0
"""Seconds that a job may take to end after its time is up."""
STARTING = 30.0
"""Seconds that a sequence may take to begin."""


def _digests(config: RepoConfig, session: Session | None) -> tuple[str, ...]:
    """What is remembered when a configuration is trusted (in a session)."""
    digest = trust.digest(config)
    if not digest:
        return ()
    return (digest, trust.consent(digest, session.id)) if session and trust.is_foreign(session) else (digest,)


def _trusting(session: Session, config: RepoConfig) -> Trust:
    from devdeck.steps.including import Trust

    return Trust(file=config.file, repository_path=config.repository_path, digests=_digests(config, session))


def _trusting_command(config: RepoConfig) -> str:
    """What the user types to see a configuration and trust it, in whatever folder that is."""
    return f"devdeck config trust -p {shlex.quote(config.repository_path)}"


def _typed(place: Member, command: Command, variables: dict[str, str]) -> str:
    """A command as a line for an interactive shell.

    Raises:
        UsageError: It has a folder that leads out of the worktree.
    """
    worktree = os.path.realpath(place.worktree)
    folder = os.path.normpath(os.path.join(worktree, command.directory))
    real = os.path.realpath(folder)
    if os.path.commonpath([real, worktree]) != worktree:
        raise UsageError(f"the folder {command.directory} of {words(command)} leads out of the worktree")
    line = command.run if isinstance(command.run, str) else shlex.join(command.run)
    if command.env:
        from devdeck.initialization import sequences

        values = {**{name: str(value) for name, value in command.env.items()}, **variables}
        line = shlex.join(["env", *(f"{name}={value}" for name, value in values.items()), *sequences.argv(command)])
    return f"cd {shlex.quote(folder)} && {line}"
