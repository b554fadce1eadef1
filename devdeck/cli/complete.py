"""What the shell offers for an argument: read from files, in a few milliseconds, without starting a process.

Each function is given to click as `shell_complete` of an argument or option. The answers come through
`devdeck.cli.answering`, which calls them by name without loading click. They may offer too little, and never fail.
Labels, jobs and trash are read from the store by SQLite alone, without opening a deck.
"""

from __future__ import annotations

import os

from devdeck.places import config_folder, data_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    import click

    Completer = Callable[[click.Context, click.Parameter, str], list[str]]

MAX_OFFERED = 200
"""Most values offered for one argument."""
_MAX_REFS = 5000
_MAX_MEMBERS = 20
_MAX_FILE = 16 * 2**20


class Offer(str):
    """A value that is offered, with what it is."""

    kind: str
    """`plain`; or `dir` and `file`, which ask the shell for folders or files."""
    told: str
    """A short description; may be empty."""

    def __new__(cls, value: str, told: str = "", kind: str = "plain") -> Offer:
        """Make one."""
        offer = super().__new__(cls, value)
        offer.kind, offer.told = kind, told
        return offer


def _rows(sql: str, *arguments: object) -> list[tuple[str, ...]]:
    """Read from the store without making, migrating or locking it; empty when it can't be read."""
    import sqlite3

    path = os.fsencode(f"{data_folder()}/deck.sqlite3")
    quoted = "".join(f"%{byte:02x}" for byte in path)
    try:
        connection = sqlite3.connect(f"file:{quoted}?mode=ro", uri=True, timeout=0.1)
    except (sqlite3.Error, ValueError):
        return []
    try:
        return connection.execute(sql, arguments).fetchall()
    except sqlite3.Error:
        return []
    finally:
        connection.close()


def offered(values: Iterable[tuple[str, str]], incomplete: str) -> list[str]:
    """Those of (value, what it is) that begin with what was typed; each once, bounded, nothing that breaks a line."""
    found: dict[str, str] = {}
    for value, told in values:
        if value.startswith(incomplete) and value.isprintable() and value not in found:
            found[value] = Offer(value, told)
            if len(found) == MAX_OFFERED:
                break
    return list(found.values())


class _Known:
    """A session, or one repository of a workspace (kind `member`). `typing` would take longer to load than all else."""

    def __init__(self, id: str, label: str, told: str, kind: str, worktree: str) -> None:
        self.id, self.label, self.told, self.kind, self.worktree = id, label, told, kind, worktree

    @property
    def offer(self) -> tuple[str, str]:
        return self.label, self.told


def _whole() -> list[_Known]:
    """Sessions and workspaces."""
    rows = _rows(
        "SELECT id, label, json_extract(CAST(record AS TEXT), '$.repository') || ' ' || "
        "coalesce(json_extract(CAST(record AS TEXT), '$.branch'), ''), json_extract(CAST(record AS TEXT), '$.kind'), "
        "json_extract(CAST(record AS TEXT), '$.worktree') FROM sessions WHERE ready = 1 ORDER BY label"
    )
    return [_Known(id_, label, told or "", kind or "", place or "") for id_, label, told, kind, place in rows]


def _members() -> list[_Known]:
    """Repositories of workspaces, as `workspace:repository` (`Session.member_sessions`)."""
    rows = _rows(
        "SELECT sessions.id, label, json_extract(member.value, '$.repository'), "
        "json_extract(member.value, '$.worktree') "
        "FROM sessions, json_each(CAST(record AS TEXT), '$.members') AS member WHERE ready = 1 ORDER BY 2, 3"
    )
    return [
        _Known(f"{id_}.{name}", f"{label}:{name}", f"in {label}", "member", place) for id_, label, name, place in rows
    ]


def _labels() -> list[tuple[str, str]]:
    return [known.offer for known in (*_whole(), *_members())]


