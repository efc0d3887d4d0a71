"""Messages as they came: exact bytes for a file, and the same as text that a clipboard may hold.

In the text, line ends are LF, and what a terminal would act upon is escaped: pasted text can be as
hostile as shown text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.decode.charset import decode_text
from soth_mitm.decode.coding import undo
from soth_mitm.decode.sniff import choose, essence
from soth_mitm.export.facts import CopyError, check_whole
from soth_mitm.text import human_size, printable, printable_text

if TYPE_CHECKING:
    from soth_mitm.export.facts import MessageFacts

COPIED_BODY = 256 * 1024
"""Most bytes of a body, its content codings undone, that are copied as text."""


def message_bytes(message: MessageFacts, body: bytes) -> bytes:
    """Return head and body as they came; the transfer coding of the body is undone."""
    return message.raw + body


def message_text(message: MessageFacts, body: bytes, what: str) -> str:
    """Return head and body as text, the body with its content codings undone.

    Raises:
        CopyError: the body is not text, too large, or not there as a whole.
    """
    return message_head(message) + (body_text(message, body, what) if message.body_bytes else "")


def message_head(message: MessageFacts) -> str:
    """Return the head as text, with the empty line that ends it."""
    return printable_text(message.raw.decode("utf-8", "backslashreplace"))


def fields_text(message: MessageFacts) -> str:
    """Return the fields line by line, in the order and case in which they came."""
    return "".join(f"{printable(name)}: {printable(value)}\n" for name, value in message.fields)


def body_text(message: MessageFacts, body: bytes, what: str) -> str:
    """Return a body as text, its content codings undone.

    Raises:
        CopyError: there is none, it is not text, too large, damaged, or not there as a whole.
    """
    if not message.body_bytes:
        raise CopyError(f"the {what} has no body")
    check_whole(message, body, what)
    if len(body) > COPIED_BODY:
        raise _too_large(len(body), what)
    decoded = undo(body, message.content_encoding, limit=COPIED_BODY)
    if decoded.truncated:
        raise _too_large(COPIED_BODY, what)
    if decoded.error:
        raise CopyError(f"the body of the {what} cannot be decoded: {printable(decoded.error)}; save it raw")
    if choose(decoded.data, message.content_type).kind == "hex":
        kind = printable(essence(message.content_type)) or "binary"
        size = human_size(len(decoded.data))
        raise CopyError(
            f"the body of the {what} is no text ({kind}, {size} bytes); save it to a file instead"
        )
    return printable_text(decode_text(decoded.data, message.content_type).text)


def _too_large(size: int, what: str) -> CopyError:
    return CopyError(
        f"the body of the {what} has more than {human_size(min(size, COPIED_BODY))} bytes; "
        "save it to a file instead"
    )
