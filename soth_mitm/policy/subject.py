"""The message at hand as the filter language sees it, for whoever has to decide before there is a row.

A breakpoint or a rule is asked while the message is held, or about to be: nothing is known of what
comes later. What an expression asks that is not known yet counts as not so.
"""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from soth_mitm.model.terms import Direction
from soth_mitm.policy.filters.deep import DeepTerm, Scope
from soth_mitm.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soth_mitm.model.events import ProcessKnown
    from soth_mitm.policy.filters import Filter

_SHOWN = 2000
"""Most characters of a target that an expression is asked about."""

# A look at a member through its class takes Python 3.11 as long as a call.
_HEADER = Scope.HEADER


class Conn(Protocol):
    """What of a client's connection can be asked for."""

    sni: str
    ja4: str
    process: ProcessKnown | None


class Subject:
    """One exchange, as far as it has come. Attributes are those of a row (`filters.Searchable`)."""

    kind = "http"
    reason = outcome = tls_reason = guard = mark = comment = ""
    error = reused = False
    request_bytes = response_bytes = duration_ns = ttfb_ns = messages = 0
    paused = replay_of = 0
    llm = None
    generated = modified = False
    form = rules = ""
    # Until there is a response: an exchange with none is made as quickly as can be.
    status = 0
    response_raw = response_lower = b""
    switches = False
    """The response agrees to another protocol, a WebSocket as a rule."""
    _bodies: Mapping[Direction, bytes] = MappingProxyType({})

    def __init__(
        self,
        *,
        scheme: str,
        host: str,
        port: int,
        method: bytes,
        target: bytes,
        version: str,
        raw: bytes,
        client: str = "",
        conn: Conn | None = None,
        intercepted: bool = False,
        flow: int = 0,
    ) -> None:
        self.scheme, self.host, self.port = scheme, host, port
        self.flow = flow
        self.version = version
        self.client = client
        self._conn = conn
        self.intercepted = intercepted
        self._method = method
        self.target = target
        """In origin-form."""
        self.raw = raw
        """The request's head."""
        self.lower = raw.lower()
        """The same in lower case, for a first look."""

    @property
    def sni(self) -> str:
        """The server name in the client's hello."""
        return self._conn.sni if self._conn is not None else ""

    @property
    def ja4(self) -> str:
        """The fingerprint of the client's hello."""
        return self._conn.ja4 if self._conn is not None else ""

    @property
    def process(self) -> str:
        """The client's program, where it is known already."""
        program = self._conn.process if self._conn is not None else None
        return program.name if program is not None else ""

    @property
    def state(self) -> str:
        """Whether the response has begun."""
        return "streaming" if self.status else "open"

    @cached_property
    def method(self) -> str:
        """The request's method."""
        return printable(self._method)

    @cached_property
    def path(self) -> str:
        """The target in origin-form."""
        return printable(self.target, _SHOWN)

    @cached_property
    def content_type(self) -> str:
        """The media type of the response, or while there is none of the request."""
        raw = self.response_raw or self.raw
        at = (self.response_lower or self.lower).find(b"\ncontent-type:")
        if at < 0:
            return ""
        value = raw[at + 14 :].partition(b"\n")[0].partition(b";")[0]
        return printable(value.strip()).lower()

    def answered(self, status: int, raw: bytes, *, switches: bool = False) -> None:
        """Take note of the response's head."""
        self.status, self.response_raw, self.switches = status, raw, switches
        self.response_lower = raw.lower()
        self.__dict__.pop("content_type", None)

    def has_body(self, direction: Direction, data: bytes | None) -> None:
        """Take note of a body, decoded; None where it is not known (any more)."""
        known = {each: body for each, body in self._bodies.items() if each is not direction}
        self._bodies = known if data is None else {**known, direction: data}

    def judge(self, wanted: Filter) -> bool | None:
        """Say whether the exchange is meant; None where that depends on a body that is not known."""
        if wanted.alone is not None:
            return self._answer(wanted.alone)
        if not wanted.test(self):
            return False
        deep = wanted.deep
        if not deep:
            return True
        answers = [self._answer(term) for term in deep]
        known = [answer for answer in answers if answer is not None]
        if len(known) == len(answers):
            return wanted.judge_deep(self, known)
        return wanted.judge_so_far(self, answers)

    def _answer(self, term: DeepTerm) -> bool | None:
        if term.scope is _HEADER:
            if term.wants(response=False) and term.matches_head(self.raw):
                return True
            raw = self.response_raw
            return bool(raw) and term.wants(response=True) and term.matches_head(raw)
        unknown = False
        for direction in Direction:
            if not term.wants(response=direction is Direction.RESPONSE):
                continue
            body = self._bodies.get(direction)
            if body is None:
                unknown = True
            elif term.matches_body(body):
                return True
        return None if unknown else False


UNCHANGING: Final = frozenset((
    "kind", "reason", "outcome", "tls_reason", "guard", "mark", "comment", "error", "reused", "request_bytes",
    "response_bytes", "duration_ns", "ttfb_ns", "messages", "paused", "replay_of", "generated", "modified",
    "rules",
))  # fmt: skip
"""The attributes that no message at hand has anything else in."""
