"""The server's side of SOCKS 5 (RFC 1928), with user and password (RFC 1929); sans-I/O.

A driver peeks: `needs` says how many bytes the message that comes next has, `receive` takes exactly those
and returns the answer. So what a client sends behind its request stays where it is.
"""

from __future__ import annotations

import hmac
import ipaddress
from enum import IntEnum

from soth_mitm.errors import ProtocolError
from soth_mitm.proto.authority import Authority, ConnectError, parse_authority
from soth_mitm.proto.http1.messages import shown

MOST = 1 + 1 + 255 + 1 + 255
"""Bytes of the longest message, that of a user and password."""
_VERSION = 5
_NO_AUTH, _USER_PASSWORD, _NO_METHOD = 0, 2, 0xFF
_CONNECT = 1
_IPV4, _DOMAIN, _IPV6 = 1, 3, 4


class Reply(IntEnum):
    """What a request is answered with (RFC 1928 section 6)."""

    SUCCEEDED = 0
    GENERAL_FAILURE = 1
    NOT_ALLOWED = 2
    NETWORK_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    CONNECTION_REFUSED = 5
    TTL_EXPIRED = 6
    COMMAND_NOT_SUPPORTED = 7
    ADDRESS_TYPE_NOT_SUPPORTED = 8


class State(IntEnum):
    """Which message comes next."""

    GREETING = 0
    PASSWORD = 1
    REQUEST = 2
    DONE = 3


class Socks5Error(ProtocolError):
    """A client that cannot be served; `answer` is to be sent before the end."""

    def __init__(self, code: str, detail: str, *, answer: bytes = b"", first: bytes = b"") -> None:
        super().__init__(code, detail)
        self.answer = answer
        self.first = first
        """What it began with, where that was no SOCKS."""


def reply(code: Reply) -> bytes:
    """Return the answer to a request. The bound address is left at zero: nobody uses it."""
    return bytes((_VERSION, code, 0, _IPV4, 0, 0, 0, 0, 0, 0))


class Socks5:
    """One client, up to its request. With `auth`, `user:password`, nothing else will do."""

    def __init__(self, auth: str = "") -> None:
        self._auth = auth.encode()
        self.state = State.GREETING
        self.user = ""
        """Who the client said it is; set only where that was asked for."""
        self.target: Authority | None = None
        """What it asked for, once the state is `DONE`."""

    def needs(self, data: bytes) -> int:
        """Return how many bytes the next message has, as far as `data` tells; never fewer than needed.

        Raises:
            Socks5Error: its first byte is that of no SOCKS 5 message.
        """
        if data and data[0] != (1 if self.state is State.PASSWORD else _VERSION):
            raise self._foreign(data)
        if len(data) < 2:
            return 2
        if self.state is State.GREETING:
            return 2 + data[1]
        if self.state is State.PASSWORD:
            at = 2 + data[1]
            return at + 1 if len(data) <= at else at + 1 + data[at]
        return self._request_needs(data)

    @staticmethod
    def _request_needs(data: bytes) -> int:
        if len(data) < 5:
            return 5
        size = {_IPV4: 4, _IPV6: 16, _DOMAIN: 1 + data[4]}.get(data[3], 1)
        return 4 + size + 2

    def _foreign(self, data: bytes) -> Socks5Error:
        if self.state is not State.GREETING:
            return Socks5Error("socks_message_invalid", f"a message begins with the byte {data[0]}")
        if data[0] == 4:
            answer = b"\x00\x5b" + bytes(6)  # SOCKS 4 for: rejected
            return Socks5Error("socks4", "the client speaks SOCKS 4; only SOCKS 5 is served", answer=answer)
        detail = f"the first byte is no SOCKS 5 greeting: {shown(data[:24])}"
        return Socks5Error("not_socks", detail, first=data)

    def receive(self, message: bytes) -> bytes:
        """Take one whole message; return the answer, which is empty for the request itself.

        Raises:
            Socks5Error: it cannot be served.
        """
        if self.state is State.GREETING:
            return self._greeted(message[2:])
        if self.state is State.PASSWORD:
            return self._told_password(message)
        self._asked(message)
        return b""

    def _greeted(self, methods: bytes) -> bytes:
        wanted = _USER_PASSWORD if self._auth else _NO_AUTH
        if wanted not in methods:
            offers = ", ".join(map(str, methods)) or "nothing"
            what = "a user and password" if self._auth else "no authentication"
            detail = f"the client offers the methods {offers}; {what} ({wanted}) is what this proxy takes"
            code = "proxy_auth_required" if self._auth else "socks_no_method"
            raise Socks5Error(code, detail, answer=bytes((_VERSION, _NO_METHOD)))
        self.state = State.PASSWORD if self._auth else State.REQUEST
        return bytes((_VERSION, wanted))

    def _told_password(self, message: bytes) -> bytes:
        end = 2 + message[1]
        user, password = message[2:end], message[end + 1 :]
        if not hmac.compare_digest(user + b":" + password, self._auth):
            detail = "the client gave a wrong user or password"
            raise Socks5Error("proxy_auth_wrong", detail, answer=b"\x01\x01")
        self.user = user.decode("utf-8", "backslashreplace")
        self.state = State.REQUEST
        return b"\x01\x00"

    def _asked(self, message: bytes) -> None:
        command, kind, rest = message[1], message[3], message[4:]
        if command != _CONNECT:
            name = {2: "BIND", 3: "UDP ASSOCIATE"}.get(command, f"command {command}")
            answer = reply(Reply.COMMAND_NOT_SUPPORTED)
            raise Socks5Error("socks_command", f"{name} is not served, only CONNECT", answer=answer)
        host, port = rest[:-2], int.from_bytes(rest[-2:], "big")
        if kind in (_IPV4, _IPV6):
            named = str(ipaddress.ip_address(host))
        elif kind == _DOMAIN:
            named = self._domain(host[1:])
        else:
            answer = reply(Reply.ADDRESS_TYPE_NOT_SUPPORTED)
            raise Socks5Error("socks_address_type", f"there is no address type {kind}", answer=answer)
        if not port:
            answer = reply(Reply.GENERAL_FAILURE)
            raise Socks5Error("invalid_port", f"the port of {named} is 0", answer=answer)
        self.target = Authority(named, port)
        self.state = State.DONE

    @staticmethod
    def _domain(name: bytes) -> str:
        """Return a name as a CONNECT would have it; clients that send addresses as names are understood."""
        try:
            return parse_authority(name, default_port=1, bare_ipv6=True).host
        except ConnectError as error:
            answer = reply(Reply.GENERAL_FAILURE)
            raise Socks5Error("invalid_authority", error.detail, answer=answer) from error
