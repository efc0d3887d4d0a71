"""The demo's origin, spoken to without a proxy."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from soth_mitm.cli.demo import content
from soth_mitm.cli.demo.client import Ask, Persona, Site
from soth_mitm.cli.demo.http2_link import Http2Link
from soth_mitm.cli.demo.stage import Stage
from soth_mitm.cli.demo.wire import Wire
from tests.helpers.wire import eventually


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(tmp_path, pace=0.0) as stage:
        yield stage
    assert stage.faults == []


async def talk(stage: Stage, *sent: bytes) -> bytes:
    """Send bytes to the plain origin, end, and return all that comes back."""
    wire = await Wire.connect(stage.resolver(content.API, 80)[0])
    try:
        for part in sent:
            await wire.write(part)
        received = b""
        async with asyncio.timeout(5):
            while data := await wire.read():
                received += data
        return received
    finally:
        wire.close()


def request(line: str, *fields: str, host: str = content.API, last: bool = True) -> bytes:
    closing = ("Connection: close",) if last else ()
    return "\r\n".join((f"{line} HTTP/1.1", f"Host: {host}", *fields, *closing, "", "")).encode()


async def test_requests_are_answered_one_after_the_other_on_one_connection(stage: Stage) -> None:
    answers = await talk(
        stage,
        request("DELETE /v1/basket/1", last=False) + request("GET /v1/products/1", last=False),
        request("HEAD /v1/products"),
    )
    assert answers.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert answers.endswith(b"\r\n\r\n")


async def test_a_stream_is_chunked_and_carries_its_trailers(stage: Stage) -> None:
    answer = await talk(stage, request("GET /v1/exports/all.csv"))
    assert b"Transfer-Encoding: chunked\r\n" in answer
    assert answer.partition(b"\r\n0\r\n")[2].startswith(b"X-Content-Sha256: ")
    assert answer.endswith(b"X-Rows: 400\r\n\r\n")


async def test_early_hints_go_ahead_of_the_page(stage: Stage) -> None:
    answer = await talk(stage, request("GET /", host=content.WWW))
    first, _, rest = answer.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 103")
    assert first.count(b"\r\nLink: <") == 2
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_client_that_waits_for_100_gets_one(stage: Stage) -> None:
    wire = await Wire.connect(stage.resolver(content.API, 80)[0])
    try:
        await wire.write(request("PUT /v1/uploads/a", "Expect: 100-continue", "Content-Length: 3"))
        assert (await wire.read()).startswith(b"HTTP/1.1 100")
        await wire.write(b"abc")
        assert (await wire.read()).startswith(b"HTTP/1.1 200 OK")
    finally:
        await wire.end()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        b"PUT /v1/uploads/a HTTP/1.1\r\nHost: api.shop.test\r\nContent-Length: 99999999\r\n\r\n"
        + b"a" * 17_000_000,
    ],
    ids=["TLS", "no host", "larger than it takes"],
)
async def test_what_it_cannot_take_ends_the_connection_and_nothing_else(stage: Stage, sent: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # the end may be seen while sending, too
        assert await talk(stage, sent) == b""
    assert (await talk(stage, request("GET /v1/products/1"))).startswith(b"HTTP/1.1 200 OK")


async def test_each_name_has_a_certificate_of_its_own_and_one_is_expired(stage: Stage) -> None:
    roots = ssl.create_default_context(cafile=stage.config().upstream_roots)
    for site in content.SITES:
        wire = await Wire.connect(stage.resolver(site, 443)[0])
        await wire.start_tls(roots, site)
        await wire.end()
    wire = await Wire.connect(stage.resolver(content.EXPIRED, 443)[0])
    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        await wire.start_tls(roots, content.EXPIRED)
    await wire.end()
    assert refused.value.verify_message == "certificate has expired"


async def test_a_client_that_leaves_in_the_middle_is_forgotten(stage: Stage) -> None:
    wire = await Wire.connect(stage.resolver(content.CDN, 80)[0])
    await wire.write(request("GET /catalogue.bin", host=content.CDN))
    assert (await wire.read()).startswith(b"HTTP/1.1 200 OK")
    wire.close()
    await eventually(lambda: not len(stage._serving), "the end of the connection")


async def test_streams_of_one_http2_connection_are_answered_side_by_side(stage: Stage) -> None:
    context = ssl.create_default_context(cafile=str(stage.roots))
    context.set_alpn_protocols(["h2"])
    wire = await Wire.connect(stage.resolver(content.API, 443)[0])
    await wire.start_tls(context, content.API)
    site = Site("https", content.API, 443)
    link = Http2Link(site, wire)
    await link.begin()
    order = b'{"lines": [{"product": "p_0001", "quantity": 1}]}'
    asks = [
        *(Ask(site, "GET", f"/v1/products?page={page}") for page in range(1, 9)),
        Ask(site, "POST", "/v1/orders", (("Content-Type", "application/json"),), order),
        Ask(site, "GET", "/v1/exports/all.csv"),
        Ask(site, "HEAD", "/v1/products"),
        Ask(site, "GET", "/v1/exports/all.csv", leaves_after=1),
    ]
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*(link.ask(ask, persona=Persona("test")) for ask in asks))
    assert answers == [200] * 8 + [201, 200, 200, 200]
    assert link.usable
    await link.end()
    assert not link.usable
