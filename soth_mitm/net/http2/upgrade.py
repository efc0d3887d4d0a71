"""A client that asks for HTTP/2 by `Upgrade: h2c`: it gets that, and its request is stream 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.net.http2.bridge import BridgedOrigin
from soth_mitm.net.http2.session import StreamSession
from soth_mitm.proto.http2 import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.net.session import ClientSession
    from soth_mitm.proto.http1 import RequestHead


def take(session: ClientSession, head: RequestHead, release: Callable[[], bytes]) -> None:
    """Go on in HTTP/2 with a client whose request offers that; `release` gives what came behind it.

    That is one who believes to speak with its server, be it inside a CONNECT or not. Whatever the upstream
    speaks, it is answered in HTTP/2: what the upstream is asked is the request without the offer, which
    concerned this connection alone (RFC 9110 section 7.8).

    Raises:
        OfferError: the offer cannot be taken, and nothing has been done.
    """
    if session.tls:
        raise upgrade.OfferError("h2c_in_tls", "inside TLS, HTTP/2 is chosen by ALPN")
    if not session.config.http2 or session.decision.no_h2:
        raise upgrade.OfferError("h2c_off", "HTTP/2 is switched off")
    if not session.takes_h2c:
        raise upgrade.OfferError("h2c_of_replay", "a replay speaks the version that its draft says")
    if not session.host:  # curl goes on to ask a proxy for absolute paths, which are none in HTTP/2
        raise upgrade.OfferError("h2c_of_proxy", "a proxy is asked in HTTP/1.1, or in HTTP/2 from the start")
    if session.client_full or session.shared.draining:
        raise upgrade.OfferError("h2c_busy", "the connection is about to end, or its client does not read")
    settings = upgrade.settings_of(head)
    block = upgrade.as_stream(head, scheme=session.scheme.encode())
    origin = session.origin
    if isinstance(origin, BridgedOrigin):
        origin = origin.unbridged()
    session.write(upgrade.SWITCHING)
    streams = StreamSession(origin=origin, **session.hand_over())
    streams.take_over(session, head.raw, settings=settings, block=block, early=release())
