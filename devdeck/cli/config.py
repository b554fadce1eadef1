"""config and init: settings, what a repository sets up, and trust in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from devdeck.cli import asking, complete, follow, output, plans, views
from devdeck.cli.options import path_option
from devdeck.cli.verbs import Verbs
from devdeck.errors import NotFound, Refused

if TYPE_CHECKING:
    from devdeck.configuration.config import Config
    from devdeck.deck import Deck
    from devdeck.initialization.repo_config import RepoConfig
    from devdeck.model import Job, Session


@click.group(cls=Verbs, invoke_without_command=True, short_help="Show and check settings; trust a repository's set-up.")
@output.json_option
@click.pass_context
def config(ctx: click.Context, json: bool) -> None:
    """Settings, and what the repository sets up in new sessions. Without a verb: show."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(show, path=".", json=json)


def _user() -> Config:
    from devdeck.configuration.config import Config
    from devdeck.paths import Paths

    return Config.load(Paths.from_environment())


def _root(path: str) -> str | None:
    """The main worktree of the repository at a path; `None` when the folder lies in none.

    Raises:
        NotFound: There is no such folder.
    """
    from devdeck.git.repository import find_repository, resolved

    try:
        return find_repository(path).root
    except NotFound:
        if not os.path.isdir(resolved(path)):
            raise
        return None


def _repository(path: str) -> RepoConfig | None:
    """The configuration of the repository at a path; `None` when there is no repository."""
    from devdeck.initialization.repo_config import read

    root = _root(path)
    return read(root) if root is not None else None


@config.command(short_help="Show every setting, and what is set up in new sessions.")
@path_option
@output.json_option
@output.with_deck
def show(deck: Deck, path: str, json: bool) -> None:
    """Show every setting with where it comes from, and what the repository sets up."""
    settings = _user().settings()
    found = _repository(path)
    if json:
        output.document(
            {
                "settings": [
                    {"name": each.name, "value": each.value, "source": each.source, "description": each.description}
                    for each in settings
                ],
                "repository": _view(deck, found) if found is not None else None,
            }
        )
        return
    output.table(
        ("SETTING", "VALUE", "FROM"),
        [[(each.name, "bold"), (_value(each.value), ""), (each.source, "dim")] for each in settings],
    )
    output.say()
    if found is None:
        output.say(_nowhere(path))
        return
    if not found.file:
        output.say(f"{found.repository_path} has no .devdeck.toml and no .par.yaml")
        return
    for line in asking.lines(found):
        output.say(line)
    trusted = deck.setups.is_trusted(found)
    output.say(
        output.styled("trusted", "good")
        if trusted
        else output.styled("not trusted", "warn") + ": nothing of it is done; `devdeck config trust` trusts it"
    )
    for warning in found.warnings:
        output.note(f"devdeck: {warning}")


def _nowhere(path: str) -> str:
    return f"{output.from_home(os.path.abspath(os.path.expanduser(path)))} is in no git repository"


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _view(deck: Deck, found: RepoConfig) -> dict[str, Any]:
    from devdeck.initialization.repo_config import include_words, words

    return {
        "path": found.repository_path,
        "file": found.file or None,
        "trusted": deck.setups.is_trusted(found),
        "include": [include_words(each) for each in found.include],
        "commands": [words(command) for command in found.commands],
        "teardown": [words(command) for command in found.teardown],
        "warnings": list(found.warnings),
    }


@config.command(name="path", short_help="Print where the configuration files are.")
@path_option
@output.json_option
def path_(path: str, json: bool) -> None:
    """Print where the configuration files are: the user's, and the repository's when there is one."""
    from devdeck.configuration.config import Config
    from devdeck.initialization.repo_config import read_bytes
    from devdeck.paths import Paths

    user = Config.path(Paths.from_environment())
    root = _root(path)
    file = read_bytes(root)[0] if root is not None else ""
    if json:
        output.document({"user": str(user), "user_exists": user.exists(), "repository": file or None})
        return
    output.say(str(user))
    if file:
        output.say(file)


@config.command(short_help="Check the configurations of the user and the repository.")
@path_option
@output.json_option
def check(path: str, json: bool) -> None:
    """Check the user's and the repository's configuration; exit status 2 names the first error with its place."""
    user = _user()
    found = _repository(path)
    warnings = list(found.warnings) if found is not None else []
    if found is not None and found.include:
        from devdeck.initialization.including import Limits, survey

        limits = Limits(files=user.init.max_files, size=user.include_size)
        warnings += survey(found.repository_path, found.include, limits=limits).warnings
    files = [file for file in (user.file, found.file if found is not None else "") if file]
    if json:
        output.document({"files": files, "warnings": warnings})
        return
    for file in files:
        output.say(f"{file}: {output.styled('good', 'good')}")
    if found is None:
        output.say(_nowhere(path))
    if not files:
        output.say("there is no configuration; everything has its default")
    for warning in warnings:
        output.note(f"devdeck: {warning}")


