"""Configuration files as checked records: TOML and YAML, with errors that name file, line and column.

What is read here was written by others: sizes, depths and repetitions (YAML aliases) are bounded, nothing in it runs.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from devdeck.errors import UsageError
from devdeck.text import one_line

if TYPE_CHECKING:
    from yaml.nodes import MappingNode, Node

T = TypeVar("T")

Path = tuple[str | int, ...]
"""Keys and list indexes from the top of a document."""

SIZE_LIMIT = 256 * 2**10
"""Most bytes of a configuration file."""
_VALUES_LIMIT = 20_000
_DEPTH_LIMIT = 40
_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

_NAMES = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "a table", "null": "nothing", "datetime": "a date", "date": "a date", "time": "a time",
}  # fmt: skip
"""Words for what msgspec calls types."""


_HINT = (
    "correct it there; `devdeck config schema` (of config.toml: `devdeck config schema user`) says what may stand in it"
)


class ConfigError(UsageError):
    """A configuration file is not what it should be (exit status 2)."""

    code = "config"

    def __init__(self, message: str, hint: str = "", *, code: str | None = None) -> None:
        super().__init__(message, hint or _HINT, code=code)


class Place(msgspec.Struct, frozen=True):
    """A place in a file, both counted from 1."""

    line: int
    column: int


class Document(msgspec.Struct, frozen=True):
    """A file's values, and where they stand."""

    name: str
    """What to call the file in errors."""
    value: Any
    """Dictionaries, lists and scalars."""
    values: dict[Path, Place]
    """Where each value begins."""
    keys: dict[Path, Place]
    """Where the key of each value begins."""

    def error(self, path: Path, words: str, *, key: bool = False, hint: str = "") -> ConfigError:
        """An error at a value (or at its key)."""
        return ConfigError(self.at(path, words, key=key), hint)

    def at(self, path: Path, words: str, *, key: bool = False) -> str:
        """`FILE:LINE:COLUMN: words`, for errors and warnings."""
        known = self.keys if key else self.values
        place = known.get(path) or self.values.get(path) or Place(1, 1)
        return f"{self.name}:{place.line}:{place.column}: {words}"


def decode(data: bytes, name: str) -> str:
    """The text of a file.

    Raises:
        ConfigError: It is too large or no UTF-8.
    """
    if len(data) > SIZE_LIMIT:
        raise ConfigError(f"{name}: {len(data)} bytes found, at most {SIZE_LIMIT} expected")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        raise ConfigError(
            f"{name}:{before.count(10) + 1}:{column}: found the byte 0x{data[error.start]:02x}, expected UTF-8 text"
        ) from None


def _places(text: str, offsets: dict[Path, int]) -> dict[Path, Place]:
    starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(offset: int) -> Place:
        line = bisect.bisect_right(starts, offset)
        return Place(line, offset - starts[line - 1] + 1)

    return {path: place(offset) for path, offset in offsets.items()}


def parse_toml(text: str, name: str) -> Document:
    """Read TOML.

    Raises:
        ConfigError: It is none.
    """
    import tomllib

    from devdeck.configuration.toml_places import Scan

    try:
        value = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error), re.DOTALL)
        words = found[1] if found else str(error).removesuffix(" (at end of document)")
        lines = text.splitlines() or [""]
        where = f"{found[2]}:{found[3]}" if found else f"{len(lines)}:{len(lines[-1]) + 1}"
        raise ConfigError(f"{name}:{where}: no TOML: {_lower(one_line(words, limit=300))}") from None
    text = text.replace("\r\n", "\n")
    scan = Scan(text)
    return Document(name, value, _places(text, scan.values), _places(text, scan.keys))


def parse_yaml(text: str, name: str) -> Document:
    """Read YAML: one document, only its plain types.

    Raises:
        ConfigError: It is none, or holds more than it may.
    """
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            walk = _Walk(loader, name)
            value = None if node is None else walk.take(node, ())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        words = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(f"{name}:{where}: no YAML: {one_line(words, limit=300)}") from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        where = f"{before.count(chr(10)) + 1}:{error.position - before.rfind(chr(10))}"
        raise ConfigError(f"{name}:{where}: found a character that YAML does not allow") from None
    except RecursionError:
        raise ConfigError(f"{name}:1:1: nested more deeply than {_DEPTH_LIMIT} levels") from None
    except ValueError as error:  # such as a date that there is none of
        raise ConfigError(f"{name}:1:1: no YAML: {one_line(str(error), limit=300)}") from None
    return Document(name, value, walk.values, walk.keys)


