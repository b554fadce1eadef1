"""Fields with lists, without a dialog around them; and what dialogs say, as plain lines."""

from __future__ import annotations

import ast
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

from devdeck.live import BranchChoice, Setup
from tests.tui.fake import NOW
from tui.screens.branches import Chosen, repository_options, repository_path, repository_value, setup_words
from tui.screens.send_text import names_lines
from tui.screens.trust import setup_lines
from tui.screens.workspace import folders
from tui.widgets.picker import Option, PickField
from tui.widgets.spans import plain, width_of

SPELLED = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[tr])")
OPTIONS = [Option(name, name, "1h", more) for name, more in (("main", "one"), ("fix/login", "two"), ("fix/tax", "one"))]


def names(field: PickField) -> list[str]:
    return [found.option.value for found in field.found]


class Small(App[None]):
    def compose(self) -> ComposeResult:
        yield PickField(id="field")


async def test_typing_filters_and_picking_does_not() -> None:
    app = Small()
    async with app.run_test() as pilot:
        field = app.query_one(PickField)
        field.offer(OPTIONS)
        assert names(field) == ["main", "fix/login", "fix/tax"]
        assert field.picked == -1
        field.value = "fix"
        assert names(field) == ["fix/tax", "fix/login"]
        field.step(1)
        field.step(1)
        assert (field.value, field.picked) == ("fix/login", 1)
        assert names(field) == ["fix/tax", "fix/login"]
        field.step(1)
        assert field.value == "fix/login"
        field.step(-5)
        assert field.value == "fix/tax"
        field.value = "main"
        assert len(names(field)) == 3
        assert field.picked == 0
        field.value = "HEAD~2"
        assert names(field) == []
        field.step(1)
        assert field.value == "HEAD~2"
        field.value = "two"
        assert names(field) == ["fix/login"]
        await pilot.pause()


async def test_new_options_keep_what_is_typed_and_picked() -> None:
    app = Small()
    async with app.run_test() as pilot:
        field = app.query_one(PickField)
        field.value = "fix/tax"
        assert field.picked == -1
        field.offer(OPTIONS)
        assert (field.value, field.picked) == ("fix/tax", 2)
        field.offer(OPTIONS[:2])
        assert (field.value, field.picked) == ("fix/tax", -1)
        await pilot.pause()


def test_repositories_of_one_name_are_told_apart_by_their_paths() -> None:
    known = (("api", "/a/api"), ("api", "/b/api"), ("web", "/a/web"))
    assert [it.value for it in repository_options(known, "/a")] == ["/a/api", "/b/api", "web"]
    assert repository_value("/b/api", known) == "/b/api"
    assert repository_value("/a/web", known) == "web"
    assert repository_path(" web ", known) == "/a/web"
    assert repository_path("/x/../b/api", known) == "/b/api"
    assert repository_path("", known) == ""
    assert folders(known) == (("/a", 2), ("/b", 1))


def branches(*rows: tuple[str, str]) -> tuple[BranchChoice, ...]:
    return tuple(BranchChoice(name=name, kind=kind, at=NOW, subject="") for name, kind in rows)


def test_a_local_branch_comes_before_a_remote_one_and_tags_are_none() -> None:
    chosen = Chosen.__new__(Chosen)
    chosen.branches = branches(("origin/fix", "remote"), ("fix", "local"), ("v1", "tag"), ("up/a/b", "remote"))

    def found(name: str) -> str:
        branch = chosen.branch(name)
        return branch.name if branch is not None else ""

    assert found("fix") == "fix"
    assert found("a/b") == "up/a/b"
    assert found("up/a/b") == "up/a/b"
    assert found("v1") == found("b") == found("") == ""


def test_what_would_be_set_up_fits_its_line() -> None:
    short = Setup(file="f", include=(".env",), commands=("npm ci",))
    assert plain(setup_words(short, 60)) == ".env, npm ci · not trusted"
    many = Setup(file="f", include=("a" * 40, "b"), commands=("c" * 40,), trusted=True)
    assert plain(setup_words(many, 60)) == "2 file patterns, 1 command · trusted"
    assert plain(setup_words(Setup(file="", trusted=True), 60)) == "nothing: the repository has no .devdeck.toml"
    empty = Setup(file="/src/shop/.par.yaml", trusted=True)
    assert plain(setup_words(empty, 60)) == "nothing: .par.yaml names nothing"


@settings(max_examples=80, deadline=None)
@given(st.text(st.characters(exclude_characters="\\"), max_size=200), st.integers(20, 100))
def test_a_question_of_trust_hides_nothing(text: str, width: int) -> None:
    lines = setup_lines(Setup(file="/f", commands=(text,)), width)
    body = lines[2:-1]
    assert all(width_of(line) <= width for line in lines)
    assert plain(body[0]).startswith("  1. ")
    shown = "".join(plain(line)[5:] for line in body)
    for character in shown:
        assert character.isprintable()
        assert cell_len(character) > 0
    assert SPELLED.sub(lambda found: ast.literal_eval(f"'{found[0]}'"), shown) == text.replace("\n", "")


def test_a_question_of_trust_spells_what_a_terminal_would_obey_or_hide() -> None:
    hostile = "a\x1b[8mb\u202ec\u200bd\te\r" + "f" * 100
    lines = setup_lines(Setup(file="/f\x07", include=(hostile,), warnings=("line 3 [x]",)), 60)
    text = "".join(plain(line) for line in lines)
    assert r"/f\x07" in text
    assert r"a\x1b[8mb\u202ec\u200bd\te\r" in text
    assert text.count("f") == 101
    assert "! line 3 [x]" in text


def test_names_take_two_lines_and_the_rest_is_counted() -> None:
    labels = [f"session-{number}" for number in range(30)]
    first, second = names_lines(labels, 60)
    shown = plain(first) + plain(second)
    assert width_of(first) <= 60
    assert width_of(second) <= 62
    assert shown.endswith(f"and {30 - shown.count('session-')} more")
    assert plain(names_lines(["a", "b"], 60)[0]) == "a, b"
    assert names_lines([], 60) == ((("", "muted"),), (("", "muted"),))
