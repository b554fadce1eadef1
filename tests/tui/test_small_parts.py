"""History, preferences, private files and the editor's command."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tui import editor, preferences
from tui.history import LIMIT, History
from tui.preferences import Preferences


def test_history_is_kept_private_bounded_and_without_repeats(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history"
    history = History(path)
    for number in range(LIMIT + 20):
        history.add(":", f"open {number}")
    history.add("$", "make")
    history.add(":", "open 30")
    history.add(":", " secret")
    history.add(":", "")
    history.save()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = History(path)
    again.load()
    assert len(again.lines) == LIMIT
    assert again.lines[-2:] == ("$make", ":open 30")
    assert again.lines.count(":open 30") == 1
    assert again.of("$") == ("make",)


def test_two_dashboards_lose_nothing(tmp_path: Path) -> None:
    first, second = History(tmp_path / "h"), History(tmp_path / "h")
    first.add(":", "a")
    second.add(":", "b")
    first.save()
    second.save()
    third = History(tmp_path / "h")
    third.load()
    assert third.of(":") == ("a", "b")


def test_a_broken_history_or_preference_file_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "h").write_bytes(b"\xff\xfe\x00\n:ok\n")
    history = History(tmp_path / "h")
    history.load()
    assert history.of(":") == ("ok",)
    (tmp_path / "p").write_text("{broken")
    assert preferences.load(tmp_path / "p") == Preferences()
    assert preferences.load(tmp_path / "none") == Preferences()
    preferences.save(tmp_path / "p", Preferences(theme="x"))
    assert preferences.load(tmp_path / "p").theme == "x"


@pytest.mark.parametrize(
    ("environment", "argv"),
    [
        ({}, ("vi", "+7", "/a b.py")),
        ({"EDITOR": "nano -w"}, ("nano", "-w", "+7", "/a b.py")),
        ({"VISUAL": "/usr/bin/code --wait", "EDITOR": "vi"}, ("/usr/bin/code", "--wait", "--goto", "/a b.py:7")),
        ({"EDITOR": "hx"}, ("hx", "/a b.py:7")),
        ({"EDITOR": "'my editor' -x"}, ("my editor", "-x", "/a b.py")),
    ],
)
def test_editors_open_at_the_line(environment: dict[str, str], argv: tuple[str, ...]) -> None:
    assert editor.command("/a b.py", 7, environment) == argv


def test_an_editor_gets_no_relative_path_and_no_broken_quotes() -> None:
    assert editor.command("/a", None, {"EDITOR": "vim"}) == ("vim", "/a")
    with pytest.raises(ValueError, match="absolute"):
        editor.command("-x", 1, {})
    with pytest.raises(ValueError, match="quotation"):
        editor.command("/a", 1, {"EDITOR": "'vi"})
