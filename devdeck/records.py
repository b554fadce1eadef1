"""Records as JSON, for the store and the journal: texts come back exactly as they were.

Names of files may hold bytes that are no UTF-8; Python has them as lone surrogates (PEP 383), which msgspec's JSON
refuses in both directions. The standard library's writes them as escapes and reads them again.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

R = TypeVar("R")

_SURROGATE = re.compile("[\ud800-\udfff]")


def encode(record: object) -> bytes:
    """A record as JSON."""
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:
        import json

        return json.dumps(msgspec.to_builtins(record)).encode("ascii")


def decode(data: bytes, kind: type[R]) -> R:
    """The record that `encode` made JSON of.

    Raises:
        msgspec.DecodeError: It is no JSON.
        msgspec.ValidationError: It is another kind of record.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if b"\\ud" not in data:
            raise
    import json

    try:
        return msgspec.convert(json.loads(data), kind)
    except ValueError as error:
        raise msgspec.DecodeError(str(error)) from error


def portable(text: str) -> str:
    """Text for others to read: U+FFFD stands for each byte that is no UTF-8."""
    return _SURROGATE.sub("\ufffd", text)


def cell(text: str) -> str | bytes:
    """Text as a value for SQLite, which takes only Unicode: bytes when it is none. See `text_of`."""
    return text if _SURROGATE.search(text) is None else text.encode("utf-8", "surrogatepass")


def text_of(value: object) -> str:
    """The text that `cell` made a value of."""
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else str(value)
