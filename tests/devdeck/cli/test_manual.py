"""The manual page and the table for completion, made from the commands."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click
import pytest

from devdeck.cli import complete, manual
from devdeck.cli.group import SECTIONS, cli
from devdeck.cli.main import VERBS

ROOT = Path(__file__).parents[3]


def commands() -> list[tuple[str, click.Command]]:
    """Every verb, and every command below one, with its words."""
    found: list[tuple[str, click.Command]] = []

    def walk(command: click.Command, context: click.Context, path: str) -> None:
        found.append((path, command))
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                walk(below, click.Context(below, parent=context, info_name=name), f"{path} {name}".strip())

    walk(cli, click.Context(cli, info_name="devdeck", **cli.context_settings), "")
    return found


def test_both_are_up_to_date() -> None:
    assert (ROOT / manual.PAGE).read_text() == manual.page(), "run `make man`"
    assert (ROOT / manual.WORDS).read_text() == manual.words(), "run `make man`"


def test_the_page_has_every_verb_and_every_option() -> None:
    page = manual.page()
    for path, command in commands():
        if path:
            assert f".SS {path}".replace("-", "\\-") in page
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                for flag in parameter.opts:
                    assert flag.replace("-", "\\-") in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed, so the page was NOT rendered")
def test_the_page_is_good_roff() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-P-cbou", "-ww", "-rLL=80n", str(ROOT / manual.PAGE)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    assert "devdeck - a control centre for parallel development" in done.stdout
    assert "--keep-branch" in done.stdout
    assert "\n       .local" not in done.stdout  # nothing was taken for a macro


def test_the_wheel_takes_the_page_along() -> None:
    assert '"docs/devdeck.1" = "share/man/man1/devdeck.1"' in (ROOT / "pyproject.toml").read_text()


def test_every_verb_has_its_place_in_the_help() -> None:
    placed = [verb for verbs in SECTIONS.values() for verb in verbs]
    assert [verb for verb in VERBS if verb not in placed] == []
    assert len(placed) == len(set(placed))


def test_the_help_fits_eighty_columns() -> None:
    for _, command in commands():
        text = command.get_help(click.Context(command, info_name="devdeck", terminal_width=80))
        assert max(map(len, text.splitlines())) <= 80


FREE = {
    "start label", "checkout label", "workspace start label", "adopt label", "rename new", "trash restore label",
    "run command", "send command", "test selection", "workspace edit editor",
}  # fmt: skip
"""Arguments and options of which only the user knows the value: new labels, commands, text."""


def needs_completer(parameter: click.Parameter) -> bool:
    """Whether something could be offered for an argument or option."""
    if isinstance(parameter, click.Option) and (parameter.is_flag or parameter.count):
        return False
    return not isinstance(parameter.type, click.Choice | click.types.IntParamType | click.types.FloatParamType)


@pytest.mark.parametrize(("path", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_argument_and_option_has_a_completer(path: str, command: click.Command) -> None:
    for parameter in command.params:
        function = getattr(parameter, "_custom_shell_complete", None)
        if function is not None:
            assert getattr(complete, function.__name__) is function
        elif needs_completer(parameter):
            assert f"{path} {parameter.name}" in FREE, f"devdeck {path}: {parameter.name} needs shell_complete="
