"""What the shell offers for an argument: read from files, never from git's or tmux's processes where that takes long.

Each function is a click `shell_complete`. It may offer too little, never fail, and takes a few milliseconds: labels,
jobs and trash come from the store by SQLite alone, without opening a deck.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

import click
from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

REFS_TIMEOUT = 0.5
"""Seconds that git may take to list references."""
MAX_OFFERED = 200
"""Most values offered for one argument."""


def _rows(sql: str, *arguments: object) -> list[tuple[str, ...]]:
    """Read from the store without making, migrating or locking it; empty when it can't be read."""
    import sqlite3

    from devdeck.paths import Paths

    path = Paths.from_environment().database
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0.1)
    except (sqlite3.Error, ValueError):
        return []
    try:
        return connection.execute(sql, arguments).fetchall()
    except sqlite3.Error:
        return []
    finally:
        connection.close()


def offered(values: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    """Those of (value, what it is) that begin with what was typed; each once, bounded, nothing that breaks a line."""
    found: dict[str, CompletionItem] = {}
    for value, told in values:
        if value.startswith(incomplete) and value.isprintable() and value not in found:
            found[value] = CompletionItem(value, help=told or None)
            if len(found) == MAX_OFFERED:
                break
    return list(found.values())


def _labels() -> list[tuple[str, str]]:
    made = _rows(
        "SELECT label, json_extract(CAST(record AS TEXT), '$.repository') || ' ' || "
        "coalesce(json_extract(CAST(record AS TEXT), '$.branch'), '') FROM sessions WHERE ready = 1 ORDER BY label"
    )
    members = _rows(
        "SELECT label || ':' || json_extract(member.value, '$.repository'), 'in ' || label FROM sessions, "
        "json_each(CAST(record AS TEXT), '$.members') AS member WHERE ready = 1 ORDER BY 1"
    )
    return [(label, told or "") for label, told in (*made, *members)]


def labels(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Sessions, and members of workspaces as `workspace:repository`."""
    return offered(_labels(), incomplete)


def labels_or_all(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Sessions, or all of them."""
    return offered([*_labels(), ("all", "all sessions")], incomplete)


def labels_or_last(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Sessions, or the one before."""
    return offered([*_labels(), ("-", "the session before")], incomplete)


def workspaces(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Workspaces."""
    found = _rows(
        "SELECT label, 'workspace' FROM sessions WHERE ready = 1 AND "
        "json_extract(CAST(record AS TEXT), '$.kind') = 'workspace' ORDER BY label"
    )
    return offered([(label, told) for label, told in found], incomplete)


def workspaces_or_all(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Workspaces, or all of them."""
    return [*workspaces(ctx, param, incomplete), *offered([("all", "all workspaces")], incomplete)]


def _jobs(running: bool) -> list[tuple[str, str]]:
    found = _rows(
        "SELECT id, json_extract(CAST(record AS TEXT), '$.title') FROM jobs WHERE running >= ? "
        "ORDER BY created_at DESC LIMIT ?",
        int(running),
        MAX_OFFERED,
    )
    return [(id_, title or "job") for id_, title in found]


def labels_or_jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Sessions, or jobs by their ids."""
    return offered([*_labels(), *_jobs(running=False)], incomplete)


def labels_or_running_jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Sessions, or jobs that have not ended by their ids."""
    return offered([*_labels(), *_jobs(running=True)], incomplete)


def trash(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What is in the trash: by label where that is enough, and by id."""
    found = _rows("SELECT json_extract(CAST(record AS TEXT), '$.session.label'), id FROM trash ORDER BY at DESC")
    names = [label for label, _ in found]
    return offered(
        [
            *((label, "removed session") for label in names if names.count(label) == 1),
            *((id_, f"removed session {label}") for label, id_ in found),
        ],
        incomplete,
    )


def _folder(ctx: click.Context) -> str:
    """The folder that the command line is about: the one of `--path`, else the current one."""
    path = ctx.params.get("path") or ctx.params.get("folder")
    return os.path.expanduser(path) if isinstance(path, str) and path else "."


def _refs(folder: str, places: Sequence[str]) -> list[tuple[str, str]]:
    from devdeck.errors import DeckError
    from devdeck.git.process import git

    kinds = {"heads": "branch", "remotes": "remote branch", "tags": "tag"}
    try:
        told = git(
            folder, "for-each-ref", f"--count={2 * MAX_OFFERED}", "--sort=-committerdate",
            "--format=%(refname)", "--", *places, timeout=REFS_TIMEOUT,
        ).text  # fmt: skip
    except DeckError:
        return []
    found = []
    for line in told.splitlines():
        _, kind, name = (*line.split("/", 2), "", "")[:3]
        if name and not (kind == "remotes" and name.endswith("/HEAD")):
            found.append((name, kinds.get(kind, kind)))
    return found


def refs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Branches, remote branches and tags of the repository, those with the newest commits first."""
    return offered(_refs(_folder(ctx), ("refs/heads", "refs/remotes", "refs/tags")), incomplete)


def checkout_targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Branches and remote branches of the repository, and how a pull request is named."""
    return offered(
        [*_refs(_folder(ctx), ("refs/heads", "refs/remotes")), ("pr/", "a pull request: pr/NUMBER")], incomplete
    )


def folders(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Folders: the shell knows them best."""
    return [CompletionItem(incomplete, type="dir")]


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files and folders."""
    return [CompletionItem(incomplete, type="file")]


def repositories(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Known repositories by their paths, and folders."""
    known = [(path, name) for path, name in _rows("SELECT path, name FROM repositories ORDER BY seen_at DESC")]
    typed = incomplete.startswith("/")  # otherwise a path would be offered in place of a folder right here
    return [*offered(known if typed else [], incomplete), CompletionItem(incomplete, type="dir")]


def adoptable(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Linked worktrees of known repositories that are no session, and folders."""
    from pathlib import Path

    taken = {path for (path,) in _rows("SELECT json_extract(CAST(record AS TEXT), '$.worktree') FROM sessions")}
    found = []
    for root, name in _rows("SELECT path, name FROM repositories ORDER BY seen_at DESC LIMIT 50"):
        for pointer in Path(root, ".git", "worktrees").glob("*/gitdir"):
            try:
                place = os.path.dirname(pointer.read_text(errors="surrogateescape").strip())
            except OSError:
                continue
            if place not in taken:
                found.append((place, f"worktree of {name}"))
    return [*offered(found, incomplete), CompletionItem(incomplete, type="dir")]


def themes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Themes: devdeck's own and the user's."""
    from pathlib import Path

    from devdeck.paths import Paths

    places = (Path(__file__).parent.parent.parent / "themes", Paths.from_environment().themes)
    return offered([(file.stem, "theme") for place in places for file in sorted(place.glob("*.toml"))], incomplete)


def verbs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Verbs."""
    from devdeck.cli.main import VERBS

    return offered([(verb, "") for verb in VERBS], incomplete)


def nothing(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For what only the user knows: a new label, text, a command."""
    return []
