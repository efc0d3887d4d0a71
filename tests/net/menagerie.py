"""Upstreams of every kind of wrongness: each a real server that is wrong in one way."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.helpers.net import OK, SITE
from tests.net.tls.support import Identity, drain, issue, limit_versions, server_context

FIXTURES = Path(__file__).parents[1] / "helpers" / "zoo"
"""A leaf with a SHA-1 signature and its root: no library here makes one any more."""

# RFC 2409's second group, of 1,024 bits.
WEAK_DH = """\
-----BEGIN DH PARAMETERS-----
MIGHAoGBAP//////////yQ/aoiFowjTExmKLgNwc0SkCTgiKZ8x0Agu+pjsTmyJR
Sgh5jjQE3e+VGbPNOkMbMCsKbfJfFDdP4TVtbVHCReSFtXZiXn7G9ExC6aY37WsL
/1y29Aa37e44a/taiZ+lrp8kEXxLH+ZJKGZR7OZTgf//////////AgEC
-----END DH PARAMETERS-----
"""
V = ssl.TLSVersion


class Keeper:
    """What the zoo is built from: a root that is trusted, and where files may lie."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = issue("Zoo Root", ca=True)
        self.roots = directory / "zoo-roots.pem"
        self.roots.write_bytes(self.root.certificate_pem + (FIXTURES / "sha1-root.pem").read_bytes())
        self.client = directory / "client.pem"
        self.client.write_bytes(issue("me", issuer=self.root).pem)

    @cached_property
    def rsa(self) -> rsa.RSAPrivateKey:
        """A key for the ciphers that want one."""
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def serving(self, identity: Identity) -> ssl.SSLContext:
        return server_context(identity, self.directory)

    def sound(self) -> ssl.SSLContext:
        return self.serving(issue(SITE, issuer=self.root))


def _sha1(keeper: Keeper) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(FIXTURES / "sha1-leaf.pem")
    return context


def _weak_dh(keeper: Keeper) -> ssl.SSLContext:
    path = keeper.directory / "dh.pem"
    path.write_text(WEAK_DH)
    context = keeper.serving(issue(SITE, issuer=keeper.root, key=keeper.rsa))
    limit_versions(context, V.TLSv1_2, V.TLSv1_2)
    context.set_ciphers("DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
    context.load_dh_params(str(path))
    return context


def _old(keeper: Keeper) -> ssl.SSLContext:
    context = keeper.sound()
    context.set_ciphers("ALL:@SECLEVEL=0")
    limit_versions(context, V.TLSv1, V.TLSv1)
    return context


def _asking(version: V) -> Callable[[Keeper], ssl.SSLContext]:
    def make(keeper: Keeper) -> ssl.SSLContext:
        context = keeper.sound()
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(keeper.roots)
        limit_versions(context, version, version)
        return context

    return make


def _untrusted(keeper: Keeper) -> ssl.SSLContext:
    return keeper.serving(issue(SITE, issuer=issue("Stranger", ca=True), send_issuer=True))


def _incomplete(keeper: Keeper) -> ssl.SSLContext:
    return keeper.serving(issue(SITE, issuer=issue("Middle", ca=True, issuer=keeper.root)))


class Animal(NamedTuple):
    """One upstream that is wrong, and what is said of it."""

    make: Callable[[Keeper], ssl.SSLContext]
    reason: str
    words: str
    """On the row."""
    says: str
    """In the hint."""
    accepted: tuple[str, ...] = ("insecure",)
    """With which settings it is taken all the same: `insecure`, `compat`, `client_cert`."""


ZOO: dict[str, Animal] = {
    "expired": Animal(
        lambda keeper: keeper.serving(issue(SITE, issuer=keeper.root, days=(-9, -1))),
        "certificate_expired",
        "cert expired",
        "has expired",
    ),
    "not yet valid": Animal(
        lambda keeper: keeper.serving(issue(SITE, issuer=keeper.root, days=(1, 9))),
        "certificate_not_yet_valid",
        "cert not yet valid",
        "is not valid yet",
    ),
    "self-signed": Animal(
        lambda keeper: keeper.serving(issue(SITE)), "self_signed", "cert self-signed", "is self-signed"
    ),
    "wrong host": Animal(
        lambda keeper: keeper.serving(issue("other.test", issuer=keeper.root)),
        "hostname_mismatch",
        "cert for another host",
        "is for other names",
    ),
    "untrusted root": Animal(
        _untrusted, "self_signed_in_chain", "cert root not trusted", "ends in a root that is not trusted"
    ),
    "incomplete chain": Animal(
        _incomplete, "unknown_issuer", "cert not trusted", "Nothing trusted here signed"
    ),
    "SHA-1 signature": Animal(
        _sha1,
        "certificate_weak",
        "cert too weak",
        "a key or a signature that is too weak",
        ("insecure", "compat"),
    ),
    "weak Diffie-Hellman": Animal(
        _weak_dh,
        "weak_key",
        "upstream key too weak",
        "a key exchange that is too weak",
        ("insecure", "compat"),
    ),
    "TLS 1.0 only": Animal(
        _old, "no_common_version", "upstream TLS too old", "shares no TLS version", ("insecure", "compat")
    ),
    "client certificate, TLS 1.2": Animal(
        _asking(V.TLSv1_2),
        "client_certificate_required",
        "wants client cert",
        "wants a client certificate",
        ("client_cert",),
    ),
    "client certificate, TLS 1.3": Animal(
        _asking(V.TLSv1_3),
        "client_certificate_required",
        "wants client cert",
        "wants a client certificate",
        ("client_cert",),
    ),
}


class Cage:
    """A server with one context, in threads of the test; it answers every request with `OK`."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.requests: list[bytes] = []
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(10)
        wrapped = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        try:
            wrapped.do_handshake()
        except ssl.SSLError:
            # Its alert is out. What the client still sends is read, so that no RST overtakes it.
            plain = socket.socket(fileno=wrapped.detach())
            plain.settimeout(10)
            with contextlib.suppress(OSError), plain:
                plain.shutdown(socket.SHUT_WR)
                drain(plain)
            return
        except OSError:
            wrapped.close()
            return
        with contextlib.suppress(OSError), wrapped:
            while data := wrapped.recv(65_536):
                self.requests.append(data)
                wrapped.sendall(OK)

    def close(self) -> None:
        """Accept no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextlib.contextmanager
def caged(context: ssl.SSLContext) -> Iterator[Cage]:
    """Serve until the end of the block."""
    cage = Cage(context)
    try:
        yield cage
    finally:
        cage.close()
