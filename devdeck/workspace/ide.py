"""The workspace file of a workspace, for editors of the Visual Studio Code family (multi-root workspaces).

Format: https://code.visualstudio.com/docs/editing/workspaces/multi-root-workspaces#_workspace-file-schema
It lies in the workspace's folder. What the user writes into it stays: only the folders of the repositories are kept
up to date, and a file that is no plain JSON (comments are allowed there) is left as it is.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from devdeck.errors import DeckError, Missing, NotFound, UsageError
from devdeck.labels import folder_name
from devdeck.model import Member, Session, SessionKind
from devdeck.text import one_line

SUFFIX = ".code-workspace"
SETTINGS = {"git.detectSubmodules": False, "git.repositoryScanMaxDepth": 1}
"""So that the editor shows the workspace's repositories and no others that lie in them."""

LARGEST = 1 << 20
"""Bytes; a larger file is no workspace file that devdeck wrote, and is left alone."""

NOTICE = 1.5
"""Seconds for which an editor is watched after its start, to tell when it failed at once."""


def workspace_file(session: Session) -> Path:
    """Where the workspace's file is, whether it exists or not."""
    return Path(session.worktree) / file_name(session.label)


def file_name(label: str) -> str:
    """Name of the file in the workspace's folder."""
    return folder_name(label) + SUFFIX


def write(session: Session) -> Path:
    """Write the file, or bring its folders up to date.

    Returns:
        Its path.

    Raises:
        UsageError: The session is no workspace.
        NotFound: Its folder is gone.
        DeckError: The file can't be written.
    """
    require_workspace(session)
    path = workspace_file(session)
    if not path.parent.is_dir():
        raise NotFound(f"the folder of {session.label!r} is gone: {path.parent}", "`devdeck doctor` says what is left")
    try:
        before = _read(path)
        if before is None and (older := _of_another_label(session)) is not None:
            os.replace(older, path)
            before = _read(path)
        content = fresh(session) if before is None else refreshed(session, before)
        if content != before:
            _replace(path, content)
    except OSError as error:
        raise DeckError(f"can't write {path}: {error.strerror}", "check the folder's permissions") from error
    return path


def _of_another_label(session: Session) -> Path | None:
    """The workspace's file from before it was renamed."""
    for path in sorted(Path(session.worktree).glob(f"*{SUFFIX}")):
        if not path.is_file():
            continue
        try:
            record = msgspec.json.decode(_read(path) or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        folders = record.get("folders") if isinstance(record, dict) else None
        if isinstance(folders, list) and any(_same_place(session, f, m) for f in folders for m in session.members):
            return path
    return None


def discard(session: Session) -> None:
    """Delete the file, unless somebody has changed it."""
    path = workspace_file(session)
    with suppress(FileNotFoundError):
        if _read(path) == fresh(session):
            path.unlink()


def require_workspace(session: Session) -> None:
    """Let pass a workspace.

    Raises:
        UsageError: It is a plain session.
    """
    if session.kind is not SessionKind.WORKSPACE:
        raise UsageError(
            f"{session.label!r} is no workspace, it has one repository",
            f"open its folder: {one_line(session.worktree, limit=300)}",
        )


def fresh(session: Session) -> bytes:
    """Content of a new file."""
    return _encode({"folders": [_folder(session, member) for member in session.members], "settings": SETTINGS})


def refreshed(session: Session, content: bytes) -> bytes:
    """A file's content with the folders of all repositories in it; everything else stays as it is.

    A folder that is listed keeps its entry; its name follows the label unless the user chose another. What is no plain
    JSON object comes back unchanged.
    """
    try:
        record = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return content
    if not isinstance(record, dict):
        return content
    listed = record.get("folders")
    folders = list(listed) if isinstance(listed, list) else []
    for member in session.members:
        ours = _folder(session, member)
        number = next((n for n, folder in enumerate(folders) if _same_place(session, folder, member)), None)
        if number is None:
            folders.append(ours)
            continue
        name = folders[number].get("name")
        if not isinstance(name, str) or (name.startswith(f"{member.repository} (") and name.endswith(")")):
            folders[number] = {**folders[number], "name": ours["name"]}
    return content if folders == listed else _encode({**record, "folders": folders})


def _folder(session: Session, member: Member) -> dict[str, str]:
    path = Path(member.worktree)
    relative = path.relative_to(session.worktree) if path.is_relative_to(session.worktree) else path
    return {"name": _text(f"{member.repository} ({session.label})"), "path": _text(str(relative))}


def _same_place(session: Session, folder: Any, member: Member) -> bool:
    path = folder.get("path") if isinstance(folder, dict) else None
    return isinstance(path, str) and os.path.normpath(os.path.join(session.worktree, path)) == member.worktree


def _text(text: str) -> str:
    """Text that JSON can hold; bytes of a path that are no UTF-8 are lost."""
    return os.fsencode(text).decode("utf-8", "replace")


def _encode(record: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def _read(path: Path) -> bytes | None:
    """The file's content; `None` when there is no file.

    Raises:
        OSError: It can't be read, is no file, or is larger than any workspace file.
    """
    try:
        # Without waiting for a writer, should it be a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, f"it is larger than {LARGEST} bytes")
    return content


def _replace(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=".devdeck-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def open_in(editor: str, path: Path) -> None:
    """Start an editor on a file. It goes on by itself, apart from this terminal.

    Args:
        editor: Its command line, split as a shell would and run without one: `code`, `flatpak run x`.
        path: The last argument.

    Raises:
        UsageError: The command line can't be split.
        Missing: There is no such program.
        DeckError: It ended at once, and not well.
    """
    try:
        argv = shlex.split(editor)
    except ValueError as error:
        raise UsageError(f"can't read the editor's command line {editor!r}: {error}", "check its quotes") from error
    if not argv:
        raise UsageError("no editor to run", "for example --editor code")
    program = one_line(argv[0], limit=100)
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                [*argv, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=path.parent,
                start_new_session=True,
            )
        except ValueError:
            raise UsageError(f"{program!r} can't be a program's name", "NUL and lone surrogates can't") from None
        except OSError as error:
            raise Missing(
                f"can't run the editor {program!r}: {error.strerror}",
                f"install it, name another with `devdeck workspace edit`, or open {path} in it",
                code="editor-missing",
            ) from error
        try:
            status = process.wait(NOTICE)
        except subprocess.TimeoutExpired:
            # It runs; somebody has to take note of its end.
            threading.Thread(target=process.wait, name="editor", daemon=True).start()
            return
        if status != 0:
            errors.seek(0)
            words = one_line(errors.read(4000).decode("utf-8", "replace").strip(), limit=300)
            raise DeckError(f"{program} ended with {status}" + (f": {words}" if words else ""), f"open {path} in it")
