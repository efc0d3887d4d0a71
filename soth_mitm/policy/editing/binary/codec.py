"""A body of a binary format as a text, and that text as a body: chosen by type and looks, then proved."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Final

import msgspec

from soth_mitm.decode.binary_tree import read_all
from soth_mitm.decode.catalogue import by_type
from soth_mitm.decode.protobuf.schema import Message, Schema
from soth_mitm.decode.protobuf.wire import reads_as_message
from soth_mitm.decode.registry import choose
from soth_mitm.decode.sniff import LOOK, looks_like_text
from soth_mitm.policy.editing.binary.frames import Call, read_frames, write_frames
from soth_mitm.policy.editing.binary.lexing import Misread, Unwritable
from soth_mitm.policy.editing.binary.msgpack_reading import read_msgpack
from soth_mitm.policy.editing.binary.msgpack_text import write_msgpack
from soth_mitm.policy.editing.binary.proto_reading import read_message
from soth_mitm.policy.editing.binary.proto_text import write_message
from soth_mitm.proto.grpc import Base64, ToBase64
from soth_mitm.proto.splitting import SplitError

if TYPE_CHECKING:
    from soth_mitm.decode.about import About

FORMATS: Final = {"msgpack": "MessagePack", "protobuf": "Protocol Buffers", "grpc": "gRPC"}
"""Those that are edited as a text, and what a person calls them."""

_WEB_TEXT: Final = b"application/grpc-web-text"


class Codec(msgspec.Struct, frozen=True):
    """What makes bytes of a text again."""

    kind: str
    call: Call = Call()
    """Of Protocol Buffers too: the message, and what is declared of it."""
    came: tuple[bytes, bytes] | None = None
    """Of messages in base64, that text and what it holds."""

    def reading(self, text: str) -> Generator[None, None, bytes]:
        """Return, after pauses, the bytes that a text means.

        Raises:
            Misread: it means none.
        """
        if self.kind == "msgpack":
            return read_msgpack(text)
        if self.kind == "protobuf":
            return read_message(text, self.call.message, self.call.schema)
        return self._frames(text)

    def _frames(self, text: str) -> Generator[None, None, bytes]:
        data = yield from read_frames(text, self.call)
        if self.came is None:
            return data
        return self.came[0] if data == self.came[1] else ToBase64().feed(data)


class Texted(msgspec.Struct, frozen=True):
    """A body as a text, and what makes bytes of it again."""

    text: str
    codec: Codec
    why: str = ""
    """Why there is no text; empty where there is one."""

    @property
    def known(self) -> str:
        """The type of the message, where a schema says it."""
        message = self.codec.call.message
        return message.name if message is not None else ""


def format_of(data: bytes, about: About) -> str:
    """Return which of `FORMATS` a body has, by its type and its beginning; empty where it has none."""
    named = by_type(about.media_type)
    chosen = choose(data[:LOOK], about, whole=len(data) <= LOOK).decoder if data else named
    if chosen is None or chosen.name not in FORMATS:
        return ""
    if data and looks_like_text(data) and not (chosen.name == "protobuf" and _is_message(data)):
        return ""  # an error in words, or JSON, whatever its type says
    return chosen.name


def _is_message(data: bytes) -> bool:
    return len(data) <= LOOK and read_all(reads_as_message(data))


def texted(data: bytes, about: About, *, kind: str, schema: Schema | None = None) -> Texted:
    """Return a body of a format as a text. Never raises; takes some 10 ms for 8 KiB.

    What cannot be made a text that gives the same bytes again is left to whoever edits bytes.
    """
    codec = Codec(kind)
    try:
        message = _message_of(about, schema)
        call = Call(about.message_encoding, message, schema and _part_of(schema, message), {})
        frames = data
        if kind == "grpc" and about.media_type.startswith(_WEB_TEXT):
            frames = b"".join(Base64().feed(data))
            codec = Codec(kind, call, (data, frames))
        else:
            codec = Codec(kind, call)
        text = read_all(_writing(frames, codec))
        if read_all(codec.reading(text)) == data:
            return Texted(text, codec)
        why = "it is written in a way that a text would lose"
    except (Unwritable, SplitError, RecursionError) as error:
        why = str(error)
    except Misread as error:
        why = f"it is written in a way that a text would lose ({error.reason})"
    return Texted("", codec, why)


def _writing(data: bytes, codec: Codec) -> Generator[None, None, str]:
    if codec.kind == "msgpack":
        return write_msgpack(data)
    if codec.kind == "protobuf":
        return write_message(data, codec.call.message, codec.call.schema)
    return write_frames(data, codec.call)


def _message_of(about: About, schema: Schema | None) -> Message | None:
    if schema is None:
        return None
    return schema.of_parameters(about.content_type) or schema.of_path(about.path, response=about.response)


def _part_of(schema: Schema, message: Message | None) -> Schema | None:
    """Return what is declared of a message and of all within it, so that little is carried around."""
    if message is None:
        return None
    part = Schema()
    left = [message.name]
    while left:
        name = left.pop()
        inner = schema.messages.get(name)
        if inner is None or name in part.messages:
            continue
        part.messages[name] = inner
        for field in inner.fields.values():
            left.append(field.type_name)
            if field.type_name in schema.enums:
                part.enums[field.type_name] = schema.enums[field.type_name]
    return part
