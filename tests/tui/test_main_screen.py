from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual.geometry import Size

from devdeck.errors import DeckError
from devdeck.live import Handoff, RemovalPlan, Start
from devdeck.model import Fact, GitFacts, Health, JobKind, SessionState
from tests.tui.driving import Driver, driving
from tests.tui.fake import NOW, FakeDeck, session, varied
from tui.performer import GLANCED
from tui.screens.help import Help
from tui.screens.new_session import NewSession
from tui.screens.removal import RemoveSessions
from tui.theme import load_themes

MakeDeck = Callable[..., FakeDeck]


def is_scope(it: Driver, name: str) -> bool:
    return it.main._scope() == name


async def test_moves_with_letters_and_arrows_and_looks_at_what_is_selected(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        first = it.selected
        await it.press("j")
        second = it.selected
        await it.press("down", "k", "k")
        assert (first, second, it.selected) == ("dark-mode", "fix-login", "dark-mode")
        assert deck.named("look_at")[-1][0] == deck.id_of("dark-mode")


async def test_an_action_finds_the_detail_at_the_selected_session_also_in_a_burst_of_keys(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await it.press("j", "j", "j", "k", "2")
        assert it.main.detail.tab("tests").session_id == it.main.sessions.selected


async def test_the_detail_follows_a_burst_of_keys(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await it.press("j", "j", "j")
        await it.until(lambda: it.main.detail.tab("overview").session_id == it.main.sessions.selected)


async def test_time_alone_makes_ages_grow_in_list_and_detail(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.until(lambda: "changes" in it.text())
        later = deck.now() + 7200.0
        deck.now = lambda: later  # type: ignore[method-assign]
        before = it.text()
        it.main._tick()
        await it.until(lambda: "2h ago" in it.text())
        assert "2h ago" not in before


async def test_a_new_title_repaints_the_border_alone(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        detail = it.main.detail
        detail._exchange_repaint_regions()
        detail.set_titles("another")
        assert sum(region.area for region in detail._repaint_regions) < 4 * (detail.size.width + detail.size.height)


async def test_the_first_paint_does_not_wait_for_the_deck(make_deck: MakeDeck) -> None:
    import asyncio

    deck = make_deck()
    gate = asyncio.Event()
    deck.gates["start"] = gate.wait
    from tui.app import DeckApp

    app = DeckApp(deck)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert not deck.started
        assert app.main.sessions.selected is not None
        gate.set()


async def test_enter_hands_the_session_over_and_q_leaves(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("j", "enter")
        await it.until(lambda: deck.named("hand_off"))
        assert deck.named("hand_off") == [(deck.id_of("fix-login"),)]
        await it.press("q")
        assert it.app.return_value == 0


async def test_an_attach_that_needs_a_terminal_says_so_where_there_is_none(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.handoff = Handoff(("tmux", "attach"))
    async with driving(deck) as it:
        await it.press("enter")
        await it.until(lambda: "can't be handed over" in it.toasts())
        assert deck.active[-1] is True


async def test_filters_while_typing_and_escape_takes_it_off(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await it.press("slash")
        await it.type("rate")
        assert it.main.sessions.shown_count == 1
        assert it.selected == "rate-limits"
        await it.press("enter")
        assert it.app.focused is it.main.sessions
        assert it.main.sessions.shown_count == 1
        await it.press("escape")
        assert it.main.sessions.shown_count == 7
        await it.press("slash")
        await it.type("web")
        await it.press("escape")
        assert it.main.sessions.filter_text == ""


async def test_numbers_and_letters_show_tabs_and_take_the_focus(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await it.press("j")
        for key, name in (("2", "tests"), ("l", "logs"), ("g", "git"), ("5", "terminal"), ("o", "overview")):
            await it.press(key)
            assert it.main.detail.current == name
            await it.until(partial(is_scope, it, "sessions" if name in GLANCED else name))
        await it.press("left_square_bracket")
        assert it.main.detail.current == "terminal"
        await it.press("right_square_bracket", "escape")
        assert it.main.detail.current == "overview"
        assert it.app.focused is it.main.sessions


async def test_sessions_are_reached_from_every_pane(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await it.press("home")
        first = it.main.sessions.selected
        await it.press("l")
        await it.until(partial(is_scope, it, "logs"))
        await it.press("J")
        second = it.main.sessions.selected
        assert second != first
        assert it.main.detail.current == "logs"
        await it.press("K")
        assert it.main.sessions.selected == first
        await it.press("5", "j")
        assert it.main.sessions.selected == second


async def test_hidden_tabs_do_no_work(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        assert not deck.named("capture")
        assert not deck.named("diff")
        await it.press("g")
        await it.until(lambda: deck.named("diff"))
        await it.press("1")
        before = len(deck.named("diff"))
        await it.press("escape", "j")
        assert len(deck.named("diff")) == before


async def test_runs_tests_and_shows_them(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("j", "t")
        await it.until(lambda: deck.named("test"))
        assert deck.named("test") == [(deck.id_of("fix-login"), ())]
        assert it.main.detail.current == "tests"


async def test_stops_what_runs_and_says_when_nothing_does(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("T")
        assert "nothing is running here" in it.toasts()
        assert not deck.named("stop_job")
        it.main.sessions.select(deck.id_of("checkout-flow"))
        await it.settle()
        await it.press("T")
        await it.until(lambda: deck.named("stop_job"))
        assert deck.named("stop_job") == [("1-run",)]


async def test_runs_again_what_ran_last(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("j", "dollar_sign")
        await it.type("echo 'a b' | wc")
        await it.press("enter")
        await it.until(lambda: deck.named("run_shell"))
        await it.press("r")
        await it.until(lambda: deck.named("run"))
        assert deck.named("run_shell") == [(deck.id_of("fix-login"), "echo 'a b' | wc", JobKind.SHELL)]
        assert deck.named("run")[0][1:] == (("sh", "-c", "echo 'a b' | wc"), JobKind.SHELL)


async def test_a_read_only_dashboard_changes_nothing_and_says_why(make_deck: MakeDeck) -> None:
    deck = make_deck(read_only=True)
    async with driving(deck) as it:
        for key in ("t", "n", "x", "T", "r", "S", "dollar_sign", "exclamation_mark", "enter"):
            await it.press(key)
        assert len(it.app.screen_stack) == 1
        assert not it.main.command_bar.is_open
        assert "read-only" in it.toasts()
        changing = {"test", "start_session", "remove_session", "stop_job", "run", "run_shell", "send", "hand_off"}
        assert not changing & {call[0] for call in deck.calls}
        assert "read-only" in it.text()


async def test_an_error_is_shown_with_its_hint_and_nothing_ends(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.failures["test"] = DeckError("no tests [/found] here", "install pytest [b]")
    async with driving(deck) as it:
        await it.press("t")
        await it.until(lambda: "install pytest [b]" in it.toasts())
        assert "no tests [/found] here" in it.toasts()
        deck.failures["test"] = ValueError("a bug")  # type: ignore[assignment]
        await it.press("t")
        await it.until(lambda: "a bug" in it.toasts())
        assert it.app.is_running


async def test_what_is_under_way_is_told_and_goes(make_deck: MakeDeck) -> None:
    import asyncio

    deck = make_deck()
    gate = asyncio.Event()
    deck.gates["test"] = gate.wait
    async with driving(deck) as it:
        await it.press("t")
        await it.until(lambda: "starting tests of dark-mode" in it.text())
        gate.set()
        await it.until(lambda: "starting tests" not in it.text())
        assert it.main._spinner is None


async def test_a_collector_in_trouble_is_told_with_its_hint(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        assert "all up to date" in it.text()
        deck.healths({"tmux": Health(state="error", message="no server", hint="start tmux", at=NOW)})
        await it.until(lambda: "no server" in it.text())
        assert "start tmux" in it.text()


async def test_new_facts_reach_list_tab_and_bars(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        id_ = deck.id_of("dark-mode")
        deck.patch(id_, git=Fact(value=GitFacts(branch="dark-mode", head="d" * 40, staged=5), at=NOW))
        await it.until(lambda: "+5 staged" in it.text())
        assert "1 to look at" not in it.text()


async def test_a_session_made_elsewhere_appears_and_the_selection_stays(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("j")
        sessions = [state.session for state in deck.state.sessions.values()]
        added = session("zz", "aaa-first")
        deck.hub.set_sessions({one.id: one for one in (*sessions, added)})
        await it.until(lambda: "aaa-first" in it.text())
        assert it.selected == "fix-login"


async def test_removal_shows_the_plan_and_takes_two_steps_when_work_would_go(make_deck: MakeDeck) -> None:
    deck = make_deck()
    id_ = deck.id_of("dark-mode")
    risky = deck.state.sessions[id_].session
    deck.plans[id_] = RemovalPlan(session=risky, steps=("remove the worktree",), risks=("3 [commits] not pushed",))
    async with driving(deck) as it:
        await it.press("x")
        await it.until(lambda: "3 [commits] not pushed" in it.text())
        assert isinstance(it.app.screen, RemoveSessions)
        await it.press("enter")
        await it.press("y")
        assert not deck.named("remove_session")
        await it.press("F")
        await it.press("y")
        await it.until(lambda: deck.named("remove_session"))
        assert deck.named("remove_session") == [(id_, True)]
        await it.until(lambda: len(it.app.screen_stack) == 1)


async def test_removal_without_risk_takes_enter_and_escape_keeps(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("D")
        await it.until(lambda: "Nothing would be lost" in it.text())
        await it.press("escape")
        assert not deck.named("remove_session")
        await it.press("x")
        await it.until(lambda: "Nothing would be lost" in it.text())
        await it.press("enter")
        await it.until(lambda: len(it.app.screen_stack) == 1)
        assert len(deck.state.sessions) == 6


async def test_what_the_deck_forbids_is_not_removed(make_deck: MakeDeck) -> None:
    deck = make_deck(0)
    theirs = session("x", "theirs", managed=False)
    deck.put([SessionState(session=theirs)])
    deck.plans["x"] = RemovalPlan(session=theirs, steps=(), risks=(), forbidden="it is the main worktree [of] api")
    async with driving(deck) as it:
        await it.press("x")
        await it.until(lambda: "It can't be removed: it is the main worktree [of] api" in it.text())
        await it.press("enter", "F", "y")
        assert not deck.named("remove_session")
        await it.press("escape")
        assert len(it.app.screen_stack) == 1


async def test_new_session_validates_creates_and_selects(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("n")
        assert isinstance(it.app.screen, NewSession)
        await it.type("bad label")
        assert "white space" in it.text()
        await it.press("enter")
        assert not deck.named("start_session")
        await it.press("ctrl+u")
        await it.type("fix-2")
        assert "✓ branch fix-2" in it.text()
        await it.press("tab", "down", "enter")
        await it.until(lambda: len(it.app.screen_stack) == 1)
        assert deck.named("start_session") == [(Start(label="fix-2", path="/home/dev/src/web"),)]
        assert it.selected == "fix-2"


async def test_new_session_keeps_what_was_typed_when_it_fails(make_deck: MakeDeck) -> None:
    deck = make_deck()
    deck.failures["start_session"] = DeckError("branch 'x/y' exists", "choose another label")
    async with driving(deck) as it:
        await it.press("n")
        await it.type("x/y")
        await it.press("enter")
        await it.until(lambda: "choose another label" in it.text())
        assert "x/y" in it.text()
        assert isinstance(it.app.screen, NewSession)


async def test_sends_text(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("S")
        await it.type("make [x]")
        await it.press("enter")
        await it.until(lambda: deck.named("send"))
        assert deck.named("send") == [((deck.id_of("dark-mode"),), "make [x]", False)]


async def test_help_is_made_from_the_actions_and_is_searched(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await it.press("question_mark")
        assert isinstance(it.app.screen, Help)
        assert "Open terminal" in it.text()
        await it.type("palette")
        assert "Command palette" in it.text()
        assert "Open terminal" not in it.text()
        await it.press("escape")
        assert len(it.app.screen_stack) == 1


async def test_a_failure_leads_to_its_lines_in_the_log(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("j", "2")
        await it.until(lambda: "test_total_of_two" in it.text())
        await it.until(lambda: it.main._scope() == "tests")
        await it.press("enter")
        await it.until(lambda: it.main.detail.current == "logs" and "assert 150 == 300" in it.text())
        await it.until(lambda: it.main.detail.tab("logs").pane.status.cursor is not None)  # type: ignore[attr-defined]
        await it.press("v")
        await it.until(lambda: "cart.add" in it.text())
        assert deck.named("source")


async def test_the_log_is_searched_and_jobs_are_stepped_through(make_deck: MakeDeck) -> None:
    deck = make_deck()
    id_ = deck.id_of("fix-login")
    older = deck.job(id_, "older", argv=("make", "lint"), kind=JobKind.LINT, log=b"lint says hello\n")
    deck.patch(id_, jobs=(*deck.state.sessions[id_].jobs, older))
    async with driving(deck) as it:
        await it.press("j", "l")
        await it.until(lambda: it.main._scope() == "logs" and "collected 42 items" in it.text())
        await it.press("slash")
        await it.type("collected")
        await it.press("enter")
        await it.until(lambda: it.main.detail.tab("logs").pane.status.query == "collected")  # type: ignore[attr-defined]
        assert it.main.sessions.filter_text == ""
        await it.press("escape")
        await it.press("comma")
        await it.until(lambda: "lint says hello" in it.text())
        await it.press("full_stop")
        await it.until(lambda: "collected 42 items" in it.text())


HOSTILE = ("feat/[/oops]", "[b]x", "a\x1b]0;t\x07b", "\u202eevil", "漢字-ラベル", "[@click=app.quit]q", "$(id)")


async def test_hostile_labels_break_nothing(make_deck: MakeDeck) -> None:
    deck = make_deck(0)
    deck.put([SessionState(session=session(f"x{n}", label, (label, f"/{label}"))) for n, label in enumerate(HOSTILE)])
    deck.known_repositories = tuple((label, f"/{label}") for label in HOSTILE)
    async with driving(deck) as it:
        for tab in ("2", "3", "4", "5", "1"):
            await it.press(tab, "escape", *("j" for _ in HOSTILE), "home")
        for key in ("n", "x", "S", "question_mark"):
            await it.press(key, "escape", "j")
        await it.press("ctrl+p")
        await it.type("go to")
        await it.press("escape")
        assert "\x1b" not in it.text()
        assert "\u202e" not in it.text()
        assert "[b]x" in it.text()
        assert it.app.is_running


async def test_small_terminals_switch_layout_and_back(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        assert it.main.graphs.region
        await it.pilot.resize_terminal(80, 24)
        await it.until(lambda: it.app.size == Size(80, 24) and not it.main.graphs.region)
        sessions, detail = it.main.sessions.region, it.main.detail.region
        assert sessions.bottom <= detail.y
        assert detail.width == 80
        await it.press("3")
        await it.until(lambda: it.main.detail.region.height > detail.height)
        await it.press("escape", "z")
        await it.until(lambda: it.main.detail.region.height == 22)
        await it.press("z")
        await it.pilot.resize_terminal(120, 40)
        await it.until(lambda: it.main.graphs.region)
        assert it.main.sessions.region.right <= it.main.detail.region.x


async def test_ctrl_c_ends_nothing(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        await it.press("ctrl+c")
        assert "q leaves the dashboard" in it.toasts()
        assert it.app.is_running


async def test_the_mouse_reaches_tabs_keys_and_sessions(make_deck: MakeDeck) -> None:
    async with driving(make_deck()) as it:
        strip = it.main.detail.strip
        await it.pilot.click(strip, offset=(20, 0))
        await it.until(lambda: it.main.detail.current == "tests")
        await it.pilot.click("#sessions", offset=(8, 3))
        await it.until(lambda: it.selected == "fix-login")
        bar = it.main.query_one("#keys")
        column = next(x for x in range(bar.size.width) if bar.target_at(x) == "deck.help")  # type: ignore[attr-defined]
        await it.pilot.click(bar, offset=(column + 1, 0))
        await it.until(lambda: isinstance(it.app.screen, Help))


async def test_the_theme_is_remembered(make_deck: MakeDeck, tmp_path: Path) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        other = next(name for name in it.app.available_themes if name.startswith("devdeck") and name != it.app.theme)
        await it.press("colon")
        await it.type(f"theme {other}")
        await it.press("enter")
        await it.until(lambda: (deck.paths.state / "dashboard.json").exists())
        assert it.app.theme == other
        colours = load_themes()[0][other].terminal
        await it.until(lambda: it.app.ansi_theme.ansi_colors[1] == colours.ansi_colors[1])
    async with driving(deck) as again:
        assert again.app.theme == other


async def test_the_order_is_remembered(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as it:
        await it.press("s")
        assert it.main.sessions.sort == "attention"
        await it.until(lambda: (deck.paths.state / "dashboard.json").exists())
    async with driving(deck) as again:
        assert again.main.sessions.sort == "attention"


async def test_an_empty_deck_says_what_to_do(make_deck: MakeDeck) -> None:
    async with driving(make_deck(0)) as it:
        assert "No sessions yet" in it.text()
        await it.press("t")
        assert "no session is selected" in it.toasts()
        for key in ("2", "3", "4", "5"):
            await it.press(key)
        assert "No session selected" in it.text()


async def test_the_deck_is_told_when_nobody_looks(make_deck: MakeDeck) -> None:
    from textual import events

    deck = make_deck()
    async with driving(deck) as it:
        it.app.post_message(events.AppBlur())
        await it.until(lambda: deck.active[-1] is False)
        it.app.post_message(events.AppFocus())
        await it.until(lambda: deck.active[-1] is True)


async def test_many_sessions(make_deck: MakeDeck) -> None:
    deck = make_deck(100)
    async with driving(deck) as it:
        await it.press("G")
        assert it.main.sessions.visible_ids()
        deck.put([varied(deck, number) for number in range(50)])
        await it.until(lambda: "50 sessions" in it.text())
        assert it.selected


async def test_what_comes_up_while_something_is_made_is_told(make_deck: MakeDeck) -> None:
    deck = make_deck()
    async with driving(deck) as driver:
        deck.on_notice("one: origin does not say whether it has [red]'one'")
        await driver.until(lambda: "origin does not say whether it has [red]'one'" in driver.toasts())
