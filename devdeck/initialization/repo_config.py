"""What a repository asks devdeck to set up in new sessions: `.devdeck.toml`, or `.par.yaml` as par reads it.

Read from the repository's main worktree as it is on disk, so edits count before they are committed. The bytes are read
once; what is trusted (see `devdeck.initialization.trust`) is what is used.
"""

from __future__ import annotations

import os
import shlex
import stat
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from devdeck.configuration.documents import (
    SIZE_LIMIT,
    ConfigError,
    Document,
    convert,
    decode,
    describe,
    known_keys,
    parse_toml,
    parse_yaml,
    unknown_key,
)
from devdeck.errors import DeckError
from devdeck.initialization.patterns import why_not_pattern
from devdeck.text import one_line

FILE = ".devdeck.toml"
PAR_FILE = ".par.yaml"
COMMANDS_LIMIT = 50
"""Most commands of one kind in a configuration."""


class Mode(StrEnum):
    """How a file gets into a worktree."""

    CLONE = "clone"
    """A copy that shares its bytes with the original until one of them changes, where the file system can."""
    COPY = "copy"
    """A copy with bytes of its own."""
    LINK = "link"
    """A symbolic link to the file in the main worktree."""


class Include(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files of the main worktree that a new worktree gets too."""

    pattern: Annotated[
        str,
        Meta(
            description="Files and folders, relative to the repository: * and ? within a name, ** for any number of "
            "folders, [abc] for one of several characters. Names that begin with a dot need one in the pattern."
        ),
    ]
    mode: Annotated[
        Mode,
        Meta(
            description="clone: share the bytes with the original until one of them changes, where the file system "
            "can, else copy; copy: copy the bytes; link: a symbolic link to the original."
        ),
    ] = Mode.CLONE


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """When a command runs: all that is given must hold; of each list, one entry is enough (of `missing`, all count)."""

    exists: Annotated[
        str | tuple[str, ...], Meta(description="Paths in the worktree; one of them exists (a pattern may be used).")
    ] = ()
    missing: Annotated[
        str | tuple[str, ...], Meta(description="Paths in the worktree; none of them exists (a pattern may be used).")
    ] = ()
    os: Annotated[str | tuple[str, ...], Meta(description="linux, macos or windows.")] = ()
    command: Annotated[str | tuple[str, ...], Meta(description="Programs; all of them are on the PATH.")] = ()


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One command of a set-up or teardown."""

    run: Annotated[
        str | tuple[str, ...],
        Meta(description="A line for the user's shell, or a list: a program and its arguments, without a shell."),
    ]
    name: Annotated[str, Meta(description="What to call it.")] = ""
    directory: Annotated[str, Meta(description="Where to run it, relative to the worktree and inside of it.")] = "."
    env: Annotated[dict[str, str | int], Meta(description="Environment variables to set.")] = {}
    timeout: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Seconds after which it is stopped with all that it started, and has failed."),
    ] = None
    when: Annotated[When | None, Meta(description="Run it only when this holds; else it is skipped.")] = None
    group: Annotated[
        str, Meta(description="Commands of the same group that stand one after another run at the same time.")
    ] = ""


