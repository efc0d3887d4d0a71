"""Contexts towards upstreams, and sessions that are resumed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from soth_mitm.net.tls.upstream import ClientCertificateError, UpstreamTls
from tests.net.tls.conftest import Run
from tests.net.tls.support import HOST, Identity, Watcher, issue, limit_versions, server_context


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Serve one line of greeting over TLS to each who connects; yield the port."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(greet, HOST, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def visit(
    tls: UpstreamTls,
    port: int,
    *,
    verify: bool = True,
    sni: str = "localhost",
    alpn: tuple[str, ...] = ("http/1.1",),
    named: bool = True,
    host: str = "localhost",
) -> bool:
    """Connect as the dialler does, take the first data, and say whether the session was resumed."""
    loop = asyncio.get_running_loop()
    scope = tls.resuming(host, port, sni=sni, verify=verify) if named else contextlib.nullcontext()
    with scope:
        transport, watcher = await loop.create_connection(
            Watcher, HOST, port, ssl=tls.context(verify=verify, alpn=alpn), server_hostname=sni
        )
    await asyncio.wait_for(watcher.got_data.wait(), 10)
    ssl_object = transport.get_extra_info("ssl_object")
    tls.remember(ssl_object)
    resumed = bool(ssl_object.session_reused)
    transport.close()
    await asyncio.wait_for(watcher.lost, 10)
    return resumed


@pytest.fixture
def localhost(root: Identity) -> Identity:
    return issue("localhost", issuer=root)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_second_connection_to_a_peer_resumes(
    run: Run[Any], localhost: Identity, root_path: Path, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    context = server_context(localhost, tmp_path)
    limit_versions(context, version, version)

    async def scenario() -> list[bool]:
        tls = UpstreamTls(roots=root_path)
        async with serving(context) as port:
            return [await visit(tls, port) for _ in range(3)]

    assert run(scenario()) == [False, True, True]


def test_a_session_made_without_verification_is_never_used_with_it(
    run: Run[Any], localhost: Identity, root_path: Path, tmp_path: Path
) -> None:
    context = server_context(localhost, tmp_path)

    async def scenario() -> list[bool]:
        tls = UpstreamTls(roots=root_path)
        async with serving(context) as port:
            return [await visit(tls, port, verify=verify) for verify in (False, True, False, True)]

    assert run(scenario()) == [False, False, True, True]


def test_an_unverified_session_does_not_let_a_bad_certificate_pass(run: Run[Any], tmp_path: Path) -> None:
    context = server_context(issue("localhost"), tmp_path)

    async def scenario() -> None:
        tls = UpstreamTls()
        async with serving(context) as port:
            await visit(tls, port, verify=False)
            assert await visit(tls, port, verify=False)
            with pytest.raises(ssl.SSLCertVerificationError):
                await visit(tls, port, verify=True)

    run(scenario())


def test_a_dial_that_names_another_rule_than_its_context_does_a_full_handshake(
    run: Run[Any], localhost: Identity, root_path: Path, tmp_path: Path
) -> None:
    context = server_context(localhost, tmp_path)

    async def scenario() -> bool:
        tls = UpstreamTls(roots=root_path)
        loop = asyncio.get_running_loop()
        async with serving(context) as port:
            await visit(tls, port, verify=False)
            with tls.resuming("localhost", port, verify=False):
                transport, watcher = await loop.create_connection(
                    Watcher, HOST, port, ssl=tls.context(verify=True), server_hostname="localhost"
                )
            await asyncio.wait_for(watcher.got_data.wait(), 10)
            ssl_object = transport.get_extra_info("ssl_object")
            tls.remember(ssl_object)
            transport.close()
            await asyncio.wait_for(watcher.lost, 10)
            assert len(tls.sessions) == 1
            return bool(ssl_object.session_reused)

    assert run(scenario()) is False


@pytest.mark.parametrize("differing", [{"sni": "other"}, {"alpn": ()}, {"named": False}, {"host": "other"}])
def test_a_session_is_not_used_for_another_peer_name_or_profile(
    run: Run[Any], tmp_path: Path, differing: dict[str, Any]
) -> None:
    context = server_context(issue("localhost"), tmp_path)

    async def scenario() -> list[bool]:
        tls = UpstreamTls()
        async with serving(context) as port:
            first = await visit(tls, port, verify=False)
            second = await visit(tls, port, verify=False, **differing)
            return [first, second, await visit(tls, port, verify=False)]

    assert run(scenario()) == [False, False, True]


def test_a_session_is_not_used_on_another_port(run: Run[Any], tmp_path: Path) -> None:
    context = server_context(issue("localhost"), tmp_path)

    async def scenario() -> list[bool]:
        tls = UpstreamTls()
        async with serving(context) as first, serving(context) as second:
            return [await visit(tls, port, verify=False) for port in (first, second)]

    assert run(scenario()) == [False, False]


def test_concurrent_dials_do_not_mix_their_peers(run: Run[Any], tmp_path: Path) -> None:
    context = server_context(issue("localhost"), tmp_path)

    async def scenario() -> list[bool]:
        tls = UpstreamTls()
        async with serving(context) as first, serving(context) as second:
            await visit(tls, first, verify=False)
            visits = [visit(tls, port, verify=False) for port in (second, first)]
            return list(await asyncio.gather(*visits))

    assert run(scenario()) == [False, True]


def test_start_tls_resumes_when_the_whole_dial_names_its_peer(run: Run[Any], tmp_path: Path) -> None:
    context = server_context(issue("localhost"), tmp_path)

    async def scenario() -> bool:
        tls = UpstreamTls()
        loop = asyncio.get_running_loop()
        async with serving(context) as port:
            await visit(tls, port, verify=False)
            with tls.resuming("localhost", port, verify=False):
                plain, watcher = await loop.create_connection(Watcher, HOST, port)
                transport = await loop.start_tls(
                    plain, watcher, tls.context(verify=False), server_hostname="localhost"
                )
            assert transport is not None
            resumed = bool(transport.get_extra_info("ssl_object").session_reused)
            await asyncio.wait_for(watcher.got_data.wait(), 10)
            transport.close()
            await asyncio.wait_for(watcher.lost, 10)
            return resumed

    assert run(scenario())


def test_a_forgotten_peer_does_a_full_handshake(run: Run[Any], tmp_path: Path) -> None:
    context = server_context(issue("localhost"), tmp_path)

    async def scenario() -> list[bool]:
        tls = UpstreamTls()
        async with serving(context) as port:
            first = await visit(tls, port, verify=False)
            with tls.resuming("localhost", port, verify=False) as key:
                pass
            tls.forget(key)
            return [first, await visit(tls, port, verify=False)]

    assert run(scenario()) == [False, False]


def test_a_server_that_forgot_the_session_is_greeted_in_full(run: Run[Any], tmp_path: Path) -> None:
    identity = issue("localhost")

    async def scenario() -> list[bool]:
        tls = UpstreamTls()
        async with serving(server_context(identity, tmp_path)) as port:
            first = await visit(tls, port, verify=False)
        loop = asyncio.get_running_loop()
        again = await loop.create_server(
            lambda: asyncio.StreamReaderProtocol(
                asyncio.StreamReader(), lambda _reader, writer: writer.write(b"hello")
            ),
            HOST,
            port,
            ssl=server_context(identity, tmp_path),
        )
        second = await visit(tls, port, verify=False)
        again.close()
        return [first, second]

    assert run(scenario()) == [False, False]


def test_the_session_store_is_bounded(run: Run[Any], tmp_path: Path) -> None:
    context = server_context(issue("localhost"), tmp_path)

    async def scenario() -> tuple[int, bool, bool]:
        tls = UpstreamTls(session_capacity=2)
        async with serving(context) as port:
            for name in ("one", "two", "three"):
                await visit(tls, port, verify=False, host=name)
            size = len(tls.sessions)
            newest = await visit(tls, port, verify=False, host="three")
            return size, newest, await visit(tls, port, verify=False, host="one")

    assert run(scenario()) == (2, True, False)


def test_a_capacity_of_zero_keeps_nothing(run: Run[Any], tmp_path: Path) -> None:
    context = server_context(issue("localhost"), tmp_path)

    async def scenario() -> list[bool]:
        tls = UpstreamTls(session_capacity=0)
        async with serving(context) as port:
            return [await visit(tls, port, verify=False) for _ in range(2)]

    assert run(scenario()) == [False, False]


def test_finished_connections_are_not_held(run: Run[Any], tmp_path: Path) -> None:
    context = server_context(issue("localhost"), tmp_path)

    tls = UpstreamTls()

    async def scenario() -> None:
        async with serving(context) as port:
            for _ in range(5):
                await visit(tls, port, verify=False)

    run(scenario())
    gc.collect()
    assert len(tls.sessions._made_for) == 0


def test_a_context_is_built_once_per_profile() -> None:
    tls = UpstreamTls(roots="certifi")
    assert tls.context(verify=True) is tls.context(verify=True)
    assert tls.context(verify=True) is not tls.context(verify=False)
    assert tls.context(verify=False) is not tls.context(verify=False, alpn=("h2", "http/1.1"))


def test_a_verifying_context_checks_chain_and_name_from_tls_1_2_on() -> None:
    context = UpstreamTls().context(verify=True)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"),
    ],
)
def test_without_verification_old_servers_are_reachable(
    run: Run[Any], tmp_path: Path, version: ssl.TLSVersion, ciphers: str
) -> None:
    context = server_context(issue("localhost"), tmp_path)
    context.set_ciphers(ciphers)
    limit_versions(context, version, version)

    async def scenario() -> None:
        async with serving(context) as port:
            await visit(UpstreamTls(), port, verify=False)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await visit(UpstreamTls(), port, verify=True)

    run(scenario())


def test_without_verification_legacy_renegotiation_is_tolerated() -> None:
    legacy = 0x4
    tls = UpstreamTls()
    assert tls.context(verify=False).options & legacy
    assert not tls.context(verify=True).options & legacy


class TestClientCertificate:
    def test_it_is_shown_to_a_server_that_asks(
        self, run: Run[Any], root: Identity, root_path: Path, localhost: Identity, tmp_path: Path
    ) -> None:
        context = server_context(localhost, tmp_path)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(root_path)
        path = tmp_path / "client.pem"
        path.write_bytes(issue("someone", issuer=root).pem)
        tls = UpstreamTls(roots=root_path)

        async def scenario() -> bytes:
            loop = asyncio.get_running_loop()
            async with serving(context) as port:
                transport, watcher = await loop.create_connection(
                    Watcher,
                    HOST,
                    port,
                    ssl=tls.context(verify=True, client_cert=path),
                    server_hostname="localhost",
                )
                await asyncio.wait_for(watcher.got_data.wait(), 10)
                transport.close()
                await asyncio.wait_for(watcher.lost, 10)
                return watcher.data

        assert run(scenario()) == b"hello"

    def test_a_missing_file_is_an_error_that_names_it(self, tmp_path: Path) -> None:
        with pytest.raises(ClientCertificateError, match=r"none\.pem: No such file"):
            UpstreamTls().context(verify=False, client_cert=tmp_path / "none.pem")

    def test_a_file_without_a_key_is_an_error_that_names_it(self, root_path: Path) -> None:
        with pytest.raises(ClientCertificateError, match=r"root\.pem.*certificate and its key"):
            UpstreamTls().context(verify=False, client_cert=root_path)

    def test_an_encrypted_key_is_an_error_and_nobody_is_asked(self, tmp_path: Path) -> None:
        from cryptography.hazmat.primitives import serialization

        identity = issue("someone")
        secret = identity.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
        path = tmp_path / "client.pem"
        path.write_bytes(secret + identity.certificate_pem)
        with pytest.raises(ClientCertificateError, match="encrypted"):
            UpstreamTls().context(verify=False, client_cert=path)

    def test_a_context_that_failed_to_build_is_not_kept(self, tmp_path: Path) -> None:
        tls = UpstreamTls()
        path = tmp_path / "client.pem"
        with pytest.raises(ClientCertificateError):
            tls.context(verify=False, client_cert=path)
        path.write_bytes(issue("someone").pem)
        assert tls.context(verify=False, client_cert=path) is tls.context(verify=False, client_cert=path)
