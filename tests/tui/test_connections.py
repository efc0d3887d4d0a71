"""What the overview says of the two connections: certificates, what differs, what a client has shown."""

from __future__ import annotations

import re

import msgspec

from soth_mitm.model import events as e
from soth_mitm.record.rows import RowFold
from soth_mitm.record.viewfold import fold
from soth_mitm_tui.overview import overview
from tests.helpers import streams
from tests.net.tls.support import issue

CA = issue("Clients' CA", ca=True)


def shown(stream: streams.Stream, flow: int) -> str:
    """Return the overview of a flow as text."""
    rows = RowFold()
    row = None
    for event in stream.events:
        changed = rows.apply(event)
        row = changed if changed is not None and changed.flow == flow else row
    assert row is not None
    lines = overview(fold(stream.events, flow), row, now_wall_ns=stream.events[-1].wall_ns, width=120)
    return "\n".join("".join(text for text, _ in line.spans) for line in lines)


def exchange(*more: e.Body, shows: tuple[bytes, ...] = ()) -> str:
    """Return the overview of an exchange whose client conn has `more` events, and shows certificates."""
    stream = streams.Stream()
    flow = streams.https_exchange(stream)
    at = next(number for number, event in enumerate(stream.events) if type(event.body) is e.HelloReceived)
    conn = stream.events[at].conn
    extra = [
        msgspec.structs.replace(stream.events[at], body=body, seq=1000 + n) for n, body in enumerate(more)
    ]
    stream.events[at + 1 : at + 1] = extra
    for number, event in enumerate(stream.events):
        if shows and type(event.body) is e.TlsEstablished and event.conn == conn:
            body = msgspec.structs.replace(event.body, chain=shows, verified=True)
            stream.events[number] = msgspec.structs.replace(event, body=body)
    return shown(stream, flow)


def test_an_sni_that_differs_is_told_with_both_names() -> None:
    text = exchange(e.Noted("sni_mismatch", "CONNECT named a.test, the SNI b.test"))
    assert "sni mismatch" in text
    assert "CONNECT named a.test, the SNI b.test" in text


def test_the_certificate_of_a_client_is_shown_with_who_signed_it() -> None:
    text = exchange(shows=(issue("me@shop.test", issuer=CA).der, CA.der))
    assert "client certificate verified" in text
    assert "me@shop.test" in text
    assert "Clients' CA" in text
    assert "client certificate verified" not in exchange()


def test_names_that_were_repeated_are_counted() -> None:
    issued = e.CertificateIssued("api.shop.test", ("api.shop.test", "*.shop.test"), False, "Shop", 2)
    text = exchange()
    assert "as in the upstream's" not in text
    stream = streams.Stream()
    flow = streams.https_exchange(stream)
    for number, event in enumerate(stream.events):
        if type(event.body) is e.CertificateIssued:
            stream.events[number] = msgspec.structs.replace(event, body=issued)
    assert "2 names as in the upstream's" in shown(stream, flow)


def test_hostile_notes_never_reach_the_screen() -> None:
    text = exchange(e.Noted("sni_mismatch", "CONNECT named \x1b[31ma"))
    assert "\x1b" not in text


def test_whom_a_balancer_names_and_how_the_target_became_known_are_told() -> None:
    text = exchange(e.ClientNamed("203.0.113.7:50112", "198.51.100.9:443", 2))
    assert re.search(r"for +203\.0\.113\.7:50112", text)
    text = exchange(e.TargetGiven("socks5", "api.shop.test", 443, "me\x1b[2J"))
    assert re.search(r"mode +socks5, asked for by me\\x1b\[2J", text)
    assert re.search(r"mode +reverse\n", exchange(e.TargetGiven("reverse", "api.shop.test", 443)))


def test_the_proxy_on_the_way_is_told() -> None:
    stream = streams.Stream()
    flow = streams.https_exchange(stream)
    for number, event in enumerate(stream.events):
        if type(event.body) is e.DialStarted:
            body = msgspec.structs.replace(event.body, via="socks5h://next.test:1080")
            stream.events[number] = msgspec.structs.replace(event, body=body)
    assert re.search(r"through +socks5h://next\.test:1080", shown(stream, flow))