class _Walk:
    """Turns YAML nodes into values; aliases within bounds, so that a small file can't become a huge value."""

    def __init__(self, loader: Any, name: str) -> None:
        self._loader = loader
        self._name = name
        self._left = _VALUES_LIMIT
        self.values: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}

    def take(self, node: Node, path: Path, depth: int = 0) -> Any:
        from yaml.nodes import MappingNode, SequenceNode

        place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        self._left -= 1
        if self._left < 0 or depth > _DEPTH_LIMIT:
            what = f"more than {_VALUES_LIMIT} values" if self._left < 0 else f"more than {_DEPTH_LIMIT} levels"
            words = f"found {what} (an alias counts as all that it stands for)"
            raise ConfigError(f"{self._name}:{place.line}:{place.column}: {words}")
        self.values.setdefault(path, place)
        if isinstance(node, MappingNode | SequenceNode) and node.tag not in _PLAIN_TAGS:
            tag = one_line(node.tag, limit=100)
            raise ConfigError(f"{self._name}:{place.line}:{place.column}: found the tag {tag}, expected plain YAML")
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            return [self.take(item, (*path, number), depth + 1) for number, item in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, Any]:
        from yaml.nodes import SequenceNode

        found: dict[str, Any] = {}
        merged: list[tuple[Node, int]] = []
        for key_node, value_node in node.value:
            place = Place(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key_node.tag == "tag:yaml.org,2002:merge":
                several = value_node.value if isinstance(value_node, SequenceNode) else [value_node]
                merged += [(each, depth + 1) for each in several]
                continue
            key = self.take(key_node, (*path, "<key>"), depth + 1)
            if not isinstance(key, Hashable):
                raise ConfigError(f"{self._name}:{place.line}:{place.column}: found a list or table as a key")
            name = key if isinstance(key, str) else str(key)
            self.keys[(*path, name)] = place
            self.values.pop((*path, name), None)
            found[name] = self.take(value_node, (*path, name), depth + 1)
        for each, level in merged:
            other = self.take(each, (*path, "<merged>"), level)
            if isinstance(other, dict):
                found = {**other, **found}
        return found


def convert(document: Document, kind: type[T]) -> T:
    """A document as a record.

    Raises:
        ConfigError: Something in it is not what the record expects.
    """
    try:
        return msgspec.convert(document.value, kind)
    except msgspec.ValidationError as error:
        words, _, where = str(error).partition(" - at `")
        raise _explained(document, kind, words, _path(where.removesuffix("`"))) from None


def _path(text: str) -> Path:
    """The path in a message of msgspec: `$.init.command[0].env[...]`."""
    parts = re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", text)
    return tuple(name or (int(index) if index.isdigit() else index) for name, index in parts)


def _explained(document: Document, kind: Any, words: str, path: Path) -> ConfigError:
    got = re.search(r", got `(\w+)`$", words)
    if "..." in path:
        path = _culprit(document, path, got[1] if got else "")
    name = label(path)
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", words, re.DOTALL):
        return document.error((*path, unknown[1]), unknown_key(unknown[1], known_keys(kind, path)), key=True)
    if missing := re.fullmatch(r"Object missing required field `(.*)`", words):
        return document.error(path, f"found {name or 'a table'} without {missing[1]!r}, which it needs")
    if words.startswith("Invalid enum value"):
        wanted = "one of " + ", ".join(_choices(kind, path))
    else:
        wanted = words.removesuffix(got[0] if got else "").removeprefix("Expected ")
        wanted = re.sub(r"`([\w |]+)`", lambda types: _type_words(types[1]), wanted)
    found = describe(_at(document.value, path))
    return document.error(path, f"found {found}, expected {wanted}" + (f" for {name}" if name else ""))


def _type_words(types: str) -> str:
    return " or ".join(
        sorted({_NAMES.get(name, name) for name in types.split(" | ")}, key=lambda word: (word == "nothing", word))
    )


def _culprit(document: Document, path: Path, got: str) -> Path:
    """A path with `...` in it, made exact: msgspec does not tell which key of a free table it is that it refuses."""
    before = path[: path.index("...")]
    table = _at(document.value, before)
    for key, value in table.items() if isinstance(table, dict) else ():
        if not isinstance(key, str) or _type_name(value) == got:
            return (*before, str(key))
    return before


def _type_name(value: object) -> str:
    names = {bool: "bool", str: "str", int: "int", float: "float", list: "array", dict: "object", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _at(value: Any, path: Path) -> Any:
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def label(path: Path) -> str:
    """A path in words: `init.command[0].run`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else one_line(part, limit=80)
    return text


def describe(value: object) -> str:
    """A value as an error names it: what it is, and the value itself when that is short."""
    if value is None or isinstance(value, list | dict):
        return "nothing" if value is None else "a list" if isinstance(value, list) else "a table"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {one_line(value, limit=60)!r}"
    return f"the {type(value).__name__} {one_line(str(value), limit=60)}"


def unknown_key(name: str, known: Sequence[str]) -> str:
    """What to say of a key that nothing knows."""
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    expected = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
    return f"found the unknown key {one_line(name, limit=80)!r}, {expected}"


def known_keys(kind: Any, path: Path) -> list[str]:
    """The keys of the record at a path of a record type."""
    from msgspec.inspect import StructType

    return [
        field.encode_name for info in _types_at(kind, path) if isinstance(info, StructType) for field in info.fields
    ]


def _choices(kind: Any, path: Path) -> list[str]:
    from msgspec.inspect import EnumType

    return [str(each.value) for info in _types_at(kind, path) if isinstance(info, EnumType) for each in info.cls]


def _types_at(kind: Any, path: Path) -> list[Any]:
    from msgspec import inspect

    def flat(info: Any) -> list[Any]:
        if isinstance(info, inspect.Metadata):
            return flat(info.type)
        return [each for one in info.types for each in flat(one)] if isinstance(info, inspect.UnionType) else [info]

    found = flat(inspect.type_info(kind))
    for part in path:
        inner: list[Any] = []
        for info in found:
            if isinstance(info, inspect.StructType):
                inner += [field.type for field in info.fields if field.encode_name == part]
            elif isinstance(info, inspect.VarTupleType | inspect.ListType):
                inner.append(info.item_type)
        found = [each for one in inner for each in flat(one)]
    return found


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
