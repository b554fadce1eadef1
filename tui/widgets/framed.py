"""Containers that cost little to draw: a border that changes often, and nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from textual.containers import Container
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


def border_regions(widget: Widget) -> tuple[Region, ...]:
    """The four sides of a widget's border, as `Widget.refresh` takes them; nothing when it has none or no size."""
    (width, height), (x, y) = widget.outer_size, widget.content_offset
    if not (width and height and x and y):
        return ()
    return (
        Region(-x, -y, width, 1),
        Region(-x, height - 1 - y, width, 1),
        Region(-x, -y, 1, height),
        Region(width - 1 - x, -y, 1, height),
    )


class Framed(Container):
    """In a border whose titles and colour change often: they repaint the border and not what is inside of it."""

    _only_border = False

    def set_titles(self, title: str, subtitle: str = "") -> None:
        """Show other titles.

        Args:
            title: In the upper line of the border: plain text that is safe to show.
            subtitle: In the lower line.
        """
        new = (Content(title), Content(subtitle))
        if new != (self._border_title, self._border_subtitle):
            with self.changing_border():
                self.border_title, self.border_subtitle = new

    @contextmanager
    def changing_border(self) -> Iterator[None]:
        """While this holds, only the border is changed, and not its width."""
        self._only_border = True
        try:
            yield
        finally:
            self._only_border = False

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Repaint; while the border is changed, it alone."""
        if self._only_border and not (regions or layout or recompose):
            regions = border_regions(self)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)


class Bare(Container):
    """Without border and padding: its background is the same in every line, and mostly covered."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw one line, and take it for all."""
        strip = Strip.blank(crop.width, self.visual_style.rich_style)
        background = self.background_colors[1]
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, background)
        return [strip] * crop.height
