"""What a user reads who asks for help, and who mistypes."""

from __future__ import annotations

import json

import click
import pytest

from devdeck.cli.main import _run
from tests.devdeck.cli.test_manual import commands

GROUPS = [path for path, command in commands() if isinstance(command, click.Group)]
PATHS = [path for path, _ in commands()]


@pytest.mark.parametrize("path", ["", *PATHS])
def test_help_fits_80_columns_and_is_not_cut(
    path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert _run([*path.split(), "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not [line for line in lines if len(line) > 80]
    assert not [line for line in lines[1:] if line.endswith("...")]
    assert not [line for line in lines if "\b" in line or "\\b" in line]


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["nonsense"], "no verb 'nonsense'", "`devdeck --help` lists the verbs"),
        (["stat"], "no verb 'stat'", "did you mean start or status?"),
        (["trash", "lst"], "no verb 'lst' of `devdeck trash`", "did you mean list?"),
        (["config", "get"], "no verb 'get' of `devdeck config`", "`devdeck config --help` lists the verbs"),
        (["help", "trash", "foo"], "no verb 'foo' of `devdeck trash`", "`devdeck trash --help` lists the verbs"),
        (["help", "trash", "lst"], "no verb 'lst' of `devdeck trash`", "did you mean list?"),
        (["help", "rm", "foo"], "`devdeck rm` has no verbs below it", "`devdeck help rm` says what it does"),
        (
            ["jobs", "-n", "x"],
            "invalid value for '-n' / '--limit': 'x' is no whole number",
            "`devdeck jobs --help` says more",
        ),
        (["create"], "missing argument 'LABEL'", "`devdeck create --help` says more"),
        (["import"], "missing argument '{par}': choose from par", "`devdeck import --help` says more"),
        (["trash", "show"], "missing argument 'NAME'", "`devdeck trash show --help` says more"),
    ],
)
def test_wrong_usage_says_what_and_where_to_read_on(
    arguments: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"] == {"code": "usage", "message": message, "hint": hint}
    assert _run(arguments) == 2
    said = capsys.readouterr().err
    assert said.endswith(f"devdeck: {message}\n  → {hint}\n")
    assert said.count("--help") <= 1


def test_verbs_below_verbs_have_other_spellings_too(capsys: pytest.CaptureFixture[str]) -> None:
    for spelling in ("trash ls", "workspace create", "workspace o", "workspace list"):
        assert _run([*spelling.split(), "--help"]) == 0
        assert f"Usage: devdeck {spelling}" in capsys.readouterr().out
