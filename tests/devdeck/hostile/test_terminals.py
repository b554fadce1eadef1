"""C36, W10, W17: what tmux sessions of others are called, what is typed, and what jobs are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from backends.base import BackendError
from backends.tmux import centre, windows
from backends.tmux.formats import session_name
from backends.tmux.server import TmuxServer
from backends.tmux.windows import PaneShape, WindowShape
from devdeck.deck import Deck
from devdeck.model import JobState
from devdeck.terminal import layouts
from devdeck.terminal.centre import gather
from devdeck.text import one_line
from tests.devdeck.hostile.calling import Cli
from tests.devdeck.hostile.corpus import NAMES, STRINGS
from tests.devdeck.hostile.recorder import UNRECORDED
from tests.devdeck.hostile.watching import refusal
from tests.devdeck.terminal.terminal_support import wait_for_shell
from tests.git_support import run_git
from tests.support import until

TITLES = tuple(
    text for text in STRINGS if "\0" not in text and "\ud800" not in text and "\udfff" not in text and len(text) < 300
)
"""What can be given to a program."""


def by_others(server: TmuxServer, *command: str, cwd: str | Path = "/") -> str:
    """A tmux command of somebody else, without devdeck's care; what it printed, empty when tmux refused."""
    done = subprocess.run(
        [*server.base_argv(), *command],
        cwd=cwd,
        env={**server.environment(), **UNRECORDED},
        capture_output=True,
        timeout=20,
        check=False,
    )
    return os.fsdecode(done.stdout)


def literal(text: str) -> str:
    """A text that tmux takes for a name without running it; those who give names with `#()` in them hurt themselves."""
    text = text.replace("#", "##").replace("%", "%%")
    return text[:-1] + "\\;" if text.endswith(";") else text


def test_sessions_of_others(deck: Deck, cli: Cli, tmux: TmuxServer, repository: Path, tmp_path: Path) -> None:
    """Names, window names, titles and marks of any kind: listed, matched, adopted, gathered, and never a target."""
    for number, text in enumerate(TITLES[::14]):
        place = tmp_path / "places" / str(number)
        run_git(repository, "worktree", "add", "--quiet", "-b", f"b{number}", str(place))
        made = by_others(
            tmux,
            "new-session",
            "-d",
            "-P",
            "-F",
            "#{session_id}",
            "-s",
            literal(text),
            "-n",
            literal(text),
            "-c",
            str(place),
        ).strip()
        if not made:
            made = by_others(tmux, "new-session", "-d", "-P", "-F", "#{session_id}", "-c", str(place)).strip()
        by_others(tmux, "select-pane", "-t", f"{made}:", "-T", literal(text))
        by_others(tmux, "set-option", "-w", "-t", f"{made}:", "@devdeck_job", text if number % 2 else "")
        by_others(tmux, "set-option", "-w", "-t", f"{made}:", "@devdeck_member", text)
        if number % 3 == 0:
            by_others(tmux, "set-option", "-t", made, "@devdeck_id", text)
    deck.store.know_repository(str(repository), "shop")
    terminals = deck.terminals.all()
    assert len(terminals) == len(TITLES[::14])
    found = deck.sessions.all()
    for verb in ("ls", "status"):
        cli(verb)
        cli.json(verb)
    for session in found[::4]:
        cli("open", session.label)
        cli.json("adopt", session.worktree, "-l", f"mine-{session.id[-6:]}")
    for session in deck.store.sessions():
        assert session.id.replace("-", "").isalnum(), session.id
        terminal = deck.terminals.own(session)
        if terminal is not None:
            layout = deck.terminals.snapshot(terminal)
            deck.terminals.end(terminal)
            deck.terminals.rebuild(session, layout)
    gather(deck.terminals, deck.sessions.all(), tmp_path)


def test_a_control_centre_of_others(deck: Deck, cli: Cli, tmux: TmuxServer, repository: Path) -> None:
    deck.starting.start("one", str(repository), offline=True)
    for text in (
        "$1\x1f@1\x1fx\x1fcontrol-center\x1fx\x1f{}",
        "a\n$1\x1f@1\x1fx\x1fcontrol-center\x1fx\x1f{}",
        "{",
        '{"@1": 1}',
        "\x1f" * 5,
        "null",
    ):
        made = by_others(tmux, "new-session", "-d", "-P", "-F", "#{session_id}").strip()
        by_others(tmux, "set-option", "-t", made, "@devdeck_centre", text)
        refusal(gather, deck.terminals, deck.sessions.all(), Path("/"))
        cli("ls")
        by_others(tmux, "kill-session", "-t", made)


