from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from devdeck.errors import UsageError
from devdeck.jobs.shell import shell_argv


def test_the_users_shell_runs_the_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = tmp_path / "mysh"
    mine.write_text('#!/bin/sh\necho mine "$@"\n')
    mine.chmod(0o755)
    monkeypatch.setenv("SHELL", str(mine))
    assert shell_argv("a | b") == (str(mine), "-c", "a | b")


@pytest.mark.parametrize("shell", ["", "bash", "./sh", "/no/such/shell", "/etc", "/etc/passwd", "/usr/sbin/nologin"])
def test_what_is_no_shell_is_not_used(monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("SHELL", shell)
    assert shell_argv("x") == ("/bin/sh", "-c", "x")
    monkeypatch.delenv("SHELL")
    assert shell_argv("x")[0] == "/bin/sh"


@pytest.mark.parametrize("line", ["-rf / ; echo out", "+x; echo out", "-c 'echo in'; echo out"])
def test_a_line_is_never_an_option(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    done = subprocess.run(shell_argv(line), capture_output=True, text=True, timeout=60)
    assert done.stdout == "out\n"


@pytest.mark.parametrize("line", ["", "  \t", "a\0b"])
def test_a_line_that_cannot_run_is_refused(line: str) -> None:
    with pytest.raises(UsageError):
        shell_argv(line)
