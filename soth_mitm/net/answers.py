"""How an exchange ends when it cannot go its way: what the client is told, and what the events say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import DialFailed, Direction, GuardTripped, Noted, Side, TlsFailed
from soth_mitm.model.reasons import CloseReason
from soth_mitm.proto.http1.reasons import REASONS, Reason

if TYPE_CHECKING:
    from soth_mitm.model.tls import TlsFailure
    from soth_mitm.net.dial import DialError
    from soth_mitm.net.exchange import Exchange
    from soth_mitm.proto.http1 import Http1Error


def request_refused(exchange: Exchange, error: Http1Error) -> None:
    """Refuse the rest of a request that breaks the rules."""
    words = REASONS.get(error.code, Reason(error.detail, ""))
    exchange.flow.emit(GuardTripped(error.code, Direction.REQUEST, error.detail, error.status, words.advice))
    exchange.reply(
        error.status, error.code, text=words.text, hint=words.advice, reason=CloseReason.HTTP_ERROR
    )


def response_refused(exchange: Exchange, error: Http1Error) -> None:
    """Refuse a response that breaks the rules."""
    words = REASONS.get(error.code, Reason(error.detail, ""))
    exchange.flow.emit(GuardTripped(error.code, Direction.RESPONSE, error.detail, error.status, words.advice))
    text = f"the response of {exchange.place.host} breaks HTTP: {words.text}"
    exchange.reply(error.status, error.code, text=text, hint=words.advice, reason=CloseReason.HTTP_ERROR)


def response_missing(exchange: Exchange, code: str, detail: str) -> None:
    """The upstream went away before its response was complete."""
    place = exchange.place
    text = f"{place.host}:{place.port} closed the connection before the response was complete"
    exchange.flow.emit(Noted(code, detail))
    exchange.reply(502, "upstream_closed", text=text, hint=detail, reason=CloseReason.UPSTREAM_CLOSED)


def unreachable(exchange: Exchange, error: DialError) -> None:
    """The upstream could not be reached."""
    exchange.flow.emit(DialFailed(error.stage, error.code, error.detail))
    hint = "check the host name and port, and whether this machine can reach it"
    exchange.reply(502, error.code, text=str(error), hint=hint, reason=CloseReason.UPSTREAM_CONNECT_FAILED)


def upstream_tls_failed(exchange: Exchange, why: TlsFailure) -> None:
    """TLS to the upstream failed: the 502 names the reason."""
    exchange.flow.emit(TlsFailed(Side.UPSTREAM, why))
    shared = exchange.shared
    if shared.hooks.tls_failure:
        shared.call_hook("on_tls_failure", why, flow=exchange.flow)
    code = "tls_certificate" if why.failure_class in ("cert_validation", "unknown_ca") else "tls"
    words = why.reason.replace("_", " ")
    text = f"TLS to {exchange.place.host}:{exchange.place.port} failed: {words} ({why.detail})"
    exchange.reply(502, code, text=text, hint=why.hint, reason=CloseReason.TLS_HANDSHAKE_FAILED)
