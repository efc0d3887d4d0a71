"""Names for files that are saved from flows: what the peer called it, with nothing in it that acts.

A name comes from the network, so it is cut down to letters, digits, dots, dashes and underscores: it
leads into no other directory, is no hidden file, no option of a command and no device of Windows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from soth_mitm.decode.sniff import essence

if TYPE_CHECKING:
    from soth_mitm.export.facts import FlowFacts, MessageFacts

NAME_LIMIT = 80
"""Most characters of a suggested name."""

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_SUFFIXES = {
    b"application/json": ".json",
    b"application/javascript": ".js",
    b"application/pdf": ".pdf",
    b"application/xml": ".xml",
    b"application/zip": ".zip",
    b"application/wasm": ".wasm",
    b"image/gif": ".gif",
    b"image/jpeg": ".jpg",
    b"image/png": ".png",
    b"image/svg+xml": ".svg",
    b"image/webp": ".webp",
    b"text/css": ".css",
    b"text/csv": ".csv",
    b"text/html": ".html",
    b"text/javascript": ".js",
    b"text/plain": ".txt",
    b"text/xml": ".xml",
}
_CODINGS = {b"gzip": ".gz", b"x-gzip": ".gz", b"br": ".br", b"zstd": ".zst"}


def body_name(flow: FlowFacts, message: MessageFacts, *, decoded: bool) -> str:
    """Return a name for the file of a body: the last part of the path, with an extension of its type."""
    path = flow.request.path if flow.request is not None else b""
    last = unquote_to_bytes(path.partition(b"?")[0].rstrip(b"/").rpartition(b"/")[2])
    host = flow.opened.host if flow.opened is not None else ""
    given = plain(last.decode("utf-8", "replace"))
    name = given or plain(host) or f"flow-{flow.flow}"
    if not _SUFFIX.search(given):
        kind = essence(message.content_type)
        name += _SUFFIXES.get(kind, ".json" if kind.endswith(b"+json") else ".bin")
    return name if decoded else name + _CODINGS.get(message.content_encoding.strip().lower(), "")


def plain(text: str) -> str:
    """Return what of a text may stand in the name of a file; empty where nothing may."""
    name = _UNFIT.sub("_", text).strip("._-")[:NAME_LIMIT].rstrip("._-")
    return f"_{name}" if _DEVICES.match(name) else name
