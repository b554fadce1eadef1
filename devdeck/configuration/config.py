"""The user's configuration: `config.toml` in the configuration folder. Without it, every setting has its default."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from devdeck.errors import DeckError

if TYPE_CHECKING:
    from pathlib import Path

    from devdeck.paths import Paths

FILE = "config.toml"

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kKMGT]?)(i?B)?\s*")

Size = Annotated[int, Meta(ge=0)] | str
"""Bytes, or text such as `500 MiB`, `2G`, `1.5 GB`."""


def size_in_bytes(value: int | str) -> int | None:
    """A size in bytes: a number, or text with a unit (k, M, G, T, also with iB: powers of 1024; with B: of 1000).

    Returns:
        `None` when the text is no size.
    """
    if isinstance(value, int):
        return value
    found = _SIZE.fullmatch(value)
    if found is None:
        return None
    power = " kMGT".index(found[2].replace("K", "k") or " ")
    return int(float(found[1]) * (1000 if found[3] == "B" and power else 1024) ** power)


class TrashSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long, and how much, removed sessions are kept."""

    keep_days: Annotated[
        float, Meta(ge=0, description="Days after which a removed session is deleted for good; 0: never by age.")
    ] = 30.0
    max_size: Annotated[
        Size, Meta(description="Most that the trash may hold; the oldest goes first. Bytes, or text such as '10 GiB'.")
    ] = "10 GiB"
    ignored_limit: Annotated[
        Size,
        Meta(description="Most that is kept of the files of a removed session that git ignores."),
    ] = "512 MiB"


class StartSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How sessions are started."""

    fetch_timeout: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds that a remote may take to answer when a session is started.")
    ] = 5.0
    offline: Annotated[bool, Meta(description="Never ask a remote when a session is started.")] = False


class InitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a repository's configuration is carried out."""

    in_pane: Annotated[
        bool,
        Meta(description="Type the commands into the session's pane, as par does, instead of running them as jobs."),
    ] = False
    timeout: Annotated[
        float, Meta(ge=0, description="Seconds that a command may take whose time-out is not given; 0: any time.")
    ] = 0.0
    teardown_timeout: Annotated[
        float, Meta(gt=0, description="Seconds that a teardown command may take whose time-out is not given.")
    ] = 60.0
    max_files: Annotated[
        int, Meta(ge=0, description="Most files, folders and links that may be included in a worktree.")
    ] = 100_000
    max_size: Annotated[
        Size, Meta(description="Most that the included files may hold. Bytes, or text such as '5 GiB'.")
    ] = "5 GiB"


class UserFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """devdeck's config.toml."""

    trash: Annotated[TrashSettings, Meta(description="How long, and how much, removed sessions are kept.")] = (
        TrashSettings()
    )
    start: Annotated[StartSettings, Meta(description="How sessions are started.")] = StartSettings()
    init: Annotated[InitSettings, Meta(description="How a repository's configuration is carried out.")] = InitSettings()


class Setting(msgspec.Struct, frozen=True):
    """One setting as it is in force."""

    name: str
    """Such as `trash.keep_days`."""
    value: bool | int | float | str
    source: str
    """`default`, or `FILE:LINE`."""
    description: str


class Config(msgspec.Struct, frozen=True):
    """The user's settings, defaults filled in."""

    trash: TrashSettings = TrashSettings()
    start: StartSettings = StartSettings()
    init: InitSettings = InitSettings()
    file: str = ""
    """Where it was read from; empty when there is no file."""
    lines: dict[str, int] = {}
    """Line of every setting that the file gives."""

    @classmethod
    def path(cls, paths: Paths) -> Path:
        """Where the file is looked for."""
        return paths.config / FILE

    @classmethod
    def load(cls, paths: Paths) -> Config:
        """Read it. Costs one look at the disk when there is no file.

        Raises:
            ConfigError: It is not what it should be; the message begins with `FILE:LINE:COLUMN`.
            DeckError: It can't be read.
        """
        path = cls.path(paths)
        try:
            with path.open("rb") as file:
                data = file.read(2**20)
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise DeckError(f"can't read {path}: {error.strerror}", "check its permissions", code="config") from error
        from devdeck.configuration.documents import convert, decode, parse_toml

        document = parse_toml(decode(data, str(path)), str(path))
        read = convert(document, UserFile)
        for section, field in (("trash", "max_size"), ("trash", "ignored_limit"), ("init", "max_size")):
            value = getattr(getattr(read, section), field)
            if size_in_bytes(value) is None:
                raise document.error((section, field), f"found the text {value!r}, expected a size such as '500 MiB'")
        lines = {f"{key[0]}.{key[1]}": place.line for key, place in document.keys.items() if len(key) == 2}
        return cls(read.trash, read.start, read.init, str(path), lines)

    @property
    def trash_size(self) -> int:
        """`trash.max_size` in bytes."""
        return _bytes(self.trash.max_size)

    @property
    def ignored_limit(self) -> int:
        """`trash.ignored_limit` in bytes."""
        return _bytes(self.trash.ignored_limit)

    @property
    def include_size(self) -> int:
        """`init.max_size` in bytes."""
        return _bytes(self.init.max_size)

    def settings(self) -> tuple[Setting, ...]:
        """All settings as they are in force, with where each comes from."""
        found = []
        for section in ("trash", "start", "init"):
            for field, description in _descriptions(type(getattr(self, section))):
                name = f"{section}.{field}"
                source = f"{self.file}:{self.lines[name]}" if name in self.lines else "default"
                found.append(Setting(name, getattr(getattr(self, section), field), source, description))
        return tuple(found)


def _bytes(value: int | str) -> int:
    size = size_in_bytes(value)
    assert size is not None, "checked when it was read"
    return size


def _descriptions(kind: Any) -> list[tuple[str, str]]:
    from msgspec import inspect

    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return [
        (
            field.name,
            str((field.type.extra_json_schema or {}).get("description", ""))
            if isinstance(field.type, inspect.Metadata)
            else "",
        )
        for field in info.fields
    ]
