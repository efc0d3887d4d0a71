"""The base of everything that scrolls: lines drawn on demand, at a cost that no length changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from soth_mitm_tui.tones import pixel_style, tone_styles
from soth_mitm_tui.widgets.guarded import Guarded, failure_card

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

    from soth_mitm_tui.lines import Line, Span


class Toned(Guarded):
    """Draws spans of toned text in the colours of the theme."""

    _styles_of_tones: dict[tuple[str, Style], Style] | None = None
    _base_style: Style | None = None

    @property
    def base_style(self) -> Style:
        """The style of plain text. Textual works it out from all ancestors anew each time it is asked."""
        if self._base_style is None:
            self._base_style = self.rich_style
        return self._base_style

    def tone(self, name: str, base: Style) -> Style:
        """Return the style of a tone on `base`."""
        if name[:1] == "#":
            return pixel_style(name, base)
        cache = self._styles_of_tones
        if cache is None:
            cache = self._styles_of_tones = {}
        style = cache.get((name, base))
        if style is None:
            style = base + tone_styles(self.app)[name]
            cache[name, base] = style
        return style

    def notify_style_update(self) -> None:
        """Forget styles of the old theme."""
        self._styles_of_tones = self._base_style = None
        super().notify_style_update()

    def strip_of(self, spans: list[Span] | tuple[Span, ...], width: int, base: Style) -> Strip:
        """Return spans as a strip of exactly `width` cells."""
        strip = Strip([Segment(text, self.tone(tone, base)) for text, tone in spans if text])
        return strip.crop_extend(0, width, base)

    def draw_line(self, y: int) -> Strip:
        """Draw line `y` of what is in sight; may raise, which shows the error card."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        """Draw line `y`, or that line of the error card."""
        if self.failure is None:
            try:
                return self.draw_line(y)
            except Exception as error:
                self.fail(error)
        return self._card_line(y)

    def _card_line(self, y: int) -> Strip:
        base = self.base_style
        card: list[Line] = failure_card(self.title, self.failure) if self.failure else []
        if y < len(card):
            return self.strip_of(card[y].spans, self.size.width, base)
        return Strip.blank(self.size.width, base)


class LineScroll(Toned, ScrollView, can_focus=True, inherit_bindings=False):
    """Scrolls over lines that are drawn when they come into sight."""

    ALLOW_SELECT = False

    def watch_has_focus(self, has_focus: bool) -> None:
        """Draw again. No style here depends on the focus, and Textual takes 10 ms to work all out anew."""
        self.refresh()

    def set_line_count(self, count: int) -> None:
        """Say how many lines there are.

        Assigning `virtual_size` would lay out the whole screen anew (8 to 12 ms, ten times a second).
        Nothing but this widget's own scrollbar depends on it, so only that is told.
        """
        size = Size(max(self.size.width, 1), count)
        if size == self.virtual_size:
            return
        self.set_reactive(ScrollView.virtual_size, size)
        if self.is_attached and self.show_vertical_scrollbar:
            bar = self.vertical_scrollbar
            bar.window_virtual_size = count
            bar.window_size = self.container_size.height
        self.scroll_y = self.validate_scroll_y(self.scroll_y)

    @property
    def top(self) -> int:
        """The first line in sight."""
        return self.scroll_offset.y

    @property
    def page(self) -> int:
        """How many lines are in sight."""
        return max(1, self.scrollable_content_region.height)

    def go_to(self, y: int) -> None:
        """Scroll so that line `y` is the first one in sight, as far as there are lines."""
        target = float(max(0, min(y, self.max_scroll_y)))
        self.scroll_target_y = target
        self.scroll_y = target

    def bring(self, y: int) -> None:
        """Scroll as little as it takes to have line `y` in sight."""
        if y < self.top:
            self.go_to(y)
        elif y >= self.top + self.page:
            self.go_to(y - self.page + 1)

    @property
    def at_end(self) -> bool:
        """Whether the last line is in sight."""
        return self.top >= self.max_scroll_y

    async def on_key(self, event: events.Key) -> None:
        """Any key on an error card tries again."""
        if self.failure is not None:
            event.stop()
            self.retry()
