"""What a peer could send to make a decoder fail, hang or fill the memory, for the tests of all of them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import zstandard

from tests.decode.conformance.cases import cases_of, passed, subjects
from tests.decode.llm.dialects import CHAT_STREAMED
from tests.decode.test_files_view import DNS, PDF, PEM, TOKEN, a_tar, a_zip

MEGABYTE = 1_000_000

NESTS = {
    "braces": b"{", "brackets": b"[", "objects": b'{"a":', "parentheses": b"(", "elements": b"<a>",
    "msgpack arrays": b"\x91", "msgpack maps": b"\x81\xa0", "msgpack names": b"\x81", "cbor tags": b"\xc1",
    "cbor without end": b"\x9f", "cbor maps without end": b"\xbf\x01", "protobuf groups": b"\x0b",
    "DER sequences": b"\x30\x80", "parts": b"--B\r\n\r\n", "closers": b"]}", "ends": b"</a>",
}  # fmt: skip
"""How one level of each kind of nesting begins."""

REPEATED = {
    **NESTS,
    "zeros": b"\0", "ones": b"\xff", "surrogates": b"\xed\xa0\x80", "escaped surrogates": b'"\\ud800",',
    "quotes": b'"', "backslashes": b"\\", "escaped quotes": b'\\"', "apostrophes": b"'", "backticks": b"`${",
    "slashes": b"/", "comments": b"/*", "expressions": b"=/[",
    "markup comments": b"<!--", "CDATA": b"<![CDATA[",
    "declarations": b"<!a[", "instructions": b"<?", "attributes": b'<a b="', "scripts": b"<script></script>",
    "carriage returns": b"\r", "line ends": b"\n", "tabs": b"\t", "blanks": b" ", "separators": b"\x1e",
    "ampersands": b"&", "percents": b"%", "equals": b"=", "dashes": b"--", "digits": b"9", "commas": b"1,",
    "events": b"data:\n\n", "data": b"data", "tokens": b"eyJhIjoxfQ.", "urls": b"url(", "frames": bytes(5),
    "lying lengths": b"\xdd\xff\xff\xff\xff", "lying strings": b"\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
    "lying fields": b"\x0a\xff\xff\xff\xff\x0f", "lying DER": b"\x30\x84\xff\xff\xff\xff",
    "lying frames": b"\x00\xff\xff\xff\xff", "PEM": b"-----BEGIN CERTIFICATE-----\n", "zip": b"PK\x03\x04",
    "zip directory": b"PK\x01\x02", "zip ends": b"PK\x05\x06", "gzip": b"\x1f\x8b\x08\0",
    "pdf": b"%PDF- 1 0 obj<<",
    "pointers": b"\xc0\x0c", "BOM": b"\xef\xbb\xbf", "UTF-16": b"\xff\xfe", "escapes": b"\x1b[2J\xc2\x9b",
    "queries": b'{"query":"{a{', "documents": b'"""',
}  # fmt: skip
"""What bodies are made of that are nothing but one thing, again and again."""

HEADS = (b"", b"[", b'["', b"\x91", b"%PDF-1.4\n", b"\0\0\x81\x80" + b"\xff" * 8, b"ustar".rjust(262, b"x"))
"""What may stand before."""

BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 9),
    "deflate": lambda data: zlib.compress(data, 9),
    "br": brotli.compress,
    "zstd": zstandard.compress,
}

OTHERS = {
    "zip": [a_zip()],
    "tar": [a_tar()],
    "gzip": [gzip.compress(b'{"a":[1]}', mtime=0), zstandard.compress(b"words")],
    "pdf": [PDF],
    "certificate": [PEM],
    "mcp": [b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"x"}]}}'],
    "conversation": [CHAT_STREAMED.body],
    "jwt": [TOKEN],
    "dns": [DNS],
    "javascript": [b'var a=/x[/]y/g,b=`t${a}`;function f(x){return x?{"k":[1]}:"s"}//end\n'],
    "css": [b'@media(x){a,b{c:url(d)}}/* e */\nf{g:"h"}'],
}


def samples() -> dict[str, list[bytes]]:
    """Return good bodies of each decoder, from the cases and from here."""
    found = {name: list(bodies) for name, bodies in OTHERS.items()}
    for subject in subjects():
        for case in cases_of(subject):
            kind = next(line[2:] for line in case.expected if line.startswith("= "))
            if "coding" not in case.known:
                found.setdefault(kind, []).append(passed(case))
    return found


def filled(piece: bytes, size: int) -> bytes:
    """Return a body of one thing, again and again."""
    return (piece * (size // len(piece) + 1))[:size]
