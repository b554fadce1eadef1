from __future__ import annotations

import os

import msgspec

from bench.world import program, world


def test_a_world_is_a_real_deck_and_leaves_nothing() -> None:
    before = dict(os.environ)
    with world(2) as made:
        assert dict(os.environ) == before
        listed = msgspec.json.decode(made.run([*program(), "ls", "--json"]))["sessions"]
        assert [entry["label"] for entry in listed] == ["work-000", "work-001"]
        assert [(entry["git"]["unstaged"], entry["git"]["untracked"]) for entry in listed] == [(1, 1), (1, 1)]
        server = made.tmux()
        assert len(server.terminals()) == 2
        folder = made.folder
    assert not folder.exists()
    assert server.terminals() == ()