def labels(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Sessions, and members of workspaces as `workspace:repository`."""
    return offered(_labels(), incomplete)


def whole_labels(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Sessions and whole workspaces: for what can't be done to one repository of a workspace."""
    return offered([known.offer for known in _whole()], incomplete)


def whole_labels_or_all(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The same, or all of them."""
    return offered([*(known.offer for known in _whole()), ("all", "all sessions")], incomplete)


def single_labels(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Sessions and members of workspaces, not workspaces: for what is done in one worktree."""
    known = [*(each for each in _whole() if each.kind != "workspace"), *_members()]
    return offered([each.offer for each in known], incomplete)


def several_labels_or_all(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Sessions with commas between them, or all of them."""
    before, comma, typed = incomplete.rpartition(",")
    if not comma:
        return offered([*_labels(), ("all", "all sessions")], incomplete)
    named = before.split(",")
    found = [(label, told) for label, told in _labels() if label.startswith(typed) and label not in named]
    return offered([(f"{before},{label}", told) for label, told in found], incomplete)


def labels_or_last(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Sessions, or the one before."""
    return offered([*_labels(), ("-", "the session before")], incomplete)


def workspaces(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Workspaces."""
    return offered([(each.label, "workspace") for each in _whole() if each.kind == "workspace"], incomplete)


def workspaces_or_all(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
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


def _with_jobs(running: bool) -> list[tuple[str, str]]:
    """Sessions and members that have jobs (that run); a workspace has its members' jobs too."""
    having = {id_ for (id_,) in _rows("SELECT DISTINCT session_id FROM jobs WHERE running >= ?", int(running))}
    having |= {id_.partition(".")[0] for id_ in having}
    return [known.offer for known in (*_whole(), *_members()) if known.id in having]


def labels_or_jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Sessions in which something was run, or jobs by their ids."""
    return offered([*_with_jobs(running=False), *_jobs(running=False)], incomplete)


def labels_or_running_jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Sessions in which something runs, or jobs that have not ended by their ids."""
    return offered([*_with_jobs(running=True), *_jobs(running=True)], incomplete)


def trash(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
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


_KINDS = {"heads": "branch", "remotes": "remote branch", "tags": "tag"}


def _refs(folder: str, kinds: Sequence[str]) -> list[tuple[str, str]]:
    """References of the repository that a folder lies in, read from its files: (short name, what it is)."""
    common = _common_dir(folder)
    if common is None:
        return []
    prefixes = tuple(f"refs/{kind}/" for kind in kinds)
    names = sorted({name for name in (*_loose(common, kinds), *_packed(common)) if name.startswith(prefixes)})
    found = [(name.split("/", 2)[2], _KINDS[name.split("/", 2)[1]]) for name in names if not name.endswith("/HEAD")]
    return sorted(found, key=lambda item: tuple(_KINDS.values()).index(item[1]))


def _common_dir(folder: str) -> str | None:
    """The git directory that the worktrees of a folder's repository share (gitrepository-layout(5))."""
    place = os.path.realpath(folder)
    while not os.path.exists(f"{place}/.git"):
        if os.path.isfile(f"{place}/HEAD") and os.path.isdir(f"{place}/refs"):
            return place
        if place == os.path.dirname(place):
            return None
        place = os.path.dirname(place)
    own = f"{place}/.git"
    if os.path.isfile(own):
        own = os.path.join(place, _text(own).removeprefix("gitdir:").strip())
    shared = _text(f"{own}/commondir").strip()
    return os.path.join(own, shared) if shared else own


def _loose(common: str, kinds: Sequence[str]) -> Iterator[str]:
    count = 0
    for kind in kinds:
        for folder, _, files in os.walk(f"{common}/refs/{kind}"):
            for file in files:
                count += 1
                if count > _MAX_REFS:
                    return
                yield os.path.relpath(f"{folder}/{file}", common)


def _packed(common: str) -> Iterator[str]:
    for line in _text(f"{common}/packed-refs").splitlines()[:_MAX_REFS]:
        if line[:1] not in ("#", "^"):
            yield line.partition(" ")[2]


def _text(path: str) -> str:
    try:
        with open(path, errors="surrogateescape") as file:
            return file.read(_MAX_FILE)
    except OSError:
        return ""


def refs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Branches, remote branches and tags of the repository."""
    return offered(_refs(_folder(ctx), ("heads", "remotes", "tags")), incomplete)


def workspace_refs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Branches and tags of the repositories in the workspace's folder; `REPOSITORY=REF` means one of them."""
    folder = _folder(ctx)
    try:
        names = sorted(name for name in os.listdir(folder) if os.path.exists(f"{folder}/{name}/.git"))[:_MAX_MEMBERS]
    except OSError:
        return []
    repository, equals, _ = incomplete.partition("=")
    wanted = [name for name in names if name == repository] if equals else names
    found = [pair for name in wanted for pair in _refs(f"{folder}/{name}", ("heads", "tags"))]
    return offered([(f"{repository}={name}" if equals else name, told) for name, told in found], incomplete)


def checkout_targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Branches and remote branches of the repository that no worktree has, and how a pull request is named."""
    folder = _folder(ctx)
    common = _common_dir(folder)
    taken = set(_checked_out(common)) if common is not None else set()
    found = [(name, told) for name, told in _refs(folder, ("heads", "remotes")) if (name, told) not in taken]
    return offered([*found, ("pr/", "a pull request: pr/NUMBER"), ("mr/", "a merge request: mr/NUMBER")], incomplete)


def _checked_out(common: str) -> Iterator[tuple[str, str]]:
    """Branches that worktrees of a repository are on, as `_refs` has them; a bare repository's own counts for none."""
    try:
        linked = sorted(os.listdir(f"{common}/worktrees"))[:_MAX_REFS]
    except OSError:
        linked = []
    main = [f"{common}/HEAD"] if os.path.basename(os.path.realpath(common)) == ".git" else []
    for head in (*main, *(f"{common}/worktrees/{name}/HEAD" for name in linked)):
        name = _text(head).strip()
        if name.startswith("ref: refs/heads/"):
            yield name.removeprefix("ref: refs/heads/"), _KINDS["heads"]


def folders(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Folders: the shell knows them best."""
    return [Offer(incomplete, kind="dir")]


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Files and folders."""
    return [Offer(incomplete, kind="file")]


def repositories(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Known repositories by their paths, and folders."""
    known = [(path, name) for path, name in _rows("SELECT path, name FROM repositories ORDER BY seen_at DESC")]
    typed = incomplete.startswith("/")  # otherwise a path would be offered in place of a folder right here
    return [*offered(known if typed else [], incomplete), Offer(incomplete, kind="dir")]


def adoptable(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Linked worktrees of known repositories that are no session, and folders."""
    taken = {known.worktree for known in (*_whole(), *_members())}
    found = []
    for root, name in _rows("SELECT path, name FROM repositories ORDER BY seen_at DESC LIMIT 50"):
        common = _common_dir(root)
        try:
            entries = sorted(os.listdir(f"{common}/worktrees"))[:MAX_OFFERED]
        except OSError:
            continue
        for entry in entries:
            place = os.path.dirname(_text(f"{common}/worktrees/{entry}/gitdir").strip())
            if place and place not in taken and os.path.isdir(place):
                found.append((place, f"worktree of {name}"))
    return [*offered(found if incomplete.startswith("/") else [], incomplete), Offer(incomplete, kind="dir")]


def themes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Themes: devdeck's own and the user's."""
    own = os.path.join(os.path.dirname(__file__), "..", "..", "themes")
    found = []
    for folder in (own, f"{config_folder()}/themes"):
        try:
            found += sorted(name for name in os.listdir(folder) if name.endswith(".toml"))
        except OSError:
            continue
    return offered([(name.removesuffix(".toml"), "theme") for name in found], incomplete)


def verbs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Verbs; behind some of them those below."""
    from devdeck.cli.words import WORDS

    node: Any = WORDS
    for verb in getattr(ctx, "given", ()):
        node = node["commands"].get(node["aliases"].get(verb, verb), {"commands": {}, "aliases": {}})
    return offered([(verb, below["help"]) for verb, below in node["commands"].items()], incomplete)


def nothing(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For what only the user knows: a new label, text, a command."""
    return []
