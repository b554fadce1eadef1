"""The dashboard as a Textual app: composition only. `run` is how everything else starts it."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from contextlib import suppress
from functools import partial
from typing import ClassVar

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.theme import Theme

from devdeck.live import LiveDeck
from tui import preferences
from tui.history import History
from tui.intents import Intents
from tui.lifeline import STATUS, Lifeline
from tui.screens.main import MainScreen
from tui.theme import DEFAULT_THEME, DeckTheme, ThemeProblem, first_theme, load_themes, token_defaults
from tui.widgets.session_order import SORTS
from tui.wording import in_keys

_log = logging.getLogger(__name__)

STARTED = 3.0
"""Seconds after which the dashboard stands: until then the garbage collector rests."""
STOP_TIMEOUT = 6.0
"""Seconds that the deck gets to stop its collectors."""


class DeckApp(App[int]):
    """Themes, the main screen, and the life of the deck behind it."""

    TITLE = "devdeck"
    CSS_PATH = "screens/main.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
        Binding("ctrl+c", "help_quit", show=False, system=True),
    ]
    DEFAULT_CSS = """
    Toast { max-width: 72; }
    """

    def __init__(self, deck: LiveDeck) -> None:
        super().__init__()
        self.animation_level = "none"
        self._deck = deck
        self._preferences_path = deck.paths.state / "dashboard.json"
        self._preferences = preferences.load(self._preferences_path)
        self.intents = Intents(self, deck)
        deck.on_notice = lambda text: self.intents.toast(in_keys(text), "", "warning")
        self.history = History(deck.paths.state / "history")
        self._deck_themes: dict[str, DeckTheme] = {}
        wanted = self._preferences.theme or DEFAULT_THEME
        first = first_theme(wanted, deck.paths.themes)
        self._whole = first is None
        self._take_themes(*load_themes(deck.paths.themes) if first is None else ({first.name: first}, ()))
        self.theme = wanted if wanted in self.available_themes else DEFAULT_THEME
        self._dress(self.theme)

    def _take_themes(self, themes: dict[str, DeckTheme], problems: tuple[ThemeProblem, ...]) -> None:
        for name in themes.keys() - self._deck_themes.keys():
            self.register_theme(themes[name].textual)
        self._deck_themes, self._theme_problems = themes, problems

    def _dress(self, name: str) -> None:
        """Give logs and terminal previews the theme's own sixteen colours."""
        theme = self._deck_themes.get(name)
        if theme is None:
            return
        if theme.textual.dark:
            self.ansi_theme_dark = theme.terminal
        else:
            self.ansi_theme_light = theme.terminal

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The deck's tokens, for themes that do not set them."""
        return token_defaults(self.current_theme)

    def get_default_screen(self) -> MainScreen:
        """The one screen."""
        order = next((it for it in SORTS if it == self._preferences.sort), SORTS[0])
        return MainScreen(self._deck, self.intents, self.history, order)

    @property
    def main(self) -> MainScreen:
        """The main screen, also while a dialog is over it."""
        return next(screen for screen in self.screen_stack if isinstance(screen, MainScreen))

    def on_mount(self) -> None:
        """Paint first; then start the deck."""
        self.call_after_refresh(self._begin)
        self.theme_changed_signal.subscribe(self, self._theme_changed)

    def _begin(self) -> None:
        self.intents.spawn("starting the deck", self._start_deck, group="start")
        if not self._whole:
            self._take_themes(*load_themes(self._deck.paths.themes))
        for problem in self._theme_problems[:3]:
            self.intents.toast("A theme can't be used", str(problem), "warning")

    async def _start_deck(self) -> None:
        await self._deck.start()
        await asyncio.to_thread(self.history.load)

    def _theme_changed(self, theme: Theme) -> None:
        self._dress(theme.name)
        self._remember(preferences.Preferences(theme=theme.name, sort=self._preferences.sort))

    def on_main_screen_sorted(self, event: MainScreen.Sorted) -> None:
        """Remember the order."""
        self._remember(preferences.Preferences(theme=self._preferences.theme, sort=event.order))

    def _remember(self, chosen: preferences.Preferences) -> None:
        if chosen != self._preferences:
            self._preferences = chosen
            save = partial(asyncio.to_thread, preferences.save, self._preferences_path, chosen)
            self.intents.spawn("saving the choice", save, group="preferences")

    def on_app_focus(self, event: events.AppFocus) -> None:
        """The terminal is looked at."""
        self.main.set_active(True)

    def on_app_blur(self, event: events.AppBlur) -> None:
        """It is not: look less often."""
        self.main.set_active(False)

    def action_help_quit(self) -> None:
        """Ctrl+c ends nothing by accident: it says what does."""
        self.intents.toast("q leaves the dashboard", "Jobs and terminals go on. T stops the job of the session.")

    async def action_quit(self) -> None:
        """Leave."""
        self.main.performer.quit()


def run(deck: LiveDeck) -> int:
    """Show the dashboard until it is left.

    Args:
        deck: What it shows; started after the first paint and stopped at the end, also when the dashboard crashes.

    Returns:
        Exit status: 0, or 129 when the terminal went away, or 1 after a crash.
    """
    return asyncio.run(_run(deck))


def _collect_garbage_again() -> None:
    """What stands after the start stays for good: the collector need not walk it, and what comes later comes slowly.

    A full collection over the widgets and style sheets takes 50 to 200 ms, in the middle of a key press.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)
    gc.enable()


async def _run(deck: LiveDeck) -> int:
    app = DeckApp(deck)
    loop = asyncio.get_running_loop()
    loop.call_later(STARTED, _collect_garbage_again)
    for number in (signal.SIGHUP, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(number, app.exit, 128 + number)
    lifeline = Lifeline(lambda: loop.call_soon_threadsafe(app.exit, STATUS))
    lifeline.hold()
    try:
        result = await app.run_async()
        return result if result is not None else (app.return_code or 0)
    finally:
        try:
            await asyncio.wait_for(deck.stop(), STOP_TIMEOUT)
        except TimeoutError:
            _log.warning("the deck did not stop within %s s", STOP_TIMEOUT)
        lifeline.let_go()
