"""`python -m bench.screenshots`: makes screenshots/*.svg and *.png from the demo deck.

The real dashboard runs without a terminal over the real demo: repositories, tmux, tests and all. Each picture waits
for what it is to show.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from textual.pilot import Pilot

from bench.picture import Picture, png
from devdeck.deck import Deck
from devdeck.demo import demo_folder
from devdeck.demo.build import building
from devdeck.demo.running import DemoDeck
from tui.app import DeckApp

FOLDER = Path(__file__).parents[1] / "screenshots"
WIDE, SMALL = (120, 40), (80, 24)
SCALE = 1.5
SETTLED = 45.0
"""Seconds of samples that graphs are to show."""
TIMEOUT = 60.0


class Studio:
    """A dashboard over the demo, and a camera."""

    def __init__(self, app: DeckApp, pilot: Pilot[Any], deck: DemoDeck, folder: Path) -> None:
        self.app = app
        self.pilot = pilot
        self.deck = deck
        self.folder = folder

    def text(self) -> str:
        """What is on the screen."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips)

    async def until(self, what: str, condition: Callable[[], object]) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"no {what} within {TIMEOUT:.0f} s:\n{self.text()}")
            await asyncio.sleep(0.05)
        await self.pilot.pause()

    async def shows(self, *texts: str) -> None:
        """Wait until all texts are on the screen."""
        await self.until(" and ".join(texts), lambda: all(text in self.text() for text in texts))

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def size(self, size: tuple[int, int]) -> None:
        """Make the terminal another size."""
        await self.pilot.resize_terminal(*size)
        await self.until(f"screen of {size}", lambda: tuple(self.app.screen.size) == size)
        await self.pilot.pause(0.2)

    async def select(self, label: str) -> None:
        """Select a session and see its detail."""
        id_ = next(it.session.id for it in self.deck.state.sessions.values() if it.session.label == label)
        main = self.app.main
        main.sessions.focus()
        main.sessions.select(id_)
        await self.until(
            f"detail of {label}",
            lambda: f"─ {label} ─" in self.text(),
        )

    async def tab(self, name: str) -> None:
        """Show a tab, the focus in the list."""
        self.app.main.detail.show(name)
        self.app.main.sessions.focus()
        await self.pilot.pause(0.3)

    async def theme(self, name: str) -> None:
        """Wear a theme."""
        self.app.theme = name
        await self.pilot.pause(0.3)

    async def shoot(self, name: str, title: str) -> None:
        """Write the picture of what is on the screen now."""
        await self.pilot.pause(0.2)
        screen = self.app.screen
        picture = Picture(
            screen._compositor.render_strips(),
            screen.size.width,
            self.app.ansi_theme,
            self.app.main.background_colors[1].hex.lower()[:7],
        )
        svg = picture.svg(title)
        (self.folder / f"{name}.svg").write_text(svg)
        (self.folder / f"{name}.png").write_bytes(png(svg, SCALE))
        print(f"screenshots: {name}", file=sys.stderr, flush=True)


class Shot(NamedTuple):
    """One picture."""

    name: str
    title: str
    take: Callable[[Studio], Awaitable[None]]
    size: tuple[int, int] = WIDE
    theme: str = "devdeck-dark"


async def overview(it: Studio) -> None:
    await it.select("fix-rounding")
    await it.tab("overview")
    await it.shows("5 failed", "pricing: plain floats")


async def small(it: Studio) -> None:
    await it.select("fix-rounding")
    await it.tab("overview")
    await it.shows("5 failed")


async def tests(it: Studio) -> None:
    await it.select("fix-rounding")
    await it.tab("tests")
    await it.shows("test_tax", "failed")
    it.app.main.detail.focus_content()
    await it.pilot.pause(0.2)
    await it.press("home", "n", "n", "n")


async def failure(it: Studio) -> None:
    await tests(it)
    await it.press("enter")
    await it.until("the log", lambda: it.app.main.detail.current == "logs")
    await it.shows("TypeError", "pricing.py:16")


async def logs(it: Studio) -> None:
    await it.select("load-soak")
    await it.tab("logs")
    await it.shows("GET /stations/")


