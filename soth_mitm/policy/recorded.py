"""Which recorded answer a request gets: pure, by what of the request has to be the same."""

from __future__ import annotations

import hashlib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from soth_mitm.errors import SothError
from soth_mitm.model import events as e
from soth_mitm.model.terms import Direction

if TYPE_CHECKING:
    from collections.abc import Iterable

PARTS: Final = ("scheme", "host", "port", "query", "body")
_NO_BODY: Final = b""

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
        by_body.setdefault(digest if self.likeness.asks_body else _NO_BODY, []).append(answer)
        self.count += 1

    def bodies(self, wanted: Wanted) -> frozenset[bytes]:
        """Return the digests of the bodies with which a request was recorded; none where it was not."""
        return frozenset(self._answers.get(self.likeness.head(wanted), ()))

    def take(self, wanted: Wanted, digest: bytes) -> Answered | None:
        """Return the next answer to a request; None where there is none (any more)."""
        head = self.likeness.head(wanted)
        body = digest if self.likeness.asks_body else _NO_BODY
        answers = self._answers.get(head, {}).get(body)
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
            case e.ResponseHead():
                flow.answered = not body.generated
            case e.ResponseEnd():
                flow.whole = True
            case e.Upgraded():
                flow.whole = False
            case e.FlowClosed():
                del self._open[event.flow]
                self._closed(event.flow, flow)

    def _closed(self, number: int, flow: _Flow) -> None:
        head = flow.head
        if head is None or not flow.answered or not flow.whole or head.method == b"CONNECT":
            self.without += 1
            return
        opened = flow.opened
        wanted = Wanted(opened.scheme, opened.host, opened.port, head.method, head.path or head.target)
        self._deck.add(wanted, flow.digest, Answered(self._store, number))


class _Flow:
    """What is known of a flow that has not ended yet."""

    def __init__(self, opened: e.FlowOpened) -> None:
        self.opened = opened
        self.head: e.RequestHead | None = None
        self.answered = self.whole = False
        self._hash = hashlib.sha256()
        self._hashed = 0

    def add(self, chunk: e.BodyChunk) -> None:
        self._hash.update(chunk.data)
        self._hashed += chunk.length

    @property
    def digest(self) -> bytes:
        return self._hash.digest() if self._hashed else b""
