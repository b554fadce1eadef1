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
from textual.widgets import Input

from bench.picture import Picture, png
from devdeck.deck import Deck
from devdeck.demo import demo_folder
from devdeck.demo.build import LABELS, building
from devdeck.demo.running import DemoDeck
from devdeck.diagnostics import log_to_file
from devdeck.model import RunState
from tui.app import DeckApp

FOLDER = Path(__file__).parents[1] / "screenshots"
WIDE, SMALL = (120, 40), (80, 24)
SCALE = 1.5
SETTLED = 45.0
"""Seconds of samples that graphs are to show."""
TESTED = {"checkout-flow", "fix-rounding", "rainy-day-sale:weather-api"}
"""The sessions whose tests are run."""
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

    async def write(self, text: str) -> None:
        """Type a text."""
        await self.pilot.press(*("space" if key == " " else key for key in text))
        await self.pilot.pause()

    async def size(self, size: tuple[int, int]) -> None:
        """Make the terminal another size."""
        await self.pilot.resize_terminal(*size)
        await self.until(f"screen of {size}", lambda: tuple(self.app.screen.size) == size)
        await self.pilot.pause(0.2)

    def id_of(self, label: str) -> str:
        """The id of a session."""
        return next(it.session.id for it in self.deck.state.sessions.values() if it.session.label == label)

    async def select(self, label: str) -> None:
        """Select a session and see its detail."""
        main = self.app.main
        main.sessions.focus()
        main.sessions.select(self.id_of(label))
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
        screen = self.app.screen
        for field in screen.query(Input):
            field.cursor_blink = False
        await self.pilot.pause(0.2)
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
    await it.shows("5 failed")
    it.app.main.detail.focus_content()
    await it.shows("test_tax")
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


async def reading(it: Studio) -> None:
    await logs(it)
    it.app.main.detail.focus_content()
    await it.until("a list that makes room", lambda: it.app.main.sessions.size.height < 6)
    await it.pilot.pause(0.3)


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
    await it.write("run")
    await it.shows("Run tests")


async def help_(it: Studio) -> None:
    await overview(it)
    await it.press("question_mark")
    await it.shows("Open terminal")


async def new_session(it: Studio) -> None:
    await it.select("fix-rounding")
    await it.tab("overview")
    await it.press("n")
    await it.shows("New session", "storefront")
    await it.write("fix-login")
    await it.shows("branch fix-login")
    await it.press("tab", "tab")
    await it.shows("origin/vouchers")
    await it.press("up", "up", "up", "up")
    await it.shows("● origin/vouchers")


async def checkout(it: Studio) -> None:
    await it.select("checkout-flow")
    await it.tab("overview")
    await it.press("C")
    await it.shows("Check out", "origin/vouchers")
    await it.write("pr/8")


async def workspace(it: Studio) -> None:
    await it.select("rainy-day-sale")
    await it.tab("overview")
    await it.press("right")
    await it.shows("├ storefront", "└ weather-api")


async def send(it: Studio) -> None:
    await overview(it)
    for label in ("checkout-flow", "pr-7", "cache-layer"):
        await it.select(label)
        await it.press("space")
    await it.press("S")
    await it.shows("Send text", "marked 3")
    await it.write("git fetch --prune")


async def removal(it: Studio) -> None:
    await it.select("cache-layer")
    await it.tab("git")
    await it.press("x")
    await it.shows("exists nowhere else")


async def trash(it: Studio) -> None:
    await it.select("merge-physics")
    await it.tab("overview")
    await it.press("X")
    await it.shows("wind-idea", "restore")


