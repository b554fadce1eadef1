"""C36: variables of the environment, editors, themes, and what is printed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.tmux.server import TmuxServer
from devdeck.cli import output
from devdeck.deck import Deck
from devdeck.jobs.shell import shell_argv
from devdeck.paths import Paths
from devdeck.text import terminal_safe
from devdeck.workspace import ide
from tests.devdeck.hostile.calling import CONTROLS, Cli
from tests.devdeck.hostile.corpus import NAMES, STRINGS, file_takes
from tests.devdeck.hostile.watching import refusal
from tests.support import until
from tests.tmux_support import kill_server
from tui import editor
from tui.theme import load_themes

VALUES = tuple(text for text in STRINGS if "\0" not in text and "\ud800" not in text and "\udfff" not in text)
"""What a variable can be."""


def test_editors(tmp_path: Path) -> None:
    """The user's own command line is split and never given to a shell; a file's name is one absolute argument."""
    file = tmp_path / "$(canary).py"
    file.write_text("")
    for text in VALUES:
        refusal(ide.open_in, text, file)
        for name in NAMES:
            try:
                argv = editor.command(f"/{name}", 7, {"EDITOR": text})
            except ValueError:
                break  # quotes that don't pair
            assert any(word.endswith((f"/{name}", f"/{name}:7")) and word.startswith("/") for word in argv)
    for text in ("a\0b", "\ud800"):
        assert refusal(ide.open_in, text, file)


def test_folders_of_the_environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Relative values of the XDG variables are ignored, whatever they look like."""
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        for text in VALUES:
            monkeypatch.setenv(name, text)
            paths = Paths.from_environment()
            for folder in (paths.data, paths.state, paths.config):
                assert folder.is_absolute()
                assert text.startswith("/") or folder.is_relative_to(home)
        monkeypatch.delenv(name)


@pytest.fixture
def elsewhere(tmux: TmuxServer) -> Iterator[None]:
    yield
    kill_server(tmux)


@pytest.mark.parametrize(
    "name", ["$(canary)", "#(canary)", "%H", "a\nb", "-x", "\x1b]0;STOLEN\x07", "日本語", "a'b\"c"]
)
def test_a_data_folder_of_any_name(
    cli: Cli, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: None, name: str
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / name))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / name))
    assert cli("start", "one", "-p", str(repository))[0] == 0
    assert cli("run", "--wait", "one", "--", "true")[0] == 0
    cli("ls")
    cli("logs", "one")
    assert cli.json("rm", "one")[0] == 0
    assert cli.json("trash", "restore", "one")[0] == 0
    assert cli("rm", "one")[0] == 0


def test_a_data_folder_that_is_no_text(
    cli: Cli, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", f"{tmp_path}/\udcff")
    assert cli.json("start", "one", "-p", str(repository))[0] == 2
    cli("ls")
    cli("doctor")


def test_variables_of_devdeck_and_tmux(cli: Cli, deck: Deck, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deck.starting.start("one", str(repository), offline=True)
    for name in (
        "DEVDECK_SESSION",
        "DEVDECK_LABEL",
        "DEVDECK_JOB",
        "TMUX_PANE",
        "EDITOR",
        "VISUAL",
        "TERM",
        "COLORTERM",
        "SHELL",
        "NO_COLOR",
    ):
        for text in VALUES[::70]:
            with monkeypatch.context() as patch:
                patch.setenv(name, text)
                cli("ls")
                cli("open")
                assert shell_argv("true")[0].startswith("/")
    for text in ("$(canary)", "../x", "-x", "#(canary)", "a\nb", "日本語", "x" * 300, "\udcff"):
        monkeypatch.setenv("TMUX", f"{text},1,2")
        assert TmuxServer(None).base_argv()[2] in ("-S", "-L")
        monkeypatch.setenv("DEVDECK_TMUX_SOCKET", text)
        server = TmuxServer.from_environment()
        assert server.base_argv()[3] == text
        cli("ls")


def test_themes_of_any_name_and_content(tmp_path: Path) -> None:
    folder = tmp_path / "themes"
    folder.mkdir()
    for number, text in enumerate(STRINGS):
        value = json.dumps(text.encode("utf-8", "replace").decode())
        content = f"name = {value}\nprimary = {value}\n[variables]\n{value} = {value}\n" if number % 2 else text
        if file_takes(f"{text}.toml"):
            (folder / f"{text}.toml").write_bytes(content.encode("utf-8", "replace"))
    load_themes(folder)


def test_everything_that_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines, notes, tables, documents and errors hold no control characters, with colours and without."""
    for colours in (False, True):
        monkeypatch.setattr(output, "coloured", lambda colours=colours: colours)
        for text in STRINGS:
            output.say(f"a {text} b")
            output.note(text)
            output.table(("A", "B"), [[(text, "good"), (text, "")]])
            output.error("code", text, text, json=False, usage=text)
            out, err = capsys.readouterr()
            assert (out + err).count("\n") == 5 + 2 * bool(text), repr(text)
            own = ("\x1b[32m", "\x1b[2m", "\x1b[0m", "\x1b[31m", "\x1b[1m")
            for sequence in own if colours else ():
                out = out.replace(sequence, "")
                err = err.replace(sequence, "")
            assert not CONTROLS.search(out + err), (text, out, err)
            output.document({"x": text, text: [text]})
            output.error("code", text, text, json=True)
            out, err = capsys.readouterr()
            assert not CONTROLS.search(out + err), (text, out, err)
            assert set(json.loads(out)) >= {"x"}
            assert json.loads(err)["error"]["code"] == "code"


def test_lines_of_logs() -> None:
    """A log keeps colours on a terminal, and nothing else (`devdeck logs`)."""
    for text in STRINGS:
        data = text.encode("utf-8", "surrogatepass")
        assert not CONTROLS.search(terminal_safe(data, colours=False)), repr(text)
        shown = terminal_safe(data, colours=True)
        assert not CONTROLS.search("".join(part for part in shown.split("\x1b[")[0])), repr(text)
        assert shown.count("\x1b") == shown.count("\x1b["), repr(text)


def test_nothing_in_the_environment_of_a_job_is_expanded(deck: Deck, repository: Path) -> None:
    session = deck.starting.start("one", str(repository), offline=True)
    texts = [text for text in VALUES if text][::20]
    env = {f"V{number}": text for number, text in enumerate(texts)}
    job = deck.work.run(session, ["env", "-0"], env=env)
    until(lambda: not deck.work.refresh(job).running)
    found = dict(each.partition(b"=")[::2] for each in Path(job.log).read_bytes().replace(b"\r\n", b"\n").split(b"\0"))
    for name, text in env.items():
        assert found[name.encode()] == os.fsencode(text).replace(b"\r\n", b"\n"), repr(text)
