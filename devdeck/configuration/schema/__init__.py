"""The published JSON Schemas of the configuration files, made from the records that read them.

python -m devdeck.configuration.schema      write them anew, after a change of those records
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

NAMES = ("config", "devdeck")
"""`config` is the user's config.toml, `devdeck` a repository's .devdeck.toml."""


def published(name: str) -> bytes:
    """The schema as it is published with this version, JSON."""
    return (Path(__file__).parent / f"{name}.schema.json").read_bytes()


def generate(name: str) -> bytes:
    """The schema as the records say it is."""
    from devdeck.configuration.config import UserFile
    from devdeck.initialization.repo_config import RepositoryFile

    kind, title = {
        "config": (UserFile, "The user's configuration of devdeck: config.toml"),
        "devdeck": (RepositoryFile, "A repository's configuration of devdeck: .devdeck.toml"),
    }[name]
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(kind),
        "title": title,
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"
