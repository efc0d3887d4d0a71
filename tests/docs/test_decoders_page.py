"""docs/decoders.md lists every decoder, what it recognises, its limits, and the cases that it passes.

To write it anew: `python tests/docs/test_decoders_page.py > docs/decoders.md`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from soth_mitm.decode import (
    binary_tree,
    certificate_view,
    code_flow,
    coding,
    dns_view,
    folds,
    graphql_view,
    jwt,
    listing,
    markup_flow,
    nested,
    outline,
    pdf_view,
    picture,
    rendering,
    sniff,
    undoing,
)
from soth_mitm.decode.catalogue import DECODERS, by_type
from soth_mitm.decode.llm import conversation
from soth_mitm.decode.protobuf import tree, view
from tests.decode.conformance.cases import cases_of, found, subjects

PAGE = Path(__file__).parents[2] / "docs" / "decoders.md"

HEAD = f"""\
# Decoders

A body, a message of a stream or a part of a form is shown by one of the decoders below, in the app, by
`--dump` and in exports alike. Content codings are undone first (`gzip`, `deflate` in both of its formats,
`br`, `zstd`, in stacks of up to {coding.MOST_CODINGS}), then characters are read: a byte order mark counts
first, then the `charset` parameter, then what HTML, XML or a style sheet declares itself
(`<meta charset>`, `encoding=`, `@charset`), then UTF-8, then Latin-1.

Which decoder it is, is decided in this order, and the reason is shown where the type alone does not say it:

1. What you chose: `c` in the app, for this body or for all of its type.
2. The media type. Bytes that are said to be text and are none are shown as hex.
3. What the first {sniff.LOOK:,} bytes look like, where the type says nothing (`application/octet-stream`,
   none at all). Formats of bytes are taken only where all that is looked at reads without a fault.

A decoder that cannot read a body says where and why, and the text or the bytes are shown as they stand. One
that finds a fault behind good lines keeps these, names the place, and shows what follows as bytes. None
changes what passes.

| Decoder | Shows | Media types, for example | By its looks | Limits |
|---|---|---|---|---|
"""


def _size(count: int) -> str:
    return f"{count // 2**20} MiB" if count % 2**20 == 0 else f"{count // 1024} KiB"


BOUNDS = f"""
## Bounds of all

- Large bodies are read in a process of their own, piece by piece; `--dump` and exports show
  {_size(rendering.MAX_OUTPUT)} of one at most.
- Codings: output of a stream that is more than {undoing.RATIO} times its input is cut off
  from {_size(undoing.FREE)} on; a zstd window is {_size(coding.ZSTD_WINDOW)} at most.
  Damaged bodies give what comes before the damage.
