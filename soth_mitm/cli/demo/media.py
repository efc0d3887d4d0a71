"""The page of the shop and its files: text that compresses, a picture, something large."""

from __future__ import annotations

import re
import struct
import zlib
from functools import cache

from soth_mitm.cli.demo.message import Answer, Fields, Request, squeezed

LARGE_BYTES = 4 * 1024 * 1024
_PIECE = 65_536
_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{1,12})")

_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>The little shop 🛍</title>
  <link rel="stylesheet" href="https://cdn.shop.test/app.css">
  <script src="https://cdn.shop.test/app.js" defer></script>
</head>
<body>
  <header>
    <img src="https://cdn.shop.test/logo.png" alt="" width="96" height="96">
    <h1>The little shop</h1>
  </header>
  <main>
    <p>Tea, paper and lamps; 有田焼 and 한지 in stock again.</p>
    <ul id="products"></ul>
  </main>
</body>
</html>
"""

_SCRIPT = """const list = document.querySelector("#products");
async function show(page) {
  const answer = await fetch(`https://api.shop.test/v1/products?page=${page}`);
  const { items } = await answer.json();
  list.replaceChildren(...items.map(({ id, name, price }) => {
    const row = document.createElement("li");
    row.id = id;
    row.textContent = `${name}: ${(price.amount / 100).toFixed(2)} ${price.currency}`;
    return row;
  }));
}
show(1).catch((error) => { list.textContent = `The shelf is empty: ${error.message}`; });
"""

_LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" role="img">
  <title>The little shop</title>
  <rect x="8" y="24" width="48" height="32" rx="4" fill="#2a6f77"/>
  <path d="M8 24 L16 8 H48 L56 24 Z" fill="#e0a43c"/>
</svg>
"""


def page(request: Request, _: str) -> Answer:
    """Return the front page, and ahead of it what it will need."""
    early = (
        ("Link", "<https://cdn.shop.test/app.css>; rel=preload; as=style"),
        ("Link", "<https://cdn.shop.test/app.js>; rel=preload; as=script"),
    )
    plain = Answer(
        200,
        (("Content-Type", "text/html; charset=utf-8"), ("Set-Cookie", "visit=1; Path=/; Secure; HttpOnly")),
        _PAGE.encode(),
    )
    full = squeezed(plain, request)
    return Answer(200, full.fields, full.body, early=early, wait=0.05)


def file(request: Request, name: str) -> Answer:
    """Return a file, whole, in part, or not at all where the client has it already."""
    found = _files().get(name)
    if found is None:
        return Answer(
            404, (("Content-Type", "text/html; charset=utf-8"),), b"<h1>404</h1><p>No such file.</p>\n"
        )
    kind, body = found
    tag = f'"{zlib.crc32(body):08x}"'
    fields: Fields = (("Content-Type", kind), ("ETag", tag), ("Cache-Control", "public, max-age=86400"))
    if request.fields.get("if-none-match") == tag:
        return Answer(304, fields[1:])
    if kind.startswith("text/") or kind == "image/svg+xml":
        return squeezed(Answer(200, fields, body), request)
    fields = (*fields, ("Accept-Ranges", "bytes"))
    part = _RANGE.fullmatch(request.fields.get("range", ""))
    if part is not None:
        return _part(fields, body, first=int(part.group(1)), last=int(part.group(2)))
    return _in_pieces(fields, body)


def tag_of(name: str) -> str:
    """Return the entity tag of a file, as a client that has it would send it."""
    return f'"{zlib.crc32(_files()[name][1]):08x}"'


def _part(fields: Fields, body: bytes, *, first: int, last: int) -> Answer:
    last = min(last, len(body) - 1)
    if first > last:
        return Answer(416, (("Content-Range", f"bytes */{len(body)}"),))
    return Answer(
        206, (*fields, ("Content-Range", f"bytes {first}-{last}/{len(body)}")), body[first : last + 1]
    )


def _in_pieces(fields: Fields, body: bytes) -> Answer:
    if len(body) <= _PIECE:
        return Answer(200, fields, body)
    pieces = tuple(body[at : at + _PIECE] for at in range(0, len(body), _PIECE))
    return Answer(200, (*fields, ("Content-Length", str(len(body)))), pieces=pieces, gap=0.02)


@cache
def _files() -> dict[str, tuple[str, bytes]]:
    rules = (f".shelf-{n} {{ color: hsl({n * 9} 60% 40%); margin: {n % 5}px; }}" for n in range(120))
    return {
        "app.css": ("text/css; charset=utf-8", "\n".join(rules).encode()),
        "app.js": ("text/javascript; charset=utf-8", _SCRIPT.encode() * 6),
        "logo.svg": ("image/svg+xml", _LOGO.encode()),
        "logo.png": ("image/png", picture(96, 96)),
        "catalogue.bin": ("application/octet-stream", _filler(LARGE_BYTES)),
    }


def picture(width: int, height: int) -> bytes:
    """Return a PNG of a colour gradient (RFC 2083): truecolour, 8 bits, not interlaced."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # each row begins with its filter: none
        for x in range(width):
            rows += bytes((x * 255 // width, y * 255 // height, 160))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def _filler(size: int) -> bytes:
    block = bytes(n * 167 % 256 for n in range(251))
    return (block * (size // len(block) + 1))[:size]
