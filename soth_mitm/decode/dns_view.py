"""DNS messages (RFC 1035) as they go over HTTPS (RFC 8484): header, questions, records of all sections."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from soth_mitm.decode.outline import Outline, byte_text, quoted
from soth_mitm.decode.views import NotThis, Whole
from soth_mitm.text import printable

MOST_RECORDS: Final = 5000
LONGEST: Final = 65_535
"""Bytes of a message."""

_HEADER: Final = struct.Struct(">6H")
_MOST_JUMPS: Final = 40
_MOST_NAME: Final = 255

TYPES: Final = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 28: "AAAA", 29: "LOC",
    33: "SRV", 35: "NAPTR", 39: "DNAME", 41: "OPT", 43: "DS", 44: "SSHFP", 46: "RRSIG", 47: "NSEC",
    48: "DNSKEY", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 64: "SVCB", 65: "HTTPS", 99: "SPF", 250: "TSIG",
    251: "IXFR", 252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA",
}  # fmt: skip
_CLASSES: Final = {1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY"}
_OPCODES: Final = {0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE"}
_RCODES: Final = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN",
    7: "YXRRSET", 8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 16: "BADVERS",
}  # fmt: skip
_FLAGS: Final = (
    (0x0400, "aa"), (0x0200, "tc"), (0x0100, "rd"), (0x0080, "ra"), (0x0020, "ad"), (0x0010, "cd"),
)  # fmt: skip

_OPTIONS: Final = {
    3: "NSID", 8: "client subnet", 10: "cookie", 11: "keepalive", 12: "padding", 15: "extended error",
}  # fmt: skip
_PARAMETERS: Final = {
    0: "mandatory", 1: "alpn", 2: "no-default-alpn", 3: "port", 4: "ipv4hint", 5: "ech", 6: "ipv6hint",
    7: "dohpath",
}  # fmt: skip


class _Bad(Exception):
    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at = at


class _Reader:
    """Reads one message; every method raises `_Bad` where it ends too early or breaks the rules."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def number(self, size: int) -> int:
        """Return the next number."""
        return int.from_bytes(self.bytes(size))

    def bytes(self, size: int) -> bytes:
        """Return the next bytes."""
        if self.at + size > len(self.data):
            raise _Bad(self.at, "it ends here, in a record")
        self.at += size
        return self.data[self.at - size : self.at]

    def name(self) -> str:
        """Return the next name, its compression undone."""
        labels: list[str] = []
        at, jumps, size = self.at, 0, 0
        while True:
            if at >= len(self.data):
                raise _Bad(self.at, "it ends here, in a name")
            length = self.data[at]
            if length >= 0xC0:
                if at + 1 >= len(self.data):
                    raise _Bad(self.at, "it ends here, in a name")
                if not jumps:
                    self.at = at + 2
                jumps += 1
                at = (length & 0x3F) << 8 | self.data[at + 1]
                if jumps > _MOST_JUMPS:
                    raise _Bad(self.at - 2, "a name whose parts go round in a circle")
                continue
            if length >= 0x40:
                raise _Bad(at, f"a label that begins with 0x{length:02x}")
            at += 1
            if not length:
                break
            size += length + 1
            if size > _MOST_NAME:
                raise _Bad(self.at, f"a name of more than {_MOST_NAME} bytes")
            labels.append(_label(self.data[at : at + length]))
            at += length
        if not jumps:
            self.at = at
        return ".".join(labels) + "." if labels else "."


def _label(data: bytes) -> str:
    return printable(data).replace(".", "\\.").replace('"', '\\"')


