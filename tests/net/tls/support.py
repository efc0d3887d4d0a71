"""Certificates of every kind of wrongness, and peers that misbehave in one way each."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import struct
import warnings
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
NOW = datetime.now(UTC)


class Identity(NamedTuple):
    """A certificate with its key, and the certificates to send along."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        certificates = (self.certificate, *self.chain)
        return key + b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def issue(
    name: str,
    *,
    issuer: Identity | None = None,
    ca: bool = False,
    days: tuple[int, int] = (-1, 30),
    send_issuer: bool = False,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
) -> Identity:
    """Issue a certificate for `name` that is valid from and to these days from now."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    general: x509.GeneralName = x509.DNSName(name)
    with contextlib.suppress(ValueError):
        general = x509.IPAddress(ipaddress.ip_address(name))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([general]), critical=False)
    certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    return Identity(certificate, key, (issuer.certificate,) if issuer and send_issuer else ())


def server_context(identity: Identity, directory: Path) -> ssl.SSLContext:
    """Return a plain server context for `identity`."""
    path = directory / f"{identity.certificate.serial_number:x}.pem"
    path.write_bytes(identity.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def limit_versions(context: ssl.SSLContext, lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> None:
    """Set the versions of `context`, old ones too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = lowest
        context.maximum_version = highest


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a loopback connection: (ours, theirs)."""
    with socket.create_server((HOST, 0)) as listener:
        theirs = socket.create_connection(listener.getsockname(), timeout=10)
        ours, _ = listener.accept()
    ours.setblocking(False)
    return ours, theirs


def reset(sock: socket.socket) -> None:
    """Close with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def finish(sock: socket.socket) -> None:
    """Close with a FIN and no RST, whatever was not read."""
    sock.shutdown(socket.SHUT_WR)
    drain(sock)


def drain(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while sock.recv(65_536):
            pass


def alert_record(number: int) -> bytes:
    """Return a fatal alert as a plain record (RFC 8446 section 6)."""
    return bytes((21, 3, 3, 0, 2, 2, number))


def client_hello(*, highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """Return a ClientHello as OpenSSL makes it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = highest
    outgoing = ssl.MemoryBIO()
    hello = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="site.test")
    with contextlib.suppress(ssl.SSLWantReadError):
        hello.do_handshake()
    return outgoing.read()


Behaviour = Callable[[socket.socket], None]


@contextlib.asynccontextmanager
async def peer(behaviour: Behaviour, sock: socket.socket) -> AsyncIterator[None]:
    """Run a blocking peer on `sock` in a thread; its errors surface here, except those of the network."""

    def work() -> None:
        with contextlib.suppress(OSError), sock:
            sock.settimeout(10)
            behaviour(sock)

    # The loop goes on while the thread ends: what it waits for may still have to be sent.
    thread = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        yield
    finally:
        await thread


class Watcher(asyncio.Protocol):
    """Note what a protocol gets to see of a connection."""

    def __init__(self) -> None:
        self.data = b""
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.got_data = asyncio.Event()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.got_data.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(exc)
