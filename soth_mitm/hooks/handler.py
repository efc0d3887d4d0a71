"""The class an embedding program derives its handler from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soth_mitm.hooks.decisions import Decision, MessageDecision
    from soth_mitm.hooks.messages import ConnectionInfo, Message, Request, Response, StreamChunk, Target
    from soth_mitm.model.tls import TlsFailure


class Handler:
    """Hooks into the traffic. Override what you need; what is not overridden costs nothing.

    Coroutines may take `limits.handler_timeout` seconds. A hook that raises or takes longer is
    counted, shown on its flow, and then the message goes on (`handler_fails = "open"`) or is
    answered with 500 (`"closed"`). Plain functions run on the proxy's loop: keep them short.
    """

    def should_intercept_tls(self, target: Target) -> bool:
        """Return False to pass this connection through undecrypted."""
        return True

    def on_tls_failure(self, failure: TlsFailure) -> None:
        """See a TLS handshake fail, on either side."""

    async def on_request(self, request: Request) -> Decision | None:
        """Decide about a request whose head has arrived; its body is not held back meanwhile
        beyond what one read brought, unless the hook awaits `request.body()`."""
        return None

    async def on_response(self, response: Response) -> Decision | None:
        """Decide about a final response whose head has arrived; `Block` and `Respond` replace it."""
        return None

    async def on_websocket_start(self, response: Response) -> Decision | None:
        """Decide about a WebSocket whose server has agreed to it, before the client hears of it.

        `Block` and `Respond` refuse it, and the server's side is closed. A handshake cannot be modified.
        """
        return None

    async def on_message(self, message: Message) -> MessageDecision | None:
        """Decide about one message within a stream (WebSocket, SSE, gRPC, JSON lines), in its order.

        The message is held until the hook has decided, and what comes behind it waits; the stream as
        a whole never is. A message of more than `limits.message_bytes` passes without being asked about.
        """
        return None

    def on_stream_chunk(self, chunk: StreamChunk) -> None:
        """See body bytes that have just been sent on, in order, in either direction."""

    def on_stream_end(self, flow: int) -> None:
        """See a flow end; called once a flow."""

    def on_connection_open(self, connection: ConnectionInfo) -> None:
        """See a client connect."""

    def on_connection_close(self, connection: ConnectionInfo) -> None:
        """See a client's connection end; called once, after its last flow ended."""


def overrides(handler: Handler | None, hook: str) -> bool:
    """Return whether `handler` has a `hook` of its own, so that the others cost nothing."""
    return handler is not None and getattr(type(handler), hook, None) is not getattr(Handler, hook)