class DnsView(Whole):
    """A `View` of one message."""

    most = LONGEST

    def __init__(self) -> None:
        super().__init__()
        self._outline = Outline()
        self.folds = self._outline.folds

    def tell(self, data: bytes, *, whole: bool) -> Iterator[str]:
        """See `Whole`."""
        if len(data) < _HEADER.size:
            raise NotThis(f"not a DNS message: {len(data)} bytes are less than its header")
        outline, reader = self._outline, _Reader(data)
        try:
            yield from self._message(reader)
        except _Bad as error:
            if error.at <= _HEADER.size:
                raise NotThis(f"not a DNS message: {error}") from None
            self.error = f"not a whole DNS message: at byte {error.at:,}: {error}"
            outline.leave()
            outline.say(f"# byte {error.at:,}: {error}")
        else:
            if reader.at < len(data):
                outline.note(f"{len(data) - reader.at:,} bytes follow that belong to nothing")
        outline.finish()
        yield outline.take()

    def _message(self, reader: _Reader) -> Iterator[str]:
        outline = self._outline
        number, flags, *counts = _HEADER.unpack(reader.bytes(_HEADER.size))
        outline.open("{", "}")
        self._member("id", str(number))
        self._member("kind", '"response"' if flags & 0x8000 else '"query"')
        opcode, code = flags >> 11 & 0xF, flags & 0xF
        self._member("opcode", _OPCODES.get(opcode, str(opcode)))
        if flags & 0x8000:
            self._member("status", _RCODES.get(code, str(code)))
        self._member("flags", quoted(" ".join(name for bit, name in _FLAGS if flags & bit)))
        left = MOST_RECORDS
        for title, count in zip(("questions", "answers", "authority", "additional"), counts, strict=True):
            if not count:
                continue
            outline.name(f'"{title}"')
            outline.open("[", "]")
            for _ in range(count):
                left -= 1
                if left < 0:
                    raise _Bad(reader.at, f"more than {MOST_RECORDS:,} records")
                if title == "questions":
                    self._question(reader)
                else:
                    self._record(reader)
                yield outline.take()
            outline.close()
        outline.close()

    def _member(self, name: str, text: str, note: str = "") -> None:
        self._outline.name(f'"{name}"')
        self._outline.value(text, note)

    def _question(self, reader: _Reader) -> None:
        name, kind, group = reader.name(), reader.number(2), reader.number(2)
        self._outline.open("{", "}")
        self._member("name", f'"{name}"')
        self._member("type", TYPES.get(kind, f"TYPE{kind}"))
        self._member("class", _CLASSES.get(group & 0x7FFF, str(group)))
        self._outline.close()

    def _record(self, reader: _Reader) -> None:
        name, kind, group, ttl, size = (
            reader.name(), reader.number(2), reader.number(2), reader.number(4), reader.number(2),
        )  # fmt: skip
        if reader.at + size > len(reader.data):
            raise _Bad(reader.at, "it ends here, in a record")
        end = reader.at + size
        self._outline.open("{", "}")
        self._member("name", f'"{name}"')
        self._member("type", TYPES.get(kind, f"TYPE{kind}"))
        if kind == 41:
            self._edns(group, ttl)
        else:
            self._member("class", _CLASSES.get(group & 0x7FFF, str(group)))
            self._member("ttl", str(ttl), "seconds")
        try:
            within = _Reader(reader.data[:end])
            within.at = reader.at
            for key, value in _data(within, kind, end):
                self._member(key, value)
        except _Bad:
            self._member("data", *byte_text(reader.data[reader.at : end]))
        reader.at = end
        self._outline.close()

    def _edns(self, size: int, bits: int) -> None:
        self._member("udp", str(size), "bytes that the sender takes")
        self._member("version", str(bits >> 16 & 0xFF))
        self._member("flags", '"do"' if bits & 0x8000 else '""')


def _data(reader: _Reader, kind: int, end: int) -> Iterator[tuple[str, str]]:
    """Yield the members of a record's data, as they are written."""
    if kind == 1:
        yield "address", f'"{IPv4Address(_exactly(reader, 4, end))}"'
    elif kind == 28:
        yield "address", f'"{IPv6Address(_exactly(reader, 16, end))}"'
    elif kind in (2, 5, 12, 39):
        yield "target", f'"{reader.name()}"'
    elif kind == 15:
        yield "preference", str(reader.number(2))
        yield "target", f'"{reader.name()}"'
    elif kind in (16, 99):
        texts = []
        while reader.at < end:
            texts.append(quoted(printable(reader.bytes(reader.number(1)))))
        yield "text", f"[{', '.join(texts)}]"
    elif kind == 6:
        yield "primary", f'"{reader.name()}"'
        yield "mailbox", f'"{reader.name()}"'
        for name in ("serial", "refresh", "retry", "expire", "minimum"):
            yield name, str(reader.number(4))
    elif kind == 33:
        for name in ("priority", "weight", "port"):
            yield name, str(reader.number(2))
        yield "target", f'"{reader.name()}"'
    elif kind == 257:
        yield "critical", "true" if reader.number(1) & 0x80 else "false"
        yield "tag", quoted(printable(reader.bytes(reader.number(1))))
        yield "value", quoted(printable(reader.bytes(end - reader.at)))
    elif kind in (64, 65):
        yield from _service(reader, end)
    elif kind == 41:
        while reader.at < end:
            code, size = reader.number(2), reader.number(2)
            yield _OPTIONS.get(code, f"option {code}"), byte_text(reader.bytes(size))[0]
    else:
        yield "data", byte_text(reader.bytes(end - reader.at))[0]


def _exactly(reader: _Reader, size: int, end: int) -> bytes:
    if end - reader.at != size:
        raise _Bad(reader.at, "an address of another length")
    return reader.bytes(size)


def _service(reader: _Reader, end: int) -> Iterator[tuple[str, str]]:
    yield "priority", str(reader.number(2))
    yield "target", f'"{reader.name()}"'
    while reader.at < end:
        key, size = reader.number(2), reader.number(2)
        value = reader.bytes(size)
        name = _PARAMETERS.get(key, f"key{key}")
        if key == 1:
            inner, names = _Reader(value), []
            while inner.at < len(value):
                names.append(quoted(printable(inner.bytes(inner.number(1)))))
            yield name, f"[{', '.join(names)}]"
        elif key == 3 and size == 2:
            yield name, str(int.from_bytes(value))
        elif key in (4, 6) and size and not size % (width := 4 if key == 4 else 16):
            kind = IPv4Address if key == 4 else IPv6Address
            addresses = [f'"{kind(value[at : at + width])}"' for at in range(0, size, width)]
            yield name, f"[{', '.join(addresses)}]"
        else:
            yield name, byte_text(value)[0]