@config.command(short_help="Print the JSON Schema of a configuration file.")
@click.argument("which", type=click.Choice(["user", "repository"]), default="repository")
@output.json_option
def schema(which: str, json: bool) -> None:
    """Print the JSON Schema of .devdeck.toml, or of the user's config.toml."""
    import msgspec

    from devdeck.configuration.schema import published

    output.document(msgspec.json.decode(published("config" if which == "user" else "devdeck")))


@config.command(short_help="Trust the repository's configuration exactly as it is now.")
@path_option
@click.option("-y", "--yes", is_flag=True, help="Answer the question.")
@output.dry_run_option
@output.json_option
@output.with_deck
def trust(deck: Deck, path: str, yes: bool, dry_run: bool, json: bool) -> None:
    """Trust the repository's configuration exactly as it is now: one changed byte needs trust again."""
    from devdeck.initialization.trust import digest

    found = deck.setups.read(path)
    if not found.file:
        raise NotFound(f"{found.repository_path} has no .devdeck.toml and no .par.yaml")
    already = deck.setups.is_trusted(found)
    if not (dry_run or already):
        if yes:
            deck.setups.trust(found.repository_path, digest=digest(found))
        elif asking.is_terminal() and not json:
            asking.ask(deck, [found])
        else:
            raise Refused("`config trust` asks before it trusts", "look at `devdeck config show`, then add --yes",
                          code="confirm")  # fmt: skip
    if json:
        output.document({**_view(deck, found), "dry_run": dry_run})
        return
    if dry_run:
        output.say("would trust this:")
        for line in asking.lines(found):
            output.say(f"  {line}")
        return
    output.say(f"{found.file} is trusted" + (" already" if already else ""))
    output.say("  → devdeck init LABEL does it in a session that is there")


@config.command(short_help="Take back all trust in the repository's configuration.")
@path_option
@output.dry_run_option
@output.json_option
@output.with_deck
def distrust(deck: Deck, path: str, dry_run: bool, json: bool) -> None:
    """Take back all trust in the repository's configuration, as it is and as it was."""
    from devdeck.git.repository import find_repository

    root = find_repository(path).root
    count = 0 if dry_run else deck.setups.distrust(root)
    if json:
        output.document({"path": root, "forgotten": count, "dry_run": dry_run})
    elif dry_run:
        output.say(f"would take back all trust in the configuration of {root}")
    else:
        output.say(f"nothing that {root} sets up is trusted")


@click.command(short_help="Set a session up as its repository says, once more.")
@click.argument("label", shell_complete=complete.labels)
@click.option("--trust", is_flag=True, help="Trust the repository's configuration as it is now.")
@click.option(
    "--in-pane", is_flag=True, help="Type the commands into the session's pane instead of running them as jobs."
)
@click.option("-w", "--wait", is_flag=True, help="Wait for the commands; exit status 1 when one fails.")
@output.dry_run_option
@output.json_option
@output.with_deck
def init(deck: Deck, label: str, trust: bool, in_pane: bool, wait: bool, dry_run: bool, json: bool) -> int:
    """Set a session up (again): what the repository's .devdeck.toml or .par.yaml says, once it is trusted.

    Files are copied or linked first and never replace what is there. The commands are jobs that go on without devdeck.
    """
    session = deck.sessions.find(label)
    if dry_run:
        plan = deck.setups.plan_initialize(session, trust=trust, in_pane=in_pane)
        _plan(label, plan, json)
        return 0
    if not trust:
        _ask(deck, session, json)
    jobs = deck.setups.initialize(session, trust, in_pane=in_pane or None)
    notes = deck.setups.notes(session)
    if wait:
        jobs = _wait(deck, jobs, json)
    failed = wait and any(not job.skipped and (job.exit_status != 0 or job.stopped) for job in jobs)
    if json:
        output.document({"jobs": [views.job_view(job, label) for job in jobs], "notes": list(notes)})
        return 1 if failed else 0
    for note in notes:
        output.note(f"devdeck: {note}")
    if wait:
        for job in jobs:
            output.say(f"{job.title}: {job.verdict}" + (f" ({job.reason})" if job.reason else ""))
    elif jobs:
        output.say(f"{label}: {len(jobs)} command{'s' if len(jobs) > 1 else ''} started")
        output.say(f"  → devdeck jobs {label}")
    else:
        output.say(f"{label} is set up")
    return 1 if failed else 0


def _plan(label: str, plan: tuple[str, ...], json: bool) -> None:
    if json:
        output.document({"plan": list(plan)})
        return
    plans.show(f"would set {label} up:" if plan else f"there is nothing to set up in {label}", plan)


def _ask(deck: Deck, session: Session, json: bool) -> None:
    """Ask for trust where it is missing and where there is somebody to ask."""
    untrusted = [each for each in deck.setups.configs(session) if not deck.setups.is_trusted(each, session)]
    if untrusted and not json and asking.is_terminal():
        asking.ask(deck, untrusted, session)


def _wait(deck: Deck, jobs: tuple[Job, ...], json: bool) -> tuple[Job, ...]:
    """Wait for jobs, and show the output of each in turn."""
    return tuple(follow.until_end(deck, job, echo=not json) for job in jobs)
