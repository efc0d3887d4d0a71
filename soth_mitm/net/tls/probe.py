"""Ask a server, once and on demand, for what Python's `ssl` does not hand out: the OCSP staple.

pyOpenSSL does it; it is loaded here and nowhere else. Blocking: call it in a thread, never on the loop.
The certificate is not verified here; see `evidence` for what the answer proves.
"""

from __future__ import annotations

import select
import socket
import time
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.errors import SothError
from soth_mitm.net.tls.names import as_address
from soth_mitm.text import printable

if TYPE_CHECKING:
    from OpenSSL import SSL

MAX_STAPLE = 64 * 1024
"""Most bytes of a staple that are kept; a real one has one or two KiB."""


class ProbeError(SothError):
    """The probe failed; the text says why."""


class ProbeMissing(ProbeError):
    """pyOpenSSL is not installed."""


class Answer(NamedTuple):
    """What the server sent."""

    version: str
    cipher: str
    alpn: str
    chain: tuple[bytes, ...]
    """DER, leaf first."""
    staple: bytes
    """Empty where none was sent."""
    client_cas: tuple[str, ...]
    """Names of the CAs whose client certificates it takes; empty where it asks for none, or for any."""


def probe(host: str, port: int, *, name: str, timeout: float) -> Answer:
    """Shake hands with a server, asking for a staple. Raises `ProbeError`."""
    try:
        from OpenSSL import SSL
    except ImportError as error:
        raise ProbeMissing("pyOpenSSL is not installed") from error
    staples: list[bytes] = []

    def stapled(_: SSL.Connection, data: bytes, __: object) -> bool:
        staples.append(data[:MAX_STAPLE])
        return True

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    context.set_options(SSL.OP_LEGACY_SERVER_CONNECT if hasattr(SSL, "OP_LEGACY_SERVER_CONNECT") else 0x4)
    context.set_alpn_protos([b"h2", b"http/1.1"])
    context.set_ocsp_client_callback(stapled)
    until = time.monotonic() + timeout
    try:
        with socket.create_connection((host, port), timeout) as sock:
            connection = SSL.Connection(context, sock)
            if as_address(name) is None:
                connection.set_tlsext_host_name(name.encode("idna"))
            connection.request_ocsp()
            connection.set_connect_state()
            sock.setblocking(False)
            _shake_hands(connection, sock, until)
            return _answer(connection, b"".join(staples))
    except SSL.Error as error:
        raise ProbeError(_words(error)) from error
    except TimeoutError as error:
        raise ProbeError(f"the handshake took more than {timeout:.0f} s") from error
    except (OSError, UnicodeError) as error:
        raise ProbeError(printable(str(error), 300)) from error


def _shake_hands(connection: SSL.Connection, sock: socket.socket, until: float) -> None:
    from OpenSSL import SSL

    while True:
        writes = False
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.WantWriteError:
            writes = True
        else:
            return
        left = until - time.monotonic()
        if left <= 0 or not any(select.select([sock], [sock] if writes else [], [], left)):
            raise TimeoutError


def _answer(connection: SSL.Connection, staple: bytes) -> Answer:
    from cryptography.hazmat.primitives.serialization import Encoding

    chain = connection.get_peer_cert_chain(as_cryptography=True) or []
    cas = connection.get_client_ca_list()
    return Answer(
        connection.get_protocol_version_name(),
        connection.get_cipher_name() or "",
        printable(connection.get_alpn_proto_negotiated(), 40),
        tuple(certificate.public_bytes(Encoding.DER) for certificate in chain),
        staple,
        tuple(printable(ca.CN or ca.O or "(no name)", 80) for ca in cas[:20]),
    )


def _words(error: Exception) -> str:
    """Return what OpenSSL says, of the list of tuples in which pyOpenSSL wraps it."""
    first = error.args[0] if error.args else ""
    if isinstance(first, list) and first:
        return printable(str(first[0][-1]), 300)
    return printable(str(error), 300) or "the server closed the connection"
