"""The repository's own commands for linting and building, found by evidence.

Files are read, nothing of the repository is run. What a repository says outright (a make target, a script) comes
before what can be concluded from the tools that it configures.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from devdeck.errors import NotFound, UsageError
from devdeck.model import JobKind
from devdeck.text import one_line

_LIMIT = 1 << 20


class Task(msgspec.Struct, frozen=True):
    """A command of the repository."""

    argv: tuple[str, ...]
    evidence: str
    """Where it was found, such as "target `lint` in Makefile"."""


def find_task(worktree: Path | str, kind: JobKind) -> Task:
    """The repository's command for a kind of job.

    Args:
        worktree: Folder to look in (not below it).
        kind: `JobKind.LINT` or `JobKind.BUILD`.

    Raises:
        UsageError: Another kind.
        NotFound: No evidence of such a command; the hint says what was looked for.
    """
    if kind not in (JobKind.LINT, JobKind.BUILD):
        raise UsageError(f"a repository has no {kind} task to look for", "lint and build can be looked for")
    root, name, broken = Path(worktree), str(kind), list[str]()
    for finder in _FINDERS:
        try:
            task = finder(root, name)
        except (OSError, ValueError, RecursionError) as error:
            broken.append(one_line(str(error), limit=120))
            continue
        if task is not None:
            return task
    looked = f"looked for a target or script `{name}` in {', '.join((*_MAKEFILES, *_JUSTFILES, *_TASKFILES[:2]))}, "
    looked += "package.json, and for " + ("ruff, pre-commit" if kind is JobKind.LINT else "uv, poetry")
    looked += ", Cargo.toml and go.mod"
    raise NotFound(
        f"no {name} command found in {one_line(root.name)}",
        "; ".join((looked, *(f"could not read: {why}" for why in broken))),
    )


_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_JUSTFILES = ("justfile", "Justfile", ".justfile")
_TASKFILES = ("Taskfile.yml", "Taskfile.yaml", "taskfile.yml", "taskfile.yaml", "Taskfile.dist.yml")
_PRE_COMMIT = (".pre-commit-config.yaml", ".pre-commit-config.yml")


def _text(root: Path, name: str) -> str | None:
    """Text of a regular file of the worktree; `None` when there is none.

    Raises:
        ValueError: It is too long to be what its name says.
    """
    path = root / name
    if not path.is_file():
        return None
    with path.open("rb") as file:
        data = file.read(_LIMIT + 1)
    if len(data) > _LIMIT:
        raise ValueError(f"{name} is longer than 1 MiB")
    return data.decode("utf-8", "replace")


def _first(root: Path, names: tuple[str, ...]) -> tuple[str, str] | None:
    """Name and text of the first of these files that exists."""
    for name in names:
        text = _text(root, name)
        if text is not None:
            return name, text
    return None


def _toml(root: Path, name: str) -> dict[str, Any] | None:
    text = _text(root, name)
    if text is None:
        return None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{name}: {error}") from error


def _make(root: Path, name: str) -> Task | None:
    # GNU make reads the first of these names that exists.
    found = _first(root, _MAKEFILES)
    if found is None or name not in _make_targets(found[1]):
        return None
    return Task(("make", name), f"target `{name}` in {found[0]}")


def _make_targets(text: str) -> Iterator[str]:
    """Names before the colon of each rule; assignments, recipes and `define` bodies are no rules."""
    inside_define = False
    for line in text.replace("\\\n", " ").splitlines():
        if re.match(r" *define\b", line):
            inside_define = True
        elif re.match(r" *endef\b", line):
            inside_define = False
        elif not inside_define and (rule := re.match(r" *([^\t#:= ][^#:=]*?) *::?(?![:=])", line)):
            yield from rule[1].split()


def _just(root: Path, name: str) -> Task | None:
    found = _first(root, _JUSTFILES)
    if found is None:
        return None
    recipe = re.compile(rf"^(?:@?{name}\b(?![-\w])[^:\n]*:(?!=)|alias\s+{name}\s*:=)", re.MULTILINE)
    return Task(("just", name), f"recipe `{name}` in {found[0]}") if recipe.search(found[1]) else None


def _taskfile(root: Path, name: str) -> Task | None:
    found = _first(root, _TASKFILES)
    if found is None:
        return None
    block = re.search(r"^tasks:[ \t]*(?:#.*)?\n((?:[ \t]+.*\n|[ \t]*(?:#.*)?\n)*)", found[1] + "\n", re.MULTILINE)
    if block is None:
        return None
    lines = [line for line in block[1].splitlines() if line.strip() and not line.lstrip().startswith("#")]
    indent = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    keys = {line.strip().split(":")[0].strip("'\" ") for line in lines if len(line) - len(line.lstrip()) == indent}
    return Task(("task", name), f"task `{name}` in {found[0]}") if name in keys else None


def _package(root: Path, name: str) -> Task | None:
    text = _text(root, "package.json")
    if text is None:
        return None
    try:
        package = json.loads(text)
    except ValueError as error:
        raise ValueError(f"package.json: {error}") from error
    scripts = package.get("scripts") if isinstance(package, dict) else None
    if not isinstance(scripts, dict) or not isinstance(scripts.get(name), str):
        return None
    manager, why = _package_manager(root, package)
    return Task((manager, "run", name), f"script `{name}` in package.json ({why})")


def _package_manager(root: Path, package: dict[str, Any]) -> tuple[str, str]:
    named = str(package.get("packageManager", "")).partition("@")[0]
    if named in ("npm", "pnpm", "yarn", "bun"):
        return named, f"packageManager says {named}"
    for lock, manager in (
        ("pnpm-lock.yaml", "pnpm"),
        ("yarn.lock", "yarn"),
        ("bun.lock", "bun"),
        ("bun.lockb", "bun"),
        ("package-lock.json", "npm"),
    ):
        if (root / lock).is_file():
            return manager, lock
    return "npm", "no lock file"


def _pre_commit(root: Path, name: str) -> Task | None:
    config = next((config for config in _PRE_COMMIT if (root / config).is_file()), None)
    if name != "lint" or config is None:
        return None
    return Task((*_python_tool(root, "pre-commit"), "run", "--all-files"), config)


def _ruff(root: Path, name: str) -> Task | None:
    if name != "lint":
        return None
    evidence = next((config for config in (".ruff.toml", "ruff.toml") if (root / config).is_file()), None)
    if evidence is None:
        tool = (_toml(root, "pyproject.toml") or {}).get("tool")
        if not isinstance(tool, dict) or "ruff" not in tool:
            return None
        evidence = "[tool.ruff] in pyproject.toml"
    return Task((*_python_tool(root, "ruff"), "check"), evidence)


def _python_build(root: Path, name: str) -> Task | None:
    if name != "build" or "build-system" not in (_toml(root, "pyproject.toml") or {}):
        return None
    for lock, tool in (("uv.lock", "uv"), ("poetry.lock", "poetry")):
        if (root / lock).is_file():
            return Task((tool, "build"), f"[build-system] in pyproject.toml and {lock}")
    return None


def _python_tool(root: Path, tool: str) -> tuple[str, ...]:
    """A Python program: from the worktree's own environment, through uv when that locks it, else from PATH."""
    own = root / ".venv" / "bin" / tool
    if own.is_file() and os.access(own, os.X_OK):
        return (str(own.absolute()),)
    return ("uv", "run", tool) if (root / "uv.lock").is_file() else (tool,)


def _cargo(root: Path, name: str) -> Task | None:
    if not (root / "Cargo.toml").is_file():
        return None
    return Task(("cargo", "clippy" if name == "lint" else "build"), "Cargo.toml")


def _go(root: Path, name: str) -> Task | None:
    if not (root / "go.mod").is_file():
        return None
    return Task(("go", "vet" if name == "lint" else "build", "./..."), "go.mod")


_FINDERS: tuple[Callable[[Path, str], Task | None], ...] = (
    _make, _just, _taskfile, _package, _pre_commit, _ruff, _python_build, _cargo, _go,
)  # fmt: skip
