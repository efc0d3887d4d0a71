"""Calls to language models, followed beside the relay: what is known of one is told as `LlmFacts`.

`attach` looks at the head of a response, and only where path and type may be those of a call is anything
done at all. Reading happens after the bytes went on, in slices; what cannot be read is not told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from soth_mitm.decode.llm.following import Following
from soth_mitm.decode.undoing import CodingError, Undoing, undoing
from soth_mitm.model.memo import Memo
from soth_mitm.net.slices import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from soth_mitm.decode.llm.sockets import SocketFollowing
    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared

ENDINGS: Final = frozenset((
    b"completions", b"responses", b"messages", b"chat", b"generate", b"converse", b"converse-stream",
    b"invoke", b"invoke-with-response-stream",
))  # fmt: skip
"""How the paths of calls end, those apart that end in a verb behind a colon (`m-1:generateContent`).

Streams are looked at whatever their path: gateways have others.
"""

_STREAMS: Final = frozenset((b"text/event-stream", b"application/vnd.amazon.eventstream"))
_TYPES: Final = frozenset((b"application/json", b"application/x-ndjson", b"application/ndjson", *_STREAMS))


def _of_call(content_type: bytes) -> bytes:
    media_type = content_type.partition(b";")[0].strip().lower()
    return media_type if media_type in _TYPES else b""


_known: Memo[bytes, bytes] = Memo(_of_call, entries=1024)
"""The media types of fields that come again and again; empty for those of no call."""


def may_be_call(path: bytes) -> bool:
    """Say whether a path ends like that of a call."""
    if b"?" in path:
        path = path[: path.index(b"?")]
    last = path[path.rfind(b"/") + 1 :] or path.rstrip(b"/").rpartition(b"/")[2]
    return last in ENDINGS or b":" in last


def attach(tap: BodyTap, content_type: bytes, *, coding: bytes, path: bytes) -> None:
    """Follow the body of a response that is about to pass, where it may be a call's answer."""
    media_type = _known[content_type]
    if not media_type:
        return
    if media_type not in _STREAMS and not may_be_call(path):
        return
    flow = tap.flow
    if not tap.capture or not flow.told:
        return
    try:
        decoder = undoing(coding)
    except CodingError:
        return
    clock = flow.bus.clock
    following = Following(path, media_type, head_ns=clock.monotonic_ns(), wall_ns=clock.wall_ns())
    tap.call = CallTap(tap.shared, flow, following, decoder)


_F = TypeVar("_F", bound="Following | SocketFollowing")


class FactsTap(Generic[_F]):
    """Tells what is known of a call beside the relay, and at the end of its flow what is known by then."""

    __slots__ = ("_flow", "_following", "_shared", "over")

    def __init__(self, shared: Shared, flow: FlowLife, following: _F | None = None) -> None:
        self._shared = shared
        self._flow = flow
        self._following = following
        self.over = False
        """Nothing more is looked at."""
        flow.call = self

    def closing(self) -> None:
        """The flow is about to end: tell what is known by now."""
        if not self.over and self._following is not None:
            self._do(self._last(), hurry=_nothing)

    def _do(self, steps: Iterator[None], size: int = 0, *, hurry: Callable[[], None] | None = None) -> None:
        """Take steps in slices; where there are too many in all, tell what is known and take none."""
        work = Work(steps, size=size, drop=self._give_up, hurry=hurry or self._give_up)
        self._shared.slices.do(self._flow, work)

    def _last(self) -> Iterator[None]:
        self._give_up()
        yield

    def _give_up(self) -> None:
        """Tell what is known, and nothing after it."""
        if self.over or self._following is None:
            return
        self.over = True
        facts = self._following.finish()
        if facts is not None:
            self._flow.tell(facts)

    def _failed(self, error: Exception) -> None:
        self.over = True
        self._shared.internal_error(
            f"the call of flow {self._flow.number}", f"{type(error).__name__}: {error}"
        )


def _nothing() -> None:
    """Do not hurry."""


class CallTap(FactsTap[Following]):
    """Reads what passes of one answer, and tells what is known of the call."""

    __slots__ = ("_decoder",)

    def __init__(self, shared: Shared, flow: FlowLife, following: Following, decoder: Undoing | None) -> None:
        super().__init__(shared, flow, following)
        self._decoder = decoder

    def passed(self, data: bytes) -> None:
        """Look through payload that has just gone on."""
        following = self._following
        if not self.over and following is not None:
            self._do(self._look(following, data, self._flow.bus.clock.monotonic_ns()), len(data))

    def _look(self, following: Following, data: bytes, now: int) -> Iterator[None]:
        try:
            for piece in (data,) if self._decoder is None else self._decoder.feed(data):
                if self.over:
                    return
                for facts in following.feed(piece, now):
                    if facts is not None:
                        self._flow.tell(facts)
                    yield
            self.over = self.over or following.over
        except CodingError:
            self._give_up()
        except Exception as error:
            self._failed(error)
