"""Nothing that comes from a repository, a log or a terminal acts on the terminal of the dashboard."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.git_support import commit, run_git
from tests.journeys.world import World
from tests.tmux_support import tmux

pytestmark = pytest.mark.journey

BRANCH = "feat/]oops]#{pane_id}#(touch${IFS}trap);$(touch${IFS}trap)\u202egnp.exe"
ATTACK = (
    b"\x1b]0;STOLEN TITLE\x07\x1b]2;STOLEN TITLE\x1b\\\x9d0;STOLEN TITLE\x9c"
    b"\x1b]52;c;" + base64.b64encode(b"stolen clipboard") + b"\x07"
    b"\x1bk STOLEN NAME\x1b\\\x1bPtmux;\x1b\x1b]0;STOLEN TITLE\x07\x1b\\"
    b"\x1b[2J\x1b[H\x1b[?1049l\x1b[?25h\x1b[5;5HSTOLEN PLACE\x1b[6n\x1b[c\x1b[21t\x1b[8;5;5t\x0e\x07\x08\x08"
    b"\n\xff\xfe\xc3(\xed\xa0\x80\x00\n[red]markup[/red] [/oops] end of attack\n"
)


def test_hostile_names_and_logs(world: World) -> None:
    shop = world.repository("shop", {"README.md": "# A shop\n"})
    place = world.folder / "place"
    run_git(shop, "worktree", "add", "-q", "-b", BRANCH, str(place))
    commit(place, {"a": "b"}, message="subject \x1b]0;STOLEN TITLE\x07 [/oops] \x1b[2J")
    (place / "new [red]\x1b[31m file").write_text("x")
    world.cli("start", "safe", cwd=shop)
    attack = world.folder / "attack"
    attack.write_bytes(ATTACK)
    world.cli("run", "--wait", "safe", "--", "cat", str(attack))
    session = world.session("safe")["terminal"]["id"]

    dashboard = world.dashboard()
    before = tmux(world.outer, "list-panes", "-a", "-F", "#{pane_title} #{window_name} #{pane_width}x#{pane_height}")
    dashboard.shows("safe", "feat/]oops]#{pane_id}")
    dashboard.selects("safe")
    dashboard.keys("l")
    dashboard.shows("[red]markup[/red] [/oops] end of attack")
    tmux(world.inner, "send-keys", "-t", f"{session}:0", f"cat {attack}", "Enter")
    dashboard.keys("c")
    dashboard.shows("▌5 Terminal", "enter opens it", "[red]markup[/red] [/oops] end of attack")
    dashboard.keys("o")
    dashboard.shows("▌1 Overview", "⏎ open")
    dashboard.keys("k")
    dashboard.shows("[/oops]", "subject")
    dashboard.keys("g")
    dashboard.shows("new [red]")
    dashboard.hides("⏎ open")
    dashboard.keys("Escape")
    dashboard.shows("⏎ open")
    dashboard.keys("C-p")
    dashboard.asks("Find an action, session, repository, job or theme…")
    dashboard.type("oops")
    dashboard.shows("Go to feat/]oops]")
    dashboard.hides("Find an action")
    dashboard.keys("Escape")
    screen = dashboard.waits("the list alone", lambda screen: "Go to" not in screen and "⏎ open" in screen)

    assert screen.startswith("╭─ Sessions")
    assert "q quit" in screen.splitlines()[-1]
    assert "\u202e" not in screen
    after = tmux(world.outer, "list-panes", "-a", "-F", "#{pane_title} #{window_name} #{pane_width}x#{pane_height}")
    assert after == before
    assert dashboard.ask("#{alternate_on}#{cursor_flag}") == "10"
    assert "stolen" not in tmux(world.outer, "list-buffers", check=False)
    assert not list(Path(world.folder).rglob("trap"))
    dashboard.keys("q")
    dashboard.ended(0)


LABEL = "#(touch${IFS}trap);$(touch${IFS}trap)"
COMMAND = "\x1b]0;STOLEN TITLE\x07[@click=app.quit]quit[/] [/oops] \u202egnp.exe"


def test_hostile_names_in_dialogs(world: World) -> None:
    shop = world.repository("shop", {"README.md": "# A shop\n"})
    run_git(shop, "branch", BRANCH)
    escaped = "".join(sign if sign.isascii() and sign.isprintable() else f"\\u{ord(sign):04x}" for sign in COMMAND)
    (shop / ".devdeck.toml").write_text(f'[[init.command]]\nname = "{escaped}"\nrun = "true {escaped}"\n')
    world.cli("start", LABEL, cwd=shop)
    place = Path(world.session(LABEL)["worktree"])
    for name in ("[@click=app.quit]x", "\x1b]0;STOLEN TITLE\x07", "\u202egnp.exe", "a\nb"):
        (place / name).write_text("x")

    dashboard = world.dashboard()
    before = tmux(world.outer, "list-panes", "-a", "-F", "#{pane_title} #{window_name} #{pane_width}x#{pane_height}")
    dashboard.selects("#(touch")
    dashboard.keys("n")
    dashboard.shows("New session", "branches of shop", "feat/]oops]")
    dashboard.asks("fix-login")
    dashboard.type("[/oops]")
    dashboard.shows("can't contain")
    dashboard.keys("Escape")
    dashboard.hides("branches of shop")
    dashboard.keys("C")
    dashboard.shows("Check out", "feat/]oops]")
    dashboard.type("ext::sh -c touch")
    dashboard.keys("Enter")
    dashboard.shows(
        "Trust this configuration?", "[@click=app.quit]quit[/]", "\\u202e", "\\x1b]0;STOLEN", "w make it without"
    )
    dashboard.keys("w")
    dashboard.hides("Trust this configuration?")
    dashboard.shows("can't check out", "Check out")
    dashboard.keys("Escape")
    dashboard.hides("Check out")
    dashboard.keys("g")
    dashboard.shows("[@click=app.quit]x")
    dashboard.keys("o")
    dashboard.shows("▌1 Overview")
    dashboard.keys("I")
    dashboard.shows("[@click=app.quit]quit[/]", "\\u202e", "\\x1b]0;STOLEN")
    dashboard.keys("Escape")
    dashboard.hides("\\x1b]0;STOLEN")
    dashboard.keys("x")
    dashboard.shows("Remove session", "4 untracked files", "remove anyway")
    dashboard.keys("F")
    dashboard.shows("yes, remove it with this work")
    dashboard.keys("y")
    dashboard.hides("Remove session")
    dashboard.keys("X")
    dashboard.shows("Trash", "#(touch${IFS}")
    dashboard.keys("Enter")
    dashboard.shows("✓ #(touch", "is back")
    dashboard.keys("Escape")
    dashboard.hides("Trash")

    assert "\u202e" not in dashboard.screen()
    after = tmux(world.outer, "list-panes", "-a", "-F", "#{pane_title} #{window_name} #{pane_width}x#{pane_height}")
    assert after == before
    assert not list(Path(world.folder).rglob("trap"))
    assert sorted(path.name for path in place.iterdir()) == sorted(
        [".git", ".gitignore", "README.md", "[@click=app.quit]x", "\x1b]0;STOLEN TITLE\x07", "\u202egnp.exe", "a\nb"]
    )
    dashboard.keys("q")
    dashboard.ended(0)
