"""Messages of our own in place of a stream's: a head with another body, sent at once or piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import ResponseEnd
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.http2.relaying import Relaying
from soth_mitm.net.origin import elsewhere
from soth_mitm.proto.http2 import ErrorCode, heads

if TYPE_CHECKING:
    from soth_mitm.net.http2.held import Section
    from soth_mitm.net.http2.leg import Answer
    from soth_mitm.net.http2.session import StreamSession
    from soth_mitm.net.origin import Place, Site, Supply
    from soth_mitm.proto.http2 import Stream


class Replacing(Relaying):
    """What goes on otherwise than it came, by the decision of a rule, a handler or a person."""

    def __init__(
        self, session: StreamSession, stream: Stream, head: heads.RequestHead, *, place: Place, wire: int
    ) -> None:
        super().__init__(session, stream, head, place=place, wire=wire)
        self._origin: Supply | None = None
        """Where its connection comes from, where the request is sent elsewhere."""
        self._replaced = False
        """The request has another body than its client's, and that has gone whole."""
        self._own_open = False
        """Such a body is on its way."""
        self._replacing = False
        """A response of our own is on its way in place of the upstream's, which nobody waits for any more."""

    # --- the request ----------------------------------------------------------------------------

    def changed(self, head: heads.RequestHead, site: Site) -> None:
        """Send this head instead, and where that is another site to that.

        Raises:
            ValueError: that would be this proxy itself.
        """
        place = self.place._replace(path=head.path)
        if site != place[:3]:
            self._origin, place = elsewhere(self.shared, place, site, h2=True)
        self.place, self.sent_head, self.request_changed = place, head, True
        self._subject = None

    def put_request(
        self,
        head: heads.RequestHead,
        body: bytes | None,
        *,
        whole: bool = True,
        trailers: Section | None = None,
    ) -> None:
        """Send this head, and where `body` is given that body instead of the client's, with these trailers.

        Not `whole`: more of it follows, by `own_request`.
        """
        self.sent_head = head
        if body is not None:
            self._replaced, self._own_open = whole, not whole
            self._early = [body] if body else []
            self._early_trailers = trailers[:2] if trailers is not None else None
            if body:
                self._request.passed(body)
        self.begin()

    def own_request(self, data: bytes, *, end: bool, trailers: Section | None = None) -> None:
        """Send a piece of a body that goes in place of the client's."""
        self.touched = True
        if data:
            self.flow.from_client += len(data)
            self._request.passed(data)
        self._request.wire += len(data) + 9
        if end:
            self._replaced, self._own_open = True, False
        leg = self.leg
        if leg is None:
            self._early += [data] if data else []
            self._early_trailers = trailers[:2] if trailers is not None else None
        elif trailers is not None:
            leg.send_trailers(*trailers[:2])
        else:
            leg.send(data, end=end)
        if end:
            self._maybe_complete()

    # --- the response ---------------------------------------------------------------------------

    def replace_response(
        self, answer: Answer, body: bytes | None, *, trailers: Section | None = None
    ) -> None:
        """Send a head with a body of our own, or None where that follows by `own_response`.

        The upstream's own is not wanted any more.
        """
        self._answered = self._replacing = True
        self._engine.send_head(
            self.stream, answer.fields, never=answer.never, end=body == b"" and trailers is None
        )
        self.session.pump.soon()
        if body is not None and trailers is not None:
            self.own_response(body, end=False)
            self.own_response(b"", end=True, trailers=trailers)
        elif body is not None:
            self.own_response(body, end=True)

    def own_response(self, data: bytes, *, end: bool, trailers: Section | None = None) -> None:
        """Send a piece of a body that goes in place of the upstream's."""
        self._alive()
        if data:
            self.flow.from_upstream += len(data)
            self._response.passed(data)
            self._response.wire += len(data)
        if trailers is not None:
            self._engine.send_trailers(self.stream, trailers[0], never=trailers[1])
        elif data or not self.stream.local_done:
            waits = len(data) - self._engine.send(self.stream, data, end=end)
            if waits:
                self._wait_for_reader(waits)
        self.session.pump.soon()
        if end:
            self._own_response_sent(trailers[2] if trailers is not None else b"")

    def _own_response_sent(self, trailers: bytes) -> None:
        self.response_done = True
        self._response.ended()
        self.flow.emit(ResponseEnd(self._response.data, self._response.wire, trailers))
        if not self.request_done:
            self._reset_client(ErrorCode.NO_ERROR)
        self.session.pump.soon()
        self.finish(CloseReason.COMPLETED)

    # --- what the ends do -------------------------------------------------------------------------

    def begin(self) -> None:
        """Send the request on, over a connection that is ready or is made now."""
        raise NotImplementedError

    def finish(self, reason: str, detail: str = "", *, code: int = ErrorCode.CANCEL) -> None:
        """End the flow now, and cancel what the upstream is doing; the client's stream is the caller's."""
        raise NotImplementedError

    def _reset_client(self, code: int) -> None:
        """Reset the client's stream, once what it is owed has gone out."""
        raise NotImplementedError
