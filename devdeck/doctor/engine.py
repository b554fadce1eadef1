"""Whether a Docker engine answers, and in words what it means when none does."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Iterator

from devdeck.deck import Deck
from devdeck.doctor.findings import Finding
from devdeck.git.forge import without_secret
from devdeck.text import one_line

TIMEOUT = 3
"""Seconds that the Docker engine may take to answer."""

_DEFAULT = "unix:///var/run/docker.sock"
_START = "start it (`sudo systemctl start docker`, or Docker Desktop) should a session need containers"
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_NOBODY = frozenset({errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE})
_BARRED = frozenset({errno.EACCES, errno.EPERM})
_SILENT = frozenset({errno.ETIMEDOUT, errno.EAGAIN})


def docker(deck: Deck) -> Iterator[Finding]:
    """Whether a Docker engine answers, where there is one."""
    if shutil.which("docker") is None and not os.environ.get("DOCKER_HOST"):
        yield Finding(name="docker", state="ok", evidence="not installed; sessions on this machine need none")
        return
    host = os.environ.get("DOCKER_HOST") or _DEFAULT
    try:
        host = _host()
        version = _version(host)
    except Exception as error:  # noqa: BLE001  the SDK raises requests', urllib3's and its own errors
        evidence, fix = meaning(error, host)
        yield Finding(name="docker", state="warn", evidence=evidence, fix=fix)
    else:
        yield Finding(name="docker", state="ok", evidence=f"engine {version}")


def meaning(error: BaseException, host: str) -> tuple[str, str]:
    """What it means that an engine could not be asked.

    Args:
        error: What the socket, or the SDK, raised.
        host: Where the engine was looked for, as `DOCKER_HOST` has it.

    Returns:
        What was seen, and what to do about it.
    """
    place = one_line(without_secret(host).removeprefix("unix://"), limit=120)
    numbers = {cause.errno for cause in _causes(error) if isinstance(cause, OSError) and cause.errno is not None}
    if numbers & _BARRED:
        return (
            f"you may not use the Docker engine at {place}",
            "join the group that may (`sudo usermod -aG docker $USER`) and log in anew",
        )
    if numbers & _ABSENT:
        return (
            f"no Docker engine runs: there is no {place}",
            f"{_START}; set DOCKER_HOST where it listens elsewhere",
        )
    if numbers & _NOBODY:
        return f"no Docker engine runs: nobody listens at {place}", _START
    if numbers & _SILENT or any(isinstance(cause, TimeoutError) for cause in _causes(error)):
        return (
            f"the Docker engine at {place} does not answer within {TIMEOUT} s",
            "restart it, or ask `docker info` why",
        )
    words = one_line(str(error), limit=160) or type(error).__name__
    return (
        f"the Docker engine at {place} can't be asked: {words}",
        "`docker info` says more; `docker context ls` and DOCKER_HOST say where it is looked for",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those that led to it, also where a library has put one into the arguments of another."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        waiting += [each for each in inner if isinstance(each, BaseException)]


def _host() -> str:
    from docker.context import ContextAPI

    context = ContextAPI.get_current_context()
    return os.environ.get("DOCKER_HOST") or (context.Host if context else "") or _DEFAULT


def _version(host: str) -> str:
    import docker

    if host.startswith("unix://"):
        # Asked first by hand: docker-py 7.2 leaks its socket when it can't connect.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(TIMEOUT)
            probe.connect(host.removeprefix("unix://"))
    # A fixed version keeps the constructor from connecting; the question itself is asked without one.
    client = docker.from_env(timeout=TIMEOUT, version="1.41")
    try:
        return str(client.version(api_version=False).get("Version", "?"))
    finally:
        client.close()