class Init(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens in a new session."""

    include: Annotated[
        str | tuple[str | Include, ...], Meta(description="Files to copy or link from the main worktree.")
    ] = ()
    command: Annotated[
        str | tuple[str | Command, ...], Meta(description="Commands to run in the new worktree, in this order.")
    ] = ()


class Teardown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens before a session is removed."""

    command: Annotated[
        str | tuple[str | Command, ...], Meta(description="Commands to run in the worktree, in this order.")
    ] = ()


class RepositoryFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A repository's .devdeck.toml."""

    init: Annotated[Init, Meta(description="What happens in a new session.")] = Init()
    teardown: Annotated[Teardown, Meta(description="What happens before a session is removed.")] = Teardown()


class ParCommand(msgspec.Struct, frozen=True):
    """A command as `.par.yaml` may have it."""

    command: str
    name: str | None = None


class ParInit(msgspec.Struct, frozen=True):
    """The section `initialization` of `.par.yaml`."""

    include: str | tuple[str, ...] | None = None
    commands: str | tuple[str | ParCommand, ...] | None = None


class ParFile(msgspec.Struct, frozen=True):
    """A `.par.yaml`."""

    initialization: ParInit | None = None


class RepoConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a repository's configuration says, in one form whatever file it came from."""

    repository_path: str
    """Main worktree of the repository, resolved."""
    file: str = ""
    """Path of the file; empty when there is none."""
    data: bytes = b""
    """Its content, of which everything else here is made."""
    include: tuple[Include, ...] = ()
    commands: tuple[Command, ...] = ()
    teardown: tuple[Command, ...] = ()
    warnings: tuple[str, ...] = ()
    """What is odd in the file and no error, each with file, line and column."""

    @property
    def empty(self) -> bool:
        """Whether it asks for nothing."""
        return not (self.include or self.commands or self.teardown)


def words(command: Command) -> str:
    """A command in words, all of it on one safe line: its name, what it runs, and under which conditions."""
    line = command.run if isinstance(command.run, str) else shlex.join(command.run)
    text = f"{command.name}: {line}" if command.name else line
    notes = []
    if command.directory not in (".", ""):
        notes.append(f"in {command.directory}")
    if command.env:
        notes.append("with " + " ".join(f"{name}={shlex.quote(str(value))}" for name, value in command.env.items()))
    if command.when is not None:
        notes += [f"when {name} {', '.join(several(value))}" for name, value in _conditions(command.when)]
    if command.timeout is not None:
        notes.append(f"for {command.timeout:g} s at most")
    return visible(text.strip() + (f" ({'; '.join(notes)})" if notes else ""))


def visible(text: str) -> str:
    """Text on one line with nothing hidden: line ends as ⏎, other characters that don't show as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text.replace("\r\n", "\n").replace("\n", " ⏎ ").replace("\t", " ")
    )


def include_words(include: Include) -> str:
    """An include in words: `copy .env`, `link node_modules`."""
    return visible(f"{'link' if include.mode is Mode.LINK else 'copy'} {include.pattern}")


def _conditions(when: When) -> list[tuple[str, str | tuple[str, ...]]]:
    fields = (("exists", when.exists), ("missing", when.missing), ("os", when.os), ("command", when.command))
    return [(name, value) for name, value in fields if value]


def several(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """A string or list as a list."""
    return (value,) if isinstance(value, str) else value


def read(repository_path: str, *, found: tuple[str, bytes] | None = None) -> RepoConfig:
    """The configuration of a repository: `.devdeck.toml`, else `.par.yaml`, else an empty one.

    Args:
        repository_path: Its main worktree, resolved.
        found: What `read_bytes` gave, so that nothing is read twice.

    Raises:
        ConfigError: A file is there and is not what it should be; the message begins with `FILE:LINE:COLUMN`.
        DeckError: It can't be read.
    """
    file, data = read_bytes(repository_path) if found is None else found
    if not file:
        return RepoConfig(repository_path=repository_path)
    return (_devdeck if file.endswith(FILE) else _par)(repository_path, file, data)


def read_bytes(repository_path: str) -> tuple[str, bytes]:
    """Path and content of the configuration, not yet understood; two empty values when there is none.

    Raises:
        DeckError: It can't be read.
    """
    for name in (FILE, PAR_FILE):
        path = Path(repository_path) / name
        data = _bytes(path)
        if data is not None:
            return str(path), data
    return "", b""


def _bytes(path: Path) -> bytes | None:
    """A file's content, `None` when there is none. A link is followed only within the repository."""
    real = os.path.realpath(path)
    if not os.path.lexists(path):
        return None
    if not Path(real).is_relative_to(os.path.realpath(path.parent)):
        raise ConfigError(f"{path}:1:1: it is a link to {one_line(real, limit=300)}, outside of the repository")
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(f"{path}:1:1: it is no regular file")
            return file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise DeckError(f"can't read {path}: {error.strerror}", "check its permissions") from error


def _devdeck(repository_path: str, name: str, data: bytes) -> RepoConfig:
    document = parse_toml(decode(data, name), name)
    file = convert(document, RepositoryFile)
    patterns = _items(file.init.include)
    include = tuple(Include(item) if isinstance(item, str) else item for item in patterns)
    for index, each in enumerate(include):
        _check_pattern(document, each.pattern, ("init", "include"), file.init.include, index, "pattern")
    return RepoConfig(
        repository_path=repository_path,
        file=name,
        data=data,
        include=include,
        commands=_commands(document, "init", file.init.command),
        teardown=_commands(document, "teardown", file.teardown.command),
    )


def _items(value: str | tuple[str | Include, ...]) -> tuple[str | Include, ...]:
    return (value,) if isinstance(value, str) else value


def _commands(document: Document, section: str, value: str | tuple[str | Command, ...]) -> tuple[Command, ...]:
    items = (value,) if isinstance(value, str) else value
    where = (section, "command")
    if len(items) > COMMANDS_LIMIT:
        raise document.error(where, f"found {len(items)} commands, expected {COMMANDS_LIMIT} at most")
    commands = tuple(Command(item) if isinstance(item, str) else item for item in items)
    for index, command in enumerate(commands):
        path = where if isinstance(value, str) else (*where, index)
        _check_command(document, command, path, isinstance(items[index], str))
    return commands


def _check_command(document: Document, command: Command, path: tuple[str | int, ...], plain: bool) -> None:
    run = path if plain else (*path, "run")
    _check_run(document, command.run, run)
    if why := _why_not_inside(command.directory):
        found = describe(command.directory)
        raise document.error((*path, "directory"), f"found {found}, which {why}; expected a folder in the worktree")
    for name, value in command.env.items():
        if not name or "=" in name or "\0" in name or "\0" in str(value):
            raise document.error((*path, "env", name), f"found {describe(name)}, expected the name of a variable")
    if command.when is None:
        return
    for field in ("exists", "missing"):
        for pattern in several(getattr(command.when, field)):
            if why := why_not_pattern(pattern):
                words = f"found {describe(pattern)}, which {why}; expected a path in the worktree"
                raise document.error((*path, "when", field), words)
    for system in several(command.when.os):
        if system not in ("linux", "macos", "windows"):
            raise document.error((*path, "when", "os"), f"found {describe(system)}, expected linux, macos or windows")


def _check_run(document: Document, run: str | tuple[str, ...], path: tuple[str | int, ...]) -> None:
    texts = several(run)
    if not texts or not texts[0].strip():
        raise document.error(path, f"found {'an empty text' if isinstance(run, str) else 'an empty list'}, expected a "
                             "command")  # fmt: skip
    if any("\0" in text for text in texts):
        raise document.error(path, "found a NUL character, which no command can hold")


def _why_not_inside(directory: str) -> str:
    """Why a relative folder can't be used; empty when it can."""
    if directory.startswith(("/", "~/")) or directory == "~":
        return "is no relative path"
    if ".." in directory.split("/"):
        return "leads out of the worktree"
    return "holds a NUL character" if "\0" in directory else ""


def _check_pattern(
    document: Document,
    pattern: str,
    where: tuple[str | int, ...],
    value: object,
    index: int,
    field: str = "",
) -> None:
    if why := why_not_pattern(pattern):
        path = where if isinstance(value, str) else (*where, index)
        if field and (*path, field) in document.values:
            path = (*path, field)
        raise document.error(path, f"found {describe(pattern)}, which {why}; expected files of the repository")


def _par(repository_path: str, name: str, data: bytes) -> RepoConfig:
    document = parse_yaml(decode(data, name), name)
    if document.value is None:
        return RepoConfig(repository_path=repository_path, file=name, data=data)
    section = convert(document, ParFile).initialization or ParInit()
    patterns = several(section.include or ())
    for index, pattern in enumerate(patterns):
        _check_pattern(document, pattern, ("initialization", "include"), section.include, index)
    where = ("initialization", "commands")
    items = (section.commands,) if isinstance(section.commands, str) else section.commands or ()
    if len(items) > COMMANDS_LIMIT:
        raise document.error(where, f"found {len(items)} commands, expected {COMMANDS_LIMIT} at most")
    commands = tuple(
        Command(item) if isinstance(item, str) else Command(item.command, name=item.name or "") for item in items
    )
    for index, command in enumerate(commands):
        path = where if isinstance(section.commands, str) else (*where, index)
        _check_run(document, command.run, path if isinstance(items[index], str) else (*path, "command"))
    return RepoConfig(
        repository_path=repository_path,
        file=name,
        data=data,
        include=tuple(Include(pattern) for pattern in patterns),
        commands=commands,
        warnings=_par_warnings(document),
    )


def _par_warnings(document: Document) -> tuple[str, ...]:
    """Keys that par passes over, and so does devdeck."""
    found = []
    for path in sorted(document.keys, key=lambda path: document.keys[path].line):
        parent = path[:-1]
        if "<key>" in path or "<merged>" in path:
            continue
        known = known_keys(ParFile, parent)
        if known and path[-1] not in known:
            found.append(document.at(path, unknown_key(str(path[-1]), known) + "; it is not used", key=True))
    return tuple(found[:20])
