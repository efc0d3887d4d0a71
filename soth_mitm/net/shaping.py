"""A body that goes through shapes on its way: rewritten, slowed down, or cut short, as it streams.

It stands where a `HeldBody` may stand, and around one where the body is a stream of messages. What waits
here is one read at most: nothing more is taken from the sender until it has gone on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from soth_mitm.decode.redoing import redoing
from soth_mitm.decode.undoing import CodingError, undoing
from soth_mitm.hooks.messages import BodyTooLarge
from soth_mitm.model.events import MessageChanged
from soth_mitm.net.slices import SLICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from soth_mitm.decode.redoing import Redoing
    from soth_mitm.decode.undoing import Undoing
    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.held import HeldBody, Way

_STEP: Final = 64 * 1024
"""Most bytes that are rewritten between two looks at the clock."""
_TICKS: Final = 20
"""Pieces a second that a slowed body goes in, where they are not smaller than a byte."""


class Editor(Protocol):
    """Rewrites a body piece by piece."""

    count: int
    """What it has changed so far."""

    def feed(self, data: bytes) -> bytes:
        """Return what goes on now."""
        ...

    def finish(self) -> bytes:
        """Return the rest."""
        ...


class Pace(NamedTuple):
    """No faster than this."""

    bytes_per_second: int


class Cut(NamedTuple):
    """No further than this; then the exchange ends, and `told` is called."""

    after: int
    why: str
    told: Callable[[], None]


class Rewriting:
    """A body that is edited inside its content codings.

    Raises:
        CodingError: the coding is not known.
    """

    def __init__(
        self,
        editor: Callable[[], Editor],
        coding: bytes,
        *,
        by: str,
        original: Callable[[bytes], None],
        told: Callable[[int], None],
    ) -> None:
        self._editor = editor
        self._coding = coding
        self.by = by
        self.original = original
        """Called with what the sender sent."""
        self.told = told
        """Called at the end, with how much was changed."""
        undoing(coding)
        self._state: tuple[Editor, Undoing | None, Redoing | None] | None = None

    def reset(self) -> None:
        """Begin again, with another body."""
        self._state = None

    def start(self) -> tuple[Editor, Undoing | None, Redoing | None]:
        """Return what rewrites one body, from its beginning."""
        return self._editor(), undoing(self._coding), redoing(self._coding)

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Yield what goes on now, in pieces with room for others between them."""
        if self._state is None:
            self._state = self.start()
        editor, undo, redo = self._state
        for piece in (data,) if undo is None else undo.feed(data):
            for at in range(0, len(piece), _STEP):
                edited = editor.feed(piece[at : at + _STEP])
                yield edited if redo is None or not edited else redo.feed(edited)

    def finish(self) -> bytes:
        """Return the rest, and tell how much was changed."""
        if self._state is None:  # there was no body, and no coding makes one of nothing
            self.told(0)
            return b""
        editor, _, redo = self._state
        rest = editor.finish()
        if redo is not None:
            rest = (redo.feed(rest) if rest else b"") + redo.finish()
        self.told(editor.count)
        return rest


Shape = Rewriting | Pace | Cut


async def rewritten(data: bytes, rewriting: Rewriting, *, limit: int) -> bytes:
    """Return a whole body rewritten, with room for others between its pieces.

    Raises:
        BodyTooLarge: decoded or rewritten it is over `limit` bytes.
        CodingError: its coding is damaged.
    """
    out: list[bytes] = []
    size, began = 0, perf_counter()
    for piece in rewriting.feed(data):
        out.append(piece)
        size += len(piece)
        if size > limit:
            raise BodyTooLarge(f"rewritten, the body is larger than {limit} bytes")
        if perf_counter() - began > SLICE:
            await asyncio.sleep(0)
            began = perf_counter()
    out.append(rewriting.finish())
    return b"".join(out)


