"""Real handshakes that clients break off, each on both kinds of loop."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from soth_mitm.model.tls import TlsFailure
from soth_mitm.net.tls.ca import CertificateAuthority
from soth_mitm.net.tls.failure import classify_client
from soth_mitm.net.tls.leaf import LeafCache
from tests.net.tls.conftest import Run
from tests.net.tls.support import (
    Behaviour,
    Watcher,
    alert_record,
    client_hello,
    drain,
    finish,
    limit_versions,
    peer,
    reset,
    tcp_pair,
)

HOST = "site.test"


async def accept(leaves: LeafCache, behaviour: Behaviour, *, timeout: float = 10) -> TlsFailure | None:
    """Answer one client as the listener does; return why it failed, or None."""
    loop = asyncio.get_running_loop()
    ours, theirs = tcp_pair()
    # uvloop returns its own protocol instead of ours, so ours is kept aside.
    watcher = Watcher()
    async with peer(behaviour, theirs):
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: watcher,
                ours,
                ssl=leaves.context_for(HOST, sni=HOST).context,
                ssl_handshake_timeout=timeout,
            )
        except (OSError, EOFError) as error:
            return classify_client(error, sni=HOST, host=HOST)
        lost = await asyncio.wait_for(watcher.lost, 10)
        transport.close()
        if lost is None and watcher.data:
            return None
        return classify_client(
            lost or EOFError("closed"),
            sni=HOST,
            host=HOST,
            handshake_done=True,
            bytes_after=len(watcher.data),
        )


def verifying(
    sock: socket.socket,
    *,
    trust: bytes | None = None,
    name: str = HOST,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    say: bytes = b"",
) -> None:
    """Do a handshake as a client that verifies, say something, and close."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = version
    if trust:
        context.load_verify_locations(cadata=trust)
    with context.wrap_socket(sock, server_hostname=name) as wrapped:
        wrapped.sendall(say)
        finish(wrapped)


def after_hello(sock: socket.socket, *, record: bytes) -> None:
    """Send a hello, wait for the answer, send a record, and close."""
    sock.sendall(client_hello())
    sock.recv(65_536)
    sock.sendall(record)
    finish(sock)


def old_client(sock: socket.socket) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    limit_versions(context, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    context.wrap_socket(sock, server_hostname=HOST)


def rsa_only_client(sock: socket.socket) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    context.wrap_socket(sock, server_hostname=HOST)


def plain_http(sock: socket.socket) -> None:
    sock.sendall(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
    drain(sock)


def other_bytes(sock: socket.socket) -> None:
    sock.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
    drain(sock)


def hello_and_reset(sock: socket.socket) -> None:
    sock.sendall(client_hello())
    sock.recv(1)
    reset(sock)


def hello_and_fin(sock: socket.socket) -> None:
    sock.sendall(client_hello())
    finish(sock)


def half_a_hello_and_fin(sock: socket.socket) -> None:
    sock.sendall(client_hello()[:40])
    finish(sock)


def hello_and_silence(sock: socket.socket) -> None:
    sock.sendall(client_hello())
    drain(sock)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_trusts_the_ca_is_no_failure(
    run: Run[Any], ca: CertificateAuthority, leaves: LeafCache, version: ssl.TLSVersion
) -> None:
    behaviour = partial(verifying, trust=ca.certificate_der, version=version, say=b"hello")
    assert run(accept(leaves, behaviour)) is None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_without_the_ca(run: Run[Any], leaves: LeafCache, version: ssl.TLSVersion) -> None:
    failure = run(accept(leaves, partial(verifying, version=version)))
    assert (failure.failure_class, failure.reason, failure.alert) == ("unknown_ca", "client_rejected_ca", 48)
    assert (failure.source, failure.confidence) == ("alert", "authoritative")
    assert "soth-mitm ca export" in failure.hint
    assert "--tunnel site.test" in failure.hint


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_wanted_another_host(
    run: Run[Any], ca: CertificateAuthority, leaves: LeafCache, version: ssl.TLSVersion
) -> None:
    behaviour = partial(verifying, trust=ca.certificate_der, name="other.test", version=version)
    failure = run(accept(leaves, behaviour))
    assert (failure.reason, failure.alert) == ("client_rejected_certificate", 42)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (40, "client_alert"),
        (42, "client_rejected_certificate"),
        (43, "client_rejected_certificate"),
        (44, "client_rejected_certificate"),
        (45, "client_rejected_certificate"),
        (46, "client_rejected_certificate"),
        (48, "client_rejected_ca"),
        (80, "client_alert"),
        (115, "client_alert"),
        (120, "no_common_protocol"),
    ],
)
def test_an_alert_on_the_wire(run: Run[Any], leaves: LeafCache, number: int, reason: str) -> None:
    failure = run(accept(leaves, partial(after_hello, record=alert_record(number))))
    assert (failure.reason, failure.alert, failure.source) == (reason, number, "alert")
    assert failure.confidence == "authoritative"


