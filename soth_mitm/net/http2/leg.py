"""What an exchange needs of its upstream, whichever version that speaks, and what it is told in return."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from soth_mitm.net.upstream import UpstreamConn
    from soth_mitm.proto.http2.heads import RequestHead
    from soth_mitm.proto.http2.hpack import Fields


class Answer(NamedTuple):
    """The head of a response, as the upstream sent it and as it goes on in HTTP/2."""

    status: int
    reason: bytes
    version: str
    raw: bytes
    """As it came."""
    fields: Fields
    never: tuple[int, ...]
    content_type: bytes
    content_encoding: bytes
    wire: int
    anomalies: tuple[str, ...] = ()
    came: int = 0
    """The status that the upstream sent, where that is another one: 101."""


class LegUser(Protocol):
    """Who is answered."""

    as_typed: bool
    """A head goes whose framing nobody has checked: a connection of HTTP/1.1 carries nothing after it."""

    def answered_interim(self, answer: Answer) -> None:
        """Take an interim response (1xx)."""
        ...

    def answered(self, answer: Answer, *, end: bool) -> None:
        """Take the final head; with `end`, no body follows."""
        ...

    def response_data(self, data: bytes, *, overhead: int, end: bool) -> None:
        """Take a piece of the body; `overhead` bytes of its framing are no part of it."""
        ...

    def response_trailers(self, fields: Fields, *, never: tuple[int, ...], raw: bytes) -> None:
        """Take the fields after the body, which end the response."""
        ...

    def upstream_reset(self, code: int) -> None:
        """The upstream ended the stream early, and the connection goes on."""
        ...

    def upstream_broke(self, code: str, detail: str) -> None:
        """The response breaks the rules; the stream was ended."""
        ...

    def upstream_lost(self, code: str, detail: str, *, unseen: bool = False) -> None:
        """The connection is gone; `unseen` where the upstream says that it did not look at the request."""
        ...

    def internal_error(self, error: Exception) -> None:
        """Fail the exchange at once for a fault of ours."""
        ...

    def went(self, count: int) -> None:
        """Take note that `count` bytes of the request's body have been taken by the upstream."""
        ...


class Leg(Protocol):
    """The upstream's end of one exchange."""

    conn: UpstreamConn
    stream: int
    """The number of the stream there; 0 in HTTP/1."""

    def send_head(self, head: RequestHead, *, end: bool) -> None:
        """Send the request's head."""
        ...

    def send(self, data: bytes, *, end: bool) -> int:
        """Send a piece of its body; return how much is taken now, `went` tells of the rest."""
        ...

    def send_trailers(self, fields: Fields, never: tuple[int, ...]) -> None:
        """End the request with fields."""
        ...

    def took(self, count: int, *, late: bool = False) -> None:
        """Grant more of the response: `count` bytes of it have gone on, `late` after waiting."""
        ...

    def finish(self) -> None:
        """The exchange is complete: the connection may serve another one."""
        ...

    def cancel(self, code: int, reason: str) -> None:
        """End the exchange early; nobody is told of anything any more."""
        ...
