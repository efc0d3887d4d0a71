"""How an exchange comes to its upstream connection: dialled, refused, lost too early, tried once more."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from soth_mitm.model.events import Direction, Retried
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import answers
from soth_mitm.net.dial import DialError
from soth_mitm.net.gate import Why
from soth_mitm.net.tls import failure as tls_failure
from soth_mitm.net.upstream import UpstreamTlsError
from soth_mitm.proto.http1 import End, Framing

if TYPE_CHECKING:
    from soth_mitm.net.exchange import Exchange
    from soth_mitm.proto.http1 import Http1Error

_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})


async def dial(exchange: Exchange, *, fresh: bool = False) -> None:
    """Reach the upstream, bind the exchange to it and let the client go on; or answer why not.

    With `fresh`, on a new connection in any case.
    """
    try:
        await _reach(exchange, fresh)
    except Exception as error:
        if exchange.finished:
            raise
        exchange.internal_error(error)


async def _reach(exchange: Exchange, fresh: bool) -> None:
    origin = exchange.origin
    try:
        conn = await origin.open(exchange.place, fresh=fresh)
    except DialError as error:
        if not exchange.finished:
            answers.unreachable(exchange, error)
        return
    except UpstreamTlsError as error:
        if not exchange.finished:
            answers.upstream_tls_failed(exchange, error.failure)
        return
    if exchange.finished:
        origin.release(conn, conn.alive)
        return
    if not conn.alive:
        answers.response_missing(
            exchange, "eof_before_head", "the upstream closed right after it was reached"
        )
        return
    exchange.bind(conn)
    exchange.flush()
    exchange.session.gate.open(Why.DIALLING)


def lost(exchange: Exchange, broken: Http1Error, error: BaseException | None) -> None:
    """The upstream ended before its response did: ask it once more where that is harmless, or say so."""
    place = exchange.place
    if without_rest(exchange):
        return
    if isinstance(error, ssl.SSLError):
        why = tls_failure.classify_upstream(error, host=place.host, port=place.port)
        answers.upstream_tls_failed(exchange, why)
    elif broken.code == "eof_before_head" and _may_retry(exchange):
        exchange.flow.emit(Retried("the pooled connection had gone stale"))
        exchange.start_anew()
        exchange.shared.tasks.spawn(dial(exchange, fresh=True), f"retry of flow {exchange.flow.number}")
    elif broken.code == "websocket_unsupported":
        text = f"{place.host}:{place.port} speaks HTTP/2 alone, and offers no WebSockets on that"
        exchange.reply(502, broken.code, text=text, hint=broken.detail, reason=CloseReason.UPSTREAM_CLOSED)
    else:
        answers.response_missing(exchange, broken.code, f"{error}" if error is not None else broken.detail)


def without_rest(exchange: Exchange) -> bool:
    """Return whether another went in place of a response that breaks off, which has ended then."""
    if exchange.deciding is None or not exchange.deciding.replaces(Direction.RESPONSE):
        return False
    exchange.as_typed = True  # of its connection nothing more can be read
    exchange.deciding.takes_response((End(b"", b""),))
    return True


def _may_retry(exchange: Exchange) -> bool:
    """Only a request that cannot have had an effect twice, on a connection that had gone stale."""
    return (
        exchange.reused
        and exchange.request_done
        and not exchange.interim_sent
        and exchange.head.framing is Framing.NONE
        and exchange.head.method in _IDEMPOTENT
        and exchange.deciding is None
    )
