"""C36: every argument of the command line, and everything that it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devdeck.cli import answering
from devdeck.deck import Deck
from tests.devdeck.hostile.calling import CONTROLS, Cli
from tests.devdeck.hostile.corpus import STRINGS
from tests.devdeck.hostile.watching import leaving_nothing

SAMPLE = (
    "--upload-pack=canary", "-oProxyCommand=canary", "-", "$(canary)", ";canary;", "#(canary)", "%H", "@{-1}", "refs/heads/main",
    ":/x", "..", "/etc/passwd", "~root", "*", "[@click=app.quit]x[/]", "\x1b]0;STOLEN\x07\x1b[31mred", "\x9b31mx", "a\nb\tc",
    "a\u3000b", "\u202egnp.exe", "\u2066x", "日本語🙂", "\udcff", "x" * 3000, "", "a,b", "a:b", "--", "#7",
)  # fmt: skip
"""One or two of each kind, of those that an argument can be (no NUL, no half of a character)."""

VERBS = (
    "start {}", "start new -p {}", "start new -b {}", "checkout {}", "checkout main -l {}", "checkout pr/7 -p {}", "status {}", "open {}",
    "send {} true", "send --dry-run one {}", "rm {}", "rename {} new", "rename one --dry-run {}", "adopt {}", "adopt . -l {}", "refresh {}", "restore {}",
    "run {} -- true", "run --dry-run one -- {}", "test {}", "test --dry-run one {}", "logs {}", "jobs {}", "stop {}", "init {}",
    "trash restore {}", "trash show {}", "trash drop {}", "workspace start {}", "workspace start new --repos {}", "workspace start new -p {}",
    "workspace rm {}", "workspace open {}", "workspace edit one --editor {}", "import par --from {}", "import {}", "config show -p {}", "config check {}",
    "config trust -p {}", "completion {}", "help {}", "ls {}", "undo --dry-run {}", "doctor {}", "{}",
)  # fmt: skip


@pytest.mark.parametrize("number", range(3))
def test_arguments(cli: Cli, deck: Deck, repository: Path, number: int) -> None:
    """Each string as each argument, in turns with and without `--json`: said in words, with nothing left of it."""
    deck.starting.start("one", str(repository), offline=True)
    with leaving_nothing(deck, repository):
        for count, verb in enumerate(VERBS):
            for text in SAMPLE[number::3]:
                arguments = [text if word == "{}" else word for word in verb.split()]
                if (count + len(text)) % 2:
                    cli(*arguments)
                else:
                    words = 0 if verb == "{}" else 2 if arguments[0] in ("trash", "workspace", "config") else 1
                    cli.json(*arguments[:words], json_before=arguments[words:])


def test_completion_of_anything(deck: Deck, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deck.starting.start("$(canary)", str(repository), offline=True)
    for text in STRINGS:
        if "\0" in text or "\ud800" in text or "\udfff" in text:
            continue
        for shell in answering.SHELLS:
            for before in (["open"], ["start", "x", "-b"], ["checkout", "-p"], ["run", "one", "--"], []):
                words = [f"devdeck {' '.join(before)} {text}"] if shell == "bash" else [*before, text]
                capsys.readouterr()
                assert answering.answer(shell, words) == 0
                for line in capsys.readouterr().out.removesuffix("\n").split("\n"):
                    assert not line or line.split("\t")[0] in ("plain", "dir", "file"), (shell, before, text)
                    assert len(line.split("\t")) in (1, 3)


def test_bytes_that_are_no_text(deck: Deck, repository: Path) -> None:
    """The real program, with arguments in no encoding and in a locale that has none of its glyphs."""
    deck.starting.start("one", str(repository), offline=True)
    for arguments in (
        [b"open", b"\xff"], [b"send", b"one", b"echo \xff", b"--dry-run"], [b"start", b"\xff\xfe"], [b"adopt", b"/\xff", b"--json"],
        [b"ls"], [b"checkout", b"\xc3\x28", b"--json"],
    ):  # fmt: skip
        done = subprocess.run(
            [os.fsencode(sys.executable), b"-m", b"devdeck", *arguments],
            cwd=repository,
            env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        assert done.returncode in (0, 1, 2, 3), (arguments, done)
        assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
        assert not CONTROLS.search((done.stdout + done.stderr).decode("utf-8", "replace"))
