"""Flows put together out of a dump, one after the other as they end, in one pass and bounded memory.

    with Assembler(path) as dump:
        for flow in dump:                       # in the order in which they end
            flow.view, flow.pieces(direction), flow.talks()

Of a flow that is open only facts are held, and where its bytes lie; these are read again from the file
when somebody wants them, so a flow has to be looked at before the next one is asked for.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from soth_mitm.errors import DumpError
from soth_mitm.export.whole import Talk
from soth_mitm.model.annotation import Annotation, Annotations
from soth_mitm.model.events import (
    Annotated,
    ConnClosed,
    Direction,
    FlowClosed,
    FlowKind,
    MessageForm,
    MessageSeen,
    MessagesStarted,
)
from soth_mitm.record.frames import chunk_data, decode_frame, frames_in
from soth_mitm.record.messages import KINDS, MessageFold, head_of
from soth_mitm.record.payloads import read_slices
from soth_mitm.record.reader import DumpReader, ReadReport, read_payload
from soth_mitm.record.runs import Runs
from soth_mitm.record.viewfold import ViewFold, apply_conn

if TYPE_CHECKING:
    from soth_mitm.model.events import Event
    from soth_mitm.record.frames import Frame
    from soth_mitm.record.reader import Block
    from soth_mitm.record.view import ConnView, FlowView

KEPT_BLOCKS: Final = 64
"""Blocks that are kept after they were read, of 64 KiB as a rule."""

KEPT_CONNS: Final = 65_536
"""Connections whose facts are kept; the oldest are forgotten first."""

MOST_MESSAGES: Final = 1_000_000
"""Messages of one WebSocket that are written; the oldest are left out."""

_MESSAGE_KINDS: Final = KINDS | {MessageSeen.KIND}


class Assembled:
    """One flow, until the next one is asked for."""

    def __init__(self, view: FlowView, messages: MessageFold | None, dump: Assembler) -> None:
        self.view = view
        self._messages = messages
        self._dump = dump

    def pieces(self, direction: Direction) -> Iterator[bytes]:
        """See `WholeFlow`."""
        message = self.view.request if direction == Direction.REQUEST else self.view.response
        if message is None:
            return
        end = 0
        for ref in message.refs:
            if ref.body_offset != end:
                return
            end += ref.length
            data = self._dump.chunk(ref.block, ref.offset)
            if len(data) != ref.length:
                return
            yield data

    def talks(self) -> Iterator[Talk]:
        """See `WholeFlow`."""
        if self._messages is not None:
            yield from self._websocket(self._messages)
        elif self.view.opened is not None and self.view.opened.flow_kind == FlowKind.BYTES:
            yield from self._bytes()

    def wall_ns(self, mono_ns: int) -> int:
        """Return the time of the calendar that a monotonic one stands for."""
        return self.view.started_wall_ns + mono_ns - self.view.started_mono_ns

    def _websocket(self, fold: MessageFold) -> Iterator[Talk]:
        table = fold.table
        for position in range(table.dropped, table.end):
            entry, place = table.entry(position), table.place(position)
            data = b""
            if place.slices:
                try:
                    data = b"".join(read_slices(place.slices, self._dump.block))
                except DumpError:
                    data = b""
            cut = entry.cut or len(data) < entry.size
            at = self.wall_ns(entry.mono_ns)
            note = self._dump.note(place.block, place.frame) if entry.label == "close" else ""
            yield Talk(entry.direction, entry.label, at, data, note, entry.origin, cut)

    def _bytes(self) -> Iterator[Talk]:
        """Yield the chunks of both directions in the order of their times."""
        refs = [
            (ref.mono_ns, direction, ref)
            for direction, message in (
                (Direction.REQUEST, self.view.request),
                (Direction.RESPONSE, self.view.response),
            )
            if message is not None
            for ref in message.refs
        ]
        for mono_ns, direction, ref in sorted(refs, key=lambda each: each[0]):
            data = self._dump.chunk(ref.block, ref.offset)
            yield Talk(direction, "bytes", self.wall_ns(mono_ns), data, cut=len(data) < ref.length)


class Assembler:
    """Reads a `.soth` file, or a directory of segments, and gives its flows as they end.

    Those that are open at the end of the file come last. Of several runs in one file, conns and flows are
    numbered on.

    Raises:
        DumpError: it cannot be read, is no `.soth`, or of a newer version.
    """

    def __init__(self, path: Path, *, flows: Collection[int] | None = None) -> None:
        """`flows` are those that are wanted; all of them for None."""
        self.path = path
        self.done_bytes = 0
        """How much of the file has been read."""
        self._annotations = _annotations(path)
        self._wanted = flows
        self._reader = DumpReader(path)
        self._runs = Runs()
        self._run = ""
        self._paths: list[Path] = []
        self._files, self._offsets, self._lengths = array("I"), array("Q"), array("I")
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._open: dict[int, ViewFold] = {}
        self._messages: dict[int, MessageFold] = {}
        self._conns: dict[int, ConnView] = {}

    def __enter__(self) -> Assembler:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    @property
    def report(self) -> ReadReport:
        """What was met while reading."""
        return self._reader.report

    def __iter__(self) -> Iterator[Assembled]:
        """Yield the flows."""
        for block in self._reader.blocks():
            number = self._place(block)
            shift = self._runs.current
            for frame, event in self._reader.events_in(block):
                event = shift.apply(event)
                self._runs.note((event,))
                if event.flow:
                    found = self._take(event, frame, number, block.payload)
                    if found is not None:
                        yield found
                elif event.conn:
                    self._take_conn(event)
            self.done_bytes += block.length
        for flow in sorted(self._open):
            yield self._end(flow)

    def _take(self, event: Event, frame: Frame, number: int, payload: bytes) -> Assembled | None:
        """Take an event of a flow; return the flow where that was its last one."""
        body, flow = event.body, event.flow
        fold = self._open.get(flow)
        if fold is None:
            if type(body) is Annotated or (self._wanted is not None and flow not in self._wanted):
                return None
            fold = self._open[flow] = ViewFold(flow, self._conns)
        fold.apply(event, number, frame.offset)
        if frame.kind in _MESSAGE_KINDS:
            if type(body) is MessagesStarted and body.form == MessageForm.WEBSOCKET:
                self._messages.setdefault(flow, MessageFold(most=MOST_MESSAGES))
            messages = self._messages.get(flow)
            if messages is not None:
                messages.take(payload, frame, number)
        return self._end(flow) if type(body) is FlowClosed else None

    def _end(self, flow: int) -> Assembled:
        view = self._open.pop(flow).view
        said = self._annotations.get(flow)
        if not said.empty:
            view.annotation = said
        return Assembled(view, self._messages.pop(flow, None), self)

    def _take_conn(self, event: Event) -> None:
        apply_conn(self._conns, event)
        if type(event.body) is ConnClosed and len(self._conns) > KEPT_CONNS:
            del self._conns[next(iter(self._conns))]

    # --- the blocks -------------------------------------------------------------------------------

    def _place(self, block: Block) -> int:
        number = len(self._offsets)
        assert block.path is not None, "a dump is a file or a directory"
        if not self._paths or self._paths[-1] != block.path:
            self._paths.append(block.path)
        self._files.append(len(self._paths) - 1)
        self._offsets.append(block.offset)
        self._lengths.append(block.length)
        run_id = self._reader.segments[-1].run_id if self._reader.segments else ""
        if number == 0 or run_id != self._run:
            self._run = run_id
            self._runs.begin(run_id, number)
        self._keep(number, block.payload)
        return number

    def _keep(self, number: int, payload: bytes) -> None:
        self._kept[number] = payload
        if len(self._kept) > KEPT_BLOCKS:
            self._kept.popitem(last=False)

    def block(self, number: int) -> bytes:
        """Return the payload of a block.

        Raises:
            DumpError: it cannot be read again.
        """
        payload = self._kept.get(number)
        if payload is None:
            if not 0 <= number < len(self._offsets):
                raise DumpError(f"{self.path} has no block {number}")
            path = self._paths[self._files[number]]
            payload = read_payload(path, self._offsets[number], self._lengths[number])
            self._keep(number, payload)
        return payload

    def chunk(self, number: int, offset: int) -> bytes:
        """Return the bytes of a chunk; none where they cannot be read again."""
        try:
            return chunk_data(self.block(number), offset)
        except DumpError:
            return b""

    def note(self, number: int, offset: int) -> str:
        """Return the note of a message."""
        try:
            payload = self.block(number)
        except DumpError:
            return ""
        frame = next(frames_in(payload, offset), None)
        head = head_of(payload, frame) if frame is not None else None
        return head.note if head is not None else ""


def _annotations(path: Path) -> Annotations:
    """Return what is said about flows, which may stand far behind their ends."""
    said, runs, run = Annotations(), Runs(), None
    with DumpReader(path) as reader:
        for number, block in enumerate(reader.blocks()):
            run_id = reader.segments[-1].run_id if reader.segments else ""
            if run_id != run:
                run = run_id
                runs.begin(run_id, number)
            highest_flow = highest_conn = 0
            for frame in frames_in(block.payload):
                highest_flow, highest_conn = max(highest_flow, frame.flow), max(highest_conn, frame.conn)
                if frame.kind == Annotated.KIND:
                    event = decode_frame(block.payload, frame)
                    if event is not None and isinstance(event.body, Annotated):
                        said.put(frame.flow + runs.current.flow, Annotation.of(event.body))
            runs.note_numbers(conn=highest_conn, flow=highest_flow)
    return said
