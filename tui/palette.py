"""The command palette: actions, sessions, repositories, jobs and themes in one search."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from textual.app import App
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from devdeck.state import DeckState
from tui.actions import ACTIONS, GLOBAL
from tui.performer import Performer
from tui.widgets import rows
from tui.widgets.spans import clean

LIKELY = (
    "session.open",
    "session.new",
    "session.checkout",
    "run.test",
    "run.stop",
    "run.shell",
    "deck.theme",
    "deck.help",
    "session.remove",
    "session.undo",
    "deck.trash",
    "deck.quit",
)
"""Actions that are offered before anything is typed."""


class Entry(NamedTuple):
    """One thing that the palette offers."""

    text: str
    """What is searched and shown; safe to print."""
    help: str
    run: Callable[[], None]


class DeckProvider(Provider):
    """Base: entries of one kind, searched fuzzily."""

    performer: Performer
    """Set by `providers_for`."""

    def entries(self) -> Iterable[Entry]:
        """Everything of this kind, now."""
        raise NotImplementedError

    def likely(self) -> Iterable[Entry]:
        """What is offered before anything is typed."""
        return ()

    async def discover(self) -> Hits:
        """Offer the likely ones."""
        for entry in self.likely():
            yield DiscoveryHit(Content(entry.text), entry.run, text=entry.text, help=entry.help or None)

    async def search(self, query: str) -> Hits:
        """Offer what matches."""
        matcher = self.matcher(query)
        for entry in self.entries():
            score = matcher.match(entry.text)
            if score > 0:
                shown = highlighted(entry.text, query)
                yield Hit(score, shown, entry.run, text=entry.text, help=entry.help or None)


def highlighted(text: str, query: str) -> Content:
    """The text as plain content, with the letters of the query underlined; nothing in it is markup."""
    spans, at = Content(text), 0
    for letter in query.casefold():
        found = text.casefold().find(letter, at)
        if found < 0:
            break
        spans = spans.stylize("underline", found, found + 1)
        at = found + 1
    return spans


class ActionProvider(DeckProvider):
    """Every action of the registry; a disabled one says why."""

    def _entry(self, id_: str) -> Entry:
        action = ACTIONS[id_]
        context = self.performer.stage.context()
        why = action.enabled(context)
        key = f"  [{action.key}]" if action.key else ""
        where = f" in {action.scope}" if action.scope != GLOBAL and key else ""
        text = f"{action.title}{key}{where}"
        return Entry(text, f"✗ not now: {why}" if why else action.help, partial(self._run, id_))

    def _run(self, id_: str) -> None:
        self.performer.perform(id_)

    def entries(self) -> Iterable[Entry]:
        """All that are not mere moves."""
        return (self._entry(action.id) for action in ACTIONS if not action.native)

    def likely(self) -> Iterable[Entry]:
        """The most used ones."""
        return (self._entry(id_) for id_ in LIKELY)


class SessionProvider(DeckProvider):
    """Jump to a session."""

    def entries(self) -> Iterable[Entry]:
        """All sessions by label."""
        states = sorted(self._state.sessions.values(), key=lambda it: it.session.label.casefold())
        for state in states:
            session = state.session
            text = f"Go to {clean(session.label, 120)} · {clean(session.repository, 40)}"
            yield Entry(text, rows.status(state).words, partial(self.performer.go, session.id))

    @property
    def _state(self) -> DeckState:
        return self.performer.deck.state


class RepositoryProvider(DeckProvider):
    """New sessions in a repository."""

    def entries(self) -> Iterable[Entry]:
        """Known repositories."""
        for name, path in self.performer.deck.repositories():
            text = f"New session in {clean(name, 60)}"
            yield Entry(text, clean(path, 200), partial(self._start, path))

    def _start(self, path: str) -> None:
        if not self.performer.deck.read_only:
            self.performer.dialogs.new_session(path=path)
        else:
            self.performer.perform("session.new")


class JobProvider(DeckProvider):
    """Logs of jobs."""

    def entries(self) -> Iterable[Entry]:
        """The newest jobs of each session."""
        for state in self.performer.deck.state.sessions.values():
            for job in state.jobs[:5]:
                text = f"Log of {rows.job_name(job)} · {clean(state.session.label, 80)}"
                yield Entry(text, job.verdict, partial(self.performer.show_job, state.session.id, job.id))


class ThemeProvider(DeckProvider):
    """Themes."""

    def entries(self) -> Iterable[Entry]:
        """Every theme by name, the deck's own first."""
        app: App[Any] = self.performer.app
        names = sorted(app.available_themes, key=lambda name: (not name.startswith("devdeck"), name))
        for name in names:
            shown = clean(name, 80)
            words = "in use" if name == app.theme else ""
            yield Entry(f"Theme: {shown}", words, partial(self.performer.stage.set_theme, name))

    def likely(self) -> Iterable[Entry]:
        """All: they are what was asked for when only themes are."""
        return self.entries()


class DeckPalette(CommandPalette):
    """The framework's palette in the dashboard's dress: a frame around what is typed, and one around what is found."""

    DEFAULT_CSS = """
    DeckPalette {
        & > Vertical { width: 96; max-width: 96%; margin-top: 2; background: transparent; }
        & SearchIcon { display: none; }
        & #--input, & #--input.--list-visible {
            background: $surface; border: round $deck-border-focus; padding: 0 1; height: 3;
        }
        & CommandInput, & CommandInput:focus { border: none; padding: 0; height: 1; }
        & CommandList, & CommandList:focus, & CommandList.--populating {
            background: $surface; border: round $deck-border; padding: 0;
        }
        & CommandList > .option-list--option { padding: 0 1; }
        & CommandList > .option-list--option-highlighted { background: $deck-selection; color: $foreground; }
    }
    """


def providers_for(performer: Performer, kinds: Iterable[type[DeckProvider]]) -> list[type[Provider]]:
    """Provider classes bound to a performer, as the palette wants them."""
    return [type(kind.__name__, (kind,), {"performer": performer}) for kind in kinds]


def open_palette(app: App[Any], performer: Performer) -> None:
    """Open the palette over everything."""
    themes = type("SearchedThemes", (ThemeProvider,), {"likely": lambda self: ()})
    kinds = (ActionProvider, SessionProvider, RepositoryProvider, JobProvider, themes)
    if not CommandPalette.is_open(app):
        app.push_screen(
            DeckPalette(
                providers_for(performer, kinds), placeholder="Find an action, session, repository, job or theme…"
            )
        )


def open_themes(app: App[Any], performer: Performer) -> None:
    """Open the palette over the themes."""
    if not CommandPalette.is_open(app):
        app.push_screen(DeckPalette(providers_for(performer, (ThemeProvider,)), placeholder="Find a theme…"))