class ShapedBody:
    """One direction's body, once it is connected. It is a `Way` for the messages inside of it."""

    def __init__(self, tap: BodyTap) -> None:
        self._tap = tap
        self._inner: HeldBody | None = tap.held
        self._rewritings: list[Rewriting] = []
        self._rate = 0
        self._cut: Cut | None = None
        self._passed = 0
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._ended = False
        self._way: Way | None = None
        self._task: asyncio.Task[None] | None = None

    def add(self, shape: Shape) -> None:
        """Have the body go through this too; of several paces the slowest counts, and the first cut."""
        match shape:
            case Rewriting():
                self._rewritings.append(shape)
            case Pace(rate):
                self._rate = min(self._rate or rate, rate)
            case Cut():
                self._cut = shape if self._cut is None else min(self._cut, shape, key=lambda cut: cut.after)

    @property
    def resizes(self) -> bool:
        """Whether as much comes out as goes in is not known before the end."""
        return bool(self._rewritings) or self._inner is not None

    def resized(self, head: bytes, detail: str) -> MessageChanged:
        """Return the event that says that the head goes on without a length."""
        by = self._rewritings[0].by if self._rewritings else "handler"
        return MessageChanged(self._tap.direction, by, detail, head)

    async def whole(self, data: bytes, limit: int) -> bytes:
        """Return a body that was held after all, rewritten; it is not rewritten a second time.

        Raises:
            BodyTooLarge: decoded or rewritten it is over `limit` bytes.
            CodingError: its coding is damaged.
        """
        rewritings, self._rewritings = self._rewritings, []
        try:
            for rewriting in rewritings:
                data = await rewritten(data, rewriting, limit=limit)
        except BodyTooLarge:  # it may still go through them as it streams
            for rewriting in rewritings:
                rewriting.reset()
            self._rewritings = rewritings
            raise
        return data

    def replaced(self, *, inner: HeldBody | None) -> None:
        """Another body goes in place of what would have been rewritten; `inner` is for its messages."""
        self._rewritings = []
        self._inner = inner

    @property
    def acts(self) -> bool:
        """Whether it does anything at all to what goes through it."""
        return bool(self._rewritings or self._rate or self._cut or self._inner)

    @property
    def rewrites(self) -> bool:
        """Whether a body that is held has to be rewritten."""
        return bool(self._rewritings)

    # --- what the exchange does -------------------------------------------------------------------

    def connect(self, way: Way, *, url: str) -> None:
        """Begin: the head has gone on, and the body follows."""
        self._way = way
        name = f"shapes of flow {self._tap.flow.number}"
        self._task = self._tap.shared.tasks.spawn(self._run(way), name)
        if self._inner is not None:
            self._inner.connect(self, url=url)

    def feed(self, data: bytes) -> None:
        """Take payload."""
        if self._inner is not None:
            self._inner.feed(data)
        else:
            self.send(data)

    def end(self) -> None:
        """Take note that the body is complete."""
        if self._inner is not None:
            self._inner.end()
        else:
            self.finish()

    def stop(self) -> None:
        """Take note that the flow is over."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        if self._inner is not None:
            self._inner.stop()
        elif self._way is not None:
            self._way.hold(False)

    # --- what the messages inside of it do ----------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Take payload that is to go on."""
        if self._way is not None:
            self._queue.append(data)
            self._way.hold(True)
            self._wake.set()

    def finish(self) -> None:
        """Take note that no more is to go on."""
        self._ended = True
        self._wake.set()

    def hold(self, hold: bool) -> None:
        """Take no more from the sender, or go on where nothing waits here either."""
        if self._way is not None and (hold or not self._queue):
            self._way.hold(hold)

    def broken(self, code: str, detail: str) -> None:
        """See `Way`."""
        if self._way is not None:
            self._way.broken(code, detail)

    def failed(self, error: Exception) -> None:
        """See `Way`."""
        if self._way is not None:
            self._way.failed(error)

    def cut(self, detail: str) -> None:
        """See `Way`."""
        if self._way is not None:
            self._way.cut(detail)

    # --- the way through ----------------------------------------------------------------------------

    async def _run(self, way: Way) -> None:
        flow = self._tap.flow
        try:
            while not flow.closed:
                while self._queue and not flow.closed:
                    await self._take(self._queue.popleft(), way)
                if self._ended and not self._queue:
                    await self._finish(way)
                    return
                way.hold(False)
                self._wake.clear()
                if not self._queue and not self._ended:
                    await self._wake.wait()
        except CodingError as error:
            # What came before went on, and nothing that comes after could be coded to follow it.
            way.broken(error.code, error.detail)
        except Exception as error:
            way.failed(error)

    async def _take(self, data: bytes, way: Way) -> None:
        if self._rewritings:
            self._rewritings[0].original(data)
        await self._through(data, 0, way)

    async def _through(self, data: bytes, number: int, way: Way) -> None:
        """Take a piece through the rewritings from `number` on, and on."""
        if number == len(self._rewritings):
            await self._pass(data, way)
            return
        began = perf_counter()
        for piece in self._rewritings[number].feed(data):
            if piece:
                await self._through(piece, number + 1, way)
            if perf_counter() - began > SLICE:
                await asyncio.sleep(0)
                began = perf_counter()

    async def _finish(self, way: Way) -> None:
        for number, rewriting in enumerate(self._rewritings):
            rest = rewriting.finish()
            if rest:
                await self._through(rest, number + 1, way)
        if not self._tap.flow.closed:
            way.hold(False)
            way.finish()

    async def _pass(self, data: bytes, way: Way) -> None:
        cut = self._cut
        last = cut is not None and self._passed + len(data) >= cut.after
        if cut is not None and last:
            data = data[: cut.after - self._passed]
        self._passed += len(data)
        await self._paced(data, way)
        if cut is not None and last and not self._tap.flow.closed:
            cut.told()
            way.cut(cut.why)

    async def _paced(self, data: bytes, way: Way) -> None:
        if not self._rate:
            way.send(data)
            return
        step = max(1, self._rate // _TICKS)
        for at in range(0, len(data), step):
            piece = data[at : at + step]
            way.send(piece)
            await asyncio.sleep(len(piece) / self._rate)
            if self._tap.flow.closed:
                return
