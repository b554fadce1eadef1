from __future__ import annotations

import dataclasses

import pytest
from textual.binding import Binding

from devdeck.model import SessionState
from tests.tui.fake import session
from tui.actions import ACTIONS, GLOBAL, SCOPES, Action, Context, Registry, keys_markdown
from tui.widgets.line_view import LineView
from tui.widgets.log_pane import LogPane
from tui.widgets.result_list import ResultList
from tui.widgets.session_list import SessionList
from tui.widgets.tests_tab import TestsTab


def action(id_: str, key: str, **fields: object) -> Action:
    return dataclasses.replace(
        Action(id=id_, title="It", help="Does it.", keys=(key,), group="View"),
        **fields,  # type: ignore[arg-type]
    )


def test_two_actions_on_one_key_in_one_scope_are_an_error() -> None:
    with pytest.raises(ValueError, match="both on x in global"):
        Registry((action("a.b", "x"), action("a.c", "x")))
    with pytest.raises(ValueError, match="two actions are called"):
        Registry((action("a.b", "x"), action("a.b", "y")))
    with pytest.raises(ValueError, match="no such scope"):
        Registry((action("a.b", "x", scope="nowhere"),))
    Registry((action("a.b", "x"), action("a.c", "x", scope="logs")))


def test_the_focused_panes_key_wins() -> None:
    def meant(key: str, scope: str, failure_open: bool = False) -> str:
        found = ACTIONS.resolve(key, Context(scope=scope, failure_open=failure_open))
        return found.id if found is not None else ""

    assert meant("slash", "sessions") == "view.filter"
    assert meant("slash", "logs") == "logs.search"
    assert meant("n", "sessions") == "session.new"
    assert meant("n", "tests") == "tests.next"
    assert meant("right_square_bracket", "tests") == "view.next-tab"
    assert meant("right_square_bracket", "tests", failure_open=True) == "tests.next-frame"
    assert meant("f12", "sessions") == ""


def test_every_key_of_the_contract_is_there() -> None:
    wanted = {
        "enter": "session.open", "n": "session.new", "t": "run.test", "T": "run.stop", "l": "tab.logs", "g": "tab.git",
        "f": "view.follow", "slash": "view.filter", "question_mark": "deck.help", "q": "deck.quit",
        "ctrl+p": "deck.palette", "colon": "deck.command", "exclamation_mark": "run.task", "dollar_sign": "run.shell",
        "1": "tab.overview", "2": "tab.tests", "3": "tab.logs", "4": "tab.git", "5": "tab.terminal",
    }  # fmt: skip
    for key, id_ in wanted.items():
        found = ACTIONS.resolve(key, Context(scope="sessions"))
        assert found is not None
        assert found.id == id_


def test_native_actions_are_really_bound_by_their_panes() -> None:
    def bound(*classes: type) -> set[str]:
        return {
            key
            for cls in classes
            for base in cls.__mro__
            for binding in base.__dict__.get("BINDINGS", ())
            if isinstance(binding, Binding)
            for key in binding.key.split(",")
        }

    moving = bound(LineView)
    assert {"j", "k", "home", "G", "end", "up", "down", "pageup", "pagedown"} <= bound(LogPane)
    panes = {GLOBAL: moving, "sessions": bound(SessionList), "tests": bound(TestsTab, ResultList)}
    for it in ACTIONS:
        if it.native:
            assert set(it.keys) <= panes[it.scope], it.id


def test_disabled_actions_have_reasons() -> None:
    nothing = Context()
    assert ACTIONS["run.test"].enabled(nothing) == "no session is selected"
    assert ACTIONS["run.test"].enabled(nothing._replace(loaded=False)) == "the deck is still being read"
    selected = nothing._replace(selected=SessionState(session=session("x", "x")))
    assert ACTIONS["run.test"].enabled(selected) == ""
    assert ACTIONS["run.stop"].enabled(selected) == "nothing is running here"
    for it in ACTIONS:
        why = it.enabled(selected._replace(read_only=True))
        changing = it.group in ("Session", "Run") and it.id != "session.copy"
        assert ("read-only" in why) == changing, it.id


def test_the_docs_name_every_action_and_key() -> None:
    text = keys_markdown()
    for it in ACTIONS:
        assert it.title in text
        assert it.help in text
        assert it.help.endswith("."), it.id
    assert "| `/` | Search the log" in text


@pytest.mark.parametrize("scope", SCOPES)
def test_the_footer_offers_what_can_be_reached(scope: str) -> None:
    context = Context(scope=scope)
    for it in ACTIONS.footer(context):
        assert it.scope in (scope, GLOBAL)
        found = ACTIONS.resolve(it.keys[0], context)
        assert found is not None
