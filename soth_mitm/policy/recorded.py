"""Which recorded answer a request gets: pure, by what of the request has to be the same."""

from __future__ import annotations

import hashlib
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from soth_mitm.errors import SothError
from soth_mitm.model import events as e
from soth_mitm.model.terms import Direction

if TYPE_CHECKING:
    from collections.abc import Iterable

PARTS: Final = ("scheme", "host", "port", "query", "body")
WEBSOCKET: Final = b"WEBSOCKET"
"""Stands for the method of a request that opens a WebSocket, over any version of HTTP."""
_NO_BODY: Final = b""
_EARLY: Final = b"early"
"""Stands for the digest of a body that had not ended when its answer began."""
_OPENS: Final = re.compile(rb"\n(?:upgrade:[ \t]*websocket|:protocol:[ \t]*websocket)[ \t]*[\r\n]")

Head = tuple[bytes, str, str, int, bytes]
"""What has to be the same of a request's head."""


class ReplayRuleError(SothError):
    """What may differ cannot be understood."""


class Wanted(NamedTuple):
    """A request that an answer is looked for."""

    scheme: str
    host: str
    port: int
    method: bytes
    target: bytes
    """In origin-form."""


def method_of(method: bytes, raw: bytes) -> bytes:
    """Return what stands for the method of a request, whose head is given in lower case."""
    asks = method in (b"GET", b"CONNECT") and b"websocket" in raw and _OPENS.search(raw) is not None
    return WEBSOCKET if asks else method


class Likeness:
    """Says which requests are the same.

    Raises:
        ReplayRuleError: a part is none of `PARTS` and no `query:NAME`.
    """

    def __init__(self, ignore: Iterable[str] = ()) -> None:
        self._names = {part[6:] for part in ignore if part.startswith("query:") and len(part) > 6}
        self._parts = {part for part in ignore if not part.startswith("query:")}
        wrong = sorted(self._parts.difference(PARTS)) or [part for part in ignore if part == "query:"]
        if wrong:
            near = get_close_matches(wrong[0], PARTS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(PARTS)}, query:NAME"
            raise ReplayRuleError(f"server replay cannot ignore {wrong[0]!r}; {hint}")

    @property
    def asks_body(self) -> bool:
        """Whether bodies have to be the same."""
        return "body" not in self._parts

    def head(self, wanted: Wanted) -> Head:
        """Return what requests that are the same have in common, but for their bodies."""
        off = self._parts
        return (
            wanted.method,
            "" if "scheme" in off else wanted.scheme,
            "" if "host" in off else wanted.host.lower(),
            0 if "port" in off else wanted.port,
            self._target(wanted.target),
        )

    def _target(self, target: bytes) -> bytes:
        path, mark, query = target.partition(b"?")
        if "query" in self._parts or not mark:
            return path
        if not self._names:
            return target
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        kept = [(name, value) for name, value in pairs if name not in self._names]
        return path + b"?" + urlencode(kept).encode()


class Answered(NamedTuple):
    """A recorded flow with an answer."""

    store: int
    """Which of the dumps it lies in."""
    flow: int
    early: bool = False
    """It began before its request had ended, or is one side of a conversation."""


class Deck:
    """The recorded answers, given in the order in which they were recorded.

    Of requests that are the same, the last answer is given again when all were given, unless each is to
    be given `once`.
    """

    def __init__(self, likeness: Likeness, *, once: bool = False) -> None:
        self.likeness = likeness
        self._once = once
        self._answers: dict[Head, dict[bytes, list[Answered]]] = {}
        self._given: dict[tuple[Head, bytes], int] = {}
        self.count = 0

    def add(self, wanted: Wanted, digest: bytes, answer: Answered) -> None:
        """Take in an answer; `digest` is the SHA-256 of the request's body, empty where it has none."""
        by_body = self._answers.setdefault(self.likeness.head(wanted), {})
        kind = _EARLY if answer.early else digest if self.likeness.asks_body else _NO_BODY
        by_body.setdefault(kind, []).append(answer)
        self.count += 1

    def goes_by_head(self, wanted: Wanted) -> bool:
        """Whether an answer to such a request may have to begin before the request has ended."""
        return _EARLY in self._answers.get(self.likeness.head(wanted), ())

    def bodies(self, wanted: Wanted) -> frozenset[bytes]:
        """Return the digests of the bodies with which a request was recorded; none where it was not."""
        return frozenset(self._answers.get(self.likeness.head(wanted), ()))

    def take(self, wanted: Wanted, digest: bytes) -> Answered | None:
        """Return the next answer to a request; None where there is none (any more)."""
        head = self.likeness.head(wanted)
        by_body = self._answers.get(head, {})
        body = digest if self.likeness.asks_body else _NO_BODY
        answers = by_body.get(body)
        if _EARLY in by_body:  # then all go in their order, whatever the bodies are
            body, answers = _EARLY, sorted(each for found in by_body.values() for each in found)
        if not answers:
            return None
        given = self._given.get((head, body), 0)
        if given >= len(answers) and self._once:
            return None
        self._given[head, body] = given + 1
        return answers[min(given, len(answers) - 1)]


class Collecting:
    """Puts the flows of one dump into a deck, from their events."""

    def __init__(self, deck: Deck, store: int) -> None:
        self._deck = deck
        self._store = store
        self._open: dict[int, _Flow] = {}
        self.without = 0
        """Flows without an answer that could be given again."""

    def take(self, event: e.Event) -> None:
        """Take the next event."""
        body = event.body
        if isinstance(body, e.FlowOpened):
            if body.flow_kind == e.FlowKind.HTTP:
                self._open[event.flow] = _Flow(body)
            return
        flow = self._open.get(event.flow) if event.flow else None
        if flow is None:
            return
        match body:
            case e.RequestHead():
                flow.head = body
            case e.BodyChunk(direction=Direction.REQUEST):
                flow.add(body)
            case e.RequestEnd():
                flow.asked = True
            case e.MessagesStarted(direction=Direction.REQUEST):
                flow.streams = True
            case e.ResponseHead():
                flow.answered, flow.early = not body.generated, flow.streams and not flow.asked
            case e.ResponseEnd():
                flow.whole = True
            case e.Upgraded(protocol=protocol):
                flow.whole = flow.early = protocol.lower() == "websocket"
            case e.FlowClosed():
                del self._open[event.flow]
                self._closed(event.flow, flow)

    def _closed(self, number: int, flow: _Flow) -> None:
        head = flow.head
        method = method_of(head.method, head.raw.lower()) if head is not None else b""
        if head is None or not flow.answered or not flow.whole or method == b"CONNECT":
            self.without += 1
            return
        opened = flow.opened
        wanted = Wanted(opened.scheme, opened.host, opened.port, method, head.path or head.target)
        self._deck.add(wanted, flow.digest, Answered(self._store, number, flow.early))


class _Flow:
    """What is known of a flow that has not ended yet."""

    def __init__(self, opened: e.FlowOpened) -> None:
        self.opened = opened
        self.head: e.RequestHead | None = None
        self.answered = self.whole = self.asked = self.streams = self.early = False
        self._hash = hashlib.sha256()
        self._hashed = 0

    def add(self, chunk: e.BodyChunk) -> None:
        self._hash.update(chunk.data)
        self._hashed += chunk.length

    @property
    def digest(self) -> bytes:
        return self._hash.digest() if self._hashed else b""
