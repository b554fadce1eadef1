"""The dialogs about sessions, driven by keys and mouse over a deck in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from devdeck.errors import DeckError, NotFound, Refused
from devdeck.live import BranchChoice, Setup, Start
from devdeck.model import Fact, JobKind, SessionState
from tests.tui.driving import Driver, driving
from tests.tui.fake import NOW, FakeDeck, session, terminal, workspace
from tui.screens.checkout import Checkout
from tui.screens.new_session import NewSession
from tui.screens.rename import Rename
from tui.screens.send_text import Audiences, SendReport, SendText
from tui.screens.trust import Trust
from tui.screens.workspace import NewWorkspace
from tui.widgets.marks import Marks
from tui.widgets.picker import PickList

MakeDeck = Callable[..., FakeDeck]
API, WEB = "/home/dev/src/api", "/home/dev/src/web"
UNTRUSTED = Setup(
    file=f"{API}/.devdeck.toml",
    include=(".env",),
    commands=("npm ci", "make [db] \x1b[8mhidden\x1b[0m"),
    digest="d1",
)


def top(it: Driver) -> Any:
    return it.app.screen


async def opened(it: Driver, key: str, kind: type[Any]) -> Any:
    await it.press(key)
    assert isinstance(top(it), kind)
    return top(it)


async def gone(it: Driver) -> None:
    await it.until(lambda: len(it.app.screen_stack) == 1)


# New session


async def test_a_base_is_picked_from_the_branches_by_typing(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        dialog = await opened(it, "n", NewSession)
        await it.until(lambda: "Taxes by country" in it.text())
        assert "in ~/src/web" in it.text()
        await it.type("hotfix")
        await it.press("tab", "tab")
        await it.type("tx")
        assert "Taxes by country" in it.text()
        assert "Login keeps the session" not in it.text()
        await it.press("down")
        assert dialog.base.value == "origin/feature/tax"
        await it.press("enter")
        await gone(it)
        assert deck.named("start_session") == [(Start(label="hotfix", path=API, base="origin/feature/tax"),)]
        assert it.selected == "hotfix"


async def test_any_ref_can_be_typed(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await opened(it, "n", NewSession)
        await it.type("hotfix")
        await it.press("tab", "tab")
        await it.type("HEAD~3")
        await it.until(lambda: "✓ commit c0ffee0000" in it.text())
        await it.press("enter")
        await gone(it)
        assert deck.named("start_session")[0][0].base == "HEAD~3"


async def test_of_a_prefix_it_is_shown_what_is_taken(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        dialog = await opened(it, "n", NewSession)
        await it.until(lambda: dialog.base.options)
        await it.type("hotfix")
        await it.press("tab", "tab")
        await it.type("v1")
        await it.until(lambda: "→ takes v1.0" in it.text())
        assert "→ v1.0" in it.text()
        assert dialog.base.value == "v1"
        await it.type(".0")
        await it.until(lambda: "✓ tag, 10d ago" in it.text())
        dialog.base.value = "v1"
        await it.press("enter")  # at once: git is waited for
        await gone(it)
        assert deck.named("start_session")[0][0].base == "v1.0"


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_what_is_wrong_with_a_configuration_is_whole(make_deck: MakeDeck, size: tuple[int, int]) -> None:
    deck = make_deck()
    problem = "~/src/api/.devdeck.toml:12:5: found 'comands', expected one of include, commands, teardown"
    deck.failures["setup"] = DeckError(problem, "")
    async with driving(deck, size) as it:
        await opened(it, "n", NewSession)
        await it.until(lambda: "expected one of" in it.text())
        words = " ".join(row.strip(" │") for row in it.text().splitlines())
        assert "teardown" in words
        assert "esc cancel" in it.text()
        deck.failures["setup"] = DeckError(f"{problem} " * 6, "")
        await it.press("escape")
        await opened(it, "n", NewSession)
        await it.until(lambda: "… devdeck config check says all of it" in it.text())
        assert "esc cancel" in it.text()


async def test_a_base_that_one_repository_of_a_workspace_lacks_is_told(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck, (80, 24)) as it:
        dialog = await opened(it, "W", NewWorkspace)
        await it.until(lambda: dialog.base.options)
        await it.type("whole")
        dialog.base.value = "fix-lo"
        await it.until(lambda: "→ takes fix-login" in it.text())
        dialog.base.value = "zzz"
        await it.until(lambda: "✗ no branch, tag or commit 'zzz' in each of them" in it.text())
        await it.press("enter")
        await it.until(lambda: "empty is HEAD" in it.text())
        assert not deck.named("start_workspace")
        dialog.base.value = "HEAD~2"
        await it.until(lambda: "✓ commit c0ffee0000" in it.text())
        assert {call[0] for call in deck.named("find_commit")} == {API, WEB, "/home/dev/src/docs"}
        dialog.base.value = "fix-lo"
        await it.press("enter")
        await gone(it)
        assert deck.named("start_workspace")[0][3] == "fix-login"


async def test_a_base_that_does_not_exist_is_told_before_enter_and_not_taken(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        dialog = await opened(it, "n", NewSession)
        await it.until(lambda: dialog.base.options)
        await it.type("hotfix")
        await it.press("tab", "tab")
        await it.type("zzz[/x]")
        await it.until(lambda: "✗ no branch, tag or commit 'zzz[/x]' here" in it.text())
        await it.press("enter")
        await it.until(lambda: "empty is HEAD" in it.text())
        assert not deck.named("start_session")
        deck.failures["find_commit"] = DeckError("git is busy", "")
        dialog.base.value = "abc"
        await it.until(lambda: "taken as it is" in it.text())
        await it.press("enter")
        await gone(it)
        assert deck.named("start_session")[0][0].base == "abc"


async def test_arrows_pick_a_base_while_the_label_is_typed(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        dialog = await opened(it, "n", NewSession)
        await it.until(lambda: dialog.base.found)
        await it.press("x", "down", "down", "y", "enter")
        await gone(it)
        assert deck.named("start_session")[0][0] == Start(label="xy", path=API, base="fix-login")


async def test_a_click_picks_and_the_focus_stays(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        dialog = await opened(it, "n", NewSession)
        await it.until(lambda: dialog.base.found)
        await it.pilot.click(PickList, offset=(4, 1))
        await it.until(lambda: dialog.base.value == "fix-login")
        assert dialog.focused.id == "new-label"
        bar = dialog.query_one("#dialog-choices")
        await it.type("by-mouse")
        column = next(x for x in range(bar.size.width) if bar.target_at(x) == "submit")
        await it.pilot.click(bar, offset=(column + 1, 0))
        await gone(it)
        assert deck.named("start_session")[0][0] == Start(label="by-mouse", path=API, base="fix-login")


async def test_branches_come_late_and_never_block_typing(make_deck: MakeDeck) -> None:
    deck = make_deck()
    never = asyncio.Event()
    deck.gates["branches"] = never.wait
    async with driving(deck) as it:
        await opened(it, "n", NewSession)
        await it.until(lambda: deck.named("branches"))
        assert "branches of api …" in it.text()
        await it.type("quick")
        await it.press("enter")
        await gone(it)
        assert deck.named("start_session")[0][0].label == "quick"


async def test_a_fetch_refreshes_the_branches(make_deck: MakeDeck) -> None:
    deck = make_deck()
    gate = asyncio.Event()
    deck.gates["fetch"] = gate.wait
    async with driving(deck) as it:
        await opened(it, "n", NewSession)
        await it.until(lambda: "… fetching" in it.text())
        new = BranchChoice(name="origin/brand-new", kind="remote", at=NOW, subject="Just pushed")
        deck.known_branches = (new, *deck.known_branches)
        gate.set()
        await it.until(lambda: "origin/brand-new" in it.text())
        assert "fetching" not in it.text()


async def test_offline_is_a_quiet_note(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.failures["fetch"] = DeckError("could not resolve host [x]", "")
    async with driving(deck) as it:
        await opened(it, "n", NewSession)
        await it.until(lambda: "offline: as last fetched" in it.text())
        assert "Taxes by country" in it.text()
        assert "resolve host" not in it.text() + it.toasts()


async def test_another_repository_has_other_branches(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        dialog = await opened(it, "n", NewSession)
        await it.press("tab", "down")
        await it.until(lambda: (WEB,) in deck.named("branches"))
        assert dialog.path == WEB
        await it.press("ctrl+u")
        await it.type("/somewhere/else")
        await it.until(lambda: ("/somewhere/else",) in deck.named("branches"))
        assert not any(path == ("/somewhere",) for path in deck.named("branches"))


async def test_a_path_without_a_repository_is_said_quietly(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.failures["branches"] = NotFound("no repository at [/x]", "")
    async with driving(deck) as it:
        await opened(it, "n", NewSession)
        await it.until(lambda: "no repository at [/x]" in it.text())


async def test_a_branch_that_exists_is_offered_as_a_checkout(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await opened(it, "n", NewSession)
        await it.until(lambda: "Taxes by country" in it.text())
        await it.type("feature/tax")
        assert "origin/feature/tax exists: no new branch is made" in it.text()
        await it.press("ctrl+o")
        assert isinstance(top(it), Checkout)
        assert top(it).target.value == "origin/feature/tax"
        await it.press("escape")
        assert isinstance(top(it), NewSession)
        await it.press("ctrl+o")
        await it.press("enter")
        await gone(it)
        assert deck.named("checkout") == [("origin/feature/tax", API, None, False)]
        assert it.selected == "feature/tax"


async def test_a_branch_that_is_checked_out_is_said(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await opened(it, "n", NewSession)
        await it.until(lambda: "Taxes by country" in it.text())
        await it.type("main")
        assert "main is checked out in ~/src/web" in it.text()


async def test_uncommitted_changes_move_when_they_are_marked(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        id_ = deck.id_of("dark-mode")
        worktree = deck.state.sessions[id_].session.worktree
        it.main.performer.go(id_)
        await opened(it, "n", NewSession)
        assert "[ ] move those of dark-mode" in it.text()
        await it.type("moved")
        await it.press("ctrl+t")
        assert "[x] move those of dark-mode" in it.text()
        await it.press("enter")
        await gone(it)
        assert deck.named("start_session") == [(Start(label="moved", path=worktree, with_changes=True),)]


async def test_clean_sessions_and_other_repositories_have_no_changes_to_move(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        it.main.performer.go(deck.id_of("search-index"))
        await opened(it, "n", NewSession)
        assert "move those of" not in it.text()
        await it.press("escape")
        it.main.performer.go(deck.id_of("dark-mode"))
        await opened(it, "n", NewSession)
        await it.press("tab", "down")
        assert "move those of" not in it.text()


async def test_what_was_typed_stays_when_it_fails_and_can_be_tried_again(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.failures["start_session"] = DeckError("no such base 'nope'", "name a branch [x]")
    async with driving(deck) as it:
        dialog = await opened(it, "n", NewSession)
        await it.type("again")
        await it.press("enter")
        await it.until(lambda: "name a branch [x]" in it.text())
        assert dialog.label == "again"
        del deck.failures["start_session"]
        await it.press("enter")
        await gone(it)
        assert it.selected == "again"


async def test_a_bug_in_the_making_is_said_and_the_dialog_goes_on(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.failures["start_session"] = ValueError("a bug")  # type: ignore[assignment]
    async with driving(deck) as it:
        dialog = await opened(it, "n", NewSession)
        await it.type("again")
        await it.press("enter")
        await it.until(lambda: "a bug" in it.text())
        assert not dialog.busy


async def test_escape_while_it_is_made_closes_and_it_is_made(make_deck: MakeDeck) -> None:
    deck = make_deck()
    gate = asyncio.Event()
    deck.gates["start_session"] = gate.wait
    async with driving(deck) as it:
        await opened(it, "n", NewSession)
        await it.type("slow")
        await it.press("enter", "enter", "escape")
        await gone(it)
        gate.set()
        await it.until(lambda: "slow" in it.toasts())
        assert len(deck.named("start_session")) == 1
        await it.until(lambda: "slow" in it.text())


# Trust


async def test_what_would_be_set_up_is_shown_and_asked_about(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.setups[API] = UNTRUSTED
    async with driving(deck) as it:
        await opened(it, "n", NewSession)
        await it.until(lambda: ".env, npm ci, make [db] hidden · not trusted" in it.text())
        await it.type("asked")
        await it.press("enter")
        await it.until(lambda: isinstance(top(it), Trust) and "npm ci" in it.text())
        assert "~/src/api/.devdeck.toml" in it.text()
        assert r"make [db] \x1b[8mhidden\x1b[0m" in it.text()
        assert not deck.named("start_session")
        await it.press("enter")
        assert isinstance(top(it), Trust)
        await it.press("t")
        await gone(it)
        assert deck.named("trust") == [(API, "d1")]
        assert deck.named("start_session") == [(Start(label="asked", path=API),)]


async def test_without_trust_it_is_made_without(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.setups[API] = UNTRUSTED
    async with driving(deck) as it:
        await opened(it, "n", NewSession)
        await it.type("bare")
        await it.press("enter")
        await it.until(lambda: isinstance(top(it), Trust) and top(it)._shown)
        await it.press("escape")
        await it.until(lambda: "nothing was made" in it.text())
        assert not deck.named("start_session")
        await it.press("enter")
        await it.until(lambda: isinstance(top(it), Trust) and top(it)._shown)
        await it.press("w")
        await gone(it)
        assert not deck.named("trust")
        assert len(deck.named("start_session")) == 1


async def test_a_configuration_that_changed_while_it_was_shown_is_refused(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.setups[API] = UNTRUSTED
    async with driving(deck) as it:
        await opened(it, "n", NewSession)
        await it.type("asked")
        await it.press("enter")
        await it.until(lambda: isinstance(top(it), Trust) and top(it)._shown)
        deck.setups[API] = msgspec.structs.replace(UNTRUSTED, digest="d2")
        await it.press("t")
        await it.until(lambda: "changed since it was shown" in it.text())
        assert isinstance(top(it), NewSession)
        assert not deck.named("start_session")


async def test_a_broken_configuration_is_said(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.failures["setup"] = DeckError(".devdeck.toml:3:7: expected a list", "")
    async with driving(deck) as it:
        await opened(it, "n", NewSession)
        await it.until(lambda: "✗ .devdeck.toml:3:7: expected a list" in it.text())


# Checkout


@pytest.mark.parametrize(
    "target", ["fix-login", "origin/fix", "ada:fix", "pr/7", "#7", "https://example.org/a/b/pull/7"]
)
async def test_every_form_of_target_goes_to_the_deck_as_it_is(make_deck: MakeDeck, target: str) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await opened(it, "C", Checkout)
        await it.type(target)
        await it.press("tab", "tab")
        await it.type("mine")
        await it.press("enter")
        await gone(it)
        assert deck.named("checkout") == [(target, API, "mine", False)]
        assert it.selected == "mine"


@pytest.mark.parametrize(
    ("target", "words"),
    [("pr/7", "✓ pull request 7"), ("!7", "✓ merge request 7"), ("ada:fix", "✓ branch fix of ada's")],
)
async def test_somebody_elses_code_is_not_set_up_at_once(make_deck: MakeDeck, target: str, words: str) -> None:
    deck = make_deck()
    deck.setups[API] = UNTRUSTED
    async with driving(deck) as it:
        await opened(it, "C", Checkout)
        await it.type(target)
        await it.until(lambda: words in it.text() and "nothing yet: it may be somebody else's code" in it.text())
        await it.press("enter")
        await gone(it)
        assert deck.named("checkout") == [(target, API, None, False)]
        assert not deck.named("trust")


async def test_trust_in_somebody_elses_code_is_asked_for_that_session(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.setups[API] = msgspec.structs.replace(UNTRUSTED, foreign="pr/7 [x]")
    async with driving(deck) as it:
        it.main.performer.go(deck.id_of("dark-mode"))
        await it.press("I")
        await it.until(lambda: isinstance(top(it), Trust) and top(it)._shown)
        assert "! pr/7 [x] may be somebody else's code." in it.text()
        await it.press("t")
        await it.until(lambda: deck.named("initialize"))
        assert deck.trusted_for == [deck.id_of("dark-mode")]


async def test_a_target_is_picked_and_its_label_is_derived(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await opened(it, "C", Checkout)
        await it.until(lambda: "Taxes by country" in it.text())
        assert "Release 1.0" not in it.text()
        await it.press("down", "down", "down", "enter")
        await gone(it)
        assert deck.named("checkout") == [("origin/feature/tax", API, None, False)]


async def test_a_checkout_that_is_refused_keeps_what_was_typed(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.failures["checkout"] = NotFound("no pull request 7 [here]", "look at its number")
    async with driving(deck) as it:
        dialog = await opened(it, "C", Checkout)
        await it.press("enter")
        assert "a target is missing" in it.text()
        await it.type("#7")
        await it.press("enter")
        await it.until(lambda: "no pull request 7 [here]" in it.text())
        assert "look at its number" in it.text()
        assert dialog.target.value == "#7"


# Rename


async def test_renames(make_deck: MakeDeck) -> None:
    deck = make_deck(0)
    deck.put([SessionState(session=session("x", "old", managed_branch=True))])
    async with driving(deck) as it:
        dialog = await opened(it, "R", Rename)
        assert dialog.label == "old"
        assert "so is its branch, which devdeck made" in it.text()
        await it.type(" new")
        assert "white space" in it.text()
        await it.press("enter", "ctrl+u")
        await it.type("new")
        await it.press("enter")
        await gone(it)
        assert deck.named("rename") == [("x", "new")]
        assert it.selected == "new"


async def test_a_branch_of_others_keeps_its_name(make_deck: MakeDeck) -> None:
    deck = make_deck(0)
    deck.put([SessionState(session=session("x", "old", branch="theirs/[b]"))])
    deck.failures["rename"] = Refused("a rebase is in progress", "finish it")
    async with driving(deck) as it:
        await opened(it, "R", Rename)
        assert "its branch theirs/[b] keeps its name" in it.text()
        await it.type("er")
        await it.press("enter")
        await it.until(lambda: "a rebase is in progress" in it.text())
        await it.press("escape")
        assert len(it.app.screen_stack) == 1


async def test_what_others_made_and_repositories_of_workspaces_are_not_renamed(make_deck: MakeDeck) -> None:
    deck = make_deck(0)
    theirs = session("x", "theirs", managed=False)
    member = session("w.api", "all:api", parent="w")
    deck.put([SessionState(session=theirs), SessionState(session=member)])
    async with driving(deck) as it:
        it.main.performer.perform("session.rename", "x")
        await it.until(lambda: "adopt it first" in it.toasts())
        it.main.performer.perform("session.rename", "w.api")
        await it.until(lambda: "rename the workspace" in it.toasts())
        assert len(it.app.screen_stack) == 1


# Workspaces


async def test_a_workspace_of_the_marked_repositories(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        dialog = await opened(it, "W", NewWorkspace)
        assert dialog.folder == "/home/dev/src"
        await it.type("all-of-it")
        assert "✓ branch all-of-it in 3 repositories" in it.text()
        await it.press("tab", "tab")
        assert isinstance(dialog.focused, Marks)
        await it.press("down", "space", "tab")
        await it.type("../other, /abs/one")
        assert "in 4 repositories" in it.text()
        await it.press("tab")
        await it.until(lambda: "branches that all of them have" in it.text() and dialog.base.found)
        await it.press("down", "enter")
        await gone(it)
        wanted = ("all-of-it", "/home/dev/src", ("api", "docs", "../other", "/abs/one"), "main", False)
        assert deck.named("start_workspace") == [wanted]
        assert it.selected == "all-of-it"


async def test_a_folder_without_known_repositories_is_left_to_the_deck(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await opened(it, "W", NewWorkspace)
        await it.type("ws")
        await it.press("tab", "ctrl+u")
        await it.type("/elsewhere")
        assert "every one that lies directly in it" in it.text()
        await it.press("enter")
        await gone(it)
        assert deck.named("start_workspace") == [("ws", "/elsewhere", (), None, False)]


async def test_a_workspace_asks_about_each_untrusted_repository(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.setups[API] = UNTRUSTED
    deck.setups[WEB] = Setup(file=f"{WEB}/.par.yaml", commands=("make web",), digest="w1")
    async with driving(deck) as it:
        await opened(it, "W", NewWorkspace)
        await it.type("ws")
        await it.press("enter")
        await it.until(lambda: isinstance(top(it), Trust) and "make web" in it.text())
        assert "npm ci" in it.text()
        await it.press("t")
        await gone(it)
        assert deck.named("trust") == [(API, "d1"), (WEB, "w1")]


async def test_something_must_be_marked(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await opened(it, "W", NewWorkspace)
        await it.press("enter")
        assert "a label is missing" in it.text()
        await it.type("ws")
        await it.press("tab", "tab", "space", "down", "space", "down", "space", "enter")
        assert "no repository is marked" in it.text()
        assert not deck.named("start_workspace")


# Sending


async def test_sends_to_all_that_have_a_terminal_and_are_devdecks_own(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.put(
        [
            *deck.state.sessions.values(),
            SessionState(session=session("x", "theirs", managed=False), terminal=Fact(value=terminal(), at=NOW)),
        ]
    )
    everyone = tuple(
        id_ for id_, it in sorted(deck.state.sessions.items(), key=lambda item: item[1].session.label)
        if it.session.managed and it.terminal.value is not None
    )  # fmt: skip
    async with driving(deck) as it:
        await opened(it, "S", SendText)
        assert "all 6" in it.text()
        await it.type("make lint")
        await it.press("down")
        await it.until(lambda: "checkout-flow, dark-mode, fix-login" in it.text())
        await it.press("enter")
        await gone(it)
        await it.until(lambda: "sent to 6 sessions" in it.toasts())
        assert deck.named("send") == [(everyone, "make lint", False)]


async def test_as_many_are_named_as_there_is_room_for(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck, (40, 24)) as it:
        await opened(it, "S", SendText)
        await it.press("down")
        await it.until(lambda: "and 5 more" in it.text())
        await it.pilot.resize_terminal(120, 40)
        await it.until(lambda: "checkout-flow, dark-mode, fix-login" in it.text())


async def test_an_audience_is_clicked(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await opened(it, "S", SendText)
        await it.pilot.click(Audiences, offset=(4, 1))
        await it.press("enter")
        await it.until(lambda: deck.named("send"))
        assert len(deck.named("send")[0][0]) == 6


async def test_marked_sessions_come_first(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        ids = (deck.id_of("fix-login"), deck.id_of("dark-mode"))
        for id_ in ids:
            it.main.sessions.mark(id_)
        await it.settle()
        await opened(it, "S", SendText)
        assert "● marked 2" in it.text()
        await it.type("ls")
        await it.press("enter")
        await it.until(lambda: deck.named("send"))
        assert sorted(deck.named("send")[0][0]) == sorted(ids)


async def test_what_was_refused_is_reported_and_forced_on_demand(make_deck: MakeDeck) -> None:
    deck = make_deck()
    refused = {deck.id_of("fix-login"), deck.id_of("dark-mode")}
    deck.not_at_a_shell = refused
    async with driving(deck) as it:
        it.main.performer.dialogs.send_now(None, "all", "make [x]")
        await it.until(lambda: isinstance(top(it), SendReport) and "vim runs in its pane" in it.text())
        assert "sent to 4 of 6: make [x]" in it.text()
        assert "F send anyway to 2" in it.text()
        await it.press("F")
        await it.until(lambda: len(deck.named("send")) == 2)
        ids, text, force = deck.named("send")[1]
        assert (set(ids), text, force) == (refused, "make [x]", True)
        await it.until(lambda: "sent to 2 sessions" in it.toasts())


async def test_an_error_of_sending_is_a_toast(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.failures["send"] = DeckError("no tmux [here]", "start it")
    async with driving(deck) as it:
        await opened(it, "S", SendText)
        await it.press("enter")
        await it.until(lambda: "no tmux [here]" in it.toasts())


# Setting up again


async def test_sets_up_again_and_asks_when_it_is_not_trusted(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.setups[API] = UNTRUSTED
    async with driving(deck) as it:
        id_ = deck.id_of("dark-mode")
        it.main.performer.go(id_)
        await it.press("I")
        await it.until(lambda: isinstance(top(it), Trust) and top(it)._shown)
        assert "without" not in it.text()
        await it.press("w")
        assert isinstance(top(it), Trust)
        await it.press("escape")
        await gone(it)
        assert not deck.named("initialize")
        await it.press("I")
        await it.until(lambda: isinstance(top(it), Trust) and top(it)._shown)
        await it.press("t")
        await it.until(lambda: "2 commands started" in it.toasts())
        assert deck.named("trust") == [(API, "d1")]
        assert deck.named("initialize") == [(id_, False)]
        assert {job.kind for job in deck.state.sessions[id_].jobs} == {JobKind.INIT}


async def test_a_workspace_is_set_up_in_all_its_repositories(make_deck: MakeDeck) -> None:
    deck = make_deck(0)
    made = workspace("w", "all", "/home/dev/src", ("api", "web"))
    deck.put([SessionState(session=it) for it in (made, *made.member_sessions())])
    deck.setups[WEB] = Setup(file=f"{WEB}/.par.yaml", commands=("make web",), digest="w1")
    async with driving(deck) as it:
        it.main.performer.perform("session.init", "w")
        await it.until(lambda: isinstance(top(it), Trust) and top(it)._shown)
        await it.press("t")
        await it.until(lambda: deck.named("initialize"))
        assert deck.named("trust") == [(WEB, "w1")]


# The command line, read-only, hostile text


async def command(it: Driver, text: str) -> None:
    await it.press("colon")
    await it.type(text)
    await it.press("enter")


async def test_commands_act_without_dialogs(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        id_ = deck.id_of("dark-mode")
        it.main.performer.go(id_)
        await command(it, "start quick -p web -b main")
        await it.until(lambda: deck.named("start_session") == [(Start(label="quick", path=WEB, base="main"),)])
        await it.until(lambda: it.selected == "quick")
        await command(it, "checkout pr/7 -l seven -p api")
        await it.until(lambda: deck.named("checkout") == [("pr/7", API, "seven", False)])
        await it.until(lambda: it.selected == "seven")
        await command(it, "rename eight")
        await it.until(lambda: deck.named("rename") == [("made-seven", "eight")])
        await command(it, "init dark-mode")
        await it.until(lambda: deck.named("initialize") == [(id_, False)])
        await command(it, "send all -- make -- all")
        await it.until(lambda: deck.named("send"))
        assert deck.named("send")[0][1] == "make -- all"
        assert len(it.app.screen_stack) == 1


async def test_commands_that_lack_something_open_their_dialogs(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        for line, kind in (
            ("start", NewSession),
            ("start bad^label", NewSession),
            ("checkout", Checkout),
            ("rename", Rename),
            ("workspace ws -p ~/src -r api,more -b main", NewWorkspace),
            ("send all --  ", SendText),
        ):
            await command(it, line)
            await it.until(lambda kind=kind: isinstance(top(it), kind))  # type: ignore[misc]
            if kind is NewWorkspace:
                assert (top(it).label, top(it).others, top(it).base.value) == ("ws", ("more",), "main")
                assert top(it).marked_paths == (API,)
            await it.press("escape")
        await command(it, "send marked -- ls")
        await it.until(lambda: "nothing is marked" in it.toasts())


async def test_a_read_only_dashboard_opens_none_of_them(make_deck: MakeDeck) -> None:
    deck = make_deck(read_only=True)
    async with driving(deck) as it:
        for key in ("n", "C", "R", "W", "S", "I"):
            await it.press(key)
        for line in ("start x", "checkout x", "rename x", "workspace x", "send x", "init"):
            await command(it, line)
        assert len(it.app.screen_stack) == 1
        assert "read-only" in it.toasts()
        changing = {"start_session", "checkout", "start_workspace", "rename", "send", "initialize", "trust", "fetch"}
        assert not changing & {call[0] for call in deck.calls}


HOSTILE = ("feat/[/oops]", "[b]x", "a\x1b]0;t\x07b", "\u202eevil", "漢字-ラベル", "[@click=app.quit]q", "\ud800", "")


async def test_hostile_names_break_no_dialog(make_deck: MakeDeck) -> None:
    deck = make_deck(0)
    deck.known_repositories = tuple((name, f"/src/{name}") for name in HOSTILE)
    deck.put(
        [SessionState(session=session(f"x{n}", label, (label, f"/src/{label}"))) for n, label in enumerate(HOSTILE)]
    )
    deck.known_branches = tuple(
        BranchChoice(name=name, kind="local", at=NOW, subject=name, worktree=name) for name in HOSTILE
    )
    hostile = Setup(file="/src/[b]\x1b[31m", include=HOSTILE, commands=HOSTILE, teardown=HOSTILE, digest="h")
    deck.setups = {f"/src/{name}": hostile for name in HOSTILE}
    async with driving(deck) as it:
        for key in ("n", "C", "R", "W", "S"):
            await it.press(key)
            await it.settle()
            await it.press("tab", "down", "down", "tab", "down", "x", "tab", "space")
            assert "\x1b" not in it.text()
            assert "\u202e" not in it.text()
            await it.press("escape")
            await gone(it)
        await it.press("I")
        await it.until(lambda: isinstance(top(it), Trust) and top(it)._shown)
        assert "\x1b" not in it.text()
        assert "\u202e" not in it.text()
        assert r"\u202eevil" in it.text()
