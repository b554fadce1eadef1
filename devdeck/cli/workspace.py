"""workspace: several repositories as one."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from devdeck.cli import complete, made, output, plans, removing, views, waiting
from devdeck.cli.options import filled, making_options, removing_options
from devdeck.cli.verbs import Verbs
from devdeck.errors import UsageError
from devdeck.model import Session, SessionKind

if TYPE_CHECKING:
    from devdeck.deck import Deck
    from devdeck.start.starting import StartPlan


class Workspace(Verbs):
    """The verbs of workspaces. `open` and `rm` are those of every session, for workspaces alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the help."""
        return ["start", "ls", "open", "code", "cursor", "edit", "rm"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command; `open` has the options that the verb `open` has."""
        if cmd_name in ("open", "o"):
            return _checked("open", help="Go to a workspace's terminal, which comes back when it is gone.")
        return super().get_command(ctx, cmd_name)


@click.group(
    cls=Workspace,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    short_help="Work on several repositories as one.",
)
@output.json_option
@click.pass_context
def workspace(ctx: click.Context, json: bool) -> None:
    """Work on several repositories as one: a branch in each, one terminal, one file for editors.

    Every other verb knows a workspace by its label, and its repositories as LABEL:REPOSITORY. Without a verb: the list.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(ls, json=json)


@workspace.command(short_help="Make a workspace: a branch and worktree in each repository.")
@click.argument("label")
@click.option(
    "-p",
    "--path",
    metavar="PATH",
    default=".",
    help="Where the repositories lie; the current folder by default.",
    shell_complete=complete.folders,
    callback=filled,
)
@click.option(
    "-r",
    "--repos",
    multiple=True,
    metavar="A,B,…",
    help="Which ones, by name or path; all in the folder by default.",
    shell_complete=complete.repositories,
)
@click.option(
    "-b",
    "--base",
    multiple=True,
    metavar="[REPO=]REF",
    shell_complete=complete.workspace_refs,
    help="Where new branches start, in all repositories or in one; HEAD by default.",
)
@click.option("--windows", is_flag=True, help="Make a window of the terminal for each repository.")
@click.option(
    "--editor",
    metavar="CMD",
    shell_complete=complete.nothing,
    callback=filled,
    help="Open it in an editor afterwards: code, cursor, …",
)
@making_options(offline="Ask no remote whether it has a branch LABEL.")
@output.with_deck
def start(
    deck: Deck,
    label: str,
    path: str,
    repos: tuple[str, ...],
    base: tuple[str, ...],
    windows: bool,
    open_after: bool,
    editor: str | None,
    offline: bool,
    trust: bool,
    in_pane: bool,
    dry_run: bool,
    json: bool,
) -> None:
    """Make a workspace: a branch and a worktree in each repository, and a tmux session.

    All of it is made, or nothing. Existing branches LABEL are used as they are, those that only a remote has are
    tracked. Hidden folders are left out unless --repos names them.
    """

    def make_plan(trusted: bool) -> StartPlan:
        return deck.workspaces.plan(
            label, path, _names(repos, path), _bases(base), windows=windows, offline=offline, trust=trusted
        )

    if dry_run:
        with waiting.told(json=json):
            plan = make_plan(trust)
        _plan(plan, json)
        return
    done = made.make(deck, make_plan, "start", trust=trust, in_pane=in_pane, json=json)
    session = done.session
    if json:
        output.document({"session": _view(deck, session), "warnings": done.warnings})
    else:
        names = ", ".join(member.repository for member in session.members)
        place = output.from_home(session.worktree)
        made.tell(
            done, f"started {output.styled(session.label, 'bold')} over {names} in {place}", open_after=open_after
        )
    if editor:
        deck.workspaces.ide_file(session, editor)
    if open_after:
        from devdeck.cli.going import go

        go(deck, deck.terminals.hand_off(session))


def _names(repos: tuple[str, ...], folder: str) -> list[str]:
    """The repositories named, comma by comma; what is a folder with a comma in its name is taken whole."""
    names = []
    for value in repos:
        whole = os.path.isdir(os.path.join(folder, value))
        names += [value] if whole else value.split(",")
    return [name for name in names if name.strip()]


def _bases(values: tuple[str, ...]) -> Mapping[str, str] | None:
    """`REF` and `REPO=REF`; the last one counts."""
    bases = {}
    for value in values:
        name, equals, ref = value.partition("=")
        if equals:
            bases[name.strip()] = ref.strip()
        else:
            bases[""] = value.strip()
    return bases or None


def _plan(plan: StartPlan, json: bool) -> None:
    session, upstreams = plan.session, plan.upstreams
    if not json:
        plans.show(f"would start {session.label}:", plan.steps, warnings=plan.warnings)
        return
    members = [
        {
            "repository": member.repository,
            "worktree": member.worktree,
            "branch": member.branch,
            "upstream": upstreams.get(member.worktree),
        }
        for member in session.members
    ]
    output.document(
        {
            "plan": list(plan.steps),
            "label": session.label,
            "worktree": session.worktree,
            "members": members,
            "warnings": list(plan.warnings),
        }
    )


def _view(deck: Deck, session: Session) -> dict[str, Any]:
    from devdeck.looking import look

    seen = look(deck, lambda each: each.id == session.id)
    return next(views.state_view(state, seen.members(state)) for state in seen.whole)


@workspace.command()
@output.json_option
@output.with_deck
def ls(deck: Deck, json: bool) -> None:
    """List the workspaces with their repositories."""
    from devdeck.cli.listing import show
    from devdeck.looking import look

    seen = look(deck, lambda session: session.kind is SessionKind.WORKSPACE)
    show(seen, json, empty="no workspaces yet", start="workspace start LABEL  in a folder of repositories makes one")


def _editor_verb(editor: str, called: str) -> None:
    """Add a verb that opens a workspace in one editor."""

    @workspace.command(name=editor, help=f"Open a workspace in {called}.")
    @click.argument("label", shell_complete=complete.workspaces)
    @output.dry_run_option
    @output.json_option
    @output.with_deck
    def verb(deck: Deck, label: str, dry_run: bool, json: bool) -> None:
        _edit(deck, label, editor, dry_run, json)


_editor_verb("code", "Visual Studio Code")
_editor_verb("cursor", "Cursor")


@workspace.command()
@click.argument("label", shell_complete=complete.workspaces)
@click.option(
    "--editor", metavar="CMD", required=True, callback=filled,
    help="The editor's command line; the file is put behind it.",
)  # fmt: skip
@output.dry_run_option
@output.json_option
@output.with_deck
def edit(deck: Deck, label: str, editor: str, dry_run: bool, json: bool) -> None:
    """Open a workspace in an editor that knows .code-workspace files."""
    _edit(deck, label, editor, dry_run, json)


def _edit(deck: Deck, label: str, editor: str, dry_run: bool, json: bool) -> None:
    from devdeck.workspace import ide

    session = deck.sessions.find(label)
    if dry_run:
        ide.require_workspace(session)
        path = ide.workspace_file(session)
    else:
        path = deck.workspaces.ide_file(session, editor)
    if json:
        output.document({"session": label, "file": str(path), "editor": editor, "dry_run": dry_run})
    else:
        output.say(f"{'would open' if dry_run else 'opened'} {path} in {editor}")


# Verbs that a workspace shares with every session


def _checked(verb: str, *, help: str) -> click.Command:
    """A verb of every session that lets only workspaces pass, and what it is told to be."""
    import importlib

    from devdeck.cli.main import VERBS

    module, name = VERBS[verb].split(":")
    inner: click.Command = getattr(importlib.import_module(module), name)
    argument = next(param.name or "" for param in inner.params if isinstance(param, click.Argument))
    params = [
        click.Argument([argument], shell_complete=complete.workspaces) if param.name == argument else param
        for param in inner.params
    ]

    @output.with_deck
    def callback(deck: Deck, **given: Any) -> Any:
        _require(deck.sessions.find(given[argument]), verb)
        return inner.callback(**given) if inner.callback else None

    return click.Command(verb, params=params, callback=callback, help=help)


def _require(session: Session, verb: str) -> Session:
    if session.kind is not SessionKind.WORKSPACE:
        label = shlex.quote(session.label)
        raise UsageError(f"{session.label!r} is no workspace", f"`devdeck {verb} {label}` is for every session")
    return session


@workspace.command(short_help="Remove a workspace (or `all`), into the trash.")
@click.argument("target", metavar="LABEL|all", shell_complete=complete.workspaces_or_all)
@removing_options("workspace rm all")
@output.with_deck
def rm(deck: Deck, target: str, force: bool, yes: bool, dry_run: bool, json: bool) -> None:
    """Remove a workspace (or `all` of them): its worktrees, its own branches and its tmux session go to the trash.

    It refuses (exit status 4), and can be taken back, as `devdeck rm`, which takes the label of a workspace too.
    """
    removing.remove_sessions(
        deck,
        None if target.lower() == "all" else _require(deck.sessions.find(target), "rm"),
        workspaces=True,
        force=force,
        yes=yes,
        dry_run=dry_run,
        json=json,
    )
