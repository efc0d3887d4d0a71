"""The lines of the detail: what the current one stands for, its value, its path, and what is selected."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from textual.containers import Vertical

from soth_mitm.record.document import WorkerError
from soth_mitm_tui.viewers.content import Joined
from soth_mitm_tui.viewers.searching import Searching
from soth_mitm_tui.viewers.selection import COPY_LIMIT, piece_of
from soth_mitm_tui.viewers.viewer import Viewer
from soth_mitm_tui.viewers.window import Window
from soth_mitm_tui.widgets.guarded import Guarded
from soth_mitm_tui.widgets.search_bar import SearchBar

if TYPE_CHECKING:
    from soth_mitm.record.worker import Worker
    from soth_mitm_tui.lines import Line


class DetailLines(Guarded, Vertical):
    """A viewer with a search in it, and the questions that others ask about its lines."""

    def __init__(self, worker: Worker, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.text = Viewer(id="detail-text")
        self.search = SearchBar(id="search")
        self.searching = Searching(self.text, self.search, worker)
        self._path = (-1, "")

    def set_note(self) -> None:
        """Say at the right of the tabs what there is to say about the current line."""

    def on_viewer_moved(self, event: Viewer.Moved) -> None:
        """Say where the current line stands."""
        event.stop()
        self._path = (-1, "")
        self.set_note()
        at = self.current_window
        if at is not None:
            self.run_worker(self._find_path(*at), group="path", exclusive=True, exit_on_error=False)

    async def _find_path(self, window: Window, row: int) -> None:
        line = self.text.cursor
        with contextlib.suppress(WorkerError):  # the line itself says what is wrong
            self._path = line, await window.path_at(row)
            self.set_note()

    @property
    def current_line(self) -> Line | None:
        """The line under the cursor."""
        return self.text.current_line

    @property
    def current_window(self) -> tuple[Window, int] | None:
        """The tree that the current line is in, and its row there; None where it is in none."""
        lines = self.text.lines
        if not lines:
            return None
        part, row = lines.place_of(self.text.cursor)
        window = lines.parts[part] if part < len(lines.parts) else None
        return (window, row) if isinstance(window, Window) and window.is_tree else None

    @property
    def document(self) -> Window | None:
        """The first tree of this tab; None where it has none."""
        at = self.current_window
        parts = self.text.lines.parts
        found = (part for part in parts if isinstance(part, Window) and part.is_tree)
        return at[0] if at is not None else next(found, None)

    def fold_changed(self, window: Window, line: int) -> None:
        """Show a document of which something was folded or opened; one of its lines is the current one."""
        content = Joined(*self.text.lines.parts)
        self.text.extend(content)
        self.searching.grown()
        part = next(number for number, each in enumerate(content.parts) if each is window)
        self.text.set_cursor(content.start_of(part) + window.folding.row_of(line))

    def current_value(self) -> tuple[str, str] | None:
        """Return the name and the value of the current line; None where it is about nothing.

        Of a tree it is the scalar on the line; `whole_value` has objects and arrays.
        """
        at = self.current_line
        if at is None:
            return None
        about = at.subject
        if about is not None:
            name = self.current_path() if self.current_window is not None else about.what
            return (name or about.what, about.value) if about.value else None
        text = at.text[at.lead :].strip()
        return ("Line", text) if text else None

    async def whole_value(self) -> tuple[str, str] | None:
        """Return the name and the whole value of the current line; of a tree, all of an object or array.

        Raises:
            WorkerError: it is larger than 1 MiB, or has no end yet.
        """
        at = self.current_window
        if at is None:
            return self.current_value()
        return await at[0].path_at(at[1]), await at[0].value_at(at[1])

    def current_filter(self) -> str:
        """Return the filter for all flows that have the same value; empty where there is none."""
        about = self.current_line.subject if self.current_line is not None else None
        return about.filter if about is not None else ""

    def current_path(self) -> str:
        """Return where the current line stands in its document; empty where it is in none."""
        line, path = self._path
        return path if line == self.text.cursor else ""

    def selected_text(self) -> str:
        """Return what is selected by keys or the mouse, as far as its lines have been read."""
        return self.text.selected_text()

    async def whole_selection(self) -> str:
        """Return what is selected, and read what of it is still to come; at most `COPY_LIMIT` characters."""
        chosen, lines = self.text.selection, self.text.lines
        if chosen is None:
            return ""
        parts: list[str] = []
        size = 0
        for number in range(chosen.first.line, min(chosen.last.line + 1, len(lines))):
            if lines[number] is None:
                part, row = lines.place_of(number)
                window = lines.parts[part]
                if isinstance(window, Window):
                    await window.fetch(row)
            parts.append(piece_of(lines, chosen, number))
            size += len(parts[-1])
            if size > COPY_LIMIT:
                break
        return "".join(parts)[:COPY_LIMIT]
