"""Pass through another proxy: a CONNECT tunnel (RFC 9110 section 9.3.6), or SOCKS 5 by python-socks."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from soth_mitm.net.peek import PeekTimeout, PeerLeft, consume, peek_until
from soth_mitm.net.sockets import tune
from soth_mitm.proto.authority import Authority
from soth_mitm.proto.connect import ConnectError, head_end
from soth_mitm.text import printable

if TYPE_CHECKING:
    import asyncio
    import socket

    from soth_mitm.policy.routes import Hop

REPLY_MOST = 65_536
"""Most bytes of the head by which a proxy answers a CONNECT."""
SOCKS_LABELS = {
    1: "general_failure",
    2: "ruleset_blocked",
    3: "network_unreachable",
    4: "host_unreachable",
    5: "connection_refused",
    6: "ttl_expired",
    7: "command_unsupported",
    8: "address_type_unsupported",
}
"""What a SOCKS proxy's reply code means (RFC 1928 section 6)."""
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: ([^\r\n]*))?\r?\n")


class HopError(Exception):
    """The proxy was reached, and did not lead on. `code` is stable, `detail` says what it answered."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def credentials(hop: Hop) -> bytes:
    """Return the field that authenticates us to an HTTP proxy, or nothing (RFC 7617)."""
    if not hop.user:
        return b""
    token = base64.b64encode(f"{hop.user}:{hop.password}".encode())
    return b"Proxy-Authorization: Basic " + token + b"\r\n"


def authorized(raw: bytes, hop: Hop) -> bytes:
    """Return a head with our credentials for the proxy that it is sent to."""
    ending = b"\r\n" if raw.endswith(b"\r\n") else b"\n"
    return raw[: -len(ending)] + credentials(hop) + ending


async def open_tunnel(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, hop: Hop, *, host: str, port: int, timeout: float
) -> None:
    """Have an HTTP proxy connect on; what the target sends then is still unread.

    Raises:
        HopError: it did not, or its answer makes no sense; OSError: the connection broke.
    """
    site = str(Authority(host, port)).encode("ascii", "replace")
    request = b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (site, site, credentials(hop))
    await loop.sock_sendall(sock, request)
    while True:
        status, reason = await _answer(sock, timeout)
        if status >= 200:
            break
    if status == 407:
        known = "refuses the user and password" if hop.user else "wants a user and password"
        raise HopError("proxy_auth_required", f"407: the proxy {known}")
    if status >= 300:
        raise HopError("proxy_refused", f"{status} {reason}".strip())


async def _answer(sock: socket.socket, timeout: float) -> tuple[int, str]:
    end = 0

    def needs(data: bytes) -> int:
        nonlocal end
        end = head_end(data, limit=REPLY_MOST)
        return len(data) + 1 if end < 0 else end

    try:
        await peek_until(sock, needs, timeout=timeout, most=REPLY_MOST + 1)
    except ConnectError as error:
        detail = f"no end of its answer within {REPLY_MOST} bytes"
        raise HopError("proxy_reply_invalid", detail) from error
    except PeerLeft as error:
        detail = f"the proxy closed after {len(error.data)} bytes of its answer"
        raise HopError("proxy_closed", detail) from error
    except PeekTimeout as error:
        raise HopError("proxy_timeout", f"no answer to the CONNECT in {timeout:g} s") from error
    head = consume(sock, end)
    match = _STATUS.match(head)
    if match is None:
        line = printable(head.split(b"\n", 1)[0][:100])
        raise HopError("proxy_reply_invalid", f"its answer is no HTTP/1.x: {line}")
    return int(match[1]), printable(match[2] or b"", 100)


async def socks(address: tuple[str, int], hop: Hop, *, host: str, port: int, timeout: float) -> socket.socket:
    """Connect to a SOCKS proxy at `address`, and through it to a target.

    Raises:
        HopError: the proxy did not lead on; OSError: it cannot be reached.
    """
    from python_socks import ProxyError, ProxyType
    from python_socks.async_.asyncio import Proxy

    proxy = Proxy(ProxyType.SOCKS5, *address, hop.user or None, hop.password or None, rdns=True)
    try:
        sock = await proxy.connect(host, port, timeout=timeout)
    except ProxyError as error:
        raise _refused(error.error_code, str(error), hop) from error
    except ValueError as error:  # what RFC 1928 and 1929 have no room for: a long or foreign name
        raise HopError("proxy_refused", f"cannot be said to a SOCKS proxy: {error}") from error
    tune(sock)
    return sock


def _refused(code: int | None, text: str, hop: Hop) -> HopError:
    if code is not None:
        label = SOCKS_LABELS.get(code, "unknown")
        return HopError("proxy_refused", f"{label} ({printable(text, 100)})")
    if "uthenticat" in text:
        known = "refuses the user and password" if hop.user else "wants a user and password"
        return HopError("proxy_auth_required", f"the proxy {known} ({printable(text, 100)})")
    if "closed" in text:
        return HopError("proxy_closed", "the proxy closed before it answered")
    return HopError("proxy_reply_invalid", printable(text, 100))
