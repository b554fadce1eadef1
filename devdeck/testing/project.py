"""What the files of a repository say about its tools. Reads a few known files, bounded; runs nothing."""

from __future__ import annotations

import tomllib
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path
from typing import Any

MAX_FILE = 8 * 1024 * 1024
"""Larger files are taken as not there, in bytes."""


def read_text(path: Path) -> str:
    """Text of a regular file; empty when it is missing, unreadable or too large."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_FILE:
            return ""
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file; empty when it is missing or not TOML."""
    try:
        return tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def read_ini(path: Path) -> frozenset[str]:
    """Names of the sections of an ini file; empty when it is missing or broken."""
    parser = ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(read_text(path))
    except ConfigError:
        return frozenset()
    return frozenset(parser.sections())


def table(document: dict[str, Any], *names: str) -> dict[str, Any] | None:
    """A table inside a TOML document, such as `table(document, "tool", "uv")`; `None` when there is none."""
    here: Any = document
    for name in names:
        here = here.get(name) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else None


def mentions(value: object, package: str) -> bool:
    """Whether a requirement of this package stands anywhere in a TOML value (lists of texts, or tables by name)."""
    if isinstance(value, str):
        return is_requirement(value, package)
    if isinstance(value, dict):
        return any(_normal(str(key)) == package or mentions(item, package) for key, item in value.items())
    if isinstance(value, list):
        return any(mentions(item, package) for item in value)
    return False


def is_requirement(line: str, package: str) -> bool:
    """Whether a requirement, such as `pytest >= 7`, is one of this package (and not, say, of `pytest-cov`)."""
    line = line.strip()
    name = line
    for index, character in enumerate(line):
        if not (character.isalnum() or character in "-_."):
            name = line[:index]
            break
    return _normal(name) == package


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")
