"""What a test run says above its results: verdict, counts, progress, evidence; no Textual."""

from __future__ import annotations

from devdeck.model import RunState, TestRun
from tui.widgets import rows
from tui.widgets.overview import RUN_GLYPHS
from tui.widgets.spans import Line, Span, Tone, clean, fit, line, shorten


def header_lines(run: TestRun | None, now: float, width: int, failed_only: bool) -> tuple[Line, ...]:
    """Two lines: verdict with counts and progress, then evidence, duration, age and environment."""
    if run is None:
        return ()
    glyph, tone = RUN_GLYPHS[run.state]
    verdict = "no tests" if run.state is RunState.NO_TESTS else str(run.state)
    counts = (
        (run.failed, "failed", Tone.FAILED),
        (run.errors, "errors" if run.errors != 1 else "error", Tone.ERROR),
        (run.passed, "passed", Tone.PASSED),
        (run.skipped, "skipped", Tone.MUTED),
    )
    first: list[Span] = [Span(f" {glyph} {verdict}", tone)]
    for count, word, word_tone in counts:
        if count:
            first += [Span("  "), Span(f"{count} {word}", word_tone)]
    if run.total is not None:
        first.append(Span(f"  of {run.total}", Tone.MUTED))
    if run.state is RunState.RUNNING and run.total:
        first += [Span("  "), *progress(run.passed + run.failed + run.errors + run.skipped, run.total, 12)]
    if failed_only:
        first.append(Span("  failures only", Tone.DIRTY))
    took = (run.ended_at or now) - run.started_at if run.started_at is not None else None
    parts = (
        rows.span_of_time(took),
        rows.ago(now - run.ended_at) if run.ended_at is not None else "",
        f"{run.runner} in {run.environment}" if run.environment else run.runner,
    )
    rest = " · ".join(clean(part, 200) for part in parts if part)
    reason = clean(run.reason, 200)
    second = shorten(f"{reason} · {rest}" if reason else rest, max(8, width - 3))
    return (fit(line(first), width), (Span(f"   {second}", Tone.MUTED),), ())


def progress(done: int, total: int, width: int) -> Line:
    """A bar of `width` cells."""
    full = min(width, width * done // max(1, total))
    return line(Span("━" * full, Tone.RUNNING), Span("─" * (width - full), Tone.MUTED))
