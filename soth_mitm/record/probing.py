"""What the process for searches over many flows does: reads their blocks, and asks terms about them."""

from __future__ import annotations

import re
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from soth_mitm.decode.unpacking import Unpacker
from soth_mitm.errors import DumpError
from soth_mitm.model.events import BodyChunk, Direction, RequestHead, ResponseHead
from soth_mitm.record.bodies import NO_BLOCK
from soth_mitm.record.frames import Frame, decode_frame, frames_in
from soth_mitm.record.payloads import Slice, read_slices
from soth_mitm.record.reader import read_payload
from soth_mitm.record.serving import SLICE_SECONDS, Job
from soth_mitm.record.spool import Scratch

if TYPE_CHECKING:
    from soth_mitm.record.pieces import BlockPlace

WINDOW: Final = 256 * 1024
"""Bytes of a body that are searched at once; a smaller body is searched as a whole."""

OVERLAP: Final = 4 * 1024
"""What of a window is searched again with the next one."""

CACHE_BYTES: Final = 16 * 1024 * 1024
"""Blocks kept, since flows that are close lie in the same ones."""

TELL_SECONDS: Final = 0.05

_ENCODING = re.compile(rb"^content-encoding:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_KINDS: Final = (RequestHead.KIND, ResponseHead.KIND, BodyChunk.KIND)


class Term(Protocol):
    """What is asked about a flow; `policy.filters.DeepTerm` is one. It is handed to another process."""

    @property
    def scope(self) -> str:
        """`header` or `body`."""
        ...

    def wants(self, *, response: bool) -> bool:
        """Say whether the request's, or the response's, message is one to search."""
        ...

    def matches_head(self, raw: bytes) -> bool:
        """Say whether a head as it came matches."""
        ...

    def matches_body(self, decoded: bytes) -> bool:
        """Say whether a body, or a part of one, matches."""
        ...


Answers = tuple[bool, ...]
"""One for each term, in their order."""


class Candidate(NamedTuple):
    """A flow that is asked about."""

    flow: int
    blocks: tuple[tuple[int, int], ...]
    """Numbers of its blocks, and the number that it has in each of them."""


class _Block(NamedTuple):
    payload: bytes
    frames: dict[int, list[Frame]]


class Probing:
    """A `Service`: each method below that has no underscore is a request."""

    def __init__(self) -> None:
        self._places: dict[int, BlockPlace] = {}
        self._handed: dict[int, tuple[int, int]] = {}
        self._scratch = Scratch()
        self._cache: OrderedDict[int, _Block] = OrderedDict()
        self._cached = 0

    def call(self, method: str, args: tuple[Any, ...]) -> object:
        """See `Service`."""
        answer: object = getattr(self, method)(*args)
        return answer

    def work(self) -> bool:
        """See `Service`."""
        return False

    def places(self, places: dict[int, BlockPlace]) -> None:
        """Say where the blocks of the next question lie; forget what was handed over for the last."""
        self._places = places
        for number in self._handed:
            self._forget_cached(number)
        self._handed.clear()
        self._scratch.clear()

    def hand(self, number: int, payload: bytes) -> None:
        """Take a block that lies in no file; it may still grow, so it holds for the next question only."""
        self._forget_cached(number)
        self._handed[number] = self._scratch.size, len(payload)
        self._scratch.append(payload)

    def ask(self, terms: Sequence[Term], candidates: Sequence[Candidate], most_bytes: int) -> Job:
        """Ask the terms about each flow; yields and returns lists of pairs of flow and answers."""
        found: list[tuple[int, Answers]] = []
        told = started = perf_counter()
        for candidate in candidates:
            asking = _Asking(terms, most_bytes)
            for _ in self._steps(asking, candidate):
                now = perf_counter()
                if now - told > TELL_SECONDS:
                    yield found
                    found, told = [], now
                elif now - started > SLICE_SECONDS:
                    yield None
                else:
                    continue
                started = perf_counter()
            found.append((candidate.flow, tuple(asking.answers)))
        return found

    def payloads(self, terms: Sequence[Term], items: Sequence[Sequence[Slice]], most_bytes: int) -> Job:
        """Ask the terms about the payloads of messages; returns their answers, in the order of `items`."""
        answers: list[Answers] = []
        held = (NO_BLOCK, b"")

        def block_of(number: int) -> bytes:
            nonlocal held
            if number != held[0]:
                payload = self._payload(number)
                if payload is None:
                    raise DumpError(f"block {number} is gone")
                held = number, payload
            return held[1]

        started = perf_counter()
        for slices in items:
            data = bytearray()
            try:
                for piece in read_slices(slices, block_of):
                    data += piece[: most_bytes - len(data)]
            except DumpError:
                data.clear()  # what is gone matches nothing
            whole = bytes(data)
            answers.append(tuple(term.matches_body(whole) for term in terms))
            if perf_counter() - started > SLICE_SECONDS:
                yield None
                started = perf_counter()
        return answers

    def _steps(self, asking: _Asking, candidate: Candidate) -> Iterator[None]:
        """Answer about one flow, in steps of a few milliseconds at most."""
        for number, own in candidate.blocks:
            block = self._block(number)
            yield
            for frame in block.frames.get(own, ()) if block is not None else ():
                if block is not None:
                    yield from asking.take(block.payload, frame)
                if asking.done:
                    return
        asking.finish()
        yield

    # --- blocks -----------------------------------------------------------------------------------

    def _block(self, number: int) -> _Block | None:
        block = self._cache.get(number)
        if block is not None:
            self._cache.move_to_end(number)
            return block
        payload = self._payload(number)
        if payload is None:
            return None
        frames: dict[int, list[Frame]] = defaultdict(list)
        for frame in frames_in(payload):
            if frame.flow and frame.kind in _KINDS:
                frames[frame.flow].append(frame)
        block = _Block(payload, frames)
        self._cache[number] = block
        self._cached += len(payload)
        while self._cached > CACHE_BYTES and len(self._cache) > 1:
            self._forget_cached(next(iter(self._cache)))
        return block

    def _payload(self, number: int) -> bytes | None:
        handed = self._handed.get(number)
        if handed is not None:
            return self._scratch.read(*handed)
        place = self._places.get(number)
        if place is None:
            return None
        try:
            return read_payload(Path(place.path), place.offset, place.length)
        except DumpError:
            # Retention has removed it: nothing of it can be found any more.
            return None

    def _forget_cached(self, number: int) -> None:
        block = self._cache.pop(number, None)
        if block is not None:
            self._cached -= len(block.payload)


class _Asking:
    """The answers about one flow, as its frames come by."""

    def __init__(self, terms: Sequence[Term], most_bytes: int) -> None:
        self.answers = [False] * len(terms)
        self._terms = terms
        self._bodies = {
            False: _BodyAsking(self, most_bytes, response=False),
            True: _BodyAsking(self, most_bytes, response=True),
        }

    @property
    def done(self) -> bool:
        """Nothing more can change."""
        return all(self.answers)

    def open_terms(self, scope: str, *, response: bool) -> list[int]:
        """Return the terms of a scope that have not been answered with yes."""
        return [
            at
            for at, term in enumerate(self._terms)
            if not self.answers[at] and term.scope == scope and term.wants(response=response)
        ]

    def take(self, payload: bytes, frame: Frame) -> Iterator[None]:
        """Look at one frame, in steps."""
        event = decode_frame(payload, frame)
        body = event.body if event is not None else None
        if isinstance(body, BodyChunk):
            yield from self._bodies[body.direction == Direction.RESPONSE].take(body)
        elif isinstance(body, RequestHead | ResponseHead):
            response = isinstance(body, ResponseHead)
            coding = _ENCODING.findall(body.raw)
            if coding:
                self._bodies[response].begin(b", ".join(coding))
            for at in self.open_terms("header", response=response):
                self.answers[at] = self._terms[at].matches_head(body.raw)

    def finish(self) -> None:
        """Look at what is left of the bodies."""
        for body in self._bodies.values():
            body.look(final=True)

    def ask_body(self, at: int, data: bytes) -> None:
        """Ask one term about a part of a body."""
        self.answers[at] = self._terms[at].matches_body(data)


class _BodyAsking:
    """One body on its way past the terms, its codings undone."""

    def __init__(self, asking: _Asking, most_bytes: int, *, response: bool) -> None:
        self._asking = asking
        self._response = response
        self._room = most_bytes
        self._next = 0
        self._unpacker: Unpacker | None = None
        self._held = bytearray()

    def begin(self, content_encoding: bytes) -> None:
        """Take the codings of the head."""
        self._unpacker = Unpacker(content_encoding)

    def take(self, chunk: BodyChunk) -> Iterator[None]:
        """Add a chunk, in steps."""
        wanted = self._asking.open_terms("body", response=self._response)
        if not wanted or self._room <= 0 or chunk.offset != self._next:
            return
        self._next += len(chunk.data)
        for piece in self._unpacker.feed(chunk.data) if self._unpacker else (chunk.data,):
            self._held += piece[: self._room]
            self._room -= len(piece)
            if len(self._held) >= WINDOW:
                self.look(final=False)
            yield
            if self._room <= 0:
                return

    def look(self, *, final: bool) -> None:
        """Ask about what has come; keep the end of it, where a match may begin."""
        if not self._held:
            return
        data = bytes(self._held)
        for at in self._asking.open_terms("body", response=self._response):
            self._asking.ask_body(at, data)
        del self._held[: len(data) if final else len(data) - OVERLAP]