async def git(it: Studio) -> None:
    await it.select("cache-layer")
    await it.tab("git")
    await it.shows("LOWEST")


async def conflict(it: Studio) -> None:
    await it.select("merge-physics")
    await it.tab("git")
    await it.shows("BOUNCE")


async def terminal(it: Studio) -> None:
    await it.select("cache-layer")
    await it.tab("terminal")
    await it.shows("opens it", "?? notes.md")


async def palette(it: Studio) -> None:
    await overview(it)
    await it.press("ctrl+p")
    await it.shows("Find an action")
    await it.pilot.press(*"run")
    await it.shows("Run tests")


async def help_(it: Studio) -> None:
    await overview(it)
    await it.press("question_mark")
    await it.shows("Open terminal")


async def new_session(it: Studio) -> None:
    await overview(it)
    await it.press("n")
    await it.shows("New session", "storefront")
    await it.pilot.press(*"fix-login")
    await it.shows("branch fix-login")


SHOTS = (
    Shot("overview", "The dashboard: sessions of three repositories, one with failed tests", overview),
    Shot("tests", "Results of a test run, failures first", tests),
    Shot("failure", "A failing test in the log, with its traceback and the source", failure),
    Shot("logs", "The log of a long run, followed live", logs),
    Shot("git", "Changed files and the diff of a session", git),
    Shot("conflict", "A merge conflict", conflict),
    Shot("terminal", "A live preview of a session's terminal", terminal),
    Shot("palette", "The command palette", palette),
    Shot("help", "All keys and commands", help_),
    Shot("new-session", "Making a session", new_session),
    Shot("overview-80x24", "The dashboard in 80 columns and 24 rows", small, SMALL),
    Shot("tests-80x24", "Test results in 80 columns and 24 rows", tests, SMALL),
    Shot("logs-80x24", "A log in 80 columns and 24 rows", logs, SMALL),
    Shot("theme-light", "The theme devdeck-light", tests, WIDE, "devdeck-light"),
    Shot("theme-contrast", "The theme devdeck-contrast, of high contrast", overview, WIDE, "devdeck-contrast"),
    Shot("theme-cvd", "The theme devdeck-cvd, for colour vision deficiencies", overview, WIDE, "devdeck-cvd"),
    Shot("theme-ember", "The theme devdeck-ember", logs, WIDE, "devdeck-ember"),
)


async def leave(it: Studio) -> None:
    """Back to the list, whatever is open."""
    for _ in range(4):
        if it.app.screen is it.app.main and it.app.main.focused is it.app.main.sessions:
            return
        await it.press("escape")


async def photograph(shots: Sequence[Shot], folder: Path) -> None:
    """Build the demo and take the pictures."""
    with demo_folder() as place, building(place) as built, contextlib.closing(Deck.open()) as deck:
        live = DemoDeck(deck, built)
        app = DeckApp(live)
        async with app.run_test(size=WIDE) as pilot:
            it = Studio(app, pilot, live, folder)
            await it.until("sessions", lambda: len(live.state.sessions) == 5 and built.done())
            runs = ("passed", "failed")
            await it.until(
                "test results",
                lambda: {state.run.state for state in live.state.sessions.values() if state.run} == set(runs),
            )
            print("screenshots: waiting for graphs to fill", file=sys.stderr, flush=True)
            await it.until("samples", lambda: (found := live.host_samples()) and found[-1].at - found[0].at >= SETTLED)
            for shot in shots:
                await it.size(shot.size)
                await it.theme(shot.theme)
                await shot.take(it)
                await it.shoot(shot.name, shot.title)
                await leave(it)
        await live.stop()


def main() -> None:
    """Make the pictures that were asked for, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench.screenshots", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these pictures")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    known = {shot.name for shot in SHOTS}
    if unknown := set(arguments.names) - known:
        parser.error(f"no picture {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    for name in ("NO_COLOR", "TEXTUAL_THEME"):
        os.environ.pop(name, None)
    os.environ["COLORTERM"] = "truecolor"
    arguments.folder.mkdir(exist_ok=True)
    wanted = [shot for shot in SHOTS if not arguments.names or shot.name in arguments.names]
    asyncio.run(photograph(wanted, arguments.folder))


if __name__ == "__main__":
    main()
