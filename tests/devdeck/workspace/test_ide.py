"""The workspace file: what is in it, and whose it is. C30."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devdeck.errors import DeckError, Missing, NotFound, UsageError
from devdeck.model import Member, Session, SessionKind
from devdeck.workspace import ide
from tests.support import until


def workspace(folder: Path, label: str = "cart", names: tuple[str, ...] = ("api", "web")) -> Session:
    members = tuple(
        Member(repository=name, repository_path=f"/src/{name}", worktree=str(folder / name), branch=label)
        for name in names
    )
    return Session(
        id="w",
        label=label,
        kind=SessionKind.WORKSPACE,
        repository="src",
        repository_path="/src",
        worktree=str(folder),
        members=members,
    )


def read(path: Path) -> Any:
    return json.loads(path.read_bytes())


def test_its_place_and_content(tmp_path: Path) -> None:
    """C30."""
    path = ide.write(workspace(tmp_path, "feature/cart"))
    assert path == tmp_path / "feature-cart.code-workspace"
    assert read(path) == {
        "folders": [
            {"name": "api (feature/cart)", "path": "api"},
            {"name": "web (feature/cart)", "path": "web"},
        ],
        "settings": {"git.detectSubmodules": False, "git.repositoryScanMaxDepth": 1},
    }
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name]


def test_a_member_elsewhere_has_its_whole_path(tmp_path: Path) -> None:
    """C30, C32: as in workspaces that were taken over."""
    session = workspace(tmp_path / "here")
    (tmp_path / "here").mkdir()
    far = Member(repository="far", repository_path="/src/far", worktree="/elsewhere/far")
    path = ide.write(msgspec.structs.replace(session, members=(far,)))
    assert read(path)["folders"] == [{"name": "far (cart)", "path": "/elsewhere/far"}]


def test_what_the_user_changed_stays(tmp_path: Path) -> None:
    """C30."""
    path = ide.write(workspace(tmp_path))
    record = read(path)
    record["settings"]["editor.rulers"] = [120]
    record["extensions"] = {"recommendations": ["x.y"]}
    record["folders"] = [{"path": "../notes"}, {"path": "./web", "name": "The shop"}]
    path.write_text(json.dumps(record))
    ide.write(workspace(tmp_path))
    after = read(path)
    assert after["folders"] == [
        {"path": "../notes"},
        {"path": "./web", "name": "The shop"},
        {"name": "api (cart)", "path": "api"},
    ]
    assert after["settings"] == record["settings"]
    assert after["extensions"] == record["extensions"]


def test_names_follow_the_label(tmp_path: Path) -> None:
    before = ide.fresh(workspace(tmp_path, "cart"))
    after = json.loads(ide.refreshed(workspace(tmp_path, "basket"), before))
    assert [folder["name"] for folder in after["folders"]] == ["api (basket)", "web (basket)"]


def test_the_file_follows_the_label(tmp_path: Path) -> None:
    before = ide.write(workspace(tmp_path, "cart"))
    record = read(before)
    before.write_text(json.dumps({**record, "settings": {"mine": 1}}))
    (tmp_path / "another.code-workspace").write_text('{"folders": [{"path": "/elsewhere"}]}')
    after = ide.write(workspace(tmp_path, "basket"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another.code-workspace", "basket.code-workspace"]
    assert [folder["name"] for folder in read(after)["folders"]] == ["api (basket)", "web (basket)"]
    assert read(after)["settings"] == {"mine": 1}


def test_an_unchanged_file_is_not_written_again(tmp_path: Path) -> None:
    path = ide.write(workspace(tmp_path))
    # As somebody's editor would format it: nothing in it is out of date, so not a byte changes.
    path.write_text(json.dumps(read(path), indent="\t"))
    before = (path.stat().st_ino, path.read_bytes())
    ide.write(workspace(tmp_path))
    assert (path.stat().st_ino, path.read_bytes()) == before


@pytest.mark.parametrize("content", [b"// a comment\n{}", b"[]", b"\xff\xfe", b'{"folders": [}', b""])
def test_what_is_no_plain_json_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cart.code-workspace"
    path.write_bytes(content)
    assert ide.write(workspace(tmp_path)) == path
    assert path.read_bytes() == content


@pytest.mark.parametrize("folders", [None, 7, {"a": 1}, ["x", None, {"path": 5}]])
def test_folders_of_another_form_are_mended(tmp_path: Path, folders: object) -> None:
    path = tmp_path / "cart.code-workspace"
    path.write_text(json.dumps({"folders": folders, "settings": {"a": 1}}))
    ide.write(workspace(tmp_path))
    after = read(path)
    assert after["folders"][-2:] == [{"name": "api (cart)", "path": "api"}, {"name": "web (cart)", "path": "web"}]
    assert after["settings"] == {"a": 1}


@settings(max_examples=40, deadline=None)
@given(name=st.text(min_size=1, max_size=20).filter(lambda name: "/" not in name and "\0" not in name))
def test_any_name_makes_valid_json(name: str) -> None:
    record = json.loads(ide.fresh(workspace(Path("/w"), names=(name,))))
    assert record["folders"][0]["name"].endswith(" (cart)")


def test_a_name_that_is_no_utf_8_makes_valid_json(tmp_path: Path) -> None:
    record = read(ide.write(workspace(tmp_path, names=(os.fsdecode(b"caf\xe9"),))))
    assert record["folders"][0]["name"] == "caf\N{REPLACEMENT CHARACTER} (cart)"


def test_discarding_leaves_what_was_changed(tmp_path: Path) -> None:
    session = workspace(tmp_path)
    path = ide.write(session)
    ide.discard(session)
    assert not path.exists()
    ide.discard(session)
    path.write_text("{}")
    ide.discard(session)
    assert path.read_text() == "{}"


def test_a_plain_session_has_none(tmp_path: Path) -> None:
    plain = Session(id="s", label="one", repository="r", repository_path="/r", worktree="/w/one")
    with pytest.raises(UsageError, match="no workspace") as caught:
        ide.write(plain)
    assert "/w/one" in caught.value.hint


def test_a_folder_that_is_gone_and_one_that_is_read_only(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is gone"):
        ide.write(workspace(tmp_path / "gone"))
    (tmp_path / "cart.code-workspace").mkdir()
    with pytest.raises(DeckError, match="can't write"):
        ide.write(workspace(tmp_path))


def script(folder: Path, text: str) -> str:
    path = folder / "an editor"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return f"'{path}' --new"


def test_an_editor_gets_the_file_and_no_terminal(tmp_path: Path) -> None:
    said = tmp_path / "said"
    editor = script(tmp_path, f'printf "%s|" "$@" > "{said}.part"; cat >> "{said}.part"; mv "{said}.part" "{said}"')
    ide.open_in(editor, tmp_path / "a b.code-workspace")
    until(said.exists)
    assert said.read_text() == f"--new|{tmp_path}/a b.code-workspace|"


def test_an_editor_that_stays_is_left_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ide, "NOTICE", 0.05)
    gate, seen = tmp_path / "gate", tmp_path / "seen"
    os.mkfifo(gate)
    ide.open_in(script(tmp_path, f'read word < "{gate}"; echo $word > "{seen}"'), tmp_path / "x")
    gate.write_text("go\n")
    until(lambda: seen.exists() and seen.read_text() == "go\n")


def test_an_editor_that_is_missing_or_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ide, "NOTICE", 60.0)  # it ends before; on a slow machine only later than one waits for it
    with pytest.raises(Missing) as missing:
        ide.open_in("no-such-editor-anywhere", tmp_path / "x")
    assert (missing.value.status, missing.value.code) == (5, "editor-missing")
    with pytest.raises(DeckError, match="ended with 3: no display"):
        ide.open_in(script(tmp_path, "echo no display >&2; exit 3"), tmp_path / "x")
    with pytest.raises(UsageError):
        ide.open_in("'code", tmp_path / "x")
    with pytest.raises(UsageError):
        ide.open_in(" ", tmp_path / "x")
