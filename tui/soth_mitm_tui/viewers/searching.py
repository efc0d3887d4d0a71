"""Searching in what the detail shows: while it is typed, and through the whole of it."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final

from soth_mitm.record.document import WorkerError
from soth_mitm.text import printable
from soth_mitm_tui.viewers.content import Joined
from soth_mitm_tui.viewers.hits import MOST_HITS, BadPattern, Hits, PartHits, Query, find_in, texts_of
from soth_mitm_tui.viewers.layout import TOP, Place
from soth_mitm_tui.viewers.selection import Spot
from soth_mitm_tui.viewers.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soth_mitm.record.worker import Worker
    from soth_mitm_tui.lines import Line
    from soth_mitm_tui.viewers.content import Part
    from soth_mitm_tui.viewers.viewer import Viewer
    from soth_mitm_tui.widgets.search_bar import SearchBar

LARGE: Final = 1024 * 1024
PATIENCE: Final = 0.15
"""Seconds of rest after a key before more than `LARGE` bytes are searched."""

SIGN: Final = 2
"""Cells in front of each line of a document."""


class Searching:
    """One search in one viewer: its text, how far it is, and what it has found."""

    def __init__(self, viewer: Viewer, bar: SearchBar, worker: Worker) -> None:
        self._viewer, self._bar, self._worker = viewer, bar, worker
        self.hits = Hits()
        self.regex = False
        self.running = False
        self._progress = 0.0
        self._from: tuple[Place, int] = (TOP, 0)
        self._jump = False
        self._length: tuple[object, ...] = ()

    @property
    def query(self) -> Query:
        """What is searched for by now."""
        return Query(self._bar.text, self.regex)

    # --- opening and leaving

    def open(self) -> None:
        """Show the bar and type in it; escape goes back to this place."""
        self._from = self._viewer.place, self._viewer.cursor
        self._bar.open(regex=self.regex)

    def accept(self) -> None:
        """Go on in the viewer, at the match; without a text, close the bar."""
        if not self._bar.text:
            self.leave()
        self._viewer.focus()

    def cancel(self) -> None:
        """Stop a search that is under way; otherwise close the bar and go back to where it began."""
        if self.running:
            self._stop()
            self._say()
            return
        place, cursor = self._from
        self.leave()
        self._viewer.go_to_place(place)
        self._viewer.set_cursor(cursor)
        self._viewer.focus()

    def leave(self) -> bool:
        """Forget the search; False where there was none."""
        if not self._bar.is_open:
            return False
        self._stop()
        self._bar.close()
        self._forget()
        return True

    def _stop(self) -> None:
        self._viewer.workers.cancel_group(self._viewer, "search")
        self.running = False

    def _forget(self) -> None:
        self.hits = Hits()
        self._viewer.found = None
        self._viewer.refresh()

    # --- when to search

    def toggle_regex(self) -> None:
        """Take the text as a regular expression, or as it stands."""
        self.regex = not self.regex
        self._bar.set_regex(self.regex)
        self.typed()

    def typed(self) -> None:
        """Search for another text, and go to its first match from where the search began."""
        self._start(jump=True)

    def again(self) -> None:
        """Search in another page; the place stays."""
        if self._bar.is_open and self._bar.text:
            self._start(jump=False)

    def grown(self) -> None:
        """The page was made anew: search once more, unless that is being done, or nothing has changed."""
        self.hits.content = self._viewer.lines
        if not self.running and self._length != self._size():
            self.again()

    def _size(self) -> tuple[object, ...]:
        return tuple(
            part.document.info.shown_bytes if isinstance(part, Window) else len(part)
            for part in self._viewer.lines.parts
        )

    def _start(self, *, jump: bool) -> None:
        self._stop()
        query = self.query
        if not query.text:
            self._forget()
            self._bar.say("", "")
            return
        try:
            query.pattern()
        except BadPattern as error:
            self._forget()
            self._bar.say(printable(str(error), 80), "bad")
            return
        self.running, self._progress, self._jump = True, 0.0, jump
        self._viewer.run_worker(self._run(query), group="search", exclusive=True, exit_on_error=False)

    # --- searching

    async def _run(self, query: Query) -> None:
        viewer = self._viewer
        fresh = Hits()
        fresh.content = viewer.lines
        self._length = self._size()
        try:
            for number, part in enumerate(viewer.lines.parts):
                hits = fresh.parts[number] = PartHits()
                if isinstance(part, Window):
                    await self._search_document(part, query, hits, fresh)
                else:
                    await self._search_lines(part, query, hits)
        except WorkerError as error:
            self.running = False
            self._bar.say(printable(f"stopped: {error}", 80), "bad")
            return
        self.running = False
        self._take(fresh)

    async def _search_document(self, part: Window, query: Query, hits: PartHits, fresh: Hits) -> None:
        if part.document.info.decoded_bytes > LARGE:
            await asyncio.sleep(PATIENCE)
        async with contextlib.aclosing(part.search(query, self._reading)) as found_so_far:
            async for found in found_so_far:
                for match in found.matches:
                    hits.add(match.line, match.start + SIGN, match.end + SIGN)
                hits.beyond = max(found.matched - len(hits), 0)
                self._progress = found.searched / max(found.size, 1)
                if not found.done:
                    self._take(fresh)

    def _reading(self, part: float) -> None:
        self._bar.say(f"reading, {min(part, 0.99):.0%}", "muted")

    async def _search_lines(self, part: Part | Sequence[Line], query: Query, into: PartHits) -> None:
        texts = texts_of(part[index] for index in range(len(part)))
        find = partial(find_in, texts, query.pattern(), MOST_HITS)
        # A regular expression may take for ever, even in a short text.
        for hit in await self._worker.run(find) if query.regex else find():
            into.add(*hit)

    def _take(self, fresh: Hits) -> None:
        before = self.hits.current
        self.hits = fresh
        self._viewer.found = fresh
        if self._jump and len(fresh):
            self._jump = False
            self._reveal(fresh.go_to_first_from(Spot(self._from[1])))
        elif before is not None and fresh.current is None:
            fresh.go_to_first_from(before)
        self._viewer.refresh()
        self._say()

    def _say(self) -> None:
        hits = self.hits
        if self.running:
            self._bar.say(f"searching, {self._progress:.0%}", "muted")
        elif not hits.total:
            self._bar.say("no match", "muted")
        elif hits.number:
            more = f" and {hits.total - len(hits):,} more" if hits.total > len(hits) else ""
            self._bar.say(f"{hits.number:,} of {len(hits):,}{more}", "good")
        else:
            self._bar.say(f"{hits.total:,} matches", "good")

    # --- going through

    def reason_against(self) -> str:
        """Say why there is no next match; empty where there is one."""
        if not self._bar.is_open or not self._bar.text:
            return "Nothing is searched for: / begins a search"
        if not len(self.hits):
            return "Still searching" if self.running else "There is no match"
        return ""

    def step(self, by: int) -> None:
        """Go to the next match, or the one before."""
        hits = self.hits
        spot = hits.go_to_first_from(Spot(self._viewer.cursor)) if hits.current is None else hits.step(by)
        self._reveal(spot)
        self._say()

    def _reveal(self, spot: Spot | None) -> None:
        found, content = self.hits.current_in_part, self.hits.content
        if found is not None and content is not None:
            part = content.parts[found[0]]
            if isinstance(part, Window) and part.folding.open_around(found[1].line):
                self.hits.content = Joined(*content.parts)
                self._viewer.extend(self.hits.content)
                spot = self.hits.current
        if spot is not None:
            self._viewer.set_cursor(spot.line, centre=True)
            self._viewer.reveal(spot.line, spot.char, centre=True)