def test_names_that_devdeck_gives(deck: Deck, tmux: TmuxServer, repository: Path) -> None:
    """Every text as the name of a session, a window, a title: tmux keeps what it was given, and runs none of it."""
    session = deck.starting.start("one", str(repository), offline=True)
    terminal = deck.terminals.own(session)
    assert terminal is not None
    window = terminal.panes[0].window_id
    for text in TITLES[::4]:
        name = session_name(text)
        assert tmux.rename_session(terminal.id, text) == name
        assert next(it.name for it in tmux.terminals(detail=False) if it.id == terminal.id) == name, repr(text)
        windows.rename_window(tmux, window, text)
        windows.arrange(tmux, window, WindowShape(name=text, named=True, panes=(PaneShape(directory=b"", title=text),)))
    shown = by_others(tmux, "list-windows", "-a", "-F", "#{window_name}")
    assert "#{pane_id}" not in shown
    centre.find(tmux)


def test_layouts_from_anywhere(deck: Deck, repository: Path) -> None:
    """A record of windows may be old or broken: no directory, name or layout of it is more than that."""
    session = deck.starting.start("one", str(repository), offline=True)
    for text in (
        "#(canary)",
        "-x",
        "--upload-pack=canary",
        "$(canary)",
        "\x1b]0;STOLEN\x07",
        "a\nb",
        "%1",
        "..",
        "日本語",
    ):
        shape = WindowShape(
            name=text,
            named=True,
            layout=text,
            member=text,
            panes=(PaneShape(directory=text.encode(), title=text), PaneShape(directory=b"/", title=text)),
        )
        terminal = deck.terminals.own(session)
        assert terminal is not None
        deck.terminals.end(terminal)
        record = msgspec.json.encode(layouts.Layout(windows=(shape,)))
        refusal(deck.terminals.rebuild, session, record)
        deck.terminals.ensure(session)


@pytest.mark.parametrize("how", ["typed", "waited for"])
def test_text_is_typed_as_it_is(deck: Deck, repository: Path, tmp_path: Path, how: str) -> None:
    """W17: every text arrives as the argument that it is, with `;` at its end, as a key's name, with a dash, in lines."""
    session = deck.starting.start("one", str(repository), offline=True)
    target = tmp_path / "typed"
    texts = [text for text in TITLES if text.isprintable() and text.strip() and "'" not in text]
    texts = ["Enter", "C-c", "x;", *texts][:: 6 if how == "waited for" else 3]
    for text in texts:
        target.unlink(missing_ok=True)
        wait_for_shell(deck, session)  # not what is left of the line before, for however long
        line = f"printf %s '{text}' >{target}.new; mv {target}.new {target}"
        deck.terminals.send(session, line + ";" if how == "typed" else line, wait=None if how == "typed" else 30.0)
        until(target.exists)
        assert target.read_bytes() == os.fsencode(text)


def test_text_that_can_not_be_typed(deck: Deck, cli: Cli, repository: Path) -> None:
    session = deck.starting.start("one", str(repository), offline=True)
    for text in ("a\0b", "\0", "\ud800", "\udfff x"):
        assert refusal(deck.terminals.send, session, text), repr(text)
        assert refusal(deck.terminals.send, session, text, wait=5.0), repr(text)
    cli("send", "one", "true \udcff")
    cli.json("send", "one", "true \udcff")


def test_commands_and_their_titles(deck: Deck, cli: Cli, repository: Path) -> None:
    """Arguments reach the program as they are; titles and windows are names; logs are shown without what they hold."""
    session = deck.starting.start("one", str(repository), offline=True)
    texts = [*(text for text in TITLES[::5] if text), "\udcff", "\x1b]0;STOLEN\x07", "\x1b]52;c;c3RvbGVu\x07"]
    job = deck.work.run(
        session, ["printf", "%s\\n", *texts], title="\x1b]0;STOLEN\x07#(canary)\n[@click=app.quit]x[/]\u202e"
    )
    odd = deck.work.run(session, ["$(canary)", "#(canary)", "-x"])
    shell = deck.work.run_shell(session, "-x; +y; true")
    for each in (job, odd, shell):
        until(lambda each=each: deck.work.refresh(each).state is JobState.ENDED)  # type: ignore[misc]
    log = Path(job.log).read_bytes().replace(b"\r\n", b"\n")
    assert log == b"".join(os.fsencode(text) + b"\n" for text in texts).replace(b"\r\n", b"\n")
    assert job.title == one_line(job.title)
    for verb in ("jobs", "ls", "status"):
        cli(verb)
        cli.json(verb)
    cli("logs", job.id)
    cli.json("logs", job.id)
    cli("stop", "one")
    for text in STRINGS:
        if "\0" in text or "\ud800" in text or "\udfff" in text or not text:
            assert refusal(deck.work.run, session, [text]), repr(text)
            assert not text or refusal(deck.work.run, session, ["true", text]), repr(text)
            assert not text or refusal(deck.work.run, session, ["true"], env={"X": text})
            assert refusal(deck.work.run, session, ["true"], env={text: "x"})


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("#", "%", "-", "$", "\x1b", "~"))][::3])
def test_folders_are_no_formats(tmux: TmuxServer, tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.mkdir()
    terminal = tmux.new_session(name="x", cwd=place, devdeck_id="x")
    assert os.fsencode(terminal.path) == os.fsencode(place)
    with pytest.raises(BackendError):
        tmux.new_session(name="y", cwd=place / "gone", devdeck_id="y")
