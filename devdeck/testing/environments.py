"""Which Python runs a repository's tests: the repository's own environment, asked before it is used.

The first candidate that the repository gives a reason for is taken, in this order: uv (when it makes or made the
environment), `.venv` or `venv`, poetry, pdm, hatch, pipenv, tox, the interpreter on PATH. When that one is not there
or lacks the module, this is an error that says what to type. No other environment takes its place.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from devdeck.errors import Missing
from devdeck.testing.probe import MINIMUM, Interpreter, ask, ask_interpreter
from devdeck.testing.project import is_requirement, mentions, read_ini, read_text, read_toml, table

_STALE = ("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PYTHONHOME", "__PYVENV_LAUNCHER__")
"""Variables of an environment that happens to be active where devdeck was started."""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """How to run Python for a repository."""

    source: str
    """`.venv`, `venv`, `uv`, `poetry`, `pdm`, `hatch`, `pipenv`, `tox` or `PATH`."""
    python: tuple[str, ...]
    """Command that runs its Python: one absolute path, or a tool with arguments."""
    shown: str
    """Where it comes from, which version, which path."""
    env: Mapping[str, str] = {}
    unset: tuple[str, ...] = _STALE


class _Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An interpreter that the repository gives a reason for."""

    source: str
    pythons: tuple[str, ...]
    """Absolute paths; more than one only where they are equally good."""
    reason: str
    install: str
    """What to type when it lacks the module."""


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    worktree: Path
    module: str
    environ: Mapping[str, str]

    def tool(self, name: str) -> str | None:
        """Absolute path of a program on PATH; relative entries of PATH are passed over."""
        entries = [entry for entry in self.environ.get("PATH", "").split(os.pathsep) if entry.startswith("/")]
        return shutil.which(name, path=os.pathsep.join(entries)) if entries else None

    def needed(self, name: str, reason: str) -> str:
        """As `tool`; without it, an error."""
        found = self.tool(name)
        if found is None:
            raise Missing(
                f"{self.worktree} uses {name} ({reason}), and {name} is not on PATH",
                f"install {name}, or make a .venv in the worktree that has {self.module}",
            )
        return found

    def clean(self) -> dict[str, str]:
        """This process's environment without the traces of an active virtual environment."""
        return {name: value for name, value in self.environ.items() if name not in _STALE}

    @property
    def pyproject(self) -> dict[str, object]:
        """`pyproject.toml`, empty when there is none."""
        return read_toml(self.worktree / "pyproject.toml")


def find_environment(
    worktree: Path, *, module: str = "pytest", environ: Mapping[str, str] | None = None
) -> Environment:
    """The environment to run a repository's tests in. Runs a few short subprocesses, bounded in time.

    Args:
        worktree: Root of the worktree, absolute.
        module: Module that must be importable there.
        environ: Environment to look programs up in; this process's own when `None`.

    Raises:
        Missing: The environment that the repository asks for, its tool, or the module in it is not there.
        DeckError: An interpreter or tool gave no answer in time.
    """
    look = _Look(worktree=worktree, module=module, environ=os.environ if environ is None else environ)
    if (uv := _uv(look)) is not None:
        return uv
    for candidate_of in _CANDIDATES:
        candidate = candidate_of(look)
        if candidate is not None:
            return _checked(look, candidate)
    raise Missing(
        "there is no python3 on PATH, and the worktree has no environment of its own",
        f"in {worktree}: python3 -m venv .venv && .venv/bin/pip install {module}",
    )


def _checked(look: _Look, candidate: _Candidate) -> Environment:
    tried = []
    for python in candidate.pythons:
        found = ask_interpreter(python, look.module, cwd=look.worktree, env=look.clean())
        if found.version[:2] >= MINIMUM and found.has_module:
            return _environment(look, candidate, found)
        tried.append(f"{python} (Python {found.version_text})")
        if found.version[:2] < MINIMUM:
            raise Missing(
                f"{tried[-1]} is too old: devdeck reads tests of Python {MINIMUM[0]}.{MINIMUM[1]} and later",
                candidate.install,
            )
    raise Missing(
        f"{look.module} is not installed in {' nor in '.join(tried)}, from {candidate.reason}", candidate.install
    )


