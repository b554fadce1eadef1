"""The first start: nothing is there yet, and the screen says what to do."""

from __future__ import annotations

import pytest

from tests.journeys.world import World

pytestmark = pytest.mark.journey


def test_the_first_session(world: World) -> None:
    shop = world.repository("shop", {"README.md": "# A shop\n"})
    dashboard = world.dashboard()
    dashboard.shows("No sessions yet", "Press n to start the first one")
    dashboard.keys("n")
    dashboard.shows("New session")
    dashboard.asks("fix-login")
    dashboard.type("first try")
    dashboard.shows("can't contain white space")
    dashboard.keys(*["BSpace"] * 4)
    dashboard.shows("✓ branch first")
    dashboard.keys("Tab")
    dashboard.asks("~/src/project")
    dashboard.type(str(shop))
    dashboard.keys("Enter")
    dashboard.hides("New session")
    dashboard.selects("first")
    dashboard.shows("1 session", "clean", "the first commit")
    assert world.session("first")["terminal"]["alive"] is True
    dashboard.keys("Enter")
    dashboard.attaches()
    dashboard.type("git branch --show-current\n")
    dashboard.waits("the branch", lambda screen: "first" in screen.splitlines())
    dashboard.keys("C-d")
    dashboard.shows("Sessions", "first")
    dashboard.keys("q")
    dashboard.ended(0)


def test_an_error_says_what_to_do(world: World) -> None:
    dashboard = world.dashboard()
    dashboard.shows("No sessions yet")
    dashboard.keys("t")
    dashboard.shows("no session is selected")
    dashboard.keys("n")
    dashboard.asks("fix-login")
    dashboard.type("somewhere")
    dashboard.keys("Tab")
    dashboard.asks("~/src/project")
    dashboard.type(str(world.folder / "home"))
    dashboard.keys("Enter")
    dashboard.shows("✗", "name a folder of one, or make one with `git init`")
    assert world.json("ls") == {"sessions": []}
