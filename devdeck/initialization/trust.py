"""Trust in a repository's configuration: by its exact content, for one repository.

A configuration can run any command and copy secrets, so nothing of it happens before the user has trusted it, and one
changed byte needs trust again. A session of somebody else's code (a pull request, a fork) needs it once more, for that
session: commands such as `make setup` run what the branch says, and copied files can be read by it.
"""

from __future__ import annotations

import os

from devdeck.errors import NotFound, UsageError
from devdeck.initialization.repo_config import RepoConfig
from devdeck.model import Session, SessionKind


def digest(config: RepoConfig) -> str:
    """Names a configuration's content in its repository: SHA-256, hexadecimal; empty when there is no file."""
    return content_digest(config.repository_path, config.file, config.data) if config.file else ""


def content_digest(repository_path: str, file: str, data: bytes) -> str:
    """As `digest`, of a file that is not read yet."""
    parts = (os.fsencode(os.path.realpath(repository_path)), os.fsencode(os.path.basename(file)), data)
    import hashlib

    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


def consent(trusted: str, session_id: str) -> str:
    """Names a configuration's content in one session of somebody else's code."""
    import hashlib

    return hashlib.sha256(f"{trusted} {session_id}".encode()).hexdigest()


def is_foreign(session: Session) -> bool:
    """Whether a session was made for somebody else's code.

    That is a request (`pr/7`, `#7`, a URL), a branch of a fork (`ada:fix`), and a branch of a remote (`ada/fix`) that
    is neither `origin` nor `upstream` nor the one that the repository prefers.
    """
    if session.kind is not SessionKind.CHECKOUT:
        return False
    from devdeck.start.targets import Branch, parse

    try:
        target = parse(session.target)
    except UsageError:
        return True
    return not isinstance(target, Branch) or _is_of_a_fork(session, target.name)


def _is_of_a_fork(session: Session, name: str) -> bool:
    if "/" not in name:
        return False
    from devdeck.git import remotes

    try:
        known = remotes.list_remotes(session.repository_path)
    except NotFound:
        return False
    found = remotes.split_tracking(name, known)
    return found is not None and found[0] not in ("origin", "upstream", known[0].name)
