"""A corpus of request smuggling: what two hops could frame differently never passes, lenient or not."""

from __future__ import annotations

import pytest

from soth_mitm.proto.http1 import RequestReader
from tests.proto.http1.driving import run

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
LINE = b"POST / HTTP/1.1\r\nHost: a\r\n"

CORPUS = {
    "CL.TE": LINE + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "TE.CL": LINE
    + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n20\r\n"
    + HIDDEN
    + b"\r\n0\r\n\r\n",
    "TE.TE, unknown coding": LINE + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n0\r\n\r\n",
    "TE.TE, misspelt": LINE + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "TE.TE, blank before colon": LINE + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "TE.TE, vertical tab": LINE + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "TE.TE, blank line start": LINE + b" Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "TE.TE, folded": LINE + b"Transfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "TE.TE, bare CR": LINE + b"X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "TE.TE, quoted": LINE + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n' + HIDDEN,
    "TE.TE, identity": LINE + b"Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc" + HIDDEN,
    "TE.TE, NUL": LINE + b"Transfer-Encoding\0: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "TE in HTTP/1.0": LINE.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "CL.CL": LINE + b"Content-Length: 8\r\nContent-Length: 7\r\n\r\n12345678" + HIDDEN,
    "CL, list": LINE + b"Content-Length: 8, 7\r\n\r\n12345678" + HIDDEN,
    "CL, plus sign": LINE + b"Content-Length: +8\r\n\r\n12345678" + HIDDEN,
    "CL, minus sign": LINE + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "CL, inner blank": LINE + b"Content-Length: 1 8\r\n\r\n12345678" + HIDDEN,
    "CL, octal look": LINE + b"Content-Length: 010\r\nContent-Length: 10\r\n\r\n1234567890" + HIDDEN,
    "CL, wraps 64 bits": LINE + b"Content-Length: 18446744073709551617\r\n\r\nx" + HIDDEN,
    "chunk size, plus sign": LINE + b"Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n" + HIDDEN,
    "chunk size, 0x": LINE + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n" + HIDDEN,
    "chunk size, wraps": LINE
    + b"Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n"
    + HIDDEN,
    "chunk size, bare LF": LINE + b"Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n" + HIDDEN,
    "chunk extension, bare LF": LINE + b"Transfer-Encoding: chunked\r\n\r\n1;\na\r\n0\r\n\r\n" + HIDDEN,
    "chunk extension, bare CR": LINE + b"Transfer-Encoding: chunked\r\n\r\n1;\ra\r\na\r\n0\r\n\r\n" + HIDDEN,
    "chunk data, other end": LINE + b"Transfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n" + HIDDEN,
    "chunk data, LF end": LINE + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n" + HIDDEN,
    "trailer, LF end": LINE + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n" + HIDDEN,
    "CONNECT with a body": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n" + HIDDEN,
}


@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
@pytest.mark.parametrize("wire", CORPUS.values(), ids=CORPUS)
def test_ambiguous_framing_is_refused_before_the_hidden_request(wire: bytes, lenient: bool) -> None:
    summary = run(RequestReader(lenient=lenient), [wire])
    assert summary.error is not None
    assert b"/hidden" not in summary.wire
    assert len(summary.heads) <= 1
