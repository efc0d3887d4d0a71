"""What there is to say about an edit, in two lines: what is wrong, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.text import human_size, printable
from soth_mitm_tui.columns import fit
from soth_mitm_tui.widgets.line_scroll import Toned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

    from soth_mitm.policy.editing.checks import Fault
    from soth_mitm.policy.editing.sheet import Sheet
    from soth_mitm_tui.lines import Span


class Says(Toned):
    """Two lines under the view."""

    title = "The verdict"

    def __init__(self) -> None:
        super().__init__(id="edit-says")
        self.error = ""
        """What went wrong when it was to be sent; display text."""
        self.over = ""
        """Why it cannot go where it was to go."""
        self.instead = ""
        """What sending does all the same."""
        self._lines: tuple[tuple[Span, ...], ...] = ()

    def show_state(self, sheet: Sheet, faults: Sequence[Fault], verdict: Span | None) -> None:
        """Say what is to say about a message."""
        lines = (self._first(faults, verdict), self._second(sheet))
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def _first(self, faults: Sequence[Fault], verdict: Span | None) -> tuple[Span, ...]:
        if self.over:
            return (("▲ ", "warn"), (self.over, "warn"))
        if self.error:
            return (("✕ ", "bad"), (self.error, "bad"))
        if faults:
            more = f"  and {len(faults) - 1} more" if len(faults) > 1 else ""
            return (("✕ ", "bad"), (said(faults[0]), "bad"), (more, "muted"))
        return (("  ", "text"), verdict) if verdict is not None else ()

    def _second(self, sheet: Sheet) -> tuple[Span, ...]:
        if self.over:
            send = (("^s", "accent"), (f" {self.instead} · ", "muted")) if self.instead else ()
            return (("  ", "text"), *send, ("f12", "accent"), (" copies what is here as text", "muted"))
        return (("  ", "text"), (follows(sheet), "muted"))

    def draw_line(self, y: int) -> Strip:
        """Draw one of the lines."""
        width = self.size.width
        spans = self._lines[y] if y < len(self._lines) else ()
        return self.strip_of(fit(spans, width), width, self.base_style)


def said(fault: Fault) -> str:
    """Return a fault as a sentence."""
    if fault.place[:1].isupper():
        return printable(f"{fault.place}: {fault.reason}", 300)
    text = printable(str(fault), 300)
    return text[:1].upper() + text[1:]


def follows(sheet: Sheet) -> str:
    """Say what the core does about fields that say how long and how coded a body is."""
    parts = sheet.parts
    if sheet.is_message:
        return f"{human_size(len(parts.data))} bytes" if sheet.edited else "as it came"
    if not sheet.edited:
        return "as it came"
    if parts.as_typed:
        return "sent as typed: the fields for length and codings as they stand"
    if not sheet.has_body:
        return "the body streams on as it comes, with its own Content-Length or Transfer-Encoding"
    if parts.data == sheet.first.data and sheet.same_framing:
        return "the body as it came"
    if sheet.field(b"content-encoding") and not sheet.coded_because:
        name = printable(sheet.field(b"content-encoding"), 40)
        return f"the body is edited decoded and sent in {name}; Content-Length follows"
    length = sheet.field(b"content-length")
    now = b"%d" % len(parts.data)
    if sheet.field(b"transfer-encoding"):
        return f"Content-Length {len(parts.data):,} takes the place of Transfer-Encoding"
    if length != now:
        was = f", from {printable(length, 20)}" if length else ""
        return f"Content-Length becomes {len(parts.data):,}{was}"
    return f"{len(parts.data):,} bytes of body"