async def trust(it: Studio) -> None:
    await it.select("pr-7")
    await it.tab("overview")
    await it.press("I")
    await it.shows("trust it")


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
    Shot("new-session", "Making a session from a colleague's branch", new_session),
    Shot("checkout", "Checking out a pull request", checkout),
    Shot("workspace", "A workspace, opened into its repositories", workspace),
    Shot("send", "A line for three marked sessions", send),
    Shot("removal", "What removing a session would lose, before anything is removed", removal),
    Shot("trash", "The trash: what was removed can be brought back", trash),
    Shot("trust", "What a repository would set up, before it is trusted", trust),
    Shot("overview-80x24", "The dashboard in 80 columns and 24 rows", small, SMALL),
    Shot("tests-80x24", "Test results in 80 columns and 24 rows", tests, SMALL),
    Shot("logs-80x24", "A log in 80 columns and 24 rows", reading, SMALL),
    Shot("new-session-80x24", "Making a session in 80 columns and 24 rows", new_session, SMALL),
    Shot("workspace-80x24", "A workspace in 80 columns and 24 rows", workspace, SMALL),
    Shot("removal-80x24", "What removing a session would lose, in 80 columns and 24 rows", removal, SMALL),
    Shot("theme-light", "The theme devdeck-light", tests, WIDE, "devdeck-light"),
    Shot("theme-contrast", "The theme devdeck-contrast, of high contrast", overview, WIDE, "devdeck-contrast"),
    Shot("theme-cvd", "The theme devdeck-cvd, for colour vision deficiencies", overview, WIDE, "devdeck-cvd"),
    Shot("theme-ember", "The theme devdeck-ember", logs, WIDE, "devdeck-ember"),
)


async def leave(it: Studio) -> None:
    """Back to the list, whatever is open; nothing is marked and no workspace is open."""
    for _ in range(4):
        if it.app.screen is it.app.main and it.app.main.focused is it.app.main.sessions:
            break
        await it.press("escape")
    it.app.main.sessions.clear_marks()
    it.app.main.sessions.set_open(it.id_of("rainy-day-sale"), False)
    await it.pilot.pause()


def labels(live: DemoDeck) -> set[str]:
    """The sessions that the dashboard knows."""
    return {state.session.label for state in live.state.sessions.values()}


def tested(live: DemoDeck) -> set[str]:
    """The sessions whose tests have ended."""
    ended = (RunState.PASSED, RunState.FAILED)
    return {it.session.label for it in live.state.sessions.values() if it.run and it.run.state in ended}


async def photograph(shots: Sequence[Shot], folder: Path, settled: float) -> None:
    """Build the demo and take the pictures, when there are samples of `settled` seconds."""
    with demo_folder() as place, contextlib.closing(Deck.open()) as deck, building(place) as built:
        log_to_file(deck.paths.log)
        live = DemoDeck(deck, built)
        app = DeckApp(live)
        async with app.run_test(size=WIDE) as pilot:
            it = Studio(app, pilot, live, folder)
            await it.until("sessions", lambda: built.done() and built.result() and labels(live) >= set(LABELS))
            await it.until("test results", lambda: tested(live) >= TESTED)
            print("screenshots: waiting for graphs to fill", file=sys.stderr, flush=True)
            await it.until("samples", lambda: (found := live.host_samples()) and found[-1].at - found[0].at >= settled)
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
    parser.add_argument("--theme", help="wear this theme in all of them")
    parser.add_argument("--soon", action="store_true", help="don't wait until graphs are full")
    arguments = parser.parse_args()
    known = {shot.name for shot in SHOTS}
    if unknown := set(arguments.names) - known:
        parser.error(f"no picture {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    for name in ("NO_COLOR", "TEXTUAL_THEME"):
        os.environ.pop(name, None)
    os.environ["COLORTERM"] = "truecolor"
    arguments.folder.mkdir(exist_ok=True)
    wanted = [shot for shot in SHOTS if not arguments.names or shot.name in arguments.names]
    if arguments.theme:
        wanted = [shot._replace(theme=arguments.theme) for shot in wanted]
    asyncio.run(photograph(wanted, arguments.folder, 0.0 if arguments.soon else SETTLED))


if __name__ == "__main__":
    main()
