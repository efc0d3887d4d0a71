"""Protocol Buffers as a tree: a message, field by field as they come."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.binary_tree import HELD, BinaryTree, Broken, read_all
from soth_mitm.decode.protobuf.tree import Teller
from soth_mitm.decode.protobuf.wire import LEN, Cut, Field, WireError, fields_of, head_at, reads_as_message

if TYPE_CHECKING:
    from soth_mitm.decode.protobuf.schema import Message, Schema

LONGEST_FIELD: Final = 16 * 1024 * 1024
"""A field of more bytes is shown by its beginning."""


class ProtobufView(BinaryTree):
    """A `View` of one message."""

    format = "Protocol Buffers"

    def __init__(self, schema: Schema | None = None, message: Message | None = None) -> None:
        super().__init__()
        self._message = message
        self._teller = Teller(self.outline, schema)
        self._open = False
        if message is not None:
            self.notes = (f"message {message.name}",)

    def missing(self) -> str:
        """See `BinaryTree`."""
        return f"inside group {self._teller.group}" if self._teller.group else ""

    def ended(self) -> None:
        """See `BinaryTree`."""
        if self._open:
            self.outline.close()

    def items(self, data: bytes, *, final: bool) -> Generator[None, None, int]:
        """See `BinaryTree`."""
        at = 0
        while at < len(data):
            try:
                number, kind, value, end = head_at(data, at)
                shown = value if kind != LEN else 0
                size = -1
                if kind == LEN:
                    shown = value if value <= LONGEST_FIELD else HELD
                    size = -1 if value <= LONGEST_FIELD else value
                    if end + shown > len(data):
                        raise Cut
            except Cut:
                break
            except WireError as error:
                raise Broken(error.at, error.why) from None
            if not self._open:
                self.outline.open("{", "}")
                self._open = True
            field = Field(number, kind, value, data[end : end + shown] if kind == LEN else b"")
            try:
                yield from self._teller.tell(field, self._message, size)
            except WireError as error:
                raise Broken(at, error.why) from None
            at = end + (shown if kind == LEN else 0)
            if size >= 0:
                self.skip = size - shown
                break
        return at


def protobuf_reason(data: bytes, *, whole: bool) -> str:
    """Say why bytes without a type look like a message; empty where they do not.

    All of them must be known, and be nothing but fields with low numbers, of which one is not a number.
    """
    if not whole or len(data) < 4 or not read_all(reads_as_message(data)):
        return ""
    fields = list(fields_of(data))
    telling = any(field.kind == LEN and field.value > 1 for field in fields)
    return "bytes read as fields" if telling and all(field.number < 1000 for field in fields) else ""
