"""Trust in a repository's configuration: by its exact content, for one repository.

A configuration can run any command and copy secrets, so nothing of it happens before the user has trusted it, and one
changed byte needs trust again. A session of somebody else's code (a pull request, a fork) needs it once more, for that
session: commands such as `make setup` run what the branch says, and copied files can be read by it.
"""

from __future__ import annotations

import hashlib
import os
import re

from devdeck.model import Session, SessionKind
from devdeck.repo_config import RepoConfig

_FOREIGN = re.compile(r"[#!]?\d+|(?i:pr|mr)/\d+|.*:.*", re.DOTALL)


def digest(config: RepoConfig) -> str:
    """Names a configuration's content in its repository: SHA-256, hexadecimal; empty when there is no file."""
    return content_digest(config.repository_path, config.file, config.data) if config.file else ""


def content_digest(repository_path: str, file: str, data: bytes) -> str:
    """As `digest`, of a file that is not read yet."""
    parts = (os.fsencode(os.path.realpath(repository_path)), os.fsencode(os.path.basename(file)), data)
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


def consent(trusted: str, session_id: str) -> str:
    """Names a configuration's content in one session of somebody else's code."""
    return hashlib.sha256(f"{trusted} {session_id}".encode()).hexdigest()


def is_foreign(session: Session) -> bool:
    """Whether a session was made for somebody else's code: `pr/7`, `#7`, `7`, `user:branch`, a URL."""
    return session.kind is SessionKind.CHECKOUT and _FOREIGN.fullmatch(session.target) is not None
