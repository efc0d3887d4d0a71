"""How a client that has named its target is answered, in the protocol in which it named it."""

from __future__ import annotations

from typing import Protocol

from soth_mitm.net import replies

ESTABLISHED = b"HTTP/1.1 200 Connection Established\r\n\r\n"


class Greeting(Protocol):
    """What a client that has named its target is told, in the protocol in which it named it."""

    established: bytes
    """The target was reached; what follows is for it."""

    def refusal(self, status: int, code: str, *, text: str, hint: str) -> bytes:
        """Return what tells that it was not."""
        ...


class AsProxy:
    """The answers to a CONNECT (RFC 9110 section 9.3.6)."""

    established = ESTABLISHED

    def refusal(self, status: int, code: str, *, text: str, hint: str) -> bytes:
        """Return a response that explains."""
        return b"".join(replies.error(status, code, text=text, hint=hint))


class Silent:
    """Nothing: the client did not ask a proxy, so there is no way to answer it."""

    established = b""

    def refusal(self, status: int, code: str, *, text: str, hint: str) -> bytes:
        """Return nothing; the connection is closed."""
        return b""
