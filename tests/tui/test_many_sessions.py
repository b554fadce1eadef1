"""What is done to marked sessions, workspaces, sessions of others, and terminals that are gone."""

from __future__ import annotations

from collections.abc import Callable

from devdeck.errors import DeckError
from devdeck.model import Fact, JobKind, JobState, SessionKind, SessionState
from tests.tui.driving import Driver, driving
from tests.tui.fake import NOW, FakeDeck, not_set_up, session, workspace, workspace_of_three

MakeDeck = Callable[..., FakeDeck]


async def command(it: Driver, line: str) -> None:
    await it.press("colon")
    await it.type(line)
    await it.press("enter")


async def test_space_marks_and_goes_on_and_escape_takes_the_marks_off(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("home", "space", "space")
        assert it.selected == "upgrade-deps"
        assert "2 marked · u clears" in it.text()
        assert it.text().count("◆") == 3
        await it.press("escape")
        assert "marked" not in it.text()
        await it.press("asterisk")
        assert "7 marked" in it.text()
        await it.press("u")
        assert not it.main.sessions.marked
        await it.press("u")
        assert "nothing is marked" in it.toasts()


async def test_escape_takes_the_filter_off_before_the_marks(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await it.press("home", "space", "slash")
        await it.type("docs")
        await it.press("enter", "escape")
        assert it.main.sessions.filter_text == ""
        assert len(it.main.sessions.marked) == 1
        await it.press("escape")
        assert not it.main.sessions.marked


async def test_the_tests_of_all_marked_run_and_those_of_a_workspace_in_each_repository(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.add(*workspace_of_three(deck))
    async with driving(deck) as it:
        await command(it, "mark tax-rules")
        await command(it, "mark docs-nav")
        await it.press("t")
        await it.until(lambda: len(deck.named("test")) == 4)
        assert [id_ for id_, _ in deck.named("test")] == ["w1.api", "w1.web", "w1.docs", deck.id_of("docs-nav")]
        await command(it, "unmark")
        deck.calls.clear()
        it.main.performer.go("w1.web")
        await it.press("t")
        await it.until(lambda: deck.named("test"))
        assert deck.named("test") == [("w1.web", ())]


async def test_what_a_line_names_is_meant_and_not_the_marks(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("asterisk")
        await command(it, "test docs-nav")
        await it.until(lambda: deck.named("test"))
        assert deck.named("test") == [(deck.id_of("docs-nav"), ())]
        assert it.main.performer.perform("session.remove", deck.id_of("dark-mode"))
        await it.until(lambda: "Remove session" in it.text())


async def test_a_workspace_shows_its_repositories_and_is_looked_at_with_them(make_deck: MakeDeck) -> None:
    deck = make_deck(2)
    deck.add(*workspace_of_three(deck))
    async with driving(deck) as it:
        it.main.performer.go("w1")
        await it.until(lambda: "Repositories" in it.text())
        assert "pytest in web" in it.text()
        assert "3 sessions" in it.text()
        assert set(deck.named("look_at")[-1][1]) >= {"w1", "w1.api", "w1.web", "w1.docs"}
        assert not [call for call in deck.named("commits") if call[0] == "w1"]
        await it.press("g")
        await it.until(lambda: "Each repository has changes of its own" in it.text())
        assert not deck.named("diff")
        await it.press("escape", "right", "j")
        assert it.selected == "tax-rules:api"
        await it.until(lambda: deck.named("diff"))


async def test_sessions_of_others_are_adopted(make_deck: MakeDeck) -> None:
    deck = make_deck(1)
    deck.add(SessionState(session=session("x", "theirs", managed=False)))
    async with driving(deck) as it:
        it.main.performer.go("x")
        await it.until(lambda: "a adopts it" in it.text())
        await it.press("a")
        await it.until(lambda: "adopted theirs" in it.toasts())
        assert deck.named("adopt") == [("x", None)]
        await it.press("a")
        assert "nothing to adopt" in it.toasts()


async def test_a_checkout_is_refreshed_and_says_what_came(make_deck: MakeDeck) -> None:
    deck = make_deck(1)
    deck.add(SessionState(session=session("pr", "pr-7", kind=SessionKind.CHECKOUT, target="pr/7")))
    deck.add(SessionState(session=session("plain", "plain")))
    async with driving(deck) as it:
        it.main.performer.go("pr")
        await it.press("P")
        await it.until(lambda: "2 new commits from origin" in it.toasts())
        it.main.performer.go("plain")
        await it.press("P")
        assert "its branch follows nothing" in it.toasts()
        assert deck.named("refresh") == [("pr",)]


async def test_terminals_that_are_gone_are_restored_one_or_all(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.add(SessionState(session=session("x", "theirs", managed=False), terminal=Fact(at=NOW)))
    async with driving(deck) as it:
        assert "terminals gone" not in it.text()
        await command(it, "restore docs-nav")
        await it.until(lambda: deck.named("restore_terminals"))
        assert deck.named("restore_terminals") == [((deck.id_of("docs-nav"),),)]
        await command(it, "restore dark-mode")
        assert "its terminal is there" in it.toasts()
        for id_ in deck.state.sessions:
            deck.patch(id_, terminal=Fact(value=None, at=NOW))
        await it.until(lambda: "7 terminals gone · :restore all" in it.text())
        await command(it, "restore all")
        await it.until(lambda: len(deck.named("restore_terminals")) == 2)
        assert len(deck.named("restore_terminals")[1][0]) == 7
        await it.until(lambda: "7 terminals restored" in it.toasts())


async def test_a_server_that_can_not_be_asked_loses_no_terminal(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        for id_ in deck.state.sessions:
            deck.patch(id_, terminal=Fact(value=None, at=NOW, error="no answer within 5 s"))
        await it.until(lambda: "no answer" in it.text())
        assert "terminals gone" not in it.text()


async def test_a_failed_initialization_is_seen_and_its_log_is_one_key_away(make_deck: MakeDeck) -> None:
    deck = make_deck(2)
    deck.add(not_set_up(deck))
    passed = deck.job("s-init", "later", state=JobState.ENDED, exit_status=0, log=b"all is green\n", age=5.0)
    deck.patch("s-init", jobs=(passed, *deck.state.sessions["s-init"].jobs))
    async with driving(deck) as it:
        it.main.performer.go("s-init")
        await it.until(lambda: "init failed: npm ci · exit 1" in it.text())
        assert "init ✗" in it.text()
        await it.press("l")
        await it.until(lambda: "npm error network" in it.text())
        await it.press("full_stop")
        await it.until(lambda: "all is green" in it.text())
        running = deck.job("s-init", "now", kind=JobKind.RUN, argv=("make",), log=b"making\n")
        deck.patch("s-init", jobs=(running, *deck.state.sessions["s-init"].jobs))
        await it.until(lambda: "making" in it.text())


async def test_errors_of_undo_and_adopt_are_told(make_deck: MakeDeck) -> None:
    deck = make_deck(1)
    deck.add(SessionState(session=session("x", "theirs", managed=False)))
    deck.failures["undo"] = DeckError("the branch [/b] moved on", "look at it first")
    deck.failures["adopt"] = DeckError("that label is in use", "give another")
    async with driving(deck) as it:
        await it.press("U")
        await it.until(lambda: "the branch [/b] moved on" in it.toasts())
        it.main.performer.go("x")
        await it.press("a")
        await it.until(lambda: "that label is in use" in it.toasts())


async def test_a_read_only_dashboard_marks_and_changes_nothing(make_deck: MakeDeck) -> None:
    deck = make_deck(read_only=True)
    async with driving(deck) as it:
        await it.press("home", "space", "space")
        assert len(it.main.sessions.marked) == 2
        await it.press("t", "x", "U", "a", "P")
        await command(it, "restore all")
        assert len(it.app.screen_stack) == 1
        changing = {"test", "remove_session", "undo", "adopt", "refresh", "restore_terminals"}
        assert not changing & {call[0] for call in deck.calls}
        assert "read-only" in it.toasts()


async def test_a_small_list_is_as_high_as_its_rows_and_its_scrollbar_comes_back_where_the_rows_are(
    make_deck: MakeDeck,
) -> None:
    deck = make_deck(6)
    made = workspace("w", "all", "/home/dev/src", ("api", "web"))
    deck.put([*deck.state.sessions.values(), *(SessionState(session=it) for it in (made, *made.member_sessions()))])
    async with driving(deck, (80, 24)) as it:
        sessions = it.main.sessions
        await it.press("G")
        await it.until(lambda: sessions.size.height == sessions.line_count() == 11)
        assert not sessions.show_vertical_scrollbar
        it.main.detail.focus_content()
        await it.until(lambda: sessions.size.height == 4 and sessions.scroll_y == 7)
        sessions.focus()
        await it.until(lambda: sessions.size.height == 11 and sessions.scroll_y == 0)
        sessions.set_open("w", True)
        await it.until(lambda: sessions.show_vertical_scrollbar and sessions.line_count() == 13)
        assert sessions.vertical_scrollbar.position == sessions.scroll_y == 0
