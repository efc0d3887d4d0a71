"""How an exchange ends when it cannot go its way: what the client is told, and what the events say."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

from soth_mitm.model.events import (
    Direction,
    FlowKind,
    FlowOpened,
    GuardTripped,
    Noted,
    RequestHead,
    Side,
    TlsFailed,
)
from soth_mitm.model.outcomes import OTHER_VERSION, refused_hint, version_hint
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import heads, replies
from soth_mitm.net.dial import DialError
from soth_mitm.policy.decision import Action
from soth_mitm.proto.connect import ConnectError, parse_absolute
from soth_mitm.proto.http1.reasons import REASONS, Reason

if TYPE_CHECKING:
    from soth_mitm.errors import ProtocolError
    from soth_mitm.model.tls import TlsFailure
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.origin import Place
    from soth_mitm.net.session import ClientSession
    from soth_mitm.net.shared import Shared
    from soth_mitm.proto.http1 import Http1Error


class Answerable(Protocol):
    """An exchange whose client can still be told something."""

    flow: FlowLife
    shared: Shared
    place: Place

    def reply(
        self, status: int, code: str, *, text: str, hint: str = "", reason: str = CloseReason.RESPONDED
    ) -> None:
        """Answer the client with an explanation, and end the flow with `reason`."""
        ...


def refused_by_policy(exchange: Answerable) -> bool:
    """Answer a request that is blocked, or that is for this proxy itself; return whether it was."""
    place, shared = exchange.place, exchange.shared
    if place.decision.action is Action.BLOCK:
        text = f"{place.host} is blocked by {place.decision.rule!r}"
        hint = "remove the --block option or rule to let it through"
        exchange.reply(403, "blocked", text=text, hint=hint, reason=CloseReason.BLOCKED)
        return True
    if shared.is_self(place.host, place.port):
        text = f"{place.host}:{place.port} is this proxy itself"
        hint = f"http://{shared.config.magic_host}/ shows its page"
        exchange.reply(508, "self_loop", text=text, hint=hint, reason=CloseReason.SELF_LOOP)
        return True
    return False


def request_refused(exchange: Answerable, error: Http1Error) -> None:
    """Refuse the rest of a request that breaks the rules."""
    exchange.shared.refused(error.code)
    words = REASONS.get(error.code, Reason(error.detail, ""))
    exchange.flow.emit(GuardTripped(error.code, Direction.REQUEST, error.detail, error.status, words.advice))
    exchange.reply(
        error.status, error.code, text=words.text, hint=words.advice, reason=CloseReason.HTTP_ERROR
    )


def response_refused(exchange: Answerable, error: Http1Error) -> None:
    """Refuse a response that breaks the rules."""
    exchange.shared.refused(error.code)
    words = REASONS.get(error.code, Reason(error.detail, ""))
    exchange.flow.emit(GuardTripped(error.code, Direction.RESPONSE, error.detail, error.status, words.advice))
    text = f"the response of {exchange.place.host} breaks HTTP: {words.text}"
    exchange.reply(error.status, error.code, text=text, hint=words.advice, reason=CloseReason.HTTP_ERROR)


def response_missing(exchange: Answerable, code: str, detail: str) -> None:
    """The upstream went away before its response was complete."""
    place = exchange.place
    text = f"{place.host}:{place.port} closed the connection before the response was complete"
    exchange.flow.emit(Noted(code, detail))
    if code in OTHER_VERSION:
        text = f"{place.host}:{place.port} does not answer in the version of HTTP that was spoken to it"
        detail = version_hint(code, place.host, place.port)
    exchange.reply(502, "upstream_closed", text=text, hint=detail, reason=CloseReason.UPSTREAM_CLOSED)


def unreachable(exchange: Answerable, error: DialError) -> None:
    """The upstream could not be reached."""
    exchange.flow.emit(error.told())
    exchange.reply(error.status, error.code, text=str(error), hint=error.hint, reason=error.reason)


def next_proxy_refused(exchange: Answerable) -> None:
    """The proxy on the way wants credentials: of us, not of our client, who would be asked for nothing."""
    place = exchange.place
    known = place.via is not None and place.via.user
    detail = f"407: the proxy {'refuses the' if known else 'wants a'} user and password"
    unreachable(
        exchange,
        DialError(
            place.host, place.port, stage="proxy", code="proxy_auth_required", detail=detail, via=place.via
        ),
    )


def upstream_tls_failed(exchange: Answerable, why: TlsFailure) -> None:
    """TLS to the upstream failed: the 502 names the reason."""
    exchange.flow.emit(TlsFailed(Side.UPSTREAM, why))
    shared = exchange.shared
    if shared.hooks.tls_failure:
        shared.call_hook("on_tls_failure", why, flow=exchange.flow)
    code = "tls_certificate" if why.failure_class in ("cert_validation", "unknown_ca") else "tls"
    words = why.reason.replace("_", " ")
    text = f"TLS to {exchange.place.host}:{exchange.place.port} failed: {words} ({why.detail})"
    exchange.reply(502, code, text=text, hint=why.hint, reason=CloseReason.TLS_HANDSHAKE_FAILED)


def head_refused(session: ClientSession, error: ProtocolError, raw: bytes) -> None:
    """Refuse a request for its head: a row with what came, the guard, our answer; nothing goes upstream."""
    session.shared.refused(error.code)
    words = REASONS.get(error.code, Reason(error.detail, refused_hint(error.code)))
    status = int(getattr(error, "status", 400))
    method, target = _start_line(raw)
    host, port, path = session.host, session.port, target
    if not session.intercepted:
        with contextlib.suppress(ConnectError):
            _, (host, port), path = _parts(target)
    flow = session.new_flow()
    flow.emit(
        FlowOpened(
            FlowKind.FAILED,
            session.scheme,
            host,
            port,
            session.client,
            session.decrypted,
            replay_of=session.replay_of,
        )
    )
    if method:
        flow.emit(RequestHead(method, target, "", raw, path))
    flow.emit(GuardTripped(error.code, Direction.REQUEST, error.detail, status, words.advice))
    text = words.text if words.text == error.detail else f"{words.text} ({error.detail})"
    fields = getattr(error, "fields", ())
    head, body = replies.error(status, error.code, text=text, hint=words.advice, fields=fields)
    flow.emit(heads.own(status, head))
    flow.close(CloseReason.HTTP_ERROR, error.code)
    session.refused(error.code, head + body)


def _parts(target: bytes) -> tuple[str, tuple[str, int], bytes]:
    scheme, authority, path = parse_absolute(target)
    return scheme, (authority.host, authority.port), path


def _start_line(raw: bytes) -> tuple[bytes, bytes]:
    """Return what stands where method and target should be, as evidence: it is not valid."""
    words = raw.lstrip(b"\r\n").split(b"\n", 1)[0].strip(b"\r").split(b" ", 2)
    if len(words) < 2:
        return words[0][:32], b""
    return words[0][:32], words[1][:2048]