@pytest.mark.parametrize(
    ("behaviour", "failure_class", "reason", "confidence"),
    [
        (old_client, "handshake", "no_common_version", "authoritative"),
        (rsa_only_client, "handshake", "no_common_cipher", "authoritative"),
        (plain_http, "handshake", "not_tls", "authoritative"),
        (other_bytes, "handshake", "not_tls", "authoritative"),
        (hello_and_reset, "eof_or_reset", "client_reset", "inferred"),
        (hello_and_fin, "eof_or_reset", "client_closed_silently", "inferred"),
        (half_a_hello_and_fin, "eof_or_reset", "client_closed_silently", "inferred"),
    ],
)
def test_a_client_that_breaks_off(
    run: Run[Any],
    leaves: LeafCache,
    behaviour: Behaviour,
    failure_class: str,
    reason: str,
    confidence: str,
) -> None:
    failure = run(accept(leaves, behaviour))
    assert (failure.failure_class, failure.reason) == (failure_class, reason)
    assert failure.confidence == confidence
    assert failure.peer == "client"


def test_a_record_that_is_no_tls_after_a_good_hello(run: Run[Any], leaves: LeafCache) -> None:
    failure = run(accept(leaves, partial(after_hello, record=b"\x63\x03\x03\x00\x02hi")))
    assert failure.failure_class == "handshake"
    assert failure.reason in {"protocol_error", "not_tls"}
    assert failure.source == "ssl_error"


@pytest.mark.parametrize("behaviour", [drain, hello_and_silence])
def test_a_client_that_stops(run: Run[Any], leaves: LeafCache, behaviour: Behaviour) -> None:
    failure = run(accept(leaves, behaviour, timeout=0.2))
    assert (failure.failure_class, failure.reason, failure.source) == (
        "timeout",
        "handshake_timeout",
        "timeout",
    )


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_closes_after_the_handshake_without_a_byte(
    run: Run[Any], ca: CertificateAuthority, leaves: LeafCache, version: ssl.TLSVersion
) -> None:
    behaviour = partial(verifying, trust=ca.certificate_der, version=version)
    failure = run(accept(leaves, behaviour))
    assert (failure.reason, failure.confidence) == ("client_closed_silently", "inferred")
    assert "probably refused" in failure.hint


@pytest.mark.outside("curl")
@pytest.mark.parametrize("trusted", [False, True])
def test_curl_with_and_without_the_ca(
    run: Run[Any], ca: CertificateAuthority, leaves: LeafCache, trusted: bool
) -> None:
    curl = shutil.which("curl")
    assert curl is not None

    async def scenario() -> TlsFailure | None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            port = listener.getsockname()[1]
            options = ["--cacert", str(ca.certificate_path)] if trusted else []
            process = await asyncio.create_subprocess_exec(
                curl, "-sS", "-m", "10", *options, "--resolve", f"{HOST}:{port}:127.0.0.1",
                f"https://{HOST}:{port}/", stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            ours, _ = await loop.sock_accept(listener)
        watcher = Watcher()
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: watcher, ours, ssl=leaves.context_for(HOST).context
            )
        except OSError as error:
            await process.wait()
            return classify_client(error, sni=HOST, host=HOST)
        await asyncio.wait_for(watcher.got_data.wait(), 10)
        transport.close()
        await process.wait()
        return None

    failure = run(scenario())
    assert (failure is None) == trusted
    if failure is not None:
        assert (failure.reason, failure.alert) == ("client_rejected_ca", 48)


def test_the_certificate_on_disk_is_what_a_client_has_to_trust(
    run: Run[Any], ca: CertificateAuthority, leaves: LeafCache, tmp_path: Path
) -> None:
    exported = tmp_path / "exported.der"
    exported.write_bytes(ca.export("der"))
    assert run(accept(leaves, partial(verifying, trust=exported.read_bytes(), say=b"x"))) is None
