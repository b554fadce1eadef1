from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.actions import ACTIONS
from tui.command_line import VERBS, Command, CommandError, World, complete, expected, parse

WORLD = World({"api-fix": "s1", "web": "s2"}, {"api": "/src/api"}, ("devdeck-dark", "devdeck-light"), ("main",))


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("open", Command("session.open")),
        ("open web", Command("session.open", session_id="s2")),
        ("o web", Command("session.open", session_id="s2")),
        ("start fix", Command("start", text="fix")),
        ("start fix -p api -b main", Command("start", text="fix", path="/src/api", base="main")),
        ("start -p /elsewhere fix", Command("start", text="fix", path="/elsewhere")),
        ("checkout", Command("checkout")),
        ("checkout pr/7", Command("checkout", text="pr/7")),
        ("co '#7' -p api -l seven", Command("checkout", text="#7", path="/src/api", label="seven")),
        (
            "checkout -l it https://example.org/a/b/pull/7",
            Command("checkout", text="https://example.org/a/b/pull/7", label="it"),
        ),
        (
            "workspace all -p ~/src -r api,web -b main",
            Command("workspace", text="all", path="~/src", words=("api", "web"), base="main"),
        ),
        ("ws all", Command("workspace", text="all")),
        ("rename new", Command("rename", text="new")),
        ("rename", Command("session.rename")),
        ("init web", Command("session.init", session_id="s2")),
        ("send all -- make -- x", Command("send", words=("all",), text="make -- x")),
        ("send marked -- ls", Command("send", words=("marked",), text="ls")),
        ("send all --", Command("send", words=("all",))),
        ("send web --", Command("send", session_id="s2")),
        ("send all of it", Command("send", text="all of it")),
        ("rm web", Command("session.remove", session_id="s2")),
        ("test", Command("test")),
        ("test web", Command("test", session_id="s2")),
        ("test web tests/a.py::b", Command("test", session_id="s2", words=("tests/a.py::b",))),
        ("test tests/a.py", Command("test", words=("tests/a.py",))),
        ("run make 'a b'", Command("run", words=("make", "a b"))),
        ("run web -- make", Command("run", session_id="s2", words=("make",))),
        ("send web -- ls | wc", Command("send", session_id="s2", text="ls | wc")),
        ("send it's fine", Command("send", text="it's fine")),
        ("theme devdeck-light", Command("theme", words=("devdeck-light",))),
        ("sort cpu", Command("sort", words=("cpu",))),
        ("sort", Command("sort")),
        ("filter a b", Command("filter", text="a b")),
        ("go api-fix", Command("go", session_id="s1")),
        ("session.copy", Command("session.copy")),
        ("!lint", Command("task", words=("lint",))),
        ("$ make -j2", Command("shell", text="make -j2")),
        ("quit", Command("deck.quit")),
    ],
)
def test_reads(line: str, command: Command) -> None:
    assert parse(":", line, WORLD) == command


@pytest.mark.parametrize(
    ("mode", "line", "message", "wanted"),
    [
        (":", "", "nothing typed", "a command"),
        (":", "opne", "no command 'opne'", "did you mean open"),
        (":", "open wbe", "no session 'wbe'", "did you mean web"),
        (":", "theme nope", "no theme 'nope'", "devdeck-dark"),
        (":", "run", "nothing to run", "COMMAND"),
        (":", "run 'a", "can't be read", "quotes"),
        (":", "start a b", "'b' is too much", "one label"),
        (":", "start a -x", "no option -x", "-p"),
        (":", "start a -p", "-p needs a value", "-p"),
        (":", "checkout a b", "'b' is too much", "one target"),
        (":", "checkout a -b x", "no option -b", "-l LABEL"),
        (":", "workspace a -r", "-r needs a value", "-r NAME,NAME"),
        (":", "rename a b", "'b' is too much", "one new label"),
        (":", "init wbe", "no session 'wbe'", "did you mean web"),
        (":", "quit now", "'now' is too much", "nothing more"),
        (":", "session.copy x", "takes nothing", "session.copy"),
        ("!", "deploy", "'deploy' is no task", "test or lint or build"),
        ("$", "  ", "nothing to run", "shell"),
    ],
)
def test_says_what_was_expected(mode: str, line: str, message: str, wanted: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse(mode, line, WORLD)
    assert message in caught.value.message
    assert wanted in caught.value.expected


@pytest.mark.parametrize(
    ("mode", "line", "found"),
    [
        (":", "op", "open"),
        (":", "open w", "open web"),
        (":", "open ", "open api-fix"),
        (":", "theme devdeck-l", "theme devdeck-light"),
        (":", "start x -p a", "start x -p api"),
        (":", "start x -b ", "start x -b main"),
        (":", "checkout m", "checkout main"),
        (":", "checkout x -p ", "checkout x -p api"),
        (":", "checkout x ", "checkout x -l "),
        (":", "workspace x -b ", "workspace x -b main"),
        (":", "init w", "init web"),
        (":", "send al", "send all -- "),
        (":", "send we", "send web -- "),
        (":", "session.cop", "session.copy"),
        ("!", "l", "lint"),
    ],
)
def test_completes(mode: str, line: str, found: str) -> None:
    assert found in complete(mode, line, WORLD)


def test_completions_can_be_parsed_or_lead_on() -> None:
    for name in VERBS:
        assert expected(":", name).startswith(VERBS[name].usage)
    for action in ACTIONS:
        if not action.native:
            assert parse(":", action.id, WORLD) == Command(action.id)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(":!$/"), st.text(max_size=60))
def test_any_text_is_read_or_refused(mode: str, line: str) -> None:
    try:
        parse(mode, line, WORLD)
        refused = None
    except CommandError as error:
        refused = error
    assert refused is None or (refused.message and refused.expected)
    assert len(complete(mode, line, WORLD)) <= 50
    assert expected(mode, line)
