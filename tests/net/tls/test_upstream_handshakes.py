"""Real handshakes that fail at an upstream, each on both kinds of loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from soth_mitm.model.tls import TlsFailure
from soth_mitm.net.tls.failure import classify_upstream
from soth_mitm.net.tls.upstream import UpstreamTls
from tests.net.tls.conftest import Run
from tests.net.tls.support import (
    HOST,
    Behaviour,
    Identity,
    Watcher,
    alert_record,
    drain,
    finish,
    issue,
    limit_versions,
    peer,
    reset,
    server_context,
    tcp_pair,
)


async def dial(
    tls: UpstreamTls,
    behaviour: Behaviour,
    *,
    name: str = "localhost",
    verify: bool = True,
    timeout: float = 10,
    speak: bool = False,
) -> TlsFailure | None:
    """Shake hands with one upstream as the dialler does; return why it failed, or None."""
    loop = asyncio.get_running_loop()
    ours, theirs = tcp_pair()
    async with peer(behaviour, theirs):
        try:
            transport, watcher = await loop.create_connection(
                Watcher,
                sock=ours,
                ssl=tls.context(verify=verify),
                server_hostname=name,
                ssl_handshake_timeout=timeout,
            )
        except OSError as error:
            return classify_upstream(error, host=name, port=443)
        if not speak:
            transport.close()
            await asyncio.wait_for(watcher.lost, 10)
            return None
        transport.write(b"GET / HTTP/1.1\r\n\r\n")
        lost = await asyncio.wait_for(watcher.lost, 10)
        return classify_upstream(lost, host=name, port=443) if lost else None


def serving(sock: socket.socket, *, context: ssl.SSLContext) -> None:
    """Shake hands as a server and read to the end."""
    with context.wrap_socket(sock, server_side=True) as wrapped:
        drain(wrapped)


def hello_then(sock: socket.socket, *, answer: bytes) -> None:
    sock.recv(65_536)
    sock.sendall(answer)
    finish(sock)


def hello_then_reset(sock: socket.socket) -> None:
    sock.recv(65_536)
    reset(sock)


@pytest.fixture
def tls(root_path: Path) -> UpstreamTls:
    return UpstreamTls(roots=root_path)


def wrong_certificates(root: Identity) -> dict[str, tuple[Identity, str, str]]:
    """Return a server identity, its reason and its class, by what is wrong with it."""
    stranger = issue("Stranger", ca=True)
    middle = issue("Middle", ca=True, issuer=root)
    return {
        "expired": (issue("localhost", issuer=root, days=(-9, -1)), "certificate_expired", "cert_validation"),
        "not yet valid": (
            issue("localhost", issuer=root, days=(1, 9)),
            "certificate_not_yet_valid",
            "cert_validation",
        ),
        "self-signed": (issue("localhost"), "self_signed", "unknown_ca"),
        "self-signed in chain": (
            issue("localhost", issuer=stranger, send_issuer=True),
            "self_signed_in_chain",
            "unknown_ca",
        ),
        "unknown issuer": (issue("localhost", issuer=stranger), "unknown_issuer", "unknown_ca"),
        "missing intermediate": (issue("localhost", issuer=middle), "unknown_issuer", "unknown_ca"),
        "wrong host": (issue("other.test", issuer=root), "hostname_mismatch", "cert_validation"),
        "leaf signed by a leaf": (
            issue("localhost", issuer=issue("mere.leaf.test", issuer=root), send_issuer=True),
            "certificate_purpose",
            "cert_validation",
        ),
    }


KINDS = sorted(wrong_certificates(issue("Any Root", ca=True)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_that_is_wrong(
    run: Run[Any], tls: UpstreamTls, root: Identity, tmp_path: Path, kind: str
) -> None:
    identity, reason, failure_class = wrong_certificates(root)[kind]
    context = server_context(identity, tmp_path)
    failure = run(dial(tls, partial(serving, context=context)))
    assert (failure.reason, failure.failure_class) == (reason, failure_class)
    assert (failure.source, failure.confidence) == ("verify_code", "authoritative")
    assert failure.peer == "upstream"
    assert "localhost:443" in failure.hint


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_certificate_passes_without_verification(
    run: Run[Any], tls: UpstreamTls, root: Identity, tmp_path: Path, kind: str
) -> None:
    context = server_context(wrong_certificates(root)[kind][0], tmp_path)
    assert run(dial(tls, partial(serving, context=context), verify=False)) is None


def test_a_certificate_without_the_address(
    run: Run[Any], tls: UpstreamTls, root: Identity, tmp_path: Path
) -> None:
    context = server_context(issue("localhost", issuer=root), tmp_path)
    failure = run(dial(tls, partial(serving, context=context), name=HOST))
    assert (failure.reason, failure.failure_class) == ("ip_mismatch", "cert_validation")


def test_a_certificate_with_the_address_is_accepted(
    run: Run[Any], tls: UpstreamTls, root: Identity, tmp_path: Path
) -> None:
    context = server_context(issue(HOST, issuer=root), tmp_path)
    assert run(dial(tls, partial(serving, context=context), name=HOST)) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "not_tls"),
        (b"220 mail.test ESMTP ready\r\n", "not_tls"),
        (alert_record(40), "handshake_refused"),
        (alert_record(42), "client_certificate_rejected"),
        (alert_record(48), "client_certificate_unknown_ca"),
        (alert_record(70), "no_common_version"),
        (alert_record(71), "no_common_cipher"),
        (alert_record(80), "upstream_alert"),
        (alert_record(112), "unrecognized_name"),
        (alert_record(116), "client_certificate_required"),
        (alert_record(120), "no_common_protocol"),
        (b"", "upstream_closed"),
    ],
)
def test_a_server_that_answers_the_hello_with_something_else(
    run: Run[Any], tls: UpstreamTls, answer: bytes, reason: str
) -> None:
    failure = run(dial(tls, partial(hello_then, answer=answer)))
    assert failure.reason == reason
    assert failure.confidence == "authoritative"
    if answer[:1] == b"\x15":
        assert (failure.source, failure.alert) == ("alert", answer[-1])


def test_a_server_that_resets(run: Run[Any], tls: UpstreamTls) -> None:
    failure = run(dial(tls, hello_then_reset))
    assert (failure.failure_class, failure.reason, failure.source) == (
        "eof_or_reset",
        "upstream_reset",
        "errno",
    )


def test_a_server_that_says_nothing(run: Run[Any], tls: UpstreamTls) -> None:
    failure = run(dial(tls, drain, timeout=0.2))
    assert (failure.failure_class, failure.reason, failure.source) == (
        "timeout",
        "handshake_timeout",
        "timeout",
    )


def test_a_server_that_speaks_old_versions_only(
    run: Run[Any], tls: UpstreamTls, root: Identity, tmp_path: Path
) -> None:
    context = server_context(issue("localhost", issuer=root), tmp_path)
    context.set_ciphers("ALL:@SECLEVEL=0")
    limit_versions(context, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    failure = run(dial(tls, partial(serving, context=context)))
    assert (failure.reason, failure.failure_class) == ("no_common_version", "handshake")


def test_a_server_without_a_common_cipher(
    run: Run[Any], tls: UpstreamTls, root: Identity, tmp_path: Path
) -> None:
    context = server_context(issue("localhost", issuer=root), tmp_path)
    context.set_ciphers("AECDH-AES128-SHA:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0")
    limit_versions(context, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    failure = run(dial(tls, partial(serving, context=context)))
    assert (failure.reason, failure.alert) == ("handshake_refused", 40)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        # TLS 1.2 has no alert of its own for it.
        (ssl.TLSVersion.TLSv1_2, "handshake_refused"),
        # TLS 1.3 says so, in answer to our first data.
        (ssl.TLSVersion.TLSv1_3, "client_certificate_required"),
    ],
)
def test_a_server_that_wants_a_client_certificate(
    run: Run[Any],
    tls: UpstreamTls,
    root: Identity,
    root_path: Path,
    tmp_path: Path,
    version: ssl.TLSVersion,
    reason: str,
) -> None:
    context = server_context(issue("localhost", issuer=root), tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(root_path)
    limit_versions(context, version, version)

    def patient(sock: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                server.do_handshake()
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                data = sock.recv(65_536)
                if not data:
                    return
                incoming.write(data)
            except ssl.SSLError:
                sock.sendall(outgoing.read())
                return finish(sock)

    failure = run(dial(tls, patient, speak=True))
    assert (failure.reason, failure.source) == (reason, "alert")
    assert "client certificate" in failure.hint