def _environment(look: _Look, candidate: _Candidate, found: Interpreter) -> Environment:
    """As activating it would do: its programs come first on PATH."""
    module = f", {look.module} {found.module_version}" if found.module_version else ""
    own = " (devdeck's own environment)" if _is_own(found.executable) else ""
    shown = f"{candidate.reason}: Python {found.version_text}{module}, {found.executable}{own}"
    folder = Path(found.executable).parent
    if not (folder.parent / "pyvenv.cfg").is_file():
        return Environment(source=candidate.source, python=(found.executable,), shown=shown)
    path = os.pathsep.join(filter(None, (str(folder), look.environ.get("PATH", ""))))
    return Environment(
        source=candidate.source,
        python=(found.executable,),
        shown=shown,
        env={"VIRTUAL_ENV": str(folder.parent), "PATH": path},
        unset=tuple(name for name in _STALE if name != "VIRTUAL_ENV"),
    )


def _is_own(executable: str) -> bool:
    return sys.prefix != sys.base_prefix and Path(executable).parent.parent == Path(sys.prefix)


# Candidates, in order. Each returns None when the repository gives no reason for it.


def _uv(look: _Look) -> Environment | None:
    """`uv run` makes the environment when it is missing and keeps it in step with the lock.

    An environment that uv did not make is left alone, and so is one without a lock file, which `uv run` would write.
    """
    lock = look.worktree / "uv.lock"
    reason = "uv.lock" if lock.is_file() else "[tool.uv]"
    if not lock.is_file() and table(look.pyproject, "tool", "uv") is None:
        return None
    folder = look.worktree / ".venv"
    made_by_uv = any(line.startswith("uv =") for line in read_text(folder / "pyvenv.cfg").splitlines())
    exists = (folder / "bin" / "python").exists()
    if exists and not (made_by_uv and lock.is_file()):
        return None
    if exists and look.tool("uv") is None:
        return None
    uv = look.needed("uv", reason)
    if lock.is_file() and f'name = "{look.module}"' not in read_text(lock):
        raise Missing(f"uv.lock of {look.worktree} does not hold {look.module}", f"uv add --dev {look.module}")
    made = "kept in step" if exists else "will be made"
    return Environment(source="uv", python=(uv, "run", "--", "python"), shown=f"{reason}: uv run, .venv {made} ({uv})")


def _venv(look: _Look) -> _Candidate | None:
    for name in (".venv", "venv"):
        python = look.worktree / name / "bin" / "python"
        if python.exists():
            break
        if (look.worktree / name / "pyvenv.cfg").is_file() or python.is_symlink():
            raise Missing(
                f"{look.worktree / name} is broken: its bin/python does not exist",
                f"make it anew: python3 -m venv --clear {name} && {name}/bin/pip install {look.module}",
            )
    else:
        return None
    install = f"{name}/bin/pip install {look.module}"
    if (look.worktree / "uv.lock").is_file():
        install = f"uv sync, or uv add --dev {look.module}"
    return _Candidate(source=name, pythons=(str(python),), reason=name, install=f"in {look.worktree}: {install}")


def _poetry(look: _Look) -> _Candidate | None:
    if (look.worktree / "poetry.lock").is_file():
        reason = "poetry.lock"
    elif table(look.pyproject, "tool", "poetry") is not None:
        reason = "[tool.poetry]"
    else:
        return None
    poetry = look.needed("poetry", reason)
    python = _told(look, [poetry, "env", "info", "--executable", "--no-ansi"])
    return _of_tool(look, "poetry", reason, python, "poetry install", f"poetry add --group dev {look.module}")


def _pdm(look: _Look) -> _Candidate | None:
    noted = read_text(look.worktree / ".pdm-python").strip()
    if not noted and not (look.worktree / "pdm.lock").is_file():
        return None
    reason = ".pdm-python" if noted else "pdm.lock"
    return _of_tool(look, "pdm", reason, noted, "pdm install", f"pdm add -d {look.module}")


