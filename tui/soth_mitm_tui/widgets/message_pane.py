"""The messages of the flow that is looked at: a summary, the list, and a filter that stays in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.message import Message

from soth_mitm.policy.filters import FilterError
from soth_mitm.policy.filters.messages import DOWN, UP, compile_message_filter
from soth_mitm.record.lane import WorkerError
from soth_mitm.text import printable
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.lines import line
from soth_mitm_tui.messages.model import MessageModel
from soth_mitm_tui.messages.names import counted
from soth_mitm_tui.messages.previews import Previews
from soth_mitm_tui.messages.rows import head_spans
from soth_mitm_tui.messages.summary import joined, summary
from soth_mitm_tui.widgets.guarded import Guarded
from soth_mitm_tui.widgets.line_scroll import Toned
from soth_mitm_tui.widgets.message_list import MessageList
from soth_mitm_tui.widgets.search_bar import SearchBar

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.strip import Strip

    from soth_mitm.clock import Clock
    from soth_mitm.policy.filters.messages import MessageFilter
    from soth_mitm.record.messagelog import MessageLog
    from soth_mitm.record.rows import Row
    from soth_mitm_tui.lines import Span
    from soth_mitm_tui.messages.model import Ask


class SummaryLine(Toned):
    """Two lines: how the messages as a whole stand, and the names of the columns."""

    title = "The summary"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._parts: list[list[Span]] = []
        self._note: tuple[Span, ...] = ()
        self._heads: list[Span] = []

    def set(self, parts: list[list[Span]], note: tuple[Span, ...], heads: list[Span]) -> None:
        """Say something else."""
        if (parts, note, heads) != (self._parts, self._note, self._heads):
            self._parts, self._note, self._heads = parts, note, heads
            self.refresh()

    def draw_line(self, y: int) -> Strip:
        """Draw one of the two lines."""
        width = self.size.width
        if y:
            return self.strip_of(self._heads, width, self.base_style)
        note = sum(len(text) for text, _ in self._note)
        room = width - 2 - (note + 2 if note else 0)
        spans: list[Span] = [(" ", "text"), *joined(self._parts, room)]
        if note:
            used = sum(len(text) for text, _ in spans)
            spans += [(" " * max(width - 1 - used - note, 1), "text"), *self._note]
        return self.strip_of(spans, width, self.base_style)


class MessageFilterBar(SearchBar):
    """The line with the filter; it stays in sight as long as one is set."""

    PANE: ClassVar[str] = "sift"
    BINDINGS = bindings("sift")
    title = "The filter over messages"
    placeholder: ClassVar[str] = "words · /regex/ · ↑ ↓ from:client · label:ping · size:>1k · is:changed"


class MessagePane(Guarded, Vertical):
    """Follows the log of one flow; what it shows of one is remembered while others are looked at."""

    title = "The messages"

    class Turned(Message):
        """Another message is under the cursor, or other ones are shown."""

    def __init__(
        self,
        clock: Clock,
        ask: Ask,
        *,
        log_of: Callable[[int], MessageLog],
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self.summary = SummaryLine(id="message-summary")
        self.list = MessageList(id="message-list")
        self.bar = MessageFilterBar(id="message-filter")
        self.message_log: MessageLog | None = None
        self._row: Row | None = None
        self._clock, self._ask, self._log_of = clock, ask, log_of
        self._reading = False
        self._was_read = self._caught_up = False
        """Whether all that the log had was read, and whether all of it was judged as well."""
        self._follows = False
        """Whether the newest message is to be in sight once all that is recorded has been read."""
        self._trouble = ""

    def compose(self) -> ComposeResult:
        """Lay out the summary, the list and the filter under it."""
        yield self.summary
        yield self.list
        yield self.bar

    # --- which flow

    @property
    def flow(self) -> int:
        """The flow whose messages are shown; 0 for none."""
        return self.message_log.flow if self.message_log is not None else 0

    @property
    def unsettled(self) -> bool:
        """Whether more of what is shown is on its way."""
        model, previews = self.list.model, self.list.previews
        judging = model is not None and model.pending > 0 and not self._trouble
        return self._reading or judging or (previews is not None and previews.busy)

    def forget(self) -> None:
        """Show nothing: another flow is looked at."""
        if self.message_log is not None:
            self.workers.cancel_group(self, "judge")
            self.message_log = None
            self.list.show(None, None, following=True)

    def show(self, row: Row) -> None:
        """Show the messages of a flow, or what has come to them since."""
        self._row = self.list.row = row
        if self.message_log is None or self.message_log.flow != row.flow:
            self.message_log = self._log_of(row.flow)
            # The first messages are there at once; the newest ones once all have been read.
            self._follows = row.open
            self._was_read = self.message_log.finished
            self._begin(following=False)
        self.tick()

    def _begin(self, *, following: bool, cursor: int = -1) -> None:
        """Show the log anew: it, or the filter, is another one."""
        assert self.message_log is not None
        self.workers.cancel_group(self, "judge")
        self._trouble = ""
        self._caught_up = False
        model = MessageModel(self.message_log, self.wanted)
        previews = Previews(self.message_log, start=self._start, changed=self._come)
        self.list.show(model, previews, following=following, cursor=cursor)

    def _start(self, work: object) -> None:
        self.run_worker(work, group="previews", exit_on_error=False)  # type: ignore[arg-type]

    def _come(self) -> None:
        with self.list.guard():
            self.list.refresh()

    # --- what is new

    def tick(self) -> None:
        """Take what was recorded since; called some times a second while this is in sight."""
        log = self.message_log
        if log is None:
            return
        if not self._reading and not log.finished:
            self._reading = True
            self.run_worker(self._read(log), group="messages", exit_on_error=False)
        self._take()

    async def _read(self, log: MessageLog) -> None:
        try:
            with self.guard():
                await log.refresh(self._take)
        finally:
            self._reading = False
        if log is self.message_log:
            self._was_read = True
            self._take()
            if self._follows:
                self._follows = False
                self.list.follow(True)

    def _take(self) -> None:
        model = self.list.model
        if model is None or model.log is not self.message_log:
            return
        with self.list.guard():
            self.list.pull(fresh=self._caught_up)
        # From here on, what comes is new.
        self._caught_up = self._caught_up or (self._was_read and not model.pending)
        if model.pending and not model.judging and not self._trouble:
            self.run_worker(self._judge(model), group="judge", exit_on_error=False)
        self._say()

    async def _judge(self, model: MessageModel) -> None:
        try:
            await model.judge(self._ask)
        except WorkerError as error:
            self._trouble = printable(str(error), 100)
        if model is self.list.model:
            self._take()

    def _say(self) -> None:
        """Say what is known of all messages, and what the list shows of them."""
        log, row, flows = self.message_log, self._row, self.list
        if log is None or row is None or flows.model is None:
            return
        parts = summary(log, row, now_ns=self._clock.monotonic_ns())
        note: tuple[Span, ...] = ()
        if self._reading and log.progress and log.progress < 1:
            note = ((f"reading, {log.progress:.0%}", "muted"),)
        elif flows.below:
            note = ((f"{flows.below:,} new below ", "accent"), ("(G)", "muted"))
        elif flows.following and row.open:
            note = (("follow", "accent"),)
        self.summary.set(parts, note, head_spans(flows.shape_now()) if log.table.end else [])
        flows.when_empty = line((f"  {self._why_empty(log, row)}", "muted"))
        self._say_verdict()

    def _why_empty(self, log: MessageLog, row: Row) -> str:
        if log.table.end and self.wanted is not None:
            return "No message passes the filter; esc clears it."
        return "Nothing has been said yet." if row.open else "Nothing was said."

    # --- the filter

    @property
    def wanted(self) -> MessageFilter | None:
        """The filter as it is typed by now; None for none, and for one that cannot be understood."""
        try:
            found = compile_message_filter(self.bar.text)
        except FilterError:
            return None
        return None if found.empty else found

    def open_filter(self) -> None:
        """Type a filter."""
        self.bar.open(regex=False)

    def on_search_bar_edited(self, event: SearchBar.Edited) -> None:
        """Filter by what is typed."""
        event.stop()
        self.refilter()

    def on_search_bar_accepted(self, event: SearchBar.Accepted) -> None:
        """Go on in the list."""
        event.stop()
        self.accept_filter()

    def accept_filter(self) -> None:
        """Go on in the list; without a text, close the bar."""
        if not self.bar.text.strip():
            self.clear_filter()
        self.list.focus()

    def refilter(self) -> None:
        """Show what the filter wants, with the cursor where it was."""
        if self.message_log is not None:
            self._begin(following=self.list.following, cursor=self.list.home)
            self._take()
            self.post_message(self.Turned())

    def clear_filter(self) -> bool:
        """Show all messages; False where there was no filter."""
        if not self.bar.is_open:
            return False
        had = bool(self.bar.text)
        self.bar.close()
        if had:
            self.refilter()
        return True

    def turn_direction(self) -> None:
        """Show one direction, the other, or both."""
        words = self.bar.text.split(" ")
        left = [word for word in words if word not in (UP, DOWN)]
        sign = UP if not {UP, DOWN} & set(words) else DOWN if UP in words else ""
        text = " ".join(word for word in (sign, *left) if word)
        self.bar.set_text(text)
        self.refilter()

    def _say_verdict(self) -> None:
        model = self.list.model
        if not self.bar.is_open or model is None or self.message_log is None:
            return
        try:
            wanted = compile_message_filter(self.bar.text)
        except FilterError as error:
            self.bar.say(printable(error.message, 80), "bad")
            return
        if self._trouble:
            self.bar.say(f"stopped: {self._trouble}", "bad")
        elif wanted.empty:
            self.bar.say("", "")
        elif model.pending:
            self.bar.say(f"{len(model):,} so far, {model.pending:,} to go", "muted")
        else:
            self.bar.say(f"{len(model):,} of {counted(self.message_log.facts.form, model.total)}", "good")

    def on_message_list_chosen(self, event: MessageList.Chosen) -> None:
        """Whoever goes somewhere wants to look there."""
        event.stop()
        self._follows = False

    def on_message_list_moved(self, event: MessageList.Moved) -> None:
        """Say what is below, and that another message is the current one."""
        event.stop()
        self._say()
        self.post_message(self.Turned())