- Payloads in payloads: {nested.MOST_DEPTH} levels, {_size(nested.LONGEST)} of each,
  {nested.MOST_TEXT // 2**20} Mi characters of its text.
- Trees: {folds.DEEPEST_INDENT} levels are indented, {folds.MOST_FOLDS:,} places fold;
  {outline.SHOWN_TEXT:,} characters of a string and {outline.SHOWN_BYTES} bytes of a value that is no text
  are shown.

## Cases

Each line is a file of cases in `tests/decode/conformance/`: bodies as data, with the tree that must be
shown, the decoder that must be chosen, its reason, and what is wrong. The numbers are those of the run that
made this page. Round trips beside them let encoders of others (JSON, MessagePack, URL encoding, MIME, every
coding) write what must be read back, and `tests/decode/test_every_decoder.py` gives each decoder random and
changed bodies, bodies cut at every border, a megabyte of nesting, lengths that lie, and bombs.

| Cases | Pass | What they are about |
|---|---|---|
"""

DEEP = f"{binary_tree.MOST_DEPTH} levels"
STREAM = f"messages of {_size(nested.LONGEST)}"
TYPES = {
    "json": ("application/json", "text/json", "application/problem+json"),
    "markup": ("text/html", "application/xml", "image/svg+xml", "application/atom+xml"),
    "form": ("application/x-www-form-urlencoded",),
    "msgpack": ("application/msgpack", "application/vnd.msgpack", "application/vnd.thing+msgpack"),
    "cbor": ("application/cbor", "application/senml+cbor", "application/cose-key"),
    "grpc": ("application/grpc", "application/grpc-web-text", "application/connect+json"),
    "protobuf": ("application/protobuf", "application/x-protobuf", "application/vnd.thing+proto"),
    "sse": ("text/event-stream",),
    "aws-events": ("application/vnd.amazon.eventstream",),
    "jsonl": ("application/x-ndjson", "application/jsonl", "application/json-seq"),
    "multipart": ("multipart/form-data", "multipart/mixed"),
    "graphql": ("application/graphql",),
    "javascript": ("text/javascript", "application/x-javascript"),
    "css": ("text/css",),
    "jwt": ("application/jwt", "application/secevent+jwt"),
    "dns": ("application/dns-message",),
    "certificate": (
        "application/x-x509-ca-cert",
        "application/pem-certificate-chain",
        "application/pkix-cert",
    ),
    "zip": ("application/zip", "application/epub+zip", "application/vnd.oasis.opendocument.text"),
    "tar": ("application/x-tar",),
    "gzip": ("application/gzip", "application/zstd"),
    "pdf": ("application/pdf",),
}
LOOKS = {
    "json": "an object or an array, also behind a prefix against hijacking",
    "markup": "a tag, a doctype, a comment or `<?xml`",
    "msgpack": "a map or an array, not empty, to its last byte; a map begins with a string",
    "cbor": "the tag that says CBOR, or a map whose first name is text, to its last byte",
    "protobuf": "fields that a schema could have, to the last byte",
    "graphql": "JSON of a client with a document in `query`",
    "conversation": "the path and the shape of a dialect of a language model ([llm.md](llm.md))",
    "mcp": "messages of JSON-RPC 2.0, by their methods, or their path and shape",
    "jwt": "three or five parts of base64, the first of them JSON",
    "certificate": "a block of PEM, or a certificate in DER",
    "zip": "`PK`", "tar": "`ustar` in the first head", "gzip": "the magic numbers of gzip and zstd",
    "pdf": "`%PDF-`", "text": "UTF-8 without controls",
    "image": "how PNG, JPEG, GIF, WebP, AVIF, HEIC, BMP, icons and cursors begin",
    "base64": "never: only by hand", "percent": "never: only by hand",
    "hex": "whatever is nothing else",
}  # fmt: skip
LIMITS = {
    "json": "none but those of all: numbers, escapes and equal names stay as they were written",
    "markup": f"{markup_flow.MOST_OPEN:,} open elements, pieces of {_size(markup_flow.LONGEST_PIECE)}",
    "form": "fields above 1 MiB in parts",
    "msgpack": f"{DEEP}, {_size(binary_tree.HELD)} of a string",
    "cbor": f"{DEEP}, {_size(binary_tree.HELD)} of a string",
    "grpc": STREAM,
    "protobuf": f"{tree.MOST_DEPTH} levels, fields of {_size(view.LONGEST_FIELD)}",
    "sse": STREAM,
    "aws-events": f"{STREAM}, both checksums checked",
    "jsonl": STREAM,
    "multipart": f"parts of {_size(nested.LONGEST)}",
    "graphql": f"{graphql_view.MOST_OPERATIONS} operations, {graphql_view.MOST_DEPTH} levels, "
    f"{_size(graphql_view.LONGEST_DOCUMENT)} of a document",
    "javascript": f"{code_flow.MOST_OPEN:,} open brackets; not parsed, so only white space changes",
    "css": f"{code_flow.MOST_OPEN:,} open brackets; only white space changes",
    "jwt": f"{_size(jwt.LONGEST)}; signatures are not checked",
    "dns": f"{dns_view.LONGEST:,} bytes, {dns_view.MOST_RECORDS:,} records",
    "certificate": f"{certificate_view.MOST_BLOCKS:,} blocks; of keys only their kind is shown",
    "zip": f"{listing.MOST_ENTRIES:,} entries; nothing is unpacked",
    "tar": f"{listing.MOST_ENTRIES:,} entries",
    "gzip": "what is inside is decoded as a payload of its own",
    "pdf": f"{pdf_view.MOST_STREAMS} streams, {_size(pdf_view.MOST_UNPACKED)} unpacked",
    "base64": "one layer, of the first 4 MiB; either alphabet, `data:` URLs",
    "percent": "one layer, of the first 4 MiB",
    "mcp": STREAM,
    "conversation": f"{conversation.MOST_BLOCKS:,} blocks, {STREAM}",
    "image": "facts from the first bytes; in the app also drawn, with half blocks, up to "
    f"{picture.MOST_PIXELS // 10**6} million pixels and {_size(picture.MOST_BYTES)} (HEIC is not)",
    "text": "none: line ends and tabs are laid out, controls and hidden characters escaped",
    "hex": "none",
}
SUBJECTS = {
    "archive": "zip and tar, listed; gzip and zstd files with what is inside; cut off and damaged",
    "aws_events": "AWS event streams: framing, checksums, kinds of headers, faults",
    "cbor": "CBOR (RFC 8949): numbers, tags, strings and containers without a length, faults",
    "charset": "character sets by mark, name and looks; characters that a terminal obeys",
    "certificate": "certificates in PEM and DER, keys, damaged blocks",
    "code": "JavaScript and style sheets, laid out",
    "coding": "content codings, alone and in stacks, damaged and cut off",
    "dns": "DNS messages: questions, answers, compressed names, faults",
    "form": "URL-encoded forms",
    "graphql": "GraphQL requests: one, several, documents alone; what is none",
    "hex": "bytes that nothing else shows",
    "image": "facts about images, whole and damaged",
    "jwt": "JSON Web Tokens: signed, encrypted, without a signature",
    "layers": "base64 and percent escapes, peeled by hand",
    "grpc": "gRPC, gRPC-Web, Connect: framing, compression, trailers, faults",
    "json": "JSON, JSON lines and sequences: exactness, faults with their places, prefixes",
    "markup": "XML and HTML",
    "msgpack": "MessagePack: every kind of value, names of any type, faults",
    "multipart": "multipart bodies: boundaries, heads, transfer encodings, parts in parts",
    "pdf": "facts about PDFs",
    "protobuf": "Protocol Buffers, with a schema and without",
    "sse": "event streams by the rules of the WHATWG",
    "talk": "calls to language models and MCP (their dialects: [llm.md](llm.md))",
}
SHOWN = [decoder for decoder in DECODERS.values() if decoder.name != "empty"]


def page() -> str:
    parts = [HEAD]
    for decoder in SHOWN:
        types = ", ".join(f"`{kind}`" for kind in TYPES.get(decoder.name, ())) or "none"
        looks = LOOKS.get(decoder.name, "never")
        parts.append(f"| `{decoder.name}` | {decoder.title} | {types} | {looks} | {LIMITS[decoder.name]} |\n")
    parts.append(BOUNDS)
    all_passed = all_cases = 0
    for subject in subjects():
        cases = cases_of(subject)
        passed = sum(found(case) == case.expected for case in cases)
        all_passed, all_cases = all_passed + passed, all_cases + len(cases)
        parts.append(f"| `{subject}` | {passed} of {len(cases)} | {SUBJECTS[subject]} |\n")
    parts.append(f"| all | {all_passed} of {all_cases} | |\n")
    return "".join(parts)


def test_the_page_is_that_of_the_decoders_and_their_cases() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("name", [decoder.name for decoder in SHOWN if decoder.types])
def test_the_types_of_the_page_are_recognised_and_leave_none_out(name: str) -> None:
    decoder = DECODERS[name]
    for kind in TYPES[name]:
        assert by_type(kind.encode()) is decoder
    for pattern in decoder.types:
        assert any(re.fullmatch(pattern, kind) for kind in TYPES[name])


if __name__ == "__main__":
    sys.stdout.write(page())