def _hatch(look: _Look) -> _Candidate | None:
    environments = table(look.pyproject, "tool", "hatch", "envs")
    reason = "[tool.hatch.envs]"
    if environments is None:
        environments = table(read_toml(look.worktree / "hatch.toml"), "envs")
        reason = "hatch.toml"
    if environments is None:
        return None
    hatch = look.needed("hatch", reason)
    name = _hatch_name(environments, look.module)
    folder = _told(look, [hatch, "--no-color", "env", "find", name])
    python = f"{folder}/bin/python" if folder else ""
    create = f"hatch env create {name}"
    return _of_tool(
        look, "hatch", f"{reason}, environment {name}", python, create, f"add {look.module} to it; {create}"
    )


def _hatch_name(environments: Mapping[str, object], module: str) -> str:
    """The hatch environment with the module in its dependencies; `default` when none says so."""
    having = [str(name) for name, settings in environments.items() if mentions(settings, module)]
    for name in ("default", "test", "tests", "dev"):
        if name in having:
            return name
    return having[0] if having and not having[0].startswith("-") else "default"


def _pipenv(look: _Look) -> _Candidate | None:
    if not (look.worktree / "Pipfile").is_file():
        return None
    pipenv = look.needed("pipenv", "Pipfile")
    python = _told(look, [pipenv, "--py"])
    return _of_tool(look, "pipenv", "Pipfile", python, "pipenv install --dev", f"pipenv install --dev {look.module}")


def _told(look: _Look, argv: list[str]) -> str:
    """The last line that a tool printed; empty when it knows of no environment."""
    env = {**look.clean(), "PIPENV_IGNORE_VIRTUALENVS": "1", "PIPENV_VERBOSITY": "-1", "NO_COLOR": "1"}
    answer = ask(argv, cwd=look.worktree, env=env)
    lines = [line.strip() for line in answer.stdout.splitlines() if line.strip().startswith("/")]
    return lines[-1] if answer.status == 0 and lines else ""


def _of_tool(look: _Look, tool: str, reason: str, python: str, create: str, add: str) -> _Candidate:
    if not python or not Path(python).exists():
        raise Missing(
            f"{tool} has made no environment for {look.worktree} yet ({reason})", f"in {look.worktree}: {create}"
        )
    return _Candidate(source=tool, pythons=(python,), reason=f"{tool} ({reason})", install=f"in {look.worktree}: {add}")


def _tox(look: _Look) -> _Candidate | None:
    """An environment that tox has made and that has the module; tox itself is not run."""
    for folder in sorted((look.worktree / ".tox").glob("*/bin/python"), key=_newest, reverse=True)[:20]:
        environment = folder.parent.parent
        if any(environment.glob(f"lib/python*/site-packages/{look.module}")):
            return _Candidate(
                source="tox",
                pythons=(str(folder),),
                reason=f"tox (.tox/{environment.name})",
                install=f"in {look.worktree}: tox -e {environment.name} --notest",
            )
    return None


def _newest(python: Path) -> float:
    try:
        return python.lstat().st_mtime
    except OSError:
        return 0.0


def _on_path(look: _Look) -> _Candidate | None:
    """What a shell would run; a second name counts only when it is another program."""
    found = [path for name in ("python3", "python") if (path := look.tool(name)) is not None]
    if not found:
        return None
    reason = "PATH"
    if _asks_for_tox(look):
        reason = "PATH, as tox has made no environment yet"
    install = f"in {look.worktree}: python3 -m venv .venv && .venv/bin/pip install {_install_words(look)}"
    return _Candidate(source="PATH", pythons=tuple(dict.fromkeys(found)), reason=reason, install=install)


def _asks_for_tox(look: _Look) -> bool:
    sections = read_ini(look.worktree / "tox.ini")
    return "tox" in sections or "testenv" in sections or table(look.pyproject, "tool", "tox") is not None


def _install_words(look: _Look) -> str:
    """What to install: the requirements file that names the module, or the module, with the project if it is one."""
    for name in ("requirements-dev.txt", "requirements-test.txt", "dev-requirements.txt", "requirements.txt"):
        if any(is_requirement(line, look.module) for line in read_text(look.worktree / name).splitlines()):
            return f"-r {name}"
    is_project = table(look.pyproject, "project") is not None or (look.worktree / "setup.py").is_file()
    return f"-e . {look.module}" if is_project else look.module


_CANDIDATES: tuple[Callable[[_Look], _Candidate | None], ...] = (
    _venv,
    _poetry,
    _pdm,
    _hatch,
    _pipenv,
    _tox,
    _on_path,
)
