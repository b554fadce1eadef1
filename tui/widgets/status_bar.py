"""The status bar: what is going on and what is wrong on the left, counts and the host on the right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from devdeck.model import Sample, SessionState
from devdeck.state import DeckState
from tui.actions import ACTIONS
from tui.widgets import rows
from tui.widgets.bar import Bar, Part
from tui.widgets.plot import format_value
from tui.widgets.session_order import lost_terminals, members_of, status_of, top_level
from tui.widgets.spans import Line, Span, Tone, clean, line, width_of

MANY_GONE = 2
"""Terminals that must be gone for the bar to say so: one alone may have been closed on purpose, and its row says it."""
_NAMES = {"store": "store", "git": "git", "tmux": "tmux", "jobs": "jobs", "metrics": "metrics"}


class StatusBar(Bar):
    """One row that says how the deck is; a click on trouble tells the whole of it."""

    _told: tuple[object, list[str]] = (None, [])

    def show(
        self,
        state: DeckState,
        now: float,
        *,
        busy: Sequence[str] = (),
        beat: int = 0,
        read_only: bool = False,
        selected: SessionState | None = None,
        values: bool = False,
        marked: int = 0,
    ) -> None:
        """Show the deck.

        Args:
            state: All of the deck.
            now: UNIX seconds.
            busy: Operations in progress, in words.
            beat: Counts up while something is in progress, for the spinner.
            read_only: Whether nothing may be changed.
            selected: The selected session, for its CPU and memory.
            values: Whether to show those as numbers (there are no graphs on screen).
            marked: How many sessions are marked.
        """
        left: list[Part] = []
        if read_only:
            left.append(Part((Span(" read-only ", Tone.DIRTY),)))
        if busy:
            more = f" +{len(busy) - 1}" if len(busy) > 1 else ""
            spinner = "◐◓◑◒"[beat % 4]
            left.append(Part((Span(f" {spinner} ", Tone.RUNNING), Span(f"{clean(busy[0], 200)}{more}"))))
        left += [Part(spans, f"trouble:{name}") for name, spans in troubles(state, now)]
        if marked:
            key = ACTIONS["mark.clear"].key
            left.append(
                Part((Span(f" ◆ {marked} marked", Tone.STRONG), Span(f" · {key} clears ", Tone.MUTED)), "mark.clear")
            )
        gone = len(lost_terminals(state))
        if gone >= MANY_GONE and not busy:
            words = (Span(f" ⊘ {gone} terminals gone", Tone.STALE), Span(" · :restore all ", Tone.MUTED))
            left.append(Part(words, "session.restore-all"))
        if not left:
            left.append(Part((Span(" "), *overall(state))))
        mine = usage(selected.sample) if values and selected is not None and selected.sample is not None else ()
        room = self.view_width - min(24, sum(width_of(part.spans) for part in left)) - 1  # a blank in between
        if self._told[0] is not state.sessions:
            self._told = (state.sessions, statuses(state))
        right = next((spans for spans in variants(state, self._told[1], mine) if width_of(spans) <= room), ())
        self.say(left, (Part(right),))


def variants(state: DeckState, names: list[str], mine: Line) -> Iterator[Line]:
    """The right side, the fullest first; the first one that fits is shown."""
    yield line(mine, counts(state, names), host(state))
    yield line(mine, counts(state, names, total=False), host(state))
    short = counts(state, names, words=False)
    yield line(mine, short, host(state))
    yield line(mine, short)
    yield short


def overall(state: DeckState) -> Line:
    """What there is to say when nothing is going on."""
    if not state.loaded:
        return (Span("reading the deck…", Tone.MUTED),)
    starting = [name for name, health in state.collectors.items() if health.state == "starting"]
    if starting:
        return (Span(f"… {', '.join(clean(name, 20) for name in starting)} starting", Tone.MUTED),)
    if not state.collectors:
        return ()
    return (Span("✓ ", Tone.PASSED), Span("all up to date", Tone.MUTED))


def troubles(state: DeckState, now: float) -> tuple[tuple[str, Line], ...]:
    """Collectors that are stale or in error, each with what to do."""
    found: list[tuple[str, Line]] = []
    for name, health in state.collectors.items():
        if health.state not in ("stale", "error"):
            continue
        tone = Tone.ERROR if health.state == "error" else Tone.STALE
        glyph = "✗" if health.state == "error" else "◷"
        age = rows.ago(now - health.at) if health.at is not None and health.state == "stale" else ""
        words = clean(health.message or health.state, 200)
        hint = f" → {clean(health.hint, 200)}" if health.hint else ""
        text = f" {glyph} {_NAMES.get(name, clean(name, 20))}: {words}{f' ({age})' if age else ''}"
        found.append((name, line(Span(text, tone), Span(hint, Tone.MUTED))))
    return tuple(found)


def counts(state: DeckState, names: list[str], *, total: bool = True, words: bool = True) -> Line:
    """`5 sessions  ● 1 running  ✗ 1 failed  ! 1 to look at`, from the names of all statuses."""
    if not state.loaded:
        return ()
    spans: list[Span] = []
    if total and words:
        spans.append(Span(f" {len(names)} session{'' if len(names) == 1 else 's'}", Tone.MUTED))
    for name, glyph, word, tone in (
        ("running", "●", "running", Tone.RUNNING),
        ("failed", "✗", "failed", Tone.FAILED),
        ("attention", "!", "to look at", Tone.CONFLICT),
    ):
        if found := names.count(name):
            spans += [Span("  "), Span(f"{glyph} {found} {word}" if words else f"{glyph}{found}", tone)]
    return line(*spans, "  ")


def statuses(state: DeckState) -> list[str]:
    """The name of each session's status; a workspace and its members are one."""
    sessions, members = state.sessions, members_of(state.sessions)
    return [
        status_of(sessions[id_], [sessions[it] for it in members[id_]]).name
        if id_ in members
        else rows.status(sessions[id_]).name
        for id_ in top_level(sessions)
    ]


def usage(sample: Sample) -> Line:
    """CPU and memory of a session as numbers."""
    return line(
        Span("session ", Tone.MUTED),
        Span(f"{sample.cpu:.0f}%", Tone.CPU),
        " ",
        Span(format_value(sample.memory, "bytes"), Tone.MEMORY),
        "  ",
    )


def host(state: DeckState) -> Line:
    """CPU and memory of the host as numbers."""
    sample = state.host
    if sample is None:
        return ()
    return line(
        Span("host ", Tone.MUTED),
        Span(f"{sample.cpu:.0f}%", Tone.CPU),
        " ",
        Span(
            f"{format_value(sample.memory_used, 'bytes')} of {format_value(sample.memory_total, 'bytes')} ", Tone.MEMORY
        ),
    )
